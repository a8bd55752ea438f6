"""A line or an area over time in braille dots, eight to a cell. Pure: figures in, lines of text out.

A stretch without samples stays empty: nothing is drawn over what nobody measured.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from spark_tui.ui.lines import Line, Span

BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # row, then column, inside one cell
LABEL_EVERY = 3  # rows of the axis


class Sample(NamedTuple):
    at_ms: int
    value: float


class Frame(NamedTuple):
    """What is shown: a stretch of time, and how far apart two samples may be and still belong together."""

    start_ms: int
    end_ms: int
    apart_ms: int


def plot(
    samples: Sequence[Sample],
    frame: Frame,
    width: int,
    height: int,
    *,
    label: Callable[[float], str],
    clock: Callable[[int], str],
    tone: str,
    area_from: float | None = None,
    least: float = 0.01,
) -> list[Line]:
    """`height` lines: the curve, its axis at the right, times under it. `area_from`: filled from here, over
    at least so much, so that next to nothing looks like it."""
    inside = [one for one in samples if frame.start_ms <= one.at_ms <= frame.end_ms]
    rows = height - 1
    if not inside or rows < 2:
        return []
    low, high = _range(inside, area_from, least)
    labels = {y: label(high - (y + 0.5) / rows * (high - low)) for y in range(0, rows, LABEL_EVERY)}
    axis = max(len(text) for text in labels.values()) + 2
    across = width - axis - 1
    if across < 4:
        return []
    cells = _cells(inside, frame, across, rows, low, high, area_from)
    lines: list[Line] = []
    for y in range(rows):
        text = "".join(chr(BRAILLE + dots) if dots else " " for dots in cells[y])
        spans: list[Span] = [(" ", "ink"), (text, tone), (f" {labels.get(y, ''):>{axis - 2}} ", "dim")]
        lines.append(tuple(spans))
    lines.append(((" " + _times(frame, across, clock), "faint"),))
    return lines


def _range(samples: Sequence[Sample], area_from: float | None, least: float) -> tuple[float, float]:
    values = [one.value for one in samples]
    if area_from is not None:
        low, high = min(*values, area_from), max(*values, area_from)
        return min(low, high - least), high
    low, high = min(values), max(values)
    if high > low:
        return low, high
    margin = abs(high) * 0.001 or 1.0
    return low - margin, high + margin


def _cells(
    samples: Sequence[Sample],
    frame: Frame,
    across: int,
    rows: int,
    low: float,
    high: float,
    area_from: float | None,
) -> list[list[int]]:
    wide, tall = across * 2, rows * 4
    span = max(1, frame.end_ms - frame.start_ms)
    cells = [[0] * across for _ in range(rows)]

    def column(at_ms: int) -> int:
        return min(wide - 1, (at_ms - frame.start_ms) * wide // span)

    def line(value: float) -> int:
        return min(tall - 1, max(0, int((high - value) / (high - low) * tall)))

    def dot(x: int, y: int) -> None:
        cells[y // 4][x // 2] |= DOTS[y % 4][x % 2]

    def upright(x: int, one: int, other: int) -> None:
        for y in range(min(one, other), max(one, other) + 1):
            dot(x, y)

    before: Sample | None = None
    for sample in samples:
        x, y = column(sample.at_ms), line(sample.value)
        ground = None if area_from is None else line(area_from)
        upright(x, y, y if ground is None else ground)
        if before is not None and sample.at_ms - before.at_ms <= frame.apart_ms:
            first, from_y = column(before.at_ms), line(before.value)
            last_y = from_y
            for step in range(first + 1, x + 1):
                now_y = from_y + round((y - from_y) * (step - first) / (x - first))
                upright(step, now_y, last_y if ground is None else ground)
                last_y = now_y
            if x == first:
                upright(x, from_y, y)
        before = sample
    return cells


def _times(frame: Frame, across: int, clock: Callable[[int], str]) -> str:
    start, end = clock(frame.start_ms), clock(frame.end_ms)
    middle = clock((frame.start_ms + frame.end_ms) // 2)
    gap = across - len(start) - len(end)
    if gap < len(middle) + 4:
        return f"{start}{end:>{max(0, across - len(start))}}" if gap > 0 else end[:across]
    left = (gap - len(middle)) // 2
    return f"{start}{' ' * left}{middle}{' ' * (gap - left - len(middle))}{end}"
