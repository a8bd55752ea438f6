"""What the PnL screen knows, and the stretches of time it can show."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from spark_tui.domain.accounting import Point, Window
from spark_tui.link.messages import EquityCurve, Explanation, Pnl
from spark_tui.ui.widgets.plot import Frame

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


YOUNG_MS: Final = MINUTE_MS  # the least that is drawn: a young curve grows into it from the left
FEW: Final = 4  # samples that are no curve yet: finer ones are asked for
TRAIL: Final = 120
STEP_MS: Final = {Window.DAY: MINUTE_MS, Window.MONTH: HOUR_MS, Window.ALL: DAY_MS}
FINER: Final = {Window.ALL: Window.MONTH, Window.MONTH: Window.DAY}


class Stretch(NamedTuple):
    """`back_ms`: None goes back to the first sample."""

    name: str
    window: Window
    back_ms: int | None


STRETCHES: Final = (
    Stretch("1h", Window.DAY, HOUR_MS),
    Stretch("1d", Window.DAY, DAY_MS),
    Stretch("1w", Window.MONTH, 7 * DAY_MS),
    Stretch("all", Window.ALL, None),
)


class Drawn(NamedTuple):
    """What a chart shows, and whether that is all there is though more was asked for."""

    points: tuple[Point, ...]
    frame: Frame
    young: bool


@dataclass
class Money:
    """The engine's latest answers; None: not answered yet."""

    pnl: Pnl | None = None
    curve: EquityCurve | None = None
    explanation: Explanation | None = None
    stretch: Stretch = STRETCHES[1]
    trail: tuple[Point, ...] = ()  # what was seen since the last sample, so that a curve lives from its start
    exported: str = ""  # how the last export ended; its whole story is in the log

    def next_stretch(self) -> None:
        at = STRETCHES.index(self.stretch)
        self.stretch = STRETCHES[(at + 1) % len(STRETCHES)]
        self.curve = None

    def take_curve(self, curve: EquityCurve) -> None:
        self.curve = curve
        sampled_ms = curve.points[-1].at_ms if curve.points else 0
        seen = (*self.trail, *([curve.now] if curve.now else []))
        self.trail = tuple(one for one in seen if one.at_ms > sampled_ms)[-TRAIL:]

    def drawn(self, now_ms: int) -> Drawn | None:
        """None: nothing was sampled yet. What is older than the stretch is left to the frame to cut off."""
        if self.curve is None or not self.curve.points:
            return None
        points = (*self.curve.points, *self.trail)
        end = max(now_ms, points[-1].at_ms)
        begun = points[0].at_ms
        back = None if self.stretch.back_ms is None else end - self.stretch.back_ms
        start = begun if back is None else max(begun, back)
        frame = Frame(start, max(end, start + YOUNG_MS), STEP_MS[self.curve.window] * 5 // 2)
        return Drawn(points, frame, young=back is not None and begun > back + STEP_MS[self.curve.window])

    @property
    def rest(self) -> Decimal | None:
        """What nobody explained, in the account's currency."""
        return self.explanation.rest_worth if self.explanation else None

    @property
    def accuracy(self) -> Decimal | None:
        """Of the worst venue; None while one is not known."""
        found = list(self.explanation.accuracy.values()) if self.explanation else []
        known = [value for value in found if value is not None]
        return min(known) if known and len(known) == len(found) else None
