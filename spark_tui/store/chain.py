"""The ledger's file format: a hash chain in one SQLite table, and the walk that finds the first bad entry.

Entry n's hash is sha256(hash of n-1, n, time, kind, body); entry 0 is the genesis row. Two records say where
the chain ends: the `head` table, in the same transaction as the entries, and a small witness file beside the
database, written after each commit. The witness notices a lost write-ahead log: without it SQLite would
quietly continue from the last checkpoint.
"""

import hashlib
import os
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

ZERO = bytes(32)
GENESIS_KIND = "genesis"
GENESIS_BODY = b"spark-tui ledger, format 1"

# INSERT OR REPLACE would get past a delete trigger; the rule that every entry is the next one stops it.
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
        hash BLOB NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS head (
        one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL)""",
    """CREATE TRIGGER IF NOT EXISTS entries_append BEFORE INSERT ON entries
        WHEN NEW.seq <> (SELECT coalesce(max(seq), -1) + 1 FROM entries)
        BEGIN SELECT RAISE(ABORT, 'the ledger only grows at its end'); END""",
    """CREATE TRIGGER IF NOT EXISTS entries_no_update BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS entries_no_delete BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS head_forward BEFORE UPDATE ON head WHEN NEW.seq <= OLD.seq
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS head_no_delete BEFORE DELETE ON head
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)

Row = tuple[int, int, str, bytes, bytes]  # seq, at_ns, kind, body, hash


class Stored(msgspec.Struct, frozen=True):
    """One entry as it lies in the ledger. `at_ns` is wall time when it was queued; the order is `seq`."""

    seq: int
    at_ns: int
    kind: str
    body: bytes


class Tail(msgspec.Struct, frozen=True):
    """Where a chain ends."""

    seq: int
    hash: bytes


class Verification(msgspec.Struct, frozen=True):
    """`entries` good ones (the genesis row not counted) before `first_bad_seq`, or all of them when `ok`."""

    entries: int
    ok: bool
    first_bad_seq: int | None
    text: str


def link(previous: bytes, seq: int, at_ns: int, kind: str, body: bytes) -> bytes:
    """Hash of one entry; every part has a fixed or stated length, so no two entries share an encoding."""
    name = kind.encode()
    digest = hashlib.sha256(previous)
    digest.update(struct.pack("<qqI", seq, at_ns, len(name)))
    digest.update(name)
    digest.update(body)
    return digest.digest()


def genesis(at_ns: int) -> Row:
    return (0, at_ns, GENESIS_KIND, GENESIS_BODY, link(ZERO, 0, at_ns, GENESIS_KIND, GENESIS_BODY))


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """For the one writer: durable at every commit, in autocommit so that transactions are explicit."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Reads while the writer writes, and never moves the log of a damaged file into it."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )


def initialise(connection: sqlite3.Connection, rows: Iterator[Row]) -> Tail:
    """Write the schema and `rows` (the first is the genesis row) in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    tail = Tail(-1, ZERO)
    for row in rows:
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)
        tail = Tail(row[0], row[4])
    connection.execute("INSERT INTO head VALUES (1, ?, ?)", (tail.seq, tail.hash))
    connection.execute("COMMIT")
    return tail


class Walk:
    """Iterates the good prefix of a ledger, genesis row included; afterwards `fault` says why it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tail = Tail(-1, ZERO)
        self.fault = ""

    def __iter__(self) -> Iterator[Row]:
        # The witness first: a running engine writes it after its commit, so it cannot be ahead of us.
        witness = read_witness(witness_path(self._path))
        try:
            connection = connect_readonly(self._path)
        except sqlite3.Error as error:
            self.fault = f"the file cannot be read ({error})"
            return
        try:
            connection.execute("BEGIN")
            yield from self._rows(connection, witness)
            if not self.fault:
                self.fault = self._end(connection, witness)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.fault = f"the file cannot be read beyond entry {self.tail.seq} ({error})"
        finally:
            connection.close()

    def _rows(self, connection: sqlite3.Connection, witness: Tail | None) -> Iterator[Row]:
        ended = _ended(connection, witness)
        for row in connection.execute("SELECT seq, at_ns, kind, body, hash FROM entries ORDER BY seq"):
            seq, at_ns, kind, body, stored = row
            expected = self.tail.seq + 1
            if self.tail == ended:
                self.fault = f"entry {seq} was added by other hands: the chain ended at entry {ended.seq}"
                return
            if seq != expected:
                self.fault = (
                    f"entry {expected} is missing" if seq > expected else f"entry {seq} precedes the first"
                )
                return
            try:
                sound = link(self.tail.hash, seq, at_ns, kind, body) == stored
            except (AttributeError, TypeError, struct.error):
                sound = False  # a damaged record may come back as another SQL type
            if not sound:
                self.fault = f"entry {seq} was changed or moved: its content does not match the chain"
                return
            if witness is not None and witness.seq == seq and witness.hash != stored:
                self.fault = f"entry {seq} is not the one that was acknowledged: the chain was rewritten"
                return
            self.tail = Tail(seq, stored)
            yield row

    def _end(self, connection: sqlite3.Connection, witness: Tail | None) -> str:
        head = connection.execute("SELECT seq, hash FROM head").fetchone()
        if head is None:
            return "the record of its end is missing"
        if not isinstance(head[0], int):  # a damaged record may come back as another SQL type
            return "the record of its end cannot be read"
        known = max(head[0], witness.seq if witness else -1)
        if known > self.tail.seq:
            return f"it ends at entry {self.tail.seq}, but {known} were acknowledged: its tail is missing"
        if Tail(*head) != self.tail:
            return f"the record of its end does not match entry {self.tail.seq}"
        return ""


def _ended(connection: sqlite3.Connection, witness: Tail | None) -> Tail | None:
    """Where the head says that the chain ends, unless more was acknowledged or it cannot be read."""
    try:
        head = connection.execute("SELECT seq, hash FROM head").fetchone()
    except sqlite3.Error:
        return None  # told at the end: what is sound is walked first
    if head is None or not isinstance(head[0], int) or (witness is not None and witness.seq > head[0]):
        return None
    return Tail(*head)


def verify(path: Path) -> Verification:
    """Walk the chain of the ledger at `path`, also while an engine writes to it. Never raises for damage."""
    if not path.exists():
        if read_witness(witness_path(path)) is None:
            return Verification(0, True, None, "There is no ledger yet.")
        return Verification(0, False, 0, "The ledger is damaged: its file is gone.")
    walk = Walk(path)
    for _ in walk:
        continue
    entries = max(walk.tail.seq, 0)
    if walk.fault:
        return Verification(entries, False, walk.tail.seq + 1, f"The ledger is damaged: {walk.fault}.")
    return Verification(entries, True, None, f"The ledger is sound: {entries} entries in one unbroken chain.")


def witness_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-head")


def read_witness(path: Path) -> Tail | None:
    """None when it is absent or unreadable, as it may be after a power cut: it is written without a sync."""
    try:
        seq, digest = path.read_text("ascii").split()
        return Tail(int(seq), bytes.fromhex(digest))
    except (OSError, ValueError):
        return None


class Witness:
    """Writes the chain's end beside the database: one small write without a sync, which outlives kill -9."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def write(self, tail: Tail) -> None:
        try:
            os.pwrite(self._fd, f"{tail.seq:020d} {tail.hash.hex()}\n".encode(), 0)
        except OSError:
            return  # a witness that lags behind is weaker, never wrong: no reason to refuse a durable entry

    def close(self) -> None:
        os.close(self._fd)
