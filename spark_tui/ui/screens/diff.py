"""The Diff screen: orders beside their paper twins, the total with its grade on top."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath

from textual.app import ComposeResult

from spark_tui.link.messages import Diff, DiffGrade, DiffRow, DiffSide, GetDiff, ReportDiff, Ungraded
from spark_tui.link.service import LinkError
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.screens.asking import AskingScreen
from spark_tui.ui.story import TYPE_WORDS
from spark_tui.ui.widgets.desk import NARROW
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.row_card import RowCard, RowTable
from spark_tui.ui.workers import latest

BP_CELLS = 6
WORDS = {
    DiffGrade.A: ("as paper says", "up"),
    DiffGrade.B: ("near", "ink"),
    DiffGrade.C: ("apart", "warn"),
    DiffGrade.D: ("far apart", "down"),
    DiffGrade.NONE: ("nothing to tell yet", "dim"),
}
NOT_GRADED = {
    Ungraded.NOTHING: "not graded: neither of the two filled",
    Ungraded.CUT: "not graded: the engine stopped while the twin ran",
}


class Totals(Pane):
    """Of all orders that have ended."""

    topics = frozenset({Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.diff: Diff | None = None
        self.report = ""  # how the last one ended

    def heading(self, width: int) -> Line:
        since = f"since {day(self.diff.since_ms)} " if self.diff else ""
        told = fmt.fit(self.report, max(0, width - 62)) if self.report else ""
        right = ((f"{told}  " if told else "", "accent"), (since, "dim"))
        return self.rule((("Orders and their paper twins", "dim"),), right, width)

    def body(self, width: int, height: int) -> list[Line]:
        if self.diff is None:
            return [((" waiting for the engine", "dim"),)]
        if self.diff.why_not:
            return [((" no twins: ", "warn"), (fmt.fit(self.diff.why_not, width - 12), "ink"))]
        total = self.diff.total
        said, tone = WORDS[total.grade]
        told = ((total.ungraded, "ungraded"), (total.running, "running"), (total.skipped, "without a twin"))
        counts = "".join(
            (f"   {total.orders} compared", *(f" · {count} {word}" for count, word in told if count))
        )
        columns = (
            Column("", 8),
            *(Column(title, 11, right=True) for title in ("filled", "slippage", "took")),
        )
        order = (percent(total.fill_ratio), bp(total.slippage_bp), fmt.took(total.seconds))
        twin = (percent(total.twin_fill_ratio), bp(total.twin_slippage_bp), fmt.took(total.twin_seconds))
        error = (("    price error ", "dim"), (bp(total.price_error_bp), WORDS[total.price_grade][1]))
        return [
            ((" grade ", "dim"), (total.grade.value, f"b {tone}"), (f" {said}", tone), (counts, "dim")),
            cells(columns, [(column.title, "dim") for column in columns]),
            (*cells(columns, [("orders", "dim"), *((text, "ink") for text in order)]), *error),
            cells(columns, [("twins", "dim"), *((text, "dim") for text in twin)]),
        ][:height]


class TwinTable(RowTable[DiffRow]):
    """A column called `twin` belongs to the one before it."""

    newest_first = True
    cursor_follows = True

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.why_not = ""

    def heading(self, width: int) -> Line:
        return self.rule(self.name_span("By order"), (("slip and error in bp ", "dim"),), width)

    def columns(self, width: int) -> tuple[Column, ...]:
        measured = (
            Column("slip", BP_CELLS, right=True), Column("twin", BP_CELLS, right=True),
            Column("took", 7, right=True), Column("twin", 7, right=True),
            Column("error", BP_CELLS, right=True), Column("grade", 5, gap=2),
        )  # fmt: skip
        if width < NARROW:
            filled = (Column("filled", 6, right=True), Column("twin", 5, right=True))
            return (Column("time", 8), Column("symbol", 8), Column("side", 4), *filled, *measured)
        return (
            Column("time", 8), Column("symbol", 8), Column("side", 4), Column("type", 10),
            Column("filled", 8, right=True), Column("twin", 8, right=True),
            Column("price", 11, right=True), Column("twin", 11, right=True), *measured,
        )  # fmt: skip

    def empty(self) -> str:
        if self.why_not:
            return "send an order in SIM or on the testnet to see it beside its twin"
        return "no order has a twin yet: each gets one as it is sent"

    def row(self, key: RowKey, width: int) -> Line:
        row = self.rows[key]
        order, twin = row.order, row.twin
        lost = row.ungraded is Ungraded.CUT
        head = [
            (fmt.clock(row.at_ms), "dim"),
            (row.symbol, "ink"),
            (row.side.value, "up" if row.side.value == "BUY" else "down"),
        ]
        if width < NARROW:
            head += [(share(order, row), "ink"), (fmt.ABSENT if lost else share(twin, row), "dim")]
        else:
            head += [
                (TYPE_WORDS[row.order_type], "ink"),
                (fmt.compact(float(order.filled)), "ink"),
                (fmt.ABSENT if lost else fmt.compact(float(twin.filled)), "dim"),
                (self._price(row, order), "ink"),
                (self._price(row, twin), "dim"),
            ]
        tone = WORDS[row.grade][1]
        return cells(
            self.columns(width),
            (
                *head,
                (_bp_cell(order.slippage_bp), "ink"),
                (_bp_cell(twin.slippage_bp), "dim"),
                (fmt.took(order.seconds), "ink"),
                (fmt.took(twin.seconds), "dim"),
                (_bp_cell(row.price_error_bp, sign=True), WORDS[row.price_grade][1]),
                (_grade(row), f"b {tone}"),
            ),
        )

    def _price(self, row: DiffRow, side: DiffSide) -> str:
        steps = self.context.model.steps((row.venue, row.symbol))
        return fmt.fixed(side.average_price, steps.price)


class TwinDetails(RowCard[DiffRow]):
    """The order and its twin."""

    def title(self, row: DiffRow) -> tuple[Line, Line]:
        return ((row.client_order_id, "dim"),), ((f"{day(row.at_ms)} · {row.venue} ", "dim"),)

    def lines(self, row: DiffRow, width: int, height: int) -> list[Line]:
        asked = f" {row.side.value} {fmt.exact(row.quantity)} {row.symbol} {row.order_type.value}"
        said, tone = WORDS[row.grade]
        told = "running" if row.running else f"grade {row.grade.value}, {said}"
        if row.ungraded:
            told = NOT_GRADED[row.ungraded]
        differences = (
            ("filled", row.fill_difference, percent(row.fill_difference, sign=True)),
            ("price", row.price_error_bp, bp(row.price_error_bp, sign=True)),
            ("time", row.time_difference_s, fmt.took(row.time_difference_s, sign=True)),
        )
        known = [f"{name} {text}" for name, value, text in differences if value is not None]
        apart = f" order less twin: {' · '.join(known)}" if known and not row.running else ""
        return [
            ((asked, "ink"), (f"  {told}", tone)),
            _side("order", row.order, "ink", width),
            _side("twin", row.twin, "dim", width, known=row.ungraded is not Ungraded.CUT),
            ((fmt.fit(apart, width), "ink"),),
        ]


def _side(name: str, side: DiffSide, tone: str, width: int, *, known: bool = True) -> Line:
    parts = [side.state]
    if known and side.filled:
        parts.insert(0, f"{fmt.exact(side.filled)} at {fmt.exact(side.average_price)}")
        parts += [f"slip {bp(side.slippage_bp)}"] if side.slippage_bp is not None else []
        parts += [f"took {fmt.took(side.seconds)}"] if side.seconds is not None else []
    elif known:
        parts.insert(0, "nothing filled")
    words = " · ".join(parts)
    return ((f" {name:<6}", "dim"), (fmt.fit(words, width - 8), tone))


def day(epoch_ms: int) -> str:
    """To the minute, with the date: what is kept may be days old."""
    return datetime.fromtimestamp(epoch_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def percent(ratio: Decimal | None, *, sign: bool = False) -> str:
    return fmt.ABSENT if ratio is None else f"{fmt.fixed(ratio * 100, 1, sign=sign)} %"


def share(side: DiffSide, row: DiffRow) -> str:
    return f"{side.filled / row.quantity * 100:.0f}%" if row.quantity else fmt.ABSENT


def _grade(row: DiffRow) -> str:
    if row.running:
        return "…"
    return fmt.ABSENT if row.grade is DiffGrade.NONE else row.grade.value


def _bp_cell(value: Decimal | None, *, sign: bool = False) -> str:
    """A number that is cut off is another number."""
    text = fmt.fixed(value, 2, sign=sign)
    return text if value is None or len(text) <= BP_CELLS else fmt.compact(float(value))


def bp(value: Decimal | None, *, sign: bool = False) -> str:
    return fmt.ABSENT if value is None else f"{fmt.fixed(value, 2, sign=sign)} bp"


class DiffScreen(AskingScreen):
    screen_name = "diff"
    DEFAULT_CSS = """
    DiffScreen {
        #middle { layout: vertical; }
        #totals { height: 6; }
        #twins { height: 1fr; }
        #twin { height: 6; }
        &.narrow #totals { height: 5; }
        &.narrow #twin { height: 5; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.totals = Totals(context, id="totals")
        self.table: TwinTable = TwinTable(context, id="twins")

    def compose_middle(self) -> ComposeResult:
        yield self.totals
        yield self.table
        yield TwinDetails(self.context, self.table, id="twin")

    async def ask(self) -> None:
        found = await self.context.call(GetDiff())
        if isinstance(found, Diff):
            self._show(found)

    def write_report(self) -> None:
        latest(self, self._write, "diff-report")

    async def _write(self) -> None:
        try:
            found = await self.context.call(ReportDiff())
        except LinkError as error:
            self.context.say("warn", f"Report: {error.text}")
            self._note("no report: see the log, F8")
            return
        if isinstance(found, Diff):
            self._show(found)
            self.context.say("good", f"The report is in {found.path}")
            self._note(f"wrote {PurePath(found.path).name}")

    def _note(self, text: str) -> None:
        self.totals.report = text
        self.totals.pull()

    def _show(self, found: Diff) -> None:
        self.table.rows = {(row.client_order_id,): row for row in found.rows}
        self.table.why_not = found.why_not
        self.totals.diff = found
        self.show_all()
