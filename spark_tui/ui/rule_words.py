"""A rule in words and marks, for the Risk screen, its dialogs and the shell. Pure."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

import msgspec

from spark_tui.domain.rules import KINDS, MANUAL, Rule, RuleEffect, RuleKind
from spark_tui.link.messages import RuleRow
from spark_tui.ui import format as fmt

CENT, MANY = Decimal("0.01"), Decimal(10_000)

EFFECTS = {
    RuleEffect.REFUSE: "refuse",
    RuleEffect.REDUCE_ONLY: "reduce only",
    RuleEffect.HALT: "halt",
    RuleEffect.HALT_AND_CANCEL: "halt, cancel",
}
FOLLOWS = {
    RuleEffect.REFUSE: "the order is refused",
    RuleEffect.REDUCE_ONLY: "only what opens no risk may leave",
    RuleEffect.HALT: "trading is halted",
    RuleEffect.HALT_AND_CANCEL: "trading is halted and everything open is cancelled",
}


def scope_words(rule: Rule) -> str:
    """`BTCUSDT by twap at sim`, `by hand`; `everywhere` without a scope."""
    scope = rule.scope
    parts = [scope.symbol]
    parts += [by(scope.strategy)] if scope.strategy else []
    parts += [f"at {scope.venue}"] if scope.venue else []
    return " ".join(part for part in parts if part) or "everywhere"


def by(strategy: str) -> str:
    return "by hand" if strategy == MANUAL else f"by {strategy}"


def figure(row: RuleRow) -> str:
    """What is used of the limit, with its unit: `3 / 90 per 10 s`."""
    return _figure(row, fmt.exact, row.unit)


def figure_within(row: RuleRow, width: int) -> str:
    """The same, shorter where it would be cut: a number that is cut off is another number."""
    text = figure(row)
    if len(text) > width:
        text = _figure(row, fmt.exact, brief(row.unit))
    return text if len(text) <= width else _figure(row, lambda value: _short(value, ""), brief(row.unit))


def _figure(row: RuleRow, said: Callable[[Decimal], str], unit: str) -> str:
    if row.allowed is None:
        return ""
    used = said(row.used) if row.used is not None else fmt.ABSENT
    return f"{used} / {said(row.allowed)}{fmt.unit(unit)}"


def brief(unit: str) -> str:
    """For a column: `quote` of `quote asset`."""
    return unit.removesuffix(" asset")


def room(row: RuleRow) -> str:
    """The headroom, short: without the window of a rate."""
    if row.headroom is None:
        return ""
    return _short(row.headroom.quantize(CENT, ROUND_DOWN), row.unit)


def left(row: RuleRow) -> str:
    """The headroom beside a limit that says its unit."""
    return "" if row.headroom is None else _short(row.headroom.quantize(CENT, ROUND_DOWN), "")


def most(row: RuleRow) -> str:
    """The limit alone, short."""
    return "" if row.allowed is None else _short(row.allowed, brief(row.unit))


def _short(value: Decimal, unit: str) -> str:
    text = fmt.compact(float(value)) if abs(value) >= MANY else fmt.exact(value)
    return f"{text}{'' if unit.startswith('/') else fmt.unit(unit)}"


def about(row: RuleRow, width: int, *, short: bool) -> str:
    """What it is about, without its number; what does not fit is named instead."""
    rule = row.rule
    name = row.label if short else KINDS[rule.kind].title
    words = name
    if rule.kind is RuleKind.SYMBOLS:
        words, name = ", ".join(rule.symbols), f"{len(rule.symbols)} symbols"
    if rule.kind is RuleKind.TRADING_HOURS:
        words = rule.hours
    return words if len(words) <= width else name


def rule_put(what: str, *, named: bool = True) -> str:
    """What `rule.put` was asked for: `btc-cap: limit 1 000, BTCUSDT, refuse`. What a later version wrote is
    shown as it is."""
    try:
        rule = msgspec.json.decode(what.removeprefix("rule="), type=Rule)
    except msgspec.MsgspecError:
        return what.removeprefix("rule=")
    limit = () if rule.limit is None else (f"limit {fmt.exact(rule.limit)}",)
    window = () if rule.window_s is None else (f"{rule.window_s} s",)
    hours = (rule.hours,) if rule.hours else ()
    off = () if rule.enabled else ("switched off",)
    words = (*limit, *window, *rule.symbols, *hours, scope_words(rule), EFFECTS[rule.effect], *off)
    return f"{f'{rule.id}: ' if named else ''}{', '.join(words)}"
