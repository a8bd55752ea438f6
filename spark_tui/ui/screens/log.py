"""The Log screen: who did what through which face, what the rules said, what came of it; with a search."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from textual.app import ComposeResult

from spark_tui.domain.decimals import plain
from spark_tui.link.messages import Audit, AuditRow, AuditVerdict, GetAudit
from spark_tui.link.service import LinkError
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.entry import Entry
from spark_tui.ui.lines import Line, wrapped
from spark_tui.ui.rule_words import rule_put
from spark_tui.ui.screens.asking import LOST, AskingScreen
from spark_tui.ui.widgets.desk import NARROW
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.row_card import RowCard, RowTable

PAGE = 200
LABEL = 8
MAX_ROWS = 20_000  # held here; what is older is found by a search
CENT = Decimal("0.01")
OUR_ID = re.compile(r"\bsp[0-9a-z]{4,}-(\d+)\b")
MARKS = {True: ("✓", "up"), False: ("✗", "down"), None: ("·", "dim")}


class AuditTable(RowTable[AuditRow]):
    """Older rows are asked for when the cursor comes to the last one."""

    newest_first = True
    cursor_follows = True

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.before = 0  # older rows begin here; 0: there are none
        self.entries = 0
        self.all_entries = False
        self.entry = Entry()
        self.finding = False

    # --- what is shown -------------------------------------------------------------------------------------

    def heading(self, width: int) -> Line:
        what = "every ledger entry" if self.all_entries else "what was done"
        title: Line = (*self.name_span("Log"), (f"  {what}", "dim"))
        if self.finding:
            title = (*title, ("  / ", "accent"), (self.entry.shown_in(max(16, width - 56)).rstrip(), "b ink"))
        elif self.entry.text:
            title = (*title, ("  / ", "accent"), (self.entry.text, "ink"))
        shown = f"{len(self.rows)}{'+' if self.before else ''} of {fmt.group(str(self.entries))} entries "
        return self.rule(title, ((shown, "dim"),), width)

    def columns(self, width: int) -> tuple[Column, ...]:
        if width < NARROW:
            rest = width - 50
            return (
                Column("", 1),
                Column("time", 8),
                Column("who", 6),
                Column("action", 12),
                Column("what", rest),
                Column("result", 17),
            )
        rest = width - 59
        return (
            Column("", 1),
            Column("time", 15),
            Column("who", 10),
            Column("face", 8),
            Column("action", 16),
            Column("what", rest * 3 // 5),
            Column("result", rest - rest * 3 // 5 - 1),
        )

    def empty(self) -> str:
        if self.before:
            return f"searching, entries before {fmt.group(str(self.before))} are next"
        if self.entry.text:
            return f"nothing holds all of: {self.entry.text}"
        return "nothing was done yet" if self.entries else "waiting for the ledger"

    def row(self, key: RowKey, width: int) -> Line:
        row = self.rows[key]
        mark, tone = MARKS[row.ok]
        time = fmt.clock(row.at_ms) if width < NARROW else when(row.at_ms)
        face = () if width < NARROW else ((row.face, "dim"),)
        columns = self.columns(width)
        return cells(
            columns,
            (
                (mark, tone),
                (time, "dim"),
                (fmt.fit(row.who, columns[2].width), "ink"),
                *face,
                (fmt.fit(row.action, columns[-3].width), "b ink" if row.ok is not None else "ink"),
                (fmt.fit(brief(row.what), columns[-2].width), "ink"),
                (short_result(row.result, columns[-1].width), "down" if row.ok is False else "dim"),
            ),
        )

    def chosen(self, key: RowKey) -> None:
        if self.before and key == next(reversed(self.rows)):
            self._log.load_more()

    @property
    def _log(self) -> "LogScreen":
        assert isinstance(self.screen, LogScreen)
        return self.screen

    # --- finding -------------------------------------------------------------------------------------------

    def take_key(self, name: str, character: str | None) -> bool:
        """While finding, keys are the search's: Enter keeps it, Esc drops it."""
        if not self.finding:
            if name == "escape" and self.entry.text:
                self._search("")
                return True
            return False
        if name in {"up", "down", "tab", "shift+tab"}:
            return False
        if name == "enter":
            self.finding = False
        elif name == "escape":
            self.finding = False
            self._search("")
        elif self.entry.press(name, character):
            self._log.reload()
        self.pull()
        return True

    def take_paste(self, text: str) -> None:
        if self.finding:
            self.entry.insert(text)
            self._log.reload()
            self.pull()

    def _search(self, text: str) -> None:
        self.entry = Entry(text, len(text))
        self._log.reload()
        self.pull()

    # --- what the engine said ------------------------------------------------------------------------------

    def begin(self, found: Audit) -> None:
        """The newest rows, and nothing else."""
        self.rows, self.before, self.entries = _page(found), found.before, found.entries
        self.pull()

    def add_newer(self, found: Audit) -> None:
        """What came since `entries`, over the rows there are; more than one page of it is a new beginning."""
        if found.before:
            self.begin(found)
            return
        self.rows = _page(found) | self.rows
        self.entries = found.entries
        self.pull()

    def add_older(self, found: Audit) -> None:
        self.rows |= _page(found)
        self.before = found.before if len(self.rows) < MAX_ROWS else 0
        self.pull()

    def lacks_rows(self) -> bool:
        """There is room to show, and older entries were not looked at yet."""
        return bool(self.before) and len(self.rows) < self.size.height


def _page(found: Audit) -> dict[RowKey, AuditRow]:
    return {(str(row.seq),): row for row in found.rows}


class Deed(RowCard[AuditRow]):
    """With every rule's verdict."""

    def title(self, row: AuditRow) -> tuple[Line, Line]:
        by = f"{row.who}{f' · {row.face}' if row.face else ''}"
        return ((row.action, "dim"),), ((f"{by} · {when(row.at_ms)} · entry {row.seq} ", "dim"),)

    def lines(self, row: AuditRow, width: int, height: int) -> list[Line]:
        """What and result in full; of the verdicts, those that fit, the ones that refuse first."""
        kept = min(2, len(row.verdicts))
        what = _rows(row.what, width, max(1, (height - kept) // 2))
        result = _rows(row.result, width, max(1, height - kept - len(what)))
        lines = [
            *(_labelled("what", what, "ink") if row.what else ()),
            *_labelled("result", result, "down" if row.ok is False else "ink"),
        ]
        shown = sorted(row.verdicts, key=lambda verdict: verdict.ok)
        lines += _in_columns([_verdict(verdict) for verdict in shown], width, max(0, height - len(lines)))
        return lines


def brief(what: str) -> str:
    """`symbol=BTCUSDT side=BUY` without the names, and without what only the details need; a
    rule in its own words."""
    if what.startswith("rule={"):
        return rule_put(what)
    words = [word.partition("=") for word in what.split() if word != "time_in_force=GTC"]
    return " ".join(value or name for name, _, value in words if name not in {"venue", "key"})


def _rows(text: str, width: int, most: int) -> list[str]:
    return wrapped(text, max(20, width - LABEL - 1), most) or [""]


def when(at_ms: int) -> str:
    """`21 Nov 06:14:46`, UTC as everywhere in the cockpit."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%d %b %H:%M:%S")


def _labelled(label: str, lines: list[str], tone: str) -> list[Line]:
    return [
        ((f" {label if not index else '':<{LABEL}}", "dim"), (line, tone)) for index, line in enumerate(lines)
    ]


def _verdict(verdict: AuditVerdict) -> tuple[str, str]:
    mark = "✓" if verdict.ok else "✗"
    name = verdict.rule.replace("_", " ")
    numbers = ""
    if verdict.used is not None and verdict.allowed is not None:
        numbers = f" {_figure(verdict.used)}/{_figure(verdict.allowed)}"
    return f"{mark} {name}{numbers}", "dim" if verdict.ok else "b down"


def _figure(value: Decimal) -> str:
    """To a hundredth, or the first digits there are: the ledger has them all."""
    if not value.is_finite() or abs(value) < CENT:
        return plain(value)
    return fmt.exact(value.quantize(CENT))


def short_result(result: str, width: int) -> str:
    """What became of it is said last: our own ids give way to their numbers, as the desk has them, and where
    room is short altogether: the card has them."""
    shorter = (OUR_ID.sub(r"\1", result), OUR_ID.sub("", result).strip())
    return next((text for text in shorter if len(text) <= width), fmt.fit(shorter[-1], width))


def _in_columns(texts: list[tuple[str, str]], width: int, height: int) -> list[Line]:
    """Left to right, then down; what does not fit is counted."""
    if not texts or not height:
        return []
    column = max(24, max(len(text) for text, _ in texts) + 2)
    across = max(1, (width - 9) // column)
    room = across * height
    shown = (
        texts if len(texts) <= room else [*texts[: room - 1], (f"and {len(texts) - room + 1} more", "dim")]
    )
    lines: list[Line] = []
    for start in range(0, len(shown), across):
        spans = tuple(
            (f"{fmt.fit(text, column - 1):<{column}}", tone) for text, tone in shown[start : start + across]
        )
        lines.append(((f" {'rules' if not start else '':<{LABEL}}", "dim"), *spans))
    return lines


class LogScreen(AskingScreen):
    screen_name = "log"
    DEFAULT_CSS = """
    LogScreen {
        #middle { layout: vertical; }
        #audit { height: 1fr; }
        #deed { height: 10; }
        &.narrow #deed { height: 7; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._wanted: tuple[GetAudit, Callable[[Audit], None]] | None = None
        self.table: AuditTable = AuditTable(context, id="audit")

    def compose_middle(self) -> ComposeResult:
        yield self.table
        yield Deed(self.context, self.table, id="deed")

    def find(self) -> None:
        self.table.finding = True
        if self.is_mounted:  # it begins with the focus there
            self.set_focus(self.table)
        self.table.pull()

    def reload(self) -> None:
        """From the newest on; a search that is typed on overtakes the one before."""
        self._want(self.table.begin)

    def load_more(self) -> None:
        self._want(self.table.add_older, before=self.table.before)

    def toggle_all(self) -> None:
        self.table.all_entries = not self.table.all_entries
        self.reload()

    def tick(self) -> None:
        if not self.idle:
            return
        if self._wanted is not None:  # the engine was gone
            self.begin()
        elif self.is_current:
            self._want(self.table.add_newer, after=self.table.entries)

    def _want(self, take: Callable[[Audit], None], *, before: int = 0, after: int = 0) -> None:
        table = self.table
        ask = GetAudit(
            text=table.entry.text, before=before, after=after, limit=PAGE, all_entries=table.all_entries
        )
        self._wanted = (ask, take)
        if self.idle:
            self.begin()

    async def ask(self) -> None:
        """One question at a time. An answer that a newer question has overtaken is dropped; a question that a
        lost engine left open is asked again."""
        while (asked := self._wanted) is not None:
            ask, take = asked
            try:
                result = await self.context.call(ask)
            except LinkError as error:
                if error.code not in LOST:
                    self._wanted = None
                raise
            if self._wanted is not asked:
                continue
            self._wanted = None
            if isinstance(result, Audit):
                take(result)
                self.show_all()
                if self.table.lacks_rows():
                    self.load_more()
