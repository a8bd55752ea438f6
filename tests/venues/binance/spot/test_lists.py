"""Order lists through the adapter: all legs or none, their list known by its own name."""

import asyncio
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.venues.port import ListLeg, OrderReport, OrderStatus, Reaction, VenueError
from tests.shared_data import shared
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import Json, Peer, ok, order, refused, rest_refused

OCO = ("POST", "/api/v3/orderList/oco")


def leg(role: LegRole, client_order_id: str, kind: OrderType, **fields: Any) -> ListLeg:
    given = {"venue": "binance-spot", "symbol": "BTCUSDT", "side": Side.SELL, "quantity": D("0.01")} | fields
    return ListLeg(role=role, client_order_id=client_order_id, request=OrderRequest(type=kind, **given))


LEGS = (
    leg(LegRole.ABOVE, "up", OrderType.LIMIT_MAKER, price=D(70000)),
    leg(LegRole.BELOW, "down", OrderType.STOP_LOSS, stop_price=D(50000)),
)


def oco(*legs: str, **changes: Any) -> Json:
    reports = [
        order(name, orderId=30 + n, orderListId=5, side="SELL", type="LIMIT_MAKER")
        for n, name in enumerate(legs)
    ]
    return {
        "orderListId": 5,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": "list-1",
        "transactionTime": 1,
        "symbol": "BTCUSDT",
        "orders": [{name: r[name] for name in ("symbol", "orderId", "clientOrderId")} for r in reports],
        "orderReports": reports,
    } | changes


def canceled(*legs: str) -> Json:
    reports = [order("the-cancel", origClientOrderId=name, orderListId=5, status="CANCELED") for name in legs]
    return oco(*legs) | {"orderReports": reports, "listOrderStatus": "ALL_DONE"}


def execution(client_order_id: str, **changes: Any) -> Json:
    path = shared("protocols", "samples", "binance-spot", "ws-executionReport-new.json")
    event: Json = msgspec.json.decode(path.read_bytes())["event"]
    return event | {"s": "BTCUSDT", "c": client_order_id} | changes


async def test_a_list_is_one_call_and_its_legs_carry_its_name(peer: Peer) -> None:
    peer.api["orderList.place.oco"] = lambda r: {"result": oco("up", "down")}
    seen, told, venue = Seen(), [], adapter(peer)
    async with running(venue, seen):
        reports = await venue.place_list("list-1", ListKind.OCO, LEGS, lambda: told.append("sent"))
        assert [(r.client_order_id, r.list_id) for r in reports] == [("up", "list-1"), ("down", "list-1")]
        await peer.emit(execution("up", g=5))
        await seen.until(lambda: len(seen.user) == 2)
        peer.api["order.status"] = lambda r: {"result": order("down", orderListId=5)}
        found = await venue.query("BTCUSDT", "down")
    assert isinstance(seen.user[1], OrderReport)
    assert seen.user[1].list_id == "list-1"
    assert found is not None
    assert found.list_id == "list-1"
    assert told == ["sent"]
    (call,) = peer.calls("orderList.place.oco")
    assert (call["params"]["listClientOrderId"], call["params"]["aboveClientOrderId"]) == ("list-1", "up")


@pytest.mark.parametrize(
    ("kind", "method", "path", "roles"),
    [
        (
            ListKind.OTO,
            "orderList.place.oto",
            "/api/v3/orderList/oto",
            (LegRole.WORKING, LegRole.PENDING),
        ),
        (
            ListKind.OTOCO,
            "orderList.place.otoco",
            "/api/v3/orderList/otoco",
            (LegRole.WORKING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW),
        ),
    ],
)
async def test_every_kind_has_its_call_on_both_faces(
    peer: Peer, kind: ListKind, method: str, path: str, roles: tuple[LegRole, ...]
) -> None:
    legs = tuple(leg(role, role.value, OrderType.LIMIT, price=D(60000)) for role in roles)
    answer = oco(*(role.value for role in roles))
    for report in answer["orderReports"][1:]:
        report["status"] = "PENDING_NEW"
    peer.api[method] = lambda r: {"result": answer}
    peer.rest["POST", path] = lambda q: ok(answer)
    venue = adapter(peer)
    over_rest = await venue.place_list("list-1", kind, legs, lambda: None)
    async with running(venue, Seen()):
        over_ws = await venue.place_list("list-1", kind, legs, lambda: None)
    assert over_rest == over_ws
    assert [r.status for r in over_ws] == [OrderStatus.NEW, *[OrderStatus.PENDING_NEW] * (len(roles) - 1)]
    assert (len(peer.calls(method)), len(peer.rest_calls("POST", path))) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "reaction"),
    [
        (refused(-1165, "Param 'aboveType' is not valid."), Reaction.DEFINITE_REJECT),
        (refused(-2010, "The relationship of the prices is not correct."), Reaction.DEFINITE_REJECT),
        (refused(-1007, "Timeout waiting for response.", 504), Reaction.UNKNOWN),
        ({"result": oco("up")}, Reaction.UNKNOWN),  # a leg is missing
        ({"result": oco("up", "stranger")}, Reaction.UNKNOWN),
        ({"result": oco("up", "down", orderReports=[])}, Reaction.UNKNOWN),
        ({"result": {"orderListId": 5}}, Reaction.UNKNOWN),
        (None, Reaction.UNKNOWN),
    ],
)
async def test_answers_and_what_they_mean(peer: Peer, answer: Json | None, reaction: Reaction) -> None:
    peer.api["orderList.place.oco"] = lambda r: answer
    told: list[str] = []
    venue = adapter(peer, reply_timeout_s=0.2)
    async with running(venue, Seen()):
        with pytest.raises(VenueError) as failed:
            await venue.place_list("list-1", ListKind.OCO, LEGS, lambda: told.append("sent"))
    assert (failed.value.reaction, told) == (reaction, ["sent"])
    assert len(peer.calls("orderList.place.oco")) == 1
    assert peer.rest_calls(*OCO) == []  # it may have left: never over the other way too


async def test_a_connection_lost_after_the_send_leaves_the_list_unknown(peer: Peer) -> None:
    venue = adapter(peer)
    async with running(venue, Seen()):
        placing = asyncio.create_task(venue.place_list("list-1", ListKind.OCO, LEGS, lambda: None))
        await peer.until(lambda: bool(peer.calls("orderList.place.oco")))
        peer.api_sockets[-1]._req.transport.abort()  # type: ignore[union-attr]  # no goodbye
        with pytest.raises(VenueError) as failed:
            await placing
    assert failed.value.reaction is Reaction.UNKNOWN
    assert peer.rest_calls(*OCO) == []


async def test_a_list_that_cannot_be_said_does_not_leave(peer: Peer) -> None:
    told: list[str] = []
    venue = adapter(peer)
    with pytest.raises(VenueError, match="one leg each"):
        await venue.place_list("list-1", ListKind.OCO, LEGS[:1], lambda: told.append("sent"))
    await venue.close()
    assert (peer.asked, told) == ([], [])


async def test_a_canceled_list(peer: Peer) -> None:
    peer.api["orderList.cancel"] = lambda r: {"result": canceled("up", "down")}
    peer.rest["DELETE", "/api/v3/orderList"] = lambda q: rest_refused(-2011, "Unknown order list sent.")
    venue = adapter(peer)
    with pytest.raises(VenueError, match="the cancel was refused") as failed:
        await venue.cancel_list("BTCUSDT", "list-1")
    assert failed.value.reaction is Reaction.DEFINITE_REJECT
    async with running(venue, Seen()):
        reports = await venue.cancel_list("BTCUSDT", "list-1")
    assert [(r.client_order_id, r.status, r.list_id) for r in reports] == [
        ("up", OrderStatus.CANCELED, "list-1"),
        ("down", OrderStatus.CANCELED, "list-1"),
    ]
    (call,) = peer.calls("orderList.cancel")
    assert (call["params"]["symbol"], call["params"]["listClientOrderId"]) == ("BTCUSDT", "list-1")


async def test_a_canceled_leg_is_reported_out_of_its_list(peer: Peer) -> None:
    peer.api["order.cancel"] = lambda r: {"result": canceled("up", "down")}
    venue = adapter(peer)
    async with running(venue, Seen()):
        report = await venue.cancel("BTCUSDT", "down")
        assert (report.client_order_id, report.status, report.list_id) == ("down", "CANCELED", "list-1")
        with pytest.raises(VenueError, match="another order") as failed:
            await venue.cancel("BTCUSDT", "sideways")
    assert failed.value.reaction is Reaction.UNKNOWN


# --- lists we did not place, or placed before a restart ----------------------------------------------


async def test_an_unknown_list_is_learnt_from_its_event(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    status = {"e": "listStatus", "E": 1, "s": "BTCUSDT", "g": 5, "c": "OCO", "l": "EXEC_STARTED"}
    status |= {"L": "EXECUTING", "r": "NONE", "C": "list-1", "T": 1, "O": []}
    async with running(venue, seen):
        await peer.emit(execution("up", g=5))
        await peer.emit(status)
        await peer.emit(status | {"g": -1, "C": "", "L": "REJECT"})
        await peer.emit(execution("up", g=5))
        await peer.emit(execution("alone", g=-1))
        await seen.until(lambda: len(seen.user) == 4)
    assert [event.list_id for event in seen.user[1:] if isinstance(event, OrderReport)] == ["", "list-1", ""]


async def test_open_orders_of_unknown_lists_ask_for_the_lists_once(peer: Peer) -> None:
    rows = [order("up", orderListId=5), order("alone")]
    peer.rest["GET", "/api/v3/openOrders"] = lambda q: ok(rows)
    peer.rest["GET", "/api/v3/openOrderList"] = lambda q: ok([oco("up", "down")])
    venue = adapter(peer)
    for _ in range(2):
        assert [r.list_id for r in await venue.open_orders("BTCUSDT")] == ["list-1", ""]
    assert len(peer.rest_calls("GET", "/api/v3/openOrderList")) == 1
    await venue.close()


async def test_open_orders_are_told_even_when_their_lists_are_not(peer: Peer) -> None:
    peer.rest["GET", "/api/v3/openOrders"] = lambda q: ok([order("up", orderListId=5)])
    peer.rest["GET", "/api/v3/openOrderList"] = lambda q: rest_refused(-1100, "No.")
    venue = adapter(peer)
    (report,) = await venue.open_orders()
    assert (report.client_order_id, report.list_id) == ("up", "")
    await venue.close()
