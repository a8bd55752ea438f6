"""What is armed, and the seams of the simulator where it takes effect."""

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from spark_tui.simulator.faults.fault import Armed, Asked, Event, Fate, FaultError, Line
from spark_tui.simulator.faults.verbs import catalogue, read_fault, spelt

if TYPE_CHECKING:
    from spark_tui.simulator.accounts import Account
    from spark_tui.simulator.market import Market
    from spark_tui.simulator.matching import Execution
    from spark_tui.simulator.operations import Call, Operation
    from spark_tui.simulator.simulation import Simulation

MOST_ARMED = 64
_SWAP_WITHIN_MS = 1_000  # a reply that waits for the next one leaves by then in any case


class Faults:
    """Implements `fault.Stage`. Every seam costs one look while nothing is armed."""

    def __init__(self, simulation: "Simulation", *, seed: int = 1) -> None:
        self.simulation = simulation
        self.seed = seed
        self.lines: set[Line] = set()  # every open connection; the server keeps it
        self.fate = Fate()
        self._armed: list[Armed] = []
        self._numbers = itertools.count()
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._holding = False
        self._hold_ms: int | None = None
        self._held: list[tuple[Account, Event]] = []
        self._behind: dict[Line, list[bytes]] = {}

    # arming

    def arm(self, name: str, values: Mapping[str, Any], *, seed: int | None = None) -> None:
        """FaultError when it cannot be armed. `seed` starts another schedule."""
        fault = read_fault(name, values)
        fault.check(self.simulation)
        self._armed = [armed for armed in self._armed if not armed.spent]
        if len(self._armed) >= MOST_ARMED:
            raise FaultError(f"{MOST_ARMED} faults are armed already; clear them first")
        if seed is not None and seed != self.seed:
            self.seed, self._numbers = seed, itertools.count()
        rng = random.Random(f"{self.seed}/{next(self._numbers)}/{name}")
        armed = Armed(fault, self, rng)
        self._armed.append(armed)
        self.simulation.hub.disturb = self.frames
        fault.start(armed)

    def arm_spelt(self, texts: Iterable[str]) -> None:
        for text in texts:
            name, values = spelt(text)
            self.arm(name, values)

    def clear(self) -> None:
        """Disarm everything and begin the schedule again. What has happened stays; what is held goes out."""
        self._armed.clear()
        self._numbers = itertools.count()
        self.simulation.hub.disturb = None
        self.simulation.hub.speak()
        self.simulation.clock.drift(0)
        self.release()

    def describe(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "verbs": catalogue(),
            "armed": [
                {
                    "verb": armed.fault.VERB,
                    "args": msgspec.to_builtins(armed.fault),
                    "seen": armed.seen,
                    "fired": armed.fired,
                }
                for armed in self._armed
            ],
        }

    def fired(self, name: str) -> int:
        """How often faults of this name that are still armed have fired."""
        return sum(armed.fired for armed in self._armed if name == armed.fault.VERB)

    # requests

    def perform(self, method: str, operation: "Operation", call: "Call") -> Any:
        """Run one request through whatever is armed. ApiError as `operation.run`."""
        if not self._armed:
            return operation.run(call)
        asked = Asked(method, call)
        armed = tuple(self._armed)
        try:
            for one in armed:
                one.fault.before(asked, one)
            answer = operation.run(call)
            for one in armed:
                answer = one.fault.reply(asked, answer, one)
            return answer
        finally:
            for one in armed:
                one.fault.end(asked, one)
            if self._holding and self._hold_ms is not None:
                held, self._held, self._holding = self._held, [], False
                self.later(self._hold_ms, lambda: self._tell_all(held))

    @property
    def methods(self) -> frozenset[str]:
        """What can be asked for."""
        from spark_tui.simulator.ws_api import METHODS  # the faces stand above this room

        return frozenset(METHODS)

    def take_fate(self) -> Fate | None:
        """What becomes of the reply just made; None: it is delivered."""
        if not self.fate.changes:
            return None
        fate, self.fate = self.fate, Fate()
        return fate

    def carry(self, reply: bytes, line: Line) -> bool:
        """See to the reply of the last request on a socket; False: deliver it as ever, then call `sent`."""
        fate = self.take_fate()
        if fate is None:
            return False
        if fate.cut:
            line.cut()
        elif fate.delay_ms and not fate.drop:
            self.later(fate.delay_ms, lambda: line.deliver(reply))
        elif fate.behind_next and not fate.drop:
            self._behind.setdefault(line, []).append(reply)
            self.later(_SWAP_WITHIN_MS, lambda: self.sent(line))
        self.release()
        return True

    def sent(self, line: Line) -> None:
        """A reply has left: what waited for that follows."""
        for reply in self._behind.pop(line, ()):
            line.deliver(reply)
        self.release()

    def hold_events(self, release_ms: int | None) -> None:
        self._holding, self._hold_ms = True, release_ms

    def release(self) -> None:
        """Send the user events that waited for a reply."""
        if self._holding:
            held, self._held, self._holding = self._held, [], False
            self._tell_all(held)

    def _tell_all(self, events: list[tuple["Account", Event]]) -> None:
        for account, event in events:
            self.tell(account, event)

    # events

    def user_event(self, account: "Account", event: Event) -> None:
        """Send one user event, or what is armed makes of it."""
        if not self._armed and not self._holding:
            self.tell(account, event)
            return
        events = [event]
        for armed in tuple(self._armed):
            events = [out for one in events for out in armed.fault.events(account, one, armed)]
        if self._holding:
            self._held.extend((account, one) for one in events)
            return
        for one in events:
            self.tell(account, one)

    def tell(self, account: "Account", event: Event) -> None:
        for sink in tuple(self.simulation.user_sinks):
            sink.user_event(account, event)

    def frames(self, stream: str, frame: bytes) -> list[bytes]:
        """What goes out in place of one market frame."""
        frames = [frame]
        for armed in self._armed:
            frames = [out for one in frames for out in armed.fault.frames(stream, one, armed)]
        return frames

    def executions(self, executions: "list[Execution]", market: "Market") -> "list[Execution]":
        for armed in self._armed:
            executions = armed.fault.executions(executions, market, armed)
        return executions

    # time

    def later(self, delay_ms: int, work: Callable[[], None]) -> None:
        due = self.simulation.wall_ms() + delay_ms
        heapq.heappush(self._timers, (due, next(self._order), work))

    @property
    def next_ms(self) -> int | None:
        """When something comes due next, on the market's time."""
        return self._timers[0][0] if self._timers else None

    def tick(self, now_ms: int) -> None:
        """The market lives: do what has come due."""
        while self._timers and self._timers[0][0] <= now_ms:
            heapq.heappop(self._timers)[2]()
