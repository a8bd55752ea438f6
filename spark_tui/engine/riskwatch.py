"""The rules that break without an order, watched; and what follows when any rule is broken.

A rule acts once when it breaks, and again only after it was whole. Resuming with a reason forgives what was
lost until then: from there a rule counts anew, so that it can break again but does not at once.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from spark_tui.domain import risk
from spark_tui.domain.decimals import ZERO
from spark_tui.domain.risk import Verdict
from spark_tui.domain.rules import KINDS, Rule, RuleEffect, Unit
from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.losses import DAILY, Losses
from spark_tui.engine.notices import Notices
from spark_tui.engine.records import RuleForgiven, TradingStateChanged
from spark_tui.engine.riskview import RiskView
from spark_tui.engine.rulebook import Rulebook
from spark_tui.wire.clock import Clock

EVERY_S: Final = 1.0
_BETTER: Final = Decimal("0.9")  # of what was forgiven: a recovery so large is worth a record


class RiskWatch:
    """`kill` (reason) pulls the kill switch in the background; `on_broken` is told the code of what broke."""

    def __init__(
        self,
        rulebook: Rulebook,
        view: RiskView,
        losses: Losses,
        guard: Guard,
        journal: Journal,
        notices: Notices,
        clock: Clock,
        *,
        kill: Callable[[str], None],
        on_broken: Callable[[str], None],
        utc_day: Callable[[], str],
    ) -> None:
        self._rulebook = rulebook
        self._view = view
        self._losses = losses
        self._guard = guard
        self._journal = journal
        self._notices = notices
        self._clock = clock
        self._kill = kill
        self._on_broken = on_broken
        self._utc_day = utc_day
        self._broken: set[str] = set()

    async def run(self) -> None:
        while True:
            self.check()
            await self._clock.sleep(EVERY_S)

    def check(self) -> None:
        """Look at every standing rule, and act on those that have just broken."""
        for rule, verdict in self._standing():
            if verdict.ok:
                self._broken.discard(rule.id)
            elif rule.id not in self._broken:
                self._broken.add(rule.id)
                self._on_broken(verdict.code)
                self._act(rule, verdict.text)
        self._broken &= {rule.id for rule in self._rulebook.rules if rule.enabled}
        self._remember_recoveries()

    def on_changed(self, rule_id: str) -> None:
        """What has changed may break anew, and then does what it says now."""
        self._broken.discard(rule_id)

    def on_denied(self, verdicts: Iterable[Verdict]) -> None:
        """An order was refused: rules that do more than refuse do it now. A rule that refuses for want of a
        figure is not broken."""
        for verdict in verdicts:
            entry = None if verdict.ok else self._rulebook.get(verdict.rule)
            if entry is None or KINDS[entry.rule.kind].standing:
                continue
            measured = verdict.used is not None or KINDS[entry.rule.kind].unit is Unit.NONE
            if measured and entry.rule.effect is not RuleEffect.REFUSE:
                self._act(entry.rule, verdict.text)

    def on_resumed(self, change: TradingStateChanged) -> None:
        """What is broken is forgiven, for the reason given."""
        self._guard.activity.forget_rejections()
        for rule, verdict in list(self._standing()):
            whole = self._losses.whole(rule).value
            if not verdict.ok and whole is not None:
                self._forgive(rule.id, whole, change.operator, change.reason)
        self._broken.clear()
        self._broken |= {rule.id for rule, verdict in self._standing() if not verdict.ok}

    def _standing(self) -> Iterable[tuple[Rule, Verdict]]:
        """Those whose figure is known, with what they say."""
        rules = [rule for rule in self._rulebook.rules if rule.enabled and KINDS[rule.kind].standing]
        around = self._view.around(rules)
        for rule in rules:
            if not risk.is_blind(rule, around):
                yield rule, risk.gauge(rule, around)

    def _act(self, rule: Rule, text: str) -> None:
        reason = f"rule {rule.id}: {text}"
        match rule.effect:
            case RuleEffect.REFUSE:
                self._notices("warn", f"Orders are refused by {reason}.")
            case RuleEffect.REDUCE_ONLY if rule.scope.whole:
                self._guard.reduce(reason)
            case RuleEffect.REDUCE_ONLY:
                self._notices("warn", f"Only what opens no risk may leave, by {reason}.")
            case RuleEffect.HALT if not self._guard.halted:
                self._guard.halt(reason, "rule")
            case RuleEffect.HALT_AND_CANCEL if not self._guard.killed:
                self._kill(reason)

    def _forgive(self, rule_id: str, value: Decimal, operator: str, reason: str) -> None:
        self._journal.note(
            RuleForgiven(
                rule_id=rule_id,
                value=value,
                day=self._utc_day(),
                operator=operator,
                reason=reason,
                at_ms=self._clock.wall_ns() // 1_000_000,
            )
        )

    def _remember_recoveries(self) -> None:
        """What was made good since is not forgiven a second time."""
        for forgiven in list(self._journal.state.forgiven.values()):
            entry = self._rulebook.get(forgiven.rule_id)
            value = None if entry is None else self._losses.whole(entry.rule).value
            if entry is None or value is None or forgiven.value <= 0:
                continue
            if entry.rule.kind in DAILY and forgiven.day != self._utc_day():
                continue
            small = entry.rule.limit is None or value < entry.rule.limit / 100
            if value <= forgiven.value * _BETTER:
                left = ZERO if small else value
                self._forgive(forgiven.rule_id, left, "engine", "part of it was made good")
