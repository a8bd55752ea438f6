"""Rules about how many and how fast. Cancels are counted and never refused: too many of them hold back new
orders, so that a loop of order and cancel ends while the way out stays open."""

from decimal import Decimal

from spark_tui.domain.decimals import add, short
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.common import counted
from spark_tui.domain.risk.context import Around, RiskContext
from spark_tui.domain.risk.verdict import Used, Verdict, accept, refuse
from spark_tui.domain.rules import Rule

_ONE = Decimal(1)


def max_open_orders(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    count, most = counted(rule, context.around), rule.limit
    if count is None or most is None:
        return refuse(rule, "how many orders are open cannot be told; wait for the venue", Used(None, most))
    of = Used(add(count, _ONE), most)
    if add(count, _ONE) > most:
        text = f"{_many(count, 'order is', 'orders are')} open, the most is {short(most)}; cancel one first"
        return refuse(rule, text, of)
    return accept(rule, "below the most", of)


def max_order_rate(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    count, most = counted(rule, context.around), rule.limit
    if count is None or most is None:
        return refuse(rule, "how many orders were sent cannot be told; wait a moment", Used(None, most))
    of = Used(add(count, _ONE), most, _per(rule))
    if add(count, _ONE) > most:
        text = f"{_many(count, 'order', 'orders')} in the last {rule.window_s} s, the most is {short(most)}"
        return refuse(rule, f"{text}; wait a moment", of)
    return accept(rule, "below the rate", of)


def max_cancel_rate(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    count, most = counted(rule, context.around), rule.limit
    if count is None or most is None:
        return refuse(rule, "how many cancels were sent cannot be told; wait a moment", Used(None, most))
    of = Used(count, most, _per(rule))
    if count > most:
        text = f"{_many(count, 'cancel', 'cancels')} in the last {rule.window_s} s, the most is {short(most)}"
        return refuse(rule, f"{text}; new orders wait, cancels do not", of)
    return accept(rule, "below the rate", of)


def gauge(rule: Rule, around: Around) -> Verdict:
    """What is used of it now, without any order."""
    count, most = counted(rule, around), rule.limit
    of = Used(count, most, _per(rule))
    if count is None or most is None:
        return refuse(rule, "it cannot be told now", of)
    return accept(rule, "within the limit", of) if count <= most else refuse(rule, "over the limit", of)


def _many(count: Decimal, one: str, more: str) -> str:
    return f"{short(count)} {one if count == _ONE else more}"


def _per(rule: Rule) -> str:
    return f"/{rule.window_s} s" if rule.window_s else ""
