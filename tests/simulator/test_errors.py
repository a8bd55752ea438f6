"""Every refusal of the order path, with the venue's own code and words."""

import json
from typing import Any

import pytest

from tests.shared_data import shared
from tests.simulator.rig import ADDRESS, Rig

LIMIT = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "67000", "quantity": "0.01"}
MARKET = {"side": "BUY", "type": "MARKET", "quantity": "0.01"}
STOP = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "60000"}


def without(values: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}


@pytest.mark.parametrize(
    ("order", "code", "text"),
    [
        (LIMIT | {"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (LIMIT | {"symbol": "这是测试币456"}, -2010, "Market is closed."),
        (LIMIT | {"symbol": "XRPUSDT"}, -2010, "Market is closed."),
        (LIMIT | {"symbol": "XMRUSDT"}, -2010, "This symbol is not permitted for this account."),
        (LIMIT | {"side": "LONG"}, -1117, "Invalid side."),
        (LIMIT | {"type": "LMT"}, -1116, "Invalid orderType."),
        (LIMIT | {"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        (without(LIMIT, "timeInForce"), -1102, "Mandatory parameter 'timeInForce' was not sent"),
        (without(LIMIT, "price"), -1102, "Mandatory parameter 'price' was not sent"),
        (without(LIMIT, "quantity"), -1102, "Mandatory parameter 'quantity' was not sent"),
        (LIMIT | {"price": ""}, -1105, "Parameter 'price' was empty."),
        (LIMIT | {"quantity": "1e-3"}, -1100, "Illegal characters found in parameter 'quantity'"),
        (LIMIT | {"quantity": "-1"}, -1100, "Illegal characters found in parameter 'quantity'"),
        (LIMIT | {"quantity": "0,5"}, -1100, "Illegal characters found in parameter 'quantity'"),
        (LIMIT | {"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        (LIMIT | {"quantity": "0"}, -1013, "Invalid quantity."),
        (LIMIT | {"newClientOrderId": "a.b"}, -1100, "legal range is '^[a-zA-Z0-9-_]{1,36}$'."),
        (LIMIT | {"newClientOrderId": "a" * 37}, -1100, "legal range is '^[a-zA-Z0-9-_]{1,36}$'."),
        (LIMIT | {"stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
        (LIMIT | {"quoteOrderQty": "1"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        (LIMIT | {"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (MARKET | {"timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (MARKET | {"price": "1"}, -1106, "Parameter 'price' sent when not required."),
        (MARKET | {"quoteOrderQty": "10"}, -1128, "Combination of optional parameters invalid."),
        (without(MARKET, "quantity"), -1102, "Mandatory parameter 'quantity' was not sent"),
        (without(STOP, "stopPrice"), -1102, "Mandatory parameter 'stopPrice' was not sent"),
        (LIMIT | {"icebergQty": "1"}, -2010, "IcebergQty exceeds QTY."),
        (LIMIT | {"icebergQty": "0.00002"}, -1013, "Filter failure: ICEBERG_PARTS"),
        (STOP | {"trailingDelta": "9"}, -1013, "Filter failure: TRAILING_DELTA"),
        (LIMIT | {"pegPriceType": "PRIMARY_PEG"}, -2010, "Pegged orders are not supported for this symbol."),
        (LIMIT | {"strategyType": "5"}, -1134, "strategyType was less than 1000000."),
        (LIMIT | {"newOrderRespType": "ALL"}, -1130, "Data sent for parameter 'newOrderRespType'"),
        (LIMIT | {"selfTradePreventionMode": "X"}, -1013, "This symbol does not allow the specified"),
        (
            LIMIT | {"unheard": "of"},
            -1104,
            "Not all sent parameters were read; read '9' parameter(s) but was sent '10'.",
        ),
        (LIMIT | {"price": "67000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        (LIMIT | {"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
        (LIMIT | {"price": "400000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (LIMIT | {"price": "13000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (LIMIT | {"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        (LIMIT | {"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
        (LIMIT | {"quantity": "9001"}, -1013, "Filter failure: LOT_SIZE"),
        (MARKET | {"quantity": "84"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        (LIMIT | {"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        (MARKET | {"quantity": "0.00007"}, -1013, "Filter failure: NOTIONAL"),
        (LIMIT | {"quantity": "8999"}, -1013, "Filter failure: NOTIONAL"),
        (LIMIT | {"quantity": "5"}, -2010, "Account has insufficient balance for requested action."),
        (MARKET | {"quantity": "80", "side": "SELL"}, -2010, "Account has insufficient balance"),
        (
            without(LIMIT, "timeInForce") | {"type": "LIMIT_MAKER", "price": "67001"},
            -2010,
            "Order would immediately match and take.",
        ),
    ],
)
def test_a_refused_order(order: dict[str, str], code: int, text: str) -> None:
    rig = Rig()
    rig.ladder()
    before = {asset: (b.free, b.locked) for asset, b in rig.account.balances.items()}
    got = rig.refused(**order)
    assert got[0] == code, got
    assert text in got[1]
    assert {asset: (b.free, b.locked) for asset, b in rig.account.balances.items()} == before
    # the other face refuses alike
    status, body, _ = rig.call("POST", "order", **({"symbol": "BTCUSDT"} | order))
    assert (status, body["code"]) == (400, code)
    assert (
        body["msg"] == got[1] or code == -1104
    )  # which counts parameters, and REST sends its key as a header


def test_too_many_open_orders_and_stops() -> None:
    rig = Rig()
    rig.ladder()
    for _ in range(5):
        rig.place(**STOP)
    assert rig.refused(**STOP) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    for number in range(195):
        rig.limit("BUY", "60000", "0.0001")
        if number % 90 == 89:
            rig.pass_ms(10_000)
    assert rig.refused(**(LIMIT | {"price": "60000"})) == (-1013, "Filter failure: MAX_NUM_ORDERS")


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    rig = Rig()
    rig.ladder()
    rig.limit("BUY", "60000", "0.001", newClientOrderId="same")
    again = LIMIT | {"newClientOrderId": "same"}
    assert rig.refused(**again) == (-2010, "Duplicate order sent.")
    rig.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="same")
    newer = rig.limit("BUY", "60000", "0.001", newClientOrderId="same")
    found = rig.ask("order.status", symbol="BTCUSDT", origClientOrderId="same")["result"]
    assert found["orderId"] == newer["orderId"]


def test_queries_and_cancels_that_find_nothing() -> None:
    rig = Rig()
    rig.ladder()
    own = rig.limit("BUY", "60000", "0.001", newClientOrderId="mine")
    cases: list[tuple[str, dict[str, Any], int]] = [
        ("order.status", {"orderId": 5}, -2013),
        ("order.status", {}, -1102),
        ("order.status", {"orderId": own["orderId"], "origClientOrderId": "other"}, -2039),
        ("order.cancel", {"origClientOrderId": "nobody"}, -2011),
        ("order.cancel", {"orderId": own["orderId"], "origClientOrderId": "other"}, -2011),
        ("order.cancel", {"orderId": own["orderId"], "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, -2011),
        ("order.cancel", {"orderId": own["orderId"], "cancelRestrictions": "NEVER"}, -1145),
        ("openOrders.cancelAll", {"symbol": "ETHUSDT"}, -2011),
        ("myTrades", {"orderId": 1, "startTime": 1}, -1128),
        ("allOrders", {"startTime": 1, "endTime": 86_400_002}, -1127),
    ]
    for method, params, code in cases:
        assert rig.ask(method, **({"symbol": "BTCUSDT"} | params))["error"]["code"] == code, (method, params)
    canceled = rig.ask("order.cancel", symbol="BTCUSDT", orderId=own["orderId"], newClientOrderId="stop")[
        "result"
    ]
    assert (canceled["origClientOrderId"], canceled["clientOrderId"]) == ("mine", "stop")
    assert rig.ask("order.cancel", symbol="BTCUSDT", orderId=own["orderId"])["error"] == {
        "code": -2011,
        "msg": "Unknown order sent.",
    }


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("ping", {"a": 1}, -1101),
        ("depth", {}, -1102),
        ("depth", {"symbol": "NOPE"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("depth", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
        ("depth", {"symbol": "BTCUSDT", "symbolStatus": "OPEN"}, -1122),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "+15:00"}, -1130),
        ("ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ("ticker/price", {"symbols": "BTCUSDT"}, -1135),
        ("ticker/price", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ("ticker", {}, -1128),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
    ],
)
def test_refused_market_data(path: str, params: dict[str, Any], code: int) -> None:
    status, body, _ = Rig().call("GET", path, sign=False, **params)
    assert (status, body["code"]) == (400, code), body


def test_paths_that_are_not_there() -> None:
    rig = Rig()
    assert rig.raw("GET", "nothing")[0] == 404
    assert rig.raw("PUT", "order")[0] == 405
    for method in ("POST", "PUT", "DELETE"):
        assert rig.raw(method, "userDataStream")[0] == 410
    assert rig.rest.handle("GET", "/api/v1/ping", b"", b"", {}, ADDRESS).status == 404


def test_only_milliseconds_are_served() -> None:
    rig = Rig()
    for unit, status in (("MILLISECOND", 200), ("millisecond", 200), ("MICROSECOND", 400), ("SECOND", 400)):
        reply = rig.rest.handle("GET", "/api/v3/time", b"", b"", {"X-MBX-TIME-UNIT": unit}, ADDRESS)
        assert reply.status == status
        assert status == 200 or json.loads(reply.body)["code"] == -1194


def test_a_name_sent_twice_and_the_query_winning_over_the_body() -> None:
    rig = Rig()
    assert rig.raw("GET", "depth", b"symbol=BTCUSDT&symbol=ETHUSDT")[1]["code"] == -1101
    rig.ladder()
    query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=60000&timestamp={rig.now_ms}"
    body = "quantity=0.002&price=50000"
    signature = rig.sign(query + body)
    status, order, _ = rig.raw("POST", "order", query.encode(), f"{body}&signature={signature}".encode())
    assert (status, order["price"]) == (200, "60000.00000000")


def test_texts_equal_the_collected_ones() -> None:
    rig = Rig()
    rig.ladder()
    rig.limit("BUY", "60000", "0.001", newClientOrderId="d")
    collected = {
        "error-2010-duplicate": rig.refused(**(LIMIT | {"newClientOrderId": "d"})),
        "error-2010-insufficient-balance": rig.refused(**(LIMIT | {"quantity": "5"})),
        "error-1013-lot-size": rig.refused(**(LIMIT | {"quantity": "0.000001"})),
        "error-1013-notional": rig.refused(**(LIMIT | {"quantity": "0.00001"})),
        "error-1013-price-filter": rig.refused(**(LIMIT | {"price": "67000.001"})),
        "error-1111": rig.refused(**(LIMIT | {"quantity": "0.000000001"})),
        "error-1116": rig.refused(**(LIMIT | {"type": "X"})),
        "error-1121": rig.refused(**(LIMIT | {"symbol": "X"})),
        "error-1106": rig.refused(**(MARKET | {"timeInForce": "GTC"})),
    }
    for name, (code, text) in collected.items():
        sample = json.loads(shared("protocols", "samples", "binance-spot", f"{name}.json").read_text())
        assert (sample["code"], sample["msg"]) == (code, text), name
