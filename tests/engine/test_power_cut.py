"""The ledger as it was at each named step of the order path, and a new engine on it: whatever the venue had
received by then is found once, the rest is proved never to have lived. (Real kills: tests/faults.)"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.link.messages import AmendOrder, AnyRequest, ReplaceOrder, SubmitLeg, SubmitList, SubmitOrder
from spark_tui.link.service import LinkError
from tests.engine.fake_venue import SYMBOL, D
from tests.engine.harness import buy, rig

UNDECIDED = {
    OrderState.NEW,
    OrderState.SENT,
    OrderState.UNKNOWN,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_REPLACE,
}


def a_list(_: Order | None = None) -> AnyRequest:
    legs = (
        (LegRole.ABOVE, OrderType.LIMIT_MAKER, "61000", None),
        (LegRole.BELOW, OrderType.STOP_LOSS_LIMIT, "57900", "58000"),
    )
    return SubmitList(
        kind=ListKind.OCO,
        legs=tuple(
            SubmitLeg(
                role=role,
                order=SubmitOrder(
                    symbol=SYMBOL,
                    side=Side.SELL,
                    type=kind,
                    quantity=D(1),
                    price=D(price),
                    stop_price=None if stop is None else D(stop),
                ),
            )
            for role, kind, price, stop in legs
        ),
    )


def a_replace(order: Order | None) -> AnyRequest:
    assert order is not None
    return ReplaceOrder(client_order_id=order.client_order_id, order=buy("0.4", "58000"))


def an_amend(order: Order | None) -> AnyRequest:
    assert order is not None
    return AmendOrder(client_order_id=order.client_order_id, quantity=D("0.3"))


OK = "ACCEPTED ACCEPTED"


@pytest.mark.parametrize(
    ("step", "request_of", "how", "states"),
    [
        ("order.durable", lambda _: buy("0.2"), "dead", "ACCEPTED DEAD"),
        ("order.sent", lambda _: buy("0.2"), "rest", OK),
        ("order.sent", lambda _: buy("0.2"), "dead", "ACCEPTED DEAD"),
        ("order.replied", lambda _: buy("0.2"), "rest", OK),
        ("replace.durable", a_replace, "dead", "ACCEPTED DEAD"),
        ("replace.sent", a_replace, "rest", "CANCELED ACCEPTED"),
        ("replace.sent", a_replace, "dead", "ACCEPTED DEAD"),
        ("replace.sent", a_replace, "new-fails", "CANCELED DEAD"),
        ("replace.replied", a_replace, "rest", "CANCELED ACCEPTED"),
        ("list.durable", a_list, "dead", "ACCEPTED DEAD DEAD"),
        ("list.sent", a_list, "rest", f"{OK} ACCEPTED"),
        ("list.sent", a_list, "dead", "ACCEPTED DEAD DEAD"),
        ("list.replied", a_list, "rest", f"{OK} ACCEPTED"),
        ("amend.durable", an_amend, "dead", "ACCEPTED"),
        ("amend.replied", an_amend, "rest", "ACCEPTED"),
    ],
)
async def test_a_new_engine_on_the_ledger_of_that_instant_finds_the_truth(
    tmp_path: Path, step: str, request_of: Callable[[Order | None], AnyRequest], how: str, states: str
) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()

    def cut(name: str) -> None:
        if name == step and not copy.exists() and armed:
            shutil.copytree(live, copy)

    armed = False
    async with rig(live, checkpoint=cut) as it:
        first = await it.submit()
        await it.until(lambda: it.engine.journal.waiting == 0)
        armed = True
        it.venue.plan.append(how)
        await it.ask(request_of(first))
        clock, venue = it.clock, it.venue
    async with rig(copy, clock=clock, venue=venue) as it:
        orders = it.engine.journal.state.orders
        await it.until(lambda: not any(order.state in UNDECIDED for order in orders.values()))
        assert [order.state.value for order in orders.values()] == states.split()
        at_venue = {one for one in venue.reports if one in orders}
        assert at_venue == {one for one in orders if orders[one].state is not OrderState.DEAD}
        assert len(venue.placed) == len(set(venue.placed))
        if step == "amend.replied":
            assert orders[first.client_order_id].amended_quantity == D("0.3")


async def test_an_amend_that_cannot_be_recorded_is_not_sent(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        await it.until(lambda: it.engine.journal.waiting == 0)
        it.ledger.close()
        with pytest.raises(LinkError) as refused:
            await it.ask(an_amend(order))
        assert refused.value.code == "LEDGER_UNAVAILABLE"
        assert not any(text.startswith("amend") for text in it.venue.sent_bytes)
