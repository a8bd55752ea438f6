"""The venue's clock. Everything the simulator dates reads it, so shifting it shifts the whole venue."""

from collections.abc import Callable


class ServerClock:
    """Wall time in microseconds plus an offset a test or drill may set.

    `wall_ns` is injected: `time.time_ns` in a running server, a hand-moved counter in tests.
    """

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self.offset_ms = 0

    def now_us(self) -> int:
        return self._wall_ns() // 1_000 + self.offset_ms * 1_000

    def now_ms(self) -> int:
        return self._wall_ns() // 1_000_000 + self.offset_ms
