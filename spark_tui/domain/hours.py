"""Trading hours as an operator writes them: `mon-fri 09:00-17:30, sun 22:00-06:00`, in UTC."""

import re
from typing import Final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN: Final = 24 * 60
_WEEK_MIN: Final = 7 * _DAY_MIN
_MINUTE_MS: Final = 60_000
_THURSDAY_MIN: Final = 3 * _DAY_MIN  # the epoch began on one
_PART = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +)?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)
_CURE: Final = "write them like `mon-fri 09:00-17:30, sun 22:00-06:00` (UTC)"


class Hours(msgspec.Struct, frozen=True):
    """Spans of the week as (first minute, minutes), Monday 00:00 UTC being minute 0."""

    spans: tuple[tuple[int, int], ...]

    def open_at(self, time_ms: int) -> bool:
        minute = (time_ms // _MINUTE_MS + _THURSDAY_MIN) % _WEEK_MIN
        return any((minute - start) % _WEEK_MIN < length for start, length in self.spans)


def parse_hours(text: str) -> Hours:
    """ValueError, with a sentence, for what cannot be read. A span that ends at or before its start goes on
    into the next day."""
    spans: list[tuple[int, int]] = []
    for part in text.lower().split(","):
        found = _PART.fullmatch(" ".join(part.split()))
        if found is None:
            raise ValueError(f"{part.strip()[:40]!r} are no trading hours; {_CURE}")
        start, end = _minute(found["start"]), _minute(found["end"])
        length = (end - start) % _DAY_MIN or _DAY_MIN
        spans += [(day * _DAY_MIN + start, length) for day in _days(found["first"], found["last"])]
    return Hours(tuple(spans))


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    for name in (first, last or first):
        if name not in DAYS:
            raise ValueError(f"{name!r} is no day; {_CURE}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        raise ValueError(f"{text} is no time of day; {_CURE}")
    return hour * 60 + minute
