"""Which fields each order type must, may and must not carry (protocol 8.1). Data, and one pass over it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

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

# What each type must carry (of alternatives, at least one), and what it may carry besides.
_TRIGGER: Final = ("stop_price", "trailing_delta")
_MUST: Final[dict[OrderType, tuple[tuple[str, ...], ...]]] = {
    OrderType.LIMIT: (("time_in_force",), ("quantity",), ("price",)),
    OrderType.MARKET: (("quantity", "quote_quantity"),),
    OrderType.LIMIT_MAKER: (("quantity",), ("price",)),
    OrderType.STOP_LOSS: (("quantity",), _TRIGGER),
    OrderType.STOP_LOSS_LIMIT: (("time_in_force",), ("quantity",), ("price",), _TRIGGER),
    OrderType.TAKE_PROFIT: (("quantity",), _TRIGGER),
    OrderType.TAKE_PROFIT_LIMIT: (("time_in_force",), ("quantity",), ("price",), _TRIGGER),
}
_MAY: Final[dict[OrderType, frozenset[str]]] = {
    OrderType.LIMIT: frozenset({"iceberg_quantity"}),
    OrderType.LIMIT_MAKER: frozenset({"iceberg_quantity"}),
    OrderType.STOP_LOSS_LIMIT: frozenset({"iceberg_quantity"}),
    OrderType.TAKE_PROFIT_LIMIT: frozenset({"iceberg_quantity"}),
}


def needs_time_in_force(kind: OrderType) -> bool:
    return ("time_in_force",) in _MUST[kind]


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
    must = _MUST[kind]
    for alternatives in must:
        if not given.intersection(alternatives):
            yield (
                alternatives[0],
                f"a {kind} order needs a {' or a '.join(NAMES[name] for name in alternatives)}",
            )
    welcome = _MAY.get(kind, frozenset()).union(*must)
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


def _positive(value: Decimal | int) -> bool:
    return usable(value) and value > 0 if isinstance(value, Decimal) else value > 0
