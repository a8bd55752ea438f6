"""Every order type, order lists, amend and replace against the bundled simulator, over both of its faces."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from spark_tui.domain.decimals import floor_to
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import (
    LegRole,
    ListKind,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery, discover
from spark_tui.venues.port import (
    HalfOutcome,
    ListLeg,
    OrderReport,
    OrderStatus,
    Reaction,
    ReplaceMode,
    VenueError,
)
from tests.venues.binance.spot.conftest import Seen, running
from tests.venues.binance.spot.simulated import Simulator, buy, connect, far_below, new_id, nothing

TICK = D("0.01")
SUCCESS, FAILURE, NOT_ATTEMPTED = HalfOutcome.SUCCESS, HalfOutcome.FAILURE, HalfOutcome.NOT_ATTEMPTED


def order(kind: OrderType, side: Side = Side.BUY, **fields: Any) -> OrderRequest:
    given = {"venue": "binance-spot", "symbol": "BTCUSDT", "quantity": D("0.01")} | fields
    return OrderRequest(type=kind, side=side, **given)


def limit(price: D, side: Side = Side.BUY, **fields: Any) -> OrderRequest:
    return order(OrderType.LIMIT, side, price=price, **({"time_in_force": TimeInForce.GTC} | fields))


class Prices:
    """Around the market: `low` and `high` rest on any book of the simulator."""

    def __init__(self, low: D) -> None:
        self.low = low  # 10 % below
        self.mid = floor_to(low / D("0.9"), TICK)
        self.high = floor_to(self.mid * D("1.1"), TICK)
        self.cross = floor_to(self.mid * D("1.01"), TICK)  # a BUY here trades at once


@pytest.fixture
async def prices(venue: BinanceSpot) -> Prices:
    return Prices(await far_below(venue))


@pytest.fixture(params=["ws-api", "rest"])
async def trading(
    request: pytest.FixtureRequest, venue: BinanceSpot
) -> AsyncIterator[tuple[BinanceSpot, Seen]]:
    """The venue over each of its faces; nothing is left open afterwards."""
    seen = Seen()
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "ws-api":
            await stack.enter_async_context(running(venue, seen))
        yield venue, seen
        await venue.cancel_all("BTCUSDT")


Trading = tuple[BinanceSpot, Seen]


# --- types -------------------------------------------------------------------------------------------

# name -> (request at these prices, how it stands after the placement)
TYPES: dict[str, Any] = {
    "gtc": lambda p: (limit(p.low), "NEW"),
    "ioc": lambda p: (limit(p.low, time_in_force=TimeInForce.IOC), "EXPIRED"),
    "fok": lambda p: (limit(p.low, time_in_force=TimeInForce.FOK), "EXPIRED"),
    "iceberg": lambda p: (limit(p.low, iceberg_quantity=D("0.002")), "NEW"),
    "maker": lambda p: (order(OrderType.LIMIT_MAKER, price=p.low), "NEW"),
    "maker iceberg": lambda p: (
        order(OrderType.LIMIT_MAKER, price=p.low, iceberg_quantity=D("0.002")),
        "NEW",
    ),
    "stp": lambda p: (limit(p.low, self_trade_prevention=SelfTradePrevention.DECREMENT), "NEW"),
    "stop": lambda p: (order(OrderType.STOP_LOSS, stop_price=p.high), "NEW"),
    "stop limit": lambda p: (
        order(OrderType.STOP_LOSS_LIMIT, price=p.high, stop_price=p.high, time_in_force=TimeInForce.GTC),
        "NEW",
    ),
    "take": lambda p: (order(OrderType.TAKE_PROFIT, stop_price=p.low), "NEW"),
    "take limit": lambda p: (
        order(OrderType.TAKE_PROFIT_LIMIT, price=p.low, stop_price=p.low, time_in_force=TimeInForce.FOK),
        "NEW",
    ),
    "trailing": lambda p: (order(OrderType.STOP_LOSS, trailing_delta=2000), "NEW"),
    "trailing from a stop": lambda p: (
        order(
            OrderType.TAKE_PROFIT_LIMIT,
            price=p.low,
            stop_price=p.low,
            trailing_delta=100,
            time_in_force=TimeInForce.GTC,
        ),
        "NEW",
    ),
    "market": lambda p: (order(OrderType.MARKET), "FILLED"),
    "market in quote money": lambda p: (
        order(OrderType.MARKET, quantity=None, quote_quantity=D(500)),
        "FILLED",
    ),
}


@pytest.mark.parametrize("name", TYPES)
async def test_an_order_is_taken_and_reads_back_as_it_was_asked(
    trading: Trading, prices: Prices, name: str
) -> None:
    venue, _ = trading
    request, status = TYPES[name](prices)
    client_order_id = new_id()
    await venue.test_order(new_id(), request)
    placed = await venue.place(client_order_id, request, nothing)
    assert (placed.status, placed.client_order_id) == (OrderStatus(status), client_order_id)
    found = await venue.query("BTCUSDT", client_order_id)
    assert found is not None
    assert found.request is not None
    asked = request
    if request.self_trade_prevention is None:  # the venue tells which one its default is
        asked = msgspec.structs.replace(request, self_trade_prevention=found.request.self_trade_prevention)
    assert found.request == asked
    assert found.quantity == request.quantity
    if request.quote_quantity is not None:
        assert D(0) < found.filled_quote <= request.quote_quantity


async def test_post_only_and_a_stop_already_reached_are_refused(trading: Trading, prices: Prices) -> None:
    venue, _ = trading
    for request, says in (
        (order(OrderType.LIMIT_MAKER, price=prices.cross), "immediately match"),
        (order(OrderType.STOP_LOSS, stop_price=prices.low), "trigger immediately"),
    ):
        with pytest.raises(VenueError, match=says) as failed:
            await venue.place(new_id(), request, nothing)
        assert (failed.value.reaction, failed.value.code) == (Reaction.DEFINITE_REJECT, "-2010")


# --- lists -------------------------------------------------------------------------------------------


def leg(role: LegRole, request: OrderRequest) -> ListLeg:
    return ListLeg(role=role, client_order_id=new_id(), request=request)


def exits(prices: Prices, above: LegRole, below: LegRole) -> tuple[ListLeg, ListLeg]:
    return (
        leg(above, order(OrderType.LIMIT_MAKER, Side.SELL, price=prices.high)),
        leg(below, order(OrderType.STOP_LOSS, Side.SELL, stop_price=prices.low)),
    )


async def buy_some(venue: BinanceSpot) -> None:
    """Something to sell."""
    await venue.place(new_id(), buy("0.02"), nothing)


def of(seen: Seen, client_order_id: str) -> list[OrderReport]:
    return [e for e in seen.user if isinstance(e, OrderReport) and e.client_order_id == client_order_id]


async def test_an_oco_lives_and_dies_together(trading: Trading, prices: Prices) -> None:
    venue, seen = trading
    await buy_some(venue)
    legs, list_id = exits(prices, LegRole.ABOVE, LegRole.BELOW), new_id()
    placed = await venue.place_list(list_id, ListKind.OCO, legs, nothing)
    ids = {one.client_order_id for one in legs}
    assert {r.client_order_id for r in placed} == ids
    assert {(r.status, r.list_id) for r in placed} == {(OrderStatus.NEW, list_id)}
    assert {(r.client_order_id, r.list_id) for r in await venue.open_orders("BTCUSDT")} == {
        (name, list_id) for name in ids
    }
    gone = await venue.cancel_list("BTCUSDT", list_id)
    assert {(r.client_order_id, r.status, r.list_id) for r in gone} == {
        (name, OrderStatus.CANCELED, list_id) for name in ids
    }
    assert await venue.open_orders("BTCUSDT") == ()
    with pytest.raises(VenueError) as failed:
        await venue.cancel_list("BTCUSDT", list_id)
    assert (failed.value.reaction, failed.value.code) == (Reaction.DEFINITE_REJECT, "-2011")
    if seen.user:
        await seen.until(
            lambda: all(of(seen, name)[-1:] and of(seen, name)[-1].status == "CANCELED" for name in ids)
        )
        assert {of(seen, name)[-1].list_id for name in ids} == {list_id}


async def test_one_leg_canceled_takes_the_other_with_it(trading: Trading, prices: Prices) -> None:
    venue, _ = trading
    await buy_some(venue)
    legs = exits(prices, LegRole.ABOVE, LegRole.BELOW)
    await venue.place_list(new_id(), ListKind.OCO, legs, nothing)
    report = await venue.cancel("BTCUSDT", legs[1].client_order_id)
    assert (report.client_order_id, report.status) == (legs[1].client_order_id, OrderStatus.CANCELED)
    assert await venue.open_orders("BTCUSDT") == ()


async def test_a_filled_working_leg_brings_the_pending_ones_to_life(trading: Trading, prices: Prices) -> None:
    venue, seen = trading
    working = leg(LegRole.WORKING, limit(prices.cross))
    legs, list_id = (working, *exits(prices, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW)), new_id()
    first, *pending = await venue.place_list(list_id, ListKind.OTOCO, legs, nothing)
    assert (first.client_order_id, first.status) == (working.client_order_id, OrderStatus.FILLED)
    assert {r.status for r in pending} == {OrderStatus.PENDING_NEW}  # as documented: ask again
    for one in legs[1:]:
        found = await venue.query("BTCUSDT", one.client_order_id)
        assert found is not None
        assert (found.status, found.list_id) == (OrderStatus.NEW, list_id)
    if seen.user:
        await seen.until(lambda: all(of(seen, one.client_order_id) for one in legs))
    assert {r.client_order_id for r in await venue.cancel_all("BTCUSDT")} == {
        one.client_order_id for one in legs[1:]
    }


async def test_a_pending_leg_waits_and_goes_with_its_working_leg(trading: Trading, prices: Prices) -> None:
    venue, _ = trading
    working = leg(LegRole.WORKING, limit(prices.low))
    pending = leg(LegRole.PENDING, order(OrderType.MARKET, Side.SELL, quantity=D("0.005")))
    reports = await venue.place_list(new_id(), ListKind.OTO, (working, pending), nothing)
    assert [r.status for r in reports] == [OrderStatus.NEW, OrderStatus.PENDING_NEW]
    await venue.cancel("BTCUSDT", working.client_order_id)
    found = await venue.query("BTCUSDT", pending.client_order_id)
    assert found is not None
    assert found.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)


async def test_legs_that_do_not_fit_are_refused_whole(trading: Trading, prices: Prices) -> None:
    venue, _ = trading
    upside_down = (
        leg(LegRole.ABOVE, order(OrderType.LIMIT_MAKER, Side.SELL, price=prices.low)),
        leg(LegRole.BELOW, order(OrderType.STOP_LOSS, Side.SELL, stop_price=prices.high)),
    )
    with pytest.raises(VenueError) as failed:
        await venue.place_list(new_id(), ListKind.OCO, upside_down, nothing)
    assert failed.value.reaction is Reaction.DEFINITE_REJECT
    assert await venue.open_orders("BTCUSDT") == ()


async def test_a_restarted_adapter_learns_the_names_of_open_lists(
    venue: BinanceSpot, found: Discovery, prices: Prices
) -> None:
    await buy_some(venue)
    list_id = new_id()
    await venue.place_list(list_id, ListKind.OCO, exits(prices, LegRole.ABOVE, LegRole.BELOW), nothing)
    again = connect(found.endpoints, found.credentials)
    try:
        assert {r.list_id for r in await again.open_orders()} == {list_id}
    finally:
        await again.close()
        await venue.cancel_list("BTCUSDT", list_id)


# --- amend and replace -------------------------------------------------------------------------------


async def test_an_amend_shrinks_the_order_under_its_own_id(trading: Trading, prices: Prices) -> None:
    venue, seen = trading
    client_order_id = new_id()
    placed = await venue.place(client_order_id, limit(prices.low), nothing)
    report = await venue.amend("BTCUSDT", client_order_id, D("0.006"))
    assert (report.client_order_id, report.venue_order_id) == (client_order_id, placed.venue_order_id)
    assert (report.quantity, report.status) == (D("0.006"), OrderStatus.NEW)
    (still,) = await venue.open_orders("BTCUSDT")
    assert (still.client_order_id, still.quantity) == (client_order_id, D("0.006"))
    if seen.user:
        await seen.until(lambda: len(of(seen, client_order_id)) == 2)
        assert [r.quantity for r in of(seen, client_order_id)] == [D("0.01"), D("0.006")]
    for quantity in (D("0.006"), D("0.02")):
        with pytest.raises(VenueError) as failed:
            await venue.amend("BTCUSDT", client_order_id, quantity)
        assert (failed.value.reaction, failed.value.code) == (Reaction.DEFINITE_REJECT, "-2038")
    (still,) = await venue.open_orders("BTCUSDT")
    assert still.quantity == D("0.006")


async def test_a_replacement(trading: Trading, prices: Prices) -> None:
    venue, seen = trading
    old, new, told = new_id(), new_id(), []
    await venue.place(old, limit(prices.low), nothing)
    price = prices.low + 1
    outcome = await venue.replace(
        "BTCUSDT", old, new, limit(price), ReplaceMode.STOP_ON_FAILURE, lambda: told.append("sent")
    )
    assert (outcome.cancel.outcome, outcome.new.outcome, told) == (SUCCESS, SUCCESS, ["sent"])
    assert outcome.cancel.report is not None
    assert (outcome.cancel.report.client_order_id, outcome.cancel.report.status) == (old, "CANCELED")
    (still,) = await venue.open_orders("BTCUSDT")
    assert still.request is not None
    assert (still.client_order_id, still.request.price) == (new, price)
    if seen.user:
        await seen.until(lambda: bool(of(seen, new)) and len(of(seen, old)) == 2)
        assert [r.status for r in of(seen, old)] == [OrderStatus.NEW, OrderStatus.CANCELED]


@pytest.mark.parametrize(
    ("old_lives", "crosses", "mode", "halves"),
    [
        (True, True, ReplaceMode.STOP_ON_FAILURE, (SUCCESS, FAILURE)),  # 409: the old gone, no new one
        (False, False, ReplaceMode.ALLOW_FAILURE, (FAILURE, SUCCESS)),  # 409: both may live
        (False, False, ReplaceMode.STOP_ON_FAILURE, (FAILURE, NOT_ATTEMPTED)),
        (False, True, ReplaceMode.ALLOW_FAILURE, (FAILURE, FAILURE)),
    ],
)
async def test_replacements_that_fail_in_part_or_whole(
    trading: Trading,
    prices: Prices,
    old_lives: bool,
    crosses: bool,
    mode: ReplaceMode,
    halves: tuple[HalfOutcome, HalfOutcome],
) -> None:
    venue, _ = trading
    old, new = new_id(), new_id()
    if old_lives:
        await venue.place(old, limit(prices.low), nothing)
    request = order(OrderType.LIMIT_MAKER, price=prices.cross if crosses else prices.low)
    outcome = await venue.replace("BTCUSDT", old, new, request, mode, nothing)
    assert (outcome.cancel.outcome, outcome.new.outcome) == halves
    assert outcome.cancel.code == ("" if old_lives else "-2011")
    assert outcome.new.code == ("-2010" if halves[1] is FAILURE else "")
    open_now = [r.client_order_id for r in await venue.open_orders("BTCUSDT")]
    assert open_now == ([new] if halves[1] is SUCCESS else [])


# --- what goes wrong on the way ----------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator of this test's own: its faults and limits disturb nobody."""
    process = Simulator(tmp_path)
    process.start()
    yield process
    process.stop()


async def arm(found: Discovery, verb: str, **args: Any) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(f"{found.endpoints.rest}/sim/v1/faults", json={"verb": verb, "args": args})
        assert reply.status_code == 200, reply.text


async def test_lost_answers_are_unknown_and_the_orders_are_found(own: Simulator) -> None:
    found = await discover(own.info["base_url"])
    venue = connect(found.endpoints, found.credentials, reply_timeout_s=0.3)
    prices, seen = Prices(await far_below(venue)), Seen()
    await buy_some(venue)
    old, new, amended, list_id = new_id(), new_id(), new_id(), new_id()
    legs = exits(prices, LegRole.ABOVE, LegRole.BELOW)
    async with running(venue, seen):
        for name in (old, amended):
            await venue.place(name, limit(prices.low), nothing)
        for method, call in (
            ("orderList.place.oco", lambda: venue.place_list(list_id, ListKind.OCO, legs, nothing)),
            (
                "order.cancelReplace",
                lambda: venue.replace(
                    "BTCUSDT", old, new, limit(prices.low), ReplaceMode.STOP_ON_FAILURE, nothing
                ),
            ),
            ("order.amend.keepPriority", lambda: venue.amend("BTCUSDT", amended, D("0.004"))),
        ):
            await arm(found, "accept-drop-reply", method=method)
            with pytest.raises(VenueError) as failed:
                await call()
            assert failed.value.reaction is Reaction.UNKNOWN, method
        living = {r.client_order_id: r for r in await venue.open_orders("BTCUSDT")}
        assert set(living) == {new, amended, *(one.client_order_id for one in legs)}
        assert living[amended].quantity == D("0.004")
        assert living[legs[0].client_order_id].list_id == list_id


async def test_a_full_order_window_stops_placements_and_no_cancel(own: Simulator) -> None:
    found = await discover(own.info["base_url"])
    venue, seen = connect(found.endpoints, found.credentials), Seen()
    price = await far_below(venue)
    placed: list[str] = []
    async with running(venue, seen):
        for _ in range(2):  # the window may end in the middle once
            with contextlib.suppress(VenueError):
                while True:
                    name = new_id()
                    await venue.place(name, limit(price, quantity=D("0.0001")), nothing)
                    placed.append(name)
        with pytest.raises(VenueError) as failed:
            await venue.place(new_id(), limit(price, quantity=D("0.0001")), nothing)
        assert (failed.value.reaction, failed.value.code) == (Reaction.THROTTLED, "BUDGET")
        for name in placed[:3]:
            assert (await venue.cancel("BTCUSDT", name)).status is OrderStatus.CANCELED
        assert len(await venue.cancel_all("BTCUSDT")) == len(placed) - 3
        wait_s = failed.value.retry_after_s
    await venue.close()
    assert wait_s is not None
    assert 0 < wait_s <= 10
    assert len(placed) >= 100
