"""Binance Spot behind the venue port: REST, WebSocket API and market streams of one account."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from spark_tui.domain.health import Call, StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument, SymbolStatus
from spark_tui.domain.market import Candle, DepthSnapshot, Top
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.selection import Day
from spark_tui.domain.values import ListKind
from spark_tui.venues.bans import Bans
from spark_tui.venues.binance.credentials import Credentials
from spark_tui.venues.binance.errors import parse_body
from spark_tui.venues.binance.spot.account import ORDER_LIMIT, REPLACED_IN_PART, Account, SpotSettings
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.binance.spot.halts import SILENT_S, HaltWatch, says_closed
from spark_tui.venues.binance.spot.instruments import ExchangeInfo, InstrumentCache
from spark_tui.venues.binance.spot.list_ids import ListIds
from spark_tui.venues.binance.spot.numbers import VENUE
from spark_tui.venues.binance.spot.orders import order_params
from spark_tui.venues.binance.spot.rest import SpotRest
from spark_tui.venues.binance.spot.streams import MarketStreams
from spark_tui.venues.binance.spot.subscriptions import INTERVALS, Focuses
from spark_tui.venues.binance.spot.trading import Trading
from spark_tui.venues.binance.spot.ws_api import WsApi
from spark_tui.venues.port import (
    BalancesReport,
    FrameSink,
    HalfOutcome,
    ListLeg,
    MarketSink,
    OrderReport,
    Reaction,
    ReplaceMode,
    ReplaceOutcome,
    TradeReport,
    UserSink,
    VenueError,
)
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock
from spark_tui.wire.http import HttpClient, HttpReply
from spark_tui.wire.limiter import ConnectionBudget

_FIRST_SAMPLES = 3  # the first round trip pays for the connection; the best one counts
# filter, precision, symbol, symbol status: what our gate checked and let pass
_RULES_CHANGED = frozenset({"-1013", "-1111", "-1121", "-1220"})
_A_BOOK = 100  # levels a side: whoever reads the tape starts from it; fewer are a look at the top only
_USED_WEIGHT = "x-mbx-used-weight-1m"


class BinanceSpot:
    """Implements `venues.port.Venue`. Without credentials it serves market data only."""

    name = VENUE

    def __init__(
        self,
        endpoints: Endpoints,
        credentials: Credentials | None,
        *,
        clock: Clock,
        rng: random.Random,
        settings: SpotSettings | None = None,
        bans: Bans | None = None,
    ) -> None:
        """`bans`: what other processes of this address were told, and where they learn what we are told.
        Raises EndpointError when the addresses belong to different environments."""
        self.environment = endpoints.environment
        self._endpoints = endpoints
        self._clock = clock
        self._rng = rng
        self._account = Account(credentials, clock, settings or SpotSettings())
        if bans is not None:
            self._account.limiter.pause(*bans.left())
            self._account.limiter.on_pause = bans.note
        self._http = HttpClient(
            endpoints.rest,
            self._account.limiter,
            clock=clock,
            rng=rng,
            observe=_used_weight,
            stops_all=_stops_all,
        )
        self._lists = ListIds()
        self._rest = SpotRest(self._http, self._account, self._lists)
        self._cache = InstrumentCache(self._fetch_info, lambda: clock.mono_ns() / NS_PER_S)
        self._budget = ConnectionBudget(clock=clock)
        self._api: WsApi | None = None
        self._streams: MarketStreams | None = None
        self._focuses = Focuses()
        self._watched: tuple[str, ...] = ()
        self._on_frame: FrameSink | None = None
        self._halts = HaltWatch(
            self._rest.instruments_of, self._silent, self._cache.trades, self._cache.learn, clock
        )
        self._trading = Trading(self._account, self._rest, lambda: self._api, self._lists)

    @property
    def keep_home(self) -> Callable[[], str]:
        return self._account.keep_home

    @keep_home.setter
    def keep_home(self, why: Callable[[], str]) -> None:
        self._account.keep_home = why

    @property
    def on_call(self) -> Callable[[Call], None]:
        return self._account.on_call

    @on_call.setter
    def on_call(self, told: Callable[[Call], None]) -> None:
        self._account.on_call = told

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Clock, instruments and key. Raises VenueError."""
        for _ in range(_FIRST_SAMPLES):
            await self._account.sync_clock()
        await self._cache.get()
        if self._account.has_key:
            _, can_trade = await self._rest.account()
            if not can_trade:
                raise VenueError(
                    Reaction.AUTH,
                    "NO_TRADE",
                    "This API key may not trade; allow Spot trading for it at Binance.",
                )

    async def close(self) -> None:
        await self._http.close()

    async def run_streams(
        self,
        symbols: tuple[str, ...],
        on_market: MarketSink,
        on_user: UserSink,
        on_frame: FrameSink,
    ) -> None:
        """Market streams, and with a key the user stream, until cancelled."""
        self._on_frame = on_frame
        self._watched = symbols
        stale = asyncio.Event()
        self._streams = MarketStreams(
            self._endpoints.streams,
            symbols,
            self._focuses,
            clock=self._clock,
            rng=self._rng,
            budget=self._budget,
            on_market=on_market,
            on_frame=on_frame,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._streams.run(), name="market streams")
                group.create_task(self._keep_clock(), name="venue clock")
                group.create_task(self._halts.run(), name="halts")
                if self._account.has_key:
                    self._api = WsApi(
                        self._endpoints.ws_api,
                        self._account,
                        rng=self._rng,
                        budget=self._budget,
                        on_user=on_user,
                        on_balances_stale=stale.set,
                        lists=self._lists,
                    )
                    group.create_task(self._api.run(), name="user stream")
                    group.create_task(self._refresh_balances(stale, on_user), name="balances")
        finally:
            self._api = None
            self._streams = None
            self._on_frame = None

    async def focus(self, symbol: str, interval: str) -> None:
        if interval not in INTERVALS:
            raise _bad_request(
                "INTERVAL", f"{interval} is no candle interval; use one of {', '.join(INTERVALS)}."
            )
        if not any(i.symbol == symbol for i in await self.instruments()):
            raise _bad_request("SYMBOL", f"Binance Spot lists no {symbol}; check the symbol, e.g. BTCUSDT.")
        self._focuses.add(symbol, interval)
        if self._streams is not None:
            await self._streams.refresh()

    async def ping(self) -> float:
        """Milliseconds of one round trip there and back. Raises VenueError."""
        began = self._clock.mono_ns()
        await self._rest.server_time_ms()
        return (self._clock.mono_ns() - began) / NS_PER_MS

    # --- facts ---------------------------------------------------------------------------------------

    def server_time_ms(self) -> int:
        return self._account.server_clock.now_ms()

    @property
    def decision_window_ms(self) -> int:
        return self._account.settings.decision_window_ms

    async def instruments(self) -> tuple[Instrument, ...]:
        """At most ten minutes old; while a watched one does not trade, at most one: it may trade again."""
        found = (await self._cache.get()).instruments
        if any(one.symbol in self._watched and one.status is not SymbolStatus.TRADING for one in found):
            self._cache.expire()
        return found

    async def days(self) -> tuple[Day, ...]:
        return await self._rest.days()

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        snapshot, body = await self._rest.depth(symbol, limit)
        if self._streams is not None:
            self._streams.answered(symbol, snapshot.last_id)
        if self._on_frame is not None and limit >= _A_BOOK:
            self._on_frame(f"{symbol.lower()}@snapshot", self._clock.wall_ns(), body)
        return snapshot

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        return await self._rest.tops(symbols)

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]:
        return await self._rest.klines(symbol, interval, limit)

    # --- orders --------------------------------------------------------------------------------------

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        with self._minding_rules(request.symbol):
            return await self._trading.place(client_order_id, request, on_sent)

    async def test_order(self, client_order_id: str, request: OrderRequest) -> None:
        with self._minding_rules(request.symbol):
            await self._rest.test_order(order_params(client_order_id, request))

    async def replace(
        self,
        symbol: str,
        client_order_id: str,
        new_client_order_id: str,
        request: OrderRequest,
        mode: ReplaceMode,
        on_sent: Callable[[], None],
    ) -> ReplaceOutcome:
        with self._minding_rules(symbol):
            outcome = await self._trading.replace(
                symbol, client_order_id, new_client_order_id, request, mode, on_sent
            )
            if outcome.new.outcome is HalfOutcome.FAILURE:
                self._mind(symbol, VenueError(Reaction.DEFINITE_REJECT, outcome.new.code, outcome.new.text))
        return outcome

    async def amend(self, symbol: str, client_order_id: str, quantity: Decimal) -> OrderReport:
        with self._minding_rules(symbol):
            return await self._trading.amend(symbol, client_order_id, quantity)

    async def place_list(
        self, list_id: str, kind: ListKind, legs: tuple[ListLeg, ...], on_sent: Callable[[], None]
    ) -> tuple[OrderReport, ...]:
        with self._minding_rules(legs[0].request.symbol):
            return await self._trading.place_list(list_id, kind, legs, on_sent)

    async def cancel_list(self, symbol: str, list_id: str) -> tuple[OrderReport, ...]:
        return await self._trading.cancel_list(symbol, list_id)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        return await self._trading.cancel(symbol, client_order_id)

    async def cancel_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport:
        return await self._trading.cancel_by_venue_id(symbol, venue_order_id)

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        return await self._trading.cancel_all(symbol)

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return await self._trading.query(symbol, client_order_id)

    async def query_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport | None:
        return await self._trading.query_by_venue_id(symbol, venue_order_id)

    async def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        return await self._rest.open_orders(symbol)

    async def all_orders(self, symbol: str, *, from_order_id: int | None = None) -> tuple[OrderReport, ...]:
        """Orders of any state: one more place to look before an order is believed never to have lived."""
        return await self._rest.all_orders(symbol, from_order_id=from_order_id)

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        return await self._rest.trades(symbol, venue_order_id, from_id, limit)

    async def balances(self) -> BalancesReport:
        report, _ = await self._rest.account()
        return report

    # --- condition -----------------------------------------------------------------------------------

    def health(self) -> tuple[StreamHealth, ...]:
        """Market connection and streams, then the user stream and its connection."""
        found: list[StreamHealth] = []
        if self._streams is not None:
            found.extend(self._streams.health(self._account.server_clock.offset_ms))
        if self._api is not None:
            found.extend(self._api.health())
        return tuple(found)

    def weight(self) -> WeightGauge:
        limiter = self._account.limiter
        return WeightGauge(used=limiter.used, limit=limiter.limit, waiting=limiter.waiting)

    # --- inside --------------------------------------------------------------------------------------

    @contextmanager
    def _minding_rules(self, symbol: str) -> Iterator[None]:
        try:
            yield
        except VenueError as error:
            self._mind(symbol, error)
            raise

    def _mind(self, symbol: str, error: VenueError) -> None:
        """A refusal by a rule our gate let pass means that our copy of the rules is old."""
        if error.code in _RULES_CHANGED:
            self._cache.expire()
        if says_closed(error):
            self._halts.doubt(symbol)

    def _silent(self) -> set[str]:
        return self._streams.silent(SILENT_S) if self._streams is not None else set()

    async def _fetch_info(self) -> ExchangeInfo:
        info, body = await self._rest.exchange_info()
        self._account.limiter.set_limit(info.weight_limit(self._account.limiter.limit))
        if self._on_frame is not None:
            self._on_frame("!exchangeInfo", self._clock.wall_ns(), body)
        return info

    async def _keep_clock(self) -> None:
        """Sample the server's clock now and then, and at once when ours stepped."""
        backoff = Backoff(self._rng)
        while True:
            age_s = self._account.server_clock.age_s
            old = age_s is None or age_s >= self._account.settings.clock_every_s
            wait_s = 1.0
            if old or self._account.server_clock.suspect:
                try:
                    await self._account.sync_clock()
                    backoff.reset()
                except VenueError:
                    wait_s = backoff.next()  # the estimate carries on; signing calls say what is wrong
            await self._clock.sleep(wait_s)

    async def _refresh_balances(self, stale: asyncio.Event, on_user: UserSink) -> None:
        """Deposits and outside locks tell only a change: ask for the whole."""
        backoff = Backoff(self._rng)
        while True:
            await stale.wait()
            stale.clear()
            try:
                on_user(await self.balances(), self._clock.wall_ns())
                backoff.reset()
            except VenueError:
                stale.set()
                await self._clock.sleep(backoff.next())


def _used_weight(headers: Mapping[str, str], status: int) -> int | None:
    """The server's count of the shared budget, where the reply carries it."""
    text = headers.get(_USED_WEIGHT, "")
    return int(text[:9]) if text.isascii() and text.isdigit() else None


def _stops_all(reply: HttpReply) -> bool:
    """A full window of unfilled orders holds back placements only; every other 429 or 418, everything."""
    code, _ = parse_body(reply.body)
    return reply.status != 429 or code not in (ORDER_LIMIT, REPLACED_IN_PART)


def _bad_request(code: str, text: str) -> VenueError:
    return VenueError(Reaction.DEFINITE_REJECT, code, text)
