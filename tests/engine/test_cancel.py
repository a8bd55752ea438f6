"""Cancels: refused, lost, too late, and all at once."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine.submission import to_request
from spark_tui.link.messages import CancelAll, CancelAllResult, CancelOrder, OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus
from tests.engine.fake_venue import LOST, NAME, SYMBOL, UNREACHABLE, D
from tests.engine.harness import buy, rig


async def test_a_resting_order_is_canceled(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        result = await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert isinstance(result, OrderUpdate)
        assert result.order.state is OrderState.CANCELED


async def test_a_refused_cancel_of_a_filled_order_asks_exactly_once_and_finds_the_fill(
    tmp_path: Path,
) -> None:
    """F06, F12: -2011 says nothing about how the order ended; the position must move, and nothing loops."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        client_id = order.client_order_id
        it.venue.fill(client_id, quiet=True)
        result = await it.ask(CancelOrder(client_order_id=client_id))
        assert isinstance(result, OrderUpdate)
        assert result.order.state is OrderState.FILLED
        await it.until(lambda: it.order(client_id).filled == D("0.5"))
        await it.clock.run_for(30)
        assert it.venue.queries == [client_id]
        assert it.venue.cancels == [client_id]
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_a_fill_long_after_the_refusal_still_counts(tmp_path: Path) -> None:
    """F06: the stream's fill comes a minute after the cancel was refused."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel"] = UNREACHABLE
        with pytest.raises(LinkError) as refused:
            await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert refused.value.code == "CANCEL_REFUSED"
        await it.clock.run_for(60)
        it.venue.fill(order.client_order_id)
        assert it.order(order.client_order_id).state is OrderState.FILLED


async def test_a_fill_while_the_cancel_is_in_flight_is_booked(tmp_path: Path) -> None:
    """F08."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel"] = LOST
        result = await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert isinstance(result, OrderUpdate)
        assert result.order.state is OrderState.PENDING_CANCEL
        it.venue.fill(order.client_order_id, D("0.2"))
        assert it.order(order.client_order_id).filled == D("0.2")
        assert it.order(order.client_order_id).state is OrderState.PENDING_CANCEL


async def test_a_lost_cancel_is_decided_by_query(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel"] = LOST
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)
        assert it.venue.cancels == [order.client_order_id]


async def test_what_is_finished_cannot_be_canceled(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("reject")
        order = await it.submit()
        with pytest.raises(LinkError) as refused:
            await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert refused.value.code == "NOT_OPEN"
        with pytest.raises(LinkError) as unknown:
            await it.ask(CancelOrder(client_order_id="nobody-1"))
        assert unknown.value.code == "NO_SUCH_ORDER"


async def test_a_cancel_during_the_write_ahead_keeps_the_order_home(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        asked = asyncio.create_task(it.submit())
        await asyncio.sleep(0)
        client_id = next(iter(it.engine.journal.state.orders))
        result = await it.ask(CancelOrder(client_order_id=client_id))
        assert isinstance(result, OrderUpdate)
        assert (result.order.state, result.order.code) == (OrderState.DENIED, "WITHDRAWN")
        assert (await asked).state is OrderState.DENIED
        assert it.venue.placed == []


async def test_a_cancel_while_the_order_waits_to_leave_cancels_it_at_the_venue(tmp_path: Path) -> None:
    """Past the write-ahead it cannot be kept home; over REST an order is NEW until its answer is there."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("slow")
        asked = asyncio.create_task(it.submit())
        await it.until(lambda: not it.venue.plan)
        client_id = next(iter(it.engine.journal.state.orders))
        canceling = asyncio.create_task(it.ask(CancelOrder(client_order_id=client_id)))
        await it.turn()
        it.venue.release.set()
        result = await canceling
        assert isinstance(result, OrderUpdate)
        assert result.order.state is OrderState.CANCELED
        assert it.venue.cancels == [client_id]
        await asked


@pytest.mark.parametrize("how", ["slow", "hang"])
async def test_cancel_all_also_cancels_what_comes_alive_after_it(tmp_path: Path, how: str) -> None:
    """The cancel overtook the order: it must not rest there as "pending cancel" that nobody asked for."""
    async with rig(tmp_path) as it:
        it.venue.plan.append(how)
        asked = asyncio.create_task(it.submit())
        await it.until(lambda: not it.venue.plan)
        client_id = next(iter(it.engine.journal.state.orders))
        late = it.venue.reports.pop(client_id, None)  # not in the venue's matching engine yet
        result = await it.ask(CancelAll())
        assert isinstance(result, CancelAllResult)
        assert result.left == (client_id,)
        if late is not None:
            it.venue.reports[client_id] = late
        it.venue.release.set()
        await asked
        await it.until(lambda: it.order(client_id).state is OrderState.CANCELED)
        assert it.venue.reports[client_id].status is OrderStatus.CANCELED


async def test_cancel_all_reports_what_was_canceled_and_what_is_left(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        orders = [await it.submit(buy("0.1")) for _ in range(3)]
        result = await it.ask(CancelAll())
        assert isinstance(result, CancelAllResult)
        assert set(result.canceled) == {order.client_order_id for order in orders}
        assert result.left == ()
        assert it.engine.views.counts() == (0, 0)


async def test_cancel_all_that_is_refused_leaves_the_orders_open_and_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel_all"] = UNREACHABLE
        result = await it.ask(CancelAll(symbol=SYMBOL))
        assert isinstance(result, CancelAllResult)
        assert result.left == (order.client_order_id,)
        assert "cannot be reached" in result.errors[0]
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED


# --- a defect, a clock, a limit -----------------------------------------------------------------------------


BROKEN = RuntimeError("a reply nobody can read")


async def test_an_answer_nobody_can_read_is_asked_about_at_once(tmp_path: Path) -> None:
    """Not only when the next comparison passes by."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel"] = BROKEN  # type: ignore[assignment]
        with pytest.raises(LinkError) as failed:
            await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert failed.value.code == "INTERNAL"
        assert it.order(order.client_order_id).state is OrderState.PENDING_CANCEL
        await it.until(lambda: bool(it.venue.queries), seconds=2)
        it.venue._change(order.client_order_id, OrderStatus.CANCELED)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED, seconds=20)


async def test_cancel_all_tells_what_is_left_whatever_the_adapter_does(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel_all"] = BROKEN  # type: ignore[assignment]
        result = await it.ask(CancelAll())
        assert isinstance(result, CancelAllResult)
        assert result.left == (order.client_order_id,)
        assert "could not be understood" in result.errors[0]
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)


async def test_a_cancel_all_that_never_left_asks_nothing(tmp_path: Path) -> None:
    """A query for each order would spend what the next cancel needs; nothing has happened."""
    async with rig(tmp_path) as it:
        for _ in range(3):
            await it.submit(buy("0.1"))
        it.venue.failing["cancel_all"] = UNREACHABLE
        await it.ask(CancelAll())
        await it.clock.run_for(5)
        assert it.venue.queries == []


async def test_a_clock_that_steps_back_leaves_no_cancel_pending_for_ever(tmp_path: Path) -> None:
    """Requests and refusals are told apart by our own clock; it may be set back between them."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        client_id = order.client_order_id
        it.venue.failing["cancel"] = UNREACHABLE
        with pytest.raises(LinkError):
            await it.ask(CancelOrder(client_order_id=client_id))
        it.clock.step_wall(-3_600)
        it.venue.failing["cancel"] = LOST
        await it.ask(CancelOrder(client_order_id=client_id))
        assert it.order(client_id).state is OrderState.PENDING_CANCEL
        it.clock.step_wall(-3_600)
        it.venue.failing["cancel"] = UNREACHABLE
        with pytest.raises(LinkError):
            await it.ask(CancelOrder(client_order_id=client_id))
        assert it.order(client_id).state is OrderState.ACCEPTED


async def test_a_second_cancel_has_its_own_time_to_arrive(tmp_path: Path) -> None:
    """The first one's loss says nothing about the second, which may still be on its way."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["cancel"] = LOST
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        await it.clock.run_for(16)
        it.venue.failing["cancel"] = LOST
        await it.ask(CancelOrder(client_order_id=order.client_order_id))
        await it.clock.run_for(14)
        assert it.order(order.client_order_id).state is OrderState.PENDING_CANCEL
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)


# --- orders of others ---------------------------------------------------------------------------------------


async def test_an_order_of_others_is_canceled_by_the_venues_id(tmp_path: Path) -> None:
    """Its own name may be missing: then nothing else tells it."""
    async with rig(tmp_path) as it:
        report = it.venue.external("web-1", to_request(buy(), NAME))
        it.venue.user(msgspec.structs.replace(report, client_order_id=""))
        result = await it.ask(CancelOrder(client_order_id=f"external-{report.venue_order_id}"))
        assert isinstance(result, OrderUpdate)
        assert (result.order.state, result.external) == (OrderState.CANCELED, True)
        assert it.venue.reports["web-1"].status is OrderStatus.CANCELED


async def test_of_two_orders_of_others_with_one_name_the_open_one_is_canceled(tmp_path: Path) -> None:
    """A name may come again once its order has ended."""
    async with rig(tmp_path) as it:
        it.venue.user(it.venue.external("web", to_request(buy("0.1"), NAME)))
        it.venue.user(it.venue._change("web", OrderStatus.CANCELED))
        again = it.venue.external("web", to_request(buy("0.2"), NAME))
        it.venue.user(again)
        result = await it.ask(CancelOrder(client_order_id="web"))
        assert isinstance(result, OrderUpdate)
        assert (result.order.venue_order_id, result.order.state) == (
            again.venue_order_id,
            OrderState.CANCELED,
        )
        with pytest.raises(LinkError) as refused:
            await it.ask(CancelOrder(client_order_id="web"))
        assert refused.value.code == "NOT_OPEN"


async def test_a_lost_cancel_of_an_order_of_others_is_not_called_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.user(it.venue.external("web-1", to_request(buy(), NAME)))
        it.venue.failing["cancel"] = LOST
        with pytest.raises(LinkError) as unknown:
            await it.ask(CancelOrder(client_order_id="web-1"))
        assert unknown.value.code == "CANCEL_UNKNOWN"


async def test_an_order_of_others_that_ended_meanwhile_is_shown_as_it_ended(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.user(it.venue.external("web-1", to_request(buy(), NAME)))
        it.venue.fill("web-1", quiet=True)
        result = await it.ask(CancelOrder(client_order_id="web-1"))
        assert isinstance(result, OrderUpdate)
        assert (result.order.state, result.external) == (OrderState.FILLED, True)
