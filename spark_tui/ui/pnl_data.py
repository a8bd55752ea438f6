"""What the PnL screen knows, and the stretches of time it can show."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from spark_tui.domain.accounting import Window
from spark_tui.link.messages import EquityCurve, Explanation, Pnl

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


class Stretch(NamedTuple):
    """`back_ms`: None goes back to the first sample. `step_ms`: from one sample to the next."""

    name: str
    window: Window
    back_ms: int | None
    step_ms: int


STRETCHES: Final = (
    Stretch("1h", Window.DAY, HOUR_MS, MINUTE_MS),
    Stretch("1d", Window.DAY, DAY_MS, MINUTE_MS),
    Stretch("1w", Window.MONTH, 7 * DAY_MS, HOUR_MS),
    Stretch("all", Window.ALL, None, DAY_MS),
)


@dataclass
class Money:
    """The engine's latest answers; None: not answered yet."""

    pnl: Pnl | None = None
    curve: EquityCurve | None = None
    explanation: Explanation | None = None
    stretch: Stretch = STRETCHES[1]
    exported: str = ""  # how the last export ended; its whole story is in the log

    def next_stretch(self) -> None:
        at = STRETCHES.index(self.stretch)
        self.stretch = STRETCHES[(at + 1) % len(STRETCHES)]
        self.curve = None

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
