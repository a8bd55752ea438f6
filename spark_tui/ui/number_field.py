"""One number that is typed or pasted: whole and plain, or none at all. Pure."""

from spark_tui.ui.draft import MAX_TEXT
from spark_tui.ui.number_typing import NO_NUMBER, PASTED, SLIP


class NumberField:
    """`said`: why what was typed or pasted is not there."""

    def __init__(self) -> None:
        self.text = ""
        self.said = ""
        self._slipped = False

    def key(self, name: str, character: str | None) -> None:
        """`1e-9` is neither 1 nor 19: what is no part of a number empties it, until Backspace begins anew."""
        if name in {"backspace", "ctrl+u"}:
            self.text = "" if self._slipped or name == "ctrl+u" else self.text[:-1]
            self.said, self._slipped = "", False
        elif not character or not character.isprintable() or self._slipped:
            return
        elif self._continues(character):
            self.text += "." if character == "," else character
            self.said = ""
        else:
            self.text, self._slipped = "", True
            self.said = SLIP.format(character)

    def _continues(self, character: str) -> bool:
        if len(self.text) >= MAX_TEXT:
            return False
        if character in {".", ","}:
            return "." not in self.text
        return character.isascii() and character.isdecimal()

    def paste(self, text: str) -> None:
        """Half of a number is another one."""
        text = text.strip()
        if len(text) > MAX_TEXT or not PASTED.fullmatch(text):
            self.said = NO_NUMBER
            return
        self.text, self.said, self._slipped = text.replace(",", "."), "", False
