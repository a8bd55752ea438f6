"""The tape's folder: names of segments, and how long they stay."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from spark_tui.store import segment

_NAME = "tape-%Y%m%dT%H%M%S.%fZ.sqlite"


class Shelf:
    """Segments are named by the UTC time they begin; one ends where the next begins."""

    def __init__(self, directory: Path, max_bytes: int, max_age_s: float) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s

    def segments(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._directory.glob("tape-*.sqlite"))

    def new(self, now_ns: int) -> segment.Segment:
        """A fresh segment, last in order even when the clock stepped back. Raises sqlite3.Error."""
        begin_us = now_ns // 1000
        existing = self.segments()
        if existing:
            begin_us = max(begin_us, _begin_us(existing[-1]) + 1)
        begin = datetime.fromtimestamp(begin_us // 1_000_000, UTC).replace(microsecond=begin_us % 1_000_000)
        return segment.Segment(self._directory / begin.strftime(_NAME))

    def tidy(self) -> None:
        """Make every segment that a killed engine left behind a file that stands alone."""
        for path in self.segments():
            if path.with_name(f"{path.name}-wal").exists():
                try:
                    segment.fold(path)
                except sqlite3.Error:
                    continue  # damaged: it stays as it is, and whoever reads it is told

    def prune(self, now_ns: int, current: Path | None) -> int:
        """Remove the oldest segments over age or over the total, never the current; bytes that remain."""
        paths = self.segments()
        sizes = [segment.size(path) for path in paths]
        total = sum(sizes)
        for index, path in enumerate(paths):
            if path == current:
                break
            ended_us = _begin_us(paths[index + 1]) if index + 1 < len(paths) else now_ns // 1000
            if total <= self._max_bytes and now_ns / 1e9 - ended_us / 1e6 <= self._max_age_s:
                break
            segment.remove(path)
            total -= sizes[index]
        return total


def _begin_us(path: Path) -> int:
    """Epoch microseconds from the name; 0 for a name that is not ours, which makes it the oldest."""
    try:
        begin = datetime.strptime(path.name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return 0
    since = begin - datetime(1970, 1, 1, tzinfo=UTC)  # integers: a float timestamp loses microseconds
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
