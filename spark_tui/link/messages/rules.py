"""Risk rules: what a face may ask of them, and how they stand."""

from decimal import Decimal

import msgspec

from spark_tui.domain.rules import Rule
from spark_tui.link.messages.base import Request


class PutRule(Request, frozen=True, tag="rule.put"):
    """Create a rule, or change the one of this id."""

    rule: Rule


class EnableRule(Request, frozen=True, tag="rule.enable"):
    rule_id: str


class DisableRule(Request, frozen=True, tag="rule.disable"):
    rule_id: str


class DeleteRule(Request, frozen=True, tag="rule.delete"):
    """A rule made in the cockpit is gone; one that overrides the configuration gives way to it."""

    rule_id: str


class GetRules(Request, frozen=True, tag="rules"):
    pass


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is in force and as it stands now, no order considered. `origin`: standard, config,
    cockpit or override. `used` None: it is only asked of an order, or cannot be told. `said`: in words, the
    limit and what it is about. `text`: the verdict. `headroom`: what is left, never below zero."""

    rule: Rule
    origin: str
    label: str
    said: str
    ok: bool
    text: str
    used: Decimal | None
    allowed: Decimal | None
    headroom: Decimal | None
    unit: str
    base: Rule | None = None  # what the configuration says of an overridden rule
    changed_by: str = ""
    changed_ms: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True, tag="rules"):
    """The configuration's first, then those made in the cockpit, oldest first."""

    rows: tuple[RuleRow, ...]
