"""One judgement a filter of the venue (protocol section 7): data in, refusals with the cure out."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import (
    EXACT,
    ZERO,
    add,
    ceil_to,
    divide_down,
    floor_to,
    is_multiple,
    multiply,
    nearest,
    short,
    usable,
)
from spark_tui.domain.filter_subject import FilterFailure, Subject, notional, unit
from spark_tui.domain.instrument import (
    CountLimit,
    Filter,
    IcebergParts,
    LotSize,
    MarketLotSize,
    MaxAsset,
    MaxPosition,
    MinNotional,
    Notional,
    PercentPrice,
    PercentPriceBySide,
    PriceFilter,
    TrailingDelta,
)
from spark_tui.domain.parameters import ALGO, NAMES
from spark_tui.domain.values import OrderType, Side


def judge(rule: Filter, subject: Subject) -> Iterator[FilterFailure]:
    """Every refusal of one filter; none when it passes or does not apply."""
    match rule:
        case PriceFilter():
            return _price_filter(rule, subject)
        case PercentPrice():
            return _percent_price(
                "PERCENT_PRICE", rule.multiplier_down, rule.multiplier_up, rule.avg_price_mins, subject
            )
        case PercentPriceBySide():
            buy = subject.request.side is Side.BUY
            down = rule.bid_multiplier_down if buy else rule.ask_multiplier_down
            up = rule.bid_multiplier_up if buy else rule.ask_multiplier_up
            return _percent_price("PERCENT_PRICE_BY_SIDE", down, up, rule.avg_price_mins, subject)
        case LotSize():
            return _lot_size(rule, subject)
        case MarketLotSize():
            return _market_lot_size(rule, subject)
        case MinNotional():
            return _min_notional(rule, subject)
        case Notional():
            return _notional(rule, subject)
        case IcebergParts():
            return _iceberg_parts(rule, subject)
        case TrailingDelta():
            return _trailing_delta(rule, subject)
        case MaxPosition():
            return _max_position(rule, subject)
        case CountLimit():
            return _count_limit(rule, subject)
        case MaxAsset():
            return _max_asset(rule, subject)


def precision(subject: Subject) -> Iterator[FilterFailure]:
    """The asset's own decimals, apart from tick and step (-1111 at the venue)."""
    base, quote = subject.instrument.base_precision, subject.instrument.quote_precision
    for field, places in (
        ("price", quote),
        ("stop_price", quote),
        ("quantity", base),
        ("quote_quantity", quote),
        ("iceberg_quantity", base),
    ):
        value: Decimal | None = getattr(subject.request, field)
        if value is not None and not is_multiple(value, unit(places)):
            trouble = f"has more than {places} decimals"
            yield _refusal("PRECISION", field, value, trouble, nearest(value, unit(places)))


# --- one function a filter -------------------------------------------------------------------------------


def _price_filter(rule: PriceFilter, subject: Subject) -> Iterator[FilterFailure]:
    for field in ("price", "stop_price"):
        value: Decimal | None = getattr(subject.request, field)
        if value is not None:
            yield from _grid(
                "PRICE_FILTER", field, value, rule.min_price, rule.max_price, rule.tick_size, "tick"
            )


def _percent_price(
    name: str, down: Decimal, up: Decimal, minutes: int, subject: Subject
) -> Iterator[FilterFailure]:
    price, market = subject.request.price, subject.market_price(minutes)
    if price is None or market is None:
        return
    low, high = multiply(market, down), multiply(market, up)
    if price < low:
        trouble = f"is below {short(low)}, {short(down)} times the average {short(market)}"
        yield _refusal(name, "price", price, trouble, ceil_to(low, subject.tick))
    elif up > 0 and price > high:
        trouble = f"is above {short(high)}, {short(up)} times the average {short(market)}"
        yield _refusal(name, "price", price, trouble, floor_to(high, subject.tick))


def _lot_size(rule: LotSize, subject: Subject) -> Iterator[FilterFailure]:
    bounds = (rule.min_quantity, rule.max_quantity, rule.step_size, "step")
    yield from _ordered_quantity("LOT_SIZE", subject, *bounds)
    iceberg = subject.request.iceberg_quantity
    if iceberg is not None:
        yield from _grid("LOT_SIZE", "iceberg_quantity", iceberg, *bounds)


def _market_lot_size(rule: MarketLotSize, subject: Subject) -> Iterator[FilterFailure]:
    if subject.request.type is OrderType.MARKET:
        bounds = (rule.min_quantity, rule.max_quantity, rule.step_size, "step")
        yield from _ordered_quantity("MARKET_LOT_SIZE", subject, *bounds)


def _ordered_quantity(
    name: str, subject: Subject, low: Decimal, high: Decimal, step: Decimal, word: str
) -> Iterator[FilterFailure]:
    """Quantity against a lot rule. A quantity derived from quote money is fitted to the step by the venue, so
    only its bounds count, and the cure is in quote money."""
    quantity = subject.base_quantity()
    if quantity is None:
        return
    if subject.request.quantity is not None:
        yield from _grid(name, "quantity", quantity, low, high, step, word)
        return
    asked, price = subject.request.quote_quantity, subject.market_price(1)
    assert asked is not None  # base_quantity() answered, so both are known
    assert price is not None
    cents = unit(subject.instrument.quote_precision)
    fitted = f"comes to {short(quantity)} {subject.instrument.base}"
    if quantity < low:
        cure = ceil_to(multiply(low, price), cents)
        yield _refusal(name, "quote_quantity", asked, f"{fitted}, below the least {short(low)}", cure)
    elif high > 0 and quantity > high:
        cure = floor_to(multiply(high, price), cents)
        yield _refusal(name, "quote_quantity", asked, f"{fitted}, above the most {short(high)}", cure)


def _min_notional(rule: MinNotional, subject: Subject) -> Iterator[FilterFailure]:
    if subject.request.price is not None or rule.apply_to_market:
        yield from _too_small("MIN_NOTIONAL", rule.min_notional, subject, rule.avg_price_mins)


def _notional(rule: Notional, subject: Subject) -> Iterator[FilterFailure]:
    priced = subject.request.price is not None
    if priced or rule.apply_min_to_market:
        yield from _too_small("NOTIONAL", rule.min_notional, subject, rule.avg_price_mins)
    if priced or rule.apply_max_to_market:
        yield from _too_large("NOTIONAL", rule.max_notional, subject, rule.avg_price_mins)


def _too_small(name: str, least: Decimal, subject: Subject, minutes: int) -> Iterator[FilterFailure]:
    price = subject.request.price or subject.market_price(minutes)
    worth = notional(subject.request, price)
    if worth is None or worth >= least:
        return
    trouble = _worth(worth, f"less than the least {short(least)}", subject)
    if subject.request.quantity is None or price is None:
        yield _refusal(name, "quote_quantity", worth, trouble, least)
        return
    cure = ceil_to(divide_down(least, price), subject.quantity_grid)
    yield _refusal(name, "quantity", subject.request.quantity, trouble, cure)


def _too_large(name: str, most: Decimal, subject: Subject, minutes: int) -> Iterator[FilterFailure]:
    price = subject.request.price or subject.market_price(minutes)
    worth = notional(subject.request, price)
    if most == 0 or worth is None or worth <= most:
        return
    trouble = _worth(worth, f"more than the most {short(most)}", subject)
    if subject.request.quantity is None or price is None:
        yield _refusal(name, "quote_quantity", worth, trouble, most)
        return
    cure = floor_to(divide_down(most, price), subject.quantity_grid)
    yield _refusal(name, "quantity", subject.request.quantity, trouble, cure)


def _iceberg_parts(rule: IcebergParts, subject: Subject) -> Iterator[FilterFailure]:
    iceberg, quantity = subject.request.iceberg_quantity, subject.request.quantity
    if iceberg is None or quantity is None or rule.limit == 0:
        return
    whole, rest = EXACT.divmod(quantity, iceberg)
    parts = int(whole) + (rest > 0)
    if parts > rule.limit:
        cure = ceil_to(divide_down(quantity, Decimal(rule.limit)), subject.quantity_grid)
        trouble = f"makes {parts} parts of the order, more than {rule.limit}"
        yield _refusal("ICEBERG_PARTS", "iceberg_quantity", iceberg, trouble, cure)


# stops that wait for the price to rise
ABOVE: Final = frozenset(
    {
        (OrderType.STOP_LOSS, Side.BUY),
        (OrderType.STOP_LOSS_LIMIT, Side.BUY),
        (OrderType.TAKE_PROFIT, Side.SELL),
        (OrderType.TAKE_PROFIT_LIMIT, Side.SELL),
    }
)


def _trailing_delta(rule: TrailingDelta, subject: Subject) -> Iterator[FilterFailure]:
    delta = subject.request.trailing_delta
    if delta is None:
        return
    above = (subject.request.type, subject.request.side) in ABOVE
    low = rule.min_trailing_above_delta if above else rule.min_trailing_below_delta
    high = rule.max_trailing_above_delta if above else rule.max_trailing_below_delta
    bounds = (Decimal(low), Decimal(high), ZERO, "")
    yield from _grid("TRAILING_DELTA", "trailing_delta", Decimal(delta), *bounds)


def _max_position(rule: MaxPosition, subject: Subject) -> Iterator[FilterFailure]:
    quantity, context = subject.base_quantity(), subject.context
    if subject.request.side is not Side.BUY or quantity is None or rule.max_position == 0:
        return
    if not usable(context.open_buy_quantity):
        trouble = "beside open orders whose size cannot be told; wait for a price"
        yield _refusal("MAX_POSITION", "quantity", quantity, trouble, None)
        return
    held = add(add(context.base_free, context.base_locked), context.open_buy_quantity)
    room = EXACT.subtract(rule.max_position, held)
    if quantity > room:
        trouble = f"with {short(held)} held or ordered goes beyond the position of {short(rule.max_position)}"
        cure = floor_to(room, subject.quantity_grid)
        yield _refusal("MAX_POSITION", "quantity", quantity, trouble, cure if cure > 0 else None)


# the venue's name -> (what is counted, which counter, which orders add to it: None for all)
COUNTERS: Final = {
    "MAX_NUM_ORDERS": ("open orders", "open_orders", None),
    "MAX_NUM_ALGO_ORDERS": ("open stop orders", "open_algo_orders", "algo"),
    "MAX_NUM_ICEBERG_ORDERS": ("open iceberg orders", "open_iceberg_orders", "iceberg"),
    "EXCHANGE_MAX_NUM_ORDERS": ("open orders on the account", "account_open_orders", None),
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": ("open stop orders on the account", "account_open_algo_orders", "algo"),
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": (
        "open iceberg orders on the account",
        "account_open_iceberg_orders",
        "iceberg",
    ),
}


def _count_limit(rule: CountLimit, subject: Subject) -> Iterator[FilterFailure]:
    """Counts that a single new order can exceed; amendments and order lists are not single orders."""
    what, counter, only = COUNTERS.get(rule.name, ("", "", None))
    if not counter or rule.limit == 0:
        return
    if only == "algo" and subject.request.type not in ALGO:
        return
    if only == "iceberg" and subject.request.iceberg_quantity is None:
        return
    count = getattr(subject.context, counter)
    if count + 1 > rule.limit:
        text = f"{rule.name}: {count} {what} already, the most is {rule.limit}; cancel one first"
        yield FilterFailure(filter=rule.name, text=text)


def _max_asset(rule: MaxAsset, subject: Subject) -> Iterator[FilterFailure]:
    if rule.limit == 0:
        return
    if rule.asset == subject.instrument.base:
        quantity = subject.base_quantity()
        if quantity is not None and quantity > rule.limit:
            trouble = f"is more {rule.asset} than the account may order at once"
            cure = floor_to(rule.limit, subject.step)
            yield _refusal("MAX_ASSET", "quantity", quantity, trouble, cure)
    elif rule.asset == subject.instrument.quote:
        yield from _too_large("MAX_ASSET", rule.limit, subject, 1)


# --- sentences -------------------------------------------------------------------------------------------


def _grid(
    name: str, field: str, value: Decimal, low: Decimal, high: Decimal, step: Decimal, word: str
) -> Iterator[FilterFailure]:
    """At most one refusal: below, above, or between the steps; the cure satisfies all three."""
    if value < low:
        trouble = f"is below the least {short(low)}"
    elif high > 0 and value > high:
        trouble = f"is above the most {short(high)}"
    elif not is_multiple(value, step):
        trouble = f"is not a multiple of the {word} {short(step)}"
    else:
        return
    cure = nearest(value, step) or step
    if cure < low:
        cure = ceil_to(low, step)
    elif high > 0 and cure > high:
        cure = floor_to(high, step)
    yield _refusal(name, field, value, trouble, cure)


def _worth(worth: Decimal, trouble: str, subject: Subject) -> str:
    return f"makes the order worth {short(worth)} {subject.instrument.quote}, {trouble}"


def _refusal(name: str, field: str, value: Decimal, trouble: str, cure: Decimal | None) -> FilterFailure:
    text = f"{name}: {NAMES[field]} {short(value)} {trouble}"
    if cure is not None:
        text += f"; nearest valid {NAMES[field]} {short(cure)}"
    return FilterFailure(filter=name, text=text, nearest=cure, field=field)
