"""The paper account itself: floor, cash and disk kept in step, one transaction at a time."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from math import inf

from spark_tui.domain.book import OrderBook, Quote, Sync, Unusable
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, DepthRestart, DepthSnapshot, Level, MarketEvent, Top, Trade
from spark_tui.domain.order import Fill
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.checks import REJECTED, refused
from spark_tui.venues.paper.clearing import Clearing, Fees
from spark_tui.venues.paper.desk import Desk
from spark_tui.venues.paper.floor import Floor
from spark_tui.venues.paper.journal import Journal, balances_report, report_of
from spark_tui.venues.paper.orders import PaperOrder
from spark_tui.venues.paper.store import PaperStore
from spark_tui.venues.port import BalancesReport, OrderReport, UserEvent
from spark_tui.wire.clock import NS_PER_S, Clock

_UNSEEN = Unusable("its market is not streamed; add the symbol to `symbols`")


class PaperAccount:
    """`now_ms` is the venue's clock, `told` hears what a transaction changed once it is on disk."""

    def __init__(
        self,
        name: str,
        store: PaperStore,
        fees: Fees,
        clock: Clock,
        book_max_age_s: float,
        now_ms: Callable[[], int],
        told: Callable[[list[UserEvent]], None],
    ) -> None:
        self.name = name
        self.store = store
        self.now_ms = now_ms
        self.books: dict[str, OrderBook] = {}
        self.instruments: dict[str, Instrument] = {}
        self._traded: dict[str, tuple[int, int]] = {}  # id and time of the last trade heard, by symbol
        self.trouble = ""  # why nothing can be kept on disk
        self._fees = FeeRates(maker=fees.maker, taker=fees.taker)
        self._clock = clock
        self._told = told
        next_order, next_trade = store.next_ids()
        self._journal = Journal(name)
        self._cash = Cash(store.balances())
        self._begun = store.beginnings()
        self.floor = Floor(
            Clearing(self._cash, self._journal, fees, next_trade),
            self._journal,
            lambda symbol: _BookSight(lambda: self.books.get(symbol), clock, book_max_age_s),
            self._instrument,
            orders=store.open_orders(),
            lists=store.lists(),
            next_order=next_order,
            taken=store.taken(),
        )
        self.desk = Desk(self.floor)

    # --- the market ----------------------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> None:
        book = self.books.get(event.symbol)
        if book is None:
            return
        if isinstance(event, DepthDiff):
            if book.on_diff(event, self._clock.mono_ns()) is Sync.APPLIED:
                self.floor.on_depth(event.symbol, event, self.now_ms())
                self.settle()
        elif isinstance(event, DepthRestart):
            book.restart(self._clock.mono_ns())
        elif isinstance(event, Trade) and self._is_new(event):
            self.floor.on_trade(event, self.now_ms())
            self.settle()

    def _is_new(self, trade: Trade) -> bool:
        """Not what was heard before: a stream that was joined anew may repeat, and one trade must not move a
        queue twice. Ids that begin again (a testnet was reset) come with a later time. What is no number
        moves nothing."""
        if not (0 < trade.price < inf and 0 < trade.quantity < inf):
            return False
        last_id, last_ms = self._traded.get(trade.symbol, (-1, -1))
        if trade.trade_id <= last_id and trade.time_ms <= last_ms:
            return False
        self._traded[trade.symbol] = (trade.trade_id, max(trade.time_ms, last_ms))
        return True

    def on_snapshot(self, snapshot: DepthSnapshot, asked_ns: int, *, whole: bool) -> None:
        """A quiet market sends no updates: a book that stands where the venue stands may be filled from. One
        that stands behind a whole snapshot begins anew from it: no update may ever come to show the gap."""
        book = self.books.get(snapshot.symbol)
        if book is None:
            return
        was_live, stands = book.live, book.live or book.bridging
        if book.confirm(snapshot.last_id, asked_ns):
            if was_live:
                return
        elif not whole or (stands and snapshot.last_id < book.update_id):
            return
        else:
            if stands:
                book.invalidate("the venue moved on and no update came")
            book.on_snapshot(snapshot, self._clock.mono_ns())
        self.floor.on_depth(snapshot.symbol, None, self.now_ms())
        self.settle()

    def on_top(self, top: Top, asked_ns: int) -> None:
        """The venue still has this top: see `OrderBook.confirm_top`."""
        if top.symbol in self.books:
            self.books[top.symbol].confirm_top(top, asked_ns)

    def blind(self) -> set[str]:
        """Symbols whose book cannot be used until a snapshot comes."""
        return {symbol for symbol, book in self.books.items() if not book.live}

    # --- a transaction -------------------------------------------------------------------------------------

    def may_be_kept(self) -> None:
        """Raises VenueError while the disk takes nothing."""
        if self.trouble:
            raise refused(REJECTED, self.trouble)

    def settle(self) -> None:
        """A transaction is over: on disk first, then told. What the disk does not take is tried again with
        the next one; until then nobody hears of it, and no new order is taken."""
        journal = self._journal
        if journal.orders or journal.trades or journal.lists or self._cash.dirty:
            try:
                self._commit()
            except sqlite3.Error as error:
                self.trouble = f"The paper account cannot be written: {error}. Free some space."
                return
        self.trouble = ""
        events = journal.events
        if self._cash.dirty:
            changed = tuple(self._cash.balance(asset) for asset in sorted(self._cash.dirty))
            events = [*events, balances_report(self.name, changed, self.now_ms(), complete=False)]
        journal.clear()
        self._cash.dirty = set()
        if events:
            self._told(events)

    def keep_taken(self) -> None:
        """What the market gave back of levels that were taken from. It comes with every update, is no news to
        anybody, and waits for the next transaction or for this: lost, it makes a
        fill too small, never two."""
        journal = self._journal
        if journal.orders or journal.trades or journal.lists or self._cash.dirty:
            return  # the disk refused a transaction: `settle` writes it, once, and this with it
        if journal.taken:
            with contextlib.suppress(sqlite3.Error):  # the next transaction says what is wrong with the disk
                self._commit()

    def _commit(self) -> None:
        self.store.commit(self._journal, self._cash)
        self._journal.taken.clear()

    # --- what it is now ------------------------------------------------------------------------------------

    def balances(self) -> BalancesReport:
        return balances_report(
            self.name,
            self._cash.balances(),
            self.now_ms(),
            complete=True,
            fees=self._fees,
            begun=self._begun,
        )

    def report(self, order: PaperOrder, *, fills: bool = False) -> OrderReport:
        """`fills`: with what it traded in the transaction that is not settled yet."""
        traded: tuple[Fill, ...] = ()
        if fills:
            own = str(order.id)
            reports = (event for event in self._journal.events if isinstance(event, OrderReport))
            traded = tuple(fill for one in reports if one.venue_order_id == own for fill in one.fills)
        return report_of(self.name, order, traded)

    def reports(self, orders: Iterable[PaperOrder]) -> tuple[OrderReport, ...]:
        return tuple(self.report(order) for order in orders)

    def find(self, symbol: str, client_id: str) -> PaperOrder | None:
        return self.desk.find(symbol, client_id) or self.store.by_client_id(symbol, client_id)

    def find_by_id(self, symbol: str, order_id: int) -> PaperOrder | None:
        return self.floor.orders.get(order_id) or self.store.by_id(symbol, order_id)

    def _instrument(self, symbol: str) -> Instrument:
        found = self.instruments.get(symbol)
        if found is None:
            raise refused("-1121", "Invalid symbol.")
        return found


class _BookSight:
    """Implements matching.Sight over the account's own copy of the book."""

    def __init__(self, book: Callable[[], OrderBook | None], clock: Clock, max_age_s: float) -> None:
        self._book = book
        self._clock = clock
        self._max_age_ns = round(max_age_s * NS_PER_S)

    def quote(self) -> Quote | Unusable:
        book = self._book()
        return _UNSEEN if book is None else book.read(self._clock.mono_ns(), self._max_age_ns)

    def best_first(self, count: int, *, bids: bool) -> Iterator[Level] | Unusable:
        book = self._book()
        if book is None:
            return _UNSEEN
        return book.best_first(count, self._clock.mono_ns(), self._max_age_ns, bids=bids)

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        book = self._book()
        return None if book is None else book.quantity_at(price, bids=bids)
