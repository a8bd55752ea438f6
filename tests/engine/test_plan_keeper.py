"""The plan a kill stands on: true a second later, and never silently old."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_tui.domain import lifecycle
from spark_tui.domain.account import Position
from spark_tui.domain.order import Accepted, Intended, OrderEvent, Sent
from spark_tui.engine import plan_keeper
from spark_tui.engine.plan_keeper import EVERY_S, LATELY_S, PlanKeeper
from spark_tui.engine.state import State
from spark_tui.venues.kill_plan import Held, KillPlan, read_plan, write_plan
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.rescue.plans import VENUE
from tests.rescue.test_late import BUY

SENT: OrderEvent = Sent(at_ms=2_000, decidable_at_ms=9_000)


class Desk:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.state = State()
        self.clock = ManualClock()
        self.said: list[str] = []
        self.resting: set[str] = set()
        self.compared_ns = 0
        self.keeper = PlanKeeper(
            data_dir,
            (VENUE,),
            self.state,
            self._symbols,
            lambda venue, symbol: ("BTC", "USDT"),
            lambda venue: self.compared_ns,
            self.clock,
            lambda level, text: self.said.append(text),
        )
        self.broken = ""

    def _symbols(self, venue: str) -> set[str]:
        if self.broken:
            raise ValueError(self.broken)
        return self.resting

    def holds(self, quantity: str) -> None:
        self.state.positions[NAME, SYMBOL] = Position(venue=NAME, symbol=SYMBOL, quantity=D(quantity))

    def planned(self) -> tuple[Held, ...]:
        plan = read_plan(self.data_dir)
        assert plan is not None
        return plan.venues[0].held


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def full() -> Iterator[pytest.MonkeyPatch]:
    """A disk without room; `undo` makes some."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_keeper, "write_plan", refuse)
        yield patch


async def test_positions_and_resting_symbols_are_in_the_plan(desk: Desk) -> None:
    desk.holds("0.5")
    desk.resting = {"ETHUSDT"}
    await desk.keeper.keep()
    assert [(one.symbol, one.quantity) for one in desk.planned()] == [(SYMBOL, D("0.5")), ("ETHUSDT", D(0))]
    assert (desk.data_dir / "kill-plan.json").stat().st_mode & 0o077 == 0


async def test_of_an_instrument_that_was_never_compared_nothing_counts(desk: Desk) -> None:
    """What the account traded there before is not the engine's to be closed."""
    desk.resting = {"ETHUSDT"}
    await desk.keeper.keep()
    assert [one.counted_to for one in desk.planned()] == [None]
    desk.state.reconciled[NAME, "ETHUSDT"] = -1  # compared: nothing was ever traded there
    await desk.keeper.keep()
    assert [one.counted_to for one in desk.planned()] == [-1]


async def test_a_keeper_says_which_comparison_is_in_the_plan(desk: Desk, full: pytest.MonkeyPatch) -> None:
    """In the one on disk: whoever asks removes what only an older one needs."""
    desk.compared_ns = 5_000
    await desk.keeper.keep()
    assert desk.keeper.compared_ns == 0
    full.undo()
    await desk.keeper.keep()
    assert desk.keeper.compared_ns == 5_000
    desk.compared_ns = 6_000  # and nothing has changed
    await desk.keeper.keep()
    assert desk.keeper.compared_ns == 6_000


async def test_one_plan_is_written_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one that a slow disk held up would replace a later one."""
    released, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(data_dir: Path, plan: KillPlan) -> None:
        if not begun.is_set():
            loop.call_soon_threadsafe(begun.set)
            assert released.wait(10)
        write_plan(data_dir, plan)

    monkeypatch.setattr(plan_keeper, "write_plan", slow)
    desk.holds("0.5")
    first = asyncio.create_task(desk.keeper.keep())
    await asyncio.wait_for(begun.wait(), 10)
    desk.holds("0")
    second = asyncio.create_task(desk.keeper.keep())
    done, _ = await asyncio.wait({second}, timeout=0.2)
    released.set()
    await asyncio.gather(first, second)
    assert not done
    assert desk.planned()[0].quantity == 0


async def test_what_has_not_changed_is_not_written_again(desk: Desk) -> None:
    await desk.keeper.keep()
    (desk.data_dir / "kill-plan.json").unlink()
    await desk.keeper.keep()
    assert read_plan(desk.data_dir) is None


async def test_a_full_disk_is_said_once_and_tried_again(desk: Desk, full: pytest.MonkeyPatch) -> None:
    desk.holds("0.5")
    for _ in range(3):
        await desk.keeper.keep()
    assert len(desk.said) == 1
    assert "No space left on device; free some space" in desk.said[0]
    full.undo()
    await desk.keeper.keep()
    assert desk.planned()[0].quantity == D("0.5")


async def test_a_defect_is_said_and_does_not_end_the_keeping(desk: Desk) -> None:
    """Else the plan would grow old and nobody would know."""
    desk.broken = "no number"
    running = asyncio.create_task(desk.keeper.run())
    await desk.clock.run_for(2 * EVERY_S)
    assert desk.said == [
        "The kill plan cannot be written: ValueError: no number; flatten in the cockpit, and report it."
    ]
    desk.broken = ""
    desk.holds("0.5")
    await desk.clock.run_for(2 * EVERY_S)
    async with asyncio.timeout(10):
        while read_plan(desk.data_dir) is None:
            await desk.clock.run_for(EVERY_S)
            await asyncio.sleep(0.001)  # the disk is written to by a thread
    running.cancel()
    assert desk.planned()[0].quantity == D("0.5")


async def test_orders_that_are_open_or_were_lately_are_named(desk: Desk) -> None:
    """What one that has just ended traded may not be listed yet."""
    for name, *events in (("sp-1", SENT, Accepted(venue_order_id="1", at_ms=4_000)), ("sp-unheard", SENT)):
        intended = Intended(client_order_id=name, request=BUY, at_ms=1_000)
        desk.state.orders[name] = lifecycle.fold([intended, *events])
        desk.state.open[name] = None

    async def named_after(seconds: float) -> list[tuple[str, str, bool]]:
        desk.clock.advance(seconds)
        await desk.keeper.keep()
        plan = read_plan(desk.data_dir)
        assert plan is not None
        return [(one.client_order_id, one.symbol, one.heard) for one in plan.venues[0].open]

    resting = [("sp-1", SYMBOL, True)]
    assert [await named_after(0), await named_after(60)] == [resting, resting]
    desk.state.open.clear()
    assert [await named_after(LATELY_S), await named_after(1)] == [resting, []]
