"""From a request's parameters to a well-formed order list (protocol 8.4, 9)."""

from collections.abc import Mapping

from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.order_form import fresh_client_id, read_leg, read_response, read_side, read_type
from spark_tui.simulator.order_lists import NewList
from spark_tui.simulator.orders import NewOrder

_LEG = (
    "Price", "StopPrice", "TrailingDelta", "IcebergQty", "TimeInForce", "StrategyId", "StrategyType",
    "PegPriceType", "PegOffsetType", "PegOffsetValue",
)  # fmt: skip
_COMMON = "symbol listClientOrderId newOrderRespType selfTradePreventionMode"


def _named(prefix: str, quantity: str) -> Mapping[str, str]:
    """Plain parameter names to those of a list's leg."""
    names = {name[0].lower() + name[1:]: prefix + name for name in _LEG}
    return names | {"newClientOrderId": f"{prefix}ClientOrderId", "quantity": quantity}


def _read_by(prefix: str, *more: str) -> str:
    """The parameters a leg reads."""
    return " ".join([prefix + name for name in ("Type", "ClientOrderId", *_LEG)] + list(more))


OCO_PARAMETERS = f"{_COMMON} side quantity {_read_by('above')} {_read_by('below')}"
_WORKING = _read_by("working", "workingSide", "workingQuantity")
OTO_PARAMETERS = f"{_COMMON} {_WORKING} {_read_by('pending', 'pendingSide', 'pendingQuantity')}"
OTOCO_PARAMETERS = (
    f"{_COMMON} {_WORKING} pendingSide pendingQuantity {_read_by('pendingAbove')} {_read_by('pendingBelow')}"
)
OLD_OCO_PARAMETERS = (
    f"{_COMMON} side quantity price limitClientOrderId limitIcebergQty limitStrategyId limitStrategyType "
    "stopPrice stopLimitPrice stopLimitTimeInForce stopClientOrderId stopIcebergQty trailingDelta "
    "stopStrategyId stopStrategyType"
)
_OLD_LIMIT = {
    "newClientOrderId": "limitClientOrderId",
    "icebergQty": "limitIcebergQty",
    "strategyId": "limitStrategyId",
    "strategyType": "limitStrategyType",
    "stopPrice": "",  # the other leg's
    "trailingDelta": "",
}
_OLD_STOP = {
    "newClientOrderId": "stopClientOrderId",
    "price": "stopLimitPrice",
    "timeInForce": "stopLimitTimeInForce",
    "icebergQty": "stopIcebergQty",
    "strategyId": "stopStrategyId",
    "strategyType": "stopStrategyType",
}


def read_oco(arguments: Arguments) -> NewList:
    """`side` and `quantity` are both legs'; ApiError for what the venue refuses before looking at the market,
    so in all of these."""
    buy = read_side(arguments, "side")
    pair = (_leg(arguments, "above", "quantity", buy=buy), _leg(arguments, "below", "quantity", buy=buy))
    return _listed(arguments, pair=pair)


def read_old_oco(arguments: Arguments) -> NewList:
    """The deprecated form: a LIMIT_MAKER and a stop, whose places follow from the side."""
    buy = read_side(arguments, "side")
    response = read_response(arguments, "RESULT")
    stop_type = "STOP_LOSS_LIMIT" if arguments.has("stopLimitPrice") else "STOP_LOSS"
    limit = read_leg(arguments, _OLD_LIMIT, kind="LIMIT_MAKER", buy=buy, response=response)
    stop = read_leg(arguments, _OLD_STOP, kind=stop_type, buy=buy, response=response)
    return _listed(arguments, pair=(stop, limit) if buy else (limit, stop))


def read_oto(arguments: Arguments) -> NewList:
    buy = read_side(arguments, "pendingSide")
    return _listed(
        arguments, working=_working(arguments), pending=_leg(arguments, "pending", "pendingQuantity", buy=buy)
    )


def read_otoco(arguments: Arguments) -> NewList:
    buy = read_side(arguments, "pendingSide")
    above, below = (
        _leg(arguments, prefix, "pendingQuantity", buy=buy) for prefix in ("pendingAbove", "pendingBelow")
    )
    return _listed(arguments, working=_working(arguments), pair=(above, below))


def _working(arguments: Arguments) -> NewOrder:
    leg = _leg(arguments, "working", "workingQuantity", buy=read_side(arguments, "workingSide"))
    if leg.type not in ("LIMIT", "LIMIT_MAKER"):
        raise ApiError(400, -1116, "Invalid orderType.")
    return leg


def _leg(arguments: Arguments, prefix: str, quantity: str, *, buy: bool) -> NewOrder:
    return read_leg(
        arguments,
        _named(prefix, quantity),
        kind=read_type(arguments, f"{prefix}Type"),
        buy=buy,
        response=read_response(arguments, "RESULT"),
    )


def _listed(
    arguments: Arguments,
    *,
    working: NewOrder | None = None,
    pending: NewOrder | None = None,
    pair: tuple[NewOrder, NewOrder] | None = None,
) -> NewList:
    return NewList(
        symbol=arguments.text("symbol"),
        client_id=arguments.client_id("listClientOrderId") or fresh_client_id(),
        response=read_response(arguments, "RESULT"),
        working=working,
        pending=pending,
        pair=pair,
    )
