"""Which fields each order type must, may and must not carry (protocol 8.1). Data, and one pass over it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import usable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, TimeInForce

NAMES: Final = {
    "price": "price",
    "stop_price": "stop price",
    "quantity": "quantity",
    "quote_quantity": "quote quantity",
    "iceberg_quantity": "iceberg quantity",
    "trailing_delta": "trailing delta",
    "time_in_force": "time in force",
    "self_trade_prevention": "self-trade prevention",
}

# Order types that wait for a trigger: the venue counts them as "algo" orders.
ALGO: Final = frozenset(
    {
        OrderType.STOP_LOSS,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
    }
)


class FieldRule(msgspec.Struct, frozen=True):
    """A field of `OrderRequest` that an order type takes. `required`: it must be given, or `alternative`
    where that is named."""

    name: str
    required: bool = False
    alternative: str = ""


_QUANTITY: Final = (FieldRule("quantity", True),)
_EITHER_QUANTITY: Final = (
    FieldRule("quantity", True, "quote_quantity"),
    FieldRule("quote_quantity", True, "quantity"),
)
_TRIGGER: Final = (
    FieldRule("stop_price", True, "trailing_delta"),
    FieldRule("trailing_delta", True, "stop_price"),
)
_PRICE: Final = (FieldRule("price", True),)
_TIME: Final = (FieldRule("time_in_force", True),)
_ICEBERG: Final = (FieldRule("iceberg_quantity"),)
_ANY: Final = (FieldRule("self_trade_prevention"),)

# The table: what each type takes, in the order a ticket asks for it. What is not in its row it does not take.
_FIELDS: Final[dict[OrderType, tuple[FieldRule, ...]]] = {
    OrderType.LIMIT: (*_QUANTITY, *_PRICE, *_TIME, *_ICEBERG, *_ANY),
    OrderType.MARKET: (*_EITHER_QUANTITY, *_ANY),
    OrderType.LIMIT_MAKER: (*_QUANTITY, *_PRICE, *_ICEBERG, *_ANY),
    OrderType.STOP_LOSS: (*_QUANTITY, *_TRIGGER, *_ANY),
    OrderType.STOP_LOSS_LIMIT: (*_QUANTITY, *_PRICE, *_TRIGGER, *_TIME, *_ICEBERG, *_ANY),
    OrderType.TAKE_PROFIT: (*_QUANTITY, *_TRIGGER, *_ANY),
    OrderType.TAKE_PROFIT_LIMIT: (*_QUANTITY, *_PRICE, *_TRIGGER, *_TIME, *_ICEBERG, *_ANY),
}


def fields_of(kind: OrderType) -> tuple[FieldRule, ...]:
    """The fields an order of this type takes, in the order a ticket asks for them."""
    return _FIELDS[kind]


def needs_time_in_force(kind: OrderType) -> bool:
    return any(rule.name == "time_in_force" for rule in _FIELDS[kind])


def check_parameters(instrument: Instrument, request: OrderRequest) -> Iterator[tuple[str, str]]:
    """(field, sentence) for everything about the order's shape that the venue would refuse unread."""
    kind = request.type
    if kind not in instrument.order_types:
        offered = ", ".join(sorted(instrument.order_types))
        yield "type", f"{instrument.symbol} does not take {kind} orders; it takes {offered}"
    given = {field for field in NAMES if getattr(request, field) is not None}
    for field in NAMES:
        value = getattr(request, field)
        if isinstance(value, Decimal | int) and not _positive(value):
            yield field, f"{NAMES[field]} {value} is not a positive number"
    asked_for: set[str] = set()
    for rule in _FIELDS[kind]:
        missing = rule.required and not given.intersection((rule.name, rule.alternative))
        if missing and rule.alternative not in asked_for:
            asked_for.add(rule.name)
            names = [NAMES[name] for name in (rule.name, rule.alternative) if name]
            yield rule.name, f"a {kind} order needs a {' or a '.join(names)}"
    welcome = {rule.name for rule in _FIELDS[kind]}
    for field in NAMES:
        if field in given and field not in welcome:
            yield field, f"a {kind} order takes no {NAMES[field]}; leave it out"
    yield from _combinations(instrument, request)


def _combinations(instrument: Instrument, request: OrderRequest) -> Iterator[tuple[str, str]]:
    symbol = instrument.symbol
    if request.quantity is not None and request.quote_quantity is not None:
        yield "quote_quantity", "give a quantity or a quote quantity, not both"
    if request.quote_quantity is not None and not instrument.quote_quantity_market_allowed:
        yield "quote_quantity", f"{symbol} takes no quote quantity; give a quantity of {instrument.base}"
    if request.trailing_delta is not None and not instrument.trailing_stop_allowed:
        yield "trailing_delta", f"{symbol} takes no trailing delta; give a stop price"
    if request.iceberg_quantity is not None:
        if not instrument.iceberg_allowed:
            yield "iceberg_quantity", f"{symbol} takes no iceberg orders; leave the iceberg quantity out"
        if request.time_in_force not in (None, TimeInForce.GTC):
            yield "time_in_force", "an iceberg order is always GTC; change the time in force"
    prevention, modes = request.self_trade_prevention, instrument.allowed_stp_modes
    if prevention is not None and modes and prevention not in modes:
        allowed = ", ".join(sorted(modes))
        yield "self_trade_prevention", f"{symbol} has no self-trade prevention {prevention}; it has {allowed}"


def _positive(value: Decimal | int) -> bool:
    return usable(value) and value > 0 if isinstance(value, Decimal) else value > 0
