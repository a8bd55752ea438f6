"""Faults of streams: what accounts and the public are told."""

from typing import TYPE_CHECKING, ClassVar

from spark_tui.simulator.faults.fault import Armed, Event, Fault, FaultError

if TYPE_CHECKING:
    from spark_tui.simulator.accounts import Account
    from spark_tui.simulator.simulation import Simulation

_KINDS = ("any", "NEW", "TRADE", "CANCELED", "EXPIRED", "REPLACED", "balance")


class OfStream(Fault, frozen=True, kw_only=True):
    """Of `stream` user (of one `kind`: an execution type, or balance) or of market streams whose name
    contains the word."""

    stream: str = "user"
    kind: str = "any"

    def check(self, simulation: "Simulation") -> None:
        if self.kind not in _KINDS:
            raise FaultError(f"kind={self.kind} is not among {', '.join(_KINDS)}")

    def of_account(self, event: Event) -> bool:
        if self.stream != "user":
            return False
        kind = event.get("x", "balance" if event["e"] == "outboundAccountPosition" else "")
        return self.kind in ("any", kind)

    def of_market(self, stream: str) -> bool:
        return self.stream != "user" and self.stream in stream


class DuplicateEvent(OfStream, frozen=True, kw_only=True):
    """An event comes twice."""

    VERB: ClassVar[str] = "duplicate-event"

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        return [event, event] if self.of_account(event) and armed.due() else [event]

    def frames(self, stream: str, frame: bytes, armed: Armed) -> list[bytes]:
        return [frame, frame] if self.of_market(stream) and armed.due() else [frame]


class DropEvent(OfStream, frozen=True, kw_only=True):
    """An event never comes."""

    VERB: ClassVar[str] = "drop-event"

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        return [] if self.of_account(event) and armed.due() else [event]

    def frames(self, stream: str, frame: bytes, armed: Armed) -> list[bytes]:
        return [] if self.of_market(stream) and armed.due() else [frame]


class MuteStream(Fault, frozen=True, kw_only=True):
    """Market streams whose name contains the word in `stream` say nothing any more, while everything else on
    their connections goes on: `until` subscribe (they are subscribed to anew) or connect (on a new
    connection)."""

    VERB: ClassVar[str] = "mute-stream"
    stream: str = "@depth@"
    until: str = "subscribe"

    def check(self, simulation: "Simulation") -> None:
        if self.until not in ("subscribe", "connect"):
            raise FaultError(f"until={self.until} is neither subscribe nor connect")

    def start(self, armed: Armed) -> None:
        hub = armed.stage.simulation.hub
        muted = [stream for stream in hub.streams() if self.stream in stream]
        if muted and armed.due():
            for stream in muted:
                hub.hush(stream, curable=self.until == "subscribe")


class ForeignExecution(Fault, frozen=True, kw_only=True):
    """Beside a NEW report comes one of another execution type (`kind`) with a quantity and a price in it,
    which moves nothing: only TRADE does."""

    VERB: ClassVar[str] = "foreign-execution"
    kind: str = "TRADE_PREVENTION"

    def check(self, simulation: "Simulation") -> None:
        if self.kind == "TRADE":
            raise FaultError("kind=TRADE is an execution like any other; use TRADE_PREVENTION or CALCULATED")

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        if event.get("x") != "NEW" or not armed.due():
            return [event]
        return [event, event | {"x": self.kind, "l": event["q"], "L": event["p"], "Y": event["q"], "t": -1}]


class ExpireUserStream(Fault, frozen=True, kw_only=True):
    """Every user data subscription ends, at the next user event or at once with `now`; without a word if
    `silent`."""

    VERB: ClassVar[str] = "expire-user-stream"
    now: bool = True
    silent: bool = False

    def start(self, armed: Armed) -> None:
        if self.now and armed.due():
            self._end(armed)

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        if self.now or not armed.due():
            return [event]
        self._end(armed)
        return []

    def _end(self, armed: Armed) -> None:
        simulation = armed.stage.simulation
        for sink in tuple(simulation.user_sinks):
            sink.end_subscriptions(simulation.clock.now_ms(), silent=self.silent)
