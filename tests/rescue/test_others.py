"""What the marks of several kills tell each other of their sales."""

import asyncio
import errno
import threading
from pathlib import Path

import msgspec
import pytest

from spark_tui.rescue import process
from spark_tui.rescue.flatten import CLOSED_SINCE
from spark_tui.rescue.process import Rescue
from spark_tui.venues.kill_marks import Mark, read_marks, write_mark
from spark_tui.venues.kill_plan import PLAN_FILE, KillPlan, write_plan
from spark_tui.venues.port import OrderReport, Reaction, VenueError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, ManualClock, SystemClock
from tests.engine.fake_venue import NAME, D, FakeVenue
from tests.rescue.test_rescue import PLAN, a_rescue, refuse
from tests.rescue.test_rescue import venue as venue


async def test_kills_tell_each_other_when_they_closed_a_position(tmp_path: Path) -> None:
    """What one sold, the other's list of trades may not have yet."""
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    assert await other.unlisted_s(10, 17) == 0
    await one.closing()
    await one.answered(sold=True)
    assert (await other.unlisted_s(10, 17), await one.unlisted_s(10, 17)) == (10, 0)
    clock.advance(4)
    assert await other.unlisted_s(10, 17) == 6
    clock.advance(6)
    assert await other.unlisted_s(10, 17) == 0


async def test_a_clock_put_back_does_not_end_the_wait_for_another_kills_sale(tmp_path: Path) -> None:
    """Nobody waits an hour for it either."""
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    await one.closing()
    await one.answered(sold=True)
    for seconds in (-1, -3_600):
        clock.step_wall(seconds)
        assert await other.unlisted_s(10, 17) == 10


async def test_a_sale_whose_answer_is_not_known_is_waited_for_by_the_next_kill(tmp_path: Path) -> None:
    """The one that sent it was cut off: it may trade until nothing that was sent then can, and be listed
    later still."""
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    await one.closing()
    assert await other.unlisted_s(10, 17) == 27
    clock.advance(11)
    assert await other.unlisted_s(10, 17) == 16
    await one.answered(sold=True)
    assert await other.unlisted_s(10, 17) == 10


async def test_an_answer_at_one_venue_does_not_decide_what_another_still_owes(tmp_path: Path) -> None:
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    await one.closing()
    await one.closing()
    await one.answered(sold=True)
    assert await other.unlisted_s(10, 17) == 27


def mixed(folder: Path, clock: ManualClock, quantity: str = "0.5") -> KillPlan:
    """A plan that cannot tell trades apart, as an engine writes it now."""
    held = msgspec.structs.replace(PLAN.venues[0].held[0], quantity=D(quantity), counted_to=None)
    venue = msgspec.structs.replace(PLAN.venues[0], held=(held,))
    plan = msgspec.structs.replace(PLAN, venues=(venue,), written_ms=clock.wall_ns() // NS_PER_MS)
    write_plan(folder, plan)
    return plan


async def sold(folder: Path, clock: ManualClock, plan: KillPlan) -> int:
    """How many orders a kill closes positions with."""
    rescue = Rescue(folder, clock, operator="me", reason="storm")
    async with asyncio.timeout(10):
        return len((await rescue.kill(plan, flatten=True)).flattened)


async def test_a_plan_rewritten_before_a_comparison_does_not_hide_another_kills_sale(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """An engine starts after the first kill, writes its plan and ends before a venue answers it."""
    venue.clock = clock = ManualClock()
    venue.plan.extend(["fill", "fill"])
    assert await sold(tmp_path, clock, mixed(tmp_path, clock)) == 1
    clock.advance(3_600)
    again = mixed(tmp_path, clock)
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm")
    async with asyncio.timeout(10):
        (left,) = (await rescue.kill(again, flatten=True)).residue
    assert (left.quantity, left.text, len(venue.placed)) == (D("0.5"), CLOSED_SINCE, 1)


@pytest.mark.parametrize("step_s", [-60, 365 * 86_400, -365 * 86_400])
async def test_a_sale_is_a_sale_whatever_the_clock_says(
    tmp_path: Path, venue: FakeVenue, step_s: float
) -> None:
    venue.clock = clock = ManualClock()
    venue.plan.extend(["fill", "fill"])
    plan = mixed(tmp_path, clock)
    clock.step_wall(step_s)
    assert await sold(tmp_path, clock, plan) == 1
    clock.step_wall(-step_s)
    clock.advance(70)
    assert await sold(tmp_path, clock, plan) == 0


async def test_a_sale_whose_fate_is_not_known_counts_as_one(tmp_path: Path) -> None:
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    plan = mixed(tmp_path, clock)
    (held,) = plan.venues[0].held
    assert not await other.may_have_closed(NAME, held)
    await one.closing()
    assert await other.may_have_closed(NAME, held)
    assert not await one.may_have_closed(NAME, held)
    await one.answered(sold=False)
    assert not await other.may_have_closed(NAME, held)
    await one.closing()
    await one.answered(sold=True)
    assert await other.may_have_closed(NAME, held)


async def test_a_plan_rewritten_while_a_kill_waited_sells_nothing_twice(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """An engine has compared meanwhile: the mark of the kill that sold is gone, its sale in the plan."""
    venue.clock = clock = ManualClock()
    venue.plan.extend(["fill", "fill"])
    before = mixed(tmp_path, clock)
    now = mixed(tmp_path, clock, "0")
    assert await sold(tmp_path, clock, before) == 0
    assert await sold(tmp_path, clock, mixed(tmp_path, clock)) == 1
    (tmp_path / PLAN_FILE).unlink()
    for path in read_marks(tmp_path):
        path.unlink()
    assert await sold(tmp_path, clock, now) == await sold(tmp_path, clock, before) == 0


async def test_what_this_kill_sold_itself_does_not_keep_it_from_the_rest(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """After its sale it waits for a ban, and an engine that runs writes that sale into the plan meanwhile."""
    venue.clock = clock = ManualClock()
    venue.plan.append("fill")
    plan, real = mixed(tmp_path, clock), venue.open_orders

    async def open_orders() -> tuple[OrderReport, ...]:
        if venue.placed and clock.mono_ns() < free_ns:
            raise VenueError(Reaction.BANNED, "-1003", "banned", retry_after_s=5)
        return await real()

    def say(text: str) -> None:
        mixed(tmp_path, clock, "0")

    free_ns = clock.mono_ns() + 5 * NS_PER_S
    venue.open_orders = open_orders  # type: ignore[method-assign]
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm", say=say)
    killing = asyncio.create_task(rescue.kill(plan, flatten=True))
    await clock.asleep(5)
    clock.advance(5)
    async with asyncio.timeout(10):
        done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_marks_that_cannot_be_read_may_tell_of_a_sale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data_dir: Path) -> dict[Path, Mark]:
        raise refuse(errno.EIO)

    clock = ManualClock()
    (held,) = mixed(tmp_path, clock).venues[0].held
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm")
    assert (await rescue.may_have_closed(NAME, held), await rescue.unlisted_s(10, 17)) == (False, 0)
    monkeypatch.setattr(process, "read_marks", broken)
    assert (await rescue.may_have_closed(NAME, held), await rescue.unlisted_s(10, 17)) == (True, 27)


async def test_a_damaged_mark_may_tell_of_a_sale(tmp_path: Path) -> None:
    clock = SystemClock()
    (held,) = mixed(tmp_path, ManualClock()).venues[0].held
    write_mark(tmp_path, Mark(reason="storm", operator="me", at_ms=1, id="1-a"))
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm")
    assert (await rescue.may_have_closed(NAME, held), await rescue.unlisted_s(10, 17)) == (False, 0)
    (path,) = read_marks(tmp_path)
    path.write_bytes(b"{")
    assert await rescue.may_have_closed(NAME, held)
    assert 0 < await rescue.unlisted_s(10, 17) <= 10


async def test_a_kill_whose_order_was_refused_is_no_sale(tmp_path: Path, venue: FakeVenue) -> None:
    """An hour later the position can be closed."""
    venue.clock = clock = ManualClock()
    untold = mixed(tmp_path, clock)
    venue.plan.extend(["reject", "fill"])
    told = []
    for _ in range(2):
        rescue = Rescue(tmp_path, clock, operator="me", reason="storm")
        told.append(await rescue.kill(untold, flatten=True))
        clock.advance(3_600)
    assert [(len(one.flattened), one.green) for one in told] == [(0, False), (1, True)]


async def test_a_mark_that_comes_late_does_not_overwrite_a_later_one(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk took longer for the first than anybody waits."""
    released, begun, ended = threading.Event(), [0], threading.Semaphore(0)

    def slow(data_dir: Path, mark: Mark) -> None:
        begun[0] += 1
        if begun[0] == 1:
            assert released.wait(30)
        write_mark(data_dir, mark)
        ended.release()

    monkeypatch.setattr(process, "write_mark", slow)
    monkeypatch.setattr(process, "MARK_PATIENCE_S", 0.01)
    venue.plan.append("fill")
    done = await a_rescue(tmp_path).kill(PLAN, flatten=True)
    released.set()
    for _ in range(3):  # it came, it sells, it has sold
        assert await asyncio.to_thread(ended.acquire, timeout=30)
    (mark,) = read_marks(tmp_path).values()
    assert (len(done.flattened), mark.closed_ms > 0, mark.unanswered_ms) == (1, True, 0)


async def test_a_disk_that_is_full_keeps_no_position_from_being_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise refuse(errno.ENOSPC)

    monkeypatch.setattr(process, "write_mark", full)
    rescue = Rescue(tmp_path, ManualClock(), operator="me", reason="storm")
    assert not await rescue.closing()
    await rescue.answered(sold=True)
    assert await rescue.unlisted_s(10, 17) == 0
