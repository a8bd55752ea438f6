"""What became of one rule, out of the ledger: who changed it, and what it refused or halted."""

import re

from spark_tui.domain.rules import KINDS, Rule
from spark_tui.link.messages import Audit, AuditRow, GetAudit, RuleRow
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, wrapped
from spark_tui.ui.model import Topic
from spark_tui.ui.rule_words import rule_put
from spark_tui.ui.screens.log import short_result, when
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.row_card import RowTable

MOST = 60  # entries held, more than any terminal shows
TIME, WHO = 16, 9  # cells
NEVER = "never changed, and nothing was refused by it"
LOOKING: Line = ((" looking into the ledger", "dim"),)
DEEDS = {"rule.enable": "switched on", "rule.disable": "switched off", "rule.delete": "deleted"}


class RuleHistory(Pane):
    """Of the rule under the table's cursor. `look` asks the engine; only what is new, once it is known."""

    topics = frozenset({Topic.SECOND})

    def __init__(self, context: Context, table: RowTable[RuleRow], *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._table = table
        self._about = ""
        self._rows: dict[int, AuditRow] = {}
        self._entries: int | None = None  # of the ledger, as far as both questions were answered
        self._older = False  # there are entries before those that were looked at

    async def look(self, rule: Rule) -> None:
        """LinkError may pass through."""
        if rule.id != self._about:
            self._about, self._rows, self._entries, self._older = rule.id, {}, None, False
        looked = self._entries or 0
        answered: list[int] = []
        for text in (rule.id, KINDS[rule.kind].code):
            found = await self.context.call(GetAudit(text=text, after=looked, limit=MOST))
            if not isinstance(found, Audit) or rule.id != self._about:
                return
            self._older = self._older or found.before > 0
            self._rows |= {row.seq: row for row in found.rows if concerns(row, rule.id)}
            answered.append(found.entries)
        self._entries = max(looked, min(answered))  # an answer that was lost is asked for again
        self._rows = dict(sorted(self._rows.items(), reverse=True)[:MOST])
        self.pull()

    def heading(self, width: int) -> Line:
        return self.rule((("What became of it", "dim"),), (("newest first ", "dim"),), width)

    def body(self, width: int, height: int) -> list[Line]:
        row = self._table.selected()
        if row is None or row.rule.id != self._about:
            return [LOOKING]
        lines = [line for row in self._rows.values() for line in _lines(row, width)]
        if not lines and self._entries is None:
            return [LOOKING]
        never = "nothing of late; the Log finds what is older" if self._older else NEVER
        return lines[:height] or [((f" {never}", "dim"),)]


def concerns(row: AuditRow, rule_id: str) -> bool:
    """A change of the rule, or what it refused or halted; not an order that only has its name in it."""
    if any(not verdict.ok and verdict.rule == rule_id for verdict in row.verdicts):
        return True
    if row.result.startswith(f"rule {rule_id}:"):
        return True
    named = re.compile(rf"(?<![a-z0-9-]){re.escape(rule_id)}(?![a-z0-9-])")
    return row.action.startswith("rule.") and named.search(row.what) is not None


def _lines(row: AuditRow, width: int) -> list[Line]:
    tone = "down" if row.ok is False or row.action == "trading" else "ink"
    indent = 1 + TIME + WHO
    parts = wrapped(_told(row), max(20, width - indent - 1), 3)
    before = f" {when(row.at_ms):<{TIME}}{fmt.fit(row.who, WHO - 1):<{WHO}}"
    return [
        ((before if not index else " " * indent, "dim"), (part, tone)) for index, part in enumerate(parts)
    ]


def _told(row: AuditRow) -> str:
    if row.ok is False:
        return short_result(row.result, len(row.result))
    if row.action == "rule.put":
        return rule_put(row.what, named=False)
    if row.action == "trading":
        return f"{row.what}: {row.result.partition(': ')[2]}"
    return DEEDS.get(row.action, f"{row.action} {row.what}")
