"""The WebSocket API connection: requests with ids and deadlines, and the account's user events (section 11).

One supervised connection carries both. A connection lost with requests in flight leaves each of them UNKNOWN.
Missed user events are never replayed, so every (re)subscription says UserStreamUp and the engine reconciles.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from spark_tui.domain.health import StreamHealth
from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.signing import Value, signed_params, ws_payload
from spark_tui.venues.binance.spot.account import ORDER_LIMIT, REPLACED_IN_PART, Account, lost, not_sent
from spark_tui.venues.binance.spot.codec_user import (
    ApiReply,
    BalancesStale,
    ListStatus,
    ServerShutdown,
    SubscriptionEnded,
    decode_api_frame,
)
from spark_tui.venues.binance.spot.list_ids import ListIds
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError
from spark_tui.venues.port import (
    BalancesReport,
    OrderReport,
    Reaction,
    UserSink,
    UserStreamDown,
    UserStreamUp,
    VenueError,
)
from spark_tui.wire.clock import Expired, within
from spark_tui.wire.limiter import ConnectionBudget
from spark_tui.wire.socket import Session, SocketDown, SupervisedSocket
from spark_tui.wire.staleness import StreamClock

CONNECT_WEIGHT = 2
_SUBSCRIBE_WEIGHT = 2
_SUBSCRIBE_TIMEOUT_S = 10.0
_MAX_IN_FLIGHT = 1_000
_USER_STALE_S = 3_600.0  # an account may be quiet for long; the heartbeat proves the connection


class NotSentError(Exception):
    """No connection took the request; it may be made in another way."""


class _Pending(msgspec.Struct):
    """`window`: the budget window the request was counted in."""

    session: Session
    reply: "asyncio.Future[ApiReply]"
    window: int


class WsApi:
    """`run()` it in one task. `on_balances_stale` is told of events that carry only a change of a balance."""

    def __init__(
        self,
        url: str,
        account: Account,
        *,
        rng: random.Random,
        budget: ConnectionBudget,
        on_user: UserSink,
        on_balances_stale: Callable[[], None],
        lists: ListIds,
    ) -> None:
        self._account = account
        self._lists = lists
        self._clock = account.clock
        self._on_user = on_user
        self._on_balances_stale = on_balances_stale
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._events = StreamClock(_USER_STALE_S, self._clock.mono_ns())
        self._session: Session | None = None  # the newest connection with a subscription
        self._subscribed = False
        self._socket = SupervisedSocket(
            "ws-api",
            lambda: url,
            clock=self._clock,
            rng=rng,
            budget=budget,
            on_open=self._opened,
            on_message=lambda raw, receipt_ns: None,  # each session brings its own
            on_close=self._closed,
            limiter=account.limiter,
            connect_weight=CONNECT_WEIGHT,
            messages_per_second=None,  # that limit is the market streams'
            overlap_s=account.settings.reply_timeout_s + 1.0,
        )

    async def run(self) -> None:
        """Keep the connection and the subscription until cancelled."""
        try:
            await self._socket.run()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def health(self) -> tuple[StreamHealth, ...]:
        """The user stream, then its connection."""
        socket = self._socket.health()
        now_ns = self._clock.mono_ns()
        user = StreamHealth(
            venue=VENUE,
            name="user",
            state="live" if self._subscribed else "down" if socket.state == "live" else socket.state,
            age_s=self._events.age_s(now_ns),
            rate=self._events.rate(now_ns),
            lag_ms=None,
            messages=self._events.messages,
            gaps=0,
            reconnects=socket.reconnects,
            detail=socket.detail,
        )
        connection = StreamHealth(
            venue=VENUE,
            name=socket.name,
            state=socket.state,
            age_s=socket.age_s,
            rate=0.0,
            lag_ms=None,
            messages=socket.messages,
            gaps=0,
            reconnects=socket.reconnects,
            detail=socket.detail,
        )
        return (user, connection)

    async def call(
        self,
        method: str,
        params: Mapping[str, Value],
        *,
        weight: int,
        phase: Phase,
        priority: bool = False,
        timeout_s: float,
        on_sent: Callable[[], None] | None = None,
        permit: Callable[[], None] | None = None,
    ) -> bytes:
        """The JSON result of one signed request. `permit` may raise at the last moment before it leaves.

        Raises NotSentError when there is no connection to send on, VenueError otherwise: UNKNOWN for a
        trading call that left and whose answer is missing or doubtful, also when the caller is cancelled.
        """
        session = self._session
        if session is None:
            why = self._socket.health().detail or "connecting"
            raise NotSentError(f"There is no WebSocket API connection ({why}).")
        told = self._account.telling("WS", method, lambda: ws_payload(params))
        try:
            reply = await self._request(
                session, method, params, weight, phase, priority, timeout_s, on_sent, permit
            )
        except VenueError as error:
            told(None, error.text.encode(), error.code)
            raise
        told(reply.status, reply.result or reply.text.encode(), "" if reply.code is None else str(reply.code))
        if reply.status == 200:
            return reply.result
        raise self._account.error(
            reply.status, reply.code, reply.text, phase, reply.retry_after_s, reply.data
        )

    # --- one request ---------------------------------------------------------------------------------

    async def _request(
        self,
        session: Session,
        method: str,
        params: Mapping[str, Value],
        weight: int,
        phase: Phase,
        priority: bool,
        timeout_s: float,
        on_sent: Callable[[], None] | None,
        permit: Callable[[], None] | None = None,
    ) -> ApiReply:
        signer = self._account.signer
        await self._account.trust_clock()
        window = await self._account.spend(weight, priority=priority)
        if len(self._pending) >= _MAX_IN_FLIGHT:
            raise not_sent(f"{_MAX_IN_FLIGHT} requests already wait for their answers")
        request_id = next(self._ids)
        signed = signed_params({**params, **self._account.stamp()}, signer)
        frame = msgspec.json.encode({"id": request_id, "method": method, "params": signed}).decode()
        reply: asyncio.Future[ApiReply] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = _Pending(session, reply, window)
        try:
            if permit is not None:
                permit()
            await session.send(frame)
            if on_sent is not None:
                on_sent()
            return await within(self._clock, timeout_s, reply)
        except SocketDown as down:
            if not down.sent:
                raise NotSentError(down.text) from None
            raise self._unanswered(phase, down.text) from None
        except Expired:
            raise self._unanswered(phase, f"No answer to {method} within {timeout_s:g} s") from None
        except asyncio.CancelledError:
            if (
                phase is Phase.TRADE
            ):  # the port's contract: whoever asked must learn that it may have executed
                raise lost(f"The wait for the answer to {method} was cut short") from None
            raise
        finally:
            self._pending.pop(request_id, None)
            reply.cancel()

    def _unanswered(self, phase: Phase, why: str) -> VenueError:
        if phase is Phase.TRADE:
            return lost(why)
        return VenueError(Reaction.RETRY_SAFE, "NO_ANSWER", f"{why.rstrip('.')}.")

    # --- the connection ------------------------------------------------------------------------------

    async def _opened(self, session: Session) -> None:
        session.on_message = lambda raw, receipt_ns: self._received(session, raw, receipt_ns)
        await self._subscribe(session)

    async def _subscribe(self, session: Session) -> None:
        """Ask for user events on this connection; a refused clock is corrected once."""
        try:
            await self._ask_for_events(session)
        except VenueError as error:
            if error.reaction is not Reaction.CLOCK:
                raise
            await self._account.clock_refused()
            await self._ask_for_events(session)
        self._session = session
        self._subscribed = True
        self._events.restart(self._clock.mono_ns())
        self._on_user(UserStreamUp(venue=VENUE), self._clock.wall_ns())

    async def _ask_for_events(self, session: Session) -> None:
        reply = await self._request(
            session,
            "userDataStream.subscribe.signature",
            {},
            _SUBSCRIBE_WEIGHT,
            Phase.READ,
            priority=True,
            timeout_s=_SUBSCRIBE_TIMEOUT_S,
            on_sent=None,
        )
        if reply.status != 200:
            raise self._account.error(reply.status, reply.code, reply.text, Phase.READ, reply.retry_after_s)

    def _received(self, session: Session, raw: bytes, receipt_ns: int) -> None:
        """A frame that cannot be read ends the connection: it may have been a fill, and only a new
        subscription with its reconciliation brings it back."""
        frame = decode_api_frame(raw, self._lists.name)
        if isinstance(frame, ApiReply):
            self._answered(frame)
        elif isinstance(frame, (OrderReport, BalancesReport)):
            self._events.tick(self._clock.mono_ns())
            self._on_user(frame, receipt_ns)
        elif isinstance(frame, BalancesStale):
            self._events.tick(self._clock.mono_ns())
            if frame.cash is not None:
                self._on_user(frame.cash, receipt_ns)
            self._on_balances_stale()
        elif isinstance(frame, ListStatus):
            self._events.tick(self._clock.mono_ns())
            self._lists.learn(frame.number, frame.client_id)
        elif isinstance(frame, SubscriptionEnded) and session is self._session:
            self._say_down("Binance ended the user data subscription")
            self._spawn(self._resubscribe(session))
        elif isinstance(frame, ServerShutdown):
            self._leave(session)

    def _leave(self, session: Session) -> None:
        """The server is going away. A connection already replaced may still bring answers: it stays."""
        if self._socket.session is session:
            self._socket.rotate()
        elif self._session is session or self._session is None:
            session.end("the server is shutting down")

    def _answered(self, reply: ApiReply) -> None:
        pending = self._pending.get(reply.id) if isinstance(reply.id, int) else None
        self._learn(reply, pending.window if pending else None)
        if pending is not None and not pending.reply.done():
            pending.reply.set_result(reply)

    def _learn(self, reply: ApiReply, window: int | None) -> None:
        """The server's own count of the shared budget, and its order to pause."""
        limiter = self._account.limiter
        for limit in reply.limits:
            if limit.rateLimitType == "REQUEST_WEIGHT" and limit.interval == "MINUTE":
                limiter.observe(limit.count, window)
        if reply.status == 429 and reply.code == ORDER_LIMIT:
            self._account.orders.exhausted(reply.retry_after_s, reply.limits)
        elif reply.status == 418 or (reply.status == 429 and reply.code != REPLACED_IN_PART):
            what = "banned, status 418" if reply.status == 418 else "too many requests, status 429"
            limiter.pause(reply.retry_after_s or limiter.window_left_s, what)

    async def _resubscribe(self, session: Session) -> None:
        try:
            await self._subscribe(session)
        except (VenueError, NotSentError, CodecError) as error:
            session.end(f"user events could not be subscribed again: {error}")

    def _closed(self, session: Session, reason: str) -> None:
        """Whatever was in flight on this connection will never be answered."""
        for pending in self._pending.values():
            if pending.session is session and not pending.reply.done():
                pending.reply.set_exception(SocketDown(f"The connection was lost ({reason}).", sent=True))
        if session is self._session:
            self._session = None
            self._say_down(reason)

    def _say_down(self, reason: str) -> None:
        if self._subscribed:
            self._subscribed = False
            self._on_user(UserStreamDown(venue=VENUE, reason=reason), self._clock.wall_ns())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
