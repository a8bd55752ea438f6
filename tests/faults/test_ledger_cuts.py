"""The ledger's files cut at every byte of their last three records.

Real SQLite opens every cut, an engine is started on each distinct state that comes back. What was
acknowledged is either there or missed by name: the witness beside the file knows how far it went. Pages are
small here, so that most of the bytes are the records'.
"""

import os
import sqlite3
from pathlib import Path

import pytest

from spark_tui.store import chain
from spark_tui.store.chain import Stored
from spark_tui.store.ledger import Entry, Ledger, LedgerError, verify
from tests.faults.invariants import CheckedWorld
from tests.faults.test_crash_matrix import RECORDS, take, without_unacknowledged


async def traded() -> tuple[CheckedWorld, list[Stored]]:
    """A world whose engine died right after an order was filled, and its ledger. The last three records are
    what became of the order: nobody waited for those, so a power cut may take them."""
    world = CheckedWorld(7)
    await world.start()
    await take(world)
    await world.crash()
    rows = world.ledger.rows
    assert len(without_unacknowledged(rows)) == RECORDS + 1
    return world, rows


def fresh(path: Path) -> Ledger:
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA page_size=512; VACUUM")
    connection.close()
    return Ledger.open(path, lambda: 1)


async def write(folder: Path, rows: list[Stored]) -> Path:
    """`rows` in a ledger whose log holds the last three and nothing else, as kill -9 leaves it."""
    ledger = fresh(folder / "running" / "ledger.db")
    for row in rows[:-RECORDS]:
        await ledger.append(Entry(row.kind, row.body))
    folding = sqlite3.connect(ledger.path)
    busy, *_ = folding.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not busy
    for row in rows[-RECORDS:]:
        await ledger.append(Entry(row.kind, row.body))
    for part in ("", "-wal", "-head"):
        (folder / f"ledger.db{part}").write_bytes(Path(f"{ledger.path}{part}").read_bytes())
    folding.close()
    ledger.close()
    return folder / "ledger.db"


def last_seq(path: Path) -> int:
    """Of what SQLite makes of the log, with nothing remembered of an earlier look."""
    path.with_name("ledger.db-shm").unlink(missing_ok=True)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT max(seq) FROM entries").fetchone()[0])
    finally:
        connection.close()


async def test_a_log_cut_at_any_byte_of_its_last_three_records_is_a_clean_prefix(tmp_path: Path) -> None:
    _, rows = await traded()
    path = await write(tmp_path, rows)
    log, head = path.with_name("ledger.db-wal"), path.with_name("ledger.db-head")
    whole = log.read_bytes()
    witness = head.read_bytes()
    states: dict[int, int] = {}  # by last record left: the shortest log that has it
    before = len(rows)
    for size in range(len(whole), -1, -1):
        os.truncate(log, size)
        last = last_seq(path)
        assert last <= before  # a shorter log never has more
        before = last
        states[last] = size
    assert set(states) == set(range(len(rows) - RECORDS, len(rows) + 1))
    for last, size in states.items():
        log.write_bytes(whole[:size])
        head.write_bytes(witness)
        assert verify(path).ok is (last == len(rows))  # acknowledged, so missed by name
        head.unlink()  # it is written without a sync: a power cut may take it along
        assert verify(path).ok
        assert [(row.kind, row.body) for row in chain_rows(path)] == [
            (row.kind, row.body) for row in rows[:last]
        ]


def chain_rows(path: Path) -> list[Stored]:
    return [Stored(*row[:4]) for row in chain.Walk(path) if row[0] > 0]


@pytest.mark.parametrize("lost", range(RECORDS + 1))
async def test_an_engine_started_on_what_such_a_cut_leaves_finds_the_same_truth(lost: int) -> None:
    world, rows = await traded()
    world.ledger.rows = rows[: len(rows) - lost]
    await world.start()
    await world.settle()
    assert [order.state.value for order in world.state.orders.values()] == ["FILLED"]
    await world.crash()


async def test_a_main_file_cut_at_any_byte_of_its_last_three_records_is_refused(tmp_path: Path) -> None:
    _, rows = await traded()
    ledger = fresh(tmp_path / "ledger.db")
    for row in rows:
        await ledger.append(Entry(row.kind, row.body))
    ledger.close()
    path, whole = ledger.path, ledger.path.read_bytes()
    begin = min(whole.index(row.body[:50]) for row in rows[-RECORDS:])
    kinds: dict[str, int] = {}  # what is said of it, and the longest file it is said of
    for size in range(len(whole) - 1, begin - 1, -1):
        os.truncate(path, size)
        verification = verify(path)
        assert not verification.ok
        kinds.setdefault(verification.text, size)
    for text, size in kinds.items():
        path.write_bytes(whole[:size])
        with pytest.raises(LedgerError) as refused:
            Ledger.open(path, lambda: 1)
        assert text.rstrip(".") in refused.value.text
    path.write_bytes(whole)
    Ledger.open(path, lambda: 1).close()
