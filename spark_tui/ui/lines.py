"""Lines of styled text, the only thing a pane hands to the painter.

A span is (text, style token); a token is read by `theme.Painter`: `b ink on accent20` is bold, ink, on a
background mixed 20 % towards the accent.
"""

import re
import textwrap
from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

from spark_tui.domain.words import JOINER, is_harmless

Span = tuple[str, str]
Line = tuple[Span, ...]

EMPTY: Line = ()
GROUPED = re.compile(r"(?<=\d) (?=\d{3}\b|%|bp\b|ms\b|s\b)")  # between a number's groups, and before its unit
GLUE = "\x00"  # no white space to the wrapping, one cell wide


def cells_of(text: str) -> int:
    """Of what is painted of it."""
    return len(text) if text.isascii() else cell_len(harmless(text))


def sized(text: str, cells: int) -> str:
    """What is painted of it, cut or filled to so many cells."""
    return set_cell_size(harmless(text), cells)


def harmless(text: str) -> str:
    """Without what moves the cursor or turns the line. Joined emoji are painted one by one: terminals do not
    agree how wide a joined one is, and a figure behind it would be cut or moved."""
    if text.isprintable():
        return text
    return "".join(one if is_harmless(one) else _blank(one) for one in text if one != JOINER)


def _blank(one: str) -> str:
    return " " if one.isascii() else " " * cell_len(one)


def width_of(line: Iterable[Span]) -> int:
    return sum(cells_of(text) for text, _ in line)


def wrapped(text: str, width: int, most: int | None = None) -> list[str]:
    """At most `most` rows, the last of them with an ellipsis when that is not all; no number is broken."""
    glued = GROUPED.sub(GLUE, text if text.isascii() else harmless(text))
    rows: list[str] = []
    for characters in range(width, (width - 1) // 2, -1):  # some of them are two cells wide
        rows = textwrap.wrap(glued, characters, max_lines=most, placeholder=" …")
        if all(cells_of(row) <= width for row in rows):
            break
    return [row.replace(GLUE, " ") for row in rows]


def clip(line: Line, width: int) -> Line:
    """The first `width` cells. Of a character two cells wide that is cut in two a blank stays."""
    out: list[Span] = []
    left = width
    for text, token in line:
        if left <= 0:
            break
        cells = cells_of(text)
        out.append((text if cells <= left else sized(text, left), token))
        left -= cells
    return tuple(out)


def tail(text: str, width: int) -> str:
    """The last `width` cells, and blanks where there are fewer."""
    width = max(0, width)
    shown = harmless(text)
    while (over := cell_len(shown) - width) > 0:
        shown = shown[max(1, over // 2) :]  # none is wider than two
    return set_cell_size(shown, width)


def spread(left: Line, right: Line, width: int, fill: Span = (" ", "ink")) -> Line:
    """`left` at the left edge, `right` at the right edge; the right side gives way when both do not fit."""
    gap = width - width_of(left) - width_of(right)
    if gap < 1 and right:
        return clip(left, width)
    return (*left, (fill[0] * gap, fill[1]), *right)


def merge(line: Iterable[Span]) -> Line:
    """What may be painted: a name from elsewhere moves no cursor, and neighbours that look the same are one.
    Blank text takes its neighbour's style when the backgrounds agree: every style change costs about thirty
    bytes on the wire."""
    out: list[Span] = []
    for given, token in line:
        text = harmless(given)
        if not text:
            continue
        if out:
            before, style = out[-1]
            same_ground = _ground(style) == _ground(token)
            if style == token or (same_ground and text.isspace()):
                out[-1] = (before + text, style)
                continue
            if same_ground and before.isspace():
                out[-1] = (before + text, token)
                continue
        out.append((text, token))
    return tuple(out)


def _ground(token: str) -> str:
    return token.partition(" on ")[2]
