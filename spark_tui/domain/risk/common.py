"""Arithmetic that several rules share. What is missing or no number ends in None or zero, never in a pass."""

from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import EXACT, ZERO, ceil_to, divide_down, multiply, rounded, short, usable
from spark_tui.domain.filter_subject import notional
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.context import Around, Measure, RiskContext
from spark_tui.domain.rules import Rule
from spark_tui.domain.slippage import takes
from spark_tui.domain.values import OrderType, Side

_SMALLEST: Final = Decimal("1e-8")
_BP: Final = Decimal(10_000)


def is_price(value: Decimal | None) -> bool:
    return value is not None and usable(value) and value > 0


def expected_price(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """The price the order is judged at: its own limit, else its trigger, else the top it would meet; None
    where that is no price."""
    top = context.ask if request.side is Side.BUY else context.bid
    for price in (request.price, request.stop_price, top):
        if price is not None:
            return price if is_price(price) else None
    return None


def worth(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """Quote money, None unless it is a positive number."""
    if not all(value is None or is_price(value) for value in (request.quantity, request.quote_quantity)):
        return None
    price = expected_price(request, context)
    return None if price is None else notional(request, price)


def most_worth(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """Quote money the order can move at most: what sells now gets the bid where that is above its limit, what
    waits for a trigger may trade there, a market order pays what the book asks, and a trailing stop that buys
    may follow the price up by its distance."""
    money, price = worth(request, context), expected_price(request, context)
    if money is None or price is None or request.quantity is None:
        return money
    prices = [price]
    if request.side is Side.SELL:
        prices += [one for one in (request.stop_price, context.bid if takes(request) else None) if one]
    elif request.type is OrderType.MARKET:
        if context.taken is None or context.taken.short:
            return None
        prices += [context.taken.average] if context.taken.average is not None else []
    elif request.price is None and request.trailing_delta is not None:
        prices.append(multiply(price, EXACT.add(1, Decimal(request.trailing_delta) / _BP)))
    return multiply(request.quantity, max(prices)) if all(is_price(one) for one in prices) else None


def quantity_of(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """Base quantity the order trades; what is sized in quote money at the price it is judged at, or at the
    book's where a sale gets less there and so takes more."""
    money = worth(request, context)
    if money is None or request.quantity is not None:
        return None if money is None else request.quantity
    price, taken = expected_price(request, context), context.taken
    if request.side is Side.SELL and taken is not None and price is not None:
        average = price if taken.average is None else taken.average
        price = None if taken.short or not is_price(average) else min(price, average)
    return None if price is None else ceil_to(divide_down(money, price), _SMALLEST)


def reducible(request: OrderRequest, context: RiskContext) -> Decimal:
    """Base quantity this side may trade without opening risk: what closes the position; with none, what is
    held may be sold. What is open on the same side has its share already."""
    held, sells = context.position, request.side is Side.SELL
    if not (usable(held) and usable(context.open_exposure)):
        return ZERO
    if held == 0 and sells:
        free = context.balances_free.get(context.base, ZERO)
        return free if usable(free) and free > 0 else ZERO  # free already excludes what open orders hold
    room = EXACT.subtract(held.copy_abs(), context.open_exposure) if (held > 0) is sells else ZERO
    return max(room, ZERO)


def reduces(request: OrderRequest, context: RiskContext) -> bool:
    """Whether the order opens no risk. One sized in quote money cannot be told."""
    quantity = request.quantity
    return quantity is not None and usable(quantity) and quantity <= reducible(request, context)


def counted(rule: Rule, around: Around) -> Decimal | None:
    """What was counted for the rule; None while that, or its limit, is no number."""
    value = around.measures.get(rule.id, Measure(value=None)).value
    known = value is not None and usable(value) and rule.limit is not None and usable(rule.limit)
    return value if known else None


def brief(value: Decimal) -> str:
    """A figure for a sentence: at most eight decimals, no trailing zeros."""
    return short(rounded(value, 8)) if usable(value) else str(value)
