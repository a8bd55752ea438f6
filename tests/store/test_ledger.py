"""The ledger in health: durable, ordered, append-only, one engine at a time."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_tui.store.ledger import MAX_BODY, Entry, Ledger, LedgerError, verify
from tests.store.ledgers import T0, body, filled, ticking


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "data" / "ledger.sqlite", ticking())
    yield opened
    opened.close()


async def test_what_was_appended_is_read_back_in_order(ledger: Ledger) -> None:
    assert await ledger.append(Entry("order.intended", b"one"), Entry("order.sent", b"")) == 2
    assert await ledger.append(Entry("fill", b"\x00\xff")) == 3
    stored = [(row.seq, row.kind, row.body) for row in ledger.read()]
    assert stored == [(1, "order.intended", b"one"), (2, "order.sent", b""), (3, "fill", b"\x00\xff")]
    assert [row.seq for row in ledger.read(from_seq=3)] == [3]
    assert ledger.entries == 3


async def test_an_append_is_on_disk_when_it_returns(ledger: Ledger) -> None:
    await ledger.append(Entry("order.intended", b"one"))
    other = sqlite3.connect(ledger.path)
    assert other.execute("SELECT kind, body FROM entries WHERE seq = 1").fetchone() == (
        "order.intended",
        b"one",
    )
    assert other.execute("SELECT seq FROM head").fetchone() == (1,)
    other.close()


async def test_the_writer_syncs_every_commit(ledger: Ledger) -> None:
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_appends_at_once_share_commits_and_keep_their_order(ledger: Ledger) -> None:
    seqs = await asyncio.gather(
        *(ledger.append(Entry("n", body(n)), Entry("m", body(n))) for n in range(500))
    )
    assert seqs == list(range(2, 1001, 2))
    assert [row.body for row in ledger.read() if row.kind == "n"] == [body(n) for n in range(500)]
    assert verify(ledger.path).ok, "also while the engine runs"


async def test_state_survives_closing_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", 3)
    ledger = Ledger.open(path, ticking())
    assert ledger.entries == 3
    assert await ledger.append(Entry("test", b"later")) == 4
    ledger.close()
    assert verify(path).entries == 4
    assert verify(path).ok


async def test_a_clock_that_steps_back_does_not_break_the_order(tmp_path: Path) -> None:
    times = iter([T0, T0 + 5, T0 - 10**12, T0 + 6])
    ledger = Ledger.open(tmp_path / "ledger.sqlite", lambda: next(times))
    for number in (1, 2, 3):
        await ledger.append(Entry("test", body(number)))
    assert [(row.seq, row.at_ns, row.body) for row in ledger.read()] == [
        (1, T0 + 5, body(1)),
        (2, T0 - 10**12, body(2)),
        (3, T0 + 6, body(3)),
    ]
    ledger.close()
    assert verify(ledger.path).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = x'00' WHERE seq = 1",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries VALUES (1, 1, 'x', x'00', x'00')",
        "INSERT INTO entries VALUES (9, 1, 'x', x'00', x'00')",
        "UPDATE head SET seq = 1",
        "DELETE FROM head",
    ],
)
async def test_sqlite_itself_refuses_to_rewrite_it(tmp_path: Path, statement: str) -> None:
    path = await filled(tmp_path / "ledger.sqlite", 3)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()
    assert verify(path).ok


async def test_a_removed_trigger_is_put_back(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", 1)
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_no_delete")
    connection.close()
    Ledger.open(path, ticking()).close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM entries")
    connection.close()


def test_a_second_engine_is_refused_and_told_who_holds_it(ledger: Ledger) -> None:
    script = (
        "import sys, pathlib\n"
        "from spark_tui.store.ledger import Ledger, LedgerError\n"
        "try:\n    Ledger.open(pathlib.Path(sys.argv[1]), lambda: 0)\n"
        "except LedgerError as error:\n    print(error.text)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, ledger.path], capture_output=True, text=True, check=True
    )
    assert f"process {os.getpid()}" in done.stdout
    with pytest.raises(LedgerError, match=f"process {os.getpid()}"):
        Ledger.open(ledger.path, ticking())


async def test_a_closed_ledger_can_be_opened_again_and_takes_nothing_more(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", ticking())
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.append(Entry("test", b""))
    Ledger.open(ledger.path, ticking()).close()


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", ticking())
    waiting = [asyncio.ensure_future(ledger.append(Entry("test", body(n)))) for n in range(50)]
    await asyncio.sleep(0)
    ledger.close()
    assert await asyncio.gather(*waiting) == list(range(1, 51))
    assert verify(ledger.path).entries == 50


async def test_a_cancelled_append_disturbs_nobody(ledger: Ledger) -> None:
    lost = asyncio.ensure_future(ledger.append(Entry("test", b"lost")))
    await asyncio.sleep(0)
    lost.cancel()
    await ledger.append(Entry("test", b"kept"))
    assert b"kept" in [row.body for row in ledger.read()]
    assert verify(ledger.path).ok


async def test_sizes_are_bounded(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="at most"):
        await ledger.append(Entry("test", bytes(MAX_BODY + 1)))
    with pytest.raises(ValueError, match="nothing"):
        await ledger.append()
    assert ledger.entries == 0


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_removed_under_it_acknowledges_nothing_more(ledger: Ledger, replaced: bool) -> None:
    await ledger.append(Entry("test", b"x"))
    ledger.path.unlink()
    if replaced:
        ledger.path.write_bytes(b"")
    with pytest.raises(LedgerError, match="removed or replaced"):
        await ledger.append(Entry("test", b"y"))


async def test_an_entry_that_cannot_be_stored_does_not_stop_the_ledger(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="cannot take"):
        await ledger.append(Entry("\ud800", b"x"))
    assert await ledger.append(Entry("test", b"y")) == 1
    assert verify(ledger.path).ok


def test_nobody_else_may_read_it(ledger: Ledger) -> None:
    assert ledger.path.stat().st_mode & 0o077 == 0
    assert ledger.path.parent.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(tmp_path / "file" / "ledger.sqlite", ticking())


async def test_the_log_is_folded_when_idle(ledger: Ledger) -> None:
    for _ in range(200):
        await ledger.append(Entry("test", bytes(10_000)))
    log = ledger.path.with_name(f"{ledger.path.name}-wal")
    grown = log.stat().st_size
    deadline = time.monotonic() + 20
    while ledger._log_pages:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await ledger.append(Entry("test", b"over the old log"))
    assert log.stat().st_size == grown
    assert ledger.lag_ms > 0
