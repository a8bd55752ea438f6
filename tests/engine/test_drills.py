"""Every drill passes on the real engine against the real simulator over real sockets, and fails when it
should. The quick ones run one after the other on one engine: each leaves it fit for the next."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.engine.drill_scripts import DRILLS
from spark_tui.engine.engine import Engine
from spark_tui.engine.fault_door import Armed, FaultDoor, fault_door
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import DrillRow, Drills, GetDrills, RunDrill
from spark_tui.link.service import LinkError
from spark_tui.simulator.faults.verbs import VERBS
from spark_tui.simulator.server import Server
from spark_tui.simulator.simulation import Simulation
from spark_tui.store.ledger import Ledger
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.venues.port import OrderReport, VenueError
from spark_tui.wire.clock import SystemClock
from tests.engine.fake_venue import FakeVenue
from tests.engine.harness import rig
from tests.simulator.brief import brief_past

D = Decimal
# a short window, so that a proof takes seconds
SETTINGS = SpotSettings(recv_window_ms=2_000, engine_timeout_ms=1_000, margin_ms=500, reply_timeout_s=2.0)
# an unanswered ping, a pause and a ban, two reconnects, a silence that has to be noticed
SLOW = {"half-open", "throttled", "shutdown", "dead-stream"}


@contextlib.asynccontextmanager
async def drilled(folder: Path, *, door: FaultDoor | None = None) -> AsyncIterator[Engine]:
    simulation = Simulation(wall_ns=time.time_ns)
    with brief_past():
        simulation.populate(1, simulation.wall_ms())
    key, secret = simulation.issue_hmac_key()
    server = Server(simulation, api_key=key, api_secret=secret)
    await server.start()
    clock, rng = SystemClock(), random.Random(5)
    found = await discover(server.base_url)
    venue = BinanceSpot(found.endpoints, found.credentials, clock=clock, rng=rng, settings=SETTINGS)
    ledger = Ledger.open(folder / "ledger.db", clock.wall_ns)
    settings = EngineSettings(symbols={venue.name: ("BTCUSDT",)}, rules=())
    door = door or fault_door(found.endpoints.rest)
    engine = Engine((venue,), ledger, None, settings, clock, rng=rng, fault_door=door)
    running = asyncio.create_task(engine.run())
    try:
        await engine.ready()
        face = engine.attach("test", "test", 20.0)
        async with asyncio.timeout(20):
            async for _ in face.batches():
                if engine.views.usable(venue.name, "BTCUSDT"):
                    break
        yield engine
    finally:
        await engine.stop()
        await running
        ledger.close()
        await server.stop()


async def verdict(engine: Engine, name: str) -> DrillRow:
    return (await course(engine, name))[-1]


async def course(engine: Engine, name: str) -> list[DrillRow]:
    """Every row a face is sent, the verdict last."""
    rows: list[DrillRow] = []
    face = engine.attach("verdict", "test", 20.0)
    begun = await engine.handle(RunDrill(name=name, seed=3), "test", None)
    assert isinstance(begun, DrillRow)
    assert begun.state == "RUNNING"
    async with asyncio.timeout(150):
        async for batch in face.batches():
            for event in batch:
                rows += [event] if isinstance(event, DrillRow) else []
            if rows and rows[-1].state != "RUNNING":
                return rows
    raise AssertionError("no verdict")


async def test_drills_pass_one_after_the_other_and_say_what_they_checked(tmp_path: Path) -> None:
    async with drilled(tmp_path) as engine:
        for name in [name for name in DRILLS if name not in SLOW]:
            row = await verdict(engine, name)
            assert (row.state, row.text) == ("PASSED", f"{len(row.checks)} checks held.")
            assert len(row.checks) >= 7
            known = await engine.handle(GetDrills(), "test", None)
            assert isinstance(known, Drills)
            assert row in known.rows


@pytest.mark.campaign
@pytest.mark.parametrize("name", sorted(SLOW))
async def test_a_slow_drill_passes(tmp_path: Path, name: str) -> None:
    async with drilled(tmp_path) as engine:
        row = await verdict(engine, name)
    assert row.state == "PASSED", (row.text, row.checks)


async def test_a_drill_whose_expectation_is_not_met_fails_and_says_which(tmp_path: Path) -> None:
    async with drilled(tmp_path, door=no_faults) as engine:
        row = await verdict(engine, "rejected")
    assert row.state == "FAILED"
    assert "the order becomes REJECTED" in row.text
    assert ("position = sum of the venue's trades", True) in row.checks


async def no_faults(method: str, body: dict[str, Any] | None) -> tuple[Armed, ...]:
    return ()


async def test_a_fault_that_never_happened_fails_its_drill(tmp_path: Path) -> None:
    """Else a drill would pass for having done nothing."""

    async def idle(method: str, body: dict[str, Any] | None) -> tuple[Armed, ...]:
        return (Armed(verb="reject", fired=0),)

    async with drilled(tmp_path, door=idle) as engine:
        row = await verdict(engine, "rejected")
    assert row.state == "FAILED"
    assert ("every fault happened: not reject", False) in row.checks


async def test_each_check_is_told_while_the_drill_runs(tmp_path: Path) -> None:
    async with drilled(tmp_path) as engine:
        rows = await course(engine, "rejected")
    last = rows[-1]
    assert last.state == "PASSED"
    assert {len(row.checks) for row in rows} == set(range(len(last.checks) + 1))
    assert all(row.checks == last.checks[: len(row.checks)] for row in rows)
    assert {"the fault reject", "a small market order", "the order becomes REJECTED"} <= {
        row.text for row in rows
    }


async def test_an_engine_that_sends_an_order_again_fails_the_drill(tmp_path: Path) -> None:
    """F01: the venue takes the same id twice once the first order has ended, and both trade."""
    async with drilled(tmp_path) as engine:
        (runner,) = engine.runners.values()
        place = runner.venue.place

        async def again(client_id: str, request: OrderRequest, on_sent: Callable[[], None]) -> OrderReport:
            try:
                return await place(client_id, request, on_sent)
            except VenueError:
                return await place(client_id, request, on_sent)

        runner.venue.place = again  # type: ignore[assignment,method-assign]
        row = await verdict(engine, "lost-reply")
    assert row.state == "FAILED"
    assert ("one venue order for each intent, no trade without one", False) in row.checks


def test_the_drills_cover_every_verb() -> None:
    assert {verb for drill in DRILLS.values() for verb in drill.faults} == set(VERBS)


async def test_drills_are_refused_where_no_simulator_is(tmp_path: Path) -> None:
    assert fault_door("https://api.binance.com") is None
    async with rig(tmp_path, venue=None) as fake:
        assert isinstance(fake.venue, FakeVenue)
        for name, code in (("lost-reply", "NOT_SIM"), ("nothing", "NO_SUCH_DRILL")):
            with pytest.raises(LinkError) as refused:
                await fake.ask(RunDrill(name=name))
            assert refused.value.code == code
