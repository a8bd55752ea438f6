"""From a request's parameters to a well-formed order (protocol 8.1)."""

import secrets
from collections.abc import Mapping

from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import ApiError, combination, illegal, missing, not_required
from spark_tui.simulator.matching import SelfTrade
from spark_tui.simulator.orders import MARKET_LIKE, STOPS, NewOrder

_TYPES = ("LIMIT", "MARKET", "LIMIT_MAKER", *sorted(STOPS))
_TIMED = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_PRICED = _TIMED | {"LIMIT_MAKER"}
_PLAIN: Mapping[str, str] = {}


def fresh_client_id() -> str:
    """An id for a request that names none; unlike market data it need not be repeatable."""
    return secrets.token_hex(11)


def read_order(arguments: Arguments) -> NewOrder:
    """A well-formed order from parameters; ApiError for what the venue refuses before looking at the
    market."""
    buy = read_side(arguments, "side")
    kind = read_type(arguments, "type")
    response = read_response(arguments, "FULL" if kind in ("MARKET", "LIMIT") else "ACK")
    return read_leg(arguments, _PLAIN, kind=kind, buy=buy, response=response)


def read_side(arguments: Arguments, name: str) -> bool:
    """Whether it buys; ApiError -1117 for anything but a side."""
    side = arguments.text(name)
    if side not in ("BUY", "SELL"):
        raise ApiError(400, -1117, "Invalid side.")
    return side == "BUY"


def read_type(arguments: Arguments, name: str) -> str:
    """ApiError -1116 for anything but an order type."""
    kind = arguments.text(name)
    if kind not in _TYPES:
        raise ApiError(400, -1116, "Invalid orderType.")
    return kind


def read_response(arguments: Arguments, usual: str) -> str:
    """`newOrderRespType`; ApiError -1130 for an unknown one."""
    response = arguments.optional("newOrderRespType") or usual
    if response not in ("ACK", "RESULT", "FULL"):
        raise ApiError(400, -1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return response


def read_leg(
    arguments: Arguments, names: Mapping[str, str], *, kind: str, buy: bool, response: str
) -> NewOrder:
    """A well-formed order whose parameters go by other names, as a list's do: `names` says which; a name
    it does not mention is the plain one."""

    def name(plain: str) -> str:
        return names.get(plain, plain)

    _check_amounts(arguments, names, kind)
    mode = arguments.optional("selfTradePreventionMode")
    if mode is not None and mode not in SelfTrade.__members__:
        raise ApiError(400, -1013, "This symbol does not allow the specified self-trade prevention mode.")
    strategy_type = arguments.integer(name("strategyType"))
    if strategy_type is not None and strategy_type < 1_000_000:
        raise ApiError(400, -1134, "strategyType was less than 1000000.")
    time_in_force = _time_in_force(arguments, name("timeInForce"), kind)
    iceberg = arguments.decimal(name("icebergQty"))
    if iceberg and time_in_force != "GTC":
        raise iceberg_needs_gtc(name("icebergQty"), name("timeInForce"))
    return NewOrder(
        symbol=arguments.text("symbol"),
        buy=buy,
        type=kind,
        time_in_force=time_in_force,
        quantity=arguments.decimal(name("quantity")),
        quote_quantity=arguments.decimal("quoteOrderQty"),
        price=arguments.decimal(name("price")),
        stop_price=arguments.decimal(name("stopPrice")),
        trailing_delta=_trailing_delta(arguments, name("trailingDelta")),
        iceberg=iceberg,
        client_id=arguments.client_id(name("newClientOrderId")) or fresh_client_id(),
        response=response,
        self_trade=SelfTrade(mode) if mode is not None else None,
        strategy_id=arguments.integer(name("strategyId")),
        strategy_type=strategy_type,
    )


def iceberg_needs_gtc(iceberg: str, time_in_force: str) -> ApiError:
    return ApiError(400, -1160, f"Parameter '{iceberg}' is not supported if '{time_in_force}' is not GTC.")


def _trailing_delta(arguments: Arguments, name: str) -> int:
    value = arguments.integer(name)
    if value == 0:
        raise illegal(name, "^[1-9][0-9]*$")
    return value or 0


def _time_in_force(arguments: Arguments, name: str, kind: str) -> str:
    if kind not in _TIMED:
        if arguments.has(name):
            raise not_required(name)
        return "GTC"
    value = arguments.text(name)
    if value not in ("GTC", "IOC", "FOK"):
        raise ApiError(400, -1115, "Invalid timeInForce.")
    return value


def _check_amounts(arguments: Arguments, names: Mapping[str, str], kind: str) -> None:
    """Which of quantity, quoteOrderQty, price, stopPrice, trailingDelta and icebergQty a type must and must
    not carry."""
    quantity, price, stop_price, trailing_delta, iceberg = (
        names.get(name, name) for name in ("quantity", "price", "stopPrice", "trailingDelta", "icebergQty")
    )
    if kind == "MARKET":
        if arguments.has(quantity) == arguments.has("quoteOrderQty"):
            raise combination() if arguments.has(quantity) else missing(quantity)
    else:
        arguments.text(quantity)
        if arguments.has("quoteOrderQty"):
            raise not_required("quoteOrderQty")
    if kind in _PRICED:
        arguments.text(price)
    elif arguments.has(price):
        raise not_required(price)
    if kind in STOPS:
        if not arguments.has(trailing_delta):
            arguments.text(stop_price)
    elif arguments.has(stop_price) or arguments.has(trailing_delta):
        raise not_required(stop_price if arguments.has(stop_price) else trailing_delta)
    if kind in MARKET_LIKE and arguments.has(iceberg):
        raise not_required(iceberg)
    pegs = (names.get(name, name) for name in ("pegPriceType", "pegOffsetType", "pegOffsetValue"))
    if any(arguments.has(name) for name in pegs):
        raise ApiError(400, -2010, "Pegged orders are not supported for this symbol.")
