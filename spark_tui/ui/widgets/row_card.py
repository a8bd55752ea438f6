"""A table and the card under it that shows the selected row in full."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, width_of
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.line_table import LineTable, RowKey
from spark_tui.ui.widgets.pane import Pane

Row = TypeVar("Row")
FRAME = 4  # cells of the rule and of blanks around both ends of a heading
ALL = 10_000  # lines: more than any row has


class RowTable(LineTable, Generic[Row]):
    """Its rows are values in `rows`, in the order shown; subclasses may have them elsewhere."""

    topics = frozenset({Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.rows: dict[RowKey, Row] = {}
        self.cards: list[RowCard[Row]] = []

    def keys(self) -> Sequence[RowKey]:
        return list(self.rows)

    def selected(self) -> Row | None:
        return self.rows.get(self.cursor) if self.cursor else None

    def pull(self) -> None:
        """The cards speak of the row that is under the cursor then."""
        super().pull()
        for card in self.cards:
            card.pull()


class RowCard(Pane, Generic[Row]):
    """Follows the table's cursor. Subclasses give `title` and `lines` of a row."""

    topics = frozenset({Topic.SECOND})
    nothing = "Details"  # the title while no row is selected

    def __init__(self, context: Context, table: RowTable[Row], *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._table = table
        table.cards.append(self)

    def title(self, row: Row) -> tuple[Line, Line]:
        """Left and right end of the rule over the card. Of the left one the first span is the name, which
        stays where there is no room for all."""
        raise NotImplementedError

    def lines(self, row: Row, width: int, height: int) -> list[Line]:
        """What does not fit into `height` is cut off."""
        raise NotImplementedError

    def heading(self, width: int) -> Line:
        row = self._table.selected()
        if row is None:
            return self.rule(((self.nothing, "dim"),), (), width)
        left, right = self.title(row)
        if len(self.lines(row, width, ALL)) > self.size.height - 1:
            right = (("Enter", "b accent"), (" all of it " + " " * bool(right), "dim"), *right)
        if width_of(left) + width_of(right) + FRAME > width:
            left = left[:1]  # a part of a word is none
        return self.rule(left, right, width)

    def in_full(self) -> tuple[str, Callable[[int], list[Line]]] | None:
        """Of the selected row: its name, and every line at a width."""
        row = self._table.selected()
        if row is None:
            return None
        left, right = self.title(row)
        name = "".join(text for text, _ in (*left, ("  ", ""), *right)).strip()
        return name, lambda width: self.lines(row, width, ALL)

    def body(self, width: int, height: int) -> list[Line]:
        row = self._table.selected()
        return [] if row is None else self.lines(row, width, height)[:height]
