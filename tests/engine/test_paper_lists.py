"""Order lists on paper, from the engine's side: their fills reach positions and cash, over restarts too."""

from decimal import Decimal
from pathlib import Path

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.engine.submission import to_request
from spark_tui.link.messages import CancelList, OrderList, SubmitLeg, SubmitList, SubmitOrder
from spark_tui.venues.port import ListLeg, OrderStatus
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL
from tests.engine.paper import START, Paper, paper

D = Decimal


def leg(
    role: LegRole, kind: OrderType, price: str | None, stop: str | None = None, side: Side = Side.SELL
) -> SubmitLeg:
    order = SubmitOrder(
        symbol=SYMBOL,
        side=side,
        type=kind,
        quantity=D(1),
        price=None if price is None else D(price),
        stop_price=None if stop is None else D(stop),
    )
    return SubmitLeg(role=role, order=order)


OCO = (
    leg(LegRole.ABOVE, OrderType.LIMIT_MAKER, "61000"),
    leg(LegRole.BELOW, OrderType.STOP_LOSS_LIMIT, "58000", "58500"),
)
OTOCO = (
    leg(LegRole.WORKING, OrderType.LIMIT, "59990", side=Side.BUY),
    leg(LegRole.PENDING_ABOVE, OrderType.LIMIT_MAKER, "61000"),
    leg(LegRole.PENDING_BELOW, OrderType.STOP_LOSS_LIMIT, "58000", "58500"),
)
OTO = (
    leg(LegRole.WORKING, OrderType.LIMIT, "60010", side=Side.BUY),  # takes at once
    leg(LegRole.PENDING, OrderType.LIMIT, "61000"),
)


async def send(it: Paper, kind: ListKind, legs: tuple[SubmitLeg, ...]) -> list[str]:
    found = await it.ask(SubmitList(kind=kind, legs=legs))
    assert isinstance(found, OrderList)
    return [one.order.client_order_id for one in found.legs]


async def states(it: Paper, ids: list[str], *wanted: OrderState) -> None:
    await it.until(lambda: tuple(it.order(one).state for one in ids) == wanted)


def conserved(it: Paper) -> None:
    """The account's money is what it began with and all fills the engine knows."""
    flows = dict(START)
    for row in it.engine.journal.state.fills:
        sign = 1 if row.side is Side.BUY else -1
        flows["BTC"] += sign * row.fill.quantity
        flows["USDT"] -= sign * row.fill.quantity * row.fill.price
        flows[row.fill.commission_asset] -= row.fill.commission
    assert {asset: sum(it.cash(asset)) for asset in flows} == flows
    assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == flows["BTC"] - START["BTC"]


async def test_the_upper_leg_fills_in_parts_and_ends_the_lower(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        ids = await send(it, ListKind.OCO, OCO)
        assert it.cash("BTC") == (D(9), D(1))  # one of the two can trade
        it.source.trade(61_001.0, 0.25, sells=False)
        await states(it, ids, OrderState.PARTIALLY_FILLED, OrderState.EXPIRED)
        assert it.cash("BTC") == (D(9), D("0.75"))
        it.source.trade(61_001.0, 5.0, sells=False)
        await states(it, ids, OrderState.FILLED, OrderState.EXPIRED)
        assert all(row.fill.maker for row in it.engine.journal.state.fills)
        conserved(it)


async def test_the_lower_leg_is_triggered_and_ends_the_upper(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        ids = await send(it, ListKind.OCO, OCO)
        it.source.tick(58_400.0, 58_410.0)
        it.source.trade(58_450.0, 0.1, sells=True)
        await states(it, ids, OrderState.EXPIRED, OrderState.FILLED)
        [row] = it.engine.journal.state.fills
        assert (row.fill.price, row.fill.maker) == (D("58400.0"), False)
        conserved(it)


async def test_a_list_goes_on_where_it_was_after_a_restart_at_each_step(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        ids = await send(it, ListKind.OTOCO, OTOCO)
        assert it.cash("USDT")[1] == 59_990  # the pending legs lock nothing yet
    async with paper(tmp_path, clock) as it:
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.until(lambda: it.order(ids[0]).state is OrderState.FILLED)
        await it.until(lambda: it.cash("BTC")[1] == 1)
    async with paper(tmp_path, clock) as it:
        it.source.trade(61_001.0, 0.5, sells=False)
        await it.until(lambda: it.order(ids[1]).filled == D("0.5"))
    async with paper(tmp_path, clock) as it:
        it.source.trade(61_001.0, 5.0, sells=False)
        await states(it, ids, OrderState.FILLED, OrderState.FILLED, OrderState.EXPIRED)
        assert it.paper._account.store.lists() == []
        conserved(it)


async def test_a_working_leg_that_fills_as_it_arrives_carries_its_fill(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        ids = await send(it, ListKind.OTO, OTO)
        await states(it, ids, OrderState.FILLED, OrderState.ACCEPTED)
        assert it.cash("BTC")[1] == 1
        conserved(it)


async def test_the_answer_itself_tells_of_fills_whatever_becomes_of_the_stream(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        legs = tuple(
            ListLeg(role=one.role, client_order_id=f"own-{at}", request=to_request(one.order, NAME))
            for at, one in enumerate(OTO)
        )
        first, then = await it.paper.place_list("own", ListKind.OTO, legs, lambda: None)
        assert [fill.quantity for fill in first.fills] == [D(1)]
        assert (first.status, then.status, then.fills) == (OrderStatus.FILLED, OrderStatus.NEW, ())


async def test_a_cancelled_list_gives_all_money_back(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        ids = await send(it, ListKind.OTOCO, OTOCO)
        part = it.order(ids[0]).part
        assert part is not None
        await it.ask(CancelList(list_id=part.list_id))
        await states(it, ids, *[OrderState.CANCELED] * 3)
        assert (it.cash("BTC"), it.cash("USDT")) == ((D(10), D(0)), (D(1_000_000), D(0)))
