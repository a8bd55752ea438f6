"""The base of everything on screen: lines of styled text, painted one dirty line at a time.

Textual's compositor re-sends whatever is marked dirty, so a pane keeps the lines it showed last, compares,
and marks only those whose text or style changed, up to the last cell that did.
"""

from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from spark_tui.ui.context import Context
from spark_tui.ui.lines import EMPTY, Line, clip, merge, width_of
from spark_tui.ui.model import Topic
from spark_tui.ui.theme import Painter


class Pane(Widget):
    """A title on a hairline rule over a body of lines. Subclasses give `heading` and `body`."""

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """
    topics: frozenset[Topic] = frozenset()
    every_s: float = 0.0
    restless: bool = False
    always_bright: bool = False
    BLANK: ClassVar[bool] = False

    def __init__(self, context: Context, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.context = context
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}

    # --- for subclasses ------------------------------------------------------------------------------------

    def heading(self, width: int) -> Line | None:
        """The first line; None for panes without one."""
        return None

    def body(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of at most `width` cells."""
        raise NotImplementedError

    def rule(self, title: Line, right: Line, width: int) -> Line:
        """`─ Title ──────── right`, in the accent while the pane has the focus."""
        tone = "accent" if self.has_focus else "faint"
        left: Line = (("─ ", tone), *title, (" ", tone))
        tail: Line = ((" ", tone), *right) if right else ()
        gap = width - width_of(left) - width_of(tail)
        if gap < 0:
            return clip(left, width)
        return (*left, ("─" * gap, tone), *tail)

    def name_span(self, text: str) -> Line:
        return ((text, "b accent" if self.has_focus else "dim"),)

    def take_key(self, name: str, character: str | None) -> bool:
        """A key while this pane has the focus; False leaves it to the action table."""
        return False

    def take_paste(self, text: str) -> None:
        """Pasted text while this pane has the focus; ignored unless the pane takes text."""

    @property
    def painter(self) -> Painter:
        """Faded with the rest of the screen, unless the pane must be read then."""
        return self.context.plain if self.always_bright else self.context.painter

    # --- painting ------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Compose the lines anew and paint those that changed."""
        width, height = self.size
        if not width or not height:
            return
        heading = self.heading(width)
        if heading is None:
            self._show(self.body(width, height), width)
        else:
            self._show([heading, *self.body(width, height - 1)], width)

    def repaint(self) -> None:
        """Paint everything again: the theme changed, or the pane faded."""
        self._strips.clear()
        self.pull()
        self.refresh()

    def _show(self, lines: list[Line], width: int) -> None:
        merged = [merge(line) for line in lines]
        before = self._lines
        self._lines = merged
        for y in range(max(len(merged), len(before))):
            old = before[y] if y < len(before) else EMPTY
            new = merged[y] if y < len(merged) else EMPTY
            if old != new:
                self._strips.pop(y, None)
                self.refresh(Region(0, y, _changed_width(old, new, width), 1))

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            line = self._lines[y] if y < len(self._lines) else EMPTY
            style = self.painter.style
            segments = [Segment(text, style(token)) for text, token in line]
            strip = Strip(segments).adjust_cell_length(self.size.width, style("ink"))
            self._strips[y] = strip
        return strip

    @property
    def text(self) -> str:
        """What the pane shows, without styles."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)

    def on_resize(self) -> None:
        self._strips.clear()
        self._lines = []
        self.pull()

    def on_focus(self) -> None:
        self.call_next(self.pull)  # the widget itself takes note of the focus after this handler

    def on_blur(self) -> None:
        self.call_next(self.pull)


def _changed_width(old: Line, new: Line, width: int) -> int:
    """Cells from the left edge to the last one that differs: what lies right of it need not be sent again."""
    if width_of(old) != width_of(new):
        return width
    right = width
    for before, after in zip(reversed(old), reversed(new), strict=False):
        if before != after:
            break
        right -= width_of((after,))
    return max(1, right - (width - width_of(new)))
