"""The engine's life: rebuilt from its ledger, run in one task group, ended in order."""

import asyncio
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from spark_tui.engine.identity import draw_run
from spark_tui.engine.kill_marks import take_over
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import RunStarted
from spark_tui.engine.sweeper import Sweeper
from spark_tui.venues.port import Venue
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

STOP_PATIENCE_S = 3.0  # for answers of orders in flight, then for the ledger
READY_PATIENCE_S = 5.0
PRICED_PATIENCE_S = 5.0
_LOOK_EVERY_S = 0.01
_HEARTBEAT_S = 1.0


class Life:
    """What `Engine` promises of `run`, `stop`, `ready` and `priced`."""

    def __init__(
        self,
        engine: "Engine",
        venues: Mapping[str, Venue],
        sweeper: Sweeper,
        settings: EngineSettings,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.stopping = asyncio.Event()
        self._engine = engine
        self._venues = venues
        self._sweeper = sweeper
        self._settings = settings
        self._clock = clock
        self._rng = rng

    async def run(self) -> None:
        self._rebuild()
        engine = self._engine
        try:
            async with asyncio.TaskGroup() as group:
                engine.supervisor.enter(group)
                self._begin()
                try:
                    await self.stopping.wait()
                    await engine.canary.close(STOP_PATIENCE_S)
                    await engine.outbox.close(STOP_PATIENCE_S)
                finally:
                    engine.supervisor.leave()  # from here on a cancelled task is one that is to end
                for runner in engine.runners.values():
                    runner.close()
                await engine.journal.drain(STOP_PATIENCE_S)
                raise _Stopped
        except* _Stopped:
            engine.hub.close()
        for venue in self._venues.values():
            await venue.close()

    def stop(self) -> None:
        self.stopping.set()

    def stop_soon(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.stopping.set)

    async def ready(self) -> None:
        waits = asyncio.gather(*(runner.ready() for runner in self._engine.runners.values()))
        try:
            await asyncio.wait_for(waits, READY_PATIENCE_S)
        except TimeoutError:
            return

    async def priced(self) -> None:
        until_ns = self._clock.mono_ns() + round(PRICED_PATIENCE_S * NS_PER_S)
        runners = self._engine.runners.values()
        while self._clock.mono_ns() < until_ns and any(runner.unpriced() for runner in runners):
            await self._clock.sleep(_LOOK_EVERY_S)

    def _rebuild(self) -> None:
        engine = self._engine
        state = engine.journal.replay()
        engine.identities.begin(draw_run(self._rng, state.runs))
        now_ms = self._clock.wall_ns() // NS_PER_MS
        engine.guard.restore(state.trading)
        engine.guard.activity.restore(state, now_ms)
        engine.rulebook.restore()
        engine.journal.note(RunStarted(run=engine.identities.run, at_ms=now_ms))
        take_over(self._settings.marks, engine.journal, engine.guard)
        engine.portfolio.beat()
        engine.protection.restore()
        engine.twins.restore()

    def _begin(self) -> None:
        engine, supervisor = self._engine, self._engine.supervisor
        supervisor.service("the ledger's writer", engine.journal.run)
        for name, runner in engine.runners.items():
            supervisor.service(name, runner.run)
        supervisor.service("the algos", engine.algos.run)
        supervisor.service("the heart", self._heart)
        supervisor.service("the risk watch", engine.riskwatch.run)
        supervisor.service("the sweeper", self._sweeper.run)
        supervisor.job("the canary cut short", engine.canary.finish_cut_short())

    async def _heart(self) -> None:
        """Once a second: how late the loop is, and whether a new day began."""
        while True:
            before = self._clock.mono_ns()
            await self._clock.sleep(_HEARTBEAT_S)
            late_ns = self._clock.mono_ns() - before - _HEARTBEAT_S * NS_PER_S
            self._engine.condition.loop_lag_ms = max(0.0, late_ns / NS_PER_MS)
            self._engine.portfolio.beat()


class _Stopped(Exception):
    """Ends the task group."""
