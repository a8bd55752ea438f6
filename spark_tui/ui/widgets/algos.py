"""The algos as a table: how far each is, what it waits for, and how it ended."""

from collections.abc import Sequence

from spark_tui.link.messages import AlgoKind, AlgoRow
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.offers import algo_words
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.desk import ALIVE, DeskTable, Details, side_tone
from spark_tui.ui.widgets.line_table import Column, RowKey, cells

BAR = 10
TONES = {
    "RUNNING": "b up",
    "PAUSED": "b warn",
    "STOPPING": "warn",
    "DONE": "dim",
    "STOPPED": "dim",
    "FAILED": "down",
}


class AlgosTable(DeskTable):
    topics = frozenset({Topic.ALGOS, Topic.ORDERS, Topic.FILLS, Topic.POSITIONS, Topic.SECOND})
    tab = "algos"
    newest_first = True

    def keys(self) -> Sequence[RowKey]:
        """Those at work first, each newest first."""
        rows = sorted(
            self.context.model.algos.values(),
            key=lambda row: (row.state not in ALIVE, -row.created_ms, row.algo_id),
        )
        return [(row.algo_id,) for row in rows]

    def selected(self) -> AlgoRow | None:
        return self.context.model.algos.get(self.cursor[0]) if self.cursor else None

    def columns(self, width: int) -> tuple[Column, ...]:
        return (
            Column("id", 5),
            Column("algo", 8),
            Column("symbol", 8),
            Column("side", 4),
            Column("progress", BAR + 6),
            Column("filled", 7, right=True),
            Column("state", 8),
            Column("waits for", max(10, width - 64)),
        )

    def empty(self) -> str:
        return "no algos; w in the ticket makes one"

    def row(self, key: RowKey, width: int) -> Line:
        model = self.context.model
        row = model.algos[key[0]]
        alive = row.state in ALIVE
        ink = "ink" if alive else "dim"
        steps = model.steps((row.venue, row.start.symbol))
        share = float(row.filled / row.start.quantity) if row.start.quantity else 0.0
        full = min(BAR, int(share * BAR))
        columns = self.columns(width)
        values = (
            (short_id(row.algo_id), "accent" if alive else "dim"),
            (row.start.kind.value, ink),
            (row.start.symbol, ink),
            (row.start.side.value, side_tone(row.start.side)),
            ("━" * full + "─" * (BAR - full) + f" {share:>4.0%}", "up" if alive and full else "dim"),
            (fmt.fixed(row.filled, steps.quantity), ink),
            (row.state, TONES.get(row.state, "ink")),
            (fmt.fit(self._waits(row, steps.price), columns[-1].width), "dim" if alive else TONES[row.state]),
        )
        return cells(columns, values)

    def _waits(self, row: AlgoRow, decimals: int) -> str:
        """A countdown where the next step has a time, the trigger of a trailing stop, else its own words."""
        left_s = (row.next_at_ms - self.context.model.venue_now_ms()) / 1_000 if row.next_at_ms else 0.0
        if row.state == "RUNNING" and left_s > 0:
            return f"next in {fmt.elapsed(left_s)}"
        if row.state == "RUNNING" and row.start.kind is AlgoKind.TRAILING and row.trigger_price is not None:
            return f"{fmt.fixed(row.trigger_price, decimals)}"
        return row.text

    def details(self, key: RowKey) -> Details | None:
        model = self.context.model
        row = model.algos[key[0]]
        steps = model.steps((row.venue, row.start.symbol))
        facts = [
            ("algo", algo_words(row.start, model)),
            ("state", f"{row.state} {row.text}".rstrip()),
            ("worked by", "the venue, as one order" if row.native else "the engine"),
            ("filled", f"{fmt.exact(row.filled)} of {fmt.exact(row.start.quantity)}"),
            ("average", fmt.fixed(row.average_price, steps.price)),
            ("orders", f"{row.children}, open: {short_id(row.open_child) or 'none'}"),
            ("our id", row.algo_id),
            ("started", f"{fmt.clock(row.created_ms)}Z"),
        ]
        if row.trigger_price is not None:
            facts.append(("trigger", fmt.fixed(row.trigger_price, steps.price)))
        return Details(f"Algo {short_id(row.algo_id)}", tuple(facts))
