"""Servers that break the protocol or the connection."""

import asyncio
import socket as sockets
import struct

import pytest

from .fakes import Watch, live, make_socket, quick_backoff, running
from .peers import raw_websocket


def frame(payload: bytes, *, declared: int | None = None, opcode: int = 1) -> bytes:
    length = len(payload) if declared is None else declared
    return bytes([0x80 | opcode, length]) + payload


MISDEEDS = {
    "close mid-frame": frame(b"half", declared=100),
    "garbage": b"\xff\xff\xff\xffnot a frame at all",
    "a masked frame from the server": b"\x81\x81\x00\x00\x00\x00x",
    "a reserved opcode": frame(b"x", opcode=5),
    "a continuation of nothing": frame(b"x", opcode=0),
    "a control frame too long": bytes([0x89, 126]) + struct.pack("!H", 200) + b"x" * 200,
    "a message larger than any": bytes([0x82, 127]) + struct.pack("!Q", 1 << 40),
    "close without a reason": frame(b"", opcode=8),
    "close with a forbidden code": frame(struct.pack("!H", 1005), opcode=8),
    "an abrupt end": b"",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
async def test_every_misdeed_of_a_server_reconnects_and_delivers_what_was_whole(misdeed):
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(frame(b"whole %d" % number))
        if number == 1:
            writer.write(MISDEEDS[misdeed])
            await writer.drain()
            return
        await reader.read()

    watch = Watch()
    server, url = await raw_websocket(misbehave)
    async with running(make_socket(watch, url, backoff=quick_backoff(), close_timeout_s=0.05)):
        await watch.until(lambda: [raw for raw, _ in watch.messages] == [b"whole 1", b"whole 2"])
        assert len(watch.downs) <= 1  # at most: it may have ended before it was live
        assert watch.closes[0][0] == 1
    server.close()


async def test_a_reset_connection_reconnects():
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:
            sock: sockets.socket = writer.get_extra_info("socket")
            sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
            return
        await reader.read()

    watch = Watch()
    server, url = await raw_websocket(reset)
    socket = make_socket(watch, url, backoff=quick_backoff(), close_timeout_s=0.05)
    async with running(socket):
        await live(socket, 2)
    server.close()
