"""Rules that can break without any order: losses, drawdown, streaks, hours. The engine watches them, and the
gate asks them about every order all the same."""

from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import EXACT, ZERO, multiply, short
from spark_tui.domain.hours import parse_hours
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.common import brief, counted, is_price, reduces
from spark_tui.domain.risk.context import Around, Measure, RiskContext
from spark_tui.domain.risk.verdict import NO_FIGURE, Used, Verdict, accept, refuse, shown
from spark_tui.domain.rules import KINDS, Rule, RuleEffect, RuleKind

_ONE_OF: Final = {RuleKind.LOSS_STREAK: "loss", RuleKind.REJECT_STREAK: "refusal"}


def judge(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
    """Where a broken rule only reduces, what opens no risk passes."""
    verdict = gauge(rule, context.around)
    if verdict.ok or rule.effect is not RuleEffect.REDUCE_ONLY or not reduces(request, context):
        return verdict
    of = Used(verdict.used, verdict.allowed, verdict.unit)
    return accept(rule, "only what opens no risk may leave, as this order does", of)


def gauge(rule: Rule, around: Around) -> Verdict:
    """What the rule says now, without any order."""
    match rule.kind:
        case RuleKind.TRADING_HOURS:
            return trading_hours(rule, around)
        case RuleKind.MAX_DAILY_LOSS_SHARE:
            return max_daily_loss_share(rule, around)
        case RuleKind.LOSS_STREAK | RuleKind.REJECT_STREAK:
            return streak(rule, around)
        case RuleKind.MAX_DAILY_LOSS:
            return max_daily_loss(rule, around)
        case _:
            return max_drawdown(rule, around)


def is_blind(rule: Rule, around: Around) -> bool:
    """Whether the rule refuses only because its figure is missing: it must not be taken for broken."""
    if rule.kind is RuleKind.TRADING_HOURS:
        return False
    equity = rule.kind is RuleKind.MAX_DAILY_LOSS_SHARE and not is_price(around.equity)
    return equity or counted(rule, around) is None


def max_daily_loss(rule: Rule, around: Around) -> Verdict:
    loss, most = counted(rule, around), rule.limit
    if loss is None or most is None:
        return _untold(rule, around, around.currency)
    of = Used(max(loss, ZERO), most, around.currency)
    if loss >= most:
        text = f"{brief(loss)} {around.currency} were lost today, the most is {short(most)}"
        return refuse(rule, f"{text}; no more risk until tomorrow", of)
    return accept(rule, "within the day's loss", of)


def max_daily_loss_share(rule: Rule, around: Around) -> Verdict:
    """Percent of what the day began with: equity now, and what was lost since."""
    loss, most, equity = counted(rule, around), rule.limit, around.equity
    if loss is None or most is None or equity is None or not is_price(equity):
        return _untold(rule, around, "%")
    began = EXACT.add(equity, max(loss, ZERO))
    share = EXACT.divide(multiply(loss, Decimal(100)), began)
    of = Used(max(shown(share), ZERO), most, "%")
    if share >= most:
        text = f"{short(of.used or share)} % were lost today, the most is {short(most)} %"
        return refuse(rule, f"{text}; no more risk until tomorrow", of)
    return accept(rule, "within the day's loss", of)


def max_drawdown(rule: Rule, around: Around) -> Verdict:
    fall, most = counted(rule, around), rule.limit
    if fall is None or most is None:
        return _untold(rule, around, "%")
    of = Used(shown(max(fall, ZERO)), most, "%")
    if fall >= most:
        text = f"equity is {short(of.used or fall)} % below its peak, the most is {short(most)} %"
        return refuse(rule, f"{text}; find out why before going on", of)
    return accept(rule, "near enough to the peak", of)


def streak(rule: Rule, around: Around) -> Verdict:
    """So many in a row, and the cool-down since the latest is not over."""
    count, most = counted(rule, around), rule.limit
    measure = around.measures.get(rule.id)
    if count is None or most is None or measure is None or rule.window_s is None:
        return _untold(rule, around, "")
    of = Used(count, most)
    said = _many(rule, count)
    if count < most:
        return accept(rule, said, of)
    if measure.age_s is None or not measure.age_s >= rule.window_s:
        left = rule.window_s - (measure.age_s or 0.0)
        return refuse(rule, f"{said}{_because(measure)}; cooling down for {left:.0f} s", of)
    return accept(rule, f"{said}, cooled down", of)


def _many(rule: Rule, count: Decimal) -> str:
    """One is no row."""
    return f"1 {_ONE_OF[rule.kind]}" if count == 1 else f"{short(count)} {KINDS[rule.kind].title}"


def trading_hours(rule: Rule, around: Around) -> Verdict:
    try:
        hours = parse_hours(rule.hours)
    except ValueError as error:
        return refuse(rule, str(error))
    if not hours.open_at(around.now_ms):
        return refuse(rule, f"outside the trading hours {rule.hours} UTC; wait for them")
    return accept(rule, f"within {rule.hours} UTC")


def _untold(rule: Rule, around: Around, unit: str) -> Verdict:
    measure = around.measures.get(rule.id)
    why = measure.why if measure is not None and measure.why else "a price is missing"
    text = f"the {KINDS[rule.kind].title} cannot be told ({why}); wait for it"
    return refuse(rule, text, Used(None, rule.limit, unit), code=NO_FIGURE)


def _because(measure: Measure) -> str:
    return f" ({measure.why})" if measure.why else ""
