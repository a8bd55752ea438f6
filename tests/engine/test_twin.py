"""Paper twins beside orders of an engine: what they see, when they end, and that they cost nothing."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.market import DepthDiff
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Environment
from spark_tui.engine import twin_records
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.twin import bench
from spark_tui.link.messages import CancelOrder, Diff, DiffGrade, ReportDiff, Ungraded
from spark_tui.link.service import LinkError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, FakeVenue
from tests.engine.harness import RULES, buy, rig
from tests.engine.twins import diff, only, trade

D = Decimal


async def test_an_order_filled_as_the_book_said_earns_an_a(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        row = await only(it)
        assert (row.order.filled, row.twin.filled) == (D("0.5"), D("0.5"))
        assert (row.order.average_price, row.twin.average_price) == (D(60010), D(60010))
        assert row.price_error_bp == 0
        assert row.order.slippage_bp == row.twin.slippage_bp == D("0.83")  # 5 of 60,005
        assert (row.grade, row.running) == (DiffGrade.A, False)
        total = (await diff(it)).total
        assert (total.orders, total.fill_ratio, total.twin_fill_ratio, total.grade) == (1, 1, 1, DiffGrade.A)


async def test_the_twin_takes_what_was_there_when_the_order_was_sent(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")
        asking = asyncio.create_task(it.submit(buy("0.5", None)))
        await it.until(lambda: bool(it.venue.placed))
        it.venue.tick(bid=60_100.0, ask=60_110.0)
        it.venue.release.set()
        order = await asking
        it.venue.fill(order.client_order_id)
        row = await only(it)
        assert (row.twin.average_price, row.twin.slippage_bp) == (D(60010), D("0.83"))


async def test_a_resting_twin_fills_by_its_place_in_the_queue(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        assert (await only(it)).running
        trade(it, 60_000.0, 2.5)
        assert (await only(it)).twin.filled == D("0.5")
        it.venue.fill(order.client_order_id)
        trade(it, 60_000.0, 2.5)
        row = await only(it)
        assert (row.running, row.twin.filled, row.twin.state) == (False, D(1), "FILLED")
        assert row.grade is DiffGrade.A


async def test_a_twin_that_would_not_have_filled_is_given_up_after_a_while(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        it.venue.fill(order.client_order_id)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        assert (await only(it)).running
        await it.clock.run_for(bench.PATIENCE_S + 1)
        row = await only(it)
        assert (row.running, row.fill_difference, row.grade) == (False, D(1), DiffGrade.D)
        assert (row.price_error_bp, row.price_grade) == (None, DiffGrade.NONE)


async def test_a_cancelled_order_ends_its_twin(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        row = await only(it)
        assert (row.running, row.twin.state, row.grade) == (False, "CANCELED", DiffGrade.NONE)
        assert row.ungraded is Ungraded.NOTHING  # neither of the two filled: there is nothing to grade
        total = (await diff(it)).total
        assert (total.orders, total.ungraded, total.fill_ratio) == (0, 1, None)
        trade(it, 59_000.0, 9.0)
        assert (await only(it)).twin.filled == 0


async def test_time_is_compared_once_a_round_trip_was_measured(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["fill", "fill"])
        await it.submit(buy("0.1", None))
        assert (await only(it)).time_difference_s is None
        await it.submit(buy("0.1", None))
        newest = (await diff(it)).rows[0]
        assert newest.time_difference_s == pytest.approx(0.0, abs=0.001)


async def test_what_never_lived_is_not_compared(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("reject")
        await it.submit()
        assert (await diff(it)).rows == ()


async def test_without_a_book_there_is_no_twin(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        it.engine.markets[NAME].symbols[SYMBOL].book.invalidate("gone")
        sent = msgspec.structs.replace(order, client_order_id="other", state=OrderState.SENT)
        it.engine.twins.on_order(sent)
        found = await diff(it)
        assert [row.client_order_id for row in found.rows] == [order.client_order_id]
        assert found.total.skipped == 1


async def test_a_defect_costs_a_twin_and_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, event: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.Twin, "on_depth", broken)
    async with rig(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        it.venue.tick()
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED
        assert it.engine.views.usable(NAME, SYMBOL)
        found = await diff(it)
        assert (found.rows, found.total.skipped) == ((), 1)


async def test_twins_and_what_is_kept_of_them_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "MAX_LIVE", 2)
    monkeypatch.setattr(twin_records, "MAX_ENDED", 3)
    async with rig(tmp_path) as it:
        for _ in range(3):
            await it.submit(buy("0.1", "59000"))
        found = await diff(it)
        assert (found.total.running, found.total.skipped) == (2, 1)
        for row in found.rows:
            await it.ask(CancelOrder(client_order_id=row.client_order_id))
        for _ in range(5):
            it.venue.plan.append("fill")
            await it.submit(buy("0.1", None))
        assert len((await diff(it)).rows) == 3


async def test_a_twin_that_trades_moves_no_money_of_ours(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit(buy("1", "60000"))
        await it.until(lambda: not it.engine.journal.waiting)
        before = it.ledger.entries
        trade(it, 60_000.0, 9.0)
        it.venue.market(DepthDiff(SYMBOL, 2, 2, [(60_000.0, 1.0)], [], it.venue.server_time_ms()))
        assert (await only(it)).twin.filled == 1
        assert it.ledger.entries == before
        assert it.engine.journal.state.fills == type(it.engine.journal.state.fills)()


async def test_paper_orders_need_no_twin(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.environment = Environment.PAPER
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        await it.submit(buy("1", "59000"))
        found = await diff(it)
        assert found.rows == ()
        assert "paper already" in found.why_not


async def test_the_report_is_a_private_file_that_says_its_thresholds(tmp_path: Path) -> None:
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=RULES, data_dir=str(tmp_path))
    async with rig(tmp_path, settings=settings) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        told = await it.ask(ReportDiff())
        assert isinstance(told, Diff)
        path = Path(told.path)
        assert path.stat().st_mode & 0o777 == 0o600
        written = json.loads(path.read_text())
        assert written["thresholds"]["price_bp"] == ["1", "5", "20"]
        assert written["total"]["grade"] == "A"
        assert [one["client_order_id"] for one in written["rows"]] == [told.rows[0].client_order_id]


async def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=RULES, data_dir=str(tmp_path))
    async with rig(tmp_path, settings=settings) as it:
        with pytest.raises(LinkError, match="cannot be written"):
            await it.ask(ReportDiff())
