"""Wire text and steps: F55 (no exponents), F56 (exact multiples)."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import decimals

STEPS = st.sampled_from(["1", "10", "0.5", "0.00001", "0.01", "0.025", "0.00000001", "5E+2"]).map(Decimal)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**19), max_value=10**19, places=18)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_finite_decimal_is_plain_text_of_the_same_value(value: Decimal) -> None:
    text = decimals.plain(value)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert Decimal(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("1.9e-07", "0.00000019"), ("-0", "0"), ("0E-8", "0.00000000"), ("-1.50", "-1.50")],
)
def test_plain_examples(value: str, text: str) -> None:
    assert decimals.plain(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_plain_refuses_what_is_no_number(value: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        decimals.plain(Decimal(value))


@pytest.mark.parametrize(
    "text", ["", "1e3", "NaN", "inf", "1_000", "1,5", ".5", "5.", "0x1", "--1", "1 2", "9" * 65, "٣"]
)
def test_parse_refuses_anything_but_plain_decimals(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like 0\.01"):
        decimals.parse(text)


@given(NUMBERS)
def test_parse_reads_what_plain_wrote(value: Decimal) -> None:
    assert decimals.parse(f" {decimals.plain(value)} ") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_becomes_the_decimal_that_reads_back(value: float) -> None:
    assert float(decimals.from_float(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a price"):
        decimals.from_float(value)


@given(NUMBERS, STEPS)
def test_rounding_to_a_step_agrees_with_fractions(value: Decimal, step: Decimal) -> None:
    exact, grid = Fraction(value), Fraction(step)
    below = exact // grid * grid
    above = below if below == exact else below + grid
    floor, ceil, near = (f(value, step) for f in (decimals.floor_to, decimals.ceil_to, decimals.nearest))
    assert (Fraction(floor), Fraction(ceil)) == (below, above)
    assert Fraction(near) in (below, above)
    assert abs(Fraction(near) - exact) == min(exact - below, above - exact)
    assert all(decimals.is_multiple(result, step) for result in (floor, ceil, near))
    assert decimals.is_multiple(value, step) == (below == exact)


def test_a_tie_goes_to_the_even_multiple() -> None:
    ties = [
        decimals.nearest(Decimal(value), Decimal("0.01")) for value in ("0.015", "0.025", "-0.015", "-0.025")
    ]
    assert ties == [Decimal(value) for value in ("0.02", "0.02", "-0.02", "-0.02")]


@given(NUMBERS)
def test_a_step_of_zero_is_no_rule(value: Decimal) -> None:
    zero = Decimal("0.00000000")
    assert decimals.is_multiple(value, zero)
    assert (
        decimals.floor_to(value, zero)
        == decimals.ceil_to(value, zero)
        == decimals.nearest(value, zero)
        == value
    )


@given(NUMBERS, NUMBERS)
def test_sums_and_products_of_exchange_numbers_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(decimals.add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(decimals.multiply(left, right)) == Fraction(left) * Fraction(right)


@pytest.mark.parametrize(
    ("value", "fit"), [("1", True), ("1E+40", True), ("1E+41", False), ("NaN", False), ("1E-41", False)]
)
def test_usable_bounds_magnitude(value: str, fit: bool) -> None:
    assert decimals.usable(Decimal(value)) is fit


@given(NUMBERS, st.integers(0, 8))
def test_rounding_is_by_at_most_half_a_step_however_many_digits(value: Decimal, places: int) -> None:
    found = decimals.rounded(value, places)
    assert found.as_tuple().exponent == -places
    assert abs(Fraction(found) - Fraction(value)) * 2 * 10**places <= 1
