"""The checks of a soak in figures, kept while it goes on."""

from spark_tui.link.messages import CanaryCheck, CanaryFigures


class Figures:
    def __init__(self) -> None:
        self.latest: CanaryCheck | None = None
        self._checks = 0
        self._healthy = 0
        self._feed_ages: list[float] = []
        self._tests: list[float] = []
        self._offsets: list[int] = []
        self._orders: list[float] = []

    def add(self, check: CanaryCheck) -> None:
        """A check that was made, whatever came of it."""
        self.latest = check
        self._checks += 1
        self._healthy += check.ok
        if (measured := check.measured) is None:
            return
        for figure, seen in (
            (measured.feed_age_s, self._feed_ages),
            (measured.test_latency_s, self._tests),
            (measured.order_latency_s, self._orders),
        ):
            if figure is not None:
                seen.append(figure)
        if measured.clock_offset_ms is not None:
            self._offsets.append(measured.clock_offset_ms)

    def told(self) -> CanaryFigures:
        orders = sorted(self._orders)
        return CanaryFigures(
            checks=self._checks,
            healthy=self._healthy,
            feed_age_worst_s=max(self._feed_ages, default=None),
            test_latency_worst_s=max(self._tests, default=None),
            clock_offset_worst_ms=max(self._offsets, key=abs, default=None),
            orders=len(orders),
            order_latency_min_s=_share(orders, 0),
            order_latency_median_s=_share(orders, 50),
            order_latency_p95_s=_share(orders, 95),
            order_latency_worst_s=_share(orders, 100),
        )


def _share(ordered: list[float], percent: int) -> float | None:
    """The least that so many percent do not exceed: always one that was measured."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
