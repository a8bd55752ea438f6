"""What a list must be to be taken: its legs, prices, ids, counts; one bad leg refuses it whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.rig import Rig
from tests.simulator.test_lists import OCO, OTO, OTOCO, PLACED, placed


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ladder()
    return rig


def refusal(rig: Rig, path: str, params: dict[str, Any]) -> tuple[int, int, str]:
    status, body, _ = rig.call("POST", path, **params)
    assert status != 200, body
    assert not rig.exchange.stores[rig.account.uid].open()
    rig.check_books()
    return status, body["code"], body["msg"]


ABSENT = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
RELATION = "The relationship of the prices for the orders is not correct."


@pytest.mark.parametrize(
    ("path", "change", "code", "text"),
    [
        ("oco", {"abovePrice": "66999"}, -2010, RELATION),
        ("oco", {"belowStopPrice": "67001"}, -2010, RELATION),
        ("oco", {"aboveType": "LIMIT"}, -1102, ABSENT.format("aboveTimeInForce")),
        ("oco", {"aboveType": "MARKET"}, -1106, "Parameter 'abovePrice' sent when not required."),
        ("oco", {"belowStopPrice": "", "belowTrailingDelta": "5"}, -1013, "Filter failure: TRAILING_DELTA"),
        ("oco", {"belowIcebergQty": "0.1", "belowTimeInForce": "IOC"}, -1160,
         "Parameter 'belowIcebergQty' is not supported if 'belowTimeInForce' is not GTC."),
        ("oco", {"aboveIcebergQty": "0.6"}, -2010, "IcebergQty exceeds QTY."),
        ("oco", {"quantity": "3"}, -2010, "Account has insufficient balance for requested action."),
        ("oco", {"abovePrice": "67003.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ("oco", {"aboveClientOrderId": "a", "belowClientOrderId": "a"}, -2010, "Duplicate order sent."),
        ("oco", {"belowStopPrice": ""}, -1102, ABSENT.format("belowStopPrice")),
        ("oto", {"workingType": "MARKET"}, -1106, "Parameter 'workingPrice' sent when not required."),
        ("oto", {"pendingQuantity": ""}, -1102, ABSENT.format("pendingQuantity")),
        ("otoco", {"pendingBelowType": ""}, -1102, ABSENT.format("pendingBelowType")),
        ("oto", {"workingPrice": "0"}, -1013, "Invalid workingPrice."),
        ("oto", {"pendingPrice": "1000000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ("otoco", {"pendingBelowStopPrice": "67060"}, -2010, RELATION),
    ],
)  # fmt: skip
def test_one_bad_leg_refuses_the_list(
    rig: Rig, path: str, change: dict[str, str], code: int, text: str
) -> None:
    params = {name: value for name, value in (PLACED[f"orderList/{path}"] | change).items() if value != ""}
    assert refusal(rig, f"orderList/{path}", params) == (400, code, text)


def limit_maker(price: str) -> dict[str, str]:
    return {"Type": "LIMIT_MAKER", "Price": price}


def stop(kind: str, price: str) -> dict[str, str]:
    return {"Type": kind, "StopPrice": price}


@pytest.mark.parametrize(
    ("side", "above", "below", "code", "text"),
    [
        ("SELL", limit_maker("67003"), limit_maker("66990"), -1168,
         "At least one OCO order must be contingent."),
        ("BUY", limit_maker("67003"), stop("TAKE_PROFIT", "66990"), -1165,
         "A limit order in a buy OCO must be below."),
        ("SELL", stop("TAKE_PROFIT", "67003"), limit_maker("66990"), -1166,
         "A limit order in a sell OCO must be above."),
        ("BUY", stop("STOP_LOSS", "67003"), stop("STOP_LOSS", "66990"), -1196,
         "A stop loss order in a buy OCO must be above."),
        ("SELL", stop("STOP_LOSS", "67003"), stop("STOP_LOSS", "66990"), -1197,
         "A stop loss order in a sell OCO must be below."),
        ("BUY", stop("TAKE_PROFIT", "67003"), stop("TAKE_PROFIT", "66990"), -1198,
         "A take profit order in a buy OCO must be below."),
        ("SELL", stop("TAKE_PROFIT", "67003"), stop("TAKE_PROFIT", "66990"), -1199,
         "A take profit order in a sell OCO must be above."),
        ("SELL", {"Type": "LIMIT", "Price": "67003", "TimeInForce": "GTC"}, stop("STOP_LOSS", "66990"), -1158,
         "Order type not supported in OCO."),
    ],
)  # fmt: skip
def test_legs_have_their_places(
    rig: Rig, side: str, above: dict[str, str], below: dict[str, str], code: int, text: str
) -> None:
    params = {"symbol": "BTCUSDT", "side": side, "quantity": "0.1"}
    params |= {f"above{name}": value for name, value in above.items()}
    params |= {f"below{name}": value for name, value in below.items()}
    assert refusal(rig, "orderList/oco", params) == (400, code, text)


def test_a_list_id_is_taken_as_long_as_its_list_executes(rig: Rig) -> None:
    first = placed(rig, "oco", listClientOrderId="mine", **OCO)
    again = rig.ask("orderList.place.oco", listClientOrderId="mine", **(OCO | {"quantity": "0.1"}))
    assert (again["error"]["code"], again["error"]["msg"]) == (-2010, "Duplicate order sent.")
    rig.ask("orderList.cancel", symbol="BTCUSDT", orderListId=first["orderListId"])
    second = placed(rig, "oco", listClientOrderId="mine", **OCO)
    assert second["orderListId"] > first["orderListId"]
    assert (
        rig.ask("orderList.status", origClientOrderId="mine")["result"]["orderListId"]
        == second["orderListId"]
    )


def test_lists_are_counted(rig: Rig) -> None:
    _, _, headers = rig.call("POST", "orderList/oco", **OCO)
    assert headers["X-MBX-ORDER-COUNT-10S"] == "2"
    _, _, headers = rig.call("POST", "orderList/otoco", **OTOCO)
    assert headers["X-MBX-ORDER-COUNT-10S"] == "5"
    _, _, headers = rig.call("POST", "orderList/oto", **(OTO | {"workingPrice": "1"}))
    assert "X-MBX-ORDER-COUNT-10S" not in headers
    assert rig.simulation.limits.orders[0].used(str(rig.account.uid), rig.now_ms) == 5


def test_too_many_lists_and_too_many_stops_are_refused_whole(rig: Rig) -> None:
    rig.exchange.market("BTCUSDT").symbol.filters["MAX_NUM_ORDER_LISTS"]["maxNumOrderLists"] = 1
    placed(rig, "oco", **(OCO | {"quantity": "0.1"}))
    reply = rig.ask("orderList.place.oto", **OTO)
    assert reply["error"]["msg"] == "Filter failure: MAX_NUM_ORDER_LISTS"
    rig.exchange.market("BTCUSDT").symbol.filters["MAX_NUM_ORDER_LISTS"]["maxNumOrderLists"] = 20
    rig.exchange.market("BTCUSDT").symbol.filters["MAX_NUM_ORDERS"]["maxNumOrders"] = 3
    reply = rig.ask("orderList.place.oto", **OTO)  # the first leg would fit
    assert reply["error"]["msg"] == "Filter failure: MAX_NUM_ORDERS"
    assert len(rig.ask("openOrders.status", symbol="BTCUSDT")["result"]) == 2


@pytest.mark.parametrize(
    ("flag", "path"), [("ocoAllowed", "oco"), ("otoAllowed", "oto"), ("ocoAllowed", "otoco")]
)
def test_a_symbol_may_not_allow_lists(rig: Rig, flag: str, path: str) -> None:
    rig.exchange.market("BTCUSDT").symbol.info[flag] = False
    _, code, text = refusal(rig, f"orderList/{path}", PLACED[f"orderList/{path}"])
    assert (code, text) == (-2010, f"{flag[:3].upper()} orders are not supported for this symbol")


VALUES = st.sampled_from(
    ["", "0", "1", "-1", "0.1", "67000", "66000", "1e3", "0.000000001", "GTC", "IOC", "LIMIT", "MARKET",
     "STOP_LOSS", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER", "BUY", "SELL", "NONE", "ACK", "x" * 40, "9" * 20,
     "BTCUSDT"]
)  # fmt: skip


@given(
    st.sampled_from(sorted(PLACED)),
    st.dictionaries(st.integers(0, 40), VALUES, max_size=4),
    st.sets(st.integers(0, 40), max_size=2),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_is_asked_is_answered_and_a_refusal_changes_nothing(
    path: str, changes: dict[int, str], left_out: set[int]
) -> None:
    rig = Rig()
    rig.ladder()
    names = list(PLACED[path])
    params = dict(PLACED[path])
    params |= {names[number % len(names)]: value for number, value in changes.items()}
    for number in left_out:
        params.pop(names[number % len(names)], None)
    status, body, _ = rig.call("POST", path, **params)
    rig.check_books()
    if status == 200:
        assert body["orderReports"]
        assert rig.exchange.list_id == 1
    else:
        assert (status, body["code"] < 0) == (400, True)
        assert not rig.exchange.stores[rig.account.uid].open()
        assert rig.simulation.limits.orders[0].used(str(rig.account.uid), rig.now_ms) == 0
