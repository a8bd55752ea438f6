"""Depth streams that died while their connection lives: it answers pings, other streams flow.

A quiet instrument sends no differences, and neither does a dead stream. The venue's own update number tells
them apart: book tickers, partial books and answers to depth requests all name it. Where it moves on and no
difference follows, the stream is dead. It is subscribed to anew at once; where that brings nothing, the
connection is replaced, later and later.
"""

from collections.abc import Iterable

from spark_tui.wire.clock import NS_PER_S

LOOK_EVERY_S = 1.0
DEAD_AFTER_S = 3.0  # differences come every 100 ms
CALM_S = 60.0  # well for so long: the next time it is new trouble
WAITS_S = (30.0, 60.0, 120.0, 240.0, 480.0)  # between two replacements of the connection


class Pulse:
    """One depth stream, beside what the venue tells of its book elsewhere."""

    __slots__ = ("_base", "_old", "_since_ns", "_stuck", "dead", "revivals", "treated", "treated_ns")

    def __init__(self) -> None:
        self.dead = False
        self.treated = 0  # since it was well
        self.treated_ns = 0
        self.revivals = 0  # treatments since the start
        self.restart(None)

    def restart(self, told: int | None) -> None:
        """Subscribed to anew: only what the venue does from now on must follow. `told`: heard before."""
        self.dead = False
        self._old = told
        self._base: int | None = None  # where the venue stood when it was first heard of since
        self._stuck = 0
        self._since_ns: int | None = None

    def look(self, spoken: int | None, told: int | None, now_ns: int) -> None:
        """`spoken`: the last update it brought; `told`: the highest heard of elsewhere."""
        if self._base is None and told != self._old:
            self._base = told
        reached = self._base if spoken is None else spoken
        if reached is None or told is None or told <= reached:
            self.dead, self._since_ns = False, None
        elif self._since_ns is None or reached != self._stuck:
            self.dead, self._stuck, self._since_ns = False, reached, now_ns
        else:
            self.dead = now_ns - self._since_ns >= DEAD_AFTER_S * NS_PER_S
        if not self.dead and now_ns - self.treated_ns > CALM_S * NS_PER_S:
            self.treated = 0

    def treat(self, now_ns: int) -> None:
        self.treated += 1
        self.revivals += 1
        self.treated_ns = now_ns

    @property
    def words(self) -> str:
        """For the Health screen; empty while all is well."""
        if self.dead:
            return "dead: the venue moved on and no update came"
        if self.treated:
            return "was dead: " + ("subscribed" if self.treated == 1 else "connected") + " anew"
        return ""


class Physician:
    """Knows every depth stream's pulse, and decides what is done about the dead."""

    def __init__(self) -> None:
        self.pulses: dict[str, Pulse] = {}  # by symbol
        self._answers: dict[str, int] = {}  # to depth requests
        self.connects = 0  # replacements of the connection since the start
        self._step = 0
        self._connected_ns = 0

    def answered(self, symbol: str, last_id: int) -> None:
        """The venue said that it stands there. The newest answer counts, not the highest number: a venue may
        begin its numbers anew."""
        if symbol in self.pulses:
            self._answers[symbol] = last_id

    def look(self, symbol: str, spoken: int | None, told: Iterable[int | None], now_ns: int) -> None:
        """As of now; see `Pulse.look`."""
        self._pulse(symbol).look(spoken, self._highest(symbol, told), now_ns)

    def restart(self, symbol: str, told: Iterable[int | None]) -> None:
        self._pulse(symbol).restart(self._highest(symbol, told))

    def forget(self, symbol: str) -> None:
        """It is not streamed any more."""
        self.pulses.pop(symbol, None)
        self._answers.pop(symbol, None)

    def dead(self) -> list[str]:
        return [symbol for symbol, pulse in self.pulses.items() if pulse.dead]

    def treat(self, now_ns: int) -> tuple[list[str], bool]:
        """Which streams to subscribe to anew, or whether to replace the connection."""
        dead = self.dead()
        fresh = [symbol for symbol in dead if not self.pulses[symbol].treated]
        connect = len(fresh) < len(dead) and self._may_connect(now_ns)
        for symbol in dead if connect else fresh:
            self.pulses[symbol].treat(now_ns)
        return ([], True) if connect else (fresh, False)

    def _pulse(self, symbol: str) -> Pulse:
        return self.pulses.setdefault(symbol, Pulse())

    def _highest(self, symbol: str, told: Iterable[int | None]) -> int | None:
        numbers = (*told, self._answers.get(symbol))
        return max((number for number in numbers if number is not None), default=None)

    def _may_connect(self, now_ns: int) -> bool:
        """Every other stream has to go through it, too: seldom, and ever more so."""
        waited_s = (now_ns - self._connected_ns) / NS_PER_S
        if self._step and waited_s > WAITS_S[-1] + CALM_S:
            self._step = 0
        if self._step and waited_s < WAITS_S[min(self._step, len(WAITS_S)) - 1]:
            return False
        self._step += 1
        self.connects += 1
        self._connected_ns = now_ns
        return True
