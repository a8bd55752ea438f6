"""Twins of every kind of order: list legs, stops, amended and replaced ones, and those whose answer was
lost."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.instrument import MaxPosition
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.link.messages import (
    AmendOrder,
    CancelOrder,
    DiffGrade,
    OrderList,
    ReplaceOrder,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
    Ungraded,
)
from spark_tui.venues.port import OrderStatus
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, FakeVenue
from tests.engine.harness import Rig, buy, rig
from tests.engine.twins import diff, only, rows, trade

D = Decimal


def order(kind: OrderType, price: str | None, stop: str | None = None, side: Side = Side.SELL) -> SubmitOrder:
    return SubmitOrder(
        symbol=SYMBOL,
        side=side,
        type=kind,
        quantity=D(1),
        price=None if price is None else D(price),
        stop_price=None if stop is None else D(stop),
    )


ABOVE = SubmitLeg(role=LegRole.ABOVE, order=order(OrderType.LIMIT_MAKER, "60050"))
BELOW = SubmitLeg(role=LegRole.BELOW, order=order(OrderType.STOP_LOSS_LIMIT, "57900", "58000"))
WORKING = SubmitLeg(role=LegRole.WORKING, order=order(OrderType.LIMIT, "59000", side=Side.BUY))
PENDING = SubmitLeg(role=LegRole.PENDING, order=order(OrderType.LIMIT_MAKER, "61000"))


async def send(it: Rig, kind: ListKind, *legs: SubmitLeg) -> list[str]:
    found = await it.ask(SubmitList(kind=kind, legs=legs))
    assert isinstance(found, OrderList)
    return [leg.order.client_order_id for leg in found.legs]


async def state(it: Rig, client_id: str, wanted: OrderState) -> None:
    await it.until(lambda: it.order(client_id).state is wanted)


# --- lists -------------------------------------------------------------------------------------------------


async def test_of_two_legs_the_one_that_filled_is_graded_and_the_other_has_nothing_to_tell(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        above, below = await send(it, ListKind.OCO, ABOVE, BELOW)
        assert len(await rows(it)) == 2
        it.venue.tick(60_060.0, 60_070.0)  # the bids reach the upper leg: its twin takes 1 of the 2 shown
        it.venue.fill(above)
        it.venue.user(it.venue._change(below, OrderStatus.EXPIRED))
        await state(it, above, OrderState.FILLED)
        await state(it, below, OrderState.EXPIRED)
        found = await rows(it)
        assert (found[above].twin.filled, found[above].grade) == (D(1), DiffGrade.A)
        assert (found[below].running, found[below].ungraded) == (False, Ungraded.NOTHING)
        total = (await diff(it)).total
        assert (total.orders, total.ungraded, total.fill_ratio, total.grade) == (1, 1, 1, DiffGrade.A)


async def test_a_pending_leg_has_no_twin_nor_counts_as_one_without(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        working, _ = await send(it, ListKind.OTO, WORKING, PENDING)
        assert list(await rows(it)) == [working]
        assert (await diff(it)).total.skipped == 0


# --- stops -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT])
async def test_a_triggered_stop_fills_beside_its_twin(tmp_path: Path, kind: OrderType) -> None:
    async with rig(tmp_path) as it:
        sent = await it.submit(order(kind, "57900" if kind is OrderType.STOP_LOSS_LIMIT else None, "58000"))
        it.venue.tick(57_995.0, 58_005.0)
        trade(it, 57_999.0, 0.1)
        assert (await only(it)).twin.average_price == D(57995)
        it.venue.fill(sent.client_order_id)
        await state(it, sent.client_order_id, OrderState.FILLED)
        row = await only(it)
        assert (row.running, row.twin.filled, row.twin.state) == (False, D(1), "FILLED")


async def test_a_stop_whose_market_never_came_is_not_graded(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        sent = await it.submit(order(OrderType.STOP_LOSS, None, "58000"))
        await it.ask(CancelOrder(client_order_id=sent.client_order_id))
        await state(it, sent.client_order_id, OrderState.CANCELED)
        row = await only(it)
        assert (row.ungraded, row.grade, row.twin.state) == (Ungraded.NOTHING, DiffGrade.NONE, "CANCELED")


# --- changed on the way ------------------------------------------------------------------------------------


async def test_an_amended_order_shrinks_its_twin_in_its_place(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        sent = await it.submit(buy("1", "60000"))
        trade(it, 60_000.0, 1.5)
        await it.ask(AmendOrder(client_order_id=sent.client_order_id, quantity=D("0.4")))
        await it.until(lambda: it.order(sent.client_order_id).amended_quantity == D("0.4"))
        trade(it, 60_000.0, 0.7, 2)  # 0.5 of it still stood ahead
        assert (await only(it)).twin.filled == D("0.2")
        trade(it, 60_000.0, 9.0, 3)
        it.venue.user(
            msgspec.structs.replace(
                it.venue.fill(sent.client_order_id, D("0.4"), quiet=True), status=OrderStatus.FILLED
            )
        )
        await state(it, sent.client_order_id, OrderState.FILLED)
        row = await only(it)
        assert (row.quantity, row.twin.filled, row.fill_difference) == (D("0.4"), D("0.4"), D(0))


async def test_an_amend_below_what_the_twin_filled_leaves_it_as_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        sent = await it.submit(buy("1", "60000"))
        trade(it, 60_000.0, 2.5)
        await it.ask(AmendOrder(client_order_id=sent.client_order_id, quantity=D("0.4")))
        await it.until(lambda: it.order(sent.client_order_id).amended_quantity == D("0.4"))
        row = await only(it)
        assert (row.quantity, row.twin.filled, (await diff(it)).total.skipped) == (D("0.4"), D("0.5"), 0)


async def test_a_replacement_has_a_twin_of_its_own(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit(buy("1", "59000"))
        await it.ask(ReplaceOrder(client_order_id=old.client_order_id, order=buy("1", "60000")))
        await state(it, old.client_order_id, OrderState.CANCELED)
        [new] = it.engine.journal.state.open
        trade(it, 60_000.0, 9.0)
        it.venue.fill(new)
        await state(it, new, OrderState.FILLED)
        found = await rows(it)
        assert (found[old.client_order_id].ungraded, found[old.client_order_id].twin.state) == (
            Ungraded.NOTHING,
            "CANCELED",
        )
        assert (found[new].twin.filled, found[new].grade) == (D(1), DiffGrade.A)


async def test_a_replacement_that_fails_leaves_the_first_twin_at_work(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit(buy("1", "60000"))
        it.venue.plan.append("reject")
        await it.ask(ReplaceOrder(client_order_id=old.client_order_id, order=buy("1", "59500")))
        trade(it, 60_000.0, 9.0)
        row = await only(it)
        assert (row.client_order_id, row.running, row.twin.filled) == (old.client_order_id, True, D(1))


# --- answers that were lost --------------------------------------------------------------------------------


async def test_an_unknown_order_that_is_found_is_graded_but_not_by_its_time(tmp_path: Path) -> None:
    """It filled at once; that it did was learnt much later, which says nothing of the venue."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.1", None))  # the round trip is measured
        it.venue.plan.append("lost")
        sent = await it.submit(buy("0.5", None))
        it.venue.fill(sent.client_order_id, quiet=True)
        assert it.order(sent.client_order_id).state is OrderState.UNKNOWN
        await it.until(lambda: it.order(sent.client_order_id).filled == D("0.5"))
        row = (await rows(it))[sent.client_order_id]
        assert (row.grade, row.order.seconds, row.time_difference_s) == (DiffGrade.A, None, None)


async def test_the_same_while_its_twin_still_waits(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        sent = await it.submit(buy("1", "60000"))
        it.venue.fill(sent.client_order_id, D("0.5"), quiet=True)
        await it.until(lambda: it.order(sent.client_order_id).filled == D("0.5"))
        trade(it, 60_000.0, 2.5)
        row = await only(it)
        assert (row.running, row.twin.filled, row.order.seconds) == (True, D("0.5"), None)


async def test_how_long_an_unknown_order_took_to_be_found_is_no_round_trip(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        sent = await it.submit(buy("0.5", "59000"))
        await state(it, sent.client_order_id, OrderState.ACCEPTED)
        assert it.engine.twins._latency.median_ms is None


async def test_an_order_proved_dead_is_not_compared(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        sent = await it.submit(buy("0.5", "59000"))
        assert (await only(it)).running
        await state(it, sent.client_order_id, OrderState.DEAD)
        found = await diff(it)
        assert (found.rows, found.total.orders, found.total.skipped) == ((), 0, 0)


# --- pockets -----------------------------------------------------------------------------------------------


async def test_a_rule_on_what_may_be_held_does_not_refuse_the_twin(tmp_path: Path) -> None:
    """A twin's pockets hold more than any such rule allows."""
    clock = ManualClock()
    venue = FakeVenue(clock)
    known = venue.known[SYMBOL]
    rules = (*known.filters, MaxPosition(max_position=D(100)))
    venue.known[SYMBOL] = msgspec.structs.replace(known, filters=rules)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert it.engine.gate.instrument(NAME, SYMBOL) == venue.known[SYMBOL]
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        row = await only(it)
        assert (row.twin.filled, row.grade) == (D("0.5"), DiffGrade.A)
