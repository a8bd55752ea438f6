"""`spark-tui export pnl|fills|equity|flows --csv FILE`: from the ledger, whether an engine runs or not."""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from spark_tui.commands.errors import CommandError
from spark_tui.commands.reach import data_dir_of, where
from spark_tui.link.rendezvous import LEDGER_FILE


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

    columns = COLUMNS[arguments.what]
    try:
        count = _write(arguments.csv, columns, table(arguments.what, records()))
    except LedgerError as error:
        raise CommandError(error.text.rstrip(".")) from None
    except OSError as error:
        raise CommandError(f"{arguments.csv} cannot be written: {error.strerror}") from None
    if arguments.csv != "-":
        print(f"{count} rows in {arguments.csv}")
    return 0


def _write(target: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> int:
    """All of it or nothing: a file that is there stays as it was when something goes wrong."""
    if target == "-":
        return _rows(sys.stdout, columns, rows)
    path = Path(target)
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            count = _rows(file, columns, rows)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _rows(file: TextIO, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> int:
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count
