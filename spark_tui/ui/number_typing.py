"""Numbers typed and pasted into the ticket: whole and plain, or none at all. Pure, no Textual."""

import re
from decimal import Decimal

from spark_tui.ui.actions import ACTIONS, keymap
from spark_tui.ui.draft import MAX_TEXT, Draft
from spark_tui.ui.shapes import FIELDS, WHOLE

PASTED = re.compile(r"\d+(\.\d+)?|\d+,(?!\d{3}$)\d+", re.ASCII)  # `66,000` may be either of two numbers
_ABOUT_ORDERS = {action.id for action in ACTIONS if action.trades and not action.id.startswith("ticket.")}
ORDER_KEYS = frozenset(
    key for key, action in keymap("trade").items() if action in _ABOUT_ORDERS and not key.startswith("ctrl+")
)
"""Printed keys that do something to orders; while a number is typed they are taken for a slip of it."""
SIGNS = frozenset({"+", "-"})
SLIP = "{} is no part of a number, so it is empty again: Backspace, then type it plainly, e.g. 0.001"
NO_NUMBER = "what was pasted is no plain number; nothing of it was taken"


class NumberTyping:
    """`key` and `paste` change the draft and answer what there is to say about it: "" when nothing, None
    when the key is not a number's."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._slip = ""  # what made the number none; the rest of it is not taken for another

    def key(self, name: str, character: str | None) -> str | None:
        if self._slipped(name, character):
            return SLIP.format(self._slip)
        if name == "backspace":
            self._draft.backspace()
        elif not (character and self._draft.type_character(character)):
            return None
        return ""

    def paste(self, text: str) -> str:
        """A whole number or nothing: half of one is another amount."""
        text = text.strip()
        parted = FIELDS[self._draft.field].unit in WHOLE and not text.isdecimal()
        if len(text) > MAX_TEXT or parted or not PASTED.fullmatch(text):
            return NO_NUMBER
        self._draft.set(self._draft.field, Decimal(text.replace(",", ".")))
        return ""

    def _slipped(self, name: str, character: str | None) -> bool:
        """`1e-9` is neither 1 nor 9, its e replaces no order, and `-5` is not 5. Backspace, another field or
        a key of the ticket begins anew."""
        point = character in {".", ","}
        digit = character is not None and character in "0123456789"
        if self._slip and (digit or point or name in ORDER_KEYS | SIGNS):
            return True
        self._slip = ""
        if self._is_slip(name, point):
            self._slip = name
            self._draft.spoil()
        return bool(self._slip)

    def _is_slip(self, name: str, point: bool) -> bool:
        """A sign nudges a number that stands there; one being typed, or not begun, it would be part of."""
        draft = self._draft
        if name in SIGNS:
            return draft.typing or not draft.texts[draft.field]
        return (point and not draft.takes_point()) or (draft.typing and name in ORDER_KEYS)
