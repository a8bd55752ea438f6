"""The venue's limit of unfilled orders (protocol section 4): it holds back what places, never a cancel."""

from collections.abc import Callable, Iterable

from spark_tui.venues.binance.spot.codec_user import RateLimit
from spark_tui.wire.clock import NS_PER_S, Clock
from spark_tui.wire.limiter import BudgetError

LONGEST_HOLD_S = 60.0  # fills free the longer windows early, so one placement a minute asks again
_WINDOW_S = 10  # the shortest window documented, when the answer does not say which one is full
_INTERVAL_S = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


class OrderBudget:
    """After -1015, placements wait for the next window; `now_ms` is the server's clock."""

    def __init__(self, clock: Clock, now_ms: Callable[[], int]) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self._until_ns = 0

    def exhausted(self, retry_after_s: float | None = None, limits: Iterable[RateLimit] = ()) -> None:
        """The venue refused an order for their number; it may say for how long, or which windows are full."""
        if retry_after_s is None:
            full = [
                limit.intervalNum * _INTERVAL_S.get(limit.interval, _WINDOW_S)
                for limit in limits
                if limit.rateLimitType == "ORDERS" and limit.count >= limit.limit
            ]
            retry_after_s = self._left_s(max(full, default=_WINDOW_S))
        hold_ns = round(min(retry_after_s, LONGEST_HOLD_S) * NS_PER_S)
        self._until_ns = max(self._until_ns, self._clock.mono_ns() + hold_ns)

    def check(self) -> None:
        """Raises BudgetError while placements are held back."""
        left_ns = self._until_ns - self._clock.mono_ns()
        if left_ns > 0:
            left_s = left_ns / NS_PER_S
            raise BudgetError(
                f"too many orders are unfilled; Binance takes new ones in {left_s:.1f} s, cancels at once.",
                left_s,
            )

    def _left_s(self, window_s: int) -> float:
        """Until the next window; they are aligned to the clock, days to midnight UTC."""
        window_ms = max(1, window_s) * 1000
        return (window_ms - self._now_ms() % window_ms) / 1000
