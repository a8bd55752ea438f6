"""Orders that outlived their confirm: no canary's order rests for long, whatever became of its answer."""

import shutil
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine.canary.admission import FRESH_MS
from spark_tui.engine.canary.follow import ENDS_S, PROVED_S, RESTS_S
from spark_tui.engine.canary.needed import needed
from spark_tui.engine.canary.remains import left_over
from spark_tui.engine.records import CanaryTried
from spark_tui.engine.state import MAX_CANARIES
from spark_tui.link.messages import CanaryKind, CanaryRow, CanaryVerdict, SoakCanary
from spark_tui.link.service import LinkError
from spark_tui.store.evidence import Bundle
from spark_tui.store.ledger import Entry, LedgerError
from spark_tui.wire.clock import NS_PER_MS
from tests.engine.fake_venue import NAME, REJECTED, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, rig
from tests.engine.test_canary import CONFIRM, RESTING, SMALL, bundle, codes, row_of, told
from tests.engine.test_canary import _hashed as _hashed

BUSY = SoakCanary(symbol=SYMBOL, duration_s=10, quantity=D("0.001"), dry=False, typed=SYMBOL)


async def unproved(it: Rig, how: str) -> CanaryRow:
    """A confirm whose answer was lost, and no question about the order is answered."""
    await row_of(it, RESTING)
    it.venue.plan.append(how)
    it.venue.failing |= dict.fromkeys(("query", "open_orders", "trades"), UNREACHABLE)
    began = it.clock.mono_ns()
    row = await row_of(it, CONFIRM)
    assert it.clock.mono_ns() - began <= (RESTS_S + PROVED_S + ENDS_S) * 1e9
    return row


def latest(it: Rig, run_id: str) -> CanaryRow:
    return it.engine.journal.state.canaries[run_id]


async def over(it: Rig) -> None:
    await it.until(lambda: it.engine.canary.view().running == "", seconds=300)


@pytest.mark.parametrize("how", ["lost", "dead"])
async def test_what_is_not_proved_in_time_is_red_and_goes_on_being_decided(tmp_path: Path, how: str) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, how)
        assert (row.verdict, row.state) == (CanaryVerdict.RED, OrderState.UNKNOWN)
        assert codes(row)[-1] == "RESIDUE"
        assert "by hand" not in row.residue[0]
        assert "the engine goes on asking" in row.residue[0]
        assert row.client_order_id in it.engine.canary.view().running
        it.venue.failing.clear()
        await over(it)
        ended = latest(it, row.run_id)
        ends = {"lost": OrderState.CANCELED, "dead": OrderState.DEAD}
        assert (ended.state, ended.residue, ended.verdict) == (ends[how], (), CanaryVerdict.RED)
        assert codes(ended)[-1] == "LATE"
        assert "RESIDUE" not in codes(ended)
        assert it.venue.cancels == ([row.client_order_id] if how == "lost" else [])
        assert it.venue.placed == [row.client_order_id]
        assert bundle(ended).sections["verdict"]["reasons"] == list(row.reasons)  # as it was signed


async def test_nothing_real_is_placed_beside_it(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        for ask in (CONFIRM, BUSY):
            with pytest.raises(LinkError) as refused:
                await row_of(it, ask)
            assert refused.value.code == "CONFIRM_UNFINISHED"
            assert row.client_order_id in refused.value.text
        assert (await row_of(it, SMALL)).kind is CanaryKind.RUN
        it.venue.failing.clear()
        await over(it)
        it.venue.plan.append("fill")
        assert (await row_of(it, CONFIRM)).verdict is CanaryVerdict.GREEN


async def test_what_the_venue_would_not_cancel_is_cancelled_when_it_will(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RESTING)
        it.venue.failing["cancel"] = REJECTED
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state) == (CanaryVerdict.RED, OrderState.ACCEPTED)
        assert "the engine goes on cancelling it" in " ".join(row.residue)
        it.venue.failing.clear()
        await over(it)
        ended = latest(it, row.run_id)
        assert (ended.state, ended.residue, codes(ended)) == (OrderState.CANCELED, (), ["LATE"])


async def test_what_it_traded_meanwhile_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        it.venue.fill(row.client_order_id, D("0.0004"), quiet=True)
        it.venue.failing.clear()
        await over(it)
        ended = latest(it, row.run_id)
        assert ended.actual is not None
        assert (ended.state, ended.actual.quantity, ended.residue) == (OrderState.CANCELED, D("0.0004"), ())
        assert "0.0004 traded" in ended.reasons[-1]


async def test_the_next_engine_sees_it_out(tmp_path: Path) -> None:
    """kill -9 after the verdict, before the proof."""
    left = tmp_path.parent / f"{tmp_path.name}-killed"
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        shutil.copytree(tmp_path, left)
        reports, clock = dict(it.venue.reports), it.clock
    venue = FakeVenue(clock)
    venue.reports = reports
    async with rig(left, venue=venue, clock=clock, settings=told(left)) as it:
        await over(it)
        assert it.order(row.client_order_id).state is OrderState.CANCELED
        assert venue.placed == []
        assert codes(latest(it, row.run_id))[-1] == "LATE"
        assert venue.cancels == [row.client_order_id]
    async with rig(left, venue=venue, clock=clock, settings=told(left)) as it:
        assert it.engine.canary.view().running == ""  # once


async def test_an_engine_stops_at_once_while_it_waits_for_a_proof(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await unproved(it, "lost")
        began = it.clock.mono_ns()
    assert it.clock.mono_ns() == began


async def test_an_order_is_seen_out_although_its_verdict_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        written = it.ledger.append

        async def full(*entries: Entry) -> int:
            if any(entry.kind == "canary" for entry in entries):
                raise LedgerError("No space left on device")
            return await written(*entries)

        await row_of(it, RESTING)
        monkeypatch.setattr(it.ledger, "append", full)
        it.venue.plan.append("lost")
        it.venue.failing |= dict.fromkeys(("query", "open_orders", "trades"), UNREACHABLE)
        with pytest.raises(LinkError, match="No space left"):
            await row_of(it, CONFIRM)
        (name,) = it.venue.placed
        assert it.order(name).state is OrderState.UNKNOWN
        assert name in it.engine.canary.view().running
        monkeypatch.undo()
        it.venue.failing.clear()
        await over(it)
        assert it.order(name).state is OrderState.CANCELED
        assert it.venue.cancels == [name]
        assert codes(it.engine.canary.view().rows[0])[-1] == "LATE"


async def test_what_ends_while_its_verdict_is_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        archive = it.engine.canary.archive
        written = archive.keep

        async def keep(run_id: str, bundle: Bundle) -> tuple[str, str]:
            it.venue.failing.clear()
            (name,) = it.venue.placed
            while it.order(name).state is OrderState.UNKNOWN:
                await it.clock.sleep(1)
            await it.engine.cancels.cancel(name)
            return await written(run_id, bundle)

        await row_of(it, RESTING)
        it.venue.plan.append("lost")
        it.venue.failing |= dict.fromkeys(("query", "open_orders", "trades"), UNREACHABLE)
        monkeypatch.setattr(archive, "keep", keep)
        row = await row_of(it, CONFIRM)
        assert row.state is OrderState.UNKNOWN
        await over(it)
        ended = latest(it, row.run_id)
        assert (ended.state, ended.residue, codes(ended)[-1]) == (OrderState.CANCELED, (), "LATE")


async def test_an_open_order_of_a_confirm_is_never_forgotten(tmp_path: Path) -> None:
    left = tmp_path.parent / f"{tmp_path.name}-killed"

    def sing(it: Rig, like: CanaryRow, name: str) -> None:
        other = msgspec.structs.replace(like, run_id=name, rests_on="", client_order_id="")
        it.engine.journal.note(CanaryTried(row=other))

    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        state, now_ms = it.engine.journal.state, it.clock.wall_ns() // NS_PER_MS
        for number in range(MAX_CANARIES):
            sing(it, row, f"other-{number}")
        both = {row.run_id, row.rests_on}
        assert len(state.canaries) == MAX_CANARIES
        assert both <= state.canaries.keys()
        assert both <= needed(state, now_ms + 2 * FRESH_MS, "")
        await it.engine.journal.durable()
        shutil.copytree(tmp_path, left)
        reports = dict(it.venue.reports)
    venue = FakeVenue(it.clock)
    venue.reports = reports
    async with rig(left, venue=venue, clock=it.clock, settings=told(left)) as it:
        await over(it)
        assert it.order(row.client_order_id).state is OrderState.CANCELED
        assert codes(latest(it, row.run_id))[-1] == "LATE"
        for number in range(2):
            sing(it, row, f"more-{number}")
        assert both.isdisjoint(it.engine.journal.state.canaries)  # now it has ended


async def test_an_open_order_without_any_row_is_seen_out_too(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        state = it.engine.journal.state
        state.canaries.clear()
        assert [order.client_order_id for order in left_over(state, {NAME})] == [row.client_order_id]
        assert left_over(state, {"elsewhere"}) == []


async def test_one_that_ended_untold_is_told_by_the_next_engine(tmp_path: Path) -> None:
    """kill -9 after the proof, before LATE."""
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")
        it.venue.failing.clear()
        await over(it)
        it.engine.journal.note(CanaryTried(row=row))
    async with rig(tmp_path, venue=it.venue, clock=it.clock, settings=told(tmp_path)) as it:
        await over(it)
        ended = latest(it, row.run_id)
        assert (ended.state, ended.residue, codes(ended)[-1]) == (OrderState.CANCELED, (), "LATE")


async def test_a_defect_on_the_way_loses_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await unproved(it, "lost")

        async def broken(_: str) -> None:
            monkeypatch.undo()
            raise RuntimeError("unheard of")

        monkeypatch.setattr(it.engine.cancels, "cancel", broken)
        it.venue.failing.clear()
        await over(it)
        assert it.venue.cancels == [row.client_order_id]
        assert codes(latest(it, row.run_id))[-1] == "LATE"
        said = [one.text for one in it.engine.notices.recent]
        assert any("RuntimeError: unheard of; it is looked at again" in text for text in said)
