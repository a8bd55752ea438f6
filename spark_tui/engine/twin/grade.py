"""Order beside twin, in figures, and the grade they earn. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import median
from typing import Final

from spark_tui.domain.decimals import EXACT, ZERO, multiply
from spark_tui.domain.values import Side
from spark_tui.link.messages import DiffGrade, DiffRow, DiffSide, DiffTotal

_BP: Final = Decimal(10_000)
_SHOWN: Final = Decimal("0.01")
_RATIO: Final = Decimal("0.0001")

# the most that earns each grade; beyond the last it is D
PRICE_BP: Final = (Decimal(1), Decimal(5), Decimal(20))
FILL: Final = (Decimal("0.01"), Decimal("0.05"), Decimal("0.20"))
TIME_S: Final = (0.25, 1.0, 5.0)
_GRADES: Final = (DiffGrade.A, DiffGrade.B, DiffGrade.C)


def worse_bp(side: Side, price: Decimal | None, reference: Decimal | None) -> Decimal | None:
    """How much worse `price` is for that side than `reference`, in basis points."""
    if price is None or not reference:
        return None
    apart = EXACT.subtract(price, reference)
    signed = apart if side is Side.BUY else EXACT.minus(apart)
    return EXACT.divide(multiply(signed, _BP), reference).quantize(_SHOWN)


def grade(
    price_error_bp: Decimal | None, fill_difference: Decimal | None, time_difference_s: float | None
) -> DiffGrade:
    """The worst of those that can be told."""
    earned = []
    if price_error_bp is not None:
        earned.append(_earned(abs(price_error_bp), PRICE_BP))
    if fill_difference is not None:
        earned.append(_earned(abs(fill_difference), FILL))
    if time_difference_s is not None:
        earned.append(_earned(abs(time_difference_s), TIME_S))
    return max(earned, default=DiffGrade.NONE)  # their letters are in order


def total(rows: Sequence[DiffRow], skipped: int) -> DiffTotal:
    """Of the rows that have ended and are graded."""
    ended = [row for row in rows if not row.running and not row.ungraded]
    asked = _sum(row.quantity for row in ended)
    ratio = _ratio(_sum(row.order.filled for row in ended), asked)
    twin_ratio = _ratio(_sum(row.twin.filled for row in ended), asked)
    errors = [(row.price_error_bp, _notional(row.order)) for row in ended]
    absolute = _weighted((None if error is None else abs(error), weight) for error, weight in errors)
    both = [row for row in ended if row.time_difference_s is not None]
    seconds = median([row.order.seconds or 0.0 for row in both]) if both else None
    twin_seconds = median([row.twin.seconds or 0.0 for row in both]) if both else None
    apart_s = None if seconds is None or twin_seconds is None else seconds - twin_seconds
    return DiffTotal(
        orders=len(ended),
        running=sum(row.running for row in rows),
        ungraded=sum(bool(row.ungraded) for row in rows),
        skipped=skipped,
        fill_ratio=ratio,
        twin_fill_ratio=twin_ratio,
        slippage_bp=_weighted((row.order.slippage_bp, _notional(row.order)) for row in ended),
        twin_slippage_bp=_weighted((row.twin.slippage_bp, _notional(row.twin)) for row in ended),
        price_error_bp=_weighted(errors),
        seconds=seconds,
        twin_seconds=twin_seconds,
        grade=grade(absolute, None if ratio is None or twin_ratio is None else ratio - twin_ratio, apart_s),
        price_grade=grade(absolute, None, None),
    )


def _notional(side: DiffSide) -> Decimal:
    return multiply(side.filled, side.average_price or ZERO)


def _earned(amount: Decimal | float, limits: Sequence[Decimal | float]) -> DiffGrade:
    for limit, letter in zip(limits, _GRADES, strict=True):
        if amount <= limit:
            return letter
    return DiffGrade.D


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return EXACT.divide(part, whole).quantize(_RATIO) if whole else None


def _weighted(pairs: Iterable[tuple[Decimal | None, Decimal]]) -> Decimal | None:
    """Mean by weight, of what is known."""
    known = [(value, weight) for value, weight in pairs if value is not None]
    weights = _sum(weight for _, weight in known)
    if not weights:
        return None
    return EXACT.divide(_sum(multiply(value, weight) for value, weight in known), weights).quantize(_SHOWN)
