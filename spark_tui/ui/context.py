"""What every pane is given: the model, the painter, and how to ask for an action."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from spark_tui.link.messages import AnyRequest, Result
from spark_tui.ui.clock import Clock
from spark_tui.ui.model import Model
from spark_tui.ui.theme import Painter

Act = Callable[[str, Mapping[str, str]], None]
Call = Callable[[AnyRequest], Awaitable[Result]]  # raises LinkError


@dataclass(frozen=True, slots=True)
class TerminalReading:
    """The line to the terminal: bytes written so far, writes queued, the last frame, beats of the pump."""

    written: int
    queued: int
    frame_ms: float
    beats: int
    skipped: int
    rate_hz: float


@dataclass(slots=True)
class Context:
    """Shared by reference; the application swaps `painter` when the theme or the fading changes."""

    model: Model
    clock: Clock
    painter: Painter  # faded while a dialog is open or the engine is lost
    plain: Painter  # never faded: dialogs and banners
    act: Act  # run an action of the table by id, with parameters
    call: Call  # ask the engine
    say: Callable[[str, str], None]  # (level, text): a line of the cockpit's own in the log
    terminal: Callable[[], TerminalReading]
    session: str  # unique to this cockpit; idempotency keys begin with it
    read_only: bool = False
    lean: bool = False
