"""From a request's parameters to a well-formed order (protocol 8.1)."""

import secrets

from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import ApiError, combination, missing, not_required
from spark_tui.simulator.matching import SelfTrade
from spark_tui.simulator.orders import MARKET_LIKE, STOPS, NewOrder

_TYPES = ("LIMIT", "MARKET", "LIMIT_MAKER", *sorted(STOPS))
_TIMED = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_PRICED = _TIMED | {"LIMIT_MAKER"}


def fresh_client_id() -> str:
    """An id for a request that names none; unlike market data it need not be repeatable."""
    return secrets.token_hex(11)


def read_order(arguments: Arguments) -> NewOrder:
    """A well-formed order from parameters; ApiError for what the venue refuses before looking at the
    market."""
    symbol = arguments.text("symbol")
    side = arguments.text("side")
    if side not in ("BUY", "SELL"):
        raise ApiError(400, -1117, "Invalid side.")
    kind = arguments.text("type")
    if kind not in _TYPES:
        raise ApiError(400, -1116, "Invalid orderType.")
    time_in_force = _time_in_force(arguments, kind)
    quantity, quote_quantity, price = (
        arguments.decimal(name) for name in ("quantity", "quoteOrderQty", "price")
    )
    _check_amounts(arguments, kind)
    stop_price = arguments.decimal("stopPrice")
    _refuse_unsupported(arguments, kind)
    mode = arguments.optional("selfTradePreventionMode")
    if mode is not None and mode not in SelfTrade.__members__:
        raise ApiError(400, -1013, "This symbol does not allow the specified self-trade prevention mode.")
    strategy_type = arguments.integer("strategyType")
    if strategy_type is not None and strategy_type < 1_000_000:
        raise ApiError(400, -1134, "strategyType was less than 1000000.")
    response = arguments.optional("newOrderRespType") or ("FULL" if kind in ("MARKET", "LIMIT") else "ACK")
    if response not in ("ACK", "RESULT", "FULL"):
        raise ApiError(400, -1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return NewOrder(
        symbol=symbol,
        buy=side == "BUY",
        type=kind,
        time_in_force=time_in_force,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=price,
        stop_price=stop_price,
        client_id=arguments.client_id("newClientOrderId") or fresh_client_id(),
        response=response,
        self_trade=SelfTrade(mode) if mode is not None else None,
        strategy_id=arguments.integer("strategyId"),
        strategy_type=strategy_type,
    )


def _time_in_force(arguments: Arguments, kind: str) -> str:
    if kind not in _TIMED:
        if arguments.has("timeInForce"):
            raise not_required("timeInForce")
        return "GTC"
    value = arguments.text("timeInForce")
    if value not in ("GTC", "IOC", "FOK"):
        raise ApiError(400, -1115, "Invalid timeInForce.")
    return value


def _check_amounts(arguments: Arguments, kind: str) -> None:
    """Which of quantity, quoteOrderQty, price and stopPrice a type must and must not carry."""
    if kind == "MARKET":
        if arguments.has("quantity") == arguments.has("quoteOrderQty"):
            raise combination() if arguments.has("quantity") else missing("quantity")
    else:
        arguments.text("quantity")
        if arguments.has("quoteOrderQty"):
            raise not_required("quoteOrderQty")
    if kind in _PRICED:
        arguments.text("price")
    elif arguments.has("price"):
        raise not_required("price")
    if kind in STOPS:
        if not arguments.has("trailingDelta"):
            arguments.text("stopPrice")
    elif arguments.has("stopPrice"):
        raise not_required("stopPrice")


def _refuse_unsupported(arguments: Arguments, kind: str) -> None:
    """What exchangeInfo says no symbol here allows."""
    if arguments.has("icebergQty"):
        if kind in MARKET_LIKE:
            raise not_required("icebergQty")
        raise ApiError(400, -2010, "Iceberg orders are not supported for this symbol.")
    if arguments.has("trailingDelta"):
        if kind not in STOPS:
            raise not_required("trailingDelta")
        raise ApiError(400, -2010, "Trailing stop orders are not supported for this symbol.")
    if any(arguments.has(name) for name in ("pegPriceType", "pegOffsetType", "pegOffsetValue")):
        raise ApiError(400, -2010, "Pegged orders are not supported for this symbol.")
