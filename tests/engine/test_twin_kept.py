"""Twins and restarts: what ended is kept, what ran is ended honestly, and an old ledger reads as before."""

from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine import twin_records
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import from_body, to_entry
from spark_tui.engine.state import State
from spark_tui.engine.twin_records import TwinBegan, TwinEnded, TwinMissing
from spark_tui.link.messages import CancelOrder, DiffGrade, Ungraded
from spark_tui.store.ledger import Ledger
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import FakeVenue
from tests.engine.harness import buy, rig
from tests.engine.twins import diff, only, rows, trade

D = Decimal


async def test_a_restart_keeps_rows_grades_and_totals_to_the_last_digit(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        for size in ("0.5", "0.3"):
            it.venue.plan.append("fill")
            await it.submit(buy(size, None))
            await it.clock.run_for(1)
        resting = await it.submit()
        await it.ask(CancelOrder(client_order_id=resting.client_order_id))
        await it.until(lambda: it.order(resting.client_order_id).state is OrderState.CANCELED)
        before = await diff(it)
        assert [row.grade for row in before.rows] == [DiffGrade.NONE, DiffGrade.A, DiffGrade.A]
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert await diff(it) == before


async def test_a_twin_alive_at_a_restart_is_cut_off_and_never_graded(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        order = await it.submit(buy("1", "60000"))
        trade(it, 60_000.0, 9.0)
        row = await only(it)
        assert (row.running, row.twin.filled) == (True, D(1))
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        it.venue.fill(order.client_order_id)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        found = await diff(it)
        [row] = found.rows
        assert (row.running, row.ungraded, row.grade) == (False, Ungraded.CUT, DiffGrade.NONE)
        assert (row.order.filled, row.twin.state) == (D(1), "CUT OFF")  # the order itself goes on
        assert (row.fill_difference, row.time_difference_s) == (None, None)
        total = found.total
        assert (total.orders, total.ungraded, total.running, total.grade) == (0, 1, 0, DiffGrade.NONE)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert await diff(it) == found  # it is cut off once


async def test_an_order_that_proves_dead_after_a_restart_is_not_compared(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        it.venue.plan.append("dead")
        order = await it.submit()
        assert order.state is OrderState.UNKNOWN
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert (await only(it)).ungraded is Ungraded.CUT
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD)
        assert (await diff(it)).rows == ()


async def test_a_kill_between_a_refusal_and_the_end_of_its_twin_leaves_no_row(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("reject")
        order = await it.submit()
        again = TwinBegan(client_order_id=order.client_order_id, mid=D(1), at_ms=1)
        it.engine.journal.note(again)  # as if what came after it had not reached the disk
    async with rig(tmp_path) as it:
        found = await diff(it)
        assert (found.rows, found.total.skipped) == ((), 0)
        assert it.engine.journal.state.twins.running == {}


async def test_a_fill_that_comes_after_all_counts_but_its_time_does_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        it.venue.fill(order.client_order_id, D("0.5"))
        trade(it, 60_000.0, 3.0)
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        assert (await only(it)).order.seconds is not None
        it.venue.fill(order.client_order_id)  # it had traded on its way out
        await it.until(lambda: it.order(order.client_order_id).filled == 1)
        row = await only(it)
        assert (row.order.filled, row.order.seconds, row.time_difference_s) == (D(1), None, None)


async def test_what_is_kept_is_bounded_in_the_state_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twin_records, "MAX_ENDED", 3)
    async with rig(tmp_path) as it:
        ids = []
        for _ in range(5):
            it.venue.plan.append("fill")
            ids.append((await it.submit(buy("0.1", None))).client_order_id)
        assert list(await rows(it)) == ids[:1:-1]
    async with rig(tmp_path) as it:
        assert list(await rows(it)) == ids[:1:-1]


def test_the_fold_knows_every_record_and_reads_it_back() -> None:
    state = State()
    began = [TwinBegan(client_order_id=one, mid=D("0.1"), at_ms=at) for at, one in enumerate("abc", 5)]
    ended = TwinEnded(client_order_id="a", mid=D("0.1"), began_ms=5, filled=D(1), order_seconds=0.1)
    gone = [
        TwinMissing(client_order_id="b", at_ms=9),
        TwinMissing(client_order_id="c", at_ms=9, counts=False),
    ]
    for record in (*began, ended, *gone):
        assert from_body(to_entry(record).body) == record
        state.apply(record)
    assert (state.twins.running, list(state.twins.ended), list(state.twins.missing)) == ({}, ["a"], [9])
    assert state.twins.since_ms(99) == 5
    assert state.digest() != State().digest()


async def test_a_ledger_without_twins_reads_as_one_that_has_none(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        await it.until(lambda: not it.engine.journal.waiting)
        stored = list(it.ledger.read())
    old = Ledger.open(tmp_path / "old.db", ManualClock().wall_ns)
    kept = [from_body(one.body) for one in stored if not one.kind.startswith("twin")]
    assert 0 < len(kept) < len(stored)
    await old.append(*(to_entry(record) for record in kept))
    journal = Journal(old, ManualClock(), on_failure=print, on_recovery=lambda: None)
    assert journal.replay().twins.digest() == [[], [], []]
    old.close()
