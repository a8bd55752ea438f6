"""An order request as wire parameters."""

import re
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.venues.binance.spot.orders import order_params
from spark_tui.venues.port import Reaction, VenueError

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
        ("id", limit(type=OrderType.LIMIT_MAKER, time_in_force=TimeInForce.GTC)),
    ],
)
def test_what_could_never_be_sent_is_refused_here(client_order_id: str, request_: OrderRequest) -> None:
    with pytest.raises(VenueError) as refused:
        order_params(client_order_id, request_)
    assert (refused.value.reaction, refused.value.code) == (Reaction.DEFINITE_REJECT, "PARAMETERS")
