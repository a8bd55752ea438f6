"""The rules in force: what the configuration says, and what was changed since in the cockpit.

The configuration is the base. A rule of it that is edited here is overridden, and the override remembers what
it overrode: once the configuration says something else, it has the word again and the override is dropped.
Every change is in the ledger with who made it. Two rules about the same thing both judge, so that the
stricter one decides.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.rules import MAX_RULES, STANDARD, Rule, RuleKind, problem
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import RuleChanged
from spark_tui.link.service import LinkError


class Origin(StrEnum):
    STANDARD = "standard"  # on from the start
    CONFIG = "config"
    COCKPIT = "cockpit"
    OVERRIDE = "override"  # of a rule of the configuration, or of a standard one


class Entry(msgspec.Struct, frozen=True):
    """A rule as it is in force. `base`: what the configuration says of it. `changed`: the latest change."""

    rule: Rule
    origin: Origin
    base: Rule | None = None
    changed: RuleChanged | None = None


class Rulebook:
    """`on_change` is told after each change."""

    def __init__(
        self,
        base: Iterable[Rule],
        journal: Journal,
        now_ms: Callable[[], int],
        on_change: Callable[[RuleChanged], None],
    ) -> None:
        self._base = {rule.id: rule for rule in base}
        self._journal = journal
        self._now_ms = now_ms
        self._on_change = on_change
        self._entries: dict[str, Entry] = {}
        self.rules: tuple[Rule, ...] = ()
        self._build()

    def restore(self) -> None:
        """After the ledger was read: overrides of what the configuration no longer says are dropped."""
        for change in list(self._journal.state.rules.values()):
            if change.over != self._base.get(change.rule_id):
                why = "it says something else now"
                self._note(change.rule_id, None, None, "the configuration", why)
        self._build()

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def get(self, rule_id: str) -> Entry | None:
        return self._entries.get(rule_id)

    def floor_notional(self, venue: str, symbol: str, strategy: str) -> Decimal | None:
        """The least an order may be worth there; None without such a rule."""
        floors = [
            rule.limit
            for rule in self.rules
            if rule.enabled
            and rule.kind is RuleKind.MIN_ORDER_NOTIONAL
            and rule.limit is not None
            and rule.scope.covers(venue, symbol, strategy)
        ]
        return max(floors, default=None)

    # --- changes -------------------------------------------------------------------------------------------

    def put(self, rule: Rule, operator: str) -> None:
        """Create, or change what has this id. Raises LinkError BAD_RULE, TOO_MANY_RULES."""
        if text := problem(rule):
            raise LinkError("BAD_RULE", f"This is no rule: {text}.")
        if rule.id not in self._entries and len(self._entries) >= MAX_RULES:
            raise LinkError("TOO_MANY_RULES", f"There are {MAX_RULES} rules already; delete one first.")
        self._change(rule, operator)

    def enable(self, rule_id: str, operator: str, *, enabled: bool) -> None:
        """Raises LinkError NO_SUCH_RULE."""
        rule = self._known(rule_id).rule
        if rule.enabled is not enabled:
            self._change(msgspec.structs.replace(rule, enabled=enabled), operator)

    def delete(self, rule_id: str, operator: str) -> None:
        """A rule made here is gone; an override gives way to the configuration. Raises LinkError
        NO_SUCH_RULE, IN_CONFIG."""
        entry = self._known(rule_id)
        if entry.origin in (Origin.STANDARD, Origin.CONFIG):
            where = "is on from the start" if entry.origin is Origin.STANDARD else "is in the configuration"
            raise LinkError("IN_CONFIG", f"Rule {rule_id} {where}; disable it instead.")
        self._note(rule_id, None, None, operator, "")
        self._build()

    def _change(self, rule: Rule, operator: str) -> None:
        base = self._base.get(rule.id)
        if rule == base:
            if rule.id in self._journal.state.rules:
                self._note(rule.id, None, None, operator, "as the configuration says")
        else:
            self._note(rule.id, rule, base, operator, "")
        self._build()

    def _note(self, rule_id: str, rule: Rule | None, over: Rule | None, operator: str, why: str) -> None:
        change = RuleChanged(
            rule_id=rule_id, rule=rule, over=over, operator=operator, why=why, at_ms=self._now_ms()
        )
        self._journal.note(change)
        self._on_change(change)

    def _known(self, rule_id: str) -> Entry:
        entry = self._entries.get(rule_id)
        if entry is None:
            known = ", ".join(self._entries) or "none"
            raise LinkError("NO_SUCH_RULE", f"There is no rule {rule_id[:40]!r}; there are: {known}.")
        return entry

    def _build(self) -> None:
        changes = self._journal.state.rules
        entries = {}
        for rule_id, rule in self._base.items():
            change = changes.get(rule_id)
            if change is not None and change.rule is not None:
                entries[rule_id] = Entry(change.rule, Origin.OVERRIDE, rule, change)
            else:
                entries[rule_id] = Entry(rule, Origin.STANDARD if rule in STANDARD else Origin.CONFIG, rule)
        for rule_id, change in changes.items():
            if rule_id not in entries and change.rule is not None:
                entries[rule_id] = Entry(change.rule, Origin.COCKPIT, None, change)
        self._entries = entries
        self.rules = tuple(entry.rule for entry in entries.values())
