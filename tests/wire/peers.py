"""Servers on loopback for the wire tests: a raw HTTP one that shows exact bytes, and WebSocket ones."""

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve


class RawHttp:
    """An HTTP/1.1 server of raw bytes; `answer` makes the reply, None closes without one."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.arrived = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                request = head + (await reader.readexactly(int(length[1]) if length else 0))
                self.requests.append(request)
                self.arrived.set()
                reply = self.answer(request)
                if reply is None:
                    return
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def raw_http(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[RawHttp]:
    peer = RawHttp(answer)
    server = await asyncio.start_server(peer._serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """An HTTP reply; header names with _ for -."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Peer:
    """A WebSocket server that keeps what it received, connection by connection."""

    def __init__(self) -> None:
        self.port = 0
        self.connections: list[ServerConnection] = []
        self.received: list[tuple[int, str]] = []  # (connection number from 1, message)
        self.changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        number = len(self.connections)
        await self._notify()
        try:
            async for message in connection:
                self.received.append((number, str(message)))
                await self._notify()
        except Exception:  # tests cut connections in every way
            return

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; looked at after each connection and message."""
        async with self.changed:
            await self.changed.wait_for(condition)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@contextlib.asynccontextmanager
async def websocket_peer(
    handler: Callable[[ServerConnection], Awaitable[None]] | None = None,
) -> AsyncIterator[Peer]:
    """Serve WebSockets with `handler`, by default recording what arrives."""
    peer = Peer()

    async def serve_one(connection: ServerConnection) -> None:
        if handler is None:
            await peer.serve(connection)
            return
        peer.connections.append(connection)
        await handler(connection)

    options = {"compression": None, "ping_interval": None, "close_timeout": 0.1}
    async with serve(serve_one, "127.0.0.1", 0, **options) as server:
        peer.port = next(iter(server.sockets)).getsockname()[1]
        yield peer


async def raw_websocket(handler) -> tuple[asyncio.AbstractServer, str]:
    """A server that answers the handshake and leaves the rest to `handler(reader, writer, number)`."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        number = count
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(
            hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        ).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        try:
            await handler(reader, writer, number)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
