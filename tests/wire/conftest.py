"""A test that waits for an event which never comes fails instead of hanging the suite."""

import signal
from collections.abc import Iterator

import pytest

LIMIT_S = 30


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    def hung(_signal: int, _frame: object) -> None:
        raise AssertionError(f"the test waited {LIMIT_S} s for something that did not happen")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
