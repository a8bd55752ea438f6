"""F17: no task of the engine's may die unnoticed, whoever kills it."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine.engine import Engine
from spark_tui.engine.options import EngineSettings
from spark_tui.store.ledger import Ledger
from spark_tui.venues.port import UserStreamDown, UserStreamUp
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, FakeVenue
from tests.engine.harness import Rig, rig

OURS = ("the ledger's writer", NAME, "the heart", "the sweeper", f"reconciliation of {NAME}")


def parts() -> "list[asyncio.Task[object]]":
    """What a venue's service consists of."""
    found = [task for task in asyncio.all_tasks() if "essential" in str(task.get_coro())]
    return sorted(found, key=lambda task: task.get_name())


def named(name: str) -> "asyncio.Task[object]":
    return next(task for task in asyncio.all_tasks() if task.get_name() == name)


async def trades_again(it: Rig) -> None:
    """It reconciles, its book lives, an order goes through and is written down."""
    it.venue.user(UserStreamDown(venue=NAME, reason="test"))
    it.venue.user(UserStreamUp(venue=NAME))
    await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)
    it.venue.tick()
    await it.until(lambda: it.engine.views.usable(NAME, SYMBOL))
    order = await it.submit()
    assert order.state is OrderState.ACCEPTED
    await it.until(lambda: it.engine.journal.waiting == 0)


async def test_every_service_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for name in OURS:
            before = it.engine.supervisor.restarts
            named(name).cancel()
            await it.until(lambda want=before: it.engine.supervisor.restarts > want)
            await it.clock.run_for(130)  # so that it does not count as failing again and again
            await trades_again(it)


async def test_every_part_of_a_venues_task_that_is_killed_restarts_the_whole(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        count = len(parts())
        assert count == 6  # streams, snapshots, proof, instruments, history, balances
        for index in range(count):
            before = it.engine.supervisor.restarts
            parts()[index].cancel()
            await it.until(lambda want=before: it.engine.supervisor.restarts > want)
            await it.clock.run_for(130)  # so that it does not count as failing again and again
            await trades_again(it)


@pytest.mark.parametrize("whole", [True, False])
async def test_while_a_killed_venue_task_is_away_nothing_may_be_entered(tmp_path: Path, whole: bool) -> None:
    """Its user stream went with it, and said nothing."""
    async with rig(tmp_path) as it:
        it.venue.failing["run_streams"] = RuntimeError("not yet")  # type: ignore[assignment]
        (named(NAME) if whole else parts()[0]).cancel()
        await it.until(lambda: it.engine.supervisor.restarts > 0)
        assert (await it.submit()).code == "RECONCILING"


async def test_an_order_whose_own_task_is_killed_is_resolved_all_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")
        asked = asyncio.create_task(it.submit())
        await it.until(lambda: bool(it.venue.placed))
        (client_id,) = it.venue.placed
        named(f"order {client_id}").cancel()
        await asyncio.wait({asked})
        assert it.order(client_id).state is OrderState.UNKNOWN
        await it.until(lambda: it.order(client_id).state is OrderState.ACCEPTED)


async def test_an_unknown_order_whose_watcher_is_killed_is_taken_up_by_reconciliation(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        order = await it.submit()
        named(f"resolve of order {order.client_order_id}").cancel()
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD, seconds=200)


async def test_cancelling_the_engine_itself_ends_it(tmp_path: Path) -> None:
    """Its own services do not take that for an accident."""
    clock = ManualClock()
    with contextlib.closing(Ledger.open(tmp_path / "ledger.db", clock.wall_ns)) as ledger:
        settings = EngineSettings(symbols={NAME: (SYMBOL,)})
        engine = Engine((FakeVenue(clock),), ledger, None, settings, clock, rng=random.Random(7))
        running = asyncio.create_task(engine.run())
        await engine.ready()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)
        assert engine.supervisor.restarts == 0
