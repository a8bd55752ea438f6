"""How long a paper order is on its way: round trips as they were measured, drawn anew for every call."""

import random
from collections import deque

UNMEASURED_MS = 100.0  # until the first round trip was measured
LONGEST_MS = 5_000.0
_KEPT = 256


class Latency:
    """Half a round trip goes into the order's way there, half into the answer's way back: where in between
    the venue worked cannot be told from outside. `fixed_ms`: always that round trip, whatever was
    measured."""

    def __init__(self, rng: random.Random, fixed_ms: float | None = None) -> None:
        self._rng = rng
        self._fixed_ms = fixed_ms
        self._measured: deque[float] = deque(maxlen=_KEPT)

    def measured(self, round_trip_ms: float) -> None:
        self._measured.append(min(max(round_trip_ms, 0.0), LONGEST_MS))

    def draw_s(self) -> float:
        """One way, in seconds."""
        if self._fixed_ms is not None:
            return self._fixed_ms / 2_000
        return (self._rng.choice(self._measured) if self._measured else UNMEASURED_MS) / 2_000

    @property
    def median_ms(self) -> float | None:
        """Of the measured round trips."""
        ordered = sorted(self._measured)
        return ordered[len(ordered) // 2] if ordered else None
