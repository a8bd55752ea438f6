"""Ledgers to test with: filled, as a killed engine leaves them, and edited behind the triggers' back."""

import shutil
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path

from spark_tui.store.ledger import Entry, Ledger

SECOND = 1_000_000_000
T0 = 1_723_161_600 * SECOND


def ticking() -> Callable[[], int]:
    ticks = count(T0, SECOND)
    return lambda: next(ticks)


def body(number: int) -> bytes:
    return f"body of {number}".encode() * 3


async def filled(path: Path, entries: int) -> Path:
    """A cleanly closed ledger with `entries` entries, one commit each."""
    ledger = Ledger.open(path, ticking())
    for number in range(1, entries + 1):
        await ledger.append(Entry("test", body(number)))
    ledger.close()
    return path


async def killed(directory: Path, entries: int) -> Path:
    """What kill -9 leaves: the database and its log, never folded; and the witness."""
    ledger = Ledger.open(directory / "running" / "ledger.sqlite", ticking())
    for number in range(1, entries + 1):
        await ledger.append(Entry("test", body(number)))
    (directory / "killed").mkdir()
    for part in ("", "-wal", "-head"):
        shutil.copy(f"{ledger.path}{part}", directory / "killed" / f"ledger.sqlite{part}")
    ledger.close()
    return directory / "killed" / "ledger.sqlite"


def tamper(path: Path, *statements: str) -> None:
    """Edit a closed ledger as somebody would who removes its triggers first."""
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.close()
