"""The whole of a row whose card has room for its beginning only."""

from collections.abc import Callable

from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.scrolling import ScrollingScreen

WIDTH = 100
AROUND = 4  # lines and cells of the frame, and of how to close it


class CardScreen(ScrollingScreen):
    closing_keys = frozenset({"escape", "enter", "q"})

    def __init__(self, context: Context, title: str, lines: Callable[[int], list[Line]]) -> None:
        super().__init__(context)
        self.title_text = title
        self._lines = lines

    def every_line(self, width: int) -> list[Line]:
        return [(), *self._lines(width)]

    def wanted_size(self) -> tuple[int, int]:
        width = min(WIDTH, self.app.size.width - 2)
        return width, len(self.every_line(width - AROUND)) + AROUND
