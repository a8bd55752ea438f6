"""What every fault is: when it fires, and the places where it may put its hand in."""

import random
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec

if TYPE_CHECKING:
    from spark_tui.simulator.accounts import Account
    from spark_tui.simulator.market import Market
    from spark_tui.simulator.matching import Execution
    from spark_tui.simulator.operations import Call
    from spark_tui.simulator.simulation import Simulation

Event = dict[str, Any]


class FaultError(Exception):
    """One sentence with the cure: a fault that cannot be armed as asked."""


class Line(Protocol):
    """A connection a fault may disturb."""

    purpose: str  # "ws-api" or "stream"
    combined: bool

    def deliver(self, frame: bytes) -> None: ...

    def cut(self) -> None: ...

    def mute(self) -> None:
        """Neither read nor say anything any more, and keep the connection."""
        ...

    def break_frame(self) -> None:
        """End in the middle of the next frame."""
        ...


class Asked(msgspec.Struct, frozen=True):
    """One request on its way to the engine. `method` is the WebSocket API's name for it, whatever the
    door."""

    method: str
    call: "Call"


class Fate(msgspec.Struct):
    """What becomes of the reply to the present request."""

    drop: bool = False
    cut: bool = False  # the connection with it
    delay_ms: int = 0
    behind_next: bool = False  # it leaves after the next reply of its connection

    @property
    def changes(self) -> bool:
        return self.drop or self.cut or self.behind_next or self.delay_ms > 0


class Stage(Protocol):
    """What a fault works on: the venue, its lines, and time."""

    simulation: "Simulation"
    fate: Fate

    @property
    def lines(self) -> Collection[Line]: ...

    def later(self, delay_ms: int, work: Callable[[], None]) -> None:
        """Do `work` when the market has lived this long."""
        ...

    def hold_events(self, release_ms: int | None) -> None:
        """Keep the user events of the present request back: until its reply has left (None), or this long."""
        ...

    def tell(self, account: "Account", event: Event) -> None:
        """Send a user event past every fault."""
        ...


class Armed:
    """A fault that waits for its moment: the occasions it saw, the times it fired, and its own dice."""

    def __init__(self, fault: "Fault", stage: Stage, rng: random.Random) -> None:
        self.fault = fault
        self.stage = stage
        self.rng = rng
        self.seen = self.fired = 0

    @property
    def spent(self) -> bool:
        return bool(self.fault.times) and self.fired >= self.fault.times

    def due(self) -> bool:
        """Count one occasion; whether the fault fires at it."""
        if self.spent:
            return False
        self.seen += 1
        if self.seen <= self.fault.after or self.rng.random() >= self.fault.chance:
            return False
        self.fired += 1
        return True


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after` occasions pass untouched, then it fires with `chance` at each, `times` times (0: for ever)."""

    VERB: ClassVar[str] = ""

    after: int = 0
    times: int = 1
    chance: float = 1.0

    def check(self, simulation: "Simulation") -> None:
        """FaultError for arguments that make no sense."""

    def start(self, armed: Armed) -> None:
        """It has just been armed."""

    def before(self, asked: Asked, armed: Armed) -> None:
        """A request is about to run; ApiError refuses it."""

    def reply(self, asked: Asked, answer: Any, armed: Armed) -> Any:
        """A request has succeeded with `answer`; ApiError takes its place."""
        return answer

    def end(self, asked: Asked, armed: Armed) -> None:
        """A request is over, however it ended; its reply has not left."""

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        """What goes out in place of one user event."""
        return [event]

    def frames(self, stream: str, frame: bytes, armed: Armed) -> list[bytes]:
        """What goes out in place of one market frame."""
        return [frame]

    def executions(self, executions: "list[Execution]", market: "Market", armed: Armed) -> "list[Execution]":
        """What is booked in place of one taker's executions."""
        return executions
