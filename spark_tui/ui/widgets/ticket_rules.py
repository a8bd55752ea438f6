"""Verdicts as the ticket shows them: a bar for what has a measure, a word for what has none. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from spark_tui.domain.risk import Verdict
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, Span

LABEL = 11  # cells of the label column
BAR = 10


def with_bars(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Rules with a measure, the broken first; order within equals is the gate's own."""
    return sorted((rule for rule in verdicts if _measured(rule)), key=lambda rule: rule.ok)


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
    if rule.used is None or not rule.allowed:
        return 0.0
    return float(min(Decimal(1), max(Decimal(0), rule.used / rule.allowed)))


def meter(rule: Verdict, width: int) -> Line:
    share = _share(rule)
    filled = max(1, round(share * width)) if share > 0 else 0
    tone = "down" if not rule.ok else "warn" if share >= 0.6 else "up"
    return (("━" * filled, tone), ("━" * (width - filled), "faint"))


def bar(rule: Verdict, width: int) -> Line:
    figures = f" {_measure(rule.used)}/{_measure(rule.allowed)}{' ' + rule.unit if rule.unit == '%' else ''}"
    tone = "dim" if rule.ok else "down"
    return (
        (f" {fmt.fit(rule.label, LABEL):<{LABEL}}", tone),
        *meter(rule, BAR),
        (fmt.fit(figures, width - LABEL - BAR - 1), tone),
    )


def _measure(value: Decimal | None) -> str:
    if value is None:
        return fmt.ABSENT
    if abs(value) >= 10_000:
        return fmt.compact(float(value))
    return fmt.fixed(value, 0) if abs(value) >= 100 else fmt.exact(value.quantize(Decimal("0.001")))
