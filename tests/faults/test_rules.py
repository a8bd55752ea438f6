"""Risk rules against the simulator's own book and through a kill -9: what they say is what would have come of
the order, and what was decided before the power went still happens after it."""

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import Rule, RuleEffect, RuleKind
from spark_tui.domain.values import OrderType, Side, TradingState
from spark_tui.engine.records import RuleChanged, from_body
from spark_tui.link.messages import (
    OrderUpdate,
    Preview,
    PreviewOrder,
    PutRule,
    Resume,
    SubmitOrder,
)
from spark_tui.simulator.fixed import SCALE
from tests.faults.virtual import play
from tests.faults.world import MIDDLE, SYMBOL, D, World

SLIP = Rule(id="slip", kind=RuleKind.MAX_SLIPPAGE, limit=D(20))
BAND = Rule(id="band", kind=RuleKind.PRICE_BAND, limit=D(1))


def buy(quantity: str, price: int | None = None, side: Side = Side.BUY) -> SubmitOrder:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return SubmitOrder(
        symbol=SYMBOL, side=side, type=kind, quantity=D(quantity), price=None if price is None else D(price)
    )


async def sent(world: World, order: SubmitOrder) -> tuple[OrderState, str]:
    result = await world.ask(order, 5)
    assert isinstance(result, OrderUpdate)
    return result.order.state, result.order.code


async def ahead(world: World, order: SubmitOrder) -> Preview:
    result = await world.ask(PreviewOrder(order=order), 5)
    assert isinstance(result, Preview)
    return result


async def thin(world: World, *, buy: bool) -> None:
    """Nearly nothing at the top of one side, and the rest far away."""
    top, far = (MIDDLE - 1, MIDDLE - 500) if buy else (MIDDLE + 1, MIDDLE + 500)
    world._take(buy=not buy, price=MIDDLE - 10 if buy else MIDDLE + 10, quantity=1_000 * SCALE)
    world.market.book.add(world._resting(buy, top, SCALE // 10))
    world.market.book.add(world._resting(buy, far, 10 * SCALE))
    await world.live(1)


@pytest.mark.parametrize("side", Side)
def test_a_thin_book_refuses_what_would_slip_and_it_would_have(side: Side) -> None:
    async def story() -> None:
        world = World(1)
        await world.start()
        try:
            await world.ask(PutRule(rule=SLIP), 5)
            assert (await ahead(world, buy("0.5", None, side))).ok
            await thin(world, buy=side is Side.SELL)
            orders = len(list(world.store.all()))
            told = await ahead(world, buy("0.5", None, side))
            assert told.code == "SLIPPAGE"
            assert await sent(world, buy("0.5", None, side)) == (OrderState.DENIED, "SLIPPAGE")
            assert len(list(world.store.all())) == orders
            near = MIDDLE + 1 if side is Side.BUY else MIDDLE - 1
            assert (await ahead(world, buy("0.5", near, side))).ok  # the rest of it waits there
            assert await sent(world, buy("0.05", None, side)) == (OrderState.FILLED, "")
            # let through, it slips by what was told
            await world.ask(PutRule(rule=Rule(id="slip", kind=RuleKind.MAX_SLIPPAGE, limit=D(900))), 5)
            await world.live(1)
            told = await ahead(world, buy("0.5", None, side))
            mid = (D(MIDDLE - 1) + D(MIDDLE + 1)) / 2
            result = await world.ask(told.order, 5)
            assert isinstance(result, OrderUpdate)
            await world.live(1)
            order = world.state.orders[result.order.client_order_id]
            paid = order.filled_quote / order.filled
            slipped = float(abs(paid - mid) / mid * 10_000)
            assert told.slippage_bp == pytest.approx(slipped, abs=0.01)
            assert slipped > 20
        finally:
            await world.crash()

    play(story())


def test_the_price_band_follows_the_market() -> None:
    async def story() -> None:
        world = World(2)
        await world.start()
        try:
            await world.ask(PutRule(rule=BAND), 5)
            low, high = buy("0.01", 66_329), buy("0.01", 67_671, Side.SELL)
            for order in (low, high):
                assert await sent(world, order) == (OrderState.DENIED, "PRICE_BAND")
            for order in (buy("0.01", 66_330), buy("0.01", 67_670, Side.SELL)):
                assert (await sent(world, order))[0] is OrderState.ACCEPTED
            # all bids down to the far ones are taken: the middle is 10 lower, and so is the band
            world._take(buy=False, price=MIDDLE - 10, quantity=1_000 * SCALE)
            world.market.book.add(world._resting(True, MIDDLE - 21, SCALE))
            await world.live(1)
            assert (await sent(world, low))[0] is OrderState.ACCEPTED
            assert await sent(world, buy("0.01", 67_669, Side.SELL)) == (OrderState.DENIED, "PRICE_BAND")
        finally:
            await world.crash()

    play(story())


# --- kill -9 ------------------------------------------------------------------------------------------------

LOSS = Rule(id="loss", kind=RuleKind.MAX_DAILY_LOSS, limit=D("0.01"), effect=RuleEffect.HALT_AND_CANCEL)


def test_a_rule_that_was_made_and_did_not_act_yet_acts_after_the_power_cut() -> None:
    """It was durable; the power went before the watch looked at it. A market purchase has lost the half of
    the spread and the fee, which is more than the rule allows."""

    async def story() -> None:
        world = World(3)
        await world.start()
        try:
            assert await sent(world, buy("0.1")) == (OrderState.FILLED, "")
            assert (await sent(world, buy("0.01", 60_000)))[0] is OrderState.ACCEPTED
            world.engine.riskwatch.check = lambda: None  # type: ignore[method-assign]
            await world.ask(PutRule(rule=LOSS), 5)
            assert world.engine.guard.state is TradingState.ACTIVE
            kinds = [type(from_body(row.body)) for row in world.ledger.rows]
            assert RuleChanged in kinds
            await world.crash()
            await world.start()
            assert await world.until(lambda: world.engine.guard.killed, 10)
            assert world.engine.guard.reason.startswith("rule loss:")
            assert await world.until(lambda: not [one for one in world.store.all() if one.open], 30)
            await world.crash()  # and so is the halt
            await world.start()
            assert world.engine.guard.killed
            assert await sent(world, buy("0.01")) == (OrderState.DENIED, "HALTED")
            await world.ask(Resume(reason=" "), 5)
            assert world.engine.guard.halted
            await world.ask(Resume(reason="looked into it"), 5)
            assert world.engine.guard.state is TradingState.ACTIVE
        finally:
            await world.crash()

    play(story())


def test_a_change_that_was_not_on_disk_when_the_power_went_never_was() -> None:
    async def story() -> None:
        world = World(4)
        await world.start()
        try:
            world.ledger.slow_s = 5.0
            assert await world.ask(PutRule(rule=BAND), 1) is None  # not answered: not durable
            await world.crash()
            world.ledger.slow_s = 0.0
            await world.start()
            assert world.engine.rulebook.get("band") is None
            assert (await sent(world, buy("0.01", 60_000)))[0] is OrderState.ACCEPTED
        finally:
            await world.crash()

    play(story())
