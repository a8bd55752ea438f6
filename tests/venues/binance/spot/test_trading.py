"""What an order call may conclude: sent once, never again, and UNKNOWN whenever it may have executed."""

import asyncio
import hashlib
import hmac
from decimal import Decimal as D
from typing import Any

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.port import OrderStatus, Reaction, VenueError
from spark_tui.wire.clock import ServerClock
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import Peer, ok, order, refused, rest_refused

PLACE = ("POST", "/api/v3/order")
REQUEST = OrderRequest(
    venue="binance-spot",
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=D("0.01"),
    price=D("60000.00"),
)


class Sent:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


# --- over the WebSocket API --------------------------------------------------------------------------


async def test_an_order_goes_over_the_websocket_api_signed_over_its_sorted_text(peer: Peer) -> None:
    peer.api["order.place"] = lambda r: {"result": order(r["params"]["newClientOrderId"])}
    seen, sent, venue = Seen(), Sent(), adapter(peer)
    async with running(venue, seen):
        report = await venue.place("id-1", REQUEST, sent)
    assert (report.client_order_id, report.status, sent.times) == ("id-1", OrderStatus.NEW, 1)
    (call,) = peer.calls("order.place")
    params = dict(call["params"])
    signature = params.pop("signature")
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert signature == hmac.new(b"testsecret", text.encode(), hashlib.sha256).hexdigest()
    assert (params["price"], params["recvWindow"]) == ("60000.00", 5000)
    assert peer.rest_calls(*PLACE) == []


async def test_a_connection_lost_after_the_send_leaves_the_order_unknown(peer: Peer) -> None:
    seen, sent, venue = Seen(), Sent(), adapter(peer)
    async with running(venue, seen):
        placing = asyncio.create_task(venue.place("id-1", REQUEST, sent))
        await peer.until(lambda: bool(peer.calls("order.place")))
        peer.api_sockets[-1]._req.transport.abort()  # type: ignore[union-attr]  # no goodbye
        with pytest.raises(VenueError) as failed:
            await placing
        await seen.until(lambda: seen.ups() == 2)  # and the user stream comes back by itself
        assert seen.words() == ["UserStreamUp", "UserStreamDown", "UserStreamUp"]
    assert (failed.value.reaction, sent.times) == (Reaction.UNKNOWN, 1)
    assert len(peer.calls("order.place")) == 1
    assert peer.rest_calls(*PLACE) == []


async def test_silence_is_unknown_after_the_reply_timeout(peer: Peer) -> None:
    sent, venue = Sent(), adapter(peer, reply_timeout_s=0.05)
    async with running(venue, Seen()):
        with pytest.raises(VenueError, match=r"No answer to order\.place") as failed:
            await venue.place("id-1", REQUEST, sent)
    assert (failed.value.reaction, sent.times) == (Reaction.UNKNOWN, 1)
    assert peer.rest_calls(*PLACE) == []


async def test_a_cancelled_call_is_unknown(peer: Peer) -> None:
    sent, venue = Sent(), adapter(peer)
    async with running(venue, Seen()):
        placing = asyncio.create_task(venue.place("id-1", REQUEST, sent))
        await peer.until(lambda: bool(peer.calls("order.place")))
        placing.cancel()
        with pytest.raises(VenueError) as failed:
            await placing
    assert (failed.value.reaction, sent.times) == (Reaction.UNKNOWN, 1)


async def test_an_engine_timeout_around_the_call_is_unknown_too(peer: Peer) -> None:
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError) as failed:
            async with asyncio.timeout(0.05):
                await venue.place("id-1", REQUEST, Sent())
    assert failed.value.reaction is Reaction.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "reaction", "code"),
    [
        (refused(-2010, "Account has insufficient balance."), Reaction.DEFINITE_REJECT, "-2010"),
        (refused(-1007, "Timeout waiting for response.", 504), Reaction.UNKNOWN, "-1007"),
        (refused(-1000, "An unknown error occurred."), Reaction.UNKNOWN, "-1000"),
        (refused(-2015, "Invalid API-key.", 401), Reaction.AUTH, "-2015"),
        (refused(-1015, "Too many new orders.", 429), Reaction.THROTTLED, "-1015"),
        ({"result": {"unexpected": True}}, Reaction.UNKNOWN, "NO_ANSWER"),
        ({"result": order("id-1", executedQty="NaN")}, Reaction.UNKNOWN, "NO_ANSWER"),
    ],
)
async def test_answers_and_what_they_mean(
    peer: Peer, reply: dict[str, Any], reaction: Reaction, code: str
) -> None:
    peer.api["order.place"] = lambda r: reply
    sent, venue = Sent(), adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-1", REQUEST, sent)
    assert (failed.value.reaction, failed.value.code, sent.times) == (reaction, code, 1)
    assert peer.rest_calls(*PLACE) == []
    assert len(peer.calls("order.place")) == 1


async def test_a_garbled_answer_is_unknown_and_the_connection_is_made_anew(peer: Peer) -> None:
    peer.api["order.place"] = lambda r: b'{"id":1,"sta#us":200'
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-1", REQUEST, Sent())
        await seen.until(lambda: seen.ups() == 2)
    assert failed.value.reaction is Reaction.UNKNOWN


# --- the clock ---------------------------------------------------------------------------------------


async def test_a_refused_clock_is_set_and_the_order_signed_once_more(peer: Peer) -> None:
    """F33: recovers in one request; nothing was placed, so this is no resend of a living order."""
    peer.skew_ms = 90_000
    skewed = refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def place(request: dict[str, Any]) -> dict[str, Any]:
        behind = abs(int(request["params"]["timestamp"]) - peer.now_ms()) > 1000
        return skewed if behind else {"result": order(request["params"]["newClientOrderId"])}

    sent, venue = Sent(), adapter(peer)
    peer.api["order.place"] = place
    async with running(venue, Seen()):
        await venue.place("id-1", REQUEST, sent)
        peer.skew_ms = -40_000  # the server's clock steps
        await venue.place("id-2", REQUEST, sent)
    calls = peer.calls("order.place")
    assert [c["params"]["newClientOrderId"] for c in calls[-2:]] == ["id-2", "id-2"]
    assert calls[-2]["params"]["signature"] != calls[-1]["params"]["signature"]
    assert {c["params"]["recvWindow"] for c in calls} == {5000}
    assert sent.times == 3  # from the last one on it may come alive


async def test_a_clock_refused_twice_is_told(peer: Peer) -> None:
    peer.api["order.place"] = lambda r: refused(-1021, "Timestamp outside of the recvWindow.")
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError, match="set this machine's clock") as failed:
            await venue.place("id-1", REQUEST, Sent())
    assert failed.value.reaction is Reaction.CLOCK
    assert len(peer.calls("order.place")) == 2


async def test_an_order_whose_clock_cannot_be_read_never_left(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not count as the venue's refusal."""
    sent, venue = Sent(), adapter(peer)
    async with running(venue, Seen()):
        peer.rest["GET", "/api/v3/time"] = lambda q: rest_refused(-1003, "Too many requests.", 429)
        monkeypatch.setattr(ServerClock, "suspect", property(lambda clock: True))  # our wall clock stepped
        with pytest.raises(VenueError, match="nothing was sent") as failed:
            await venue.place("id-1", REQUEST, sent)
    assert (failed.value.code, sent.times) == ("NOT_SENT", 0)
    assert peer.calls("order.place") == []


# --- over REST ---------------------------------------------------------------------------------------


async def test_without_a_connection_an_order_goes_over_rest_once(peer: Peer) -> None:
    peer.rest[PLACE] = lambda q: ok(order(q["newClientOrderId"]))
    sent, venue = Sent(), adapter(peer)
    report = await venue.place("id-1", REQUEST, sent)
    await venue.close()
    assert (report.client_order_id, sent.times) == ("id-1", 1)
    (query,) = peer.rest_calls(*PLACE)
    assert query["quantity"] == "0.01"


@pytest.mark.parametrize(
    ("answer", "reaction"),
    [
        ((502, b"<html>Bad Gateway</html>"), Reaction.UNKNOWN),
        ((200, b""), Reaction.UNKNOWN),
        ((403, b"<html>blocked</html>"), Reaction.UNKNOWN),
        (None, Reaction.UNKNOWN),  # the connection closes without an answer
        (rest_refused(-2010, "Account has insufficient balance."), Reaction.DEFINITE_REJECT),
        (rest_refused(-1013, "Filter failure: LOT_SIZE"), Reaction.DEFINITE_REJECT),
    ],
)
async def test_rest_answers_and_what_they_mean(
    peer: Peer, answer: tuple[int, bytes] | None, reaction: Reaction
) -> None:
    peer.rest[PLACE] = lambda q: answer
    sent, venue = Sent(), adapter(peer)
    with pytest.raises(VenueError) as failed:
        await venue.place("id-1", REQUEST, sent)
    await venue.close()
    assert (failed.value.reaction, sent.times) == (reaction, 1)
    assert len(peer.rest_calls(*PLACE)) == 1  # never a second time (F01)


async def test_a_closed_port_proves_that_nothing_left(peer: Peer) -> None:
    peer.endpoints = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-api/v3")
    sent, venue = Sent(), adapter(peer)
    with pytest.raises(VenueError, match="nothing was sent") as failed:
        await venue.place("id-1", REQUEST, sent)
    await venue.close()
    assert (failed.value.reaction, failed.value.code, sent.times) == (Reaction.RETRY_SAFE, "NOT_SENT", 0)


async def test_a_cancelled_rest_call_is_unknown(peer: Peer) -> None:
    reached = asyncio.Event()
    peer.rest[PLACE] = lambda q: reached.set()  # type: ignore[func-returns-value]  # closes unanswered
    sent, venue = Sent(), adapter(peer)
    placing = asyncio.create_task(venue.place("id-1", REQUEST, sent))
    await peer.until(lambda: bool(peer.rest_calls(*PLACE)))
    placing.cancel()
    with pytest.raises(VenueError) as failed:
        await placing
    await venue.close()
    assert (failed.value.reaction, sent.times) == (Reaction.UNKNOWN, 1)


async def test_without_a_key_nothing_leaves(peer: Peer) -> None:
    sent, venue = Sent(), adapter(peer, key=False)
    with pytest.raises(VenueError, match="No API key is set") as failed:
        await venue.place("id-1", REQUEST, sent)
    await venue.close()
    assert (failed.value.reaction, sent.times, peer.asked) == (Reaction.AUTH, 0, [])


# --- limits ------------------------------------------------------------------------------------------


async def test_a_ban_stops_everything_at_once(peer: Peer) -> None:
    """F34: after 418 not one request leaves until it is over, by either way."""
    now = peer.now_ms()
    ban = refused(-1003, "Way too much request weight used.", 418, serverTime=now, retryAfter=now + 60_000)
    peer.api["order.place"] = lambda r: ban
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-1", REQUEST, Sent())
        assert failed.value.reaction is Reaction.BANNED
        assert failed.value.retry_after_s == 60.0
        asked, messages, sent = len(peer.asked), len(peer.messages), Sent()
        for call in (
            venue.place("id-2", REQUEST, sent),
            venue.cancel("BTCUSDT", "id-1"),
            venue.balances(),
        ):
            with pytest.raises(VenueError) as refused_here:
                await call
            assert refused_here.value.reaction is Reaction.THROTTLED
            assert "pause" in refused_here.value.text
    assert (len(peer.asked), len(peer.messages), sent.times) == (asked, messages, 0)


async def test_an_order_that_waits_for_a_connection_stays_home_once_trading_is_halted(peer: Peer) -> None:
    """Eight slow downloads hold the connections; between the gate and the first byte the kill comes."""
    sent, venue = Sent(), adapter(peer)
    slots = venue._http._ordinary
    while not slots.locked():
        await slots.acquire()
    placing = asyncio.create_task(venue.place("id-1", REQUEST, sent))
    while not slots._waiters:  # noqa: ASYNC110 - a semaphore tells nobody who waits
        await asyncio.sleep(0)
    venue.keep_home = lambda: "Trading was halted"
    slots.release()
    with pytest.raises(VenueError, match="halted") as failed:
        await placing
    await venue.close()
    assert (failed.value.code, sent.times) == ("NOT_SENT", 0)
    assert peer.rest_calls(*PLACE) == []


async def test_an_order_of_others_is_canceled_by_its_number(peer: Peer) -> None:
    """Its leg's list goes with it; the answer meant is the one with that number."""
    legs = [
        order("c", orderId=number, origClientOrderId=f"leg-{number}", status="CANCELED") for number in (7, 8)
    ]
    answer = {"orderListId": 3, "listClientOrderId": "web", "orderReports": legs}
    peer.api["order.cancel"] = lambda r: {"result": answer}
    venue = adapter(peer)
    async with running(venue, Seen()):
        report = await venue.cancel_by_venue_id("BTCUSDT", "8")
    assert (report.client_order_id, report.status) == ("leg-8", OrderStatus.CANCELED)
    (call,) = peer.calls("order.cancel")
    assert (call["params"]["orderId"], "origClientOrderId" in call["params"]) == ("8", False)


async def test_cancels_have_a_reserve_when_the_budget_is_spent(peer: Peer) -> None:
    peer.api["order.cancel"] = lambda r: {
        "result": order("the-cancel", origClientOrderId="id-1", status="CANCELED")
    }
    venue = adapter(peer, budget_wait_s=0.01)
    async with running(venue, Seen()):
        venue._account.limiter.observe(5_000)  # more than 80 % of 6000
        with pytest.raises(VenueError, match="request weight is used") as failed:
            await venue.place("id-2", REQUEST, Sent())
        report = await venue.cancel("BTCUSDT", "id-1")
    assert (failed.value.reaction, failed.value.code) == (Reaction.THROTTLED, "BUDGET")
    assert (report.client_order_id, report.status) == ("id-1", OrderStatus.CANCELED)


async def test_the_order_limit_does_not_hold_back_cancels(peer: Peer) -> None:
    peer.api["order.place"] = lambda r: refused(-1015, "Too many new orders.", 429)
    peer.api["order.cancel"] = lambda r: {"result": order("c", origClientOrderId="id-1", status="CANCELED")}
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError):
            await venue.place("id-1", REQUEST, Sent())
        assert (await venue.cancel("BTCUSDT", "id-1")).status is OrderStatus.CANCELED


async def test_the_order_limit_does_not_hold_back_cancels_over_rest(peer: Peer) -> None:
    peer.rest[PLACE] = lambda q: rest_refused(-1015, "Too many new orders.", 429)
    peer.rest["DELETE", "/api/v3/order"] = lambda q: ok(
        order("x", origClientOrderId="id-1", status="CANCELED")
    )
    peer.headers["Retry-After"] = "60"
    venue = adapter(peer)
    with pytest.raises(VenueError) as failed:
        await venue.place("id-1", REQUEST, Sent())
    assert failed.value.code == "-1015"
    report = await venue.cancel("BTCUSDT", "id-1")
    await venue.close()
    assert report.status is OrderStatus.CANCELED


async def test_the_servers_count_is_ours(peer: Peer) -> None:
    limits = [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": 6000,
            "count": 321,
        }
    ]
    peer.api["order.place"] = lambda r: {"result": order("id-1"), "rateLimits": limits}
    venue = adapter(peer)
    async with running(venue, Seen()):
        await venue.place("id-1", REQUEST, Sent())
        assert venue.weight().used >= 321
        peer.headers["X-MBX-USED-WEIGHT-1M"] = "1234"
        await venue.balances()
        assert venue.weight().used >= 1234


# --- cancels and look-ups ----------------------------------------------------------------------------


async def test_cancel_all_of_nothing_is_empty(peer: Peer) -> None:
    peer.api["openOrders.cancelAll"] = lambda r: refused(-2011, "Unknown order sent.")
    venue = adapter(peer)
    async with running(venue, Seen()):
        assert await venue.cancel_all("BTCUSDT") == ()
        peer.api["openOrders.cancelAll"] = lambda r: {
            "result": [order("c", origClientOrderId="id-1", status="CANCELED")]
        }
        assert [r.client_order_id for r in await venue.cancel_all("BTCUSDT")] == ["id-1"]


async def test_a_refused_cancel_says_so(peer: Peer) -> None:
    peer.api["order.cancel"] = lambda r: refused(-2011, "Unknown order sent.")
    venue = adapter(peer)
    async with running(venue, Seen()):
        with pytest.raises(VenueError, match="the cancel was refused") as failed:
            await venue.cancel("BTCUSDT", "id-1")
    assert (failed.value.reaction, failed.value.code) == (Reaction.DEFINITE_REJECT, "-2011")


async def test_a_query_takes_whichever_way_answers(peer: Peer) -> None:
    venue = adapter(peer)
    query = ("GET", "/api/v3/order")
    async with running(venue, Seen()):
        peer.api["order.status"] = lambda r: refused(-2013, "Order does not exist.")
        assert await venue.query("BTCUSDT", "id-1") is None
        assert peer.rest_calls(*query) == []
        peer.api["order.status"] = lambda r: refused(-1001, "Internal error.", 500)
        peer.rest[query] = lambda q: ok(order(q["origClientOrderId"], status="FILLED", executedQty="0.01"))
        found = await venue.query("BTCUSDT", "id-1")
        assert found is not None
        assert found.status is OrderStatus.FILLED
        peer.api["order.status"] = lambda r: {"result": {"garbage": 1}}
        peer.rest[query] = lambda q: rest_refused(-2013, "Order does not exist.")
        assert await venue.query("BTCUSDT", "id-1") is None


async def test_an_order_is_found_by_the_venues_id(peer: Peer) -> None:
    peer.api["order.status"] = lambda r: {"result": order("id-1", orderId=int(r["params"]["orderId"]))}
    venue = adapter(peer)
    async with running(venue, Seen()):
        found = await venue.query_by_venue_id("BTCUSDT", "77")
        peer.api["order.status"] = lambda r: refused(-2013, "Order does not exist.")
        assert await venue.query_by_venue_id("BTCUSDT", "78") is None
    assert found is not None
    assert (found.client_order_id, found.venue_order_id) == ("id-1", "77")
    assert "origClientOrderId" not in peer.calls("order.status")[0]["params"]


def _stays_home(failed: VenueError, sent: Sent, peer: Peer) -> None:
    assert (failed.code, sent.times) == ("NOT_SENT", 0)
    assert "Trading was halted" in failed.text
    assert peer.calls("order.place") == []
    assert peer.rest_calls(*PLACE) == []


async def test_what_must_stay_home_does_not_leave_and_cancels_still_do(peer: Peer) -> None:
    peer.api["order.cancel"] = lambda r: {
        "result": order(r["params"]["origClientOrderId"], status="CANCELED")
    }
    seen, sent, venue = Seen(), Sent(), adapter(peer)
    venue.keep_home = lambda: "Trading was halted."
    async with running(venue, seen):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-1", REQUEST, sent)
        await venue.cancel("BTCUSDT", "id-1")
    _stays_home(failed.value, sent, peer)
    assert len(peer.calls("order.cancel")) == 1


async def test_what_must_stay_home_does_not_leave_over_rest_either(peer: Peer) -> None:
    sent, venue = Sent(), adapter(peer)
    venue.keep_home = lambda: "Trading was halted."
    with pytest.raises(VenueError) as failed:
        await venue.place("id-1", REQUEST, sent)
    await venue.close()
    _stays_home(failed.value, sent, peer)
