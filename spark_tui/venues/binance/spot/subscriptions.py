"""Which streams are wanted: the watched symbols' and those of the charts that faces look at."""

from collections.abc import Iterator

MAX_STREAMS = 1_024  # of one connection (protocol section 10.1)
MAX_FOCUSES = 8  # the oldest leaves: faces look at few charts at a time
DEFAULT_INTERVAL = "1m"
INTERVALS = (
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h"),
    *("1d", "3d", "1w", "1M"),
)
DEPTH = "depth@100ms"
WITNESSES = ("depth5@100ms", "bookTicker")  # name the book's update number as well
KINDS = (DEPTH, *WITNESSES, "trade", "ticker", f"kline_{DEFAULT_INTERVAL}")
MAX_SYMBOLS = MAX_STREAMS // len(KINDS) - MAX_FOCUSES * 2  # a focus may bring a symbol and an interval


def streams_of(symbol: str) -> tuple[str, ...]:
    """The streams a watched symbol needs."""
    return tuple(f"{symbol.lower()}@{kind}" for kind in KINDS)


class Focuses:
    """The charts looked at last, each with every stream of its symbol. Outlives connections."""

    def __init__(self) -> None:
        self._charts: dict[tuple[str, str], None] = {}  # oldest first

    def add(self, symbol: str, interval: str) -> None:
        """This chart is looked at now; the oldest may leave for it."""
        self._charts.pop((symbol, interval), None)
        self._charts[symbol, interval] = None
        while len(self._charts) > MAX_FOCUSES:
            del self._charts[next(iter(self._charts))]

    def names(self) -> Iterator[str]:
        for symbol, interval in self._charts:
            yield from streams_of(symbol)
            yield f"{symbol.lower()}@kline_{interval}"
