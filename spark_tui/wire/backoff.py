"""How long to wait before the next attempt."""

import random
from collections.abc import Sequence

STEPS_S = (1.0, 2.0, 4.0, 8.0, 16.0)


class Backoff:
    """Delays of a reconnect: one fast retry (at most `fast_s`), then `steps_s` with jitter, the last one on.

    Jitter is +-`jitter` of each step, so that many sockets cut at once do not come back at once. There is no
    last attempt: an outage longer than every step is still recovered from. Call `reset` only after a
    connection proved stable, or a server that closes right after open would be hammered by fast retries.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        fast_s: float = 0.2,
        steps_s: Sequence[float] = STEPS_S,
        jitter: float = 0.2,
    ) -> None:
        if not steps_s or fast_s < 0 or min(steps_s) <= 0 or not 0 <= jitter < 1:
            raise ValueError("backoff wants positive steps and a jitter from 0 to below 1")
        self._rng = rng
        self._fast_s = fast_s
        self._steps_s = tuple(steps_s)
        self._jitter = jitter
        self.attempt = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        attempt, self.attempt = self.attempt, self.attempt + 1
        if attempt == 0:
            return self._rng.uniform(self._fast_s / 2, self._fast_s)
        step = self._steps_s[min(attempt, len(self._steps_s)) - 1]
        return step * self._rng.uniform(1 - self._jitter, 1 + self._jitter)

    def reset(self) -> None:
        """The next retry is the fast one again."""
        self.attempt = 0
