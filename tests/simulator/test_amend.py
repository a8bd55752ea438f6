"""Amend keep priority: smaller in place, told as REPLACED, refused with -2038."""

import json
from typing import Any

import pytest

from spark_tui.simulator.fixed import SCALE
from tests.shared_data import shared
from tests.simulator.rig import Rig
from tests.simulator.test_lists import OCO, OTO, placed

AMEND = "order.amend.keepPriority"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ladder()
    return rig


def amend(rig: Rig, order: Any, quantity: str, **more: Any) -> Any:
    """The answer to an amendment; AssertionError when it is refused."""
    status, body, headers = rig.call(
        "PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=order["orderId"], newQty=quantity, **more
    )
    assert status == 200, body
    assert "X-MBX-ORDER-COUNT-10S" not in headers
    rig.check_books()
    return body


def refusal(rig: Rig, order_id: int, quantity: str, **more: Any) -> tuple[int, str]:
    before = rig.ask("order.status", symbol="BTCUSDT", orderId=order_id).get("result")
    reply = rig.ask(AMEND, symbol="BTCUSDT", orderId=order_id, newQty=quantity, **more)
    assert reply["status"] == 400, reply
    assert rig.ask("order.status", symbol="BTCUSDT", orderId=order_id).get("result") == before
    rig.check_books()
    return reply["error"]["code"], reply["error"]["msg"]


def test_it_answers_and_tells_as_documented(rig: Rig) -> None:
    order = rig.limit("BUY", "66000", "0.5", newClientOrderId="first")
    rig.follow()
    body = amend(rig, order, "0.4", newClientOrderId="second")
    wanted = json.loads(
        shared("protocols/samples/binance-spot", "rest-order-amend-keepPriority.json").read_text()
    )
    assert set(body) == set(wanted)
    assert set(body["amendedOrder"]) == set(wanted["amendedOrder"])
    assert (body["amendedOrder"]["qty"], body["amendedOrder"]["status"]) == ("0.40000000", "NEW")
    report, balances = rig.events()
    assert (report["x"], report["X"], report["c"], report["C"], report["q"]) == (
        "REPLACED",
        "NEW",
        "second",
        "first",
        "0.40000000",
    )
    assert report["I"] == body["executionId"]
    sample = json.loads(
        shared("protocols/samples/binance-spot", "ws-executionReport-replaced-constructed.json").read_text()
    )
    assert set(report) == set(sample["event"])
    locked = {entry["a"]: entry["l"] for entry in balances["B"]}
    assert locked["USDT"] == "26400.00000000"  # a fifth of the lock came back


def test_it_goes_by_its_new_name(rig: Rig) -> None:
    order = rig.limit("BUY", "66000", "0.5", newClientOrderId="first")
    amend(rig, order, "0.4", newClientOrderId="second")
    amend(rig, order, "0.3", newClientOrderId="second")  # the current name may be kept
    anonymous = amend(rig, order, "0.2")["amendedOrder"]["clientOrderId"]
    assert anonymous not in ("first", "second")
    found = rig.ask("order.status", symbol="BTCUSDT", origClientOrderId=anonymous)["result"]
    assert (found["orderId"], found["origQty"]) == (order["orderId"], "0.20000000")
    for gone in ("first", "second"):
        assert rig.ask("order.status", symbol="BTCUSDT", origClientOrderId=gone)["error"]["code"] == -2013
    rows = rig.call("GET", "order/amendments", symbol="BTCUSDT", orderId=order["orderId"])[1]
    assert [(row["origQty"][:3], row["newQty"][:3], row["newClientOrderId"]) for row in rows] == [
        ("0.5", "0.4", "second"),
        ("0.4", "0.3", "second"),
        ("0.3", "0.2", anonymous),
    ]
    wanted = json.loads(shared("protocols/samples/binance-spot", "rest-order-amendments.json").read_text())
    assert set(rows[0]) == set(wanted[0])
    later = rig.call(
        "GET", "order/amendments", symbol="BTCUSDT", orderId=order["orderId"],
        fromExecutionId=rows[1]["executionId"], limit=1,
    )[1]  # fmt: skip
    assert later == rows[1:2]


def test_it_keeps_its_place_in_the_queue(rig: Rig) -> None:
    order = rig.limit("SELL", "67000.50", "0.5")
    rig.quote("SELL", "67000.50", "1")
    amend(rig, order, "0.3")
    rig.hit("BUY", "67000.50", "0.3")
    assert rig.ask("order.status", symbol="BTCUSDT", orderId=order["orderId"])["result"]["status"] == "FILLED"
    assert rig.account.balance("BTC").locked == 0


def test_a_partly_filled_order_keeps_what_it_filled(rig: Rig) -> None:
    order = rig.limit("SELL", "67000.50", "0.5")
    rig.hit("BUY", "67000.50", "0.2")
    body = amend(rig, order, "0.3")["amendedOrder"]
    assert (body["status"], body["executedQty"], body["qty"]) == (
        "PARTIALLY_FILLED",
        "0.20000000",
        "0.30000000",
    )
    assert rig.account.balance("BTC").locked == SCALE // 10
    rig.hit("BUY", "67000.50", "0.5")
    assert rig.ask("order.status", symbol="BTCUSDT", orderId=order["orderId"])["result"]["status"] == "FILLED"


def test_refusals(rig: Rig) -> None:
    order = rig.limit("SELL", "67000.50", "0.5", newClientOrderId="mine")["orderId"]
    other = rig.limit("SELL", "68000", "0.1", newClientOrderId="other")["orderId"]
    assert refusal(rig, order, "0.5") == (-2038, "The requested action would change no state; rejecting")
    assert refusal(rig, order, "0.6") == (-2038, "Order amend (quantity increase) is not supported.")
    assert refusal(rig, order, "0.000001") == (-1013, "Filter failure: LOT_SIZE")
    assert refusal(rig, order, "0.00001") == (-1013, "Filter failure: NOTIONAL")
    assert refusal(rig, order, "0.4", newClientOrderId="other") == (-2038, "Duplicate order sent.")
    assert refusal(rig, 77, "0.4") == (-2038, "Unknown order sent.")
    rig.hit("BUY", "67000.50", "0.2")
    assert refusal(rig, order, "0.2")[0] == -2038
    rig.exchange.market("BTCUSDT").symbol.set_status("HALT")
    assert refusal(rig, other, "0.05") == (-2038, "Market is closed.")
    rig.exchange.market("BTCUSDT").symbol.set_status("CANCEL_ONLY")
    amend(rig, {"orderId": other}, "0.05")
    rig.exchange.market("BTCUSDT").symbol.info["amendAllowed"] = False
    assert refusal(rig, other, "0.04") == (-2038, "Order amend is not supported for this symbol.")


def test_ten_amendments_and_no_more(rig: Rig) -> None:
    order = rig.limit("SELL", "68000", "0.5")
    for number in range(10):
        amend(rig, order, f"0.{49 - number}")
    assert refusal(rig, order["orderId"], "0.1") == (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


def test_both_halves_of_an_oco_shrink(rig: Rig) -> None:
    found = placed(rig, "oco", **OCO)
    rig.follow()
    legs = found["orderReports"]
    body = amend(rig, legs[1], "0.3", newClientOrderId="renamed")
    assert [entry["clientOrderId"] for entry in body["listStatus"]["orders"]] == [
        legs[0]["clientOrderId"],
        "renamed",
    ]
    assert rig.account.balance("BTC").locked == 3 * SCALE // 10
    events = rig.events()
    assert [(e.get("x"), e.get("q")) for e in events[:2]] == [("REPLACED", "0.30000000")] * 2
    assert (events[2]["e"], events[2]["l"], events[2]["L"]) == ("listStatus", "UPDATED", "EXECUTING")
    wanted = json.loads(
        shared("protocols/samples/binance-spot", "rest-order-amend-keepPriority-in-list.json").read_text()
    )
    assert set(body["listStatus"]) == set(wanted["listStatus"])


def test_a_pending_order_shrinks_alone(rig: Rig) -> None:
    found = placed(rig, "oto", **OTO)
    working, pending = found["orderReports"]
    rig.follow()
    body = amend(rig, pending, "0.02", newClientOrderId=pending["clientOrderId"])
    assert body["amendedOrder"]["status"] == "PENDING_NEW"
    assert [event["e"] for event in rig.events()] == ["executionReport", "outboundAccountPosition"]
    assert (
        rig.ask("order.status", symbol="BTCUSDT", orderId=working["orderId"])["result"]["origQty"]
        == "0.10000000"
    )
    rig.hit("SELL", "66998.50", "0.2")
    assert rig.account.balance("BTC").locked == 2 * SCALE // 100
