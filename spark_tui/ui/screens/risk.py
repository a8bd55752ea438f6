"""The Risk screen: every rule, what is used of it now, and what follows when it breaks."""

from decimal import Decimal

from textual.app import ComposeResult

from spark_tui.link.messages import GetRules, RuleRow, Rules
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, wrapped
from spark_tui.ui.rule_words import (
    EFFECTS,
    FOLLOWS,
    about,
    figure,
    figure_within,
    left,
    most,
    room,
    scope_words,
)
from spark_tui.ui.screens.asking import AskingScreen
from spark_tui.ui.screens.rule_history import RuleHistory
from spark_tui.ui.widgets.desk import NARROW, Events
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.row_card import ALL, RowCard, RowTable

BAR, METER = 10, 7  # cells, wide and narrow
LABEL = 9
NEAR = Decimal("0.6")  # of a limit: from here on it is shown as near


class RulesTable(RowTable[RuleRow]):
    def heading(self, width: int) -> Line:
        on = [row for row in self.rows.values() if row.rule.enabled]
        broken = sum(not row.ok for row in on)
        off = len(self.rows) - len(on)
        counts: Line = (
            (f"{len(on)} on", "dim"),
            (f"  {off} off" if off else "", "dim"),
            (f"  {broken} broken" if broken else "", "b down"),
            (" ", "dim"),
        )
        return self.rule(self.name_span("Risk rules"), counts, width)

    def columns(self, width: int) -> tuple[Column, ...]:
        if width < NARROW:
            rest = width - 67
            return (
                Column("", 1),
                Column("rule", 18),
                Column("limits", rest),
                Column("most", 12, right=True),
                Column("used", METER, gap=2),
                Column("left", 7, right=True),
                Column("effect", 12, gap=2),
            )
        rest = width - 111
        return (
            Column("", 1),
            Column("rule", 18),
            Column("limits", 23),
            Column("where", max(10, rest)),
            Column("used", BAR),
            Column("of the limit", 19, right=True),
            Column("left", 8, right=True),
            Column("effect", 12, gap=2),
            Column("from", 8),
        )

    def empty(self) -> str:
        return "waiting for the engine's rules"

    def chosen(self, key: RowKey) -> None:
        if self.screen.has_class("vast") and isinstance(self.screen, RiskScreen):
            self.screen.reload()  # its history is asked for at once

    def row(self, key: RowKey, width: int) -> Line:
        row = self.rows[key]
        rule, columns = row.rule, self.columns(width)
        tone = "ink" if rule.enabled else "faint"
        words = "dim" if rule.enabled else "faint"
        mark, mark_tone = _mark(row)
        narrow = width < NARROW
        before: list[tuple[str, str]] = [
            (mark, mark_tone),
            (fmt.fit(rule.id, columns[1].width), tone),
            (fmt.fit(about(row, columns[2].width, short=narrow), columns[2].width), words),
        ]
        after = [(left(row), tone if row.ok else "down"), (EFFECTS[rule.effect], words)]
        if narrow:
            before.append((most(row), tone))
        else:
            before.append((fmt.fit(scope_words(rule), columns[3].width), words))
            after = [
                (figure_within(row, columns[5].width), tone),
                *after,
                (row.origin, "warn" if row.origin == "override" else words),
            ]
        first = cells(columns[: len(before)], before)
        meter, rest = columns[len(before)], columns[len(before) + 1 :]
        return (*first, (" " * meter.gap, "ink"), *_meter(row, meter.width), *cells(rest, after))


def _mark(row: RuleRow) -> tuple[str, str]:
    if not row.rule.enabled:
        return "○", "faint"
    if row.ok:
        return "●", "up"
    return ("✗", "b down") if row.used is not None else ("?", "b warn")


def _meter(row: RuleRow, width: int) -> Line:
    if row.used is None or not row.allowed or not row.rule.enabled:
        return ((" " * width, "ink"),)
    share = min(Decimal(1), max(Decimal(0), row.used / row.allowed))
    filled = max(1, round(float(share) * width)) if share > 0 else 0
    tone = "down" if not row.ok else "warn" if share >= NEAR else "up"
    return (("━" * filled, tone), ("━" * (width - filled), "faint"))


class RuleCard(RowCard[RuleRow]):
    """What the rule says, how it stands, what follows, and who made it so."""

    nothing = "Rule"

    def title(self, row: RuleRow) -> tuple[Line, Line]:
        state = "on" if row.rule.enabled else "off"
        return ((row.rule.id, "b ink"), (f"  {row.rule.kind}", "dim")), ((f"{state} ", "dim"),)

    def lines(self, row: RuleRow, width: int, height: int) -> list[Line]:
        rule = row.rule
        stands = row.text if row.used is None else f"{row.text}: {figure(row)}, {room(row)} left"
        if not rule.enabled:
            stands = "switched off: it judges nothing"
        facts = [
            ("says", f"{row.said}, {scope_words(rule)}", "ink"),
            ("now", stands, "ink" if row.ok else "b down"),
            ("broken", FOLLOWS[rule.effect], "dim"),
            ("from", _origin(row), "warn" if row.origin == "override" else "dim"),
        ]
        lines: list[Line] = []
        most = None if height == ALL else 2
        for label, text, tone in facts:
            for index, part in enumerate(wrapped(text, max(20, width - LABEL - 2), most)):
                lines.append(((f" {label if not index else '':<{LABEL}}", "dim"), (part, tone)))
        return lines


def _origin(row: RuleRow) -> str:
    by = f"{row.changed_by or 'somebody'} at {fmt.clock(row.changed_ms)}Z"
    match row.origin:
        case "standard":
            return "on from the start"
        case "config":
            return "the configuration"
        case "override":
            return f"{by}, instead of what the configuration says; x gives it the word back"
        case _:
            return f"made here by {by}"


class RiskScreen(AskingScreen):
    screen_name = "risk"
    DEFAULT_CSS = """
    RiskScreen {
        #middle { layout: vertical; }
        #rules { height: 1fr; }
        #rule { height: 6; }
        #events { height: 4; }
        &.narrow #events { height: 3; }
        #history { display: none; }
        &.vast #middle {
            layout: grid;
            grid-size: 2 3;
            grid-columns: 122 1fr;
            grid-rows: 9 1fr 14;
            grid-gutter: 0 2;
        }
        &.vast #rules { height: 100%; row-span: 2; }
        &.vast #rule { height: 100%; }
        &.vast #history { display: block; height: 100%; row-span: 2; }
        &.vast #events { height: 100%; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.table: RulesTable = RulesTable(context, id="rules")
        self.history = RuleHistory(context, self.table, id="history")

    def compose_middle(self) -> ComposeResult:
        yield self.table
        yield RuleCard(self.context, self.table, id="rule")
        yield self.history
        yield Events(self.context, id="events")

    async def ask(self) -> None:
        result = await self.context.call(GetRules())
        if isinstance(result, Rules):
            self.take(result)
        row = self.table.selected()
        if row is not None and self.has_class("vast"):
            await self.history.look(row.rule)

    def take(self, rules: Rules) -> None:
        self.table.rows = {(row.rule.id,): row for row in rules.rows}
        self.show_all()
