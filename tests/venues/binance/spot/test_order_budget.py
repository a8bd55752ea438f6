"""-1015 limits unfilled orders: what places waits for the next window, a cancel does not wait at all."""

from collections.abc import Awaitable, Callable
from decimal import Decimal as D

import pytest

from spark_tui.domain.values import ListKind
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.codec_user import RateLimit
from spark_tui.venues.binance.spot.order_budget import OrderBudget
from spark_tui.venues.port import OrderStatus, Reaction, ReplaceMode, VenueError
from spark_tui.wire.clock import ManualClock
from spark_tui.wire.limiter import BudgetError
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import Peer, ok, order, refused, rest_refused
from tests.venues.binance.spot.test_lists import LEGS
from tests.venues.binance.spot.test_trading import REQUEST

TOO_MANY = "Too many new orders; current limit is 50 orders per 10 SECOND."
NOW_MS = 1_760_000_043_000  # 3 s into a ten-second window, 3 s into a minute + 40


def left(budget: OrderBudget) -> float:
    try:
        budget.check()
    except BudgetError as refused_:
        return refused_.retry_after_s or 0.0
    return 0.0


def limit(interval: str, number: int, count: int, most: int) -> RateLimit:
    return RateLimit("ORDERS", interval, number, most, count)


@pytest.mark.parametrize(
    ("retry_after_s", "limits", "held_s"),
    [
        (None, (), 7.0),  # nothing said: until the shortest window ends
        (None, (limit("SECOND", 10, 50, 50), limit("DAY", 1, 50, 160_000)), 7.0),
        (None, (limit("SECOND", 20, 50, 50),), 17.0),
        (None, (limit("DAY", 1, 160_000, 160_000),), 60.0),  # fills may free it: ask once a minute
        (None, (RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000, 6000),), 7.0),
        (None, (limit("FORTNIGHT", 1, 9, 9),), 7.0),
        (2.5, (limit("SECOND", 10, 50, 50),), 2.5),
        (86_400.0, (), 60.0),
    ],
)
def test_how_long_placements_wait(
    retry_after_s: float | None, limits: tuple[RateLimit, ...], held_s: float
) -> None:
    clock = ManualClock(wall_ns=NOW_MS * 1_000_000)
    budget = OrderBudget(clock, lambda: clock.wall_ns() // 1_000_000)
    assert left(budget) == 0
    budget.exhausted(retry_after_s, limits)
    assert left(budget) == pytest.approx(held_s)
    clock.advance(held_s)
    assert left(budget) == 0


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    clock = ManualClock()
    budget = OrderBudget(clock, lambda: 0)
    budget.exhausted(30.0)
    budget.exhausted(1.0)
    assert left(budget) == 30.0


# --- through the adapter -----------------------------------------------------------------------------

PLACEMENTS: list[Callable[[BinanceSpot], Awaitable[object]]] = [
    lambda venue: venue.place("id-2", REQUEST, lambda: None),
    lambda venue: venue.replace(
        "BTCUSDT", "id-1", "id-2", REQUEST, ReplaceMode.STOP_ON_FAILURE, lambda: None
    ),
    lambda venue: venue.place_list("list-1", ListKind.OCO, LEGS, lambda: None),
]


async def held_back(peer: Peer, venue: BinanceSpot) -> None:
    """Every placement is refused here, everything else passes."""
    asked, messages = len(peer.asked), len(peer.messages)
    for place in PLACEMENTS:
        with pytest.raises(VenueError, match="cancels at once") as refused_here:
            await place(venue)
        assert (refused_here.value.reaction, refused_here.value.code) == (Reaction.THROTTLED, "BUDGET")
        assert refused_here.value.retry_after_s is not None
    assert (len(peer.asked), len(peer.messages)) == (asked, messages)
    assert (await venue.cancel("BTCUSDT", "id-1")).status is OrderStatus.CANCELED
    assert await venue.cancel_all("BTCUSDT") == ()
    assert (await venue.balances()).complete


async def test_over_the_websocket_api_only_placements_wait(peer: Peer) -> None:
    limits = [{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 9, "count": 9}]
    peer.api["order.place"] = lambda r: refused(-1015, TOO_MANY, 429) | {"rateLimits": limits}
    peer.api["order.cancel"] = lambda r: {"result": order("c", origClientOrderId="id-1", status="CANCELED")}
    peer.api["openOrders.cancelAll"] = lambda r: refused(-2011, "Unknown order sent.")
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-1", REQUEST, lambda: None)
        assert (failed.value.reaction, failed.value.code) == (Reaction.THROTTLED, "-1015")
        await held_back(peer, venue)


async def test_over_rest_only_placements_wait(peer: Peer) -> None:
    peer.rest["POST", "/api/v3/order"] = lambda q: rest_refused(-1015, TOO_MANY, 429)
    peer.rest["DELETE", "/api/v3/order"] = lambda q: ok(
        order("c", origClientOrderId="id-1", status="CANCELED")
    )
    peer.rest["DELETE", "/api/v3/openOrders"] = lambda q: rest_refused(-2011, "Unknown order sent.")
    peer.headers["Retry-After"] = "30"
    venue = adapter(peer)
    with pytest.raises(VenueError) as failed:
        await venue.place("id-1", REQUEST, lambda: None)
    assert (failed.value.reaction, failed.value.retry_after_s) == (Reaction.THROTTLED, 30)
    await held_back(peer, venue)
    await venue.close()


async def test_a_replacement_stopped_by_the_limit_holds_the_next_placement(peer: Peer) -> None:
    """Its cancel passed (409, or 429 for the whole): neither holds back the cancels that follow."""
    gone = order("the-cancel", origClientOrderId="id-0", status="CANCELED")
    half = {"code": -1015, "msg": TOO_MANY}
    data = {
        "cancelResult": "SUCCESS",
        "newOrderResult": "FAILURE",
        "cancelResponse": gone,
        "newOrderResponse": half,
    }
    peer.api["order.cancelReplace"] = lambda r: refused(-2021, "Partially failed.", 429, **data)
    peer.api["order.cancel"] = lambda r: {"result": order("c", origClientOrderId="id-1", status="CANCELED")}
    peer.api["openOrders.cancelAll"] = lambda r: refused(-2011, "Unknown order sent.")
    venue = adapter(peer)
    async with running(venue, Seen()):
        outcome = await venue.replace(
            "BTCUSDT", "id-0", "id-1", REQUEST, ReplaceMode.STOP_ON_FAILURE, lambda: None
        )
        assert outcome.new.code == "-1015"
        await held_back(peer, venue)


async def test_an_amend_adds_no_order_and_is_not_held(peer: Peer) -> None:
    venue = adapter(peer)
    venue._account.orders.exhausted(30.0)
    peer.rest["PUT", "/api/v3/order/amend/keepPriority"] = lambda q: rest_refused(-2038, "No change.")
    with pytest.raises(VenueError) as failed:
        await venue.amend("BTCUSDT", "id-1", D("0.001"))
    assert failed.value.code == "-2038"
    await venue.close()
