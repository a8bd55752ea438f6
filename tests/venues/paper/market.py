"""A market of one symbol that tests set by hand, and a paper floor on it."""

from collections.abc import Iterator
from decimal import Decimal

from spark_tui.domain.account import Balance
from spark_tui.domain.book import OrderBook, Quote, Unusable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.clearing import Clearing, Fees
from spark_tui.venues.paper.desk import Desk
from spark_tui.venues.paper.floor import Floor
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.store import PaperStore
from tests.engine.fake_venue import NAME, SYMBOL, instrument

D = Decimal
Levels = list[tuple[float, float]]


class Market:
    """Implements matching.Sight; `orders` is what trades on it."""

    def __init__(
        self,
        bids: Levels,
        asks: Levels,
        *,
        usdt: str = "100000",
        btc: str = "10",
        fees: Fees | None = None,
        known: Instrument | None = None,
    ) -> None:
        self.book = OrderBook(SYMBOL)
        self.now = 1
        self._id = 1
        self._trade_id = 0
        self.book.on_diff(DepthDiff(SYMBOL, 1, 1, [], [], 1), self.now)
        self.book.on_snapshot(DepthSnapshot(SYMBOL, 1, bids, asks), self.now)
        self.journal = Journal(NAME)
        self.cash = Cash(
            Balance(asset=asset, free=D(amount), locked=D(0))
            for asset, amount in (("USDT", usdt), ("BTC", btc))
        )
        self._fees = fees or Fees()
        self._known = known or instrument()
        self.clearing = Clearing(self.cash, self.journal, self._fees)
        self.floor = Floor(self.clearing, self.journal, lambda _: self, lambda _: self._known)
        self.desk = Desk(self.floor)

    def restart(self, store: PaperStore) -> None:
        """The account as the next process finds it; what only memory knew is gone."""
        next_order, next_trade = store.next_ids()
        self.journal = Journal(NAME)
        self.cash = Cash(store.balances())
        self.clearing = Clearing(self.cash, self.journal, self._fees, next_trade)
        self.floor = Floor(
            self.clearing,
            self.journal,
            lambda _: self,
            lambda _: self._known,
            orders=store.open_orders(),
            lists=store.lists(),
            next_order=next_order,
            taken=store.taken(),
        )
        self.desk = Desk(self.floor)

    def quote(self) -> Quote | Unusable:
        return self.book.read(self.now, 10**9)

    def best_first(self, count: int, *, bids: bool) -> Iterator[Level] | Unusable:
        return self.book.best_first(count, self.now, 10**9, bids=bids)

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        return self.book.quantity_at(price, bids=bids)

    def show(self, bids: Levels = [], asks: Levels = []) -> None:  # noqa: B006 - never changed
        """The next diff."""
        self._id += 1
        diff = DepthDiff(SYMBOL, self._id, self._id, bids, asks, self._id)
        self.book.on_diff(diff, self.now)
        self.floor.on_depth(SYMBOL, diff, self._id)

    def trade(self, price: float, quantity: float, *, sells: bool) -> None:
        """Somebody takes: `sells` hits the bids."""
        self._trade_id += 1
        self.floor.on_trade(Trade(SYMBOL, self._trade_id, price, quantity, self._id, sells), self._id)

    def lose(self) -> None:
        self.book.invalidate("lost")

    def reload(self, bids: Levels, asks: Levels) -> None:
        self._id += 2
        self.book.on_diff(DepthDiff(SYMBOL, self._id, self._id, [], [], self._id), self.now)
        self.book.on_snapshot(DepthSnapshot(SYMBOL, self._id, bids, asks), self.now)
        self.floor.on_depth(SYMBOL, None, self._id)


def ask(
    side: Side,
    quantity: str | None = "1",
    price: str | None = None,
    type: OrderType | None = None,
    **more: object,
) -> OrderRequest:
    kind = type or (OrderType.MARKET if price is None else OrderType.LIMIT)
    tif = more.pop("tif", None)
    if tif is None and kind in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT):
        tif = TimeInForce.GTC
    return OrderRequest(
        venue=NAME,
        symbol=SYMBOL,
        side=side,
        type=kind,
        quantity=None if quantity is None else D(quantity),
        price=None if price is None else D(price),
        time_in_force=tif,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )
