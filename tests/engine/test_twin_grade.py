"""Figures and grades against worked cases; each threshold from both sides."""

from decimal import Decimal

import pytest

from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.twin.grade import grade, total, worse_bp
from spark_tui.link.messages import DiffGrade, DiffRow, DiffSide

D = Decimal
A, B, C, BAD, NONE = DiffGrade.A, DiffGrade.B, DiffGrade.C, DiffGrade.D, DiffGrade.NONE


@pytest.mark.parametrize(
    ("side", "price", "reference", "worse"),
    [
        (Side.BUY, "101", "100", "100.00"),
        (Side.BUY, "99.5", "100", "-50.00"),
        (Side.SELL, "99", "100", "100.00"),
        (Side.SELL, "100.01", "100", "-1.00"),
    ],
)
def test_worse_is_positive_on_both_sides(side: Side, price: str, reference: str, worse: str) -> None:
    assert worse_bp(side, D(price), D(reference)) == D(worse)


def test_no_price_is_no_error() -> None:
    assert worse_bp(Side.BUY, None, D(1)) is None
    assert worse_bp(Side.BUY, D(1), None) is None


@pytest.mark.parametrize(
    ("price", "fill", "seconds", "earned"),
    [
        ("1", "0.01", 0.25, A),
        ("1.01", "0", 0.0, B),
        ("-5", "0", 0.0, B),
        ("5.01", "0", 0.0, C),
        ("-20", "0", 0.0, C),
        ("20.01", "0", 0.0, BAD),
        ("0", "-0.02", 0.0, B),
        ("0", "0.05", 0.0, B),
        ("0", "0.06", 0.0, C),
        ("0", "-0.2", 0.0, C),
        ("0", "0.21", 0.0, BAD),
        ("0", "0", -0.26, B),
        ("0", "0", 1.1, C),
        ("0", "0", 5.1, BAD),
        (None, "0", None, A),
        (None, None, None, NONE),
    ],
)
def test_the_worst_of_the_three_is_the_grade(
    price: str | None, fill: str | None, seconds: float | None, earned: DiffGrade
) -> None:
    assert grade(None if price is None else D(price), None if fill is None else D(fill), seconds) is earned


def row(filled: str, price: str, twin_filled: str, twin_price: str, *, running: bool = False) -> DiffRow:
    return DiffRow(
        client_order_id="a",
        venue="v",
        symbol="S",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=D(2),
        at_ms=1,
        running=running,
        order=DiffSide(filled=D(filled), average_price=D(price), slippage_bp=D(4), seconds=2.0),
        twin=DiffSide(filled=D(twin_filled), average_price=D(twin_price), slippage_bp=D(1), seconds=1.5),
        fill_difference=D(0),
        price_error_bp=worse_bp(Side.BUY, D(price), D(twin_price)),
        time_difference_s=0.5,
        grade=A,
    )


def test_the_total_weighs_prices_by_what_was_traded_and_leaves_out_what_still_runs() -> None:
    rows = [row("2", "100", "2", "100"), row("1", "200.2", "2", "200"), row("2", "9", "0", "1", running=True)]
    found = total(rows, 3)
    assert (found.orders, found.running, found.skipped) == (2, 1, 3)
    assert (found.fill_ratio, found.twin_fill_ratio) == (D("0.7500"), D("1.0000"))
    assert found.price_error_bp == D("5.00")  # 0 bp on 200, 10 bp on 200.2
    assert (found.slippage_bp, found.twin_slippage_bp) == (D("4.00"), D("1.00"))
    assert (found.seconds, found.twin_seconds) == (2.0, 1.5)
    assert found.grade is BAD  # a quarter less filled


def test_errors_that_cancel_out_are_errors_all_the_same() -> None:
    rows = [row("2", "100.2", "2", "100"), row("2", "99.8", "2", "100")]
    found = total(rows, 0)
    assert abs(found.price_error_bp or D(9)) < 1
    assert (found.grade, found.price_grade) == (C, C)


def test_nothing_yet_has_no_grade() -> None:
    assert total([], 0).grade is NONE
