"""Shapes, weights, limits, sessions: what both faces say in good times and when there is too much."""

import json
from typing import Any

import pytest

from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.limits import Limits
from tests.shared_data import shared
from tests.simulator.rig import ADDRESS, START_MS, FakeConnection, Rig


def sample(name: str) -> Any:
    return json.loads(
        shared("protocols", "samples", "binance-spot", f"{name}.json").read_text(encoding="utf-8")
    )


def kinds(value: Any) -> Any:
    """A payload's shape: names and JSON types, the first element of lists."""
    if isinstance(value, dict):
        return {name: kinds(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


def covers(got: Any, wanted: Any, path: str = "") -> None:
    """Every name of the sample is there, with the same JSON type."""
    if isinstance(wanted, dict):
        for name, entry in wanted.items():
            assert name in got, f"{path}.{name} is missing"
            covers(got[name], entry, f"{path}.{name}")
    elif isinstance(wanted, list) and not (wanted and got):
        assert isinstance(got, list), path
    elif isinstance(wanted, list):
        covers(got[0], wanted[0], f"{path}[0]")
    else:
        assert kinds(got) == kinds(wanted), path


def traded_rig() -> Rig:
    rig = Rig(seed=2)
    rig.place(side="BUY", type="MARKET", quantity="0.01")
    rig.limit("BUY", "60000", "0.001", newClientOrderId="rests")
    return rig


@pytest.mark.parametrize(
    ("path", "params", "name"),
    [
        ("ping", {}, "rest-ping"),
        ("time", {}, "rest-time"),
        ("exchangeInfo", {"symbol": "BTCUSDT"}, "rest-exchangeInfo-docs"),
        ("depth", {"symbol": "BTCUSDT"}, "rest-depth"),
        ("trades", {"symbol": "BTCUSDT"}, "rest-trades"),
        ("historicalTrades", {"symbol": "BTCUSDT"}, "rest-historicalTrades"),
        ("aggTrades", {"symbol": "BTCUSDT"}, "rest-aggTrades"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, "rest-klines"),
        ("uiKlines", {"symbol": "BTCUSDT", "interval": "1h"}, "rest-klines"),
        ("avgPrice", {"symbol": "BTCUSDT"}, "rest-avgPrice"),
        ("ticker/24hr", {"symbol": "BTCUSDT"}, "rest-ticker-24hr-full"),
        ("ticker/24hr", {"symbol": "BTCUSDT", "type": "MINI"}, "rest-ticker-24hr-mini"),
        ("ticker/24hr", {"type": "MINI"}, "rest-ticker-24hr-mini-array"),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "2h"}, "rest-ticker-rolling"),
        ("ticker/tradingDay", {"symbol": "BTCUSDT"}, "rest-ticker-tradingDay"),
        ("ticker/price", {"symbol": "BTCUSDT"}, "rest-ticker-price"),
        ("ticker/price", {}, "rest-ticker-price-array"),
        ("ticker/bookTicker", {"symbol": "BTCUSDT"}, "rest-ticker-bookTicker"),
        ("ticker/bookTicker", {"symbols": '["BTCUSDT","BTCTRY"]'}, "rest-ticker-bookTicker-array"),
    ],
)
def test_public_answers_have_the_documented_shape(path: str, params: dict[str, str], name: str) -> None:
    status, body, _ = PUBLIC_RIG.call("GET", path, sign=False, **params)
    assert status == 200
    wanted = sample(name)
    if name == "rest-exchangeInfo-docs":
        wanted = {key: value for key, value in wanted.items() if key not in ("sors", "symbols")}
        covers(body["symbols"], [sample("rest-exchangeInfo")["symbols"][0] | {"filters": []}])
    covers(body, wanted)


PUBLIC_RIG = Rig(seed=2)


def test_account_answers_have_the_documented_shape() -> None:
    rig = traded_rig()
    cases: list[tuple[str, str, dict[str, Any], str]] = [
        ("GET", "account", {}, "rest-account"),
        ("GET", "account/commission", {"symbol": "BTCUSDT"}, "rest-account-commission"),
        ("GET", "rateLimit/order", {}, "rest-rateLimit-order"),
        ("GET", "openOrders", {"symbol": "BTCUSDT"}, "rest-openOrders-get"),
        ("GET", "allOrders", {"symbol": "BTCUSDT"}, "rest-allOrders"),
        ("GET", "order", {"symbol": "BTCUSDT", "origClientOrderId": "rests"}, "rest-order-get"),
        ("GET", "myTrades", {"symbol": "BTCUSDT"}, "rest-myTrades"),
        ("DELETE", "order", {"symbol": "BTCUSDT", "origClientOrderId": "rests"}, "rest-order-delete"),
    ]
    for method, path, params, name in cases:
        status, body, _ = rig.call(method, path, **params)
        assert status == 200, (path, body)
        covers(body, sample(name))
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"}
    for response, name in (("ACK", "ack"), ("RESULT", "result"), ("FULL", "full")):
        _, body, _ = rig.call("POST", "order", **order, newOrderRespType=response)
        covers(body, sample(f"rest-order-post-{name}"))
    assert rig.call("POST", "order/test", **order)[1] == {}
    covers(
        rig.call("POST", "order/test", **order, computeCommissionRates="true")[1],
        sample("rest-order-test-commissions"),
    )


def test_events_have_the_documented_shape() -> None:
    rig = Rig()
    rig.ladder()
    rig.follow()
    rig.place(side="BUY", type="MARKET", quantity="0.15")
    new, trade, _, position = rig.events()
    covers(new, sample("ws-executionReport-market-1-new")["event"])
    covers(trade, sample("ws-executionReport-market-2-trade")["event"])
    covers(position, sample("ws-outboundAccountPosition")["event"])
    rig.limit("BUY", "60000", "0.001", newClientOrderId="mine")
    rig.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="stop")
    canceled = rig.events()[-2]
    covers(canceled, sample("ws-executionReport-canceled-constructed")["event"])
    assert (canceled["c"], canceled["C"], canceled["x"]) == ("stop", "mine", "CANCELED")
    rig.limit("BUY", "60000", "0.001", timeInForce="IOC")
    expired = rig.events()[-2]
    covers(expired, sample("ws-executionReport-expired-ioc-constructed")["event"])
    assert expired["eR"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    rig.limit("SELL", "67000.5", "0.002")
    rig.limit("BUY", "67000.5", "0.002")
    prevented = next(event for event in rig.events() if event.get("x") == "TRADE_PREVENTION")
    wanted = sample("ws-executionReport-trade-prevention-constructed")["event"]
    del wanted["u"]  # only accounts of a trade group have one
    covers(prevented, wanted)


def test_weights_are_charged_and_given_back_to_orders_that_succeed() -> None:
    rig = Rig()
    rig.ladder()
    used = "X-MBX-USED-WEIGHT-1M"
    assert rig.call("GET", "depth", sign=False, symbol="BTCUSDT")[2][used] == "5"
    assert rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5_000)[2][used] == "255"
    assert rig.call("GET", "ticker/24hr", sign=False)[2][used] == "335"
    assert rig.call("GET", "openOrders")[2][used] == "415"
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    _, _, headers = rig.call("POST", "order", **order, price="60000")
    assert (headers[used], headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == (
        "415",
        "1",
        "1",
    )
    status, _, headers = rig.call("POST", "order", **order, price="0.001")
    assert (status, headers[used]) == (400, "416")
    rig.pass_ms(60_000)
    assert rig.call("GET", "ping", sign=False)[2][used] == "1"


def test_windows_follow_the_clock() -> None:
    limits = Limits()
    limits.charge("a", 100, 59_999)
    assert limits.weight.used("a", 59_999) == 100
    assert limits.weight.used("a", 60_000) == 0
    assert limits.weight.wait_s(59_001) == 1
    assert limits.weight.wait_s(0) == 60


def test_429_then_418_then_a_longer_ban() -> None:
    rig = Rig()
    for _ in range(24):
        assert rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5_000)[0] == 200
    status, body, headers = rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5_000)
    assert (status, body["code"]) == (429, -1003)
    assert 1 <= int(headers["Retry-After"]) <= 60
    reply = rig.ask("depth", sign=False, symbol="BTCUSDT")
    assert reply["error"]["data"]["retryAfter"] == rig.now_ms + int(headers["Retry-After"]) * 1_000
    for _ in range(20):
        status, body, headers = rig.call("GET", "ping", sign=False)
    assert (status, headers["Retry-After"]) == (418, "120")
    assert f"banned until {rig.now_ms + 120_000}" in body["msg"]
    with pytest.raises(ApiError):
        rig.simulation.limits.connect(ADDRESS, rig.now_ms)
    rig.pass_ms(120_001)
    assert rig.call("GET", "ping", sign=False)[0] == 200


def test_the_order_count_refuses_and_a_fill_gives_back() -> None:
    rig = Rig()
    rig.ladder()
    for _ in range(100):
        rig.limit("BUY", "60000", "0.0001")
    reply = rig.ask("order.place", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")
    assert (reply["status"], reply["error"]["code"]) == (429, -1015)
    assert reply["error"]["msg"] == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert rig.ask("openOrders.cancelAll", symbol="BTCUSDT")["status"] == 200
    rig.pass_ms(10_000)
    rig.place(side="BUY", type="MARKET", quantity="0.001")
    counts = [entry["count"] for entry in rig.ask("account.rateLimits.orders")["result"]]
    assert counts == [0, 100]


def test_connections_are_counted() -> None:
    limits = Limits()
    for _ in range(300):
        limits.connect("a", START_MS)
    with pytest.raises(ApiError) as caught:
        limits.connect("a", START_MS)
    assert caught.value.status == 429
    limits.connect("b", START_MS)


def test_rate_limits_in_websocket_replies_unless_not_wanted() -> None:
    rig = Rig()
    rig.ladder()
    session = rig.open_session(FakeConnection(), show_limits=True)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "60000"}
    reply = rig.ask("order.place", session=session, quantity="0.001", **order)
    covers(reply, sample("wsapi-order-place-response-full") | {"id": 1, "result": {}})
    assert [entry["rateLimitType"] for entry in reply["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert [e["count"] for e in rig.ask("ping", sign=False, session=session)["rateLimits"]] == [1]
    assert "rateLimits" not in rig.ask("ping", sign=False, session=session, returnRateLimits=False)
    # the parameter is part of what is signed
    assert rig.ask("account.status", session=session, returnRateLimits="false")["status"] == 200


def test_malformed_websocket_requests() -> None:
    rig = Rig()
    for frame, code in (
        (b"{", -1135),
        (b"[]", -1135),
        (b'{"id":1}', -1102),
        (b'{"id":1,"method":"order.fly"}', -1020),
        (b'{"id":1.5,"method":"ping"}', -1100),
        (b'{"id":1,"method":"ping","params":[1]}', -1135),
    ):
        assert json.loads(rig.session.handle(frame))["error"]["code"] == code, frame
    assert json.loads(rig.session.handle(b'{"id":"a-b","method":"v3/ping"}')) == {
        "id": "a-b",
        "status": 200,
        "result": {},
    }


def test_user_data_subscriptions() -> None:
    rig = Rig()
    rig.ladder()
    assert rig.ask("userDataStream.unsubscribe", sign=False)["error"]["code"] == -2036
    assert rig.ask("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    assert rig.ask("userDataStream.subscribe.signature")["error"]["code"] == -2035
    assert rig.ask("session.subscriptions", sign=False)["result"] == [{"subscriptionId": 0}]
    other = FakeConnection()
    session = rig.open_session(other)
    assert rig.ask("userDataStream.subscribe.signature", session=session)["result"] == {"subscriptionId": 0}
    rig.limit("BUY", "60000", "0.001")
    assert rig.user.take() == other.take() != []
    assert rig.ask("userDataStream.unsubscribe", sign=False, subscriptionId=0)["result"] == {}
    assert [frame["event"]["e"] for frame in rig.user.take()] == ["eventStreamTerminated"]
    rig.limit("BUY", "60000", "0.001")
    assert rig.user.take() == []
    assert rig.ask("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}
    session.close()
    rig.limit("BUY", "60000", "0.001")
    assert len(other.take()) == 2


def test_cancel_replace_outcomes() -> None:
    rig = Rig()
    rig.ladder()
    first = rig.limit("BUY", "60000", "0.001")
    new = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001"}

    def replace(mode: str, order_id: int, price: str) -> tuple[int, Any]:
        params = new | {"cancelReplaceMode": mode, "cancelOrderId": order_id, "price": price}
        status, body, _ = rig.call("POST", "order/cancelReplace", **params)
        return status, body

    status, body = replace("STOP_ON_FAILURE", first["orderId"], "61000")
    covers(body, sample("rest-cancelReplace-success-200") | {"newOrderResponse": {}})
    status, body = replace("STOP_ON_FAILURE", 5, "61000")
    assert (status, body["code"], body["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert body["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}
    status, body = replace("ALLOW_FAILURE", 5, "61000")
    assert (status, body["code"]) == (409, -2021)
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("FAILURE", "SUCCESS")
    status, body = replace("ALLOW_FAILURE", 5, "67001")
    assert (status, body["data"]["newOrderResponse"]["code"]) == (400, -2010)
    live = rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]["orderId"]
    status, body = replace("STOP_ON_FAILURE", live, "67001")
    assert (status, body["data"]["cancelResult"], body["data"]["newOrderResult"]) == (
        409,
        "SUCCESS",
        "FAILURE",
    )
    live = rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]["orderId"]
    status, body = replace("STOP_ON_FAILURE", live, "0.001")  # a filter refuses before anything is canceled
    assert (status, body["data"]["cancelResult"]) == (400, "FAILURE")
    assert rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]["orderId"] == live


def test_a_symbol_that_stops_trading() -> None:
    rig = Rig()
    rig.ladder()
    order = rig.limit("BUY", "60000", "0.001")
    for status in ("HALT", "CANCEL_ONLY", "BREAK"):
        rig.exchange.market("BTCUSDT").symbol.set_status(status)
        info = rig.call("GET", "exchangeInfo", sign=False, symbol="BTCUSDT")[1]
        assert info["symbols"][0]["status"] == status
        assert rig.refused(side="BUY", type="MARKET", quantity="0.001") == (-2010, "Market is closed.")
    assert rig.ask("order.cancel", symbol="BTCUSDT", orderId=order["orderId"])["status"] == 200
