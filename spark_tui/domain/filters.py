"""The venue's order filters (protocol section 7) and mandatory parameters (8.1): check an order, fit it.

A bound or step of 0 is no rule. Where a filter needs a market price and none is known it is left to the
venue, which refuses definitely. Orders without a price are judged at the average, as the venue does.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import ZERO, ceil_to, floor_to, nearest, short, usable
from spark_tui.domain.filter_rules import judge, precision
from spark_tui.domain.filter_subject import FilterContext, FilterFailure, Subject, notional, unit
from spark_tui.domain.instrument import Instrument, LotSize, MarketLotSize, PriceFilter
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.parameters import NAMES, check_parameters, needs_time_in_force
from spark_tui.domain.values import OrderType, Side, TimeInForce

__all__ = ["FilterContext", "FilterFailure", "check", "notional", "price_tick", "quantise", "quantity_step"]


def check(instrument: Instrument, request: OrderRequest, context: FilterContext) -> tuple[FilterFailure, ...]:
    """Every refusal the venue would give, in the instrument's own order of filters; empty when all pass."""
    malformed = tuple(
        FilterFailure(filter="PARAMETERS", text=text, field=field)
        for field, text in check_parameters(instrument, request)
    )
    if malformed:
        return malformed  # the filters can only judge a well-formed order
    tick, step = price_tick(instrument) or ZERO, quantity_step(instrument) or ZERO
    subject = Subject(instrument, request, context, tick, step)
    failures = list(precision(subject))
    for rule in instrument.filters:
        failures.extend(judge(rule, subject))
    return tuple(failures)


def quantise(instrument: Instrument, request: OrderRequest) -> tuple[OrderRequest, tuple[str, ...]]:
    """The order on the instrument's grid, and a sentence for each value that moved.

    Never against the operator: a BUY price goes down to the tick and a SELL price up, a stop price to the
    nearest tick, quantities down to the step. A value the grid would make 0 is left for `check` to refuse.
    A missing time in force becomes GTC where the type needs one.
    """
    tick, step = price_tick(instrument) or ZERO, quantity_step(instrument) or ZERO
    cents = unit(instrument.quote_precision)
    better = floor_to if request.side is Side.BUY else ceil_to
    moves = (
        ("price", tick, better, "the tick"),
        ("stop_price", tick, nearest, "the tick"),
        ("quantity", step, floor_to, "the step"),
        ("quantity", _market_step(instrument, request), floor_to, "the market step"),
        ("quote_quantity", cents, floor_to, "its precision"),
        ("iceberg_quantity", step, floor_to, "the step"),
    )
    sentences = []
    fitted = request
    for field, grid, fit, word in moves:
        moved = _fit(getattr(fitted, field), grid, fit)
        if moved is not None:
            was, now = short(getattr(fitted, field)), short(moved)
            sentences.append(f"{NAMES[field]} {was} becomes {now}, a multiple of {word} {short(grid)}")
            fitted = msgspec.structs.replace(fitted, **{field: moved})
    if fitted.time_in_force is None and needs_time_in_force(fitted.type):
        fitted = msgspec.structs.replace(fitted, time_in_force=TimeInForce.GTC)
    return fitted, tuple(sentences)


def price_tick(instrument: Instrument) -> Decimal | None:
    """The instrument's price step, None where it has none."""
    for rule in instrument.filters:
        if isinstance(rule, PriceFilter) and rule.tick_size > 0:
            return rule.tick_size
    return None


def quantity_step(instrument: Instrument) -> Decimal | None:
    """The instrument's quantity step, None where it has none."""
    for rule in instrument.filters:
        if isinstance(rule, LotSize) and rule.step_size > 0:
            return rule.step_size
    return None


def _market_step(instrument: Instrument, request: OrderRequest) -> Decimal:
    if request.type is OrderType.MARKET:
        for rule in instrument.filters:
            if isinstance(rule, MarketLotSize):
                return rule.step_size
    return ZERO


def _fit(value: Decimal | None, grid: Decimal, fit: Callable[[Decimal, Decimal], Decimal]) -> Decimal | None:
    """The value on the grid, None where it need not or cannot move."""
    if value is None or not usable(value):
        return None
    moved = fit(value, grid)
    return None if moved == value or moved == 0 else moved
