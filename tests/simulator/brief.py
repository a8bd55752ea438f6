"""A market with a short past, for tests that read no old candles."""

import contextlib
from collections.abc import Iterator, Sequence
from unittest import mock

from spark_tui import cli
from spark_tui.simulator import candles

BARS = 60  # of each interval, instead of 1500


@contextlib.contextmanager
def brief_past() -> Iterator[None]:
    with mock.patch.object(candles, "_KEPT", BARS):
        yield


def run(words: Sequence[str]) -> int:
    """The program, with it; for a simulator that is hatched (tests/hatchery.py)."""
    with brief_past():
        return cli.main(words)
