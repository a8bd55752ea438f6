"""The filters once more, from the protocol's section 7 alone, in Fractions: which names an order fails.

Shares nothing with the code under test but the types that hold its input.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from spark_tui.domain import instrument as i
from spark_tui.domain.filters import FilterContext
from spark_tui.domain.order import OrderRequest

STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def F(value: Decimal | int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def failed(instrument: i.Instrument, order: OrderRequest, around: FilterContext) -> set[str]:
    """Names of the filters a well-formed order fails, PRECISION among them."""
    names = set()
    places = {"price": "quote", "stop_price": "quote", "quote_quantity": "quote"}
    for field in ("price", "stop_price", "quantity", "quote_quantity", "iceberg_quantity"):
        value = F(getattr(order, field))
        digits = instrument.quote_precision if field in places else instrument.base_precision
        if value is not None and (value * 10**digits).denominator != 1:
            names.add("PRECISION")
    for rule in instrument.filters:
        name = rule.name if isinstance(rule, i.CountLimit) else rule.__struct_config__.tag
        if not _passes(rule, instrument, order, around):
            names.add(str(name))
    return names


def _average(minutes: int, around: FilterContext) -> Fraction | None:
    known = [around.average_price, around.last_price]
    if minutes == 0:
        known.reverse()
    for price in known:
        if price is not None and price > 0:
            return Fraction(price)
    return None


def _within(value: Fraction, low: Decimal, high: Decimal, step: Decimal) -> bool:
    if low and value < Fraction(low):
        return False
    if high and value > Fraction(high):
        return False
    return not step or (value / Fraction(step)).denominator == 1


def _bought(instrument: i.Instrument, order: OrderRequest, around: FilterContext) -> Fraction | None:
    """Base quantity; of a quote order what the average price makes of it, on the lot step."""
    if order.quantity is not None:
        return Fraction(order.quantity)
    price = _average(1, around)
    if price is None or order.quote_quantity is None:
        return None
    raw = Fraction(order.quote_quantity) / price
    for rule in instrument.filters:
        if isinstance(rule, i.LotSize) and rule.step_size:
            step = Fraction(rule.step_size)
            return floor(raw / step) * step
    return raw


def _worth(order: OrderRequest, minutes: int, around: FilterContext) -> Fraction | None:
    if order.quote_quantity is not None:
        return Fraction(order.quote_quantity)
    price = F(order.price) if order.price is not None else _average(minutes, around)
    return None if price is None or order.quantity is None else price * Fraction(order.quantity)


def _passes(rule: i.Filter, instrument: i.Instrument, order: OrderRequest, around: FilterContext) -> bool:
    buy = order.side == "BUY"
    if isinstance(rule, i.PriceFilter):
        prices = [F(p) for p in (order.price, order.stop_price)]
        return all(p is None or _within(p, rule.min_price, rule.max_price, rule.tick_size) for p in prices)
    if isinstance(rule, i.PercentPrice | i.PercentPriceBySide):
        average, price = _average(rule.avg_price_mins, around), F(order.price)
        if price is None or average is None:
            return True
        if isinstance(rule, i.PercentPrice):
            down, up = rule.multiplier_down, rule.multiplier_up
        elif buy:
            down, up = rule.bid_multiplier_down, rule.bid_multiplier_up
        else:
            down, up = rule.ask_multiplier_down, rule.ask_multiplier_up
        return average * Fraction(down) <= price and (not up or price <= average * Fraction(up))
    if isinstance(rule, i.LotSize | i.MarketLotSize):
        if isinstance(rule, i.MarketLotSize) and order.type != "MARKET":
            return True
        quantity = _bought(instrument, order, around)
        step = rule.step_size if order.quantity is not None else Decimal(0)
        good = quantity is None or _within(quantity, rule.min_quantity, rule.max_quantity, step)
        iceberg = F(order.iceberg_quantity)
        if isinstance(rule, i.LotSize) and iceberg is not None:
            good = good and _within(iceberg, rule.min_quantity, rule.max_quantity, rule.step_size)
        return good
    if isinstance(rule, i.MinNotional):
        worth = _worth(order, rule.avg_price_mins, around)
        applies = order.price is not None or rule.apply_to_market
        return not applies or worth is None or worth >= Fraction(rule.min_notional)
    if isinstance(rule, i.Notional):
        worth = _worth(order, rule.avg_price_mins, around)
        if worth is None:
            return True
        at_least = order.price is not None or rule.apply_min_to_market
        at_most = (order.price is not None or rule.apply_max_to_market) and rule.max_notional
        return not (at_least and worth < Fraction(rule.min_notional)) and not (
            at_most and worth > Fraction(rule.max_notional)
        )
    if isinstance(rule, i.IcebergParts):
        if order.iceberg_quantity is None or order.quantity is None or not rule.limit:
            return True
        return ceil(Fraction(order.quantity) / Fraction(order.iceberg_quantity)) <= rule.limit
    if isinstance(rule, i.TrailingDelta):
        if order.trailing_delta is None:
            return True
        above = (order.type.startswith("STOP")) == buy
        low = rule.min_trailing_above_delta if above else rule.min_trailing_below_delta
        high = rule.max_trailing_above_delta if above else rule.max_trailing_below_delta
        return low <= order.trailing_delta and (not high or order.trailing_delta <= high)
    if isinstance(rule, i.MaxPosition):
        quantity = _bought(instrument, order, around)
        held = sum(
            map(Fraction, (around.base_free, around.base_locked, around.open_buy_quantity)), Fraction(0)
        )
        return not buy or not rule.max_position or quantity is None or held + quantity <= rule.max_position
    if isinstance(rule, i.MaxAsset):
        if rule.asset == instrument.base:
            amount = _bought(instrument, order, around)
        elif rule.asset == instrument.quote:
            amount = _worth(order, 1, around)
        else:
            amount = None
        return not rule.limit or amount is None or amount <= Fraction(rule.limit)
    counted = {
        "MAX_NUM_ORDERS": around.open_orders,
        "EXCHANGE_MAX_NUM_ORDERS": around.account_open_orders,
        "MAX_NUM_ALGO_ORDERS": around.open_algo_orders if order.type in STOPS else -1,
        "EXCHANGE_MAX_NUM_ALGO_ORDERS": around.account_open_algo_orders if order.type in STOPS else -1,
        "MAX_NUM_ICEBERG_ORDERS": around.open_iceberg_orders if order.iceberg_quantity else -1,
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": around.account_open_iceberg_orders
        if order.iceberg_quantity
        else -1,
    }.get(rule.name, -1)
    return counted < rule.limit or not rule.limit or counted < 0
