"""A twin that passes over what cannot concern it ends as one that looks at everything."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.market import DepthDiff, DepthSnapshot, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Side, TimeInForce
from spark_tui.engine.twin.twin import Twin
from tests.engine.fake_venue import SYMBOL, instrument
from tests.venues.paper.market import Market, ask

PRICES = st.integers(96, 104)
SIZES = st.sampled_from([0.0, 0.2, 1.0, 3.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), PRICES, st.sampled_from([0.05, 0.7, 3.0]), st.booleans()),
        st.tuples(st.just("move"), PRICES, SIZES, SIZES),
        st.tuples(st.just("lose")),
        st.tuples(st.just("reload"), PRICES, SIZES, SIZES),
    ),
    max_size=30,
)
REQUESTS = st.builds(
    lambda side, away, peak: ask(
        side,
        "1",
        str(100 - away if side is Side.BUY else 100 + away),
        tif=TimeInForce.GTC,
        iceberg_quantity=Decimal("0.3") if peak else None,
    ),
    st.sampled_from(list(Side)),
    st.integers(-1, 3),
    st.booleans(),
)


class Watchful(Twin):
    """Looks at everything."""

    def _beyond_trade(self, trade: Trade) -> bool:
        return False

    def _beyond_diff(self, diff: DepthDiff | None) -> bool:
        return False


class Street:
    """One market and a twin on it. Only the levels that changed are told, as a venue does."""

    def __init__(self, kind: type[Twin], request: OrderRequest) -> None:
        self.market = Market([(99.0, 2.0)], [(101.0, 2.0)])
        self.shown: tuple[dict[float, float], dict[float, float]] = ({99.0: 2.0}, {101.0: 2.0})
        self.twin = kind(request, instrument(), self.market, lambda: 0.0, None)
        self.number = 1

    def trade(self, price: int, size: float, sells: bool) -> None:
        self.number += 1
        self.twin.on_trade(Trade(SYMBOL, self.number, float(price), size, self.number, sells))

    def move(self, middle: int, bid: float, ask: float) -> None:
        wanted = around(middle, bid, ask)
        changes = [
            sorted({**dict.fromkeys(before, 0.0), **now}.items() - before.items())
            for before, now in zip(self.shown, wanted, strict=True)
        ]
        self.shown = wanted
        following = self.market.book.update_id + 1
        diff = DepthDiff(SYMBOL, following, following, changes[0], changes[1], self.number)
        self.market.book.on_diff(diff, self.market.now)
        self.twin.on_depth(diff)

    def lose(self) -> None:
        self.market.lose()

    def reload(self, middle: int, bid: float, ask: float) -> None:
        self.shown = around(middle, bid, ask)
        following = self.market.book.update_id + 5
        bids, asks = (sorted(side.items()) for side in self.shown)
        self.market.book.on_diff(DepthDiff(SYMBOL, following, following, [], [], 1), self.market.now)
        self.market.book.on_snapshot(DepthSnapshot(SYMBOL, following, bids[::-1], asks), self.market.now)
        self.twin.on_depth(None)


def around(middle: int, bid: float, ask: float) -> tuple[dict[float, float], dict[float, float]]:
    """Two levels a side; a size of 0 is a side that is not there."""
    bids = {middle - 1.0: bid, middle - 2.0: bid}
    asks = {middle + 1.0: ask, middle + 2.0: ask}
    return (
        {price: size for price, size in bids.items() if size},
        {price: size for price, size in asks.items() if size},
    )


def told(kind: type[Twin], request: OrderRequest, steps: list[tuple[object, ...]]) -> list[object]:
    street = Street(kind, request)
    seen: list[object] = []
    for name, *values in steps:
        getattr(street, str(name))(*values)
        order = street.twin._order
        ahead = order.ahead if order is not None and order.open else None
        seen.append((street.twin.filled, street.twin.quote, street.twin.state, ahead))
    return seen


@given(request=REQUESTS, steps=STEPS)
@settings(max_examples=500, deadline=None)
def test_nothing_that_concerns_a_twin_is_passed_over(
    request: OrderRequest, steps: list[tuple[object, ...]]
) -> None:
    assert told(Twin, request, steps) == told(Watchful, request, steps)


@pytest.mark.parametrize("side", list(Side))
def test_a_trade_elsewhere_never_reaches_the_floor(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market([(99.0, 2.0)], [(101.0, 2.0)])
    twin = Twin(ask(side, "1", "99" if side is Side.BUY else "101"), instrument(), market, lambda: 0.0, None)

    def reached(*_: object) -> None:
        raise AssertionError("the floor was asked")

    monkeypatch.setattr(twin._floor, "on_trade", reached)
    twin.on_trade(Trade(SYMBOL, 1, 100.0, 5.0, 1, side is Side.BUY))
