"""No product or sum of money is rounded on its way to a rule: what counts is what the venue will count."""

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from spark_tui.domain import lifecycle
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.arming import LiveArming
from spark_tui.engine.exposure import claim, locks, open_exposure, worst
from spark_tui.engine.records import LiveArmed
from spark_tui.engine.state import State
from spark_tui.link.messages import CanaryRow

# as wide as a venue's numbers come: 19 digits, of which up to 18 behind the point
amounts = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 10**19 - 1), st.integers(0, 18)
)
_WIDE = Decimal(10**19 - 1)
sides = st.sampled_from(Side)


def limit(quantity: Decimal, price: Decimal, side: Side = Side.BUY, number: int = 0) -> Order:
    request = OrderRequest(
        venue="v", symbol="S", side=side, type=OrderType.LIMIT, quantity=quantity, price=price
    )
    return Order(
        client_order_id=f"o{number}", request=request, state=OrderState.ACCEPTED, created_ms=1, updated_ms=1
    )


def exact(amount: Decimal | None) -> Fraction:
    assert amount is not None
    return Fraction(amount)


@given(amounts, amounts)
def test_what_an_order_takes_is_the_whole_product(quantity: Decimal, price: Decimal) -> None:
    order = limit(quantity, price)
    product = Fraction(quantity) * Fraction(price)
    assert exact(claim(order, None)) == product
    held, unclear = locks([order], State(), lambda venue, symbol: ("B", "Q"))
    assert (exact(held["Q"]), unclear) == (product, set())


@given(st.lists(st.tuples(amounts, amounts), max_size=5))
def test_orders_add_up_without_a_rest(pairs: list[tuple[Decimal, Decimal]]) -> None:
    orders = [limit(quantity, price) for quantity, price in pairs]
    assert exact(open_exposure(orders, Side.BUY, None)) == sum(Fraction(one) for one, _ in pairs)
    assert exact(worst(orders, lambda order: claim(order, None))) == sum(
        Fraction(quantity) * Fraction(price) for quantity, price in pairs
    )


@given(amounts, amounts, amounts)
def test_what_is_left_of_an_order_is_exact(quantity: Decimal, filled: Decimal, told: Decimal) -> None:
    order = msgspec.structs.replace(limit(quantity, Decimal(1)), filled=filled, venue_filled=told)
    left = max(Fraction(quantity) - max(Fraction(filled), Fraction(told)), 0)
    assert exact(lifecycle.leaves(order)) == left
    assert exact(lifecycle.exposure(order)) == left + max(Fraction(told) - Fraction(filled), 0)


@given(st.lists(st.tuples(amounts, amounts, sides), min_size=1, max_size=4), st.integers(-1, 1))
@example([(_WIDE, _WIDE, Side.BUY), (Decimal(1), Decimal(1), Side.BUY)], 0)
@example([(_WIDE, _WIDE, Side.BUY), (Decimal(1), Decimal(1), Side.BUY)], 1)
def test_an_arming_is_used_up_to_its_last_digit(
    orders: list[tuple[Decimal, Decimal, Side]], beyond: int
) -> None:
    """The last order may leave when it takes exactly what is left, and not one smallest unit above."""
    state, used = State(), Fraction(0)
    for number, (quantity, price, side) in enumerate(orders[:-1]):
        state.orders[f"o{number}"] = limit(quantity, price, side, number)
        used += Fraction(quantity) * Fraction(price)
    last = limit(*orders[-1])
    quantity, price, _ = orders[-1]
    money = Fraction(quantity) * Fraction(price)
    cap = used + money - beyond * Fraction(1, 10**40)
    state.armed = LiveArmed(
        symbols=("S",),
        cap=_decimal(cap),
        expires_ms=10,
        config_hash="hash",
        rests_on="canary",
        phrase="",
        operator="",
        at_ms=1,
    )
    arming = LiveArming(
        state,
        lambda record: None,
        lambda: 2,
        allowed=True,
        config_hash=lambda: "hash",
        worth=lambda request, amount: amount,
        bid=lambda request: None,
        proved=_believed,
        seen=lambda row: "",
        halted=lambda: False,
        settled=_settled,
    )
    assert bool(arming.refusal(last.request, _decimal(money))) is (beyond > 0)


async def _believed(row: CanaryRow) -> str:
    return ""


async def _settled() -> None:
    pass


def _decimal(number: Fraction) -> Decimal:
    """Only of a fraction that is a decimal of at most 40 places."""
    whole = number * 10**40
    assert whole.denominator == 1
    return Decimal(f"{whole.numerator}E-40")
