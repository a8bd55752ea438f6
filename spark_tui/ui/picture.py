"""The screen as an SVG picture: for the guide's screenshots and for comparing how a screen looks."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

from rich.color import Color, ColorType
from rich.style import Style
from textual.strip import Strip

from spark_tui.ui.theme import Painter

WIDTH, HEIGHT, BASE = 10, 20, 15.5  # one cell, and where its letters stand
FONT = "'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
FONT_SIZE = 16.62  # the usual monospace letter is 0.602 of its size wide


def svg(strips: Iterable[Strip], painter: Painter) -> str:
    """One `text` element for each word, so that any monospace font keeps the columns."""
    rows = list(strips)
    columns = max((row.cell_length for row in rows), default=0)
    ground, ink = _plain(painter, "background", "#000000"), _plain(painter, "ink", "#d0d0d0")
    grounds: list[str] = []
    words: list[str] = []
    for y, row in enumerate(rows):
        x = 1
        top = y * HEIGHT + HEIGHT // 2
        for segment in row:
            style = segment.style or Style.null()
            fill, back = _hex(style.color, ink), _hex(style.bgcolor, ground)
            cells = len(segment.text)
            if back != ground:
                grounds.append(_rectangle(x * WIDTH, top, cells * WIDTH, HEIGHT, back))
            words += _words(segment.text, x, top, fill, bold=bool(style.bold))
            x += cells
    width, height = (columns + 2) * WIDTH, (len(rows) + 1) * HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="{FONT}" font-size="{FONT_SIZE}">'
    )
    return "\n".join([head, _rectangle(0, 0, width, height, ground), *grounds, *words, "</svg>", ""])


def _rectangle(x: int, y: int, width: int, height: int, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"/>'


def _words(text: str, x: int, top: int, fill: str, *, bold: bool) -> list[str]:
    weight = ' font-weight="bold"' if bold else ""
    out: list[str] = []
    at = 0
    for blank, run in groupby(text, key=str.isspace):
        word = "".join(run)
        if not blank:
            place = f'x="{(x + at) * WIDTH}" y="{top + BASE}" textLength="{len(word) * WIDTH}"'
            out.append(f'<text {place} fill="{fill}"{weight}>{escape(word)}</text>')
        at += len(word)
    return out


def _plain(painter: Painter, tone: str, otherwise: str) -> str:
    colour = painter.colour(tone)
    return otherwise if colour == "default" else _hex(Color.parse(colour), otherwise)


def _hex(colour: Color | None, otherwise: str) -> str:
    if colour is None or colour.type is ColorType.DEFAULT:
        return otherwise
    return colour.get_truecolor().hex
