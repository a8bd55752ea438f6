"""Candles of one symbol: a seeded past, the live bar, and every interval the venue serves.

The past is drawn when it is first asked for: most of it never is, and all of it took most of a start.

A bar is a tuple of whole numbers (prices and volumes in 1e-8):
(open ms, open, high, low, close, base volume, quote volume, trades, taker base, taker quote).
Six base intervals and one-second bars are stored; the others are folded from them when asked for.
"""

import math
import random
from collections import deque
from collections.abc import Iterable

from spark_tui.simulator.fixed import SCALE, floor_to, notional

Bar = tuple[int, int, int, int, int, int, int, int, int, int]

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
WEEK, MONTH = 7 * DAY, 30 * DAY
INTERVALS = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": WEEK,
    "1M": MONTH,
}
BASE = ("1m", "5m", "15m", "1h", "4h", "1d")
_KEPT = 1_500
_FOUR_DAYS = 4 * DAY  # 1970-01-05 was the first Monday: weeks start there


def open_of(ms: int, interval: str, offset_ms: int = 0) -> int:
    """Open time of the bar that holds `ms`; days, weeks and months start at midnight of the offset's zone."""
    local = ms + offset_ms
    if interval == "1M":
        return _month_start(local) - offset_ms
    span = INTERVALS[interval]
    shift = _FOUR_DAYS if interval == "1w" else 0
    return local - (local - shift) % span - offset_ms


def close_of(open_ms: int, interval: str, offset_ms: int = 0) -> int:
    """Last millisecond of the bar that opens at `open_ms`."""
    if interval == "1M":
        return _month_start(open_ms + offset_ms + 31 * DAY) - offset_ms - 1
    return open_ms + INTERVALS[interval] - 1


def _month_start(ms: int) -> int:
    """Midnight of the first day of the month (civil-from-days arithmetic, proleptic Gregorian)."""
    days = ms // DAY + 719_468
    _, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * shifted_month + 2) // 5
    return (ms // DAY - day_of_month) * DAY


def merge(open_ms: int, first: Bar, second: Bar) -> Bar:
    """Two neighbouring bars as one that opens at `open_ms`."""
    return (
        open_ms,
        first[1],
        max(first[2], second[2]),
        min(first[3], second[3]),
        second[4],
        first[5] + second[5],
        first[6] + second[6],
        first[7] + second[7],
        first[8] + second[8],
        first[9] + second[9],
    )


def fold(bars: Iterable[Bar], interval: str, offset_ms: int = 0) -> list[Bar]:
    """Finer bars, oldest first, as bars of `interval`; the first and last may be partly covered."""
    folded: list[Bar] = []
    for bar in bars:
        open_ms = open_of(bar[0], interval, offset_ms)
        if folded and folded[-1][0] == open_ms:
            folded[-1] = merge(open_ms, folded[-1], bar)
        else:
            folded.append((open_ms, *bar[1:]))
    return folded


class Candles:
    """Every interval of one symbol. Trades come in through `trade`, in time order."""

    def __init__(self) -> None:
        self._closed: dict[str, deque[Bar]] = {name: deque(maxlen=_KEPT) for name in BASE}
        self._open: dict[str, Bar] = {}
        self._seconds: deque[Bar] = deque(maxlen=_KEPT)
        self._live: Bar | None = None
        self._past: Past | None = None
        self._joined: set[str] = set()  # base intervals that have their past

    def continue_from(self, past: "Past") -> None:
        """What was before the first trade."""
        self._past = past

    def trade(self, ms: int, price: int, quantity: int, *, taker_buys: bool) -> None:
        live = self._live
        second = ms - ms % SECOND
        quote = notional(price, quantity)
        taker = (quantity, quote) if taker_buys else (0, 0)
        if live is not None and live[0] == second:
            self._live = (
                second,
                live[1],
                max(live[2], price),
                min(live[3], price),
                price,
                live[5] + quantity,
                live[6] + quote,
                live[7] + 1,
                live[8] + taker[0],
                live[9] + taker[1],
            )
            return
        self._settle_live()
        self._live = (second, price, price, price, price, quantity, quote, 1, *taker)

    def read(
        self,
        interval: str,
        *,
        now_ms: int,
        limit: int,
        start_ms: int | None = None,
        end_ms: int | None = None,
        offset_ms: int = 0,
    ) -> list[Bar]:
        """At most `limit` bars, oldest first, chosen by open time as the venue chooses (protocol 5.2)."""
        bars = self._all(interval, now_ms, limit if start_ms is None and end_ms is None else None, offset_ms)
        if end_ms is not None:
            bars = [bar for bar in bars if bar[0] <= end_ms]
        if start_ms is not None:
            return [bar for bar in bars if bar[0] >= start_ms][:limit]
        return bars[-limit:]

    def _all(self, interval: str, now_ms: int, newest: int | None, offset_ms: int) -> list[Bar]:
        if interval == "1s":
            bars = [*self._seconds, self._live] if self._live is not None else list(self._seconds)
            return _fill_gaps(bars, interval, now_ms)
        base = _source(interval, offset_ms)
        if base == interval and offset_ms % INTERVALS[base] == 0:
            return self._base(interval, now_ms, newest)
        finer = None if newest is None else (newest + 1) * (INTERVALS[interval] // INTERVALS[base] + 1)
        return fold(self._base(base, now_ms, finer), interval, offset_ms)

    def _base(self, interval: str, now_ms: int, newest: int | None) -> list[Bar]:
        """Bars of a base interval, only about the `newest` ones when a number is given."""
        self._join(interval)
        bars = list(self._closed[interval])
        if newest is not None:
            bars = bars[-newest:]
        current = self._open.get(interval)
        live = self._live
        if live is not None:
            open_ms = open_of(live[0], interval)
            if current is not None and current[0] == open_ms:
                current = merge(open_ms, current, live)
            else:
                if current is not None:
                    bars.append(current)
                current = (open_ms, *live[1:])
        if current is not None:
            bars.append(current)
        return _fill_gaps(bars, interval, now_ms)

    def _join(self, interval: str) -> None:
        """Put the past of a base interval before what was lived of it."""
        if self._past is None or interval in self._joined:
            return
        self._joined.add(interval)
        closed, last = self._past.draw(interval)
        lived = list(self._closed[interval])
        if interval in self._open:
            lived.append(self._open[interval])
        if last is not None and lived and lived[0][0] == last[0]:
            lived[0] = merge(last[0], last, lived[0])
        elif last is not None:
            lived.insert(0, last)
        if lived:
            self._open[interval] = lived.pop()
        self._closed[interval] = deque([*closed, *lived], maxlen=_KEPT)

    def _settle_live(self) -> None:
        """Fold the finished one-second bar into the open bar of every base interval."""
        live = self._live
        if live is None:
            return
        self._seconds.append(live)
        for name in BASE:
            open_ms = open_of(live[0], name)
            current = self._open.get(name)
            if current is not None and current[0] == open_ms:
                self._open[name] = merge(open_ms, current, live)
                continue
            if current is not None:
                self._closed[name].append(current)
            self._open[name] = (open_ms, *live[1:])


def _source(interval: str, offset_ms: int) -> str:
    """The coarsest base interval that folds exactly into `interval` at this zone offset."""
    span = DAY if interval in ("1w", "1M") else INTERVALS[interval]
    for name in reversed(BASE):
        if span % INTERVALS[name] == 0 and offset_ms % INTERVALS[name] == 0:
            return name
    return "1m"


def _fill_gaps(bars: list[Bar], interval: str, now_ms: int) -> list[Bar]:
    """Bars without a trade are flat at the last close, up to the bar that holds `now_ms`."""
    if not bars:
        return bars
    span = INTERVALS[interval]
    last = open_of(now_ms, interval)
    filled = [bars[0]]
    for bar in bars[1:]:
        _extend_flat(filled, bar[0], span)
        filled.append(bar)
    _extend_flat(filled, last + span, span)
    return filled


def _extend_flat(filled: list[Bar], until_ms: int, span: int) -> None:
    missing = min((until_ms - filled[-1][0]) // span - 1, _KEPT)
    for _ in range(missing):
        before = filled[-1]
        price = before[4]
        filled.append((before[0] + span, price, price, price, price, 0, 0, 0, 0, 0))


class Past:
    """Draws a plausible past that ends at a given price, the same for the same generators. Its time runs up
    to the minute of `end_ms`; the last close is `price`.

    `shared` is a generator every correlated symbol starts from the same seed, so their candles move together.
    """

    def __init__(
        self,
        *,
        own: random.Random,
        shared: random.Random,
        correlation: float,
        volatility: float,
        tick: int,
        step: int,
        quote_per_second: float,
        end_ms: int,
        price: int,
    ) -> None:
        self._own = own
        self._shared = shared
        self._correlation = correlation
        self._volatility = volatility  # of the log price over one second
        self._tick = tick
        self._step = step
        self._quote_per_second = quote_per_second
        self._minute = open_of(end_ms, "1m")
        self._price = price
        self._drawn: dict[str, tuple[list[Bar], Bar | None]] = {}

    def draw(self, interval: str) -> tuple[list[Bar], Bar | None]:
        """(closed bars, the bar still open) of a base interval. The generators draw the finer ones first,
        whatever is asked for first."""
        for name in BASE[len(self._drawn) : BASE.index(interval) + 1]:
            self._drawn[name] = self._next(name)
        return self._drawn[interval]

    def _next(self, name: str) -> tuple[list[Bar], Bar | None]:
        """Coarser bars are the fold of finer ones as far as those reach, and drawn on from there."""
        if not self._drawn:
            return self._walk(name, self._minute, self._price, _KEPT), None
        finer, finer_open = self._drawn[BASE[len(self._drawn) - 1]]
        covered = fold([*finer, finer_open] if finer_open is not None else finer, name)
        if finer[0][0] != covered[0][0]:
            covered.pop(0)
        first = covered[0]
        still_open = covered.pop() if covered[-1][0] == open_of(self._minute, name) else None
        return self._walk(name, first[0], first[1], _KEPT - len(covered)) + covered, still_open

    def _walk(self, interval: str, end_ms: int, close: int, count: int) -> list[Bar]:
        """`count` bars that end just before `end_ms` at price `close`, drawn backwards."""
        span = INTERVALS[interval]
        seconds = span / 1_000
        spread = self._volatility * math.sqrt(seconds)
        own_weight = math.sqrt(1 - self._correlation**2)
        bars: list[Bar] = []
        for index in range(1, count + 1):
            shock = self._correlation * self._shared.gauss(0, 1) + own_weight * self._own.gauss(0, 1)
            start = self._round(close * math.exp(-spread * shock))
            reach = 1 + abs(self._own.gauss(0, 0.5)) * spread
            high = self._round(max(start, close) * reach)
            low = self._round(min(start, close) / (1 + abs(self._own.gauss(0, 0.5)) * spread))
            busyness = math.exp(self._own.gauss(-0.15, 0.55)) * (1 + shock * shock / 3)
            quote = int(SCALE * self._quote_per_second * seconds * busyness)
            base = floor_to(quote * SCALE // close, self._step)
            quote = notional((start + close) // 2, base)
            bought = 0.5 + max(-0.3, min(0.3, shock * -0.08 + self._own.gauss(0, 0.05)))
            taker_base = floor_to(int(base * bought), self._step)
            trades = max(1, int(seconds * 30 * self._own.uniform(0.6, 1.4)))
            bars.append(
                (
                    end_ms - index * span,
                    start,
                    max(high, start, close),
                    min(low, start, close),
                    close,
                    base,
                    quote,
                    trades,
                    taker_base,
                    int(quote * bought),
                )
            )
            close = start
        bars.reverse()
        return bars

    def _round(self, price: float) -> int:
        return max(self._tick, int(price) // self._tick * self._tick)
