"""What the Risk screen's keys do."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from spark_tui.link.messages import AnyRequest, DeleteRule, DisableRule, EnableRule, PutRule, RuleRow, Rules
from spark_tui.link.service import LinkError
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.offers import Offer, needs_confirming
from spark_tui.ui.rule_actions import RULE_ACTIONS
from spark_tui.ui.rule_words import scope_words

if TYPE_CHECKING:
    from spark_tui.ui.commands import Commands
    from spark_tui.ui.screens.risk import RiskScreen

Params = Mapping[str, str]


class RuleCommands:
    """What makes a rule weaker is asked again where money is at stake; what makes it stronger never is."""

    def __init__(self, commands: "Commands") -> None:
        self._commands = commands
        self._context = commands.context
        self.table: dict[str, Callable[[Params], None]] = {
            **{action.id: partial(commands.in_words, action) for action in RULE_ACTIONS},
            "screen.risk": lambda _: commands.app.show_screen("risk"),
            "rule.new": lambda _: self._form(None),
            "rule.edit": lambda _: self._edit(),
            "rule.toggle": lambda _: self._toggle(),
            "rule.delete": self._delete,
        }

    def _screen(self) -> "RiskScreen":
        from spark_tui.ui.screens.risk import RiskScreen

        found = self._commands.app.cockpit_screen
        assert isinstance(found, RiskScreen)  # Commands.run has switched to it
        return found

    def _selected(self) -> RuleRow | None:
        row = self._screen().table.selected()
        if row is None:
            self._context.say("info", "Select a rule first: ↑ ↓, or n makes one.")
        return row

    # --- create and edit -----------------------------------------------------------------------------------

    def _edit(self) -> None:
        row = self._selected()
        if row is not None:
            self._form(row)

    def _form(self, row: RuleRow | None) -> None:
        from spark_tui.ui.screens.rule_form import RuleScreen  # lazy: start-up is counted

        dialog = RuleScreen(self._context, row.rule if row else None)
        answer = self._commands.app.open(dialog)
        self._commands.work(self._put(answer, dialog.form.request))

    async def _put(self, answer: Awaitable[str], request: Callable[[], AnyRequest]) -> None:
        if await answer:
            put = request()
            await self._ask(put)
            if isinstance(put, PutRule) and self._commands.app.cockpit_screen.screen_name == "risk":
                self._screen().table.go((put.rule.id,))  # where it was put, if it was

    # --- on, off, away -------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        row = self._selected()
        if row is None:
            return
        if not row.rule.enabled:
            self._commands.work(self._ask(EnableRule(rule_id=row.rule.id)))
            return
        offer = self._offer(row, "Switch off", "it judges nothing until it is switched on", "rule.toggle")
        self._commands.work(self._if_meant(offer, DisableRule(rule_id=row.rule.id)))

    def _delete(self, params: Params) -> None:
        if params.get("id"):
            self._commands.in_words(BY_ID["rule.delete"], params)
            return
        row = self._selected()
        if row is None:
            return
        if row.origin in ("standard", "config"):
            self._context.say("info", f"{row.rule.id} is not from here: o switches it off.")
            return
        then = "it is gone" if row.origin == "cockpit" else "the configuration has the word again"
        offer = self._offer(row, "Delete", then, "rule.delete")
        self._commands.work(self._if_meant(offer, DeleteRule(rule_id=row.rule.id)))

    def _offer(self, row: RuleRow, deed: str, then: str, action: str) -> Offer:
        return Offer(
            title=f"{deed} rule {row.rule.id} · {self._commands.environment}",
            tone="warn",
            facts=(
                ("it says", f"{row.said}, {scope_words(row.rule)}", "b ink"),
                ("now", row.text, "ink" if row.ok else "down"),
                ("then", then, "ink"),
                ("on record", "who did it goes into the ledger", "ink"),
            ),
            choices=(("y", deed.lower()),),
            opened_by=BY_ID[action].keys,
        )

    async def _if_meant(self, offer: Offer, request: AnyRequest) -> None:
        if not needs_confirming(self._commands.environment) or await self._commands.offer(offer):
            await self._ask(request)

    async def _ask(self, request: AnyRequest) -> None:
        try:
            result = await self._context.call(request)
        except LinkError as error:
            self._context.say("warn", error.text)
            return
        screen = self._commands.app.cockpit_screen
        if isinstance(result, Rules) and screen.screen_name == "risk":
            self._screen().take(result)
        self._commands.app.pump.nudge()
