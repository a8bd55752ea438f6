"""A WebSocket that is always there: connects, proves itself alive, reconnects, rotates, never gives up."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_S, Clock, being_cancelled, drop, first_of, within
from spark_tui.wire.limiter import BudgetError, ConnectionBudget, WeightLimiter
from spark_tui.wire.session import Session, SocketDown, describe
from spark_tui.wire.transport import Connect, Handler, HandshakeRefused, Transport, open_websocket

__all__ = ["Session", "SocketDown", "SocketHealth", "SupervisedSocket"]


class SocketHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Condition of one socket. `age_s`: since the last message, None before one; `up_s`: since it opened."""

    name: str
    state: str  # connecting | live | down (backing off)
    age_s: float | None
    up_s: float | None
    messages: int  # since the start, all connections
    attempts: int
    reconnects: int  # connections made because one was lost
    rotations: int
    ping_ms: float | None
    detail: str  # why it last went down or could not connect; empty while all is well


class SupervisedSocket:
    """One logical WebSocket over many connections. `run()` it in one task; nothing else may own it.

    - `url()` is asked before each attempt.
    - `on_open(session)` runs after each handshake, while messages already flow to `on_message`; it sends what
      makes the connection useful (subscriptions derived from what is wanted *now*). The socket is live, and
      `session` set, when it returns. Nothing is ever replayed from an earlier connection.
    - `on_message(raw, receipt_ns)` is called for every message, receipt in wall ns. During a rotation both
      connections deliver: drop repeats by id, or give each its own handler (`session.on_message = ...` in
      `on_open`); `overlapping` says when.
    - `on_down(reason)`: there was a live connection and now there is none. `on_close(session, reason)`: this
      connection ended (also one retired by rotation); requests still unanswered on it never will be.
    - Any exception, from any callback, library call or task, ends the connection and a new one is made: after
      a fast first retry then 1, 2, 4, 8, 16 s with jitter, then 16 s for ever. `on_message`
      must not block.
    """

    def __init__(
        self,
        name: str,
        url: Callable[[], str],
        *,
        clock: Clock,
        rng: random.Random,
        budget: ConnectionBudget,
        on_message: Handler,
        on_open: Callable[[Session], Awaitable[None]] | None = None,
        on_down: Callable[[str], None] | None = None,
        on_close: Callable[[Session, str], None] | None = None,
        backoff: Backoff | None = None,
        limiter: WeightLimiter | None = None,
        connect_weight: int = 0,
        messages_per_second: int | None = 5,
        connect_timeout_s: float = 30.0,
        open_timeout_s: float = 30.0,
        heartbeat_s: float = 10.0,
        pong_timeout_s: float = 5.0,
        close_timeout_s: float = 5.0,
        silence_s: float | None = None,
        stable_after_s: float = 30.0,
        rotate_after_s: float = 23 * 3600.0,
        overlap_s: float = 2.0,
        connect: Connect = open_websocket,
    ) -> None:
        """`limiter` and `connect_weight`: the address's weight budget, charged per attempt and paused when a
        handshake is answered 429 or 418. `messages_per_second`: outgoing, pings counted; None for no limit.
        `silence_s`: reconnect when no message at all came for that long. `overlap_s`: how long the old
        connection goes on after its replacement is live; make it longer than the slowest reply."""
        self.name = name
        self._url = url
        self._clock = clock
        self._rng = rng
        self._budget = budget
        self._make_session = partial(
            Session,
            on_message=on_message,
            clock=clock,
            messages_per_second=messages_per_second,
            heartbeat_s=heartbeat_s,
            pong_timeout_s=pong_timeout_s,
            close_timeout_s=close_timeout_s,
            silence_s=silence_s,
        )
        self._on_open = on_open
        self._on_down = on_down
        self._on_close = on_close
        self._backoff = backoff or Backoff(rng)
        self._limiter = limiter
        self._connect_weight = connect_weight
        self._connect_timeout_s = connect_timeout_s
        self._open_timeout_s = open_timeout_s
        self._stable_after_s = stable_after_s
        self._rotate_after_s = rotate_after_s
        self._overlap_s = overlap_s
        self._connect = connect
        self._current: Session | None = None
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._rotation = asyncio.Event()
        self._tried = False
        self._attempts = 0
        self._opened = 0
        self._rotations = 0
        self._past_messages = 0
        self._past_receipt_ns = 0
        self._state = "down"
        self._detail = ""
        self._wait_at_least_s = 0.0

    async def run(self) -> None:
        """Keep the socket alive until cancelled; then close every connection."""
        previous: Session | None = None
        try:
            while True:
                session = await self._establish()
                if previous is not None and previous.alive:
                    self._retire(previous)
                await self._until_replacement(session)
                previous = session if session.alive else None
        finally:
            self._current = None
            self._state = "down"
            await self._stop()

    async def send(self, data: str | bytes) -> None:
        """Send on the live connection; SocketDown(sent=False) when there is none. See `Session.send`."""
        if self._current is None:
            raise SocketDown(f"{self.name} is not connected ({self._detail or 'connecting'}).", sent=False)
        await self._current.send(data)

    def reconnect(self, reason: str) -> None:
        """End the live connection and make a new one."""
        if self._current is not None:
            self._current.end(reason)

    def rotate(self) -> None:
        """Replace the live connection without a gap: the new one is live before the old one closes."""
        if self._current is not None:
            self._rotation.set()

    @property
    def session(self) -> Session | None:
        """The live connection; None while there is none."""
        return self._current

    @property
    def overlapping(self) -> bool:
        """Two connections deliver messages now."""
        return sum(session.alive for session in self._sessions) > 1

    def health(self) -> SocketHealth:
        """How the socket is now; cheap enough for every frame of a screen."""
        now, current = self._clock.mono_ns(), self._current
        last_ns = max((s.last_receipt_ns for s in self._sessions), default=0) or self._past_receipt_ns
        return SocketHealth(
            name=self.name,
            state="live" if current is not None else self._state,
            age_s=max(0, self._clock.wall_ns() - last_ns) / NS_PER_S if last_ns else None,
            up_s=None if current is None else (now - current.opened_ns) / NS_PER_S,
            messages=self._past_messages + sum(s.messages for s in self._sessions),
            attempts=self._attempts,
            reconnects=max(0, self._opened - 1 - self._rotations),
            rotations=self._rotations,
            ping_ms=None if current is None else current.ping_ms,
            detail="" if current is not None and not self._rotation.is_set() else self._detail,
        )

    async def _establish(self) -> Session:
        """Attempt until a connection is live."""
        while True:
            if self._tried:
                await self._clock.sleep(max(self._backoff.next(), self._wait_at_least_s))
            self._tried = True
            self._wait_at_least_s = 0.0
            if self._current is None:
                self._state = "connecting"
            try:
                return await self._attempt()
            except asyncio.CancelledError:
                if being_cancelled():
                    raise
                self._detail = "the attempt was cancelled from inside"
            except HandshakeRefused as refused:
                self._detail = describe(refused)
                self._obey(refused)
            except BudgetError as refused:
                self._detail = refused.text
                self._wait_at_least_s = refused.retry_after_s or 0.0
            except Exception as error:  # whatever it was, the answer is the same: try again later
                self._detail = describe(error)
            if self._current is None:
                self._state = "down"

    async def _attempt(self) -> Session:
        if self._limiter is not None:
            await self._limiter.acquire(self._connect_weight, priority=True)  # orders and cancels use it
        await self._budget.acquire()
        self._attempts += 1
        session = self._make_session(self._attempts, await self._handshake())
        task = asyncio.create_task(session.run(), name=f"{self.name} #{session.number}")
        self._sessions[session] = task
        session.ended.add_done_callback(lambda ended: self._session_ended(session, ended.result()))
        task.add_done_callback(lambda _: self._session_gone(session))
        try:
            await self._open(session)
        except BaseException as error:
            session.end(f"could not be opened: {describe(error)}")
            raise
        self._opened += 1
        self._current = session
        self._rotation.clear()
        return session

    async def _handshake(self) -> Transport:
        connecting = asyncio.ensure_future(self._connect(self._url()))
        try:
            return await within(self._clock, self._connect_timeout_s, connecting)
        except BaseException:
            connecting.add_done_callback(_abandon)
            raise

    async def _open(self, session: Session) -> None:
        """Run on_open; the connection's own end fails it."""
        if self._on_open is None:
            return
        opening = asyncio.ensure_future(_await(self._on_open(session)))
        try:
            await within(
                self._clock,
                self._open_timeout_s,
                first_of(opening, session.ended),
            )
            if opening.done():
                opening.result()
            if not session.alive:
                raise SocketDown(session.ended.result(), sent=False)
        finally:
            drop(opening)

    async def _until_replacement(self, session: Session) -> None:
        """Return when the session ended, is old, or `rotate` was called."""
        # Jitter, so that sockets opened together do not rotate together.
        age = asyncio.ensure_future(self._clock.sleep(self._rotate_after_s * self._rng.uniform(0.97, 1.0)))
        asked = asyncio.ensure_future(self._rotation.wait())
        try:
            await first_of(session.ended, age, asked)
        finally:
            age.cancel()
            asked.cancel()
        if self._clock.mono_ns() - session.opened_ns >= self._stable_after_s * NS_PER_S:
            self._backoff.reset()

    def _retire(self, session: Session) -> None:
        self._rotations += 1
        self._keep(self._end_after_overlap(session))

    async def _end_after_overlap(self, session: Session) -> None:
        await self._clock.sleep(self._overlap_s)
        session.end("replaced by a newer connection")

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _session_ended(self, session: Session, reason: str) -> None:
        if self._on_close is not None:
            self._guarded(self._on_close, session, reason)
        if self._current is session:
            self._current = None
            self._state = "down"
            self._detail = reason
            if self._on_down is not None:
                self._guarded(self._on_down, reason)

    def _session_gone(self, session: Session) -> None:
        session.abort()  # a task killed before its first step closed nothing
        self._past_messages += session.messages
        self._past_receipt_ns = max(self._past_receipt_ns, session.last_receipt_ns)
        del self._sessions[session]

    def _guarded(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception as error:  # a listener's fault must not stop the supervisor
            self._detail = f"a listener failed: {describe(error)}"

    def _obey(self, refused: HandshakeRefused) -> None:
        """A 429 or 418 on the handshake holds back this socket, and all who share its weight budget."""
        if refused.status not in (429, 418):
            return
        wait_s = refused.retry_after_s or (120.0 if refused.status == 418 else 60.0)
        self._wait_at_least_s = wait_s
        if self._limiter is not None:
            self._limiter.pause(wait_s, f"connection refused, HTTP {refused.status}")

    async def _stop(self) -> None:
        tasks = [*self._retiring, *self._sessions.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _await(work: Awaitable[None]) -> None:
    await work


def _abandon(connecting: "asyncio.Future[Transport]") -> None:
    """A handshake that finished after we stopped waiting: drop what it made."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()
