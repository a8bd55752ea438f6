"""What the cockpit knows: the latest of everything the engine said, and which topics changed since.

Latest wins: an event costs one dictionary store, and nothing is painted from here. Collections are bounded.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from spark_tui.domain.instrument import Instrument, LotSize, MarketLotSize, PriceFilter
from spark_tui.domain.lists import ROLES
from spark_tui.domain.market import Candle
from spark_tui.domain.order import TERMINAL
from spark_tui.link.messages import (
    AlgoRow,
    Balances,
    BookView,
    Canaries,
    CanaryRow,
    CandlesView,
    Difference,
    Differences,
    DrillRow,
    Event,
    FillRow,
    Fills,
    Health,
    Notice,
    OrderUpdate,
    PositionRow,
    Positions,
    Status,
    TickerRow,
    Tickers,
    TradesView,
)
from spark_tui.ui.clock import Clock
from spark_tui.ui.format import decimals_of
from spark_tui.ui.story import tell

MAX_ORDERS = 1_000
MAX_FILLS = 500
MAX_NOTICES = 300
MAX_CANDLES = 500
MAX_ALGOS = 200
MAX_CANARIES = 200


class Topic(StrEnum):
    """What can change; a pane names the topics it shows."""

    STATUS = "status"
    BALANCES = "balances"
    POSITIONS = "positions"
    ORDERS = "orders"
    FILLS = "fills"
    TICKERS = "tickers"
    BOOK = "book"
    TRADES = "trades"
    CANDLES = "candles"
    HEALTH = "health"
    LOG = "log"
    DIFFERENCES = "differences"
    ALGOS = "algos"
    DRILLS = "drills"
    CANARIES = "canaries"
    LINK = "link"
    LOOK = "look"  # the instrument or interval looked at
    SECOND = "second"  # a second passed: ages moved on


class Steps(NamedTuple):
    """Tick and step of an instrument and the decimals they need."""

    tick: Decimal | None
    step: Decimal | None
    price: int
    quantity: int


UNKNOWN_STEPS = Steps(None, None, 2, 4)

Key = tuple[str, str]  # (venue, symbol)


class Model:
    """The store. `apply` is called for every event; `take_dirty` by the pump."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dirty: set[Topic] = set()
        self.status: Status | None = None
        self.balances: Balances | None = None
        self.health: Health | None = None
        self.positions: tuple[PositionRow, ...] = ()
        self.orders: dict[str, OrderUpdate] = {}  # by client order id
        self.fills: deque[FillRow] = deque(maxlen=MAX_FILLS)  # oldest first
        self.notices: deque[Notice] = deque(maxlen=MAX_NOTICES)  # oldest first
        self.tickers: dict[Key, TickerRow] = {}
        self.differences: Differences | None = None
        self.algos: dict[str, AlgoRow] = {}  # by id, newest last
        self.drills: dict[str, DrillRow] = {}  # by name
        self.canaries: Canaries | None = None  # as last asked; the rows are in `canary_rows`
        self.canary_rows: dict[str, CanaryRow] = {}  # by run id, newest last
        self.book: BookView | None = None
        self.trades: TradesView | None = None
        self.candles: dict[int, Candle] = {}  # by open time
        self.candles_of: tuple[str, str, str] = ("", "", "")  # venue, symbol, interval
        self.instruments: dict[Key, Instrument] = {}
        self.look: Key = ("", "")
        self.interval = "1m"
        self.lost_because = "not attached yet"  # empty while the engine is there
        self.lost_at_s = clock.mono_s()
        self.events = 0
        self.quiet = False  # a snapshot is taken in: what it says happened before
        self.kill_result = ""  # what the last kill did; shown while halted
        self.alarm = ""  # something an operator must see until it is over: a kill that was not confirmed
        self._steps: dict[Key, Steps] = {}
        self._heard_s: dict[Key, float] = {}
        self._status_s = 0.0
        self._book_s = 0.0
        self._fill_ids: set[tuple[str, str, str]] = set()

    # --- what arrives --------------------------------------------------------------------------------------

    def apply_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        self.events += 1
        now = self.clock.mono_s()
        match event:
            case Tickers(rows=rows):
                for row in rows:
                    self.tickers[row.venue, row.symbol] = row
                    self._heard_s[row.venue, row.symbol] = now
                self.dirty.add(Topic.TICKERS)
            case BookView():
                if (event.venue, event.symbol) == self.look:
                    self.book, self._book_s = event, now
                    self.dirty.add(Topic.BOOK)
            case TradesView():
                if (event.venue, event.symbol) == self.look:
                    self.trades = event
                    self.dirty.add(Topic.TRADES)
            case CandlesView():
                self._apply_candles(event)
            case OrderUpdate():
                self._apply_order(event)
            case Fills(rows=fills):
                self._apply_fills(fills)
            case Positions(rows=positions):
                self.positions = positions
                self.dirty.add(Topic.POSITIONS)
            case Balances():
                self.balances = event
                self.dirty.add(Topic.BALANCES)
            case Status():
                self.status, self._status_s = event, now
                self.dirty.add(Topic.STATUS)
            case Health():
                self.health = event
                self.dirty.add(Topic.HEALTH)
            case Differences():
                self.differences = event
                self.dirty.add(Topic.DIFFERENCES)
            case AlgoRow():
                self.algos[event.algo_id] = event
                while len(self.algos) > MAX_ALGOS:
                    del self.algos[next(iter(self.algos))]
                self.dirty.add(Topic.ALGOS)
            case DrillRow():
                self.drills[event.name] = event
                self.dirty.add(Topic.DRILLS)
            case CanaryRow():
                self.canary_rows[event.run_id] = event
                if len(self.canary_rows) > MAX_CANARIES:
                    del self.canary_rows[next(iter(self.canary_rows))]
                self.dirty.add(Topic.CANARIES)
            case Notice():
                self.notices.append(event)
                self.dirty.add(Topic.LOG)

    def _apply_candles(self, event: CandlesView) -> None:
        if (event.venue, event.symbol) != self.look or event.interval != self.interval:
            return
        of = (event.venue, event.symbol, event.interval)
        if event.whole or of != self.candles_of:
            self.candles, self.candles_of = {}, of
        for candle in event.rows:
            self.candles[candle.open_ms] = candle
        for open_ms in sorted(self.candles)[:-MAX_CANDLES]:
            del self.candles[open_ms]
        self.dirty.add(Topic.CANDLES)

    def _apply_order(self, update: OrderUpdate) -> None:
        known = self.orders.get(update.order.client_order_id)
        if known is not None and known.order.updated_ms > update.order.updated_ms:
            return
        self.orders[update.order.client_order_id] = update
        if not self.quiet:
            told = tell(known.order if known else None, update.order, self.venue_now_ms())
            if told is not None:
                level, text = told
                self.notices.append(Notice(time_ms=self.venue_now_ms(), level=level, text=text))
                self.dirty.add(Topic.LOG)
        if len(self.orders) > MAX_ORDERS:
            closed = (key for key, row in self.orders.items() if row.order.state in TERMINAL)
            self.orders.pop(next(closed, next(iter(self.orders))))
        self.dirty.add(Topic.ORDERS)

    def _apply_fills(self, rows: tuple[FillRow, ...]) -> None:
        for row in rows:
            identity = (row.venue, row.symbol, row.fill.trade_id)
            if identity not in self._fill_ids:
                self._fill_ids.add(identity)
                self.fills.append(row)
        if len(self._fill_ids) > 2 * MAX_FILLS:
            self._fill_ids = {(row.venue, row.symbol, row.fill.trade_id) for row in self.fills}
        self.dirty.add(Topic.FILLS)

    def set_instruments(self, rows: Iterable[Instrument]) -> None:
        self.instruments = {(row.venue, row.symbol): row for row in rows}
        self._steps.clear()
        self.dirty |= {Topic.TICKERS, Topic.BOOK, Topic.CANDLES, Topic.ORDERS, Topic.TRADES}

    def set_canaries(self, known: Canaries) -> None:
        self.canaries = known
        self.canary_rows = {row.run_id: row for row in reversed(known.rows)}
        self.dirty.add(Topic.CANARIES)

    def set_look(self, key: Key, interval: str) -> None:
        """Look at another instrument: what belonged to the old one is forgotten, never shown as new."""
        if key != self.look:
            self.book = None
            self.trades = None
        if (*key, interval) != self.candles_of:
            self.candles, self.candles_of = {}, (*key, interval)
        self.look, self.interval = key, interval
        self.dirty |= {Topic.LOOK, Topic.BOOK, Topic.TRADES, Topic.CANDLES, Topic.TICKERS}

    def lost(self, why: str) -> None:
        """The engine is gone (or, with an empty `why`, back)."""
        if bool(why) != bool(self.lost_because):
            self.lost_at_s = self.clock.mono_s()
        self.lost_because = why
        self.dirty.add(Topic.LINK)

    def reset(self) -> None:
        """Before a fresh snapshot: what the engine will say again is dropped, so nothing stale survives."""
        self.orders.clear()
        self.fills.clear()
        self._fill_ids.clear()
        self.positions = ()
        self.differences = None
        self.algos.clear()
        self.drills.clear()
        self.book = self.trades = None
        self.candles = {}
        self.dirty |= set(Topic)

    def take_dirty(self) -> set[Topic]:
        dirty, self.dirty = self.dirty, set()
        return dirty

    # --- what is asked -------------------------------------------------------------------------------------

    def steps(self, key: Key) -> Steps:
        steps = self._steps.get(key)
        if steps is None:
            instrument = self.instruments.get(key)
            if instrument is None:
                return UNKNOWN_STEPS
            steps = self._steps[key] = _steps(instrument)
        return steps

    @property
    def instrument(self) -> Instrument | None:
        """The instrument looked at."""
        return self.instruments.get(self.look)

    def ticker_age_s(self, row: TickerRow) -> float:
        heard = self._heard_s.get((row.venue, row.symbol))
        return row.age_s + (self.clock.mono_s() - heard if heard is not None else 0.0)

    def book_age_s(self) -> float:
        return self.book.age_s + self.clock.mono_s() - self._book_s if self.book else 0.0

    def status_age_s(self) -> float:
        return self.clock.mono_s() - self._status_s

    def venue_now_ms(self) -> int:
        """The venue's clock now: its last reading carried forward; this machine's before the first one."""
        if self.status is None:
            return self.clock.wall_ms()
        return self.status.time_ms + int(self.status_age_s() * 1_000)

    def orders_newest_first(self) -> list[OrderUpdate]:
        """Open orders first, then the closed; each newest first. The legs of a list stay together, in the
        order of their roles, and are open for as long as one of them is."""
        lists: dict[str, tuple[bool, int]] = {}  # list -> (all closed, newest)
        for row in self.orders.values():
            part = row.order.part
            if part is not None:
                closed, newest = lists.get(part.list_id, (True, 0))
                lists[part.list_id] = (
                    closed and row.order.state in TERMINAL,
                    max(newest, row.order.created_ms),
                )

        def place(row: OrderUpdate) -> tuple[bool, int, str, int, str]:
            order, part = row.order, row.order.part
            if part is None:
                return order.state in TERMINAL, -order.created_ms, order.client_order_id, 0, ""
            closed, newest = lists[part.list_id]
            return closed, -newest, part.list_id, ROLES[part.kind].index(part.role), order.client_order_id

        return sorted(self.orders.values(), key=place)

    def legs(self, list_id: str) -> list[OrderUpdate]:
        """Of one list, in the order of their roles."""
        rows = self.orders_newest_first()
        return [row for row in rows if row.order.part is not None and row.order.part.list_id == list_id]

    def difference(self, difference_id: str) -> Difference | None:
        rows = self.differences.rows if self.differences else ()
        return next((row for row in rows if row.difference_id == difference_id), None)

    def open_orders(self) -> list[OrderUpdate]:
        return [row for row in self.orders_newest_first() if row.order.state not in TERMINAL]


def _steps(instrument: Instrument) -> Steps:
    tick: Decimal | None = None
    step: Decimal | None = None
    for rule in instrument.filters:
        if isinstance(rule, PriceFilter) and rule.tick_size:
            tick = rule.tick_size
        elif (isinstance(rule, LotSize) and rule.step_size) or (
            isinstance(rule, MarketLotSize) and rule.step_size and step is None
        ):
            step = rule.step_size
    return Steps(
        tick,
        step,
        decimals_of(tick) if tick else min(8, instrument.quote_precision),
        decimals_of(step) if step else min(8, instrument.base_precision),
    )
