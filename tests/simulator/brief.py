"""A market with a short past, for tests that read no old candles."""

import contextlib
from collections.abc import Iterator
from unittest import mock

from spark_tui.simulator import candles

BARS = 60  # of each interval, instead of 1500


@contextlib.contextmanager
def brief_past() -> Iterator[None]:
    with mock.patch.object(candles, "_KEPT", BARS):
        yield
