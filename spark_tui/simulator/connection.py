"""One WebSocket connection of the venue: a bounded outbox, pings, and the end of slow or silent peers."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

PING_EVERY_S = 20.0
PONG_WITHIN_S = 60.0
LIFETIME_S = 24 * 3_600.0
_OUTBOX_FRAMES = 8_192
_DATA = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
_EASY_FRAMES = 256  # a replay as fast as its readers waits until this few are queued


class Connection:
    """Frames go through `deliver`, in order, never blocking; a peer that lets the outbox fill up is cut.

    `clock` gives monotonic seconds.
    """

    def __init__(self, request: web.BaseRequest, clock: Callable[[], float], purpose: str = "stream") -> None:
        self.combined = False
        self.purpose = purpose
        self.ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        self.request = request
        self._clock = clock
        self._outbox: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._eased = asyncio.Event()
        self._mute = self._breaking = False
        self.opened_s = self.ponged_s = self.pinged_s = clock()

    async def open(self) -> None:
        await self.ws.prepare(self.request)

    def deliver(self, frame: bytes) -> None:
        if self._mute:
            return
        if self._breaking:
            self._end_within(frame)
            return
        self._outbox.append(frame)
        if len(self._outbox) > _OUTBOX_FRAMES:
            self.cut()
        self._wake.set()

    async def answer(self, frame: bytes) -> None:
        """Send a reply at once when nothing is queued before it."""
        if self._outbox or self._mute or self._breaking:
            self.deliver(frame)
        else:
            await self.ws.send_frame(frame, WSMsgType.TEXT)

    async def pump(self) -> None:
        """Send what is queued until the connection ends."""
        try:
            while not self.ws.closed:
                await self._wake.wait()
                self._wake.clear()
                while self._outbox:
                    await self.ws.send_frame(self._outbox.popleft(), WSMsgType.TEXT)
                self._eased.set()
        except (ConnectionError, RuntimeError):
            return  # the peer has gone; the reader ends the connection
        finally:
            self._outbox.clear()
            self._eased.set()

    async def eased(self) -> None:
        """Wait until the peer has read most of what is queued."""
        while len(self._outbox) > _EASY_FRAMES and not self.ws.closed:
            self._eased.clear()
            await self._eased.wait()

    def cut(self) -> None:
        """End the connection without a word, as a lost line would."""
        self._outbox.clear()
        self._eased.set()
        if self.request.transport is not None:
            self.request.transport.abort()

    def mute(self) -> None:
        """Say nothing and hear nothing any more, as behind a router that forgot the connection."""
        self._mute = True
        self._outbox.clear()
        self._eased.set()

    def break_frame(self) -> None:
        """End in the middle of the next frame."""
        self._breaking = True

    def _end_within(self, frame: bytes) -> None:
        """Half a frame that says how long it would have been, then the end of the stream."""
        transport = self.request.transport
        if transport is not None:
            head = b"\x81\x7f" + len(frame).to_bytes(8, "big")  # final text frame, 64-bit length (RFC 6455)
            transport.write(head + frame[: len(frame) // 2])
            transport.close()
        self.mute()

    async def close(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        await self.ws.close(code=code)

    async def tend(self) -> None:
        """Called every second or so: ping when due, cut a peer that no longer answers, end a day-old
        connection."""
        if self._mute:
            return
        now = self._clock()
        if now - self.opened_s > LIFETIME_S:
            await self.close()
            return
        if now - self.pinged_s < PING_EVERY_S:
            return
        if now - self.ponged_s > PONG_WITHIN_S:
            self.cut()
            return
        self.pinged_s = now
        try:
            await self.ws.ping(str(int(now * 1_000)).encode())
        except ConnectionError:
            self.cut()

    async def read(self) -> bytes | None:
        """The next text frame; None when the connection has ended. Pings are answered on the way; each
        control frame is returned as an empty one so that a caller can count it."""
        message = await self.ws.receive()
        while self._mute and message.type in _DATA:
            message = await self.ws.receive()
        if message.type is WSMsgType.TEXT:
            return str(message.data).encode()
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is WSMsgType.PING:
            await self.ws.pong(message.data)
            return b""
        if message.type is WSMsgType.PONG:
            self.ponged_s = self._clock()
            return b""
        return None
