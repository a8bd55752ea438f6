"""Order lists: all or none, one thing to cancel, and at the worst no more exposure than can execute."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.instrument import CountLimit
from spark_tui.domain.market import Ticker
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.engine.exposure import open_exposure
from spark_tui.engine.submission import to_request
from spark_tui.link.messages import (
    CancelAll,
    CancelAllResult,
    CancelList,
    CancelOrder,
    OrderList,
    ReplaceOrder,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import LOST, NAME, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, buy, rig


def leg(
    role: LegRole,
    kind: OrderType,
    price: str | None,
    stop: str | None = None,
    *,
    side: Side = Side.SELL,
    quantity: str = "1",
) -> SubmitLeg:
    return SubmitLeg(
        role=role,
        order=SubmitOrder(
            symbol=SYMBOL,
            side=side,
            type=kind,
            quantity=D(quantity),
            price=None if price is None else D(price),
            stop_price=None if stop is None else D(stop),
        ),
    )


ABOVE = leg(LegRole.ABOVE, OrderType.LIMIT_MAKER, "61000")
BELOW = leg(LegRole.BELOW, OrderType.STOP_LOSS_LIMIT, "57900", "58000")
WORKING = leg(LegRole.WORKING, OrderType.LIMIT, "59000", side=Side.BUY)
PENDING = leg(LegRole.PENDING, OrderType.LIMIT_MAKER, "61000")
UP = leg(LegRole.PENDING_ABOVE, OrderType.LIMIT_MAKER, "61000")
DOWN = leg(LegRole.PENDING_BELOW, OrderType.STOP_LOSS_LIMIT, "57900", "58000")
LISTS = {
    ListKind.OCO: (ABOVE, BELOW),
    ListKind.OTO: (WORKING, PENDING),
    ListKind.OTOCO: (WORKING, UP, DOWN),
}


async def submit(it: Rig, kind: ListKind = ListKind.OCO, *legs: SubmitLeg, key: str = "") -> OrderList:
    result = await it.ask(SubmitList(kind=kind, legs=legs or LISTS[kind], key=key))
    assert isinstance(result, OrderList)
    return result


def states(it: Rig, found: OrderList) -> list[str]:
    return [it.order(one.order.client_order_id).state.value for one in found.legs]


@pytest.mark.parametrize("kind", list(ListKind))
async def test_a_list_leaves_in_one_call_and_every_leg_is_an_order(tmp_path: Path, kind: ListKind) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it, kind)
        assert it.venue.sent_bytes == [f"list {found.list_id}"]
        assert states(it, found) == ["ACCEPTED"] * len(LISTS[kind])
        parts = [one.order.part for one in found.legs]
        assert [part.role for part in parts if part] == [one.role for one in LISTS[kind]]
        assert {part.list_id for part in parts if part} == {found.list_id}


async def test_all_legs_are_durable_before_the_one_send(tmp_path: Path) -> None:
    seen = []
    async with rig(
        tmp_path,
        checkpoint=lambda name: seen.append(
            (name, sum(b"intended" in stored.body for stored in it.ledger.read()), len(it.venue.sent_bytes))
        ),
    ) as it:
        await submit(it, ListKind.OTOCO)
    assert [name for name, _, _ in seen] == ["list.durable", "list.sent", "list.replied"]
    assert seen[0][1:] == (3, 0)


@pytest.mark.parametrize(
    ("how", "state"), [("reject", "REJECTED"), ("not-sent", "DENIED"), ("lost", "ACCEPTED"), ("dead", "DEAD")]
)
async def test_all_legs_share_one_fate(tmp_path: Path, how: str, state: str) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append(how)
        found = await submit(it, ListKind.OTOCO)
        if how in ("lost", "dead"):
            assert states(it, found) == ["UNKNOWN"] * 3
            assert it.engine.views.counts() == (3, 3)
        await it.until(lambda: states(it, found) == [state] * 3)
        assert sum(text.startswith("list") for text in it.venue.sent_bytes) == (how != "not-sent")


async def test_one_refused_leg_refuses_all(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it, ListKind.OCO, ABOVE, leg(LegRole.BELOW, OrderType.STOP_LOSS_LIMIT, "57900"))
        assert states(it, found) == ["DENIED", "DENIED"]
        assert {one.order.code for one in found.legs} == {"FILTER_PARAMETERS"}
        assert found.legs[0].order.text.startswith("BELOW")
        assert it.venue.sent_bytes == []


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        (ListKind.OCO, (ABOVE,)),
        (ListKind.OCO, (ABOVE, ABOVE)),
        (ListKind.OCO, (WORKING, PENDING)),
        (ListKind.OTOCO, (WORKING, UP)),
        (ListKind.OCO, (ABOVE, leg(LegRole.BELOW, OrderType.STOP_LOSS, None, "58000", quantity="2"))),
        (ListKind.OCO, (ABOVE, leg(LegRole.BELOW, OrderType.STOP_LOSS, None, "58000", side=Side.BUY))),
    ],
)
async def test_legs_that_make_no_such_list_are_refused_before_any_intent(
    tmp_path: Path, kind: ListKind, legs: tuple[SubmitLeg, ...]
) -> None:
    async with rig(tmp_path) as it:
        with pytest.raises(LinkError) as refused:
            await submit(it, kind, *legs)
        assert refused.value.code == "LEGS"
        assert not it.engine.journal.state.orders


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ((ABOVE, leg(LegRole.BELOW, OrderType.LIMIT_MAKER, "58000")), "FILTER_LIST_TYPES"),
        ((leg(LegRole.ABOVE, OrderType.LIMIT_MAKER, "60004"), BELOW), "FILTER_LIST_PRICES"),
        ((ABOVE, BELOW), "FILTER_MAX_NUM_ORDER_LISTS"),
    ],
)
async def test_a_list_the_venue_would_refuse_is_denied_and_never_sent(
    tmp_path: Path, legs: tuple[SubmitLeg, ...], code: str
) -> None:
    """The wrong kind of leg, the wrong side of the market, one list too many."""
    clock = ManualClock()
    venue = FakeVenue(clock)
    listing = venue.known[SYMBOL]
    one_list = (*listing.filters, CountLimit(name="MAX_NUM_ORDER_LISTS", limit=1))
    venue.known[SYMBOL] = msgspec.structs.replace(listing, filters=one_list)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.market(Ticker(SYMBOL, 60_005.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, venue.server_time_ms()))
        if code == "FILTER_MAX_NUM_ORDER_LISTS":
            await submit(it)
        sent = len(venue.sent_bytes)
        found = await submit(it, ListKind.OCO, *legs)
        assert states(it, found) == ["DENIED", "DENIED"]
        assert {one.order.code for one in found.legs} == {code}
        assert len(venue.sent_bytes) == sent


async def test_cancelling_one_leg_cancels_the_list_and_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        await it.ask(CancelOrder(client_order_id=found.legs[1].order.client_order_id))
        assert states(it, found) == ["CANCELED", "CANCELED"]
        assert it.venue.sent_bytes[-1] == f"cancel-list {found.list_id}"
        assert any("whole list" in notice.text for notice in it.engine.notices.recent)


async def test_a_lost_cancel_of_a_list_is_confirmed_leg_by_leg(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        it.venue.failing["cancel_list"] = LOST
        after = await it.ask(CancelList(list_id=found.list_id))
        assert isinstance(after, OrderList)
        assert states(it, found) == ["PENDING_CANCEL", "PENDING_CANCEL"]
        for one in found.legs:
            it.venue._change(one.order.client_order_id, OrderStatus.CANCELED)
        await it.until(lambda: states(it, found) == ["CANCELED", "CANCELED"])


async def test_a_refused_cancel_of_a_list_asks_each_leg_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        it.venue.failing["cancel_list"] = UNREACHABLE
        with pytest.raises(LinkError) as refused:
            await it.ask(CancelList(list_id=found.list_id))
        assert refused.value.code == "CANCEL_REFUSED"
        assert it.venue.queries == [one.order.client_order_id for one in found.legs]
        for list_id, code in (("nobody-1", "NO_SUCH_LIST"), (found.list_id, "NOT_OPEN")):
            it.venue.failing.clear()
            if code == "NOT_OPEN":
                await it.ask(CancelList(list_id=list_id))
            with pytest.raises(LinkError) as refused:
                await it.ask(CancelList(list_id=list_id))
            assert refused.value.code == code


async def test_a_leg_is_not_replaced_alone(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        with pytest.raises(LinkError) as refused:
            await it.ask(ReplaceOrder(client_order_id=found.legs[0].order.client_order_id, order=buy()))
        assert refused.value.code == "LIST_LEG"


async def test_a_key_answers_the_first_list_again_through_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        first = await submit(it, key="k")
        again = await submit(it, key="k")
        assert again.list_id == first.list_id
        assert all(one.replayed for one in again.legs)
        for other in (
            SubmitList(kind=ListKind.OTO, legs=LISTS[ListKind.OTO], key="k"),
            buy(key="k"),
        ):
            with pytest.raises(LinkError) as refused:
                await it.ask(other)
            assert refused.value.code == "KEY_REUSED"
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert (await submit(it, key="k")).list_id == first.list_id
        assert len(venue.placed) == 2


# --- the gate -----------------------------------------------------------------------------------------------


async def test_exposure_of_a_list_is_the_worst_of_what_can_execute(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        oco = await submit(it)
        state = it.engine.journal.state

        def exposure(side: Side) -> Decimal:
            return open_exposure(state.open_orders(NAME, SYMBOL), side, None)

        assert exposure(Side.SELL) == 1
        await it.ask(CancelList(list_id=oco.list_id))
        await submit(it, ListKind.OTOCO)
        assert exposure(Side.BUY) == 1
        assert exposure(Side.SELL) == 1


async def test_both_legs_of_an_oco_are_covered_by_one_balance(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.holdings["BTC"] = D(1)
        it.engine.portfolio.on_balances(await it.venue.balances())
        assert states(it, await submit(it)) == ["ACCEPTED", "ACCEPTED"]


async def test_a_pending_leg_may_sell_what_the_working_one_buys(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.holdings["BTC"] = D(0)
        it.engine.portfolio.on_balances(await it.venue.balances())
        assert states(it, await submit(it, ListKind.OTOCO)) == ["ACCEPTED"] * 3
        alone = await it.submit(buy("1", "61000", side=Side.SELL))
        assert alone.code == "INSUFFICIENT_BALANCE"


async def test_every_leg_counts_for_the_venues_limit_of_orders(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        desk = it.engine.runners[NAME].desk
        known = desk.instruments[SYMBOL]
        limited = (*known.filters, CountLimit(name="MAX_NUM_ORDERS", limit=3))
        desk.instruments = {SYMBOL: msgspec.structs.replace(known, filters=limited)}
        it.venue.external("web-1", to_request(buy("0.1"), NAME))
        it.venue.user(it.venue.reports["web-1"])
        found = await submit(it, ListKind.OTOCO)
        assert {one.order.code for one in found.legs} == {"FILTER_MAX_NUM_ORDERS"}
        assert states(it, await submit(it)) == ["ACCEPTED", "ACCEPTED"]


async def test_cancel_all_names_what_is_left_whoever_placed_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        it.venue.external("web-1", to_request(buy("0.1"), NAME))
        it.venue.user(it.venue.reports["web-1"])
        it.venue.failing["cancel_all"] = UNREACHABLE
        result = await it.ask(CancelAll())
        assert isinstance(result, CancelAllResult)
        assert set(result.left) == {one.order.client_order_id for one in found.legs} | {"web-1"}
        it.venue.failing.clear()
        result = await it.ask(CancelAll())
        assert isinstance(result, CancelAllResult)
        assert result.left == ()
        assert len(result.canceled) == 3


async def test_a_filled_leg_ends_the_other_and_nothing_is_left(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        found = await submit(it)
        above, below = (one.order.client_order_id for one in found.legs)
        it.venue.fill(above)
        it.venue.user(it.venue._change(below, OrderStatus.EXPIRED))
        assert [it.order(one).state for one in (above, below)] == [OrderState.FILLED, OrderState.EXPIRED]
        assert it.engine.views.counts() == (0, 0)


async def test_only_what_is_in_the_book_is_shown_there(tmp_path: Path) -> None:
    """Neither a pending leg nor a stop that waits."""
    async with rig(tmp_path) as it:
        it.venue.tick(59_000.0, 61_000.0)
        found = await submit(it, ListKind.OTOCO)

        def own() -> tuple[float, float]:
            book = it.engine.views.book(NAME, SYMBOL)
            return sum(row.own for row in book.bids), sum(row.own for row in book.asks)

        assert own() == (1.0, 0.0)
        it.venue.fill(found.legs[0].order.client_order_id)
        assert own() == (0.0, 1.0)


async def test_a_cancel_while_the_list_waits_to_leave_cancels_it_at_the_venue(tmp_path: Path) -> None:
    """Past the write-ahead it cannot be kept home; the cancel must not be forgotten with that."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("slow")
        asked = asyncio.create_task(submit(it))
        await it.until(lambda: not it.venue.plan)
        (list_id,) = it.engine.journal.state.lists
        canceling = asyncio.create_task(it.ask(CancelList(list_id=list_id)))
        await it.turn()
        it.venue.release.set()
        await canceling
        assert states(it, await asked) == ["CANCELED", "CANCELED"]
        assert it.venue.sent_bytes[-1] == f"cancel-list {list_id}"
