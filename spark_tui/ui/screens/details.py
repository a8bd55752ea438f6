"""Everything known about one row of the desk."""

from collections.abc import Sequence

from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.dialog import DialogScreen
from spark_tui.ui.widgets.desk import Details

LABEL = 16


class DetailsScreen(DialogScreen):
    def __init__(self, context: Context, details: Details) -> None:
        super().__init__(context)
        self.title_text = details.title
        self._details = details

    def wanted_size(self) -> tuple[int, int]:
        return 84, len(self._details.facts) + 6

    def lines(self, width: int, height: int) -> Sequence[Line]:
        facts: list[Line] = [
            ((f" {label:<{LABEL}}", "dim"), (fmt.fit(text, width - LABEL - 1), "ink"))
            for label, text in self._details.facts
        ]
        return [(), *facts, (), ((" Esc", "b accent"), (" closes", "dim"))]

    def take_key(self, name: str, character: str | None) -> None:
        if name in {"escape", "enter", "q"}:
            self.finish("")
