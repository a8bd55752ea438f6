"""A dialog of more lines than fit: it scrolls, tells how many are below, and ends with how to close it."""

from collections.abc import Sequence

from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.dialog import DialogScreen

STEPS = {"down": 1, "j": 1, "up": -1, "k": -1, "space": 10, "g": -999, "G": 999}


class ScrollingScreen(DialogScreen):
    closing_text = " closes"
    closing_keys = frozenset({"escape", "q"})

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._top = 0

    def every_line(self, width: int) -> list[Line]:
        raise NotImplementedError

    def lines(self, width: int, height: int) -> Sequence[Line]:
        every = self.every_line(width)
        rows = height - 2
        self._top = max(0, min(self._top, len(every) - rows))
        shown = every[self._top : self._top + rows]
        below = len(every) - self._top - rows
        more = f" · ↓ {below} more" if below > 0 else ""
        foot: Line = ((" Esc", "b accent"), (self.closing_text, "dim"), (more, "accent"))
        return [*shown, *([()] * (rows - len(shown))), (), foot]

    def take_key(self, name: str, character: str | None) -> None:
        if name in self.closing_keys:
            self.finish("")
            return
        self._top += STEPS.get(name, 0)
        self.frame.pull()
