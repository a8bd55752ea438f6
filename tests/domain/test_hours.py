"""Trading hours: read as written, in UTC, over midnight and over the week's end."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.hours import DAYS, parse_hours


def at(day: int, clock: str) -> int:
    """Milliseconds of a day of November 2024; the 25th was a Monday."""
    hour, minute = (int(part) for part in clock.split(":"))
    return int(datetime(2024, 11, day, hour, minute, tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("text", "day", "clock", "is_open"),
    [
        ("09:00-17:30", 25, "09:00", True),
        ("09:00-17:30", 25, "08:59", False),
        ("09:00-17:30", 25, "17:29", True),
        ("09:00-17:30", 25, "17:30", False),
        ("mon-fri 09:00-17:00", 29, "12:00", True),
        ("mon-fri 09:00-17:00", 30, "12:00", False),
        ("MON-FRI  09:00-17:00", 29, "12:00", True),
        ("fri-mon 09:00-17:00", 30, "12:00", True),
        ("fri-mon 09:00-17:00", 27, "12:00", False),
        ("22:00-06:00", 25, "23:00", True),
        ("22:00-06:00", 25, "05:59", True),
        ("22:00-06:00", 25, "06:00", False),
        ("sun 22:00-06:00", 25, "05:00", True),  # from Sunday into Monday
        ("sun 22:00-06:00", 26, "05:00", False),
        ("mon 00:00-24:00", 25, "23:59", True),
        ("mon 00:00-24:00", 26, "00:00", False),
        ("mon 09:00-10:00, wed 11:00-12:00", 27, "11:30", True),
        ("mon 09:00-10:00, wed 11:00-12:00", 25, "11:30", False),
    ],
)
def test_open_at(text: str, day: int, clock: str, is_open: bool) -> None:
    assert parse_hours(text).open_at(at(day, clock)) is is_open


@pytest.mark.parametrize(
    "text",
    ["", "always", "9:00-17:00", "mon 09:00", "abc 09:00-10:00", "25:00-26:00", "09:60-10:00", "24:01-01:00"],
)
def test_what_cannot_be_read_is_a_sentence_with_the_cure(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri"):
        parse_hours(text)


@given(st.integers(0, 2**41))
def test_a_whole_week_is_always_open(time_ms: int) -> None:
    assert parse_hours("00:00-24:00").open_at(time_ms)


_SPANS = st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439))


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"], ids=["clocks go forward", "clocks go back"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
@given(span=_SPANS, minute=st.integers(-1_440, 2 * 1_440))
def test_hours_are_utc_whatever_the_machines_clocks_do_that_night(
    span: tuple[int, int, int], minute: int, night: str, zone: str
) -> None:
    """Against the calendar: the span of the day itself, or that of the day before going on over midnight."""
    day, start, end = span
    text = f"{DAYS[day]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    at = datetime.fromisoformat(night).replace(tzinfo=UTC) + timedelta(minutes=minute)
    local = at.astimezone(ZoneInfo(zone))  # what a wall clock there shows makes no difference
    now = at.hour * 60 + at.minute
    today, yesterday = at.weekday() == day, (at.weekday() - 1) % 7 == day
    if start < end:
        expected = today and start <= now < end
    else:
        expected = (today and now >= start) or (yesterday and now < end)
    assert parse_hours(text).open_at(int(local.timestamp() * 1_000)) is expected
