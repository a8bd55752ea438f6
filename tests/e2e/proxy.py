"""A loopback proxy that is a bad line: it cuts, delays, refuses, garbles bytes, and loses, doubles or swaps
single WebSocket messages on their way to the client.

It knows TCP and just enough of RFC 6455 to find the messages a server sends; what the client says passes
as it is.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

Edit = Callable[[bytes], list[bytes]]
"""One text message in, the messages that go on in its place."""
Garble = Callable[[bytes], bytes]
"""Bytes of any kind on their way to the client, as they come off the line."""

_CHUNK = 1 << 14
_BUFFER = 1 << 15  # small: what is in flight while a book is out of step should be little
_TEXT = 0x81  # final text frame
_ANSWER_END = b"\r\n\r\n"


class Proxy:
    """`async with line_to(port) as line`. Everything may be changed while connections are open."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.delay_s = 0.0
        self.edit: Edit | None = None
        self.garble: Garble | None = None
        self.accepted = 0
        self._open = asyncio.Event()  # cleared: new connections are closed at once
        self._open.set()
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self._pairs)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_BUFFER)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection without a word."""
        for pair in tuple(self._pairs):
            for writer in pair:
                writer.transport.abort()

    def down(self) -> None:
        """Cut, and let nobody through until `up`."""
        self._open.clear()
        self.cut()

    def up(self) -> None:
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not self._open.is_set():
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.upstream_port, limit=_BUFFER)
        except OSError:
            writer.transport.abort()
            return
        _shrink(writer)
        _shrink(back)
        pair = (writer, back)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, back))
                group.create_task(self._to_client(there, writer))
        except* OSError:
            pass  # one side has gone: so does the other
        finally:
            self._pairs.discard(pair)
            for one in pair:
                one.transport.abort()

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(_ANSWER_END)
            await self._send(writer, head)
            if not head.startswith(b"HTTP/1.1 101"):
                while chunk := await reader.read(_CHUNK):
                    await self._send(writer, chunk)
                raise ConnectionResetError
            while True:
                first, payload, raw = await _frame(reader)
                if self.edit is None or first != _TEXT:
                    await self._send(writer, raw)
                    continue
                for message in self.edit(payload):
                    await self._send(writer, _framed(message))
        except asyncio.IncompleteReadError as left:
            await self._send(writer, left.partial)
            raise ConnectionResetError from None

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        writer.write(self.garble(data) if self.garble is not None else data)
        await writer.drain()


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Proxy]:
    """A proxy in front of `port` on loopback, for as long as the block lasts."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """The next frame of a server (never masked): its first byte, its payload, and the whole of it."""
    head = await reader.readexactly(2)
    extended = {126: 2, 127: 8}.get(head[1], 0)
    more = await reader.readexactly(extended)
    payload = await reader.readexactly(int.from_bytes(more, "big") if extended else head[1])
    return head[0], payload, head + more + payload


def _framed(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload


def _shrink(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    writer.transport.set_write_buffer_limits(_BUFFER)
