"""Faults of connections and of the venue's clock."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

import msgspec

from spark_tui.simulator.faults.fault import Armed, Fault, FaultError, Line

if TYPE_CHECKING:
    from spark_tui.simulator.simulation import Simulation

_PURPOSES = ("any", "ws-api", "stream")
_LONGEST_S = 7 * 86_400


class OfLines(Fault, frozen=True, kw_only=True):
    """Of connections for one `purpose`: ws-api, stream or any, `ms` after it was armed."""

    purpose: str = "any"
    ms: int = 0

    def check(self, simulation: "Simulation") -> None:
        if self.purpose not in _PURPOSES:
            raise FaultError(f"purpose={self.purpose} is not among {', '.join(_PURPOSES)}")

    def start(self, armed: Armed) -> None:
        if armed.due():
            armed.stage.later(self.ms, lambda: self.happen(armed))

    def lines(self, armed: Armed) -> list[Line]:
        return [line for line in armed.stage.lines if self.purpose in ("any", line.purpose)]

    def happen(self, armed: Armed) -> None:
        """What it does when its time has come."""


class ServerShutdown(OfLines, frozen=True, kw_only=True):
    """The server says that it goes away and ends the connections of this moment `lead_ms` later; with
    `silent` they just end, as after 24 hours."""

    VERB: ClassVar[str] = "server-shutdown"
    lead_ms: int = 2_000
    silent: bool = False

    def happen(self, armed: Armed) -> None:
        event = {"e": "serverShutdown", "E": armed.stage.simulation.clock.now_ms()}
        doomed = self.lines(armed)
        for line in doomed:
            if not self.silent:
                line.deliver(_dressed(event, line))
        armed.stage.later(self.lead_ms, partial(_cut, doomed))


class Blackhole(OfLines, frozen=True, kw_only=True):
    """The connections of this moment go half-open: nothing comes any more and nothing is heard, not even a
    ping, and nobody says so."""

    VERB: ClassVar[str] = "blackhole"

    def happen(self, armed: Armed) -> None:
        for line in self.lines(armed):
            line.mute()


class CloseMidFrame(OfLines, frozen=True, kw_only=True):
    """The connections of this moment end in the middle of their next frame."""

    VERB: ClassVar[str] = "close-mid-frame"

    def happen(self, armed: Armed) -> None:
        for line in self.lines(armed):
            line.break_frame()


class ClockFault(Fault, frozen=True, kw_only=True):
    """The venue's clock: `step_ms` at once, `drift_ppm` from now on, or `suspend_s`: the time between went by
    while this machine slept, and every connection is gone."""

    VERB: ClassVar[str] = "clock"
    step_ms: int = 0
    drift_ppm: int = 0
    suspend_s: int = 0

    def check(self, simulation: "Simulation") -> None:
        if not (self.step_ms or self.drift_ppm or self.suspend_s):
            raise FaultError("say what the clock does: step_ms=3000, drift_ppm=50 or suspend_s=28800")
        if abs(self.step_ms) > _LONGEST_S * 1_000 or not 0 <= self.suspend_s <= _LONGEST_S:
            raise FaultError("the clock may step or sleep by a week at most")

    def start(self, armed: Armed) -> None:
        if not armed.due():
            return
        armed.stage.simulation.clock.offset_ms += self.step_ms + self.suspend_s * 1_000
        if self.drift_ppm:
            armed.stage.simulation.clock.drift(self.drift_ppm)
        if self.suspend_s:
            for line in tuple(armed.stage.lines):
                line.cut()


def _cut(lines: list[Line]) -> None:
    for line in lines:
        line.cut()


def _dressed(event: dict[str, object], line: Line) -> bytes:
    """As each kind of connection says it (protocol 10.1, 11.1)."""
    if line.purpose == "ws-api":
        return msgspec.json.encode({"event": event})
    if line.combined:
        return msgspec.json.encode({"stream": "!serverShutdown", "data": event})
    return msgspec.json.encode(event)
