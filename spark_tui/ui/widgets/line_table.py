"""The base of every ticking table: only visible rows are composed, only changed ones painted, and the cursor
stays on its row's key while rows come, go and move. Where rows come in on top, a cursor that was left on the
newest one keeps the view there: nothing new comes in out of sight."""

from collections.abc import Sequence
from typing import NamedTuple

from textual import events

from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, Span, cells_of, clip, sized, width_of
from spark_tui.ui.widgets.pane import Pane

RowKey = tuple[str, ...]

CURSOR = "ink9"  # the ground of the selected row


class Column(NamedTuple):
    title: str
    width: int
    right: bool = False
    gap: int = 1  # cells before it: two where words follow a number


class LineTable(Pane, can_focus=True):
    """Subclasses give `keys`, `columns` and `row`. `columns` may differ with the width."""

    newest_first = False  # new rows come in on top
    cursor_follows = False  # onto them, when it was left on the newest; not where a key acts on the row

    def __init__(self, context: Context, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(context, id=id, classes=classes)
        self.cursor: RowKey | None = None
        self._follows = self.newest_first  # the operator left the cursor on the newest row
        self._top = 0
        self._at = 0
        self._keys: Sequence[RowKey] = ()
        self._rows_shown = 1

    # --- for subclasses ------------------------------------------------------------------------------------

    def keys(self) -> Sequence[RowKey]:
        """Row keys in the order shown."""
        raise NotImplementedError

    def columns(self, width: int) -> tuple[Column, ...]:
        """Header and widths; no titles at all means no header line."""
        raise NotImplementedError

    def row(self, key: RowKey, width: int) -> Line:
        raise NotImplementedError

    def empty(self) -> str:
        """One sentence for a table without rows."""
        return ""

    def chosen(self, key: RowKey) -> None:
        """The cursor was moved to `key` by the operator."""

    # --- composing -----------------------------------------------------------------------------------------

    def body(self, width: int, height: int) -> list[Line]:
        columns = self.columns(width)
        lines: list[Line] = []
        if any(column.title for column in columns):
            lines.append(header(columns))
        self._keys = self.keys()
        if not self._keys:
            self.cursor = None
            return [*lines, ((" " + self.empty(), "dim"),)]
        rows = self._rows_shown = max(1, height - len(lines))
        index = self._followed(rows) if self._follows else self._index()
        self._top = max(min(self._top, index, len(self._keys) - rows), index - rows + 1, 0)
        for key in self._keys[self._top : self._top + rows]:
            line = clip(self.row(key, width), width)
            lines.append(self._lit(line, width) if key == self.cursor else line)
        return lines

    def _index(self) -> int:
        """Where the cursor's key is now. A key that left hands the cursor to the row that took its place."""
        if self.cursor in self._keys:
            self._at = self._keys.index(self.cursor)
        else:
            self._at = min(self._at, len(self._keys) - 1)
            self.cursor = self._keys[self._at]
        return self._at

    def _followed(self, rows: int) -> int:
        """The view stays on top; a cursor that newer rows pushed out of it begins again at the newest."""
        self._top = 0
        if self.cursor_follows or self._index() >= rows:
            self.cursor = self._keys[0]
        return self._index()

    def _lit(self, line: Line, width: int) -> Line:
        lit: list[Span] = [
            (text, token if " on " in token else f"{token} on {CURSOR}") for text, token in line
        ]
        gap = width - width_of(line)
        return (*lit, (" " * gap, f"ink on {CURSOR}")) if gap > 0 else tuple(lit)

    # --- moving --------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        if self._keys:
            self.go(self._keys[max(0, min(len(self._keys) - 1, self._index() + by))])

    def move_to_end(self, last: bool) -> None:
        if self._keys:
            self.go(self._keys[-1 if last else 0])

    def go(self, key: RowKey) -> None:
        self._follows = self.newest_first and (key not in self._keys or key == self._keys[0])
        self.cursor = key
        self.chosen(key)
        self.pull()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)

    def on_click(self, event: events.Click) -> None:
        header_lines = 1 + any(column.title for column in self.columns(self.size.width))
        index = self._top + event.y - header_lines
        if 0 <= index < len(self._keys):
            self.go(self._keys[index])


def header(columns: Sequence[Column]) -> Line:
    return cells(columns, [(column.title, "dim") for column in columns])


def cells(columns: Sequence[Column], values: Sequence[tuple[str, str]]) -> Line:
    """Values set into their columns, a gap before each; too long ones are cut, never spilled over."""
    spans: list[Span] = []
    for column, (text, token) in zip(columns, values, strict=True):
        shown = text
        if cells_of(text) > column.width:
            shown = sized(text, column.width - 1) + "…"
        blank = " " * (column.width - cells_of(shown))
        spans.append((" " * column.gap + (blank + shown if column.right else shown + blank), token))
    return tuple(spans)
