"""What one rule says, and how verdicts are built."""

from collections.abc import Iterable
from decimal import ROUND_UP, Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import EXACT
from spark_tui.domain.rules import KINDS, Rule

_CENT: Final = Decimal("0.01")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says. `used` and `allowed` are in the rule's own unit and feed the ticket's bar."""

    rule: str  # stable id: "max-notional"
    label: str  # as shown: "order cap"
    ok: bool
    code: str  # stable denial code when not ok: "MAX_NOTIONAL"
    text: str  # one clear sentence with the cure
    used: Decimal | None = None
    allowed: Decimal | None = None
    unit: str = ""


class Used(msgspec.Struct, frozen=True):
    """What is, or would be, used of a rule's limit."""

    used: Decimal | None = None
    allowed: Decimal | None = None
    unit: str = ""


NOTHING: Final = Used()
NO_FIGURE: Final = "NO_FIGURE"  # what the rule is about cannot be told for the moment


def passes(verdicts: Iterable[Verdict]) -> bool:
    """Whether the order may leave. No verdict at all is no permission."""
    told = tuple(verdicts)
    return bool(told) and all(verdict.ok for verdict in told)


def accept(rule: Rule, text: str, of: Used = NOTHING) -> Verdict:
    return Verdict(
        rule=rule.id,
        label=KINDS[rule.kind].label,
        ok=True,
        code="",
        text=text,
        used=of.used,
        allowed=of.allowed,
        unit=of.unit,
    )


def refuse(rule: Rule, text: str, of: Used = NOTHING, *, code: str = "") -> Verdict:
    """`code`: instead of the rule's own."""
    kind = KINDS[rule.kind]
    return Verdict(
        rule=rule.id,
        label=kind.label,
        ok=False,
        code=code or kind.code,
        text=text,
        used=of.used,
        allowed=of.allowed,
        unit=of.unit,
    )


def shown(value: Decimal) -> Decimal:
    """To a hundredth, away from zero: never onto a limit that is broken."""
    return value.quantize(_CENT, ROUND_UP, EXACT)
