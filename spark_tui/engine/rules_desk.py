"""Rules as faces see and change them."""

import difflib
from collections.abc import Callable, Mapping
from decimal import Decimal

from spark_tui.domain import risk
from spark_tui.domain.decimals import EXACT, ZERO, short
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.rules import KINDS, MANUAL, UNNAMED, Rule, RuleKind, Scope, unit_words
from spark_tui.engine.journal import Journal
from spark_tui.engine.portfolio import ACCOUNT_CURRENCY
from spark_tui.engine.records import RuleChanged
from spark_tui.engine.riskview import RiskView
from spark_tui.engine.riskwatch import RiskWatch
from spark_tui.engine.rulebook import Entry, Rulebook
from spark_tui.link.messages import DeleteRule, DisableRule, EnableRule, PutRule, RuleRow, Rules
from spark_tui.link.service import LinkError


class RulesDesk:
    """Each change is durable before it is answered, and acts at once."""

    def __init__(
        self,
        rulebook: Rulebook,
        view: RiskView,
        watch: RiskWatch,
        journal: Journal,
        *,
        instruments: Callable[[], Mapping[str, Mapping[str, Instrument]]],
    ) -> None:
        self._rulebook = rulebook
        self._view = view
        self._watch = watch
        self._journal = journal
        self._instruments = instruments

    def rows(self) -> Rules:
        entries = self._rulebook.entries()
        around = self._view.around(tuple(entry.rule for entry in entries))
        return Rules(rows=tuple(_row(entry, around) for entry in entries))

    async def change(self, ask: PutRule | EnableRule | DisableRule | DeleteRule, operator: str) -> Rules:
        """Raises LinkError as the rulebook does, and for a rule about a symbol that nobody lists; LedgerError
        when it could not be recorded."""
        match ask:
            case PutRule(rule=rule):
                self._refuse_unlisted(rule.scope)
                self._rulebook.put(rule, operator)
                self._watch.on_changed(rule.id)
            case EnableRule(rule_id=rule_id):
                self._rulebook.enable(rule_id, operator, enabled=True)
            case DisableRule(rule_id=rule_id):
                self._rulebook.enable(rule_id, operator, enabled=False)
            case DeleteRule(rule_id=rule_id):
                self._rulebook.delete(rule_id, operator)
                self._watch.on_changed(rule_id)
        await self._journal.durable()
        self._watch.check()
        return self.rows()

    def told(self, change: RuleChanged) -> str:
        """A change of a rule as a line of the log."""
        who, why = change.operator or "somebody", f", {change.why}" if change.why else ""
        rule = change.rule
        if rule is None:
            return f"Rule {change.rule_id} was taken back by {who}{why}."
        off = "" if rule.enabled else ", switched off"
        says = said(rule, self._view.assets(rule))
        return f"Rule {change.rule_id} by {who}: {says}{scope_words(rule)}, {rule.effect}{off}{why}."

    def _refuse_unlisted(self, scope: Scope) -> None:
        """A mistyped symbol must not pass for a limit. What is listed at a venue of elsewhere, or not known
        yet, is taken at its word."""
        venues = self._instruments()
        lists = [venues[scope.venue]] if scope.venue in venues else [] if scope.venue else [*venues.values()]
        if not scope.symbol or not lists or not all(lists) or any(scope.symbol in known for known in lists):
            return
        near = difflib.get_close_matches(scope.symbol, [name for known in lists for name in known], n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        text = f"No venue lists {scope.symbol}, so the rule would judge nothing{meant}"
        raise LinkError("NO_SUCH_SYMBOL", text if meant else f"{text}.")


def scope_words(rule: Rule) -> str:
    """` for BTCUSDT at sim`; empty for a rule that holds anywhere."""
    scope = rule.scope
    parts = [f"for {scope.symbol}" if scope.symbol else "", f"at {scope.venue}" if scope.venue else ""]
    hand = scope.strategy == MANUAL
    parts.append("by hand" if hand else f"by {scope.strategy}" if scope.strategy else "")
    return "".join(f" {part}" for part in parts if part)


def _row(entry: Entry, around: risk.Around) -> RuleRow:
    rule = entry.rule
    verdict = risk.gauge(rule, around)
    return RuleRow(
        rule=rule,
        origin=entry.origin,
        label=verdict.label,
        said=said(rule, around.assets.get(rule.id)),
        ok=verdict.ok,
        text=verdict.text,
        used=verdict.used,
        allowed=verdict.allowed,
        headroom=_headroom(verdict.used, verdict.allowed),
        unit=verdict.unit,
        base=entry.base if entry.changed is not None else None,
        changed_by=entry.changed.operator if entry.changed is not None else "",
        changed_ms=entry.changed.at_ms if entry.changed is not None else 0,
    )


def _headroom(used: Decimal | None, allowed: Decimal | None) -> Decimal | None:
    return None if used is None or allowed is None else max(EXACT.subtract(allowed, used), ZERO)


def said(rule: Rule, assets: tuple[str, str] | None) -> str:
    """The rule in words: `largest order 2500 USDT`; `in its quote asset` where that is not one asset."""
    kind = KINDS[rule.kind]
    if rule.kind is RuleKind.SYMBOLS:
        return f"{kind.title}: {', '.join(rule.symbols)}"
    if rule.kind is RuleKind.TRADING_HOURS:
        return f"{kind.title}: {rule.hours} UTC"
    unit = unit_words(rule, assets or UNNAMED, ACCOUNT_CURRENCY)
    unit = f" in its {unit}" if unit in UNNAMED else f" {unit}" if unit else ""
    window = f" in {rule.window_s} s" if rule.kind in _RATES else ""
    cool = f", then {rule.window_s} s of rest" if rule.window_s and rule.kind not in _RATES else ""
    limit = short(rule.limit) if rule.limit is not None else "?"
    return f"{kind.title} {limit}{unit}{window}{cool}"


_RATES = frozenset({RuleKind.MAX_ORDER_RATE, RuleKind.MAX_CANCEL_RATE})
