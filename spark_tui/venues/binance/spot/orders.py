"""An order request as Binance Spot's parameters (protocol sections 5.1, 8.1 and 9)."""

import re
from decimal import Decimal

from spark_tui.domain.decimals import plain
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, TimeInForce
from spark_tui.venues.binance.signing import Value
from spark_tui.venues.port import Reaction, ReplaceMode, VenueError

_CLIENT_ORDER_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_NEEDS_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


def order_params(client_order_id: str, request: OrderRequest) -> dict[str, Value]:
    """Parameters of order.place and POST order. Every number is plain decimal text (F55).

    Raises VenueError(DEFINITE_REJECT) for what could never be sent; nothing has left then.
    """
    params: dict[str, Value] = {
        "symbol": request.symbol,
        "side": request.side.value,
        "newClientOrderId": client_id(client_order_id),
        "newOrderRespType": "FULL",
        **terms(request),
        **amount_params({"quantity": request.quantity, "quoteOrderQty": request.quote_quantity}),
    }
    if request.self_trade_prevention is not None:
        params["selfTradePreventionMode"] = request.self_trade_prevention.value
    return params


def replace_params(
    client_order_id: str, new_client_order_id: str, request: OrderRequest, mode: ReplaceMode
) -> dict[str, Value]:
    """Parameters of order.cancelReplace. Raises VenueError(DEFINITE_REJECT) as `order_params`."""
    return {
        **order_params(new_client_order_id, request),
        "cancelReplaceMode": mode.value,
        "cancelOrigClientOrderId": client_id(client_order_id),
    }


def amend_params(symbol: str, client_order_id: str, quantity: Decimal) -> dict[str, Value]:
    """Parameters of order.amend.keepPriority. Without its id given anew the order would get a random one.

    Raises VenueError(DEFINITE_REJECT) as `order_params`.
    """
    same = client_id(client_order_id)
    return {
        "symbol": symbol,
        "origClientOrderId": same,
        "newClientOrderId": same,
        **amount_params({"newQty": quantity}),
    }


def client_id(text: str) -> str:
    """The id, if Binance takes it. Raises VenueError(DEFINITE_REJECT)."""
    if _CLIENT_ORDER_ID.fullmatch(text) is None:
        raise refused("A client order id is 1 to 36 letters, digits, - or _.")
    return text


def terms(request: OrderRequest) -> dict[str, Value]:
    """What type and prices say, in the names of a single order. Raises VenueError(DEFINITE_REJECT)."""
    params: dict[str, Value] = {"type": request.type.value}
    if request.type in _NEEDS_TIME_IN_FORCE:
        params["timeInForce"] = (request.time_in_force or TimeInForce.GTC).value
    elif request.time_in_force is not None:
        raise refused(f"A {request.type} order takes no time in force; leave it out.")
    params |= amount_params(
        {
            "price": request.price,
            "stopPrice": request.stop_price,
            "icebergQty": request.iceberg_quantity,
        }
    )
    if request.trailing_delta is not None:
        if request.trailing_delta <= 0:
            raise refused("trailingDelta must be a whole number of basis points above zero.")
        params["trailingDelta"] = request.trailing_delta
    return params


def amount_params(amounts: dict[str, Decimal | None]) -> dict[str, Value]:
    """Those given, as wire text. Raises VenueError(DEFINITE_REJECT)."""
    params: dict[str, Value] = {}
    for name, value in amounts.items():
        if value is not None:
            if not value.is_finite() or value <= 0:
                raise refused(f"{name} must be a number above zero.")
            params[name] = plain(value)
    return params


def refused(text: str) -> VenueError:
    """Refused by us: nothing was sent."""
    return VenueError(Reaction.DEFINITE_REJECT, "PARAMETERS", text)
