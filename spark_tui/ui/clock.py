"""The cockpit's time, injected so that screens can be tested at a fixed instant."""

import time
from typing import Protocol


class Clock(Protocol):
    def wall_ms(self) -> int:
        """Epoch milliseconds of this machine."""

    def mono_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()
