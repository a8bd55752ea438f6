"""Help: every key that works on the screen behind it, from the action table."""

import textwrap
from itertools import groupby

from spark_tui.ui.actions import ACTIONS, EVERYWHERE
from spark_tui.ui.context import Context
from spark_tui.ui.keys import spoken
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.scrolling import ScrollingScreen

KEYS, TITLE = 11, 34


class HelpScreen(ScrollingScreen):
    title_text = "Keys"
    closing_keys = frozenset({"escape", "q", "?", "question_mark"})

    def __init__(self, context: Context, screen_name: str) -> None:
        super().__init__(context)
        self._screen_name = screen_name

    def wanted_size(self) -> tuple[int, int]:
        return 118, 60

    def every_line(self, width: int) -> list[Line]:
        here = {EVERYWHERE, self._screen_name}
        lines: list[Line] = []
        for group, actions in groupby(ACTIONS, key=lambda action: action.group):
            lines += [(), ((f" {group}", "b ink"),)] if lines else [((f" {group}", "b ink"),)]
            for action in actions:
                works = bool(here.intersection(action.screens))
                keys = "  ".join(spoken(key) for key in action.keys) or ":"
                beside = len(action.help) <= width - KEYS - TITLE - 3
                head = f"{action.title:<{TITLE}}" if beside else action.title
                lines.append(
                    (
                        (f"  {keys:<{KEYS}}", "b accent" if works else "dim"),
                        (head, "ink" if works else "dim"),
                        (action.help if beside else "", "dim"),
                    )
                )
                below = [] if beside else textwrap.wrap(action.help, max(20, width - KEYS - 5))
                lines += [((" " * (KEYS + 4), "dim"), (text, "dim")) for text in below]
        return lines
