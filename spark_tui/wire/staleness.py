"""Is a stream alive? A socket that answers pings proves its far edge, not the stream behind it."""

from enum import StrEnum

NS_PER_S = 1_000_000_000
RATE_WINDOW_S = 10


class Freshness(StrEnum):
    """`SILENT`: nothing yet. `STALE`: nothing for longer than the stream's threshold."""

    SILENT = "silent"
    LIVE = "live"
    STALE = "stale"


class StreamClock:
    """Receipts of one stream, on the monotonic clock: age, count, rate over the last 10 s, live or stale."""

    __slots__ = ("_born", "_buckets", "_second", "last_ns", "messages", "stale_after_ns", "started_ns")

    def __init__(self, stale_after_s: float, now_mono_ns: int) -> None:
        """`stale_after_s`: silence longer than this is suspicious; each stream has its own rhythm."""
        self.stale_after_ns = round(stale_after_s * NS_PER_S)
        self.started_ns = now_mono_ns
        self.last_ns: int | None = None
        self.messages = 0
        self._buckets = [0] * (RATE_WINDOW_S + 1)
        self._second = self._born = now_mono_ns // NS_PER_S

    def tick(self, now_mono_ns: int) -> None:
        """One message arrived. Called for every frame: two attribute writes and a compare."""
        self.last_ns = now_mono_ns
        self.messages += 1
        second = now_mono_ns // NS_PER_S
        if second != self._second:
            self._roll(second)
        self._buckets[second % (RATE_WINDOW_S + 1)] += 1

    def age_s(self, now_mono_ns: int) -> float | None:
        """Seconds since the last message; None before the first."""
        return None if self.last_ns is None else (now_mono_ns - self.last_ns) / NS_PER_S

    def silent_s(self, now_mono_ns: int) -> float:
        """Seconds since the last message, or since it was subscribed to."""
        since = self.started_ns if self.last_ns is None else self.last_ns
        return (now_mono_ns - since) / NS_PER_S

    def state(self, now_mono_ns: int) -> Freshness:
        """Silence since `started_ns` counts too: a stream that never speaks goes stale as well."""
        since = self.started_ns if self.last_ns is None else self.last_ns
        if now_mono_ns - since > self.stale_after_ns:
            return Freshness.STALE
        return Freshness.SILENT if self.last_ns is None else Freshness.LIVE

    def rate(self, now_mono_ns: int) -> float:
        """Messages a second over the last 10 whole seconds (fewer right after the start)."""
        second = now_mono_ns // NS_PER_S
        if second != self._second:
            self._roll(second)
        current = self._buckets[second % (RATE_WINDOW_S + 1)]
        seconds = min(RATE_WINDOW_S, second - self._born)
        return float(current) if seconds < 1 else (sum(self._buckets) - current) / seconds

    def restart(self, now_mono_ns: int) -> None:
        """The stream was subscribed anew; silence counts from now. Counters stay."""
        self.started_ns = now_mono_ns
        self.last_ns = None

    def _roll(self, second: int) -> None:
        for gone in range(self._second + 1, min(second, self._second + RATE_WINDOW_S + 1) + 1):
            self._buckets[gone % (RATE_WINDOW_S + 1)] = 0
        self._second = second
