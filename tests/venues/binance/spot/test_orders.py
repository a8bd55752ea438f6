"""An order request as wire parameters."""

import re
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.venues.binance.spot.orders import amend_params, order_params, replace_params
from spark_tui.venues.port import Reaction, ReplaceMode, VenueError

WIRE_NUMBER = re.compile(r"^\d+(\.\d+)?$")  # F55


def limit(**changes: object) -> OrderRequest:
    fields: dict[str, object] = {
        "venue": "binance-spot",
        "symbol": "BTCUSDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": D("0.01"),
        "price": D("60000.00"),
    }
    return OrderRequest(**(fields | changes))  # type: ignore[arg-type]  # fields of a keyword-only struct


def test_a_limit_order() -> None:
    assert order_params("id-1", limit()) == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "newClientOrderId": "id-1",
        "newOrderRespType": "FULL",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "60000.00",
    }


def test_every_field_has_its_name() -> None:
    request = limit(
        type=OrderType.STOP_LOSS_LIMIT,
        stop_price=D("61000"),
        iceberg_quantity=D("0.005"),
        trailing_delta=100,
        time_in_force=TimeInForce.IOC,
    )
    params = order_params("id", request)
    assert (params["stopPrice"], params["icebergQty"], params["trailingDelta"], params["timeInForce"]) == (
        "61000",
        "0.005",
        100,
        "IOC",
    )
    market = order_params(
        "id", limit(type=OrderType.MARKET, quantity=None, price=None, quote_quantity=D("25"))
    )
    assert market["quoteOrderQty"] == "25"
    assert "timeInForce" not in market


_NO_PRICE = {"price": None}
_GTC = {"timeInForce": "GTC"}


@pytest.mark.parametrize(
    ("kind", "fields", "wire"),
    [
        (OrderType.LIMIT, {"time_in_force": TimeInForce.IOC}, {"price": "60000.00", "timeInForce": "IOC"}),
        (OrderType.LIMIT, {"time_in_force": TimeInForce.FOK}, {"price": "60000.00", "timeInForce": "FOK"}),
        (
            OrderType.LIMIT,
            {"iceberg_quantity": D("0.001")},
            {"price": "60000.00", "icebergQty": "0.001"} | _GTC,
        ),
        (OrderType.LIMIT_MAKER, {}, {"price": "60000.00"}),
        (
            OrderType.LIMIT_MAKER,
            {"iceberg_quantity": D("0.001")},
            {"price": "60000.00", "icebergQty": "0.001"},
        ),
        (OrderType.STOP_LOSS, {"stop_price": D(1)} | _NO_PRICE, {"stopPrice": "1"}),
        (OrderType.STOP_LOSS, {"trailing_delta": 50} | _NO_PRICE, {"trailingDelta": 50}),
        (OrderType.TAKE_PROFIT, {"stop_price": D(9)} | _NO_PRICE, {"stopPrice": "9"}),
        (
            OrderType.TAKE_PROFIT,
            {"stop_price": D(9), "trailing_delta": 50} | _NO_PRICE,
            {"stopPrice": "9", "trailingDelta": 50},
        ),
        (OrderType.STOP_LOSS_LIMIT, {"stop_price": D(1)}, {"price": "60000.00", "stopPrice": "1"} | _GTC),
        (
            OrderType.TAKE_PROFIT_LIMIT,
            {"trailing_delta": 2000, "time_in_force": TimeInForce.FOK},
            {"price": "60000.00", "trailingDelta": 2000, "timeInForce": "FOK"},
        ),
        (OrderType.MARKET, _NO_PRICE, {}),
        (
            OrderType.LIMIT,
            {"self_trade_prevention": SelfTradePrevention.DECREMENT},
            {"price": "60000.00", "selfTradePreventionMode": "DECREMENT"} | _GTC,
        ),
    ],
)
def test_every_type_with_only_the_fields_it_takes(
    kind: OrderType, fields: dict[str, object], wire: dict[str, object]
) -> None:
    assert (
        order_params("id-1", limit(type=kind, **fields))
        == {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": kind.value,
            "newClientOrderId": "id-1",
            "newOrderRespType": "FULL",
            "quantity": "0.01",
        }
        | wire
    )


def test_a_replacement_names_both_orders() -> None:
    params = replace_params("old-1", "new-1", limit(), ReplaceMode.STOP_ON_FAILURE)
    assert params == order_params("new-1", limit()) | {
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelOrigClientOrderId": "old-1",
    }


def test_an_amend_keeps_the_id() -> None:
    assert amend_params("BTCUSDT", "id-1", D("0.0070")) == {
        "symbol": "BTCUSDT",
        "origClientOrderId": "id-1",
        "newClientOrderId": "id-1",
        "newQty": "0.0070",
    }
    for quantity in (D(0), D(-1), D("NaN")):
        with pytest.raises(VenueError, match="newQty"):
            amend_params("BTCUSDT", "id-1", quantity)


@given(st.decimals(min_value=D("1e-8"), max_value=D("1e11"), places=8))
def test_numbers_leave_as_plain_text(value: D) -> None:
    """F55, F56: no exponent, and the same value."""
    params = order_params("id", limit(quantity=value, price=value.normalize()))
    for name in ("quantity", "price"):
        assert WIRE_NUMBER.match(str(params[name]))
        assert D(params[name]) == value


@pytest.mark.parametrize(
    ("client_order_id", "request_"),
    [
        ("", limit()),
        ("x" * 37, limit()),
        ("a.b", limit()),
        ("schön", limit()),
        ("id\n", limit()),
        ("id", limit(quantity=D("NaN"))),
        ("id", limit(price=D("Infinity"))),
        ("id", limit(quantity=D("-1"))),
        ("id", limit(quantity=D(0))),
        ("id", limit(trailing_delta=0)),
        ("id", limit(trailing_delta=-5)),
        ("id", limit(type=OrderType.LIMIT_MAKER, time_in_force=TimeInForce.GTC)),
    ],
)
def test_what_could_never_be_sent_is_refused_here(client_order_id: str, request_: OrderRequest) -> None:
    with pytest.raises(VenueError) as refused:
        order_params(client_order_id, request_)
    assert (refused.value.reaction, refused.value.code) == (Reaction.DEFINITE_REJECT, "PARAMETERS")
