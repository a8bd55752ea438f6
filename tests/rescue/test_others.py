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
from spark_tui.wire.clock import NS_PER_MS, ManualClock
from tests.engine.fake_venue import D, FakeVenue
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


async def test_a_kill_knows_whether_a_comparison_may_have_missed_what_another_sold(tmp_path: Path) -> None:
    """Its trades are listed 10 s later at most; what was not answered trades within 17 s."""
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    sent_ms = clock.wall_ns() // NS_PER_MS
    clock.advance(60)
    assert not await other.closed_since(0, 10, 17)
    clock.step_wall(-60)
    await one.closing()
    clock.advance(60)
    assert await other.closed_since(sent_ms + 26_999, 10, 17)
    assert not await other.closed_since(sent_ms + 27_000, 10, 17)
    clock.step_wall(-60)
    await one.answered(sold=True)
    clock.advance(60)
    assert await other.closed_since(sent_ms + 9_999, 10, 17)
    assert not await other.closed_since(sent_ms + 10_000, 10, 17)


async def test_a_comparison_in_the_future_says_nothing_of_another_kills_sale(tmp_path: Path) -> None:
    """The clock was put back since."""
    clock = ManualClock()
    one, other = (Rescue(tmp_path, clock, operator="me", reason="storm") for _ in range(2))
    compared_ms = clock.wall_ns() // NS_PER_MS
    clock.step_wall(-3_600)
    await one.closing()
    await one.answered(sold=True)
    assert await other.closed_since(compared_ms, 10, 17)


async def test_a_plan_rewritten_before_a_comparison_does_not_hide_another_kills_sale(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """An engine starts after the first kill, writes its plan and ends before a venue answers it."""
    venue.clock = clock = ManualClock()
    told_apart_no_more = msgspec.structs.replace(PLAN.venues[0].held[0], counted_to=None)
    before = msgspec.structs.replace(
        PLAN.venues[0], held=(told_apart_no_more,), compared_ms=clock.wall_ns() // NS_PER_MS
    )
    venue.plan.extend(["fill", "fill"])
    told = []
    for venues in (before, msgspec.structs.replace(before, compared_ms=0)):
        written = msgspec.structs.replace(PLAN, venues=(venues,), written_ms=clock.wall_ns() // NS_PER_MS)
        rescue = Rescue(tmp_path, clock, operator="me", reason="storm")
        told.append(await rescue.kill(written, flatten=True))
        clock.advance(3_600)
    assert [len(one.flattened) for one in told] == [1, 0]
    (left,) = told[1].residue
    assert (left.quantity, left.text) == (D("0.5"), CLOSED_SINCE)


async def test_a_kill_whose_order_was_refused_is_no_sale(tmp_path: Path, venue: FakeVenue) -> None:
    """An hour later the position can be closed."""
    venue.clock = clock = ManualClock()
    told_apart_no_more = msgspec.structs.replace(PLAN.venues[0].held[0], counted_to=None)
    venues = (msgspec.structs.replace(PLAN.venues[0], held=(told_apart_no_more,)),)
    untold = msgspec.structs.replace(PLAN, venues=venues)
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
    monkeypatch.setattr(process, "read_marks", full)
    rescue = Rescue(tmp_path, ManualClock(), operator="me", reason="storm")
    await rescue.closing()
    await rescue.answered(sold=True)
    assert await rescue.unlisted_s(10, 17) == 0
