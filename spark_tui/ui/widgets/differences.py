"""Reconciliation as a table: what the venue and we do not agree on, what was done, and what still asks."""

from collections.abc import Sequence

from spark_tui.link.messages import Difference
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.desk import NARROW, DeskTable, Details
from spark_tui.ui.widgets.line_table import Column, RowKey, cells


class DiffTable(DeskTable):
    topics = frozenset({Topic.DIFFERENCES, Topic.STATUS, Topic.ORDERS, Topic.FILLS, Topic.POSITIONS})
    tab = "diff"

    def _rows(self) -> tuple[Difference, ...]:
        differences = self.context.model.differences
        return differences.rows if differences else ()

    def keys(self) -> Sequence[RowKey]:
        """What asks first, then the newest."""
        rows = sorted(self._rows(), key=lambda row: (not row.choices, -row.at_ms, row.difference_id))
        return [(row.difference_id,) for row in rows]

    def columns(self, width: int) -> tuple[Column, ...]:
        kind, outcome = (14, 13) if width < NARROW else (17, 14)
        rest = max(20, width - kind - outcome - 12)
        ours = rest // 2
        return (
            Column("about", 7),
            Column("difference", kind),
            Column("we have", ours),
            Column("venue says", rest - ours),
            Column("done", outcome),
        )

    def empty(self) -> str:
        differences = self.context.model.differences
        if differences is None or not differences.passes:
            return "not compared with the venue yet; c compares now"
        at = fmt.clock(differences.last_ms)
        return f"no differences: {differences.passes} passes, the last at {at}Z; c compares now"

    def row(self, key: RowKey, width: int) -> Line:
        row = next(row for row in self._rows() if row.difference_id == key[0])
        asks = bool(row.choices)
        columns = self.columns(width)
        values = (
            (
                short_id(row.client_order_id) if row.client_order_id else row.symbol,
                "accent" if row.client_order_id else "ink",
            ),
            (row.kind.replace("_", " ").lower(), "b warn" if asks else "ink"),
            (row.local, "dim"),
            (row.remote, "ink"),
            ("Enter answers" if asks else row.applied, "b accent" if asks else "dim"),
        )
        fitted = [
            (fmt.fit(text, column.width), tone) for column, (text, tone) in zip(columns, values, strict=True)
        ]
        return cells(columns, fitted)

    def details(self, key: RowKey) -> Details | None:
        row = self.context.model.difference(key[0])
        if row is None:
            return None
        facts = (
            ("found", f"{fmt.clock(row.at_ms)}Z at {row.venue}"),
            ("about", row.client_order_id or row.symbol),
            ("we have", row.local),
            ("venue says", row.remote),
            ("done", row.applied or f"asks: {', '.join(row.choices)}"),
        )
        return Details(f"Difference · {row.kind.replace('_', ' ').lower()}", facts)
