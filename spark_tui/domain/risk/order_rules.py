"""Rules about the order itself: its size, its price and its instrument."""

from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import EXACT, divide_down, multiply, short, usable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.common import expected_price, is_price, most_worth, quantity_of, worth
from spark_tui.domain.risk.context import RiskContext
from spark_tui.domain.risk.verdict import Used, Verdict, accept, refuse, shown
from spark_tui.domain.rules import Rule
from spark_tui.domain.slippage import slippage_bp, takes

_NO_WORTH: Final = "what the order is worth cannot be told; give a quantity and wait for a price"


def max_order_notional(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    money, most = most_worth(request, context), rule.limit
    if money is None or most is None or not usable(most):
        return refuse(rule, _NO_WORTH, Used(None, most, context.quote))
    of = Used(money, most, context.quote)
    if money > most:
        text = f"the order is worth {short(money)} {context.quote}, the cap is {short(most)}; order less"
        return refuse(rule, text, of)
    return accept(rule, "below the cap", of)


def min_order_notional(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    money, least = worth(request, context), rule.limit
    if money is None or least is None or not usable(least):
        return refuse(rule, _NO_WORTH, Used(None, least, context.quote))
    of = Used(money, least, context.quote)
    if money < least:
        text = f"the order is worth {short(money)} {context.quote}, the floor is {short(least)}; order more"
        return refuse(rule, text, of)
    return accept(rule, "above the floor", of)


def max_order_quantity(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    quantity, most = quantity_of(request, context), rule.limit
    if quantity is None or most is None or not usable(most):
        text = "how much is ordered cannot be told; give a quantity and wait for a price"
        return refuse(rule, text, Used(None, most, context.base))
    of = Used(quantity, most, context.base)
    if quantity > most:
        text = f"{short(quantity)} {context.base} are ordered, the most is {short(most)}; order less"
        return refuse(rule, text, of)
    return accept(rule, "small enough", of)


def price_band(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    band, mid = rule.limit, context.mid
    price = expected_price(request, context)
    if mid is None or not is_price(mid) or price is None or band is None or not usable(band):
        text = "the distance from the market cannot be told; wait for a price"
        return refuse(rule, text, Used(None, band, "%"))
    distance = divide_down(multiply(EXACT.subtract(price, mid).copy_abs(), Decimal(100)), mid)
    of = Used(shown(distance), band, "%")
    if distance > band:
        away = short(shown(distance))
        text = f"price {short(price)} is {away} % from mid {short(mid)}, the band is {short(band)} %"
        return refuse(rule, f"{text}; move it closer", of)
    return accept(rule, "within the band", of)


def max_slippage(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    """By the real book; what would rest, or waits for a trigger, takes nothing now."""
    most, mid, taken = rule.limit, context.mid, context.taken
    if not takes(request):
        return accept(rule, "takes nothing from the book", Used(None, most, "bp"))
    if most is None or not usable(most) or mid is None or not is_price(mid) or taken is None:
        return refuse(rule, "what it would slip cannot be told; wait for the book", Used(None, most, "bp"))
    if taken.short:
        text = "the book does not hold that much, so what it would slip cannot be told; order less"
        return refuse(rule, text, Used(None, most, "bp"))
    if taken.average is None:
        return accept(rule, "takes nothing from the book", Used(None, most, "bp"))
    slip = slippage_bp(request, taken.average, mid)
    of = Used(max(shown(slip), Decimal(0)), most, "bp")
    if slip > most:
        text = f"it would trade {short(shown(slip))} bp worse than mid, the most is {short(most)}"
        return refuse(rule, f"{text}; order less, or with a limit price", of)
    return accept(rule, "within the book", of)


def symbols(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    if request.symbol not in rule.symbols:
        allowed = ", ".join(sorted(rule.symbols))
        return refuse(rule, f"{request.symbol} is not on the list of symbols: {allowed}")
    return accept(rule, f"{request.symbol} may be traded")
