"""A damaged ledger: found, named, refused, repaired; and a killed engine's ledger is not a damaged one."""

import hashlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from spark_tui.store import chain
from spark_tui.store.ledger import Entry, Ledger, LedgerError, verify
from spark_tui.store.repair import RepairError, interrupted, repair
from tests.store.ledgers import body, filled, killed, tamper, ticking

ENTRIES = 20

DAMAGE = {
    "changed body": ("UPDATE entries SET body = 'forged' WHERE seq = 7", 7),
    "changed time": ("UPDATE entries SET at_ns = at_ns + 1 WHERE seq = 7", 7),
    "changed kind": ("UPDATE entries SET kind = 'other' WHERE seq = 7", 7),
    "changed hash": ("UPDATE entries SET hash = zeroblob(32) WHERE seq = 7", 7),
    "another type": ("UPDATE entries SET body = NULL, kind = 5 WHERE seq = 7", 7),
    "missing row": ("DELETE FROM entries WHERE seq = 7", 7),
    "truncated tail": (f"DELETE FROM entries WHERE seq > {ENTRIES - 3}", ENTRIES - 2),
    "missing genesis": ("DELETE FROM entries WHERE seq = 0", 0),
    "all rows gone": ("DELETE FROM entries", 0),
    "head gone": ("DELETE FROM head", ENTRIES + 1),
    "head of another type": ("UPDATE head SET seq = NULL, hash = NULL", ENTRIES + 1),
    "head moved back": ("UPDATE head SET seq = 5", ENTRIES + 1),
}


def relaxed(statement: str) -> tuple[str, ...]:
    """NOT NULL would refuse some damage that a disk does not refuse to make."""
    return (
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')",
        statement,
    )


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_found_named_refused_and_repaired(tmp_path: Path, name: str) -> None:
    statement, first_bad = DAMAGE[name]
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    if "NULL" in statement:
        tamper(path, *relaxed(statement)[:2])
    tamper(path, statement)
    damaged = path.read_bytes()

    found = verify(path)
    assert not found.ok
    assert found.first_bad_seq == first_bad
    assert found.entries == max(first_bad - 1, 0)

    with pytest.raises(LedgerError) as refused:
        Ledger.open(path, ticking())
    assert "`spark-tui ledger verify`" in refused.value.text
    assert "`spark-tui ledger repair`" in refused.value.text
    assert "\n" not in refused.value.text

    done = repair(path, ticking())
    assert done.entries == found.entries
    assert done.kept is not None
    assert done.kept.read_bytes() == damaged
    assert verify(path).ok
    ledger = Ledger.open(path, ticking())
    assert [row.body for row in ledger.read()] == [body(n) for n in range(1, found.entries + 1)]
    assert await ledger.append(Entry("test", b"on")) == found.entries + 1
    ledger.close()
    assert verify(path).ok


async def test_reordered_rows_are_found(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    tamper(
        path,
        "UPDATE entries SET seq = -1 WHERE seq = 7",
        "UPDATE entries SET seq = 7 WHERE seq = 8",
        "UPDATE entries SET seq = 8 WHERE seq = -1",
    )
    assert verify(path).first_bad_seq == 7


async def test_a_chain_rewritten_from_some_entry_on_is_found(tmp_path: Path) -> None:
    """Who recomputes every later hash still meets the witness."""
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, at_ns, kind, body, hash FROM entries ORDER BY seq").fetchall()
    connection.close()
    statements, previous = [], rows[6][4]
    for seq, at_ns, kind, old, _ in rows[7:]:
        new = b"forged" if seq == 7 else old
        previous = chain.link(previous, seq, at_ns, kind, new)
        statements.append(
            f"UPDATE entries SET body = x'{new.hex()}', hash = x'{previous.hex()}' WHERE seq = {seq}"
        )
    tamper(path, *statements, f"UPDATE head SET hash = x'{previous.hex()}'")
    assert verify(path).first_bad_seq == ENTRIES


async def test_every_changed_byte_is_found_or_harmless(tmp_path: Path) -> None:
    """A flipped byte anywhere in the file: never a wrong entry, and what is still sound opens."""
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    sound = path.read_bytes()
    rng = random.Random(4)
    outcomes = set()
    for _ in range(120):
        at = rng.randrange(len(sound))
        path.write_bytes(sound[:at] + bytes([sound[at] ^ (1 << rng.randrange(8))]) + sound[at + 1 :])
        walk = chain.Walk(path)
        read = [row[3] for row in walk][1:]
        assert read == [body(n) for n in range(1, len(read) + 1)]
        assert walk.fault or len(read) == ENTRIES
        outcomes.add(bool(walk.fault))
    assert outcomes == {True, False}


async def test_a_file_cut_short_is_found(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", 200)
    sound = path.read_bytes()
    for size in range(0, len(sound), 4096 + 511):
        path.write_bytes(sound[:size])
        assert not verify(path).ok
        with pytest.raises(LedgerError, match="damaged"):
            Ledger.open(path, ticking())


async def test_a_vanished_ledger_is_not_silently_begun_anew(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    path.unlink()
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(path, ticking())
    assert repair(path, ticking()).entries == 0
    Ledger.open(path, ticking()).close()


def test_no_ledger_yet_is_not_damage(tmp_path: Path) -> None:
    assert verify(tmp_path / "ledger.sqlite").ok
    assert repair(tmp_path / "ledger.sqlite", ticking()).kept is None


async def test_a_killed_engines_ledger_opens_with_everything(tmp_path: Path) -> None:
    path = await killed(tmp_path, ENTRIES)
    assert verify(path).entries == ENTRIES
    ledger = Ledger.open(path, ticking())
    assert [row.body for row in ledger.read()] == [body(n) for n in range(1, ENTRIES + 1)]
    ledger.close()


async def test_a_log_cut_anywhere_in_its_last_entries_is_never_taken_for_whole(tmp_path: Path) -> None:
    """The newest entries live in the log. Cut, SQLite forgets them without a word; the witness does not."""
    path = await killed(tmp_path, ENTRIES)
    log = path.with_name("ledger.sqlite-wal")
    whole = log.read_bytes()
    witness = chain.witness_path(path)
    told = witness.read_bytes()
    for size in range(len(whole) - 1, len(whole) - 40_000, -997):
        log.write_bytes(whole[:size])
        path.with_name("ledger.sqlite-shm").unlink(missing_ok=True)
        found = verify(path)
        assert not found.ok
        assert "tail is missing" in found.text
        assert 0 < found.entries < ENTRIES
        witness.unlink()  # as after a power cut that took the witness too: a clean prefix
        assert verify(path) == chain.Verification(found.entries, True, None, verify(path).text)
        witness.write_bytes(told)


async def test_an_unreadable_witness_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    chain.witness_path(path).write_bytes(bytes(86))
    Ledger.open(path, ticking()).close()
    assert chain.read_witness(chain.witness_path(path)) is not None


async def test_nothing_to_repair(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", 2)
    before = hashlib.sha256(path.read_bytes()).digest()
    done = repair(path, ticking())
    assert done.kept is None
    assert hashlib.sha256(path.read_bytes()).digest() == before


async def test_repair_is_refused_while_an_engine_runs(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", ticking())
    with pytest.raises(RepairError, match=f"process {os.getpid()}"):
        repair(ledger.path, ticking())
    ledger.close()


async def test_repair_twice_keeps_both_damaged_files(tmp_path: Path) -> None:
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    clock = ticking()
    tamper(path, "DELETE FROM entries WHERE seq = 15")
    first = repair(path, clock)
    tamper(path, "DELETE FROM entries WHERE seq = 5")
    second = repair(path, clock)
    assert (first.entries, second.entries) == (14, 4)
    assert first.kept != second.kept
    assert first.kept is not None
    assert second.kept is not None
    assert first.kept.exists()
    assert second.kept.exists()


@pytest.mark.parametrize("steps", range(6))
async def test_a_repair_that_is_killed_at_any_step_can_be_finished(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await killed(tmp_path, ENTRIES)
    connection = sqlite3.connect(source)  # keeps the log unfolded, as a kill does
    connection.execute("DROP TRIGGER entries_no_delete")
    connection.execute("DELETE FROM entries WHERE seq = 15")
    connection.commit()
    (tmp_path / "hurt").mkdir()
    path = tmp_path / "hurt" / "ledger.sqlite"
    for part in ("", "-wal", "-head"):
        shutil.copy(f"{source}{part}", f"{path}{part}")
    connection.close()
    clock = ticking()

    class KilledError(BaseException):
        pass

    left = steps

    def rename(source: Path, target: Path) -> None:
        nonlocal left
        if not left:
            raise KilledError
        left -= 1
        os.replace(source, target)

    monkeypatch.setattr("spark_tui.store.repair.os.rename", rename)
    try:
        repair(path, clock)
    except KilledError:
        assert interrupted(path)
        with pytest.raises(LedgerError, match="spark-tui ledger repair"):
            Ledger.open(path, clock)
    monkeypatch.undo()
    repair(path, clock)
    assert verify(path).ok
    assert verify(path).entries == 14
    kept = [file.name for file in path.parent.iterdir() if ".damaged-" in file.name]
    assert len({name.partition(".damaged-")[2].partition("-")[0] for name in kept}) == 1, kept
    Ledger.open(path, clock).close()


@pytest.mark.parametrize("lost", [False, True])
async def test_a_repair_puts_one_more_entry_behind_what_is_kept(tmp_path: Path, lost: bool) -> None:
    """In the same chain, and once: nothing is to be repaired then."""
    path = await filled(tmp_path / "ledger.sqlite", ENTRIES)
    if lost:
        path.unlink()
    else:
        tamper(path, DAMAGE["changed body"][0])
    told = []

    def closing(entries: int) -> tuple[str, bytes]:
        told.append(entries)
        return "halt", b"after %d" % entries

    done = repair(path, ticking(), closing)
    kept = 0 if lost else 6
    assert (told, done.entries, verify(path).entries, verify(path).ok) == ([kept], kept, kept + 1, True)
    ledger = Ledger.open(path, ticking())
    last = list(ledger.read())[-1]
    assert (last.seq, last.kind, last.body) == (kept + 1, "halt", b"after %d" % kept)
    ledger.close()
    assert repair(path, ticking(), closing).kept is None
    assert verify(path).entries == kept + 1
