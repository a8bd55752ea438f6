"""Words that came from elsewhere, made fit for one line of a terminal."""

import re
import unicodedata

JOINER = "\u200d"
_JOINERS = ("\u200c", JOINER)
_RESERVED = re.compile("[\u2060-\u206f\ufff0-\uffff\U000e0000-\U0010ffff]")  # for what is not seen


def one_line(text: str) -> str:
    """Whatever could move the cursor, break the line or turn its direction becomes a space: a name or a
    reason must not look like a row of its own."""
    if text.isprintable():
        return text
    return "".join(character if is_harmless(character) else " " for character in text)


def is_harmless(character: str) -> bool:
    """What is printable, what joins or parts two letters, and signs of a newer Unicode than this Python's."""
    if character.isprintable() or character in _JOINERS:
        return True
    return unicodedata.category(character) == "Cn" and not _RESERVED.match(character)
