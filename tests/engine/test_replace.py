"""Amend and replace: every outcome of both halves, lost answers, and what a stop's replacement may leave."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import Fill, Order, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import AmendOrder, CancelOrder, OrderUpdate, ReplaceOrder, SubmitOrder
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus
from tests.engine.fake_venue import SYMBOL, UNREACHABLE, D
from tests.engine.harness import Rig, buy, rig


async def amend(it: Rig, order: Order, quantity: str) -> Order:
    result = await it.ask(AmendOrder(client_order_id=order.client_order_id, quantity=D(quantity)))
    assert isinstance(result, OrderUpdate)
    return result.order


async def replace(
    it: Rig, order: Order, submit: SubmitOrder | None = None, *, allow_failure: bool = False
) -> Order:
    request = ReplaceOrder(
        client_order_id=order.client_order_id,
        order=submit or buy("0.4", "58000"),
        allow_failure=allow_failure,
    )
    result = await it.ask(request)
    assert isinstance(result, OrderUpdate)
    return result.order


def stop(quantity: str = "0.5", trigger: str = "58000", price: str = "57900") -> SubmitOrder:
    return SubmitOrder(
        symbol=SYMBOL,
        side=Side.SELL,
        type=OrderType.STOP_LOSS_LIMIT,
        quantity=D(quantity),
        price=D(price),
        stop_price=D(trigger),
    )


def alarms(it: Rig) -> list[str]:
    return [text for text in it.engine.notices.standing.values() if text.startswith("UNPROTECTED")]


# --- amend --------------------------------------------------------------------------------------------------


async def test_an_amend_shrinks_and_keeps_its_id(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        after = await amend(it, order, "0.3")
        assert (after.state, after.amended_quantity) == (OrderState.ACCEPTED, D("0.3"))
        it.venue.fill(order.client_order_id, D("0.3"))
        assert it.order(order.client_order_id).state is OrderState.FILLED


@pytest.mark.parametrize("quantity", ["0.5", "0.6", "0.1", "0", "-1"])
async def test_an_amend_only_shrinks_and_not_below_what_is_filled(tmp_path: Path, quantity: str) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.fill(order.client_order_id, D("0.1"))
        with pytest.raises(LinkError) as refused:
            await amend(it, order, quantity)
        assert refused.value.code == "FILTER_AMEND_QUANTITY"
        assert not any(text.startswith("amend") for text in it.venue.sent_bytes)


async def test_an_amend_off_the_step_is_refused_by_the_filter(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        with pytest.raises(LinkError) as refused:
            await amend(it, order, "0.3000001")
        assert refused.value.code == "FILTER_LOT_SIZE"


async def test_a_refused_amend_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.plan.append("reject")
        with pytest.raises(LinkError) as refused:
            await amend(it, order, "0.3")
        assert refused.value.code == "AMEND_REFUSED"
        after = it.order(order.client_order_id)
        assert (after.state, after.amended_quantity) == (OrderState.ACCEPTED, None)
        assert it.venue.queries == [order.client_order_id]


@pytest.mark.parametrize(("how", "total"), [("lost", "0.3"), ("dead", None)])
async def test_a_lost_amend_is_decided_by_query(tmp_path: Path, how: str, total: str | None) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.plan.append(how)
        assert (await amend(it, order, "0.3")).state is OrderState.PENDING_REPLACE
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)
        assert it.order(order.client_order_id).amended_quantity == (None if total is None else D(total))
        assert sum(text.startswith("amend") for text in it.venue.sent_bytes) == 1


async def test_nothing_but_cancels_leaves_while_halted(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.engine.guard.halt("drill")
        sent = list(it.venue.sent_bytes)
        with pytest.raises(LinkError) as refused:
            await amend(it, order, "0.3")
        assert refused.value.code == "HALTED"
        new = await replace(it, order)
        assert (new.state, new.code) == (OrderState.DENIED, "HALTED")
        assert it.venue.sent_bytes == sent
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED


# --- replace ------------------------------------------------------------------------------------------------


async def test_a_replace_trades_one_for_the_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit()
        new = await replace(it, old)
        assert new.state is OrderState.ACCEPTED
        assert new.replaces == old.client_order_id
        after = it.order(old.client_order_id)
        assert (after.state, after.replaced_by) == (OrderState.CANCELED, new.client_order_id)


async def test_old_gone_and_no_new_one(tmp_path: Path) -> None:
    """The first meaning of the 409."""
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("new-fails")
        new = await replace(it, old)
        assert (new.state, new.code) == (OrderState.REJECTED, "-2011")
        assert it.order(old.client_order_id).state is OrderState.CANCELED
        assert alarms(it) == []  # a plain limit order protects nothing


async def test_both_live(tmp_path: Path) -> None:
    """The second meaning of the 409."""
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("cancel-fails")
        new = await replace(it, old, allow_failure=True)
        assert new.state is OrderState.ACCEPTED
        assert it.order(old.client_order_id).state is OrderState.ACCEPTED
        assert it.venue.queries == [old.client_order_id]


async def test_old_not_cancelled_new_not_attempted(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("cancel-fails")
        new = await replace(it, old)
        assert new.state is OrderState.REJECTED
        assert "Not placed" in new.text
        assert it.order(old.client_order_id).state is OrderState.ACCEPTED
        assert it.venue.placed == [old.client_order_id]


@pytest.mark.parametrize(
    ("how", "old_state", "new_state"),
    [
        ("lost", OrderState.CANCELED, OrderState.ACCEPTED),
        ("dead", OrderState.ACCEPTED, OrderState.DEAD),
        ("hang", OrderState.CANCELED, OrderState.ACCEPTED),
    ],
)
async def test_a_lost_replace_leaves_both_halves_to_proof(
    tmp_path: Path, how: str, old_state: OrderState, new_state: OrderState
) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append(how)
        it.venue.release.set()
        new = await replace(it, old)
        assert new.state is OrderState.UNKNOWN
        assert it.order(old.client_order_id).state is OrderState.PENDING_REPLACE
        await it.until(lambda: it.order(new.client_order_id).state is new_state)
        await it.until(lambda: it.order(old.client_order_id).state is old_state)
        assert sum(text.startswith("replace") for text in it.venue.sent_bytes) == 1
        assert len(it.venue.placed) == len(set(it.venue.placed))


async def test_an_outage_over_a_replace_proves_nothing(tmp_path: Path) -> None:
    """F05: twenty minutes without an answer; both halves stay open, count, and are found afterwards."""
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("lost")
        it.venue.failing = dict.fromkeys(
            ("query", "query_by_venue_id", "open_orders", "trades", "balances"), UNREACHABLE
        )
        new = await replace(it, old)
        for _ in range(20):
            await it.clock.run_for(60)
            assert it.order(old.client_order_id).state is OrderState.PENDING_REPLACE
            assert it.order(new.client_order_id).state is OrderState.UNKNOWN
            assert it.engine.views.counts() == (2, 1)
        it.venue.failing.clear()
        await it.until(lambda: it.order(new.client_order_id).state is OrderState.ACCEPTED)
        await it.until(lambda: it.order(old.client_order_id).state is OrderState.CANCELED)


async def test_a_replace_that_never_left_changes_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("not-sent")
        new = await replace(it, old)
        assert (new.state, new.code) == (OrderState.DENIED, "NOT_SENT")
        assert it.order(old.client_order_id).state is OrderState.ACCEPTED


async def test_a_fill_while_the_replace_is_in_flight_is_booked(tmp_path: Path) -> None:
    """F11, F51: the old one fills before its cancel half arrives; no quantity is lost or doubled."""
    async with rig(tmp_path) as it:
        old = await it.submit()
        it.venue.plan.append("hang")
        asked = asyncio.create_task(replace(it, old))
        await it.until(lambda: len(it.venue.placed) == 2)
        report = it.venue.reports[old.client_order_id]
        fill = Fill(
            trade_id="7",
            price=D("59000"),
            quantity=D("0.2"),
            commission=D(0),
            commission_asset="USDT",
            maker=True,
            time_ms=1,
        )
        it.venue.user(
            msgspec.structs.replace(
                report, status=OrderStatus.PARTIALLY_FILLED, filled=D("0.2"), fills=(fill,)
            )
        )
        it.venue.reports[old.client_order_id] = msgspec.structs.replace(report, filled=D("0.2"))
        it.venue.release.set()
        new = await asked
        await it.until(lambda: it.order(old.client_order_id).state is OrderState.CANCELED)
        assert it.order(old.client_order_id).filled == D("0.2")
        await it.until(lambda: it.order(new.client_order_id).state is OrderState.ACCEPTED)


async def test_the_gate_counts_the_replaced_order_only_when_it_may_stay(tmp_path: Path) -> None:
    """What the old one locks is free for the new one, unless both may live."""
    async with rig(tmp_path) as it:
        old = await it.submit(buy("10"))  # 590 000 of 1 000 000 USDT
        it.venue.holdings["USDT"] = D(410_000)
        it.engine.portfolio.on_balances(await it.venue.balances())
        denied = await replace(it, old, buy("15", "58000"), allow_failure=True)
        assert denied.code == "INSUFFICIENT_BALANCE"
        assert (await replace(it, old, buy("15", "58000"))).state is OrderState.ACCEPTED


@pytest.mark.parametrize("state", ["canceled", "unknown", "pending"])
async def test_what_does_not_rest_cannot_be_changed(tmp_path: Path, state: str) -> None:
    async with rig(tmp_path) as it:
        if state == "unknown":
            it.venue.plan.append("dead")
        order = await it.submit()
        if state == "canceled":
            await it.ask(CancelOrder(client_order_id=order.client_order_id))
        if state == "pending":
            it.venue.plan.append("dead")
            await replace(it, order)
        code = "NOT_OPEN" if state == "canceled" else "NOT_WORKING"
        for change in (amend(it, order, "0.1"), replace(it, order)):
            with pytest.raises(LinkError) as refused:
                await change
            assert refused.value.code == code


async def test_a_replace_may_not_move_to_another_symbol(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        with pytest.raises(LinkError) as refused:
            await replace(it, order, msgspec.structs.replace(buy(), symbol="ETHUSDT"))
        assert refused.value.code == "OTHER_SYMBOL"


async def test_a_key_answers_the_first_replacement_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit()
        new = await replace(it, old, buy("0.4", "58000", key="k"))
        again = await it.ask(
            ReplaceOrder(client_order_id=old.client_order_id, order=buy("0.4", "58000", key="k"))
        )
        assert isinstance(again, OrderUpdate)
        assert again.replayed
        assert again.order.client_order_id == new.client_order_id
        for other in (
            ReplaceOrder(client_order_id=old.client_order_id, order=buy("0.3", "58000", key="k")),
            ReplaceOrder(
                client_order_id=old.client_order_id,
                order=buy("0.4", "58000", key="k"),
                allow_failure=True,
            ),
            buy("0.4", "58000", key="k"),
        ):
            with pytest.raises(LinkError) as refused:
                await it.ask(other)
            assert refused.value.code == "KEY_REUSED"
        assert len(it.venue.placed) == 2


# --- F58 ----------------------------------------------------------------------------------------------------


async def test_a_stop_that_nothing_replaces_raises_the_alarm_until_there_is_one(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = await it.submit(stop())
        it.venue.plan.append("new-fails")
        await replace(it, old, stop(trigger="57000", price="56900"))
        assert len(alarms(it)) == 1
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert len(alarms(it)) == 1
        await it.submit(stop())
        assert alarms(it) == []


async def test_a_lost_replace_of_a_stop_alarms_once_both_halves_are_known(tmp_path: Path) -> None:
    """The venue cancelled and then died over the new one: only proof tells."""
    async with rig(tmp_path) as it:
        old = await it.submit(stop())
        it.venue.plan.append("dead")
        new = await replace(it, old, stop(trigger="57000", price="56900"))
        it.venue._change(old.client_order_id, OrderStatus.CANCELED)
        await it.until(lambda: it.order(new.client_order_id).state is OrderState.DEAD)
        await it.until(lambda: bool(alarms(it)))
        assert it.order(old.client_order_id).state is OrderState.CANCELED
