"""The equity curve and the fall from its peak, sampled once a minute into the ledger and kept in three
resolutions, so that it is bounded whatever the account's age.

Money that came or went from outside is neither gain nor loss: the peak is one of equity less such money.
Where the set of what can be priced changes, the curve goes on from where it was: the jump says nothing.
"""

from collections import deque
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add

_DIGITS = EXACT.copy()
_DIGITS.prec = 28

MINUTE_MS: Final = 60_000


class Window(StrEnum):
    """How far back, and so how fine."""

    DAY = "day"  # by the minute
    MONTH = "month"  # by the hour
    ALL = "all"  # by the day


_RINGS: Final = {
    Window.DAY: (MINUTE_MS, 1_440),
    Window.MONTH: (3_600_000, 24 * 31),
    Window.ALL: (86_400_000, 3_660),
}


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`gain`: equity less the money that came from outside and less the first equity. `fall`: the share of
    what the account would be worth at its peak that is gone, 0.05 = 5 %."""

    at_ms: int
    equity: Decimal
    gain: Decimal
    fall: Decimal


class Curve:
    """`sample`, `flow` and `begin_again` change it; `now` looks without changing."""

    def __init__(self) -> None:
        self.points: dict[Window, deque[Point]] = {
            window: deque(maxlen=length) for window, (_, length) in _RINGS.items()
        }
        self.last: Point | None = None
        self.deepest: Point | None = None  # the point of the greatest fall
        self._outside = ZERO  # first equity, money from outside, and jumps that say nothing
        self._peak = ZERO  # of the gain
        self._unpriced: tuple[str, ...] = ()
        self._jumped = False  # money of unknown worth came or went since the last sample

    def sample(self, at_ms: int, equity: Decimal, unpriced: tuple[str, ...]) -> None:
        point = self.now(at_ms, equity, unpriced)
        self._outside = EXACT.subtract(equity, point.gain)
        self._peak = max(self._peak, point.gain)
        self._unpriced, self._jumped = unpriced, False
        self.last = point
        if self.deepest is None or point.fall > self.deepest.fall:
            self.deepest = point
        for window, (bucket_ms, _) in _RINGS.items():
            points = self.points[window]
            if points and points[-1].at_ms // bucket_ms == at_ms // bucket_ms:
                points.pop()
            points.append(point)

    def flow(self, worth: Decimal | None) -> None:
        """Money from outside, in the account's currency; None: it has no price now."""
        if worth is None:
            self._jumped = True
        else:
            self._outside = add(self._outside, worth)

    def begin_again(self) -> None:
        """Another account from here on: the jump is no gain, and the peak is where it stands."""
        self._jumped = True
        self._peak = self.last.gain if self.last is not None else ZERO

    def now(self, at_ms: int, equity: Decimal, unpriced: tuple[str, ...]) -> Point:
        """What a sample would be."""
        if self.last is None:
            gain = ZERO
        elif self._jumped or unpriced != self._unpriced:
            gain = self.last.gain
        else:
            gain = EXACT.subtract(equity, self._outside)
        lost = EXACT.subtract(max(self._peak, gain), gain)
        return Point(at_ms=at_ms, equity=equity, gain=gain, fall=_share(lost, add(equity, lost)))

    def due(self, at_ms: int) -> bool:
        """Whether a new minute has begun since the last sample."""
        return self.last is None or at_ms // MINUTE_MS != self.last.at_ms // MINUTE_MS

    def digest(self) -> dict[str, object]:
        """Plain data; equal curves give equal digests."""
        return {
            "points": {window: list(points) for window, points in self.points.items()},
            "deepest": self.deepest,
            "outside": self._outside,
            "peak": self._peak,
            "unpriced": self._unpriced,
            "jumped": self._jumped,
        }


def _share(part: Decimal, whole: Decimal) -> Decimal:
    if part <= 0:
        return ZERO
    return _DIGITS.divide(part, whole) if whole > part else Decimal(1)
