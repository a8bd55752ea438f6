"""Verdicts as the ticket shows them: a bar for what has a measure, a word for what has none. Pure."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from spark_tui.domain.risk import Verdict
from spark_tui.domain.rules import KINDS, RuleKind
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, Span

LABEL = 11  # cells of the label column
BAR = 10
_FLOOR = KINDS[RuleKind.MIN_ORDER_NOTIONAL].label


def with_bars(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Rules with a measure, the broken first; order within equals is the gate's own."""
    return sorted((rule for rule in verdicts if _measured(rule)), key=lambda rule: rule.ok)


def tightest(rules: Sequence[Verdict], most: int) -> list[Verdict]:
    """At most so many: the broken and those nearest to their limit, in the order they had."""
    kept = sorted(range(len(rules)), key=lambda index: (rules[index].ok, -_share(rules[index])))[
        : max(0, most)
    ]
    return [rules[index] for index in sorted(kept)]


def names(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """By rule: its label, or its own name where others are about the same."""
    labels = [rule.label for rule in verdicts]
    return {rule.rule: rule.label if labels.count(rule.label) == 1 else rule.rule for rule in verdicts}


def _measured(rule: Verdict) -> bool:
    return rule.used is not None and bool(rule.allowed)


def ticks(verdicts: Sequence[Verdict], width: int) -> list[Line]:
    """The rules that have no measure, as words: what passes quietly, what does not in its colour."""
    lines: list[Line] = []
    line: list[Span] = []
    for rule in verdicts:
        if _measured(rule):
            continue
        words: Span = (f" {'✓' if rule.ok else '✗'} {rule.label}", "dim" if rule.ok else "down")
        if line and sum(len(text) for text, _ in line) + len(words[0]) > width:
            lines.append(tuple(line))
            line = []
        line.append(words)
    return [*lines, tuple(line)] if line else lines


def _share(rule: Verdict) -> float:
    """How much of the limit is used; of a floor how much of what is used the floor takes."""
    if rule.used is None or not rule.allowed:
        return 0.0
    used, limit = (rule.allowed, rule.used) if rule.label == _FLOOR else (rule.used, rule.allowed)
    return float(min(Decimal(1), max(Decimal(0), used / limit))) if limit else 1.0


def meter(rule: Verdict, width: int) -> Line:
    share = _share(rule)
    filled = max(1, round(share * width)) if share > 0 else 0
    tone = "down" if not rule.ok else "warn" if share >= 0.6 else "up"
    return (("━" * filled, tone), ("━" * (width - filled), "faint"))


def bar(rule: Verdict, width: int, name: str) -> Line:
    """The bar gives way to its figures: a number cut in the middle is another one; and to a long name."""
    figures = f" {_measure(rule.used)}/{_measure(rule.allowed)}{' ' + rule.unit if rule.unit == '%' else ''}"
    tone = "dim" if rule.ok else "down"
    free = width - LABEL - 1
    figures = figures if len(figures) <= free else ""
    label = f" {fmt.fit(name, LABEL):<{LABEL}}"
    gap = not label.endswith(" ")
    return (
        (label + " " * gap, tone),
        *meter(rule, min(BAR, free - len(figures)) - gap),
        (figures, tone),
    )


def _measure(value: Decimal | None) -> str:
    if value is None:
        return fmt.ABSENT
    if abs(value) >= 10_000:
        return fmt.compact(float(value))
    return fmt.fixed(value, 0) if abs(value) >= 100 else fmt.exact(value.quantize(Decimal("0.001")))


def figures(rule: Verdict) -> str:
    """`670 / 1 000 USDT`; what is used is never rounded onto a limit that it breaks."""
    if rule.used is None and rule.allowed is None:
        return ""
    return f"{_whole(rule.used, ROUND_UP)} / {fmt.exact(rule.allowed)}{fmt.unit(rule.unit)}"


def room(rule: Verdict) -> str:
    """What is left of the limit, or above the floor; below zero when it is broken."""
    if rule.used is None or rule.allowed is None:
        return ""
    left = rule.used - rule.allowed if rule.label == _FLOOR else rule.allowed - rule.used
    return _whole(left, ROUND_DOWN if left >= 0 else ROUND_UP)


def _whole(value: Decimal | None, rounding: str) -> str:
    """Every digit that counts and none of a division's endless ones."""
    if value is None or not value.is_finite():
        return fmt.ABSENT
    places = Decimal("0.0001") if abs(value) >= 1 else Decimal("0.00000001")
    return fmt.exact(value.quantize(places, rounding))
