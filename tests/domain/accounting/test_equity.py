"""The curve: gains are gains, deposits are not, and it is bounded however long it runs."""

from decimal import Decimal

import pytest

from spark_tui.domain.accounting import Curve, Window
from tests.domain.accounting.fills import D

MINUTE = 60_000


def curve(*equities: str) -> Curve:
    found = Curve()
    for number, equity in enumerate(equities):
        found.sample(number * MINUTE, D(equity), ())
    return found


def gain_and_fall(found: Curve) -> tuple[Decimal, Decimal]:
    assert found.last is not None
    return found.last.gain, found.last.fall


@pytest.mark.parametrize(
    ("equities", "gain", "fall"),
    [
        (("1000",), "0", "0"),
        (("1000", "1100"), "100", "0"),
        (("1000", "1100", "990"), "-10", "0.1"),  # 110 of 1100
        (("1000", "1100", "990", "1100"), "100", "0"),
        (("1000", "500"), "-500", "0.5"),
        (("1000", "0"), "-1000", "1"),
        (("1000", "-50"), "-1050", "1"),
    ],
)
def test_gain_counts_from_the_first_and_the_fall_from_the_peak(
    equities: tuple[str, ...], gain: str, fall: str
) -> None:
    assert gain_and_fall(curve(*equities)) == (D(gain), D(fall))


def test_money_from_outside_is_neither_gain_nor_loss() -> None:
    found = curve("1000", "1100")
    found.flow(D(-600))
    found.sample(3 * MINUTE, D(500), ())  # 600 left the account
    assert gain_and_fall(found) == (D(100), D(0))
    found.sample(4 * MINUTE, D(400), ())
    assert gain_and_fall(found) == (D(0), D("0.2"))  # 100 of the 500 there would be
    found.flow(D(1_000))
    found.sample(5 * MINUTE, D(1_400), ())
    assert found.last is not None
    assert found.last.gain == 0
    assert found.deepest is not None
    assert (found.deepest.at_ms, found.deepest.fall) == (4 * MINUTE, D("0.2"))


def test_what_cannot_be_priced_any_more_is_no_loss() -> None:
    found = curve("1000", "1100")
    found.sample(2 * MINUTE, D(300), ("SHIB",))  # SHIB left the watchlist
    assert gain_and_fall(found) == (D(100), D(0))
    found.sample(3 * MINUTE, D(270), ("SHIB",))
    assert gain_and_fall(found) == (D(70), D("0.1"))
    found.sample(4 * MINUTE, D(1_070), ())
    assert gain_and_fall(found)[0] == 70


def test_money_of_unknown_worth_makes_no_gain() -> None:
    found = curve("1000")
    found.flow(None)
    found.sample(MINUTE, D(1_500), ())
    assert gain_and_fall(found) == (D(0), D(0))
    found.sample(2 * MINUTE, D(1_510), ())
    assert gain_and_fall(found) == (D(10), D(0))


def test_looking_changes_nothing() -> None:
    found = curve("1000", "900")
    before = found.digest()
    assert found.now(3 * MINUTE, D(500), ()).fall == D("0.5")
    assert found.digest() == before


def test_it_is_bounded_and_keeps_the_last_of_each_bucket() -> None:
    found = Curve()
    hours = 24 * 40
    for hour in range(hours):
        for minute in (0, 30):
            found.sample(hour * 60 * MINUTE + minute * MINUTE, D(1_000 + hour), ())
    day, month, whole = (list(found.points[window]) for window in Window)
    assert len(day) == 1_440
    assert len(month) == 24 * 31
    assert len(whole) == 40
    assert month[-1].at_ms == ((hours - 1) * 60 + 30) * MINUTE
    assert [point.equity for point in whole[:2]] == [1_023, 1_047]


def test_a_sample_is_due_once_a_minute() -> None:
    found = Curve()
    assert found.due(5)
    found.sample(5, D(1), ())
    assert not found.due(MINUTE - 1)
    assert found.due(MINUTE)
