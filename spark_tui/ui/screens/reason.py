"""Asks for a reason in words; ctrl+o gives it, Enter does not."""

from collections.abc import Sequence

from spark_tui.ui.context import Context
from spark_tui.ui.entry import Entry
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.dialog import DialogScreen

LEAST = 3  # characters that make a reason


class ReasonScreen(DialogScreen):
    """Answered with the reason."""

    tone = "warn"

    def __init__(self, context: Context, title: str, explanation: str, reason: str = "") -> None:
        super().__init__(context)
        self.title_text = title
        self._explanation = explanation
        self.entry = Entry()
        self.entry.insert(reason)

    def wanted_size(self) -> tuple[int, int]:
        return 70, 10

    def lines(self, width: int, height: int) -> Sequence[Line]:
        ready = len(self.entry.text.strip()) >= LEAST
        return [
            (),
            ((f" {self._explanation}", "ink"),),
            (),
            ((" reason  ", "dim"), (f" {self.entry.shown_in(width - 12)} ", "b ink on background")),
            (),
            (
                (" Esc  Cancel ", "b background on accent"),
                ("   ctrl+o", "b accent" if ready else "dim"),
                (" resume" if ready else " resume, once there is a reason", "ink" if ready else "dim"),
            ),
        ]

    def take_key(self, name: str, character: str | None) -> None:
        if name == "escape":
            self.finish("")
        elif name == "ctrl+o":
            if len(self.entry.text.strip()) >= LEAST:
                self.finish(self.entry.text.strip())
        else:
            self.entry.press(name, character)
        self.frame.pull()

    def take_paste(self, text: str) -> None:
        self.entry.insert(text)
        self.frame.pull()
