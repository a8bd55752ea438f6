"""Whatever is asked and whatever the market does: cash is conserved to the last digit, nothing is locked that
no order needs, nothing fills beyond what was there."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TimeInForce
from spark_tui.venues.paper.clearing import Fees
from spark_tui.venues.paper.orders import PaperTrade
from spark_tui.venues.paper.store import PaperStore
from spark_tui.venues.port import ListLeg, VenueError
from tests.engine.fake_venue import SYMBOL
from tests.venues.paper.market import Market, ask

D = Decimal
ASSETS = ("USDT", "BTC")
PRICES = st.integers(95, 106)
SIZES = st.sampled_from(["0.1", "0.5", "1", "2.25"])
SIDES = st.sampled_from(list(Side))
Step = tuple[str, tuple[object, ...]]


def _plain() -> st.SearchStrategy[Step]:
    tif = st.sampled_from(list(TimeInForce))
    return st.one_of(
        st.tuples(st.just("limit"), st.tuples(SIDES, SIZES, PRICES, tif)),
        st.tuples(st.just("iceberg"), st.tuples(SIDES, PRICES)),
        st.tuples(st.just("maker"), st.tuples(SIDES, SIZES, PRICES)),
        st.tuples(st.just("market"), st.tuples(SIDES, SIZES)),
        st.tuples(st.just("quote"), st.tuples(SIDES, st.integers(6, 300))),
        st.tuples(st.just("stop"), st.tuples(SIDES, SIZES, PRICES, st.booleans())),
        st.tuples(st.just("trailing"), st.tuples(SIDES, SIZES)),
        st.tuples(st.just("oco"), st.tuples(SIZES, PRICES, PRICES)),
        st.tuples(st.just("oco_buy"), st.tuples(SIZES, PRICES, PRICES)),
        st.tuples(st.just("oto"), st.tuples(SIZES, PRICES, PRICES)),
        st.tuples(st.just("otoco"), st.tuples(SIZES, PRICES, PRICES, PRICES)),
        st.tuples(st.just("cancel"), st.tuples(st.integers(0, 20))),
        st.tuples(st.just("amend"), st.tuples(st.integers(0, 20), SIZES)),
        st.tuples(st.just("trade"), st.tuples(PRICES, st.sampled_from([0.05, 0.7, 3.0]), st.booleans())),
        st.tuples(st.just("book"), st.tuples(st.integers(96, 104), st.sampled_from([0.2, 1.0, 4.0]))),
        st.tuples(st.just("lose"), st.just(())),
        st.tuples(st.just("stale"), st.just(())),
        st.tuples(st.just("restart"), st.just(())),
    )


class Walk:
    """Applies steps; a refusal is fine, a broken invariant is not."""

    def __init__(self) -> None:
        fees = Fees(maker=D("0.00071"), taker=D("0.00137"))  # no round figures
        self.market = Market([(99.0, 2.0)], [(101.0, 2.0)], usdt="700", btc="6", fees=fees)
        self.store = PaperStore.open(Path(":memory:"), {"USDT": D(700), "BTC": D(6)})
        self.trades: list[PaperTrade] = []
        self.bid, self.ask = 99, 101
        self.count = 0
        self.offered: Counter[tuple[bool, Decimal]] = Counter()  # size ever shown anew, by side and price
        self._offer(True, 99.0, 0.0, 2.0)
        self._offer(False, 101.0, 0.0, 2.0)

    def run(self, name: str, values: tuple[object, ...]) -> None:
        refusal = "-2010"
        blind = name != "book" and isinstance(self.market.quote(), Unusable)
        try:
            getattr(self, name)(*values)
        except VenueError as error:
            refusal = error.code
        assert refusal in {"-1013", "-2010", "-2011", "-2038"}
        assert not (blind and self.market.journal.trades)  # nothing fills from what cannot be read
        self.settle()
        self.check()

    def settle(self) -> None:
        """As the account does after every transaction, refusals included."""
        journal = self.market.journal
        self.store.commit(journal, self.market.cash)
        self.trades += journal.trades
        journal.clear()
        self.market.cash.dirty = set()

    def _place(self, request: object) -> None:
        self.count += 1
        self.market.desk.place(f"o{self.count}", request, self.count)  # type: ignore[arg-type]

    def limit(self, side: Side, size: str, price: int, tif: TimeInForce) -> None:
        self._place(ask(side, size, str(price), tif=tif))

    def iceberg(self, side: Side, price: int) -> None:
        self._place(ask(side, "1", str(price), iceberg_quantity=D("0.3")))

    def maker(self, side: Side, size: str, price: int) -> None:
        self._place(ask(side, size, str(price), OrderType.LIMIT_MAKER))

    def market_(self, side: Side, size: str) -> None:
        self._place(ask(side, size))

    def quote(self, side: Side, money: int) -> None:
        self._place(ask(side, None, quote_quantity=D(money)))

    def stop(self, side: Side, size: str, price: int, limit: bool) -> None:
        if limit:
            kind = OrderType.STOP_LOSS_LIMIT
            self._place(ask(side, size, str(price), kind, stop_price=D(price)))
        else:
            self._place(ask(side, size, type=OrderType.STOP_LOSS, stop_price=D(price)))

    def trailing(self, side: Side, size: str) -> None:
        self._place(ask(side, size, type=OrderType.TAKE_PROFIT, trailing_delta=150))

    def oco(self, size: str, high: int, low: int) -> None:
        above = ask(Side.SELL, size, str(high), OrderType.LIMIT_MAKER)
        below = ask(Side.SELL, size, type=OrderType.STOP_LOSS, stop_price=D(low))
        self._list(ListKind.OCO, (LegRole.ABOVE, above), (LegRole.BELOW, below))

    def oco_buy(self, size: str, high: int, low: int) -> None:
        above = ask(Side.BUY, size, type=OrderType.STOP_LOSS, stop_price=D(high))
        below = ask(Side.BUY, size, str(low), OrderType.LIMIT_MAKER)
        self._list(ListKind.OCO, (LegRole.ABOVE, above), (LegRole.BELOW, below))

    def otoco(self, size: str, first: int, high: int, low: int) -> None:
        above = ask(Side.SELL, size, str(high), OrderType.LIMIT_MAKER)
        below = ask(Side.SELL, size, str(low), OrderType.STOP_LOSS_LIMIT, stop_price=D(low))
        working = ask(Side.BUY, size, str(first))
        self._list(
            ListKind.OTOCO,
            (LegRole.WORKING, working),
            (LegRole.PENDING_ABOVE, above),
            (LegRole.PENDING_BELOW, below),
        )

    def oto(self, size: str, first: int, then: int) -> None:
        working, pending = ask(Side.BUY, size, str(first)), ask(Side.SELL, size, str(then))
        self._list(ListKind.OTO, (LegRole.WORKING, working), (LegRole.PENDING, pending))

    def _list(self, kind: ListKind, *legs: tuple[LegRole, object]) -> None:
        self.count += 1
        made = tuple(
            ListLeg(role=role, client_order_id=f"l{self.count}-{role}", request=request)  # type: ignore[arg-type]
            for role, request in legs
        )
        self.market.desk.place_list(f"l{self.count}", kind, made, self.count)

    def _pick(self, index: int) -> str:
        orders = list(self.market.floor.orders.values())
        return orders[index % len(orders)].client_id if orders else "none"

    def cancel(self, index: int) -> None:
        self.market.desk.cancel(SYMBOL, self._pick(index), self.count)

    def amend(self, index: int, size: str) -> None:
        self.market.desk.amend(SYMBOL, self._pick(index), D(size), self.count)

    def trade(self, price: int, size: float, sells: bool) -> None:
        self.market.trade(float(price), size, sells=sells)

    def book(self, middle: int, size: float) -> None:
        """The top moves to around `middle`."""
        bid, offer = middle - 1, middle + 1
        if not self.market.book.live:
            self.market.reload([(float(bid), size)], [(float(offer), size)])
            self._offer(True, float(bid), 0.0, size)
            self._offer(False, float(offer), 0.0, size)
        else:
            self._offer(True, float(bid), self._shown(True, bid), size)
            self._offer(False, float(offer), self._shown(False, offer), size)
            gone_bids = [(float(self.bid), 0.0)] if self.bid != bid else []
            gone_asks = [(float(self.ask), 0.0)] if self.ask != offer else []
            self.market.show([*gone_bids, (float(bid), size)], [*gone_asks, (float(offer), size)])
        self.bid, self.ask = bid, offer

    def _shown(self, bids: bool, price: int) -> float:
        return self.market.quantity_at(float(price), bids=bids) or 0.0

    def _offer(self, bids: bool, price: float, before: float, now: float) -> None:
        grown = from_float(now) - from_float(before)
        self.offered[bids, from_float(price)] += max(grown, D(0))  # type: ignore[assignment]

    def lose(self) -> None:
        self.market.lose()

    def stale(self) -> None:
        """Nothing comes for longer than a book may be old."""
        self.market.now += 2 * 10**9

    def restart(self) -> None:
        """What was taken from a level is forgotten with it: all that is shown counts as offered anew."""
        before = self._told()
        self.market.restart(self.store)
        assert self._told() == before
        for bids, price in ((True, self.bid), (False, self.ask)):
            self._offer(bids, float(price), 0.0, self._shown(bids, price))

    def _told(self) -> tuple[object, ...]:
        """All that a restart must not change."""
        floor, cash = self.market.floor, self.market.cash
        orders = [
            (
                one.id,
                one.client_id,
                one.phase,
                one.status,
                one.quantity,
                one.filled,
                one.reserved,
                one.list_id,
            )
            for one in floor.orders.values()
        ]
        trailing = [(one.trailing, one.extreme, one.lock_price) for one in floor.orders.values()]
        return sorted(orders), trailing, sorted(floor.lists), [cash.balance(asset) for asset in ASSETS]

    def check(self) -> None:
        market = self.market
        locked: Counter[str] = Counter()
        for order in market.floor.orders.values():
            assert order.open
            assert D(0) <= order.filled <= order.quantity
            locked["USDT" if order.buys else "BTC"] += order.reserved  # type: ignore[assignment]
            if order.lock_price and order.buys and order.role is None:
                assert order.reserved == order.lock_price * order.left
        flows = {"USDT": D(700), "BTC": D(6)}
        for trade in self.trades:
            sign = 1 if trade.side is Side.BUY else -1
            flows["BTC"] += sign * trade.quantity
            flows["USDT"] -= sign * trade.quantity * trade.price
            flows[trade.commission_asset] -= trade.commission
        for asset in ASSETS:
            balance = market.cash.balance(asset)
            assert balance.free >= 0
            assert balance.locked == locked[asset]
            assert balance.total == flows[asset]
        self._nothing_twice(self.trades)
        assert len({trade.id for trade in self.trades}) == len(self.trades)

    def _nothing_twice(self, trades: list[PaperTrade]) -> None:
        taken: Counter[tuple[bool, Decimal]] = Counter()
        for trade in trades:
            if not trade.maker:
                taken[trade.side is Side.SELL, trade.price] += trade.quantity  # type: ignore[assignment]
        assert all(amount <= self.offered[key] for key, amount in taken.items())


@settings(max_examples=300, deadline=None)
@given(st.lists(_plain(), max_size=25))
def test_cash_is_conserved_and_nothing_fills_from_nothing(steps: list[Step]) -> None:
    walk = Walk()
    for name, values in steps:
        walk.run("market_" if name == "market" else name, values)
    for order in list(walk.market.floor.orders.values()):
        if order.open:
            walk.market.desk.cancel(SYMBOL, order.client_id, 99)
    walk.settle()
    walk.check()
    assert walk.store.open_orders() == walk.store.lists() == []
    walk.store.close()
    assert [walk.market.cash.locked(asset) for asset in ASSETS] == [0, 0]


def test_what_is_stored_reads_back_the_same() -> None:
    walk = Walk()
    walk.run("limit", (Side.BUY, "1", 98, TimeInForce.GTC))
    [order] = walk.market.floor.orders.values()
    assert msgspec.json.decode(msgspec.json.encode(order), type=type(order)) == order
