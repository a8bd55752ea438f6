"""The one gate: every rule answers, in a fixed order, and none hides another."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import always, count_rules, exposure_rules, order_rules, standing
from spark_tui.domain.risk.context import Around, RiskContext
from spark_tui.domain.risk.verdict import Used, Verdict, accept
from spark_tui.domain.rules import KINDS, Rule, RuleKind

_JUDGES: Final[Mapping[RuleKind, Callable[[Rule, OrderRequest, RiskContext], Verdict]]] = {
    RuleKind.MAX_ORDER_NOTIONAL: order_rules.max_order_notional,
    RuleKind.MIN_ORDER_NOTIONAL: order_rules.min_order_notional,
    RuleKind.MAX_ORDER_QUANTITY: order_rules.max_order_quantity,
    RuleKind.PRICE_BAND: order_rules.price_band,
    RuleKind.MAX_SLIPPAGE: order_rules.max_slippage,
    RuleKind.SYMBOLS: order_rules.symbols,
    **dict.fromkeys(exposure_rules.EXPOSURE_KINDS, exposure_rules.judge),
    RuleKind.MAX_OPEN_ORDERS: count_rules.max_open_orders,
    RuleKind.MAX_ORDER_RATE: count_rules.max_order_rate,
    RuleKind.MAX_CANCEL_RATE: count_rules.max_cancel_rate,
    **{kind: standing.judge for kind, facts in KINDS.items() if facts.standing},
}
_COUNTS: Final = frozenset({RuleKind.MAX_OPEN_ORDERS, RuleKind.MAX_ORDER_RATE, RuleKind.MAX_CANCEL_RATE})


def check(request: OrderRequest, context: RiskContext, rules: Iterable[Rule]) -> tuple[Verdict, ...]:
    """Every verdict, in the order the ticket shows them. Never raises over what an order carries."""
    return (
        always.trading_state(request, context),
        always.reconciling(context),
        always.live_armed(context),
        always.symbol_trading(request, context),
        always.book(request, context),
        *always.of_filters(context.filter_failures),
        *(
            _JUDGES[rule.kind](rule, request, context)
            for rule in rules
            if concerns(rule, request, context.strategy)
        ),
        always.balance(request, context),
    )


def concerns(rule: Rule, request: OrderRequest, strategy: str) -> bool:
    """Whether the rule judges this order."""
    return rule.enabled and rule.scope.covers(request.venue, request.symbol, strategy)


def gauge(rule: Rule, around: Around) -> Verdict:
    """What a rule says without any order: how much of it is used now, where that has a meaning."""
    if rule.kind in exposure_rules.EXPOSURE_KINDS:
        return exposure_rules.gauge(rule, around)
    if rule.kind in _COUNTS:
        return count_rules.gauge(rule, around)
    if KINDS[rule.kind].standing:
        return standing.gauge(rule, around)
    return accept(rule, "asked of every order", Used(None, rule.limit, around.unit(rule)))
