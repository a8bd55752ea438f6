"""The position after an order, and its distance from liquidation, against tables worked by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.accounting.margin import Bracket
from spark_tui.domain.outlook import Terms, outlook
from spark_tui.domain.values import Side

D = Decimal
ONE = (Bracket(cap=D("1E+12"), rate=D("0.005")),)
TERMS = Terms(wallet=D(1_000), leverage=D(10), brackets=ONE)


@pytest.mark.parametrize(
    ("position", "side", "quantity", "after"),
    [
        ("0", Side.BUY, "1", "1"),
        ("0", Side.SELL, "1", "-1"),
        ("2", Side.SELL, "0.5", "1.5"),
        ("2", Side.SELL, "3", "-1"),
        ("-1", Side.BUY, "1", "0"),
    ],
)
def test_the_position_after(position: str, side: Side, quantity: str, after: str) -> None:
    told = outlook(D(position), D(100), side, D(quantity), D(100))
    assert told is not None
    assert (told.position, told.after) == (D(position), D(after))
    assert (told.liquidation, told.distance) == (None, None)  # nothing is margined


@pytest.mark.parametrize(
    ("position", "entry", "side", "quantity", "price", "closes"),
    [
        # wallet + q (p - e) = q p r: 1000 + 100 (p - 100) = 0.5 p
        ("0", "0", Side.BUY, "100", "100", D(9_000) / D("99.5")),
        # 1000 - 100 (p - 100) = 0.5 p
        ("0", "0", Side.SELL, "100", "100", D(11_000) / D("100.5")),
        # 50 at 90 and 50 at 110 are 100 at 100
        ("50", "90", Side.BUY, "50", "110", D(9_000) / D("99.5")),
        # half of 100 at 100 sold at 110 leaves 50 at 100 and 500 more
        ("100", "100", Side.SELL, "50", "110", D(3_500) / D("49.75")),
        # the same of a short, bought back at 90
        ("-100", "100", Side.BUY, "50", "90", D(6_500) / D("50.25")),
        # flipped: 50 long at 100 settled at 110 for 500, then 50 short at 110
        ("50", "100", Side.SELL, "100", "110", D(7_000) / D("50.25")),
    ],
)
def test_liquidation_by_hand(
    position: str, entry: str, side: Side, quantity: str, price: str, closes: Decimal
) -> None:
    told = outlook(D(position), D(entry), side, D(quantity), D(price), D(100), TERMS)
    assert told is not None
    assert told.liquidation is not None
    assert told.distance is not None
    assert round(told.liquidation, 8) == round(closes, 8)
    assert round(told.distance, 8) == round(abs(closes - 100), 8)  # the mark is 100


def test_what_is_closed_and_what_is_covered_is_not_liquidated() -> None:
    closed = outlook(D(1), D(100), Side.SELL, D(1), D(100), D(100), TERMS)
    assert closed is not None
    assert (closed.after, closed.liquidation) == (0, None)
    covered = outlook(D(0), D(0), Side.BUY, D(1), D(100), D(100), TERMS)  # 1000 stand behind 100
    assert covered is not None
    assert covered.liquidation is None


NUMBERS = st.sampled_from(["NaN", "sNaN", "Infinity", "0", "-1", "1", "60000", "1E+500"]).map(D)


@given(NUMBERS, NUMBERS, st.sampled_from(Side), NUMBERS, NUMBERS, st.none() | NUMBERS)
def test_what_is_no_number_gives_no_outlook(
    position: Decimal, entry: Decimal, side: Side, quantity: Decimal, price: Decimal, mark: Decimal | None
) -> None:
    told = outlook(position, entry, side, quantity, price, mark, TERMS)
    if told is not None:
        assert told.after.is_finite()
        assert told.distance is None or told.distance >= 0


@given(st.integers(20, 1_000), st.sampled_from(Side))
def test_more_on_the_same_wallet_is_nearer(size: int, side: Side) -> None:
    small, large = (
        outlook(D(0), D(0), side, D(quantity), D(100), D(100), TERMS) for quantity in (size, size + 1)
    )
    assert small is not None
    assert large is not None
    assert small.distance is not None
    assert large.distance is not None
    assert large.distance <= small.distance
