"""A disk that is full: orders are refused, cancels work, nothing that happened is lost."""

import asyncio
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import TradingState
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import DifferenceSettled
from spark_tui.link.messages import CancelOrder, GetStatus, Kill, OrderUpdate, Resume, Status
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import Entry, Ledger, LedgerError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import Rig, rig

FULL = "The ledger cannot be written: the disk is full, free some space."


async def _full(*entries: Entry) -> int:
    raise LedgerError(FULL)


def fill_disk(it: Rig) -> None:
    it.ledger.append = _full  # type: ignore[method-assign]


def free_disk(it: Rig) -> None:
    del it.ledger.append  # type: ignore[method-assign]


def rebuilt(it: Rig) -> bytes:
    journal = Journal(it.ledger, it.clock, on_failure=lambda text: None, on_recovery=lambda: None)
    return journal.replay().digest()


async def test_an_order_is_denied_and_the_engine_halts(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        fill_disk(it)
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "LEDGER_UNAVAILABLE")
        assert it.venue.sent_bytes == []
        assert it.engine.guard.state is TradingState.HALTED
        status = await it.ask(GetStatus())
        assert isinstance(status, Status)
        assert any("disk is full" in note for note in status.notes)
        assert "disk is full" in status.halt_reason
        free_disk(it)


async def test_cancel_and_kill_work_without_a_disk(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        first, second = await it.submit(), await it.submit()
        fill_disk(it)
        result = await it.ask(CancelOrder(client_order_id=first.client_order_id))
        assert isinstance(result, OrderUpdate)
        assert result.order.state is OrderState.CANCELED
        await it.ask(Kill(reason="drill"))
        assert it.order(second.client_order_id).state is OrderState.CANCELED
        free_disk(it)


async def test_a_kill_is_not_recorded_before_it_is_on_disk(tmp_path: Path) -> None:
    """Its mark must stay until then: the next engine starts halted for it."""
    async with rig(tmp_path) as it:
        fill_disk(it)
        await it.ask(Kill(reason="storm", mark="1-a"))
        assert "1-a" in it.engine.journal.state.marks
        assert not it.engine.journal.has_mark("1-a")
        free_disk(it)
        await it.until(lambda: it.engine.journal.has_mark("1-a"))


async def test_resume_works_once_the_disk_is_free_and_nothing_was_lost(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        resting = await it.submit()
        fill_disk(it)
        await it.submit()
        it.venue.fill(resting.client_order_id)
        with pytest.raises(LinkError) as refused:
            await it.ask(Resume(reason="hoping"))
        assert refused.value.code == "LEDGER_UNAVAILABLE"
        assert it.engine.guard.halted
        free_disk(it)
        await it.ask(Resume(reason="space was freed"))
        status = await it.ask(GetStatus())
        assert isinstance(status, Status)
        assert status.notes == ()
        assert (await it.submit()).state is OrderState.ACCEPTED
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert rebuilt(it) == it.engine.journal.state.digest()
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_an_outcome_that_was_never_written_is_restored_at_the_next_start(tmp_path: Path) -> None:
    """The write-ahead is there, its outcome is not: the venue is asked."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        await it.until(lambda: it.engine.journal.waiting == 0)
        fill_disk(it)
        it.venue.fill(order.client_order_id)
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        await it.until(lambda: it.order(order.client_order_id).filled == D("0.5"))
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_a_ledger_of_another_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = Ledger.open(tmp_path / "ledger.db", clock.wall_ns)
    await ledger.append(Entry("order", b'{"type":"from-the-future"}'))
    journal = Journal(ledger, clock, on_failure=lambda text: None, on_recovery=lambda: None)
    with pytest.raises(LedgerError, match="entry 1 "):
        journal.replay()
    ledger.close()


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_who_is_cancelled_while_it_writes_leaves_nothing_to_be_written_twice(
    tmp_path: Path, turns: int
) -> None:
    async with rig(tmp_path) as it:
        await it.until(lambda: it.engine.journal.waiting == 0)
        before, kept = it.ledger.entries, it.engine.journal.state.settled
        it.engine.journal.note(
            DifferenceSettled(difference_id="one", choice="accept", operator="tester", at_ms=1), awaited=True
        )
        asking = asyncio.ensure_future(it.engine.journal.durable())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert it.ledger.entries == before + 1
        assert kept == {"one": "accept"}
