"""An order request as Binance Spot's parameters (protocol sections 5.1 and 8.1)."""

import re

from spark_tui.domain.decimals import plain
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, TimeInForce
from spark_tui.venues.binance.signing import Value
from spark_tui.venues.port import Reaction, VenueError

_CLIENT_ORDER_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_NEEDS_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


def order_params(client_order_id: str, request: OrderRequest) -> dict[str, Value]:
    """Parameters of order.place and POST order. Every number is plain decimal text (F55).

    Raises VenueError(DEFINITE_REJECT) for what could never be sent; nothing has left then.
    """
    if _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        raise _refused("A client order id is 1 to 36 letters, digits, - or _.")
    params: dict[str, Value] = {
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.type.value,
        "newClientOrderId": client_order_id,
        "newOrderRespType": "FULL",
    }
    if request.type in _NEEDS_TIME_IN_FORCE:
        params["timeInForce"] = (request.time_in_force or TimeInForce.GTC).value
    elif request.time_in_force is not None:
        raise _refused(f"A {request.type} order takes no time in force; leave it out.")
    amounts = {
        "quantity": request.quantity,
        "quoteOrderQty": request.quote_quantity,
        "price": request.price,
        "stopPrice": request.stop_price,
        "icebergQty": request.iceberg_quantity,
    }
    for name, value in amounts.items():
        if value is not None:
            if not value.is_finite() or value <= 0:
                raise _refused(f"{name} must be a number above zero.")
            params[name] = plain(value)
    if request.trailing_delta is not None:
        params["trailingDelta"] = request.trailing_delta
    return params


def _refused(text: str) -> VenueError:
    return VenueError(Reaction.DEFINITE_REJECT, "PARAMETERS", text)
