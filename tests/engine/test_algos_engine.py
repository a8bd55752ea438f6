"""Algos in the engine: their children pass the one gate, survive a restart and are never doubled."""

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.state import State
from spark_tui.link.messages import (
    AlgoKind,
    AlgoRow,
    Algos,
    CancelOrder,
    GetAlgos,
    Kill,
    PauseAlgo,
    ReplaceOrder,
    Resume,
    ResumeAlgo,
    StartAlgo,
    StopAlgo,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderReport, OrderStatus
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D, FakeVenue, instrument
from tests.engine.harness import Rig, buy, rig
from tests.engine.test_hub import following
from tests.engine.test_state import rebuilt

TWAP = StartAlgo(
    kind=AlgoKind.TWAP, symbol=SYMBOL, side=Side.BUY, quantity=D("0.4"), duration_s=20.0, slices=4, key="k"
)
ICEBERG = StartAlgo(
    kind=AlgoKind.ICEBERG,
    symbol=SYMBOL,
    side=Side.BUY,
    quantity=D("0.5"),
    limit_price=D(59_000),
    display=D("0.2"),
)
TRAILING = StartAlgo(kind=AlgoKind.TRAILING, symbol=SYMBOL, side=Side.SELL, quantity=D("0.5"), trail_bp=100)


def simple_venue(clock: ManualClock) -> FakeVenue:
    """A venue that works no algo by itself."""
    venue = FakeVenue(clock)
    plain = frozenset({OrderType.LIMIT, OrderType.MARKET})
    listing = msgspec.structs.replace(instrument(), iceberg_allowed=False, order_types=plain)
    venue.known = {SYMBOL: listing}
    return venue


async def start(it: Rig, request: StartAlgo) -> AlgoRow:
    row = await it.ask(request)
    assert isinstance(row, AlgoRow)
    return row


async def row_of(it: Rig, algo_id: str) -> AlgoRow:
    view = await it.ask(GetAlgos())
    assert isinstance(view, Algos)
    return next(row for row in view.rows if row.algo_id == algo_id)


def state_of(it: Rig, algo_id: str) -> str:
    return it.engine.journal.state.algos[algo_id].phase


async def pass_time(it: Rig, seconds: float) -> None:
    """With a book that stays fresh."""
    for _ in range(int(seconds / 0.25)):
        it.venue.tick()
        it.clock.advance(0.25)
        await it.turn()
        while it.engine.journal.waiting:  # the disk's time is not the clock's
            await it.turn()
        await it.turn()


def children(state: State, algo_id: str) -> list[str]:
    return [order.client_order_id for order in state.orders.values() if order.parent == algo_id]


async def test_a_twap_runs_to_its_end_through_the_gate(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["fill"] * 4)
        begun = await start(it, TWAP)
        assert (begun.state, begun.native, begun.filled) == ("RUNNING", False, 0)
        await pass_time(it, 22)
        done = await row_of(it, begun.algo_id)
        assert (done.state, done.filled, done.children) == ("DONE", D("0.4"), 4)
        assert done.average_price == D(60_010)
        assert len(it.venue.placed) == 4
        assert it.engine.tally.orders.total() == 4
        position = it.engine.journal.state.positions[NAME, SYMBOL]
        assert position.quantity == D("0.4")
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert rebuilt(it) == it.engine.journal.state.digest()


@pytest.mark.parametrize("step_s", [3_600, -3_600])
async def test_a_clock_that_is_set_moves_no_slice(tmp_path: Path, step_s: int) -> None:
    """NTP after a wrong start: the schedule neither runs at once nor waits for an hour."""
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["fill"] * 4)
        begun = await start(it, TWAP)
        counts = []
        for seconds in (3, 5, 5, 5):  # a slice every 5 s, the first at once
            await pass_time(it, seconds)
            counts.append(len(it.venue.placed))
            it.clock.step_wall(step_s)
        await pass_time(it, 2)
        assert counts == [1, 2, 3, 4]
        assert state_of(it, begun.algo_id) == "DONE"
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert rebuilt(it) == it.engine.journal.state.digest()


async def test_a_pause_between_a_look_and_its_child_keeps_the_child_home(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=simple_venue(clock), clock=clock) as it:
        algo_id = (await start(it, ICEBERG)).algo_id
        algos = it.engine.algos
        algos._do(algo_id, algos._look(NAME, SYMBOL))  # a child is on its way to the gate
        await it.ask(PauseAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        assert (state_of(it, algo_id), it.venue.placed) == ("PAUSED", [])
        await it.ask(ResumeAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        assert len(it.venue.placed) == 1


async def test_the_same_key_is_the_same_algo_and_another_body_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        first, again = await start(it, TWAP), await start(it, TWAP)
        assert first.algo_id == again.algo_id
        with pytest.raises(LinkError, match="another algo"):
            await start(it, msgspec.structs.replace(TWAP, slices=5))
        with pytest.raises(LinkError, match="no algo nope"):
            await it.ask(PauseAlgo(algo_id="nope"))
        with pytest.raises(LinkError, match="not paused"):
            await it.ask(ResumeAlgo(algo_id=first.algo_id))
        with pytest.raises(LinkError, match="lists no"):
            await start(it, msgspec.structs.replace(TWAP, symbol="NOPE", key=""))


async def test_an_iceberg_shows_one_part_and_pauses_and_stops(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=simple_venue(clock), clock=clock) as it:
        algo_id = (await start(it, ICEBERG)).algo_id
        await pass_time(it, 1)
        (first,) = it.venue.placed
        assert it.order(first).request.quantity == D("0.2")
        it.venue.fill(first)
        await pass_time(it, 1)
        assert len(it.venue.placed) == 2
        await it.ask(PauseAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        row = await row_of(it, algo_id)
        assert (row.state, row.open_child, it.venue.cancels) == ("PAUSED", "", [it.venue.placed[1]])
        await it.ask(ResumeAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        assert len(it.venue.placed) == 3
        await it.ask(StopAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        row = await row_of(it, algo_id)
        assert (row.state, row.filled, row.children) == ("STOPPED", D("0.2"), 3)
        assert it.engine.journal.state.open_orders() == []


async def test_the_venue_works_what_it_can(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        iceberg, trail = await start(it, ICEBERG), await start(it, TRAILING)
        assert iceberg.native
        assert trail.native
        await pass_time(it, 1)
        shown = {it.order(one).request.type: it.order(one).request for one in it.venue.placed}
        assert shown[OrderType.LIMIT].iceberg_quantity == D("0.2")
        assert shown[OrderType.STOP_LOSS].trailing_delta == 100


async def test_an_emulated_trailing_stop_sells_on_our_own_book(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=simple_venue(clock), clock=clock) as it:
        algo_id = (await start(it, TRAILING)).algo_id
        it.venue.tick(61_000, 61_010)
        await pass_time(it, 1)
        assert (await row_of(it, algo_id)).trigger_price == D(60_390)
        await it.clock.run_for(60)  # the book ages: it stands still and says so
        assert "book cannot be used" in (await row_of(it, algo_id)).text
        assert it.venue.placed == []
        it.venue.plan.append("fill")
        it.venue.tick(60_300, 60_310)
        await pass_time(it, 1)
        assert ((await row_of(it, algo_id)).state, len(it.venue.placed)) == ("DONE", 1)


async def test_a_restart_goes_on_where_it_was_and_doubles_nothing(tmp_path: Path) -> None:
    """The answer to a child is lost and the engine is restarted: the child blocks until it is found, and only
    then the next one leaves."""
    clock = ManualClock()
    venue = simple_venue(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.plan.append("lost")
        venue.failing["query"] = UNREACHABLE
        algo_id = (await start(it, ICEBERG)).algo_id
        await it.until(lambda: len(venue.placed) == 1)
        await pass_time(it, 3)
        assert it.order(venue.placed[0]).state is OrderState.UNKNOWN
        assert "proof" in (await row_of(it, algo_id)).text
        assert len(venue.placed) == 1
        before = it.engine.journal.state.algos[algo_id]
    venue.failing.clear()
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        after = it.engine.journal.state.algos[algo_id]
        assert (after.plan, after.children, after.committed) == (before.plan, 1, D("0.2"))
        await it.until(lambda: it.order(venue.placed[0]).state is OrderState.ACCEPTED)
        await pass_time(it, 2)
        assert len(venue.placed) == 1
        venue.fill(venue.placed[0])
        await pass_time(it, 1)
        assert len(venue.placed) == 2
        assert it.order(venue.placed[1]).key == f"{algo_id}/2"
        assert children(it.engine.journal.state, algo_id) == venue.placed


async def test_a_kill_pauses_every_algo_and_nothing_leaves(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=simple_venue(clock), clock=clock) as it:
        algo_id = (await start(it, ICEBERG)).algo_id
        await pass_time(it, 1)
        await it.ask(Kill(reason="drill"))
        await pass_time(it, 2)
        assert (state_of(it, algo_id), len(it.venue.placed)) == ("PAUSED", 1)
        assert it.engine.journal.state.open_orders() == []
        with pytest.raises(LinkError, match="halted"):
            await start(it, TWAP)
        await it.ask(Resume(reason="over"))
        await pass_time(it, 2)
        assert len(it.venue.placed) == 1  # it is the operator who resumes an algo
        await it.ask(ResumeAlgo(algo_id=algo_id))
        await pass_time(it, 1)
        assert len(it.venue.placed) == 2


async def test_a_child_cancelled_by_hand_pauses_its_algo(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=simple_venue(clock), clock=clock) as it:
        algo_id = (await start(it, ICEBERG)).algo_id
        await pass_time(it, 1)
        await it.ask(CancelOrder(client_order_id=it.venue.placed[0]))
        await pass_time(it, 1)
        row = await row_of(it, algo_id)
        assert (row.state, len(it.venue.placed)) == ("PAUSED", 1)
        assert it.venue.placed[0] in row.text


async def test_three_refusals_fail_it_and_the_operator_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["reject"] * 5)
        algo_id = (await start(it, TWAP)).algo_id
        await pass_time(it, 20)
        row = await row_of(it, algo_id)
        assert (row.state, len(it.venue.placed)) == ("FAILED", 3)
        assert "-2010" in row.text
        assert any(algo_id in notice.text for notice in it.engine.notices.recent)
        await it.submit(buy())  # orders by hand go on


async def test_a_face_that_attaches_sees_what_is_at_work(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        algo_id = (await start(it, TWAP)).algo_id
        face = it.engine.attach("test", "tester", 5.0)
        events = await following(face)
        assert algo_id in [event.algo_id for event in events if isinstance(event, AlgoRow)]
        face.close()


@settings(max_examples=10, deadline=None)
@given(
    runs=st.lists(
        st.lists(st.sampled_from(["fill", "rest", "lost", "dead", "reject", "not-sent"]), max_size=4),
        min_size=2,
        max_size=4,
    ),
    kind=st.sampled_from([TWAP, ICEBERG]),
)
async def test_whatever_is_lost_and_however_often_it_restarts_the_venue_never_trades_more(
    runs: list[list[str]], kind: StartAlgo
) -> None:
    """Judged by the venue's own account: its trades, and what is still open there."""
    clock = ManualClock()
    venue = simple_venue(clock)
    algo_id = ""
    with tempfile.TemporaryDirectory() as folder:
        for plan in runs:
            venue.plan.extend(plan)
            async with rig(Path(folder), venue=venue, clock=clock) as it:
                algo_id = algo_id or (await start(it, kind)).algo_id
                await pass_time(it, 6)
                for client_id in list(it.engine.journal.state.open):
                    if it.order(client_id).state is OrderState.ACCEPTED:
                        it.venue.fill(client_id)
                        await pass_time(it, 1)
                traded = sum((trade.fill.quantity for trade in venue.account_trades), D(0))
                resting = sum((_open_quantity(report) for report in venue.reports.values()), D(0))
                algo = it.engine.journal.state.algos[algo_id]
                assert traded + resting <= kind.quantity
                assert algo.committed >= traded
                keys = [order.key for order in it.engine.journal.state.orders.values() if order.parent]
                assert len(keys) == len(set(keys)) == algo.children
                assert len(venue.placed) == len(set(venue.placed))
            venue.plan.clear()


async def test_orders_and_algos_share_their_keys(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit(buy("0.4", "58000", key="order's"))
        row = await it.ask(msgspec.structs.replace(ICEBERG, key="algo's"))
        placed = list(it.venue.placed)
        for other in (
            msgspec.structs.replace(ICEBERG, key="order's"),
            buy("0.4", "58000", key="algo's"),
            ReplaceOrder(client_order_id=placed[0], order=buy("0.3", "58000", key="algo's")),
        ):
            with pytest.raises(LinkError) as refused:
                await it.ask(other)
            assert refused.value.code == "KEY_REUSED"
        assert isinstance(row, AlgoRow)
        assert list(it.engine.journal.state.algos) == [row.algo_id]
        assert it.venue.placed == placed


def _open_quantity(report: OrderReport) -> Decimal:
    asked = report.quantity or D(0)
    return asked - report.filled if report.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED) else D(0)
