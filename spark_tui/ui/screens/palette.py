"""The command palette: every action of the table, found by typing, with the key that would have done it."""

import re
from collections.abc import Sequence
from functools import partial

from spark_tui.ui.actions import ACTIONS, Action
from spark_tui.ui.context import Context
from spark_tui.ui.entry import Entry
from spark_tui.ui.keys import spoken
from spark_tui.ui.lines import Line
from spark_tui.ui.screens.dialog import DialogScreen

MEANT = 3  # letters that are no slip of the finger


def matches(text: str) -> list[Action]:
    """Actions with every typed word in id, title or help, the best named first. Of those whose better name is
    as near, what only shows something comes before what changes something, what takes risk away before what
    does not, and then the one whose other name is near too. A letter or two choose nothing that changes
    something while anything else is found: Enter after a slip of the finger is harmless."""
    words = text.lower().split()
    found = [
        action
        for action in ACTIONS
        if all(word in f"{action.id} {action.title} {action.help}".lower() for word in words)
    ]
    return sorted(found, key=partial(_place, text)) if words else found


def _place(text: str, action: Action) -> tuple[bool, int, bool, bool, int]:
    """Title and id against what was typed, as a whole and word by word."""
    names, typed = (_plain(action.title), _plain(action.id)), _plain(text)
    slip = action.changes and len(typed) < MEANT
    if typed in names:
        return slip, -1, action.changes, not action.safe, 0
    apart = [[_apart(part, name) for name in names] for part in (typed, *typed.split())]
    return slip, sum(map(min, apart)), action.changes, not action.safe, sum(map(sum, apart))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _apart(part: str, name: str) -> int:
    """0 when the name begins with it as a whole word, then with its beginning; the same inside the name; and
    last anywhere or nowhere."""
    for distance, found in enumerate((f" {part} ", f" {part}")):
        at = f" {name} ".find(found)
        if at >= 0:
            return distance + 2 * (at > 0)
    return 4


def command(text: str) -> tuple[str, dict[str, str]]:
    """`order.cancel client_order_id=a1` as (id, parameters); ("", {}) when it is no such command."""
    name, *rest = text.split()
    if not any(action.id == name for action in ACTIONS) or not all("=" in word for word in rest):
        return "", {}
    return name, dict(word.split("=", 1) for word in rest)


class PaletteScreen(DialogScreen):
    """Answered with the text of a command: `id` or `id key=value ...`."""

    title_text = "Command"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.entry = Entry()
        self.at = 0

    def wanted_size(self) -> tuple[int, int]:
        return 76, 20

    def lines(self, width: int, height: int) -> Sequence[Line]:
        found = matches(self._search())
        self.at = max(0, min(self.at, len(found) - 1))
        lines: list[Line] = [((" : ", "b accent"), (self.entry.shown_in(width - 4), "b ink")), ()]
        rows = height - 4
        top = max(0, min(self.at - rows + 1, len(found) - rows))
        for index, action in enumerate(found[top : top + rows], top):
            ground = " on ink15" if index == self.at else ""
            keys = " ".join(spoken(key) for key in action.keys)
            lines.append(
                (
                    (" ▸ " if index == self.at else "   ", f"accent{ground}"),
                    (f"{action.title:<34}", f"{'b ' if ground else ''}ink{ground}"),
                    (f"{action.id:<{max(1, width - 50)}}"[: width - 50], f"dim{ground}"),
                    (f"{keys:>12} ", f"accent{ground}"),
                )
            )
        if not found:
            lines.append(((f"   nothing is called {self.entry.text}", "warn"),))
        lines += [()] * (height - 2 - len(lines))
        picked = found[self.at].help if found else ""
        return [*lines, (), ((f" {picked}", "dim"),)]

    def _search(self) -> str:
        """A command with parameters is looked up by its id alone."""
        return self.entry.text.split(" ", 1)[0] if "=" in self.entry.text else self.entry.text

    def take_key(self, name: str, character: str | None) -> None:
        found = matches(self._search())
        if name == "escape":
            self.finish("")
        elif name == "enter":
            typed = self.entry.text.strip()
            if typed and command(typed)[0]:
                self.finish(typed)
            elif found:
                self.finish(found[self.at].id)
        elif name in {"down", "tab"}:
            self.at += 1
        elif name in {"up", "shift+tab"}:
            self.at = max(0, self.at - 1)
        elif self.entry.press(name, character):
            self.at = 0
        self.frame.pull()

    def take_paste(self, text: str) -> None:
        self.entry.insert(text)
        self.frame.pull()
