"""Candles of one instrument and interval: history fetched once, live klines merged in by open time."""

from bisect import bisect_left, bisect_right

from spark_tui.domain.market import Candle

MAX_CANDLES = 1_000


class CandleSeries:
    """Oldest first, one candle an open time; `version` grows with every change."""

    def __init__(self) -> None:
        self.rows: list[Candle] = []
        self.version = 0
        self.whole = 0  # version at the last change that was more than the newest candle or two

    def merge(self, candle: Candle) -> bool:
        """A live candle: replaces its own open time's row or comes after the last. True when it shows that
        some in between were missed."""
        rows = self.rows
        self.version += 1
        missed = False
        if not rows or candle.open_ms > rows[-1].open_ms:
            missed = len(rows) > 1 and candle.open_ms - rows[-1].open_ms > rows[-1].open_ms - rows[-2].open_ms
            rows.append(candle)
            if len(rows) > MAX_CANDLES:
                del rows[: len(rows) - MAX_CANDLES]
                self.whole = self.version
        elif candle.open_ms == rows[-1].open_ms:
            rows[-1] = candle
        else:
            self._place(candle)
            self.whole = self.version
        return missed

    def load(self, history: tuple[Candle, ...]) -> None:
        """Fetched candles under whatever came live meanwhile: live rows win, being newer."""
        merged = {candle.open_ms: candle for candle in history}
        merged.update((candle.open_ms, candle) for candle in self.rows if candle.open_ms not in merged)
        if self.rows and history and self.rows[-1].open_ms >= history[-1].open_ms:
            merged[self.rows[-1].open_ms] = self.rows[-1]
        self.rows = [merged[open_ms] for open_ms in sorted(merged)][-MAX_CANDLES:]
        self.version += 1
        self.whole = self.version

    def close_at(self, time_ms: int, length_ms: int) -> float | None:
        """Of the candle, so long, that holds `time_ms`."""
        at = bisect_right(self.rows, time_ms, key=lambda row: row.open_ms) - 1
        if at < 0 or time_ms >= self.rows[at].open_ms + length_ms:
            return None
        return self.rows[at].close

    def _place(self, candle: Candle) -> None:
        at = bisect_left(self.rows, candle.open_ms, key=lambda row: row.open_ms)
        if self.rows[at].open_ms == candle.open_ms:
            self.rows[at] = candle
        else:
            self.rows.insert(at, candle)


class Spark:
    """The last one-minute closes of an instrument, from history and from every price heard since."""

    def __init__(self, length: int = 60) -> None:
        self._length = length
        self._closes: dict[int, float] = {}  # by minute, in order
        self._minute = 0

    def load(self, history: tuple[Candle, ...]) -> None:
        fetched = {candle.open_ms // 60_000: candle.close for candle in history}
        fetched.update((minute, close) for minute, close in self._closes.items() if minute not in fetched)
        if self._minute in self._closes:
            fetched[self._minute] = self._closes[self._minute]
        self._closes = {minute: fetched[minute] for minute in sorted(fetched)[-self._length :]}
        self._minute = max(self._closes, default=0)

    def price(self, time_ms: int, price: float) -> None:
        """A price at the venue's time; an older minute than the newest is ignored."""
        minute = time_ms // 60_000
        if minute < self._minute:
            return
        if minute > self._minute:
            self._minute = minute
            if len(self._closes) >= self._length:
                del self._closes[next(iter(self._closes))]
        self._closes[minute] = price

    def close_at(self, time_ms: int) -> float | None:
        """Of the minute that holds `time_ms`; None when it is not known (any more)."""
        return self._closes.get(time_ms // 60_000)

    def closes(self) -> tuple[float, ...]:
        return tuple(self._closes.values())
