"""Fault drills: the simulator causes a fault, the engine copes through its own gate, and a verdict names what
was checked. Only where the venue's host is proved to be a simulator."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.values import Environment, TradingState
from spark_tui.engine.drill_checks import invariants
from spark_tui.engine.drill_scripts import DRILLS, Drill
from spark_tui.engine.drill_stage import Stage
from spark_tui.engine.fault_door import FaultDoor
from spark_tui.engine.supervise import describe
from spark_tui.link.messages import DrillRow, Drills
from spark_tui.link.service import LinkError
from spark_tui.venues.port import VenueError
from spark_tui.wire.clock import NS_PER_S, Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class DrillRoom:
    """`door` None: this engine has no simulator. One drill at a time."""

    def __init__(self, engine: "Engine", clock: Clock, door: FaultDoor | None) -> None:
        self._engine = engine
        self._clock = clock
        self._door = door
        self._running = False
        self._rows = {
            name: DrillRow(name=name, title=drill.title, faults=drill.faults, state="READY")
            for name, drill in DRILLS.items()
        }

    def view(self) -> Drills:
        return Drills(rows=tuple(self._rows.values()))

    def run(self, name: str, seed: int, operator: str) -> DrillRow:
        """Begin; every step comes as an event, and the verdict stays in `view`. Raises
        LinkError: NO_SUCH_DRILL, NOT_SIM, DRILL_RUNNING, NOT_READY."""
        drill = DRILLS.get(name)
        if drill is None:
            raise LinkError("NO_SUCH_DRILL", f"There is no drill {name}; use one of {', '.join(DRILLS)}.")
        venue, door = self._admit()
        tell = partial(self._progress, name, self._clock.mono_ns())
        stage = Stage(self._engine, venue, door, self._clock, operator, seed, tell)
        self._running = True
        begun = msgspec.structs.replace(
            self._rows[name], state="RUNNING", checks=(), text="", seed=seed, seconds=0.0
        )
        row = self._say(begun)
        self._engine.supervisor.job(f"drill {name}", self._run(drill, stage))
        return row

    def _admit(self) -> tuple[str, FaultDoor]:
        """The venue to drill, or why not."""
        runners = self._engine.runners
        for name, runner in runners.items():
            if runner.venue.environment is not Environment.SIM or self._door is None:
                where = runner.venue.environment
                raise LinkError(
                    "NOT_SIM", f"Drills run on the simulator only; {name} is {where}: use --env sim."
                )
            if self._running:
                raise LinkError("DRILL_RUNNING", "A drill is running; wait for its verdict.")
            if self._engine.guard.state is not TradingState.ACTIVE or runner.reconciler.running:
                why = "A drill begins with trading ACTIVE and in step with the venue; see `spark-tui status`."
                raise LinkError("NOT_READY", why)
            return name, self._door
        raise LinkError("NOT_SIM", "This engine has no venue.")

    async def _run(self, drill: Drill, stage: Stage) -> None:
        began, text = self._clock.mono_ns(), ""
        try:
            try:
                await stage.begin()
                await drill.script(stage)
            finally:
                await asyncio.shield(stage.tidy())
            await invariants(stage)
        except (LinkError, VenueError) as error:
            text = error.text
        except BaseException as error:  # a drill that breaks has failed, and says so
            text = f"The drill broke: {describe(error)}."
            if not isinstance(error, Exception):
                raise
        finally:
            self._running = False
            self._judge(drill, stage, text, began)

    def _progress(self, name: str, began_ns: int, stage: Stage) -> None:
        change = {"checks": tuple(stage.checks), "text": stage.doing, "seconds": self._since(began_ns)}
        self._say(msgspec.structs.replace(self._rows[name], **change))

    def _judge(self, drill: Drill, stage: Stage, text: str, began_ns: int) -> None:
        failed = [what for what, held in stage.checks if not held]
        passed = not failed and not text
        self._say(
            msgspec.structs.replace(
                self._rows[drill.name],
                state="PASSED" if passed else "FAILED",
                checks=tuple(stage.checks),
                text=text
                or (f"Not so: {'; '.join(failed)}." if failed else f"{len(stage.checks)} checks held."),
                seconds=self._since(began_ns),
            )
        )

    def _since(self, began_ns: int) -> float:
        return round((self._clock.mono_ns() - began_ns) / NS_PER_S, 1)

    def _say(self, row: DrillRow) -> DrillRow:
        self._rows[row.name] = row
        self._engine.hub.publish(row)
        return row
