"""Cancel-replace, amend: what each answer lets us conclude, the same over the WebSocket API and REST."""

from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.port import (
    HalfOutcome,
    OrderReport,
    OrderStatus,
    Reaction,
    ReplaceMode,
    ReplaceOutcome,
    VenueError,
)
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import Json, Peer, body_of, order, refused

REPLACE = ("POST", "/api/v3/order/cancelReplace")
AMEND = ("PUT", "/api/v3/order/amend/keepPriority")
REQUEST = OrderRequest(
    venue="binance-spot",
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=D("0.02"),
    price=D("59000.00"),
)
SUCCESS, FAILURE, NOT_ATTEMPTED = HalfOutcome.SUCCESS, HalfOutcome.FAILURE, HalfOutcome.NOT_ATTEMPTED

CANCELED = order("the-cancel", origClientOrderId="old-1", status="CANCELED", executedQty="0.003")
PLACED = order("new-1", orderId=29, origQty="0.02", price="59000.00")
GONE = {"code": -2011, "msg": "Unknown order sent."}
CROSSES = {"code": -2010, "msg": "Order would immediately match and take."}
FULL = {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}


def halves(cancel: str, old: Json | None, new: str, placed: Json | None) -> Json:
    return {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": old,
        "newOrderResponse": placed,
    }


def partly(*both: Any, status: int = 409) -> Json:
    return refused(-2021, "Order cancel-replace partially failed.", status, **halves(*both))


def wholly(*both: Any) -> Json:
    return refused(-2022, "Order cancel-replace failed.", 400, **halves(*both))


def both_ways(peer: Peer, answer: Json | None) -> None:
    """The same answer on the WebSocket API and on REST."""
    peer.api["order.cancelReplace"] = peer.api["order.amend.keepPriority"] = lambda r: answer
    reply = None if answer is None else body_of(answer)
    peer.rest[REPLACE] = peer.rest[AMEND] = lambda q: reply


async def replaced(venue: BinanceSpot, told: list[str]) -> ReplaceOutcome:
    return await venue.replace(
        "BTCUSDT", "old-1", "new-1", REQUEST, ReplaceMode.STOP_ON_FAILURE, lambda: told.append("sent")
    )


@pytest.fixture(params=["ws-api", "rest"])
def over(request: pytest.FixtureRequest, peer: Peer) -> Callable[..., Awaitable[Any]]:
    """Run a call on an adapter whose WebSocket API is up, or is not."""

    async def run(call: Callable[[BinanceSpot], Awaitable[Any]], **settings: Any) -> Any:
        venue = adapter(peer, **settings)
        if request.param == "rest":
            try:
                return await call(venue)
            finally:
                await venue.close()
        async with running(venue, Seen()):
            return await call(venue)

    return run


@pytest.mark.parametrize(
    ("answer", "cancel", "new", "codes"),
    [
        ({"result": halves("SUCCESS", CANCELED, "SUCCESS", PLACED)}, SUCCESS, SUCCESS, ("", "")),
        # 409, the first meaning: the old order is gone and there is no new one
        (partly("SUCCESS", CANCELED, "FAILURE", CROSSES), SUCCESS, FAILURE, ("", "-2010")),
        # 409, the second: both may be live
        (partly("FAILURE", GONE, "SUCCESS", PLACED), FAILURE, SUCCESS, ("-2011", "")),
        (wholly("FAILURE", GONE, "NOT_ATTEMPTED", None), FAILURE, NOT_ATTEMPTED, ("-2011", "")),
        (wholly("FAILURE", GONE, "FAILURE", CROSSES), FAILURE, FAILURE, ("-2011", "-2010")),
        (partly("SUCCESS", CANCELED, "FAILURE", FULL, status=429), SUCCESS, FAILURE, ("", "-1015")),
        (partly("SUCCESS", CANCELED, "FAILURE", FULL), SUCCESS, FAILURE, ("", "-1015")),
    ],
)
async def test_each_half_is_read_by_itself(
    peer: Peer,
    over: Callable[..., Awaitable[Any]],
    answer: Json,
    cancel: HalfOutcome,
    new: HalfOutcome,
    codes: tuple[str, str],
) -> None:
    both_ways(peer, answer)
    told: list[str] = []
    outcome = await over(lambda venue: replaced(venue, told))
    assert (outcome.cancel.outcome, outcome.new.outcome) == (cancel, new)
    assert (outcome.cancel.code, outcome.new.code) == codes
    assert told == ["sent"]
    if cancel is SUCCESS:
        report = outcome.cancel.report
        assert (report.client_order_id, report.status, report.filled) == (
            "old-1",
            OrderStatus.CANCELED,
            D("0.003"),
        )
    if new is SUCCESS:
        assert (outcome.new.report.client_order_id, outcome.new.report.venue_order_id) == ("new-1", "29")
    if new is FAILURE:
        assert outcome.new.text.endswith(".")
    assert len(peer.calls("order.cancelReplace")) + len(peer.rest_calls(*REPLACE)) == 1


UNCLEAR = [
    None,  # silence, a closed connection
    {"result": {}},
    {"result": halves("SUCCESS", CANCELED, "FAILURE", CROSSES)},  # a success that is none
    {"result": halves("SUCCESS", CANCELED, "SUCCESS", order("stranger"))},
    {"result": halves("SUCCESS", order("c", origClientOrderId="stranger"), "SUCCESS", PLACED)},
    {"result": halves("SUCCESS", CANCELED, "SUCCESS", PLACED | {"executedQty": "NaN"})},
    refused(-2021, "Order cancel-replace partially failed.", 409),  # without the halves
    refused(-2021, "Order cancel-replace partially failed.", 409, cancelResult="SUCCESS"),
    partly("SUCCESS", CANCELED, "SUCCESS", PLACED),
    wholly("SUCCESS", CANCELED, "FAILURE", CROSSES),
    partly("SUCCESS", CANCELED, "FAILURE", {"code": -1007, "msg": "Timeout"}),
    wholly("FAILURE", {"code": -1000, "msg": "Unknown error"}, "NOT_ATTEMPTED", None),
    partly("SUCCESS", CANCELED, "FAILURE", CROSSES, status=503),  # 5xx proves nothing, whatever it says
    refused(-1007, "Timeout waiting for response.", 504),
    {"status": 409},
]


@pytest.mark.parametrize("answer", UNCLEAR)
async def test_what_is_not_clear_is_unknown_for_both(
    peer: Peer, over: Callable[..., Awaitable[Any]], answer: Json | None
) -> None:
    both_ways(peer, answer)
    told: list[str] = []
    with pytest.raises(VenueError) as failed:
        await over(lambda venue: replaced(venue, told), reply_timeout_s=0.2)
    assert (failed.value.reaction, told) == (Reaction.UNKNOWN, ["sent"])


@pytest.mark.parametrize(
    ("answer", "reaction"),
    [
        (refused(-1015, "Too many new orders.", 429), Reaction.THROTTLED),
        (refused(-1013, "Filter failure: LOT_SIZE"), Reaction.DEFINITE_REJECT),
        (refused(-2015, "Invalid API-key.", 401), Reaction.AUTH),
    ],
)
async def test_a_refusal_of_the_whole_leaves_the_old_order_as_it_was(
    peer: Peer, over: Callable[..., Awaitable[Any]], answer: Json, reaction: Reaction
) -> None:
    both_ways(peer, answer)
    with pytest.raises(VenueError) as failed:
        await over(lambda venue: replaced(venue, []))
    assert failed.value.reaction is reaction


async def test_what_is_asked_is_one_signed_call_with_both_ids(peer: Peer) -> None:
    both_ways(peer, {"result": halves("SUCCESS", CANCELED, "SUCCESS", PLACED)})
    venue = adapter(peer)
    async with running(venue, Seen()):
        await venue.replace("BTCUSDT", "old-1", "new-1", REQUEST, ReplaceMode.ALLOW_FAILURE, lambda: None)
        with pytest.raises(VenueError, match="cannot be replaced"):
            await venue.replace("ETHUSDT", "old-1", "new-1", REQUEST, ReplaceMode.ALLOW_FAILURE, lambda: None)
    (call,) = peer.calls("order.cancelReplace")
    assert {
        name: call["params"][name]
        for name in ("cancelReplaceMode", "cancelOrigClientOrderId", "newClientOrderId")
    } == {
        "cancelReplaceMode": "ALLOW_FAILURE",
        "cancelOrigClientOrderId": "old-1",
        "newClientOrderId": "new-1",
    }


# --- amend -------------------------------------------------------------------------------------------


def amended(quantity: str) -> Json:
    changed = {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "origClientOrderId": "id-1",
        "clientOrderId": "id-1",
        "price": "60000.00",
        "qty": quantity,
        "executedQty": "0.002",
        "preventedQty": "0",
        "quoteOrderQty": "0",
        "cumulativeQuoteQty": "120.00",
        "status": "PARTIALLY_FILLED",
    }
    return {"result": {"transactTime": 1741926410255, "executionId": 75, "amendedOrder": changed}}


async def test_an_amend_keeps_the_id_and_tells_the_total(
    peer: Peer, over: Callable[..., Awaitable[Any]]
) -> None:
    both_ways(peer, amended("0.007"))
    report: OrderReport = await over(lambda venue: venue.amend("BTCUSDT", "id-1", D("0.007")))
    assert (report.client_order_id, report.quantity, report.filled) == ("id-1", D("0.007"), D("0.002"))
    asked = [call["params"] for call in peer.calls("order.amend.keepPriority")] or peer.rest_calls(*AMEND)
    assert [(a["origClientOrderId"], a["newClientOrderId"], a["newQty"]) for a in asked] == [
        ("id-1", "id-1", "0.007")
    ]


@pytest.mark.parametrize(
    ("answer", "reaction"),
    [
        (refused(-2038, "The requested action would change no state; rejecting"), Reaction.DEFINITE_REJECT),
        (refused(-2013, "Order does not exist."), Reaction.DEFINITE_REJECT),
        (refused(-1007, "Timeout waiting for response.", 504), Reaction.UNKNOWN),
        ({"result": {"transactTime": 1}}, Reaction.UNKNOWN),
        (None, Reaction.UNKNOWN),
    ],
)
async def test_amends_that_fail(
    peer: Peer, over: Callable[..., Awaitable[Any]], answer: Json | None, reaction: Reaction
) -> None:
    both_ways(peer, answer)
    with pytest.raises(VenueError) as failed:
        await over(lambda venue: venue.amend("BTCUSDT", "id-1", D("0.007")), reply_timeout_s=0.2)
    assert failed.value.reaction is reaction


async def test_an_amend_from_elsewhere_reaches_us_under_our_id(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    event = {
        "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "amended-by-hand", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.004", "p": "60000.00", "P": "0", "F": "0", "g": -1, "C": "id-1", "x": "REPLACED",
        "X": "NEW", "r": "NONE", "i": 28, "l": "0", "z": "0", "L": "0", "n": "0", "N": None, "T": 2, "t": -1,
        "I": 1, "w": True, "m": False, "O": 1, "Z": "0", "Y": "0", "Q": "0", "W": 1, "V": "NONE",
    }  # fmt: skip
    async with running(venue, seen):
        await peer.emit(event)
        await seen.until(lambda: len(seen.user) == 2)
    report = seen.user[1]
    assert isinstance(report, OrderReport)
    assert (report.client_order_id, report.quantity, report.status) == ("id-1", D("0.004"), OrderStatus.NEW)
