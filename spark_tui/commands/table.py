"""Aligned plain text: columns of words to the left, of numbers to the right."""

import re
from collections.abc import Mapping, Sequence

from spark_tui.commands.rows import cell
from spark_tui.domain.words import JOINER, one_line

_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*")


def table(columns: Sequence[str], rows: Sequence[Mapping[str, object]], empty: str) -> str:
    """`rows` under `columns`; `empty` when there are none."""
    if not rows:
        return empty
    cells = [[one_line(cell(row.get(column))) for column in columns] for row in rows]
    titles = [column.replace("_", " ") for column in columns]
    widths = [max(_wide(line[i]) for line in [titles, *cells]) for i in range(len(columns))]
    right = [all(_NUMBER.fullmatch(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if numeric else text + " " * (width - _wide(text))
            for text, width, numeric in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [titles, *cells]
    )


def _wide(text: str) -> int:
    """In cells, of joined emoji as if each stood alone."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # of few answers

    return cell_len(text.replace(JOINER, ""))


def facts(row: Mapping[str, object]) -> str:
    """One object as `name  value` lines; empty values are left out."""
    shown = {
        name.replace("_", " "): text
        for name, value in row.items()
        if (text := one_line(cell(value))) not in ("", "-")
    }
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in shown.items())
