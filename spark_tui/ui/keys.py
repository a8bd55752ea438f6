"""Keys: which reach a program everywhere (tmux, plain terminals), and how they are written."""

import string

# ctrl+h, i, j, m and [ are other keys' bytes; ctrl+a and ctrl+b are the prefixes of screen and tmux;
# ctrl+s and ctrl+q stop and start the terminal where flow control is on; ctrl+z suspends
_TAKEN = set("hijmabsqz")

WORKS_EVERYWHERE: frozenset[str] = frozenset(
    {
        *string.ascii_letters,
        *string.digits,
        *string.punctuation,
        *(f"f{number}" for number in range(1, 13)),
        "up",
        "down",
        "left",
        "right",
        "tab",
        "shift+tab",
        "enter",
        "escape",
        "space",
        "backspace",
        *(f"ctrl+{letter}" for letter in string.ascii_lowercase if letter not in _TAKEN),
    }
)

_SPOKEN = {
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "↑",
    "down": "↓",
    "space": "Space",
}


def key_name(key: str, character: str | None) -> str:
    """A key press as the action table writes it: what it prints, or else the key's own name."""
    if character is not None and character.isprintable() and character != " " and "+" not in key[:-1]:
        return character
    return key


def spoken(key: str) -> str:
    """As the screen and the docs write it."""
    if key in _SPOKEN:
        return _SPOKEN[key]
    return key.upper() if key.startswith("f") and key[1:].isdigit() else key
