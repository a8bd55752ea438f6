"""`spark-tui export pnl|fills|equity|flows --csv FILE`: from the ledger, whether an engine runs or not."""

import argparse
import csv
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.output import heard
from spark_tui.commands.reach import data_dir_of, where
from spark_tui.domain.words import one_line
from spark_tui.link.rendezvous import LEDGER_FILE

FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are full-width = + - @
NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


def run(arguments: argparse.Namespace) -> int:
    from spark_tui.engine.portfolio.export import COLUMNS, table
    from spark_tui.engine.records import Record, from_body
    from spark_tui.store.ledger import LedgerError, read_entries

    data_dir = data_dir_of(arguments)
    path = data_dir / LEDGER_FILE
    if not path.exists():
        raise CommandError(f"There is no ledger in {data_dir}; name its place with --data-dir")

    def records() -> Iterator[Record]:
        for stored in read_entries(path):
            try:
                yield from_body(stored.body)
            except ValueError:
                raise CommandError(
                    f"Ledger entry {stored.seq} ({stored.kind}) cannot be read; look with: "
                    f"spark-tui ledger verify{where(data_dir)}"
                ) from None

    target: str = arguments.csv
    columns = COLUMNS[arguments.what]
    try:
        count = _write(target, columns, table(arguments.what, records()))
    except LedgerError as error:
        raise CommandError(error.text.rstrip(".")) from None
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}", USAGE) from None
    if target != "-":
        print(f"{count} {'row' if count == 1 else 'rows'} in {target}")
    return 0


def _write(target: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> int:
    """All of it or nothing: a file that is there stays as it was when something goes wrong."""
    if target == "-":
        return _rows(sys.stdout, columns, heard(rows))
    path = Path(target).expanduser().resolve()  # where a link points to, so that the link stays
    if not target or path.is_dir():
        raise CommandError(f"--csv needs a file to write, not {target or 'nothing'}", USAGE)
    if path.exists() and not path.is_file():  # a pipe or a device takes what comes and is never replaced
        with path.open("w", encoding="utf-8", newline="") as file:
            return _rows(file, columns, rows)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            count = _rows(file, columns, rows)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _rows(file: TextIO, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(row.get(column, "")) for column in columns])
        count += 1
    return count


def _cell(text: str) -> str:
    """Words of a venue or a person are one line and never begin as a formula would; numbers stay numbers."""
    seen = "".join(filter(str.isprintable, text))[:1]
    formula = {text[:1], seen} & FORMULA and not NUMBER.fullmatch(text)
    return f"'{one_line(text)}" if formula else one_line(text)
