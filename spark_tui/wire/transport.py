"""The seam under a supervised socket: one WebSocket connection, delivered by callback.

`websockets` is the one implementation; a callback library fits the same four verbs without a queue between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# (raw message, receipt time in ns since the epoch)
Handler = Callable[[bytes, int], None]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # a full instrument list as one WebSocket API reply is past 10 MB
FRAMES_PER_TURN = 64  # a burst may hold the event loop for this many frames, then others (orders, pings) run


class HandshakeRefused(Exception):
    """The server answered the upgrade with an HTTP status instead."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"the server refused the connection with HTTP {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class Transport(Protocol):
    """One open connection. Every method may raise anything; the supervisor takes any exception as its end."""

    async def deliver(self, handler: Handler, now_ns: Callable[[], int]) -> str:
        """Call `handler` with each message until the peer closes; returns why it closed. Receipt time is
        taken first thing. What the handler raises comes out of here."""

    async def send(self, data: str | bytes) -> None:
        """Send a text (str) or binary (bytes) message; returns when it was handed to the operating system."""

    async def ping(self) -> Awaitable[object]:
        """Send a ping; the awaitable returned is done when its pong arrives."""

    async def close(self, code: int, reason: str) -> None:
        """Closing handshake."""

    def abort(self) -> None:
        """Drop the TCP connection now; a send, ping or close under way then raises."""


Connect = Callable[[str], Awaitable[Transport]]


class WebsocketsTransport:
    """A connection of the `websockets` library. It stops reading while we are slow (TCP back-pressure), drops
    nothing, and its buffer is bounded."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def deliver(self, handler: Handler, now_ns: Callable[[], int]) -> str:
        receive = self._connection.recv
        try:
            while True:
                for _ in range(FRAMES_PER_TURN):
                    raw = await receive(False)
                    handler(raw, now_ns())
                await asyncio.sleep(0)
        except ConnectionClosed as closed:
            return str(closed)

    async def send(self, data: str | bytes) -> None:
        await self._connection.send(data)

    async def ping(self) -> Awaitable[object]:
        return await self._connection.ping()

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)

    def abort(self) -> None:
        self._connection.transport.abort()


async def open_websocket(url: str) -> Transport:
    """Connect with `websockets`: no compression, no proxy from the environment, no pings of its own (ours are
    budgeted and timed by our clock). Raises HandshakeRefused, OSError and the library's own errors."""
    try:
        connection = await connect(
            url,
            compression=None,
            proxy=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=None,
            ping_interval=None,
            close_timeout=None,
        )
    except InvalidStatus as refused:
        after = refused.response.headers.get("Retry-After", "")
        seconds = float(after[:9]) if after.isascii() and after.isdigit() else None
        raise HandshakeRefused(refused.response.status_code, seconds) from refused
    return WebsocketsTransport(connection)
