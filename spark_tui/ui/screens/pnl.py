"""The PnL screen: what the account is worth, what was earned, and whether every cent is explained."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal

from textual.app import ComposeResult
from textual.widget import Widget

from spark_tui.domain.accounting import Window
from spark_tui.domain.words import one_line
from spark_tui.link.messages import (
    EquityCurve,
    Explanation,
    GetEquity,
    GetExplanation,
    GetPnl,
    Pnl,
    Result,
)
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, Span
from spark_tui.ui.model import Topic
from spark_tui.ui.pnl_data import DAY_MS, FEW, FINER, STRETCHES, YOUNG_MS, Money
from spark_tui.ui.pnl_tables import TABLES, Entry, gain, money
from spark_tui.ui.screens.asking import AskingScreen
from spark_tui.ui.widgets.desk import NARROW
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.plot import Sample, plot
from spark_tui.ui.widgets.row_card import RowCard, RowTable

LABEL = 13
FACT, GAP = 24, 2  # cells of a name with its figure, and behind it at least
CENT = Decimal("0.01")
LEAST_FALL = 0.1  # percent that fill the chart: a smaller fall looks as small as it is


class Headline(Pane):
    topics = frozenset(
        {Topic.STATUS, Topic.BALANCES, Topic.SECOND}
    )  # as the bar over it: one equity, not two

    def __init__(self, context: Context, known: Money, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._known = known

    def heading(self, width: int) -> Line:
        currency = self._known.pnl.currency if self._known.pnl else ""
        return self.rule((("Profit and loss", "dim"),), ((f"{currency} ", "dim"),), width)

    def body(self, width: int, height: int) -> list[Line]:
        known, model = self._known, self.context.model
        if known.pnl is None:
            return [((" waiting for the engine", "dim"),)]
        total, curve = known.pnl.total, known.curve
        held = model.balances
        worth = (money(held.equity if held else None), "b ink")
        day = gain(held.day_pnl if held else None)
        now = curve.now.fall if curve and curve.now else None
        deepest = curve.deepest if curve else None
        rest, accuracy = known.rest, known.accuracy
        first: tuple[tuple[str, Span], ...] = (
            ("equity", worth), ("day", day), ("realised", gain(total.realised)),
            ("unrealised" if width >= NARROW else "unreal.", gain(total.unrealised)),
        )  # fmt: skip
        second: tuple[tuple[str, Span], ...] = (
            ("fees", (money(total.fees), "ink")), ("funding", gain(total.funding)),
            ("drawdown", (percent(now), "ink")),
            ("max", (percent(deepest.fall if deepest else None), "ink")),
        )  # fmt: skip
        third: tuple[tuple[str, Span], ...] = (
            ("unexplained", (money(rest), "up" if rest == 0 else "b warn")),
            ("accuracy", (percent(accuracy), "up" if accuracy == 1 else "warn")),
        )
        cell = (width - 2) // len(first)
        lines = [_facts(first, cell), _facts(second, cell)]
        left_out = ", ".join(curve.unpriced) if curve else ""
        room = max(0, width - 2 * cell - 2)
        note = f"not in equity, no price: {left_out}" if left_out else ""
        note = known.exported or note
        lines.append((*_facts(third, cell), (fmt.fit(note, room) if note else "", "warn")))
        return lines[:height]


def _facts(facts: Sequence[tuple[str, Span]], cell: int) -> Line:
    """Names at the left, figures at the right of their columns: they stay where they are as they change."""
    inner = min(cell - GAP, FACT)
    line: list[Span] = [(" ", "ink")]
    for name, (text, tone) in facts:
        line += [
            (f"{name} ", "dim"),
            (f"{text:>{inner - len(name) - 1}}", tone),
            (" " * (cell - inner), "ink"),
        ]
    return tuple(line)


def percent(share: Decimal | None) -> str:
    """Rounded down: 99.999 % is not all of it."""
    if share is None:
        return fmt.ABSENT
    return fmt.fixed((share * 100).quantize(CENT, rounding=ROUND_FLOOR), 2) + " %"


class Chart(Pane):
    """Equity as a line, or with `falls` the drawdown as an area under zero."""

    topics = frozenset({Topic.SECOND})
    every_s = 1.0

    def __init__(self, context: Context, known: Money, *, falls: bool, id: str) -> None:
        super().__init__(context, id=id)
        self._known = known
        self._falls = falls

    def heading(self, width: int) -> Line:
        if self._falls:
            return self.rule((("Drawdown", "dim"),), (), width)
        hints: list[Span] = []
        for one in STRETCHES:
            hints.append((one.name, "b accent" if one is self._known.stretch else "dim"))
            hints.append((" " if one is STRETCHES[-1] else "  ", "dim"))
        drawn = self._known.drawn(self.context.model.venue_now_ms())
        since = f" since {fmt.clock(drawn.frame.start_ms)}" if drawn and drawn.young else ""
        return self.rule((("Equity", "dim"), (since, "faint")), tuple(hints), width)

    def body(self, width: int, height: int) -> list[Line]:
        if self._known.curve is None:
            return [((" waiting for the engine", "dim"),)]
        drawn = self._known.drawn(self.context.model.venue_now_ms())
        if drawn is None:
            words = (
                "no sample yet: one a minute"
                if self._falls
                else "no sample yet: one a minute, with usable prices"
            )
            return [((f" {words}", "dim"),)]
        if self._falls:
            samples = [Sample(one.at_ms, -100 * float(one.fall)) for one in drawn.points]
        else:
            samples = [Sample(one.at_ms, float(one.equity)) for one in drawn.points]
        start, end, _ = drawn.frame
        spread = max(one.value for one in samples) - min(one.value for one in samples)
        decimals = 0 if spread >= 1_000 else 2
        lines = plot(
            samples,
            drawn.frame,
            width,
            height,
            label=lambda value: fmt.fixed(value, 2) + " %" if self._falls else fmt.fixed(value, decimals),
            clock=_clock(end - start),
            tone="down" if self._falls else "accent",
            area_from=0.0 if self._falls else None,
            least=LEAST_FALL,
        )
        return lines or [((f" no sample in the last {self._known.stretch.name}", "dim"),)]


def _clock(span_ms: int) -> Callable[[int], str]:
    """As fine as the span asks for."""
    if span_ms > 2 * DAY_MS:
        return _day_word
    return fmt.clock if span_ms < YOUNG_MS * 5 else _hour_word


def _hour_word(at_ms: int) -> str:
    return fmt.clock(at_ms)[:5]


def _day_word(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%d %b")


class MoneyTable(RowTable[tuple[str, Entry]]):
    """Rows with their names."""

    topics = frozenset({Topic.SECOND, Topic.BALANCES})

    def __init__(self, context: Context, known: Money, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._known = known
        self.shown = TABLES[0]

    def next_table(self) -> None:
        self.shown = TABLES[(TABLES.index(self.shown) + 1) % len(TABLES)]
        self.cursor = None
        self.pull()

    def heading(self, width: int) -> Line:
        names: list[Span] = []
        for one in TABLES:
            names.append((one.name, "b accent" if one is self.shown else "dim"))
            names.append(("  " if one is not TABLES[-1] else "", "dim"))
        return self.rule(tuple(names), ((f"{len(self.keys())} ", "dim"),), width)

    def keys(self) -> Sequence[RowKey]:
        entries = self.shown.rows(self._known, self.context.model.balances)
        self.rows = {key: (one_line(key[-1]), entry) for key, entry in entries.items()}
        return list(self.rows)

    def selected(self) -> tuple[str, Entry] | None:
        """The cursor is on the first row before anything was painted."""
        keys = self.keys()
        if keys and self.cursor not in self.rows:
            return self.rows[keys[0]]
        return super().selected()

    def columns(self, width: int) -> tuple[Column, ...]:
        return self.shown.narrow if width < NARROW else self.shown.wide

    def empty(self) -> str:
        return self.shown.empty

    def row(self, key: RowKey, width: int) -> Line:
        _, entry = self.rows[key]
        return cells(self.columns(width), entry.narrow if width < NARROW else entry.wide)


class MoneyCard(RowCard[tuple[str, Entry]]):
    def title(self, row: tuple[str, Entry]) -> tuple[Line, Line]:
        return ((row[0], "dim"),), ()

    def lines(self, row: tuple[str, Entry], width: int, height: int) -> list[Line]:
        return [
            ((f" {label:<{LABEL}}", "dim"), (fmt.fit(text, width - LABEL - 2), "ink"))
            for label, text in row[1].facts
        ]


class PnlScreen(AskingScreen):
    screen_name = "pnl"
    DEFAULT_CSS = """
    PnlScreen {
        #middle { layout: vertical; }
        #headline { height: 4; }
        #charts { height: 12; layout: horizontal; }
        #equity { width: 2fr; }
        #drawdown { width: 1fr; }
        #money { height: 1fr; }
        #row { height: 6; }
        &.narrow #charts { height: 7; }
        &.narrow #row { height: 5; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.known = Money()
        self.headline = Headline(context, self.known, id="headline")
        self.table: MoneyTable = MoneyTable(context, self.known, id="money")

    def compose_middle(self) -> ComposeResult:
        yield self.headline
        with Widget(id="charts"):
            yield Chart(self.context, self.known, falls=False, id="equity")
            yield Chart(self.context, self.known, falls=True, id="drawdown")
        yield self.table
        yield MoneyCard(self.context, self.table, id="row")

    def next_window(self) -> None:
        self.known.next_stretch()
        self.reload()

    def note_export(self, text: str) -> None:
        self.known.exported = text
        if self.is_attached:  # it may have been left meanwhile
            self.headline.pull()

    async def ask(self) -> None:
        stretch = self.known.stretch
        answers = [
            await self.context.call(GetPnl()),
            await self._curve(stretch.window),
            await self.context.call(GetExplanation()),
        ]
        for answer in answers:
            match answer:
                case Pnl():
                    self.known.pnl = answer
                case EquityCurve() if stretch is self.known.stretch:
                    self.known.take_curve(answer)
                case Explanation():
                    self.known.explanation = answer
        self.show_all()

    async def _curve(self, window: Window) -> Result:
        """By the day or the hour, unless that is no curve yet: then finer."""
        answer = await self.context.call(GetEquity(window=window))
        if isinstance(answer, EquityCurve) and len(answer.points) < FEW and window in FINER:
            return await self._curve(FINER[window])
        return answer
