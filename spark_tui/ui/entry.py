"""A line of text being typed. Pure: dialogs feed it keys and show it."""

from dataclasses import dataclass
from itertools import islice

from rich.cells import cell_len, set_cell_size

from spark_tui.ui.lines import tail

MAX_TEXT = 200


@dataclass(slots=True)
class Entry:
    text: str = ""
    at: int = 0  # the caret

    def press(self, key: str, character: str | None) -> bool:
        """True when the key belonged to the text."""
        match key:
            case "backspace":
                if self.at:
                    self.text = self.text[: self.at - 1] + self.text[self.at :]
                    self.at -= 1
            case "left":
                self.at = max(0, self.at - 1)
            case "right":
                self.at = min(len(self.text), self.at + 1)
            case "ctrl+u":
                self.text, self.at = self.text[self.at :], 0
            case "ctrl+w":
                kept = self.text[: self.at].rstrip()
                kept = kept[: kept.rfind(" ") + 1]
                self.text, self.at = kept + self.text[self.at :], len(kept)
            case _:
                if not character or not character.isprintable():
                    return False
                self.insert(character)
        return True

    def insert(self, text: str) -> None:
        room = MAX_TEXT - len(self.text)
        clean = "".join(islice(filter(str.isprintable, text), room))  # of a megabyte as little as fits
        self.text = self.text[: self.at] + clean + self.text[self.at :]
        self.at += len(clean)

    def shown(self) -> str:
        return self.text[: self.at] + "▏" + self.text[self.at :]

    def shown_in(self, width: int) -> str:
        """As many cells, the caret among them."""
        before = self.shown()[: self.at + 1]
        return tail(before, width) if cell_len(before) > width else set_cell_size(self.shown(), width)
