"""The Canary screen: what the next canary would look at, what the latest found, what live trading lacks."""

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult
from textual.widget import Widget

from spark_tui.domain.values import Side
from spark_tui.link.messages import (
    Canaries,
    CanaryCheck,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    Execution,
    GetCanaries,
)
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, wrapped
from spark_tui.ui.model import Model, Topic
from spark_tui.ui.screens.asking import AskingScreen
from spark_tui.ui.soak_words import brief, figure_lines, measured_words, soaking_line, worst_s
from spark_tui.ui.widgets.desk import NARROW, Events
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.row_card import RowCard, RowTable

VERDICTS = {
    CanaryVerdict.GREEN: ("● green", "b up"),
    CanaryVerdict.RED: ("✗ red", "b down"),
    CanaryVerdict.REFUSED: ("○ refused", "b warn"),
}
HASH_SHOWN = 12
WORTH_CELLS = 10
SELDOM_S = 5
ROOMY = 30  # lines of a card that has room for what only a check of the bundle needs
NAME = (11, 20)  # cells of a check's name, at least and at most
TALL = 4  # lines of what is next, at most


class Next(Pane):
    """The scope of the next canary, the configuration it would speak of, and live trading."""

    topics = frozenset({Topic.CANARIES, Topic.LOOK, Topic.STATUS, Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.side = Side.BUY

    def heading(self, width: int) -> Line:
        return self.rule((("Next canary", "dim"),), (), width)

    def body(self, width: int, height: int) -> list[Line]:
        model = self.context.model
        known = model.canaries
        symbol = model.look[1] or "no instrument"
        scope: Line = (
            (" scope   ", "dim"),
            (f"{self.side} {symbol}", "b up" if self.side is Side.BUY else "b down"),
            (" MARKET, the smallest quantity the venue takes", "ink"),
        )
        if known is None:
            return [scope, ((" waiting for the engine", "dim"),)]
        rests: Line = (
            (" config  ", "dim"),
            (known.config_hash[:HASH_SHOWN], "ink"),
            ("   evidence key ", "dim"),
            (known.signer or "made on first use", "ink"),
        )
        doing = known.running or "nothing runs"
        if known.soaking is not None:
            rests = soaking_line(known.soaking, model.venue_now_ms(), width)
        elif width >= NARROW:
            rests = (*rests, ("   now ", "dim"), (doing, "b warn" if known.running else "ink"))
        return [scope, rests, *_live(model, known, width)][:height]

    def pull(self) -> None:
        """Where why live is not armed takes a line more, it has one."""
        if self.size.width:
            self.set_class(len(self.body(self.size.width, TALL)) == TALL, "tall")
        super().pull()


def _live(model: Model, known: Canaries, width: int) -> list[Line]:
    arming = model.status.arming if model.status else None
    if arming is None:
        why = known.not_armable or "only the phrase is missing: live.arm"
        parts = wrapped(f"not armed. {why}", width - 10)
        return [
            ((" live    " if not index else " " * 9, "dim"), (part, "ink"))
            for index, part in enumerate(parts)
        ]
    left = max(0, arming.expires_ms - model.venue_now_ms()) // 1_000
    text = (
        f"ARMED for {', '.join(arming.symbols)}: {fmt.fixed(arming.used, 2)} of {fmt.exact(arming.cap)} USDT"
        f" used, {fmt.elapsed(left)} left"
    )
    if arming.lapsed:
        text = f"armed, but nothing leaves: {arming.lapsed}"
    return [((" live    ", "dim"), (fmt.fit(text, width - 10), "b down"))]


class CanaryTable(RowTable[CanaryRow]):
    topics = frozenset({Topic.CANARIES, Topic.SECOND})
    newest_first = True
    cursor_follows = True

    def heading(self, width: int) -> Line:
        rows = self.context.model.canary_rows.values()
        green = sum(row.verdict is CanaryVerdict.GREEN for row in rows)
        share = f"{green} of {len(rows)} green " if rows else ""
        return self.rule(self.name_span("Canaries"), ((share, "dim"),), width)

    def keys(self) -> Sequence[RowKey]:
        return [(key,) for key in reversed(self.context.model.canary_rows)]

    def selected(self) -> CanaryRow | None:
        return self.context.model.canary_rows.get(self.cursor[0]) if self.cursor else None

    def columns(self, width: int) -> tuple[Column, ...]:
        if width < NARROW:
            return (
                Column("verdict", 9),
                Column("kind", 7),
                Column("order", 25),
                Column("age", 4, right=True),
                Column("because", max(10, width - 52), gap=2),
            )
        return (
            Column("verdict", 9),
            Column("kind", 7),
            Column("order", 30),
            Column("worth USDT", WORTH_CELLS, right=True),
            Column("took", 7, right=True),
            Column("state", 9, gap=2),
            Column("age", 4, right=True),
            Column("because", max(10, width - 87), gap=2),
        )

    def empty(self) -> str:
        return "no canary yet: r looks at everything an order needs and places nothing"

    def row(self, key: RowKey, width: int) -> Line:
        row = self.context.model.canary_rows[key[0]]
        columns = self.columns(width)
        order = f"{row.side} {fmt.exact(row.quantity)} {row.symbol} {row.order_type}"
        took = worst_s(row.figures) if row.figures else max(row.latencies_s, default=None)
        healthy = (brief(row.figures),) if row.figures else ()
        because = ": ".join((*healthy, *row.reasons[:1])) or "every check holds"
        reason = (fmt.fit(because, columns[-1].width), "down" if row.reasons else "dim")
        age = (fmt.age(max(0, self.context.model.venue_now_ms() - row.at_ms) / 1_000), "dim")
        head = (VERDICTS[row.verdict], (row.kind.value, "ink"), (fmt.fit(order, columns[2].width), "ink"))
        if width < NARROW:
            return cells(columns, (*head, age, reason))
        figures = (
            (_worth(row.notional_usdt), "ink"),
            ("" if took is None else fmt.took(took), "dim"),
            (row.state, "ink"),
        )
        return cells(columns, (*head, *figures, age, reason))


def _worth(amount: Decimal | None) -> str:
    """A number that is cut off is another number."""
    text = fmt.fixed(amount, 2)
    return text if amount is None or len(text) <= WORTH_CELLS else fmt.compact(float(amount))


class Seen(RowCard[CanaryRow]):
    """What the canary looked at; of an order, expected beside actual."""

    topics = frozenset({Topic.CANARIES, Topic.SECOND})
    nothing = "Evidence"

    def title(self, row: CanaryRow) -> tuple[Line, Line]:
        tail: Line = ((f"{row.operator} · {row.environment} · {fmt.clock(row.at_ms)}Z ", "dim"),)
        return ((f"{row.kind} {row.run_id}", "dim"),), tail

    def lines(self, row: CanaryRow, width: int, height: int) -> list[Line]:
        said = [line for reason in _unsaid(row) for line in _reason_lines(reason, width)]
        figures = figure_lines(row.figures, width) if row.figures else []
        lines = [*_beside(row, width), *_fate(row, width), *figures, *said]
        bundle = row.bundle.rpartition("/")[2]
        kept = f"evidence/{bundle}" if bundle else "none: it was not tried"
        lines.append(((" evidence  ", "dim"), (fmt.fit(kept, width - 12), "ink")))
        if height >= ROOMY:
            lines += _proof(row, width)
        cell = 1 + min(NAME[1], max((NAME[0], *(len(check.name) for check in row.checks))))
        room = max(0, height - len(lines))
        marks = _marks(row, width, cell, in_full=True)
        if len(marks) > room:
            marks = _marks(row, width, cell, in_full=False)
        if len(marks) > room:
            marks = [*marks[: room - 1], ((f"   and {len(marks) - room + 1} more", "dim"),)] if room else []
        return [*lines, *marks]


def _proof(row: CanaryRow, width: int) -> list[Line]:
    """What the bundle can be told by, and what it speaks of."""
    facts = (("sha256", row.bundle_sha256), ("config", row.config_hash), ("venue", row.venue))
    return [
        ((f" {name if not index else '':<10}", "dim"), (part, "dim"))
        for name, text in facts
        for index, part in enumerate(wrapped(text, max(20, width - 12)))
    ]


def _marks(row: CanaryRow, width: int, cell: int, *, in_full: bool) -> list[Line]:
    """Every check, what failed first."""
    checks = sorted(row.checks, key=lambda check: check.ok)
    return [line for check in checks for line in _check_lines(check, width, cell, in_full=in_full)]


def _unsaid(row: CanaryRow) -> list[str]:
    """Reasons that no check says: what became of an order."""
    texts = [check.text for check in row.checks if not check.ok]
    return [reason for reason in row.reasons if not any(reason.endswith(text) for text in texts)]


def _reason_lines(reason: str, width: int) -> list[Line]:
    """In full: the table has room for its beginning only."""
    parts = wrapped(reason, max(20, width - 5)) or [""]
    return [((" ✗ " if not index else "   ", "b down"), (part, "down")) for index, part in enumerate(parts)]


def _check_lines(check: CanaryCheck, width: int, cell: int, *, in_full: bool) -> list[Line]:
    """What failed may take more than a line."""
    mark, tone = ("✓", "dim") if check.ok else ("✗", "b down")
    most = None if in_full else 1 if check.ok else 4 if width >= NARROW else 2
    text = f"{check.text}{measured_words(check.measured)}"
    parts = wrapped(text, max(20, width - cell - 5), most) or [""]
    name = f" {mark} {fmt.fit(check.name, cell - 1):<{cell}}"
    return [
        ((name if not index else " " * len(name), tone), (part, tone)) for index, part in enumerate(parts)
    ]


_FIGURES = (("price", 12), ("quantity", 12), ("notional", 12), ("fee", 18), ("slip", 9), ("took", 8))
_Figures = Sequence[tuple[str, int]]  # names and cells


def _cells(figures: _Figures) -> int:
    return 10 + sum(1 + cell for _, cell in figures)


def _beside(row: CanaryRow, width: int) -> list[Line]:
    """Expected, and under it what came of it. A number that is cut is another number: a column is as wide as
    what stands in it, and those that find no room beside the others stand below them."""
    if row.expected is None:
        return []
    told = [("expected", _texts(row.expected), "ink")]
    if row.actual is not None:
        told.append(("actual", _texts(row.actual), "b ink"))
    figures = [(name, max(cell, *(len(texts[name]) for _, texts, _ in told))) for name, cell in _FIGURES]
    lines: list[Line] = []
    for shown in _in_rows(figures, width):
        lines.append(((" " * 10, "dim"), *((f"{name:>{cell + 1}}", "dim") for name, cell in shown)))
        for label, texts, tone in told:
            values = ((f" {texts[name]:>{cell}}", tone) for name, cell in shown)
            lines.append(((f" {label:<9}", "dim"), *values))
    return lines


def _in_rows(figures: _Figures, width: int) -> list[_Figures]:
    """One, if need be without the quantity, which the list has; else all of them in as many as it takes."""
    for one_row in (figures, [one for one in figures if one[0] != "quantity"]):
        if _cells(one_row) <= width:
            return [one_row]
    rows: list[list[tuple[str, int]]] = [[]]
    for one in figures:
        if rows[-1] and _cells([*rows[-1], one]) > width:
            rows.append([])
        rows[-1].append(one)
    return [*rows]


def _texts(seen: Execution) -> dict[str, str]:
    fees = " + ".join(f"{fmt.exact(amount)} {asset}" for asset, amount in seen.fees.items())
    return {
        "price": fmt.exact(seen.price),
        "quantity": fmt.exact(seen.quantity),
        "notional": fmt.fixed(seen.notional, 2),
        "fee": fees or fmt.ABSENT,
        "slip": fmt.ABSENT if seen.slippage_bp is None else f"{seen.slippage_bp} bp",
        "took": "" if seen.latency_s is None else fmt.took(seen.latency_s),
    }


def _fate(row: CanaryRow, width: int) -> list[Line]:
    if row.kind is not CanaryKind.CONFIRM or not row.client_order_id:
        return []
    count = len(row.residue)  # each is said in full below
    left = f"{count} left over" if count else "none: nothing open, fills and trades as the venue's"
    fate: Line = (
        (" order     ", "dim"),
        (f"{row.client_order_id} {row.state}", "ink"),
        (f"   rests on {row.rests_on}" if row.rests_on else "", "dim"),
    )
    return [fate, ((" residue   ", "dim"), (fmt.fit(left, width - 12), "b down" if row.residue else "up"))]


class CanaryScreen(AskingScreen):
    screen_name = "canary"
    DEFAULT_CSS = """
    CanaryScreen {
        #middle { layout: vertical; }
        #next { height: 4; }
        #canaries { height: 1fr; }
        #seen { height: 14; }
        #events { height: 5; }
        &.narrow #next.tall { height: 5; }
        &.narrow #seen { height: 9; }
        &.narrow #events { height: 3; }
        #left { height: 1fr; }
        &.vast #middle {
            layout: grid;
            grid-size: 2 2;
            grid-columns: 122 1fr;
            grid-rows: 1fr 14;
            grid-gutter: 0 2;
        }
        &.vast #left, &.vast #events { height: 100%; }
        &.vast #seen { height: 100%; row-span: 2; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._unasked = 0  # seconds
        self.next = Next(context, id="next")
        self.table: CanaryTable = CanaryTable(context, id="canaries")

    def compose_middle(self) -> ComposeResult:
        with Widget(id="left"):
            yield self.next
            yield self.table
        yield Seen(self.context, self.table, id="seen")
        yield Events(self.context, id="events")

    def tick(self) -> None:
        """A canary that has ended comes by itself; how one gets on is asked."""
        known = self.context.model.canaries
        self._unasked += 1
        if self._unasked >= SELDOM_S or (known is not None and known.running):
            super().tick()

    async def ask(self) -> None:
        self._unasked = 0
        result = await self.context.call(GetCanaries())
        if isinstance(result, Canaries):
            self.context.model.set_canaries(result)
            self.show_all()
