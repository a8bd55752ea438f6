"""The venue's clock. Everything the simulator dates reads it, so shifting it shifts the whole venue."""

from collections.abc import Callable


class ServerClock:
    """Wall time in microseconds plus an offset a test or drill may set.

    `wall_ns` is injected: `time.time_ns` in a running server, a hand-moved counter in tests.
    """

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self.offset_ms = 0
        self._drift_ppm = 0
        self._drift_since_ns = 0

    def now_us(self) -> int:
        return self._wall_ns() // 1_000 + self.offset_ms * 1_000 + self._drifted_us()

    def now_ms(self) -> int:
        return self.now_us() // 1_000

    def drift(self, ppm: int) -> None:
        """Run fast (or, below zero, slow) by this much from now on; what has drifted so far stays."""
        if ppm or self._drift_ppm:
            self.offset_ms += self._drifted_us() // 1_000
            self._drift_ppm, self._drift_since_ns = ppm, self._wall_ns()

    def _drifted_us(self) -> int:
        if not self._drift_ppm:
            return 0
        return (self._wall_ns() - self._drift_since_ns) // 1_000 * self._drift_ppm // 1_000_000
