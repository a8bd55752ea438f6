"""Numbers as text: nothing is lost, nothing is invented, columns stand on their decimal point."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.ui import format as fmt
from spark_tui.ui.lines import cells_of, wrapped

PRICES = st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, places=8)
DECIMALS = st.integers(min_value=0, max_value=8)


@given(PRICES, DECIMALS)
def test_fixed_is_the_number_rounded_to_its_decimals(value: Decimal, decimals: int) -> None:
    text = fmt.fixed(value, decimals)
    back = Decimal(text.replace(" ", ""))
    assert abs(back - value) <= Decimal(5).scaleb(-decimals - 1)
    assert len(text.partition(".")[2]) == decimals


@given(PRICES, DECIMALS)
def test_groups_are_of_three_and_only_the_first_is_shorter(value: Decimal, decimals: int) -> None:
    whole = fmt.fixed(value, decimals).lstrip("-").partition(".")[0]
    first, *rest = whole.split(" ")
    assert 1 <= len(first) <= 3
    assert all(len(part) == 3 for part in rest)


@given(PRICES)
def test_exact_keeps_every_digit(value: Decimal) -> None:
    assert Decimal(fmt.exact(value).replace(" ", "")) == value


@given(st.lists(st.tuples(PRICES, st.integers(0, 4)), min_size=1, max_size=8))
def test_texts_on_the_point_share_one_column(values: list[tuple[Decimal, int]]) -> None:
    texts = [fmt.on_point(fmt.fixed(value, decimals), 4) for value, decimals in values]
    width = max(len(text) for text in texts)
    for (_, decimals), text in zip(values, texts, strict=True):
        right = text.rjust(width)
        if decimals:
            assert right.index(".") == width - 5
        else:
            assert right.rstrip()[-1].isdigit()
            assert len(right) - len(right.rstrip()) == 5


@given(PRICES, PRICES, DECIMALS)
def test_what_did_not_change_is_the_same_text(before: Decimal, after: Decimal, decimals: int) -> None:
    old, new = fmt.fixed(before, decimals), fmt.fixed(after, decimals)
    start = fmt.changed_from(old, new)
    if old == new:
        assert start == len(new)
    elif len(old) == len(new):
        assert old[:start] == new[:start]
        assert old[start] != new[start]
    else:
        assert start == 0


@given(st.floats(allow_nan=True, allow_infinity=True), DECIMALS)
def test_any_float_has_a_text(value: float, decimals: int) -> None:
    text = fmt.fixed(value, decimals)
    assert (text == fmt.ABSENT) == (not math.isfinite(value))
    assert not text.startswith("-0") or text.strip("-0. ")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (67012.3, 1, "67 012.3"),
        (2745100.0, 0, "2 745 100"),
        (-0.00001, 2, "0.00"),
        (Decimal("1E+3"), 0, "1 000"),
        (Decimal("NaN"), 2, fmt.ABSENT),
        (None, 2, fmt.ABSENT),
    ],
)
def test_fixed_examples(value: float | Decimal | None, decimals: int, text: str) -> None:
    assert fmt.fixed(value, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(12.4, "+12.40"), (-3.0, "-3.00"), (0.0, "0.00")])
def test_signed_examples(value: float, text: str) -> None:
    assert fmt.fixed(value, 2, sign=True) == text


@pytest.mark.parametrize(
    ("step", "decimals"), [("0.10", 1), ("1", 0), ("0.00001", 5), ("10", 0), ("0", 8), ("0.01000000", 2)]
)
def test_decimals_of_a_tick(step: str, decimals: int) -> None:
    assert fmt.decimals_of(Decimal(step)) == decimals


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_ages_are_short(seconds: float) -> None:
    assert len(fmt.age(seconds)) <= 6
    assert len(fmt.elapsed(min(seconds, 8.6e6))) <= 5


@pytest.mark.parametrize(
    ("seconds", "age", "elapsed"),
    [
        (0, "0s", "00:00"),
        (59.9, "59s", "00:59"),
        (60, "1m", "01:00"),
        (3_661, "1h", "1h01"),
        (90_061, "1d", "1d01"),
    ],
)
def test_age_examples(seconds: float, age: str, elapsed: str) -> None:
    assert fmt.age(seconds) == age
    assert fmt.elapsed(seconds) == elapsed


@given(st.floats(min_value=0, max_value=9.9e8, allow_nan=False))
def test_compact_sizes_fit_their_column(value: float) -> None:
    assert len(fmt.compact(value)) <= 7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.0001, "0.0001"),
        (-0.0052, "-0.0052"),
        (0.00001, "0.00001"),
        (1e-8, "~0"),
        (0.0096, "0.010"),
    ],
)
def test_a_small_size_does_not_look_like_none(value: float, text: str) -> None:
    assert fmt.compact(value) == text


@given(st.lists(st.floats(min_value=0.1, max_value=1e6), max_size=80), st.integers(0, 40))
def test_sparks_fit_and_reach_both_ends(values: list[float], width: int) -> None:
    bars = fmt.spark(tuple(values), width)
    assert len(bars) == min(len(values), width)
    if len(set(values[-width:] if width else [])) > 1:
        assert fmt.SPARKS[0] in bars
        assert fmt.SPARKS[-1] in bars


@given(st.text(alphabet="abc, .;:漢é", max_size=60), st.integers(0, 40))
def test_fit_never_spills(text: str, width: int) -> None:
    assert cells_of(fmt.fit(text, width)) <= max(width, 0)


def test_fit_cuts_at_a_word() -> None:
    assert fmt.fit("the price is too far from the middle", 30) == "the price is too far from…"


def test_clock_is_utc_time_of_day() -> None:
    assert fmt.clock(1_732_111_402_000) == "14:03:22"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, fmt.ABSENT),
        (math.nan, fmt.ABSENT),
        (0.0, "0 ms"),
        (0.00045, "0.45 ms"),
        (0.000994, "0.99 ms"),
        (0.001, "1 ms"),
        (0.01, "10 ms"),
        (0.1, "100 ms"),
        (0.0099, "9.9 ms"),
        (0.014, "14 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.00 s"),
        (2.31, "2.31 s"),
        (9.996, "10.0 s"),
        (59.96, "01:00"),
        (252.0, "04:12"),
        (11_040.0, "3h04"),
        (-0.0057, "-5.7 ms"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_carries(seconds: float | None, text: str) -> None:
    assert fmt.took(seconds) == text


@given(st.floats(min_value=-864_000, max_value=864_000) | st.floats(min_value=-0.001, max_value=0.001))
def test_a_duration_fits_its_column_and_nothing_that_took_time_looks_like_none(seconds: float) -> None:
    text = fmt.took(seconds, sign=True)
    assert len(text) <= 8
    assert (text == "0 ms") == (round(abs(seconds) * 1_000, 2) == 0)
    assert text[0] == ("0" if text == "0 ms" else "-" if seconds < 0 else "+")


def test_wrapping_breaks_no_number_from_its_groups_or_its_unit() -> None:
    text = "could come to 15.43 %, the most is 10 %; it is 1 234 567 wide and took 14 ms"
    for width in range(10, 60):
        rows = wrapped(text, width)
        assert " ".join(rows) == text
        for number in ("15.43 %", "10 %;", "1 234 567", "14 ms"):
            assert any(number in row for row in rows)
    assert wrapped(text, 20, 2)[-1].endswith("…")
