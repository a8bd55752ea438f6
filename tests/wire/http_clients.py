"""The HTTP client as its tests make it."""

import random

from spark_tui.wire.clock import SystemClock
from spark_tui.wire.http import HttpClient
from spark_tui.wire.limiter import WeightLimiter


class QuickClock(SystemClock):
    """The real clock, but sleeps of the retry kind are over at once and remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        if seconds < 5:
            self.slept.append(seconds)
            seconds = 0
        await super().sleep(seconds)


def client(url: str, clock=None, limiter=None, **settings) -> HttpClient:
    clock = clock or QuickClock()
    return HttpClient(
        url, limiter or WeightLimiter(6000, clock=clock), clock=clock, rng=random.Random(1), **settings
    )
