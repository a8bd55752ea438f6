"""What is not known for certain counts at its worst: orders of every kind whose size or price is not told."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.instrument import MaxPosition
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.rules import Rule, RuleKind
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine import exposure
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import GetRules, Preview, PreviewOrder, PutRule, Rules, SubmitOrder
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, buy, rig

HELD = (
    Rule(id="quantity", kind=RuleKind.MAX_POSITION_QUANTITY, limit=D(1)),
    Rule(id="notional", kind=RuleKind.MAX_POSITION_NOTIONAL, limit=D(60_000)),
    Rule(id="gross", kind=RuleKind.MAX_GROSS_EXPOSURE, limit=D(60_000)),
    Rule(id="net", kind=RuleKind.MAX_NET_EXPOSURE, limit=D(60_000)),
)
SETTINGS = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=HELD)


def by_money(amount: str, side: Side = Side.BUY) -> SubmitOrder:
    return SubmitOrder(symbol=SYMBOL, side=side, type=OrderType.MARKET, quote_quantity=D(amount))


def stop(quantity: str, trigger: str, side: Side = Side.BUY) -> SubmitOrder:
    return SubmitOrder(
        symbol=SYMBOL, side=side, type=OrderType.STOP_LOSS, quantity=D(quantity), stop_price=D(trigger)
    )


def open_order(state: OrderState = OrderState.UNKNOWN, **terms: object) -> Order:
    request = OrderRequest(venue=NAME, symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET)
    request = msgspec.structs.replace(request, **terms)
    return Order(client_order_id="x", request=request, state=state, created_ms=0, updated_ms=0)


async def refusals(it: Rig, order: SubmitOrder) -> dict[str, str]:
    told = await it.ask(PreviewOrder(order=order))
    assert isinstance(told, Preview)
    return {verdict.rule: verdict.code for verdict in told.verdicts if not verdict.ok}


def lose_the_book(it: Rig) -> None:
    it.venue.skip(3)
    it.venue.failing["depth_snapshot"] = UNREACHABLE
    it.venue.tick()


# --- what may be bought --------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [None, D("NaN"), D(0), D(-1)])
@pytest.mark.parametrize("side", Side)
def test_money_without_a_price_is_no_quantity(price: D | None, side: Side) -> None:
    order = open_order(quote_quantity=D(600), side=side)
    assert exposure.open_exposure([order], side, price).is_nan()
    other = Side.SELL if side is Side.BUY else Side.BUY
    assert exposure.open_exposure([order], other, price) == 0


def test_money_is_turned_into_no_less_than_it_buys() -> None:
    order = open_order(quote_quantity=D(100))
    assert exposure.open_exposure([order], Side.BUY, D(30_000)) == D("0.00333334")


def test_what_is_over_needs_no_price() -> None:
    order = open_order(OrderState.CANCELED, quote_quantity=D(600))
    assert exposure.open_exposure([order], Side.BUY, None) == 0


def test_an_order_ahead_without_a_quantity_cannot_be_told() -> None:
    first = open_order(quote_quantity=D(600)).request
    assert exposure.ahead(first, Side.BUY).is_nan()
    assert exposure.ahead(first, Side.SELL) == 0


async def test_an_unknown_order_sized_in_money_refuses_while_no_price_is_known(tmp_path: Path) -> None:
    """With a price it counts as what it buys; without one every rule about what is held refuses."""
    async with rig(tmp_path, settings=SETTINGS) as it:
        it.venue.plan.append("dead")
        assert (await it.submit(by_money("30000"))).state is OrderState.UNKNOWN
        assert await refusals(it, buy("0.4")) == {}
        assert await refusals(it, buy("0.51")) == {
            "quantity": "MAX_POSITION",
            "notional": "MAX_POSITION_NOTIONAL",
            "gross": "GROSS_EXPOSURE",
            "net": "NET_EXPOSURE",
        }
        lose_the_book(it)
        found = await refusals(it, buy("0.00001"))
        assert {found[rule.id] for rule in HELD} == {"NO_FIGURE"}


async def test_a_rule_made_while_an_order_is_unknown_counts_it(tmp_path: Path) -> None:
    """By whatever became of it: it counts until it is proved dead, and from then on no more."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        unknown = await it.submit(buy("0.9"))
        assert unknown.state is OrderState.UNKNOWN
        await it.ask(PutRule(rule=HELD[0]))
        rules = await it.ask(GetRules())
        assert isinstance(rules, Rules)
        row = next(row for row in rules.rows if row.rule.id == "quantity")
        assert (row.used, row.headroom, row.ok) == (D("0.9"), D("0.1"), True)
        assert await refusals(it, buy("0.2")) == {"quantity": "MAX_POSITION"}
        await it.until(lambda: it.order(unknown.client_order_id).state is OrderState.DEAD)
        it.venue.tick()
        assert await refusals(it, buy("0.2")) == {}


async def test_the_venues_cap_on_a_position_counts_money_as_well(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        known = it.engine.runners[NAME].desk.instruments[SYMBOL]
        capped = msgspec.structs.replace(known, filters=(*known.filters, MaxPosition(max_position=D(11))))
        it.engine.runners[NAME].desk.instruments = {SYMBOL: capped}  # of which 10 are held
        it.venue.plan.append("dead")
        await it.submit(by_money("30000"))
        assert "filter_max_position" not in await refusals(it, buy("0.4"))
        assert "filter_max_position" in await refusals(it, buy("0.51"))
        lose_the_book(it)
        assert "filter_max_position" in await refusals(it, buy("0.001"))


# --- what may be locked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "next_", "free"),
    [
        pytest.param(buy("0.5", None), "0.34", "19995", id="market: at the ask of 60 010"),
        pytest.param(by_money("30000"), "0.34", "20000", id="market, in money"),
        pytest.param(stop("0.5", "62000"), "0.33", "19000", id="stop: at its trigger"),
        pytest.param(buy("0.5", "59000"), "0.35", "20500", id="limit: at its price"),
    ],
)
async def test_an_unknown_purchase_has_taken_its_money(
    tmp_path: Path, unknown: SubmitOrder, next_: str, free: str
) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.holdings["USDT"] = D(50_000)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        it.venue.plan.append("dead")
        assert (await it.submit(unknown)).state is OrderState.UNKNOWN
        told = await it.ask(PreviewOrder(order=buy(next_)))
        assert isinstance(told, Preview)
        balance = next(verdict for verdict in told.verdicts if verdict.rule == "balance")
        assert (balance.code, balance.allowed) == ("INSUFFICIENT_BALANCE", D(free))


async def test_a_sale_for_money_has_taken_what_the_bid_makes_of_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        await it.submit(by_money("60000", Side.SELL))  # 1 BTC of 10, at the bid of 60 000
        assert await refusals(it, buy("9", "61000", side=Side.SELL)) == {}
        assert await refusals(it, buy("9.001", "61000", side=Side.SELL)) == {
            "balance": "INSUFFICIENT_BALANCE"
        }


@pytest.mark.parametrize(
    ("order", "price", "amount"),
    [
        (open_order(quantity=D(2)), None, None),
        (open_order(quantity=D(2)), D("NaN"), None),
        (open_order(quantity=D(2), stop_price=D(0)), D(9), None),
        (open_order(quantity=D(2)), D(9), D(18)),
        (open_order(quantity=D(2), price=D(7)), None, D(14)),
        (open_order(quote_quantity=D(5)), None, D(5)),
        (open_order(quote_quantity=D(5), side=Side.SELL), None, None),
        (open_order(quote_quantity=D(5), side=Side.SELL), D(10), D("0.5")),
        (open_order(quantity=D(2), side=Side.SELL), None, D(2)),
    ],
)
def test_what_an_order_claims(order: Order, price: D | None, amount: D | None) -> None:
    assert exposure.claim(order, price) == amount


async def test_what_is_free_and_cannot_be_told_says_because_of_which_order(tmp_path: Path) -> None:
    """A market order without a word of the venue and without a book may take any amount: nothing else
    is bought with that money, and the operator is told what is waited for. Selling needs none of it."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        unknown = await it.submit(buy("0.1", None))
        assert unknown.state is OrderState.UNKNOWN
        lose_the_book(it)
        told = await it.ask(PreviewOrder(order=buy("0.001")))
        assert isinstance(told, Preview)
        balance = next(verdict for verdict in told.verdicts if verdict.rule == "balance")
        assert (balance.code, balance.unit) == ("NO_FIGURE", "USDT")
        assert balance.text == (
            f"how much USDT is free cannot be told: {unknown.client_order_id} (BUY MARKET {SYMBOL}) is"
            " UNKNOWN and its book cannot be priced from; wait for its fate, or for the book"
        )
        assert "balance" not in await refusals(it, buy("0.001", "61000", side=Side.SELL))
        await it.until(lambda: it.order(unknown.client_order_id).state is OrderState.DEAD)
        assert "balance" not in await refusals(it, buy("0.001"))
