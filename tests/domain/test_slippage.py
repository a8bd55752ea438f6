"""What an order takes from a book, and when its nearest levels tell that already."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.market import Level
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.slippage import Taken, decided, take
from spark_tui.domain.values import OrderType, Side, TimeInForce

SIDES = st.sampled_from(list(Side))
PRICES = st.lists(st.integers(90, 110), min_size=1, max_size=12, unique=True)
SIZES = st.integers(1, 9)


def order(side: Side, kind: OrderType, **numbers: Decimal | None) -> OrderRequest:
    return OrderRequest(
        venue="binance-spot",
        symbol="BTCUSDT",
        side=side,
        type=kind,
        time_in_force=TimeInForce.GTC if kind is OrderType.LIMIT else None,
        **numbers,
    )


@st.composite
def orders(draw: st.DrawFn, side: Side) -> OrderRequest:
    number = Decimal(draw(st.integers(1, 60)))
    match draw(st.sampled_from(["limit", "market", "money", "stop"])):
        case "limit":
            return order(side, OrderType.LIMIT, quantity=number, price=Decimal(draw(st.integers(88, 112))))
        case "market":
            return order(side, OrderType.MARKET, quantity=number)
        case "money":
            return order(side, OrderType.MARKET, quote_quantity=number * 50)
        case _:
            return order(side, OrderType.STOP_LOSS, quantity=number, stop_price=Decimal(100))


@given(st.data(), SIDES, PRICES)
def test_levels_that_decide_say_what_the_whole_book_says(
    data: st.DataObject, side: Side, prices: list[int]
) -> None:
    request = data.draw(orders(side))
    best_first = sorted(prices, reverse=side is Side.SELL)
    levels: list[Level] = [(float(price), float(data.draw(SIZES))) for price in best_first]
    for count in range(len(levels) + 1):
        if decided(request, levels[:count]):
            assert take(request, levels[:count]) == take(request, levels)


def test_an_order_that_rests_or_is_filled_nearby_is_decided_by_the_nearest_levels() -> None:
    asks = [(100.0, 1.0), (101.0, 1.0)]
    rests = order(Side.BUY, OrderType.LIMIT, quantity=Decimal(5), price=Decimal(90))
    fits = order(Side.BUY, OrderType.MARKET, quantity=Decimal(1))
    larger = order(Side.BUY, OrderType.MARKET, quantity=Decimal(3))
    assert [decided(one, asks) for one in (rests, fits, larger)] == [True, True, False]
    assert take(larger, asks) == Taken(short=True)
