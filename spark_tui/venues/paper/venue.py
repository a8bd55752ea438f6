"""A paper account behind the venue port: another venue's market, our own matching.

Orders never leave this machine. A call takes as long as a round trip to the wrapped venue was measured to
take; what it changed is on disk before anybody hears of it.
"""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from spark_tui.domain.book import OrderBook
from spark_tui.domain.health import Call, StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, DepthSnapshot, MarketEvent, Top
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Environment, ListKind, SelfTradePrevention
from spark_tui.venues.paper.account import PaperAccount
from spark_tui.venues.paper.calls import Calls
from spark_tui.venues.paper.checks import refused
from spark_tui.venues.paper.clearing import Fees
from spark_tui.venues.paper.journal import trade_report_of
from spark_tui.venues.paper.latency import LONGEST_MS, Latency
from spark_tui.venues.paper.news import News
from spark_tui.venues.paper.orders import PaperOrder
from spark_tui.venues.paper.store import PaperStore
from spark_tui.venues.port import (
    BalancesReport,
    FrameSink,
    HalfOutcome,
    ListLeg,
    MarketSink,
    OrderReport,
    Reaction,
    ReplaceHalf,
    ReplaceMode,
    ReplaceOutcome,
    TradeReport,
    UserEvent,
    UserSink,
    UserStreamUp,
    Venue,
    VenueError,
)
from spark_tui.wire.clock import Clock

_PING_EVERY_S = 10.0
_MEND_EVERY_S = 2.0
_MARGIN_MS = 1_000
_WHOLE = 1_000  # levels a side: fewer tell where the venue stands, and are no book to start from


class Source(Venue, Protocol):
    """A venue whose market a paper account may trade on."""

    async def ping(self) -> float:
        """Milliseconds of one round trip there and back. Raises VenueError."""


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`round_trip_ms` None: as measured. `book_max_age_s`: an older book fills nothing."""

    fees: Fees = Fees()
    round_trip_ms: float | None = None
    book_max_age_s: float = 5.0


class PaperVenue:
    """Implements `venues.port.Venue`; `close` also closes the store. The wrapped venue is asked for
    market data and the time, never for anything about an account."""

    environment = Environment.PAPER

    def __init__(
        self,
        source: Source,
        store: PaperStore,
        *,
        clock: Clock,
        rng: random.Random,
        settings: PaperSettings | None = None,
    ) -> None:
        self.name = source.name
        self.keep_home: Callable[[], str] = str
        self.on_call: Callable[[Call], None] = _nobody
        self._source = source
        self._listed: tuple[tuple[Instrument, ...], tuple[Instrument, ...]] | None = None  # theirs, ours
        self._clock = clock
        self._settings = settings or PaperSettings()
        self.latency = Latency(rng, self._settings.round_trip_ms)
        self._news = News(clock, self.latency)
        self._account = PaperAccount(
            self.name,
            store,
            self._settings.fees,
            clock,
            self._settings.book_max_age_s,
            source.server_time_ms,
            self._news.take,
        )
        self._calls = Calls(self._account, clock, self.latency, self._called)
        self._desk = self._account.desk
        self._now_ms = source.server_time_ms

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._source.start()
        await self.instruments()
        await self._measure()

    async def close(self) -> None:
        await self._calls.finish()
        self._account.keep_taken()
        self._account.store.close()
        await self._source.close()

    async def run_streams(
        self, symbols: tuple[str, ...], on_market: MarketSink, on_user: UserSink, on_frame: FrameSink
    ) -> None:
        self._account.books = {symbol: OrderBook(symbol) for symbol in symbols}
        self._news.begin()

        def on_event(event: MarketEvent, receipt_ns: int) -> None:
            on_market(event, receipt_ns)
            self._account.on_market(event)

        on_user(UserStreamUp(venue=self.name), self._clock.wall_ns())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    self._source.run_streams(symbols, on_event, _nothing_private, on_frame),
                    name="market of the paper account",
                )
                group.create_task(self._news.tell(on_user), name="paper user events")
                group.create_task(self._keep_measuring(), name="paper latency")
                group.create_task(self._mend_books(), name="paper books")
        finally:
            self._news.end()

    async def focus(self, symbol: str, interval: str) -> None:
        await self._source.focus(symbol, interval)

    # --- facts of the market -------------------------------------------------------------------------------

    def server_time_ms(self) -> int:
        return self._source.server_time_ms()

    @property
    def decision_window_ms(self) -> int:
        """An order is on its way for the longest round trip at most."""
        return round(LONGEST_MS) + _MARGIN_MS

    async def instruments(self) -> tuple[Instrument, ...]:
        listed = await self._source.instruments()
        if self._listed is None or listed is not self._listed[0]:
            modes = frozenset({SelfTradePrevention.EXPIRE_TAKER})
            own = tuple(msgspec.structs.replace(one, allowed_stp_modes=modes) for one in listed)
            self._listed = (listed, own)
            self._account.instruments = {one.symbol: one for one in own}
        return self._listed[1]

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        """The paper account reads along: it needs the book as much as who asks."""
        asked_ns = self._clock.mono_ns()
        snapshot = await self._source.depth_snapshot(symbol, limit)
        self._account.on_snapshot(snapshot, asked_ns, whole=limit >= _WHOLE)
        return snapshot

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        """As with a snapshot: what keeps the engine's books young keeps ours."""
        asked_ns = self._clock.mono_ns()
        tops = await self._source.tops(symbols)
        for top in tops:
            self._account.on_top(top, asked_ns)
        return tops

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]:
        return await self._source.candles(symbol, interval, limit)

    # --- orders --------------------------------------------------------------------------------------------

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        self._may_place()
        on_sent()

        def arrive() -> OrderReport:
            self._account.may_be_kept()
            order = self._desk.place(client_order_id, request, self._now_ms())
            return self._account.report(order, fills=True)

        return await self._calls.call("order", "POST", arrive)

    async def test_order(self, client_order_id: str, request: OrderRequest) -> None:
        await self._calls.call("order/test", "POST", lambda: self._desk.check(client_order_id, request))

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        def arrive() -> OrderReport:
            return self._account.report(self._desk.cancel(symbol, client_order_id, self._now_ms())[0])

        return await self._calls.call("order", "DELETE", arrive)

    async def cancel_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport:
        def arrive() -> OrderReport:
            order = self._account.floor.orders.get(int(venue_order_id))
            name = "" if order is None else order.client_id
            return self._account.report(self._desk.cancel(symbol, name, self._now_ms())[0])

        return await self._calls.call("order", "DELETE", arrive)

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        def arrive() -> tuple[OrderReport, ...]:
            return self._account.reports(self._desk.cancel_all(symbol, self._now_ms()))

        return await self._calls.call("openOrders", "DELETE", arrive)

    async def replace(
        self,
        symbol: str,
        client_order_id: str,
        new_client_order_id: str,
        request: OrderRequest,
        mode: ReplaceMode,
        on_sent: Callable[[], None],
    ) -> ReplaceOutcome:
        if request.symbol != symbol:
            raise refused("SYMBOL", f"An order in {symbol} cannot be replaced by one in {request.symbol}.")
        self._may_place()
        on_sent()

        def arrive() -> ReplaceOutcome:
            self._account.may_be_kept()
            now_ms = self._now_ms()
            cancel = _half(
                lambda: self._account.report(self._desk.cancel(symbol, client_order_id, now_ms)[0])
            )
            if cancel.outcome is HalfOutcome.FAILURE and mode is ReplaceMode.STOP_ON_FAILURE:
                return ReplaceOutcome(cancel=cancel, new=ReplaceHalf(outcome=HalfOutcome.NOT_ATTEMPTED))
            new = _half(
                lambda: self._account.report(
                    self._desk.place(new_client_order_id, request, now_ms), fills=True
                )
            )
            return ReplaceOutcome(cancel=cancel, new=new)

        return await self._calls.call("order/cancelReplace", "POST", arrive)

    async def amend(self, symbol: str, client_order_id: str, quantity: Decimal) -> OrderReport:
        def arrive() -> OrderReport:
            return self._account.report(self._desk.amend(symbol, client_order_id, quantity, self._now_ms()))

        return await self._calls.call("order/amend/keepPriority", "PUT", arrive)

    async def place_list(
        self, list_id: str, kind: ListKind, legs: tuple[ListLeg, ...], on_sent: Callable[[], None]
    ) -> tuple[OrderReport, ...]:
        self._may_place()
        on_sent()

        def arrive() -> tuple[OrderReport, ...]:
            self._account.may_be_kept()
            orders = self._desk.place_list(list_id, kind, legs, self._now_ms())
            return tuple(self._account.report(order, fills=True) for order in orders)

        return await self._calls.call("orderList", "POST", arrive)

    async def cancel_list(self, symbol: str, list_id: str) -> tuple[OrderReport, ...]:
        def arrive() -> tuple[OrderReport, ...]:
            return self._account.reports(self._desk.cancel_list(symbol, list_id, self._now_ms()))

        return await self._calls.call("orderList", "DELETE", arrive)

    # --- questions -----------------------------------------------------------------------------------------

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        def arrive() -> OrderReport | None:
            return self._found(self._account.find(symbol, client_order_id))

        return await self._calls.call("order", "GET", arrive)

    async def query_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport | None:
        def arrive() -> OrderReport | None:
            return self._found(self._account.find_by_id(symbol, int(venue_order_id)))

        return await self._calls.call("order", "GET", arrive)

    async def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        def arrive() -> tuple[OrderReport, ...]:
            orders = self._account.floor.orders.values()
            return self._account.reports(one for one in orders if symbol in (None, one.request.symbol))

        return await self._calls.call("openOrders", "GET", arrive)

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        def arrive() -> tuple[TradeReport, ...]:
            number = None if venue_order_id is None else int(venue_order_id)
            found = self._account.store.trades(symbol, number, from_id, limit)
            return tuple(trade_report_of(self.name, trade) for trade in found)

        return await self._calls.call("myTrades", "GET", arrive)

    async def balances(self) -> BalancesReport:
        return await self._calls.call("account", "GET", self._account.balances)

    # --- condition -----------------------------------------------------------------------------------------

    def health(self) -> tuple[StreamHealth, ...]:
        """The market's streams, then our own."""
        median = self.latency.median_ms
        detail = "round trip not measured yet" if median is None else f"round trip {median:.0f} ms"
        own = StreamHealth(
            venue=self.name,
            name="paper account",
            state="down" if self._account.trouble or not self._news.flows else "live",
            age_s=None,
            rate=0.0,
            lag_ms=None,
            messages=0,
            gaps=0,
            reconnects=0,
            detail=self._account.trouble or f"{len(self._account.floor.orders)} open orders, {detail}",
        )
        return (*self._source.health(), own)

    def weight(self) -> WeightGauge:
        return self._source.weight()

    # --- inside --------------------------------------------------------------------------------------------

    def _called(self, call: Call) -> None:
        self.on_call(call)  # whoever listens by then

    def _may_place(self) -> None:
        if why := self.keep_home():
            raise VenueError(Reaction.RETRY_SAFE, "NOT_SENT", why)

    def _found(self, order: PaperOrder | None) -> OrderReport | None:
        return None if order is None else self._account.report(order)

    async def _mend_books(self) -> None:
        """Who asks for snapshots for the screen's sake brings ours along; where nobody does, we ask."""
        behind: set[str] = set()
        while True:
            await self._clock.sleep(_MEND_EVERY_S)
            self._account.keep_taken()
            now = self._account.blind()
            for symbol in sorted(now & behind):
                try:
                    await self.depth_snapshot(symbol)
                except VenueError:
                    break  # the next round asks again
            behind = now

    async def _keep_measuring(self) -> None:
        while True:
            await self._clock.sleep(_PING_EVERY_S)
            await self._measure()

    async def _measure(self) -> None:
        try:
            self.latency.measured(await self._source.ping())
        except VenueError:
            return  # what was measured before still counts


def _half(work: Callable[[], OrderReport]) -> ReplaceHalf:
    try:
        return ReplaceHalf(outcome=HalfOutcome.SUCCESS, report=work())
    except VenueError as error:
        return ReplaceHalf(outcome=HalfOutcome.FAILURE, code=error.code, text=error.text)


def _nobody(call: Call) -> None:
    """Nobody listens."""


def _nothing_private(event: UserEvent, receipt_ns: int) -> None:
    """Without a key the wrapped venue has no user events."""
