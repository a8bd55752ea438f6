"""Repair of a damaged ledger: its good prefix becomes the ledger, the damaged file stays beside it."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from spark_tui.store import chain
from spark_tui.store.lock import Locked, LockFile

PARTS = ("", "-wal", "-shm", "-head")  # the database, SQLite's two companions, our witness


class RepairError(Exception):
    """It cannot be repaired now. `text` is one sentence for the operator; nothing was changed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Repair(msgspec.Struct, frozen=True):
    """`kept` is where the damaged file lies now, None when there was nothing to repair."""

    entries: int
    kept: Path | None
    text: str


def interrupted(path: Path) -> bool:
    """True when an earlier repair has built the new file but not put it in place yet."""
    return _built(path) is not None


Closing = Callable[[int], tuple[str, bytes]]  # kind and body of one more entry, of the count that was kept


def repair(path: Path, clock_ns: Callable[[], int], closing: Closing | None = None) -> Repair:
    """Put the good prefix in the ledger's place, with the `closing` entry behind it; nothing is deleted. Also
    finishes an interrupted repair.

    Raises RepairError: an engine uses the ledger, or there is no room for the new file.
    """
    try:
        lock = LockFile(path.with_name(f"{path.name}.lock"))
    except Locked as locked:
        who = f"process {locked.pid}" if locked.pid else "another process"
        raise RepairError(f"An engine ({who}) uses the ledger {path}; stop it first, then repair.") from None
    except OSError as error:
        raise RepairError(f"The ledger {path} cannot be repaired: {error.strerror}.") from None
    try:
        built = _built(path)
        if built is None:
            found = chain.verify(path)
            if found.ok:
                return Repair(found.entries, None, f"{found.text} There is nothing to repair.")
            built = _build(path, clock_ns(), closing)
        return _swap(path, built, 0 if closing is None else 1)
    except (sqlite3.Error, OSError) as error:
        raise RepairError(f"The ledger {path} cannot be repaired: {error}.") from None
    finally:
        lock.release()


def _built(path: Path) -> Path | None:
    found = sorted(path.parent.glob(f"{path.name}.repaired-*"))
    return found[0] if found else None


def _build(path: Path, now_ns: int, closing: Closing | None) -> Path:
    """The good prefix in a new, complete and synced file, named with the time of the repair."""
    draft = path.with_name(f"{path.name}.repairing")
    for part in PARTS:
        draft.with_name(draft.name + part).unlink(missing_ok=True)  # what a killed repair left half-made
    connection = chain.connect(draft, create=True)
    try:
        chain.initialise(connection, _good_prefix(path, now_ns, closing))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    draft.chmod(0o600)
    stamp = datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    built = path.with_name(f"{path.name}.repaired-{stamp}")
    os.replace(draft, built)
    _sync_directory(path.parent)
    return built


def _good_prefix(path: Path, now_ns: int, closing: Closing | None) -> Iterator[chain.Row]:
    walk = chain.Walk(path)
    if path.exists():
        yield from walk
    seq, last = walk.tail.seq, walk.tail.hash
    if seq < 0:
        genesis = chain.genesis(now_ns)
        yield genesis
        seq, last = genesis[0], genesis[4]
    if closing is not None:
        kind, body = closing(seq)
        yield (seq + 1, now_ns, kind, body, chain.link(last, seq + 1, now_ns, kind, body))


def _swap(path: Path, built: Path, added: int) -> Repair:
    """Move the damaged parts away, then the new file in. Until the last step `interrupted` stays true.
    `added`: entries behind the good prefix."""
    stamp = built.name.rpartition(".repaired-")[2]
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for part in PARTS:
        source = path.with_name(path.name + part)
        if source.exists():
            os.rename(source, kept.with_name(kept.name + part))
    _sync_directory(path.parent)
    os.rename(built, path)
    _sync_directory(path.parent)
    entries = chain.verify(path).entries - added
    return Repair(
        entries,
        kept,
        f"The first {entries} entries are kept; the damaged ledger is beside it as {kept.name}.",
    )


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
