"""The market connection: one combined WebSocket for every stream of every symbol (protocol section 10).

What is wanted is state, not history: each new connection subscribes, in one message, to what is wanted then.
"""

import asyncio
import itertools
import random

import msgspec

from spark_tui.domain.health import StreamHealth
from spark_tui.domain.market import (
    BookTicker,
    DepthDiff,
    DepthRestart,
    MarketEvent,
    PartialDepth,
    Ticker,
    Trade,
)
from spark_tui.venues.binance.spot.codec_market import (
    Decode,
    Reply,
    Shutdown,
    decode_frame,
    decoder_for,
    stream_name,
)
from spark_tui.venues.binance.spot.dead_streams import LOOK_EVERY_S, Physician, Pulse
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError
from spark_tui.venues.binance.spot.subscriptions import DEPTH, MAX_SYMBOLS, WITNESSES, Focuses, streams_of
from spark_tui.venues.port import FrameSink, MarketSink
from spark_tui.wire.clock import NS_PER_MS, Clock, within
from spark_tui.wire.limiter import BudgetError, ConnectionBudget
from spark_tui.wire.socket import Session, SocketDown, SocketHealth, SupervisedSocket
from spark_tui.wire.staleness import Freshness, StreamClock

_STALE_S = {"depth": 10.0, "depth5": 10.0, "bookTicker": 30.0, "trade": 120.0, "ticker": 10.0}
_KLINE_STALE_S = 60.0
_SILENCE_S = 30.0  # tickers speak every second: this long without any frame is a dead producer
_REPLY_TIMEOUT_S = 10.0
_MAX_REQUESTS = 64  # control requests that may wait for their replies


class _Stream:
    """One stream: how its frames are read, when they came, and whether any is missing.

    Diffs and trades are numbered without holes; the other kinds only grow.
    """

    __slots__ = ("bad", "clock", "decode", "depth_of", "gaps", "last_id", "name", "receipt_ns", "time_ms")

    def __init__(self, name: str, decode: Decode, now_ns: int) -> None:
        kind = name.partition("@")[2].partition("@")[0]
        self.name = name
        self.depth_of = (
            name.removesuffix(f"@{DEPTH}").upper() if name.endswith(f"@{DEPTH}") else ""
        )  # its symbol
        self.decode = decode
        self.clock = StreamClock(_STALE_S.get(kind, _KLINE_STALE_S), now_ns)
        self.gaps = 0
        self.bad = 0
        self.last_id: int | None = None
        self.time_ms = 0
        self.receipt_ns = 0

    def restart(self, now_ns: int) -> None:
        """Subscribed anew: what was missed in between is the reconnect's, not a gap."""
        self.clock.restart(now_ns)
        self.last_id = None

    def repeats(self, event: MarketEvent) -> bool:
        """While two connections overlap: an event the other one has brought already."""
        number = _last_id(event)
        return number is not None and self.last_id is not None and number <= self.last_id

    def note(self, event: MarketEvent, receipt_ns: int) -> None:
        """Count what is missing before this event, and keep its venue time for the lag."""
        if isinstance(event, DepthDiff):
            first, last = event.first_id, event.last_id
        elif isinstance(event, Trade):
            first = last = event.trade_id
        else:
            self.last_id = _last_id(event)
            self.time_ms = event.time_ms if isinstance(event, Ticker) else 0
            self.receipt_ns = receipt_ns
            return
        if self.last_id is not None and first > self.last_id + 1:
            self.gaps += 1
        self.last_id = last
        self.time_ms = event.time_ms
        self.receipt_ns = receipt_ns


def _last_id(event: MarketEvent) -> int | None:
    if isinstance(event, (DepthDiff, PartialDepth)):  # a union would be built anew for each frame
        return event.last_id
    if isinstance(event, Trade):
        return event.trade_id
    return event.update_id if isinstance(event, BookTicker) else None


class MarketStreams:
    """`run()` it in one task."""

    def __init__(
        self,
        base_url: str,
        symbols: tuple[str, ...],
        focuses: Focuses,
        *,
        clock: Clock,
        rng: random.Random,
        budget: ConnectionBudget,
        on_market: MarketSink,
        on_frame: FrameSink,
    ) -> None:
        """Raises ValueError when one connection cannot carry that many symbols."""
        self._clock = clock
        self._on_market = on_market
        self._on_frame = on_frame
        if len(symbols) > MAX_SYMBOLS:
            raise ValueError(f"{len(symbols)} symbols are more than one connection carries; watch fewer.")
        self._symbols = symbols
        self._watched = [name for symbol in symbols for name in streams_of(symbol)]
        self._focuses = focuses
        self._streams: dict[bytes, _Stream] = {}
        self._session: Session | None = None  # the newest connection, from before its first subscription on
        self._overlap = False
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._ids = itertools.count(1)
        self._unreadable = 0
        self._physician = Physician()
        self._socket = SupervisedSocket(
            "market",
            lambda: f"{base_url}/stream",
            clock=clock,
            rng=rng,
            budget=budget,
            on_open=self._opened,
            on_message=self._received,
            on_close=self._closed,
            silence_s=_SILENCE_S,
        )
        self._want()

    async def run(self) -> None:
        """Keep the connection and its subscriptions until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._socket.run(), name="market connection")
            group.create_task(self._tend(), name="dead streams")

    async def refresh(self) -> None:
        """Subscribe to what is wanted now, e.g. after the focuses changed."""
        added, removed = self._want()
        session = self._session
        if session is None:
            return  # the next connection subscribes to everything wanted
        try:
            if added:
                await self._control(session, "SUBSCRIBE", added)
            if removed:
                await self._control(session, "UNSUBSCRIBE", removed)
        except (SocketDown, TimeoutError) as error:
            session.end(f"subscribing failed: {error}")  # the next connection starts from what is wanted

    def health(self, offset_ms: float) -> tuple[StreamHealth, ...]:
        """The connection, then each stream; `offset_ms` is the server's clock less ours."""
        socket = self._socket.health()
        now_ns = self._clock.mono_ns()
        pulses = self._physician.pulses
        streams = [
            _health(stream, socket, now_ns, offset_ms, pulses.get(stream.depth_of))
            for stream in self._streams.values()
        ]
        connection = StreamHealth(
            venue=VENUE,
            name=socket.name,
            state=socket.state,
            age_s=socket.age_s,
            rate=sum(stream.rate for stream in streams),
            lag_ms=None,
            messages=socket.messages,
            gaps=self._unreadable,
            reconnects=socket.reconnects,
            undecoded=self._unreadable,
            revivals=self._physician.connects,
            detail=socket.detail,
        )
        return (connection, *streams)

    def answered(self, symbol: str, last_id: int) -> None:
        """The venue said, asked for its book, that it stands at this update."""
        self._physician.answered(symbol, last_id)

    def silent(self, seconds: float) -> set[str]:
        """Symbols from whose book nothing came for so long, while the connection lives."""
        if self._socket.session is None:
            return set()
        now_ns = self._clock.mono_ns()
        return {
            symbol
            for symbol in self._symbols
            if (stream := self._streams.get(f"{symbol.lower()}@{DEPTH}".encode())) is not None
            and stream.clock.silent_s(now_ns) > seconds
        }

    # --- what is wanted ------------------------------------------------------------------------------

    def _want(self) -> tuple[list[str], list[str]]:
        """Bring the stream table up to what is wanted; the names that joined and those that left."""
        wanted = dict.fromkeys((*self._watched, *self._focuses.names()))
        have = {stream.name for stream in self._streams.values()}
        added = [name for name in wanted if name not in have]
        removed = [name for name in have if name not in wanted]
        now_ns = self._clock.mono_ns()
        for name in added:
            decode = decoder_for(name)
            if decode is None:
                raise ValueError(f"{name} is no stream we can read")
            self._streams[name.encode()] = _Stream(name, decode, now_ns)
        for name in removed:
            self._physician.forget(self._streams.pop(name.encode()).depth_of)
        return added, removed

    # --- the connection ------------------------------------------------------------------------------

    async def _opened(self, session: Session) -> None:
        overlapped = self._overlap = self._socket.overlapping
        dead = self._physician.dead()
        anew = [one for one in self._streams.values() if not overlapped or one.depth_of in dead]
        self._restart(anew)
        self._session = session  # what is wanted from here on is asked for separately
        names = [stream.name for stream in self._streams.values()]
        if names:
            await self._control(session, "SUBSCRIBE", names)
        if overlapped and not self._socket.overlapping:  # what came since the old one's end is missed
            anew = list(self._streams.values())
            self._restart(anew)
        self._begun_anew(anew)

    def _restart(self, streams: list[_Stream]) -> None:
        now_ns = self._clock.mono_ns()
        for stream in streams:
            stream.restart(now_ns)

    def _begun_anew(self, streams: list[_Stream]) -> None:
        """Once they are subscribed to: from here on nothing is missed."""
        for symbol in filter(None, (stream.depth_of for stream in streams)):
            self._physician.restart(symbol, self._told(symbol))
            self._on_market(DepthRestart(symbol), self._clock.wall_ns())

    def _told(self, symbol: str) -> list[int | None]:
        """The venue's update number as its other streams of that book name it."""
        names = (f"{symbol.lower()}@{kind}".encode() for kind in WITNESSES)
        return [stream.last_id for name in names if (stream := self._streams.get(name)) is not None]

    async def _tend(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            session = self._session
            if session is None or session is not self._socket.session or self._overlap:
                continue
            now_ns = self._clock.mono_ns()
            for stream in self._streams.values():
                if stream.depth_of:
                    self._physician.look(stream.depth_of, stream.last_id, self._told(stream.depth_of), now_ns)
            again, connect = self._physician.treat(now_ns)
            if connect:
                self._socket.rotate()  # what lives on this connection loses nothing by it
            elif again:
                await self._subscribe_anew(session, [f"{symbol.lower()}@{DEPTH}" for symbol in again])

    async def _subscribe_anew(self, session: Session, names: list[str]) -> None:
        try:
            await self._control(session, "UNSUBSCRIBE", names)
            streams = [one for name in names if (one := self._streams.get(name.encode())) is not None]
            if not streams:
                return  # nobody looks at them any more
            self._restart(streams)
            await self._control(session, "SUBSCRIBE", [stream.name for stream in streams])
            self._begun_anew(streams)
        except (SocketDown, TimeoutError, BudgetError) as error:
            session.end(f"subscribing anew failed: {error}")

    async def _control(self, session: Session, method: str, names: list[str]) -> None:
        """One control message and its reply. Raises SocketDown when refused or lost, TimeoutError."""
        if len(self._replies) >= _MAX_REQUESTS:
            raise SocketDown("too many subscriptions wait for an answer", sent=False)
        request_id = next(self._ids)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = reply
        try:
            await session.send(
                msgspec.json.encode({"method": method, "params": names, "id": request_id}).decode()
            )
            answer = await within(self._clock, _REPLY_TIMEOUT_S, reply)
        finally:
            self._replies.pop(request_id, None)
            reply.cancel()
        if answer.code is not None:
            raise SocketDown(f"{method} was refused ({answer.code} {answer.text})", sent=True)

    def _closed(self, session: Session, reason: str) -> None:
        self._overlap = self._socket.overlapping
        if session is self._session:
            live = self._socket.session
            self._session = None if session is live else live  # a replacement failed, and the old one lives

    def _received(self, raw: bytes, receipt_ns: int) -> None:
        stream = self._streams.get(stream_name(raw))
        if stream is None:
            self._unusual(raw, receipt_ns)
            return
        if self._overlap:
            self._received_twice(stream, raw, receipt_ns)
            return
        self._on_frame(stream.name, receipt_ns, raw)
        try:
            event = stream.decode(raw)
        except CodecError:
            stream.bad += 1  # a lost diff shows as a gap at the next one, and the book resyncs
            return
        stream.clock.tick(self._clock.mono_ns())
        stream.note(event, receipt_ns)
        self._on_market(event, receipt_ns)

    def _received_twice(self, stream: _Stream, raw: bytes, receipt_ns: int) -> None:
        """During a rotation both connections deliver: the later copy goes neither to tape nor to book."""
        try:
            event = stream.decode(raw)
        except CodecError:
            stream.bad += 1
            return
        if stream.repeats(event):
            return
        self._on_frame(stream.name, receipt_ns, raw)
        stream.clock.tick(self._clock.mono_ns())
        stream.note(event, receipt_ns)
        self._on_market(event, receipt_ns)

    def _unusual(self, raw: bytes, receipt_ns: int) -> None:
        """Control replies, shutdown notices, a stream that has just been left, garbage."""
        try:
            frame = decode_frame(raw)
        except CodecError:
            self._unreadable += 1
            return
        if isinstance(frame, Reply):
            self._answered(frame)
        elif isinstance(frame, Shutdown):
            if self._socket.session is None:  # not live yet, so there is nothing to keep while replacing it
                raise ConnectionResetError("the server is shutting down")
            self._socket.rotate()

    def _answered(self, reply: Reply) -> None:
        """An error may come without an id: then it is taken for whatever waits."""
        for request_id, waiting in self._replies.items():
            if reply.id in (request_id, None) and not waiting.done():
                waiting.set_result(reply)


def _health(
    stream: _Stream, socket: SocketHealth, now_ns: int, offset_ms: float, pulse: Pulse | None
) -> StreamHealth:
    freshness = stream.clock.state(now_ns)
    if socket.state != "live":
        state = socket.state
    elif pulse is not None and pulse.dead:
        state = "down"
    elif freshness is Freshness.SILENT:
        state = "connecting"
    else:
        state = freshness.value
    lag_ms = None
    if stream.time_ms:
        lag_ms = stream.receipt_ns / NS_PER_MS + offset_ms - stream.time_ms
    notes = [f"{stream.bad} unreadable frames"] if stream.bad else []
    if pulse is not None and pulse.words:
        notes.append(pulse.words)
    return StreamHealth(
        venue=VENUE,
        name=stream.name,
        state=state,
        age_s=stream.clock.age_s(now_ns),
        rate=stream.clock.rate(now_ns),
        lag_ms=lag_ms,
        messages=stream.clock.messages,
        gaps=stream.gaps + stream.bad,
        reconnects=socket.reconnects,
        undecoded=stream.bad,
        revivals=pulse.revivals if pulse is not None else 0,
        detail=socket.detail or "; ".join(notes),
    )
