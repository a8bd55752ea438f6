"""Exact decimal arithmetic for money: plain text both ways, and steps.

Everything here computes in `EXACT`, wide enough for any product of two exchange numbers (19 digits each on
Binance), because the default context silently rounds at 28 digits and refuses `%` of a long quotient.
"""

import re
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from typing import Final

EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
ZERO = Decimal(0)
ONE = Decimal(1)

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MAX_MAGNITUDE = 40
_MAX_TEXT = 64  # no exchange number is longer; a pasted novel is not a number


def plain(value: Decimal) -> str:
    """The number as wire text: digits and at most one point, no exponent. ValueError for NaN, infinity."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be sent; give a plain decimal")
    text = format(value, "f")
    return text.lstrip("-") if value.is_zero() else text


def short(value: Decimal) -> str:
    """`plain` for a sentence: without the zeros a venue pads its numbers with."""
    text = plain(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Decimal, places: int) -> Decimal:
    """To so many places. `round` does so in the default context, and raises for a number of 28 digits."""
    return value.quantize(ONE.scaleb(-places), ROUND_HALF_EVEN, EXACT)


def parse(text: str) -> Decimal:
    """A plain decimal such as `0.01` or `-3`. ValueError, with a sentence, for anything else."""
    cleaned = text.strip()
    if len(cleaned) > _MAX_TEXT or _PLAIN.fullmatch(cleaned) is None:
        raise ValueError(f"{cleaned[:_MAX_TEXT]!r} is not a plain decimal number; write it like 0.01")
    return Decimal(cleaned)


def from_float(value: float) -> Decimal:
    """The shortest decimal that reads back as this float: how a market number becomes money. ValueError for
    NaN and infinity."""
    number = Decimal(repr(value))
    if not number.is_finite():
        raise ValueError(f"{value} is not a price")
    return number


# of a replayed ledger's time a tenth went into functions that only called these
add: Final[Callable[[Decimal, Decimal], Decimal]] = EXACT.add
subtract: Final[Callable[[Decimal, Decimal], Decimal]] = EXACT.subtract
multiply: Final[Callable[[Decimal, Decimal], Decimal]] = EXACT.multiply
negate: Final[Callable[[Decimal], Decimal]] = EXACT.minus


def total(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(add, amounts, ZERO)


def usable(value: Decimal | None) -> bool:
    """Whether a rule can compute with it: present, finite, and of a magnitude that exists in trading."""
    return value is not None and value.is_finite() and abs(value.adjusted()) <= _MAX_MAGNITUDE


def writable(value: Decimal) -> bool:
    """Whether its plain text is no longer than what `parse` takes: the exponent may hide a novel. A signaling
    NaN cannot even be compared or hashed."""
    return not value.is_snan() and (not value.is_finite() or abs(value.adjusted()) < _MAX_TEXT)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value % step == 0`; step 0 is no rule."""
    return step == 0 or EXACT.remainder(value, step) == 0


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of `step` that is not above `value`; step 0 leaves the value alone."""
    return _to(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The least multiple of `step` that is not below `value`; step 0 leaves the value alone."""
    return _to(value, step, ROUND_CEILING)


def nearest(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`, a tie to the even one; step 0 leaves the value alone."""
    return _to(value, step, ROUND_HALF_EVEN)


def divide_down(value: Decimal, by: Decimal) -> Decimal:
    """The quotient cut, not rounded, so that floor_to of it is the true floor. `by` is not 0."""
    context = EXACT.copy()
    context.rounding = ROUND_DOWN
    return context.divide(value, by)


def _to(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step == 0 or is_multiple(value, step):
        return value
    whole, part = EXACT.divmod(value, step)  # truncates towards zero
    below = whole if part > 0 else whole - 1
    if rounding == ROUND_FLOOR:
        count = below
    elif rounding == ROUND_CEILING:
        count = below + 1
    else:
        twice = EXACT.multiply(EXACT.subtract(value, EXACT.multiply(below, step)), Decimal(2))
        odd = below % 2 != 0
        count = below + 1 if twice > step or (twice == step and odd) else below
    return EXACT.multiply(count, step)
