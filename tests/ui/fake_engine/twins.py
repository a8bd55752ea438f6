"""Orders beside twins for the Diff screen: one as the paper rules say, one far from them, one running, two
that have no grade."""

from decimal import Decimal

import msgspec

from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.link.messages import Diff, DiffGrade, DiffRow, DiffSide, DiffTotal, Ungraded

D = Decimal
START_MS = 1_795_000_000_000


def side(filled: str, price: str | None, slip: str | None, seconds: float | None, state: str) -> DiffSide:
    return DiffSide(
        filled=D(filled),
        average_price=None if price is None else D(price),
        slippage_bp=None if slip is None else D(slip),
        seconds=seconds,
        state=state,
    )


def row(
    number: int,
    order: DiffSide,
    twin: DiffSide,
    error: str | None,
    grade: DiffGrade,
    ungraded: Ungraded = Ungraded.NO,
) -> DiffRow:
    known = order.seconds is not None and twin.seconds is not None
    return DiffRow(
        client_order_id=f"spab12cd3-{number}",
        venue="binance-spot",
        symbol="BTCUSDT",
        side=Side.BUY if number % 2 else Side.SELL,
        order_type=OrderType.MARKET if number == 1 else OrderType.LIMIT,
        quantity=D("0.5"),
        at_ms=START_MS + number * 61_000,
        running=grade is DiffGrade.NONE and not ungraded,
        order=order,
        twin=twin,
        fill_difference=None if ungraded is Ungraded.CUT else (order.filled - twin.filled) / D("0.5"),
        price_error_bp=None if error is None else D(error),
        time_difference_s=(order.seconds or 0.0) - (twin.seconds or 0.0) if known else None,
        grade=grade,
        price_grade=DiffGrade.NONE if error is None else DiffGrade.A,
        ungraded=ungraded,
    )


def twins() -> Diff:
    waiting = side("0", None, None, None, "NEW")
    return Diff(
        environment=Environment.SIM,
        since_ms=START_MS,
        total=DiffTotal(
            orders=2,
            running=1,
            ungraded=2,
            skipped=1,
            fill_ratio=D(1),
            twin_fill_ratio=D("0.7"),
            slippage_bp=D("1.12"),
            twin_slippage_bp=D("0.75"),
            price_error_bp=D("0.31"),
            seconds=1.2,
            twin_seconds=1.1,
            grade=DiffGrade.D,
            price_grade=DiffGrade.A,
        ),
        rows=(
            row(5, side("0", None, None, None, "ACCEPTED"), waiting, None, DiffGrade.NONE),
            *ungraded(),
            row(
                2,
                side("0.5", "67012.40", "1.50", 2.31, "FILLED"),
                side("0.2", "67010.25", "0.75", 1.9, "CANCELED"),
                "0.62",
                DiffGrade.D,
            ),
            row(
                1,
                side("0.5", "67012.30", "0.74", 0.08, "FILLED"),
                side("0.5", "67012.30", "0.74", 0.07, "FILLED"),
                "0",
                DiffGrade.A,
            ),
        ),
    )


def ungraded() -> tuple[DiffRow, DiffRow]:
    """One of which the engine stopped before the twin had ended, one that neither filled."""
    canceled, nothing = side("0", None, None, None, "CANCELED"), Ungraded.NOTHING
    cut = side("0", None, None, None, "CUT OFF")
    filled = side("0.5", "67012.40", "1.50", None, "FILLED")
    return (
        row(4, filled, cut, None, DiffGrade.NONE, Ungraded.CUT),
        row(3, canceled, canceled, None, DiffGrade.NONE, nothing),
    )


def no_twins(why: str) -> Diff:
    return Diff(environment=Environment.PAPER, since_ms=START_MS, total=DiffTotal(), rows=(), why_not=why)


def written(diff: Diff) -> Diff:
    return msgspec.structs.replace(diff, path="/home/ayse/spark/reports/diff.json")
