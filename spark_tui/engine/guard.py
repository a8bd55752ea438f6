"""The trading state and the kill switch.

The kill switch depends on neither PnL, ledger, screen nor log (F59): it halts in memory, begins to cancel
at the venues, and tries to record meanwhile: a venue that answers late must not keep the halt from the ledger
and the screens. Whatever fails on the way is reported and does not stop it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from spark_tui.domain.values import TradingState
from spark_tui.engine.activity import Activity
from spark_tui.engine.records import TradingStateChanged
from spark_tui.engine.supervise import describe
from spark_tui.link.messages import CancelAllResult
from spark_tui.venues.port import OrderReport, Venue
from spark_tui.venues.sweep import Sweep, merged, sweep
from spark_tui.wire.clock import NS_PER_S, Clock

RECORDED_WITHIN_S = 1.0


class Guard:
    """What may leave. `on_change` is told after each change, and must cope with whatever follows from it
    itself."""

    def __init__(self, clock: Clock, *, on_change: Callable[[TradingStateChanged], None]) -> None:
        self.state = TradingState.ACTIVE
        self.reason = ""
        self.killed = False
        self.activity = Activity(clock)
        self._clock = clock
        self._on_change = on_change
        self._paused_until_ns = 0
        self._pause_reason = ""

    def keeps_home(self) -> str:
        """Why nothing may leave now but cancels; empty while orders may."""
        if self.state is not TradingState.HALTED:
            return ""
        return f"Trading was halted before it was sent ({self.reason})."

    def restore(self, trading: TradingStateChanged) -> None:
        """Take over what the ledger says: a halt survives the restart."""
        self._take(trading.state, trading.reason, trading.killed)

    @property
    def halted(self) -> bool:
        return self.state is TradingState.HALTED

    def halt(self, reason: str, operator: str = "engine") -> None:
        """Nothing leaves but cancels. A kill is not weakened by a later, lesser halt."""
        self._change(TradingState.HALTED, self.reason if self.killed else reason, self.killed, operator)

    def halt_in_memory(self, reason: str) -> None:
        """The first thing a kill does; it cannot fail."""
        self.state, self.reason, self.killed = TradingState.HALTED, reason, True

    def announce(self, operator: str) -> None:
        """Tell the world about a kill that stands in memory already."""
        self._change(self.state, self.reason, self.killed, operator)

    def reduce(self, reason: str) -> None:
        """Only what does not open risk. Never lifts a halt."""
        if self.state is TradingState.ACTIVE:
            self._change(TradingState.REDUCING, reason, False, "engine")

    def resume(self, reason: str, operator: str) -> None:
        self._change(TradingState.ACTIVE, reason, False, operator)

    def pause(self, seconds: float, reason: str) -> None:
        """The venue takes no new orders for so long (-1015); cancels go on."""
        until = self._clock.mono_ns() + int(seconds * NS_PER_S)
        if until > self._paused_until_ns:
            self._paused_until_ns, self._pause_reason = until, reason

    def paused(self) -> tuple[float, str]:
        """Seconds left of such a pause, and the venue's words; 0 when there is none."""
        return max(0.0, (self._paused_until_ns - self._clock.mono_ns()) / NS_PER_S), self._pause_reason

    def _take(self, state: TradingState, reason: str, killed: bool) -> None:
        self.state, self.killed = state, killed
        # why a halt was lifted is for the ledger, not for the status bar
        self.reason = "" if state is TradingState.ACTIVE else reason

    def _change(self, state: TradingState, reason: str, killed: bool, operator: str) -> None:
        self._take(state, reason, killed)
        self._on_change(
            TradingStateChanged(
                state=state,
                reason=reason,
                killed=killed,
                operator=operator,
                at_ms=self._clock.wall_ns() // 1_000_000,
            )
        )


class KillSwitch:
    """Halt, cancel everything at every venue, and record that while the venues answer."""

    def __init__(
        self,
        guard: Guard,
        venues: Mapping[str, Venue],
        *,
        open_symbols: Callable[[str], Iterable[str]],
        on_report: Callable[[OrderReport], None],
        keep_sweeping: Callable[[], None],
        drain: Callable[[float], Awaitable[bool]],
        on_mark: Callable[[str], None],
    ) -> None:
        self._guard = guard
        self._on_mark = on_mark
        self._venues = venues
        self._open_symbols = open_symbols
        self._on_report = on_report
        self._keep_sweeping = keep_sweeping
        self._drain = drain

    async def kill(self, reason: str, operator: str, mark: str = "") -> CancelAllResult:
        """Never raises. Errors of every kind end in the result's `errors`. `mark`: recorded with the halt,
        long before a slow venue answers: nobody may be waiting for the result then."""
        self._guard.halt_in_memory(reason)
        sweeping = asyncio.ensure_future(self.sweep())
        await asyncio.sleep(0)  # the cancels go first
        unrecorded = self._announce(operator, mark)
        swept = await sweeping
        errors = [*swept.errors, *unrecorded]
        if swept.left or swept.errors:
            try:
                self._keep_sweeping()
            except Exception as error:  # the same: a kill reports and never raises
                errors.append(f"The sweep cannot be repeated by itself: {describe(error)}; kill again.")
        return CancelAllResult(
            canceled=swept.canceled,
            left=swept.left,
            errors=tuple(errors),
            recorded=not unrecorded and await self._is_recorded(),
        )

    async def _is_recorded(self) -> bool:
        """Whether a restart would know of it."""
        try:
            return await self._drain(RECORDED_WITHIN_S)
        except Exception:  # the same; nobody may believe that it stands on disk
            return False

    def _announce(self, operator: str, mark: str) -> tuple[str, ...]:
        try:
            self._guard.announce(operator)
            self._on_mark(mark)
        except Exception as error:  # recording and publishing may fail in any way; the halt stands regardless
            return (f"The halt stands but could not be recorded: {describe(error)}.",)
        return ()

    async def sweep(self) -> Sweep:
        """One pass over all venues at once."""
        venues = self._venues.values()
        return merged(
            await asyncio.gather(
                *(sweep(venue, self._known_symbols(venue.name), self._on_report) for venue in venues)
            )
        )

    def _known_symbols(self, venue: str) -> list[str]:
        try:
            return sorted(set(self._open_symbols(venue)))
        except Exception:  # our own books may be the broken part; the venue is asked next anyway
            return []
