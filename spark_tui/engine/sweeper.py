"""What goes on after a kill: cancelling until the venues say that nothing is open. And rules that kill."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

from spark_tui.engine.guard import Guard, KillSwitch
from spark_tui.engine.notices import Notices
from spark_tui.engine.tally import Tally
from spark_tui.link.messages import CancelAllResult
from spark_tui.venues.port import OrderReport, Venue
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock

_SUBJECT = "kill"  # of the notice that stands until it is done


class Sweeper:
    """Owns the kill switch; `run` is one of the engine's services."""

    def __init__(
        self,
        guard: Guard,
        venues: Mapping[str, Venue],
        clock: Clock,
        rng: random.Random,
        notices: Notices,
        tally: Tally,
        *,
        open_symbols: Callable[[str], Iterable[str]],
        on_report: Callable[[OrderReport], None],
        drain: Callable[[float], Awaitable[bool]],
        on_mark: Callable[[str], None],
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._rng = rng
        self._notices = notices
        self._tally = tally
        self._wanted = asyncio.Event()
        self._kills: set[asyncio.Future[CancelAllResult]] = set()
        self.switch = KillSwitch(
            guard,
            venues,
            open_symbols=open_symbols,
            on_report=on_report,
            keep_sweeping=self._wanted.set,
            drain=drain,
            on_mark=on_mark,
        )

    def kill_for(self, reason: str) -> None:
        """A rule pulls the kill switch; not even the task group is needed for that."""
        self._kills.add(kill := asyncio.ensure_future(self.switch.kill(reason, "rule")))
        kill.add_done_callback(self._kills.discard)
        kill.add_done_callback(self._count)

    def _count(self, kill: "asyncio.Future[CancelAllResult]") -> None:
        if not kill.cancelled():
            self._tally.swept(kill.result())

    def if_killed(self) -> None:
        """A venue let us in: what it still has open is to go."""
        if self._guard.killed:
            self._wanted.set()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            backoff = Backoff(self._rng)
            while self._guard.killed:
                swept = await self.switch.sweep()
                if not swept.left and not swept.errors:
                    self._notices("good", "Kill switch: the venues confirm that nothing is open.")
                    break
                why = (*swept.errors, "orders are still open")[0]
                self._notices.begin(_SUBJECT, f"Kill switch: {why}", "bad")
                await self._clock.sleep(backoff.next())
            self._notices.end(_SUBJECT)
