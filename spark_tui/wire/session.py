"""One connection's life: reader, heartbeat, budgeted sends; ends at the first thing that goes wrong."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from spark_tui.wire.clock import NS_PER_MS, Clock, Expired, being_cancelled, drop, first_of, within
from spark_tui.wire.limiter import MessageLimiter
from spark_tui.wire.transport import Handler, Transport

MISSED_PONGS_ALLOWED = (
    3  # while messages still arrive; the peer may be slow, but sends must get through some day
)


class SocketDown(Exception):
    """No connection to send on. `sent` is False only when certainly no byte of the message left."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.text = text
        self.sent = sent


class Session:
    """One connection, from its handshake to its end; a reconnect or rotation makes a new one.

    `number` grows by one per connection of the socket. `on_message` may be replaced (in `on_open`) by a
    handler of this session's own. `opened_ns` is monotonic; `last_receipt_ns` is wall time, 0 before the
    first message. `ended` holds the reason once the connection is over.
    """

    def __init__(
        self,
        number: int,
        transport: Transport,
        *,
        on_message: Handler,
        clock: Clock,
        messages_per_second: int | None,
        heartbeat_s: float,
        pong_timeout_s: float,
        close_timeout_s: float,
        silence_s: float | None,
    ) -> None:
        self.number = number
        self.on_message = on_message
        self.messages = 0
        self.last_receipt_ns = 0
        self.opened_ns = clock.mono_ns()
        self.ping_ms: float | None = None
        self.close_error = ""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._clock = clock
        self._limiter = (
            None
            if messages_per_second is None
            else MessageLimiter(clock=clock, per_second=messages_per_second)
        )
        self._heartbeat_s = heartbeat_s
        self._pong_timeout_s = pong_timeout_s
        self._close_timeout_s = close_timeout_s
        self._silence_s = silence_s

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    async def send(self, data: str | bytes) -> None:
        """Send one message when the budget allows; returns when it was handed to the operating system.

        Raises SocketDown: with `sent=False` when the connection ended before, `sent=True` when sending failed
        (the peer may have it); TooManyWaiting when the line for the budget is full. What waits here when the
        connection ends is refused, never sent on the next.
        """
        if self._limiter is not None:
            await self._until_end(self._limiter.acquire())
        if self.ended.done():
            raise SocketDown(f"Not connected ({self.ended.result()}).", sent=False)
        try:
            await self._transport.send(data)
        except (Exception, asyncio.CancelledError) as error:  # any failure to send is the connection's end
            if being_cancelled():
                raise
            self.end(f"send failed: {describe(error)}")
            raise SocketDown(f"The connection broke while sending ({describe(error)}).", sent=True) from error
        if self.ended.done():  # the library lets a send that waited for room return in peace when dropped
            raise SocketDown(f"The connection ended while sending ({self.ended.result()}).", sent=True)

    def end(self, reason: str) -> None:
        """End this connection, deliver nothing more; the first reason given stays."""
        if not self.ended.done():
            self.on_message = _ignore  # what still arrives during the closing handshake has a newer reader
            self.ended.set_result(reason)

    def abort(self) -> None:
        """Drop the connection at once, without a closing handshake."""
        self.end("dropped by us")
        try:
            self._transport.abort()
        except (Exception, asyncio.CancelledError) as error:  # a connection's end must not fail; why is known
            self.close_error = describe(error)

    async def run(self) -> None:
        """Read and ping until the end, then close. The supervisor's task for this session."""
        reader = asyncio.create_task(self._transport.deliver(self._received, self._clock.wall_ns))
        beat = asyncio.create_task(self._beat())
        try:
            await first_of(reader, beat, self.ended)
            for name, task in (("receiving", reader), ("heartbeat", beat)):
                if task.done():
                    self.end(_outcome(name, task))
        finally:
            self.end("stopped by us")
            beat.cancel()
            try:
                await self._close()
            finally:
                reader.cancel()
                await asyncio.gather(reader, beat, return_exceptions=True)

    def _received(self, raw: bytes, receipt_ns: int) -> None:
        self.messages += 1
        self.last_receipt_ns = receipt_ns
        self.on_message(raw, receipt_ns)

    async def _beat(self) -> str:
        """Ping every interval. A peer that is silent from any moment on is found within interval + timeout:
        either its pong or any later message proves it alive, nothing else does."""
        missed, heard, silent_s = 0, self.messages, 0.0
        while True:
            await self._clock.sleep(self._heartbeat_s)
            silent_s = silent_s + self._heartbeat_s if self.messages == heard else 0.0
            if self._silence_s is not None and silent_s >= self._silence_s:
                return f"no message for {silent_s:g} s"
            heard = self.messages
            asked_ns = self._clock.mono_ns()
            try:
                await within(self._clock, self._pong_timeout_s, self._ping())
                missed = 0
                self.ping_ms = (self._clock.mono_ns() - asked_ns) / NS_PER_MS
            except Expired:
                missed += 1
                if self.messages == heard or missed > MISSED_PONGS_ALLOWED:
                    return f"no pong within {self._pong_timeout_s:g} s"

    async def _ping(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire(priority=True)
        await (await self._transport.ping())

    async def _until_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, but no longer than this connection lives."""
        task = asyncio.ensure_future(work)
        try:
            await first_of(task, self.ended)
            if task.done():
                task.result()
        finally:
            drop(task)

    async def _close(self) -> None:
        """Say goodbye within the close timeout, then drop the connection whatever came of it."""
        try:
            await within(self._clock, self._close_timeout_s, self._transport.close(1000, ""))
        except (Exception, asyncio.CancelledError) as error:  # as in abort
            if being_cancelled():
                raise
            self.close_error = describe(error)
        finally:
            self.abort()


def _ignore(_raw: bytes, _receipt_ns: int) -> None:
    """Handler of a connection that is over."""


def describe(error: BaseException) -> str:
    """One line for a log or the Health screen: the error's type and text."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _outcome(name: str, task: "asyncio.Task[str]") -> str:
    if task.cancelled():
        return f"{name} was cancelled"
    error = task.exception()
    return task.result() if error is None else f"{name} failed: {describe(error)}"
