"""Amend, keeping priority (protocol 9): an order may shrink in its place, and only so often."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain import filters, lifecycle
from spark_tui.domain.decimals import short, usable
from spark_tui.domain.filter_subject import FilterContext, FilterFailure
from spark_tui.domain.instrument import CountLimit, Instrument
from spark_tui.domain.order import Order

# what a smaller quantity can break; the other filters judged the order when it was placed
_SIZE_RULES: Final = frozenset(
    {"LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "MIN_NOTIONAL", "PRECISION", "PARAMETERS"}
)


def check_amend(
    instrument: Instrument, order: Order, quantity: Decimal, context: FilterContext
) -> tuple[FilterFailure, ...]:
    """What speaks against shrinking `order` to `quantity` in total, filled included; empty when nothing does.
    `context` needs prices only."""
    bounds = tuple(_bounds(instrument, order, quantity))
    return bounds or tuple(_rules(instrument, order, quantity, context))


def _bounds(instrument: Instrument, order: Order, quantity: Decimal) -> Iterator[FilterFailure]:
    total = lifecycle.asked(order)
    if not instrument.amend_allowed:
        yield _failure("AMEND_ALLOWED", f"{instrument.symbol} takes no amends; replace the order")
    if total is None:
        yield _failure("AMEND_QUANTITY", "an order sized in quote money cannot be amended; replace it")
        return
    filled = max(order.filled, order.venue_filled or Decimal(0))
    if not (usable(quantity) and 0 < quantity < total):
        text = f"the new quantity must be above 0 and below the {short(total)} it is now"
        yield _failure("AMEND_QUANTITY", f"{text}; to enlarge it, replace the order", "quantity")
    elif quantity <= filled:
        text = f"{short(filled)} are filled; amend to more than that, or cancel the rest"
        yield _failure("AMEND_QUANTITY", text, "quantity")


def _rules(
    instrument: Instrument, order: Order, quantity: Decimal, context: FilterContext
) -> Iterator[FilterFailure]:
    smaller = msgspec.structs.replace(order.request, quantity=quantity)
    for failure in filters.check(instrument, smaller, context):
        if failure.filter in _SIZE_RULES:
            yield failure
    for rule in instrument.filters:
        if isinstance(rule, CountLimit) and rule.name == "MAX_NUM_ORDER_AMENDS":
            count = len(order.amendments)
            if rule.limit and count + 1 > rule.limit:
                text = f"amended {count} times already, the most is {rule.limit}; replace the order"
                yield _failure(rule.name, text)


def _failure(name: str, text: str, field: str = "") -> FilterFailure:
    return FilterFailure(filter=name, text=f"{name}: {text}", field=field)
