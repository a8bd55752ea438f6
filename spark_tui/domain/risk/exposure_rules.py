"""Rules about what is held, and what open orders may still make of it at the worst.

An order that makes none of it larger passes, however far a limit is overstepped already: a way out of a
position is never shut.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, multiply, usable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.common import brief, is_price, quantity_of
from spark_tui.domain.risk.context import Around, Exposure, RiskContext
from spark_tui.domain.risk.verdict import NO_FIGURE, Used, Verdict, accept, refuse, shown
from spark_tui.domain.rules import Rule, RuleKind, unit_words
from spark_tui.domain.values import Side

Held = tuple[Exposure, ...]


def judge(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    """The worst that may come of it with the order, against the limit and against what is without it."""
    around = context.around
    unit = unit_words(rule, (context.base, context.quote), around.currency)
    before, after = _parts(rule, around.exposures, request), None
    quantity = quantity_of(request, context)
    if quantity is not None:
        after = _with(before, request, quantity)
    now = None if before is None else measure(rule, before, around)
    then = None if after is None else measure(rule, after, around)
    most = rule.limit
    if then is None or most is None or not usable(most):
        if now is None and quantity is not None and _shrinks(before, after):
            return accept(rule, "makes no position larger", Used(None, most, unit))
        code = "" if quantity is None else NO_FIGURE
        return refuse(rule, _missing(rule, around), Used(None, most, unit), code=code)
    of = Used(shown(then), most, unit) if _is_money(rule) else Used(then, most, unit)
    if then > most and (now is None or then > now):
        could = f"{_WORDS[rule.kind]} could come to {brief(of.used or then)} {unit}"
        return refuse(rule, f"{could}, the most is {brief(most)} {unit}; order less", of)
    return accept(rule, "within the limit" if then <= most else "makes no position larger", of)


def gauge(rule: Rule, around: Around) -> Verdict:
    """What is used of it now, without any order; of a rule about single instruments the largest."""
    unit, most = around.unit(rule), rule.limit
    inside = _inside(rule, around.exposures)
    rows = [(one,) for one in inside] if rule.kind in _SINGLE else [inside]
    if rule.kind is RuleKind.MAX_SYMBOL_EXPOSURE:
        names = dict.fromkeys(one.symbol for one in inside)
        rows = [tuple(one for one in inside if one.symbol == name) for name in names]
    amounts = [measure(rule, row, around) for row in rows] or [ZERO]
    known = [amount for amount in amounts if amount is not None]
    if most is None or len(known) < len(amounts):
        return refuse(rule, _missing(rule, around), Used(None, most, unit))
    used = max(known)
    of = Used(shown(used) if _is_money(rule) else used, most, unit)
    return accept(rule, "within the limit", of) if used <= most else refuse(rule, "over the limit", of)


def measure(rule: Rule, held: Held, around: Around) -> Decimal | None:
    """What the rule limits; None while it cannot be told."""
    return _MEASURES[rule.kind](held, around)


# --- one function a rule ---------------------------------------------------------------------------------


def position_quantity(held: Held, around: Around) -> Decimal | None:
    return _sum(size(one) for one in held)


def position_notional(held: Held, around: Around) -> Decimal | None:
    return _sum(_times(size(one), one.price) for one in held)


def position_share(held: Held, around: Around) -> Decimal | None:
    """Percent of equity."""
    value = gross_exposure(held, around)
    ratio = _ratio(value, around)
    return None if ratio is None else multiply(ratio, Decimal(100))


def gross_exposure(held: Held, around: Around) -> Decimal | None:
    return _sum(_value(size(one), one) for one in held)


def net_exposure(held: Held, around: Around) -> Decimal | None:
    """The larger of all long and all short ends, with sign: what cancels out does not count."""
    highs = _sum(_value(high(one), one) for one in held)
    lows = _sum(_value(low(one), one) for one in held)
    return None if highs is None or lows is None else max(highs.copy_abs(), lows.copy_abs())


def leverage(held: Held, around: Around) -> Decimal | None:
    """Times equity."""
    return _ratio(gross_exposure(held, around), around)


# --- arithmetic ------------------------------------------------------------------------------------------


def high(one: Exposure) -> Decimal | None:
    """What is held once every buy has traded and no sell."""
    if not (usable(one.quantity) and usable(one.buys)):
        return None
    total = add(one.quantity, one.buys)
    return total if one.can_short else max(total, ZERO)


def low(one: Exposure) -> Decimal | None:
    """What is held once every sell has traded and no buy. Where nothing can be sold short it ends at none."""
    if not (usable(one.quantity) and usable(one.sells)):
        return None
    total = EXACT.subtract(one.quantity, one.sells)
    return total if one.can_short else max(total, ZERO)


def size(one: Exposure) -> Decimal | None:
    """The largest the position can become, either way."""
    up, down = high(one), low(one)
    return None if up is None or down is None else max(up.copy_abs(), down.copy_abs())


def _value(amount: Decimal | None, one: Exposure) -> Decimal | None:
    return _times(_times(amount, one.price), one.rate)


def _times(amount: Decimal | None, price: Decimal | None) -> Decimal | None:
    """Nothing is worth nothing at any price; anything else needs one."""
    if amount is None or amount == 0:
        return amount
    return multiply(amount, price) if price is not None and is_price(price) else None


def _ratio(value: Decimal | None, around: Around) -> Decimal | None:
    if value is None or around.equity is None or not is_price(around.equity):
        return None
    return EXACT.divide(value, around.equity)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for value in values:
        if value is None:
            return None
        total = add(total, value)
    return total


def _inside(rule: Rule, held: Held) -> Held:
    """Strategies trade one account: its positions are not told apart by them."""
    scope = rule.scope
    return tuple(one for one in held if scope.venue in ("", one.venue) and scope.symbol in ("", one.symbol))


def _parts(rule: Rule, held: Held, request: OrderRequest) -> Held | None:
    """What the rule looks at for this order; None when the order's own instrument is not among it."""
    inside = _inside(rule, held)
    if rule.kind in _SINGLE:
        inside = tuple(one for one in inside if _is_own(one, request))
    elif rule.kind is RuleKind.MAX_SYMBOL_EXPOSURE:
        inside = tuple(one for one in inside if one.symbol == request.symbol)
    return inside if any(_is_own(one, request) for one in inside) else None


def _is_own(one: Exposure, request: OrderRequest) -> bool:
    return one.venue == request.venue and one.symbol == request.symbol


def _with(held: Held | None, request: OrderRequest, quantity: Decimal) -> Held | None:
    if held is None:
        return None
    return tuple(_grown(one, request.side, quantity) if _is_own(one, request) else one for one in held)


def _grown(one: Exposure, side: Side, quantity: Decimal) -> Exposure:
    name = "buys" if side is Side.BUY else "sells"
    open_now: Decimal = getattr(one, name)
    if not usable(open_now):
        return one
    return msgspec.structs.replace(one, **{name: add(open_now, quantity)})


def _shrinks(before: Held | None, after: Held | None) -> bool:
    """Whether no position can become larger, which needs no price to be told."""
    if before is None or after is None:
        return False
    sizes = [(size(one), size(other)) for one, other in zip(before, after, strict=True)]
    return all(now is not None and then is not None and then <= now for now, then in sizes)


def _missing(rule: Rule, around: Around) -> str:
    if rule.kind in (RuleKind.MAX_LEVERAGE, RuleKind.MAX_POSITION_SHARE) and not is_price(around.equity):
        return f"{_WORDS[rule.kind]} cannot be told without the account's equity; wait for prices"
    return f"{_WORDS[rule.kind]} cannot be told; give a quantity and wait for prices"


def _is_money(rule: Rule) -> bool:
    return rule.kind is not RuleKind.MAX_POSITION_QUANTITY


_MEASURES: Final[dict[RuleKind, Callable[[Held, Around], Decimal | None]]] = {
    RuleKind.MAX_POSITION_QUANTITY: position_quantity,
    RuleKind.MAX_POSITION_NOTIONAL: position_notional,
    RuleKind.MAX_POSITION_SHARE: position_share,
    RuleKind.MAX_SYMBOL_EXPOSURE: gross_exposure,
    RuleKind.MAX_GROSS_EXPOSURE: gross_exposure,
    RuleKind.MAX_NET_EXPOSURE: net_exposure,
    RuleKind.MAX_LEVERAGE: leverage,
}
EXPOSURE_KINDS: Final = frozenset(_MEASURES)
_SINGLE: Final = frozenset(
    {RuleKind.MAX_POSITION_QUANTITY, RuleKind.MAX_POSITION_NOTIONAL, RuleKind.MAX_POSITION_SHARE}
)
_WORDS: Final = {
    RuleKind.MAX_POSITION_QUANTITY: "the position",
    RuleKind.MAX_POSITION_NOTIONAL: "the position",
    RuleKind.MAX_POSITION_SHARE: "the position's share of equity",
    RuleKind.MAX_SYMBOL_EXPOSURE: "exposure to the symbol",
    RuleKind.MAX_GROSS_EXPOSURE: "gross exposure",
    RuleKind.MAX_NET_EXPOSURE: "net exposure",
    RuleKind.MAX_LEVERAGE: "leverage",
}
