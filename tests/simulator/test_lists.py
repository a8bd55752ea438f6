"""Order lists through both doors: OCO, OTO, OTOCO; what they lock, what they start and end, what is told of
them."""

import json
from typing import Any

import pytest

from spark_tui.simulator.fixed import SCALE, parse
from tests.shared_data import shared
from tests.simulator.rig import Rig

OCO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "0.5",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "67003",
    "belowType": "STOP_LOSS_LIMIT",
    "belowPrice": "66990",
    "belowStopPrice": "66995",
    "belowTimeInForce": "GTC",
}
BUY_OCO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "0.1",
    "aboveType": "STOP_LOSS",
    "aboveStopPrice": "67005",
    "belowType": "LIMIT_MAKER",
    "belowPrice": "66000",
}
OTO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "66998.50",
    "workingQuantity": "0.1",
    "workingTimeInForce": "GTC",
    "pendingType": "LIMIT",
    "pendingSide": "SELL",
    "pendingPrice": "67100",
    "pendingQuantity": "0.05",
    "pendingTimeInForce": "GTC",
}
OTOCO: dict[str, Any] = {name: value for name, value in OTO.items() if name.startswith("working")} | {
    "symbol": "BTCUSDT",
    "pendingSide": "SELL",
    "pendingQuantity": "0.1",
    "pendingAboveType": "TAKE_PROFIT_LIMIT",
    "pendingAbovePrice": "67050",
    "pendingAboveStopPrice": "67040",
    "pendingAboveTimeInForce": "GTC",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "66900",
}
PLACED = {"orderList/oco": OCO, "orderList/oto": OTO, "orderList/otoco": OTOCO}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ladder()
    return rig


def placed(rig: Rig, kind: str, **params: Any) -> Any:
    """Place a list over the WebSocket API; AssertionError when it is refused."""
    reply = rig.ask(f"orderList.place.{kind}", **params)
    assert reply["status"] == 200, reply
    rig.check_books()
    return reply["result"]


def state(rig: Rig, order_id: int) -> tuple[str, str]:
    order = rig.ask("order.status", symbol="BTCUSDT", orderId=order_id)["result"]
    return order["status"], order.get("expiryReason", "NONE")


def states(rig: Rig, found: Any) -> list[tuple[str, str]]:
    return [state(rig, entry["orderId"]) for entry in found["orders"]]


def told(rig: Rig) -> list[tuple[str, ...]]:
    """Events in order, in short."""
    short: list[tuple[str, ...]] = []
    for event in rig.events():
        if event["e"] == "executionReport":
            short.append((event["o"], event["x"], event["X"]))
        elif event["e"] == "listStatus":
            short.append(("list", event["l"], event["L"]))
        else:
            short.append(("balances",))
    return short


@pytest.mark.parametrize(
    ("path", "sample"),
    [("orderList/oco", "oco"), ("orderList/oto", "oto"), ("orderList/otoco", "otoco"), ("order/oco", "oco")],
)
def test_the_answer_has_the_documented_fields_in_every_leg(rig: Rig, path: str, sample: str) -> None:
    wanted = json.loads(shared("protocols/samples/binance-spot", f"rest-orderList-{sample}.json").read_text())
    old = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "price": "67003", "stopPrice": "66995",
           "stopLimitPrice": "66990", "stopLimitTimeInForce": "GTC"}  # fmt: skip
    status, body, _ = rig.call("POST", path, **PLACED.get(path, old))
    assert status == 200, body
    assert set(body) == set(wanted)
    assert {name: body[name] for name in ("contingencyType", "listStatusType", "listOrderStatus")} == {
        name: wanted[name] for name in ("contingencyType", "listStatusType", "listOrderStatus")
    }
    for ours, theirs in zip(body["orderReports"], wanted["orderReports"], strict=True):
        assert set(ours) ^ set(theirs) <= {"stopPrice", "icebergQty"}  # those depend on the leg
        assert ours["status"] == theirs["status"]
        assert (ours["workingTime"] == -1) == (theirs["workingTime"] == -1)


def test_an_oco_locks_once_and_the_larger_need(rig: Rig) -> None:
    placed(rig, "oco", **OCO)
    assert rig.account.balance("BTC").locked == SCALE // 2
    placed(rig, "oco", **BUY_OCO)
    assert rig.account.balance("USDT").locked == 67_005 * SCALE // 10


def test_the_profit_leg_trades_and_the_stop_expires(rig: Rig) -> None:
    rig.follow()
    found = placed(rig, "oco", **OCO)
    assert told(rig) == [
        ("STOP_LOSS_LIMIT", "NEW", "NEW"),
        ("LIMIT_MAKER", "NEW", "NEW"),
        ("list", "EXEC_STARTED", "EXECUTING"),
        ("balances",),
    ]
    rig.hit("BUY", "67003", "0.4")  # 0.3 of it is the crowd's
    assert told(rig) == [
        ("STOP_LOSS_LIMIT", "EXPIRED", "EXPIRED"),
        ("LIMIT_MAKER", "TRADE", "PARTIALLY_FILLED"),
        ("list", "ALL_DONE", "ALL_DONE"),
        ("balances",),
    ]
    assert states(rig, found) == [("EXPIRED", "OCO_TRIGGER"), ("PARTIALLY_FILLED", "NONE")]
    rig.check_books()
    assert rig.ask("openOrderLists.status")["result"] == []


def test_a_list_status_has_the_documented_fields(rig: Rig) -> None:
    wanted = json.loads(shared("protocols/samples/binance-spot", "ws-listStatus.json").read_text())["event"]
    rig.follow()
    placed(rig, "oco", **OCO)
    told = next(event for event in rig.events() if event["e"] == "listStatus")
    assert set(told) == set(wanted)
    assert {name: told[name] for name in "clLr"} == {name: wanted[name] for name in "clLr"}
    assert [set(entry) for entry in told["O"]] == [set(entry) for entry in wanted["O"]]


def test_the_stop_triggers_and_the_profit_leg_expires(rig: Rig) -> None:
    found = placed(rig, "oco", **OCO)
    rig.follow()
    rig.hit("SELL", "66995", "0.45")  # trades down to the stop price
    assert told(rig) == [
        ("LIMIT_MAKER", "EXPIRED", "EXPIRED"),
        ("STOP_LOSS_LIMIT", "NEW", "NEW"),
        *[("STOP_LOSS_LIMIT", "TRADE", "PARTIALLY_FILLED")] * 5,
        ("STOP_LOSS_LIMIT", "TRADE", "FILLED"),
        ("list", "ALL_DONE", "ALL_DONE"),
        ("balances",),
    ]
    assert states(rig, found) == [("FILLED", "NONE"), ("EXPIRED", "OCO_TRIGGER")]
    rig.check_books()


def test_a_stop_buy_that_triggers_takes_over_the_lock_and_tops_it_up(rig: Rig) -> None:
    found = placed(rig, "oco", **BUY_OCO)
    rig.hit("BUY", "67005", "0.5")
    assert states(rig, found) == [("FILLED", "NONE"), ("EXPIRED", "OCO_TRIGGER")]
    assert rig.account.balance("USDT").locked == 0
    rig.check_books()


def test_canceling_a_leg_cancels_the_list(rig: Rig) -> None:
    found = placed(rig, "oco", **OCO)
    rig.follow()
    reply = rig.ask("order.cancel", symbol="BTCUSDT", orderId=found["orders"][1]["orderId"])
    assert reply["result"]["listOrderStatus"] == "ALL_DONE"
    assert [report["status"] for report in reply["result"]["orderReports"]] == ["CANCELED", "CANCELED"]
    assert told(rig) == [
        ("STOP_LOSS_LIMIT", "CANCELED", "CANCELED"),
        ("LIMIT_MAKER", "CANCELED", "CANCELED"),
        ("list", "ALL_DONE", "ALL_DONE"),
        ("balances",),
    ]
    assert rig.account.balance("BTC").locked == 0


def test_canceling_the_list_over_rest_answers_as_documented(rig: Rig) -> None:
    wanted = json.loads(shared("protocols/samples/binance-spot", "rest-orderList-delete.json").read_text())
    rig.call("POST", "orderList/oco", listClientOrderId="mine", **OCO)
    status, body, _ = rig.call("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="mine")
    assert (status, set(body)) == (200, set(wanted))
    assert [set(report) for report in body["orderReports"]] == [set(r) for r in wanted["orderReports"]]
    status, body, _ = rig.call("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="mine")
    assert (status, body["code"], body["msg"]) == (400, -2011, "Unknown order sent.")


def test_cancel_all_takes_lists_out_as_lists(rig: Rig) -> None:
    placed(rig, "oco", **OCO)
    rig.limit("BUY", "60000", "0.01")
    gone = rig.ask("openOrders.cancelAll", symbol="BTCUSDT")["result"]
    assert sorted("orderReports" in entry for entry in gone) == [False, True]
    assert rig.ask("openOrders.status", symbol="BTCUSDT")["result"] == []


def test_a_pending_order_begins_when_the_working_one_is_all_filled(rig: Rig) -> None:
    found = placed(rig, "oto", **OTO)
    assert states(rig, found) == [("NEW", "NONE"), ("PENDING_NEW", "NONE")]
    assert rig.account.balance("BTC").locked == 0  # a pending leg locks nothing
    rig.hit("SELL", "66998.50", "0.15")
    assert states(rig, found) == [("PARTIALLY_FILLED", "NONE"), ("PENDING_NEW", "NONE")]
    rig.follow()
    rig.hit("SELL", "66998.50", "0.05")
    assert told(rig) == [
        ("LIMIT", "TRADE", "FILLED"),
        ("LIMIT", "NEW", "NEW"),
        ("list", "ALL_DONE", "ALL_DONE"),
        ("balances",),
    ]
    assert rig.account.balance("BTC").locked == 5 * SCALE // 100
    rig.check_books()


def test_a_working_order_filled_at_once_still_answers_pending(rig: Rig) -> None:
    found = placed(rig, "oto", **(OTO | {"workingPrice": "67002"}))
    assert [report["status"] for report in found["orderReports"]] == ["FILLED", "PENDING_NEW"]
    assert found["listOrderStatus"] == "EXECUTING"
    assert states(rig, found) == [("FILLED", "NONE"), ("NEW", "NONE")]


def test_a_pending_market_order_trades_when_it_begins(rig: Rig) -> None:
    market = {
        name: value for name, value in OTO.items() if name not in ("pendingPrice", "pendingTimeInForce")
    }
    found = placed(rig, "oto", **(market | {"pendingType": "MARKET", "workingPrice": "67002"}))
    assert states(rig, found) == [("FILLED", "NONE"), ("FILLED", "NONE")]


def test_a_working_order_that_expires_takes_the_pending_ones_with_it(rig: Rig) -> None:
    found = placed(rig, "otoco", **(OTOCO | {"workingTimeInForce": "IOC"}))
    assert states(rig, found) == [
        ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
    ]
    assert (
        rig.ask("orderList.status", orderListId=found["orderListId"])["result"]["listOrderStatus"]
        == "ALL_DONE"
    )


def test_a_working_order_filled_in_part_begins_nothing(rig: Rig) -> None:
    change = {"workingPrice": "67001", "workingQuantity": "0.3", "workingTimeInForce": "IOC"}
    found = placed(rig, "oto", **(OTO | change))
    assert found["orderReports"][0]["executedQty"] == "0.10000000"
    assert states(rig, found) == [
        ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
    ]


def test_canceling_a_pending_leg_cancels_everything(rig: Rig) -> None:
    found = placed(rig, "otoco", **OTOCO)
    rig.ask("order.cancel", symbol="BTCUSDT", orderId=found["orders"][2]["orderId"])
    assert states(rig, found) == [("CANCELED", "NONE")] * 3
    assert rig.account.balance("USDT").locked == 0


def test_an_otoco_goes_through_all_its_life(rig: Rig) -> None:
    found = placed(rig, "otoco", **OTOCO)
    rig.hit("SELL", "66998.50", "0.2")
    assert states(rig, found) == [("FILLED", "NONE"), ("NEW", "NONE"), ("NEW", "NONE")]
    assert rig.account.balance("BTC").locked == SCALE // 10  # once, though two legs could sell it
    for step in range(11, 55):
        rig.quote("SELL", str(67_000 + step), "0.01")
    rig.hit("BUY", "67040", "5")
    assert states(rig, found) == [("FILLED", "NONE"), ("EXPIRED", "OCO_TRIGGER"), ("NEW", "NONE")]
    rig.hit("BUY", "67050", "5")
    assert states(rig, found)[2] == ("FILLED", "NONE")
    rig.check_books()


def test_a_pending_leg_that_may_not_begin_is_refused_then(rig: Rig) -> None:
    found = placed(rig, "oto", **(OTO | {"pendingQuantity": "50"}))  # more than the account will have
    rig.follow()
    rig.hit("SELL", "66998.50", "0.2")
    assert states(rig, found)[1] == ("EXPIRED", "REJECTED")
    refused = [event for event in rig.events() if event.get("X") == "EXPIRED"]
    assert (refused[0]["r"], refused[0]["eR"]) == ("INSUFFICIENT_BALANCES", "REJECTED")
    rig.check_books()


def test_a_pending_stop_already_passed_when_it_would_begin(rig: Rig) -> None:
    found = placed(rig, "otoco", **(OTOCO | {"pendingBelowStopPrice": "66999"}))
    rig.hit("SELL", "66998.50", "0.2")
    assert states(rig, found)[1:] == [("EXPIRED", "REJECTED"), ("EXPIRED", "OCO_TRIGGER")]


def test_lists_are_found_again(rig: Rig) -> None:
    lists = []
    for number in range(3):
        lists.append(placed(rig, "oco", listClientOrderId=f"l{number}", **(OCO | {"quantity": "0.1"})))
        rig.pass_ms(1_000)
    rig.ask("orderList.cancel", symbol="BTCUSDT", listClientOrderId="l0")
    assert [entry["listClientOrderId"] for entry in rig.call("GET", "openOrderList")[1]] == ["l1", "l2"]
    everything = rig.call("GET", "allOrderList")[1]
    assert [entry["listClientOrderId"] for entry in everything] == ["l0", "l1", "l2"]
    wanted = json.loads(shared("protocols/samples/binance-spot", "rest-allOrderList.json").read_text())
    assert set(everything[0]) == set(wanted[0])
    after = rig.call("GET", "allOrderList", fromId=lists[1]["orderListId"], limit=1)[1]
    assert [entry["orderListId"] for entry in after] == [lists[1]["orderListId"]]
    status, body, _ = rig.call("GET", "orderList", orderListId=99)
    assert (status, body["code"]) == (400, -2013)
    status, body, _ = rig.call("GET", "orderList")
    assert (status, body["code"]) == (400, -1102)


def test_legs_are_marked_wherever_they_are_shown(rig: Rig) -> None:
    found = placed(rig, "oco", **OCO)
    rig.follow()
    rig.hit("BUY", "67003", "0.4")
    list_id = found["orderListId"]
    assert {event["g"] for event in rig.events() if "g" in event} == {list_id}
    assert rig.ask("myTrades", symbol="BTCUSDT")["result"][0]["orderListId"] == list_id
    orders = rig.ask("allOrders", symbol="BTCUSDT")["result"]
    assert {order["orderListId"] for order in orders} == {list_id}


def test_acks_are_short_and_full_answers_carry_fills(rig: Rig) -> None:
    short = placed(rig, "oco", newOrderRespType="ACK", **(OCO | {"quantity": "0.1"}))
    assert "status" not in short["orderReports"][0]
    full = placed(rig, "oto", newOrderRespType="FULL", **(OTO | {"workingPrice": "67001"}))
    assert [fill["qty"] for fill in full["orderReports"][0]["fills"]] == ["0.10000000"]
    assert full["orderReports"][1]["fills"] == []
    assert parse(full["orderReports"][0]["executedQty"]) == SCALE // 10
