"""The ledger: orders, fills and decisions, durable before anything is done about them, in one hash chain.

It knows no order types: a body is bytes. One writer thread commits whatever is queued as soon as it is free
(group commit), with SQLite in WAL mode and synchronous=FULL.
"""

import asyncio
import errno
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from spark_tui.store import chain, repair
from spark_tui.store.chain import Stored, Tail, Verification, verify
from spark_tui.store.lock import Locked, LockFile

__all__ = ["Entry", "Ledger", "LedgerError", "Stored", "Verification", "read_entries", "read_last", "verify"]

MAX_PENDING = 10_000  # appends waiting; the engine has at most a few per open order
MAX_BATCH = 1_000  # appends in one transaction, so that the first does not wait for thousands
MAX_BODY = 4 << 20
CHECKPOINT_PAGES = 250  # folding more at once would keep an order waiting for more than some 3 ms
QUIET_S = 0.05
LOG_PAGES_LIMIT = 8_000  # checkpoint even when never idle


class LedgerError(Exception):
    """The ledger cannot be opened or written. `text` is one sentence for the operator."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Entry(msgspec.Struct, frozen=True):
    """What to append: `kind` names the body's type for the reader, `body` is its encoding."""

    kind: str
    body: bytes


class _Append(msgspec.Struct, frozen=True):
    entries: tuple[Entry, ...]
    at_ns: int
    queued_ns: int
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[int]"


class Ledger:
    """Made by `Ledger.open`. `append` from the event loop, `read` from anywhere."""

    def __init__(
        self,
        path: Path,
        lock: LockFile,
        connection: sqlite3.Connection,
        tail: Tail,
        clock_ns: Callable[[], int],
        mono_ns: Callable[[], int],
    ) -> None:
        self.path = path
        self._lock = lock
        self._db = connection
        self._tail = tail
        self._tail_known = True
        stat = os.stat(path)
        self._inode = (stat.st_dev, stat.st_ino)
        self._clock_ns = clock_ns
        self._mono_ns = mono_ns
        self._witness = chain.Witness(chain.witness_path(path))
        self._witness.write(tail)
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._closed = False
        self._log_pages = 0
        self.lag_ms = 0.0
        """From `append` to durable, the last commit's oldest entry."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls, path: Path, clock_ns: Callable[[], int], mono_ns: Callable[[], int] = time.perf_counter_ns
    ) -> "Ledger":
        """Open or create the ledger at `path`, after walking its whole chain. `clock_ns` is wall time.

        Raises LedgerError: held by another process, damaged, or the place cannot be written.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = LockFile(path.with_name(f"{path.name}.lock"))
        except Locked as locked:
            raise LedgerError(
                f"Another engine ({_who(locked)}) uses the ledger {path}; stop it first."
            ) from None
        except OSError as error:
            raise LedgerError(f"The ledger {path} cannot be opened: {error.strerror}.") from None
        try:
            connection, tail = _open_sound(path, clock_ns)
            return cls(path, lock, connection, tail, clock_ns, mono_ns)
        except (sqlite3.Error, OSError) as error:
            lock.release()
            raise LedgerError(f"The ledger {path} cannot be opened: {_reason(error)}.") from None
        except LedgerError:
            lock.release()
            raise

    @property
    def entries(self) -> int:
        """How many are durable."""
        return self._tail.seq

    async def append(self, *entries: Entry) -> int:
        """Append in this order, all or none; resolves with the last one's seq once all are DURABLE.

        A cancelled call may still have appended. Raises LedgerError, after which nothing of this call is in
        the ledger and a later call may succeed (a full disk that was freed).
        """
        if self._closed:
            raise LedgerError("The ledger is closed.")
        if not entries:
            raise ValueError("nothing to append")
        if self._queue.qsize() >= MAX_PENDING:
            raise LedgerError("The ledger cannot keep up: its queue is full; check the disk.")
        for entry in entries:
            if len(entry.body) > MAX_BODY:
                raise ValueError(f"a ledger body has at most {MAX_BODY} bytes")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._queue.put(_Append(entries, self._clock_ns(), self._mono_ns(), loop, done))
        return await done

    def read(self, from_seq: int = 1) -> Iterator[Stored]:
        """Durable entries from `from_seq` on, in order, without the genesis row. Raises LedgerError."""
        return read_entries(self.path, from_seq)

    def close(self) -> None:
        """Write what is queued, then let go of file and lock. Blocks shortly; call it once, at the end."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._db.close()
        self._witness.close()
        self._lock.release()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            work = [item for item in batch if item is not None]
            if work:
                self._commit(work)
            if len(work) < len(batch):
                return

    def _next_batch(self) -> list[_Append | None]:
        """Wait for work; a log that has grown is folded into the database once nothing came for a moment."""
        try:
            first = self._queue.get(timeout=QUIET_S if self._log_pages >= CHECKPOINT_PAGES else None)
        except queue.Empty:
            self._checkpoint()
            first = self._queue.get()
        batch = [first]
        while len(batch) < MAX_BATCH and batch[-1] is not None:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _commit(self, work: list[_Append]) -> None:
        try:
            ends = self._write(work)
        except (sqlite3.Error, OSError) as error:
            self._roll_back()
            _refuse(
                work, f"The ledger cannot be written: {_reason(error)}; what was asked for is not recorded."
            )
            return
        except Exception as error:  # a writer that died of it would leave every later order waiting for ever
            self._roll_back()
            _refuse(work, f"The ledger cannot take an entry: {error}.")
            return
        self.lag_ms = (self._mono_ns() - work[0].queued_ns) / 1e6
        _answer(work, ends)
        if self._log_pages >= LOG_PAGES_LIMIT:
            self._checkpoint()

    def _write(self, work: list[_Append]) -> list[int]:
        """One transaction; the last seq of each append."""
        if not self._in_place():
            raise OSError(errno.ENOENT, "its file was removed or replaced while the engine runs")
        if not self._tail_known:
            self._tail = _load_tail(self._db)
            self._tail_known = True
        seq, previous = self._tail.seq, self._tail.hash
        rows: list[chain.Row] = []
        ends: list[int] = []
        for item in work:
            for entry in item.entries:
                seq += 1
                previous = chain.link(previous, seq, item.at_ns, entry.kind, entry.body)
                rows.append((seq, item.at_ns, entry.kind, entry.body, previous))
            ends.append(seq)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", rows)
        self._db.execute("UPDATE head SET seq = ?, hash = ?", (seq, previous))
        self._db.execute("COMMIT")
        self._tail = Tail(seq, previous)
        self._witness.write(self._tail)
        self._log_pages += 3 + sum(len(row[3]) for row in rows) // 4096  # roughly
        return ends

    def _in_place(self) -> bool:
        """False when what we would write to has no name any more: it would be durable and yet gone."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._inode

    def _roll_back(self) -> None:
        """After a failed commit only the file knows what it holds: the next one reads the tail again."""
        self._tail_known = False
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            return  # the next append meets the same trouble and reports it

    def _checkpoint(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error:
            return  # no room: the log only grows on, and appends report a full disk themselves
        finally:
            self._log_pages = 0


def read_entries(path: Path, from_seq: int = 1) -> Iterator[Stored]:
    """As `Ledger.read`, without being its writer: another process may be. Raises LedgerError."""
    try:
        connection = chain.connect_readonly(path)
        try:
            rows = connection.execute(
                "SELECT seq, at_ns, kind, body FROM entries WHERE seq >= ? ORDER BY seq",
                (max(from_seq, 1),),
            )
            for row in rows:
                yield Stored(*row)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise LedgerError(f"The ledger {path} cannot be read: {_reason(error)}.") from None


def read_last(path: Path, kind: str, count: int) -> list[tuple[int, bytes]]:
    """Time (ns) and body of each entry of `kind` among the last `count`, oldest first, whoever writes.
    Raises LedgerError."""
    try:
        connection = chain.connect_readonly(path)
        try:
            rows = connection.execute(
                "SELECT at_ns, body FROM entries WHERE seq > (SELECT max(seq) FROM entries) - ? AND kind = ?"
                " ORDER BY seq",
                (count, kind),
            )
            return [(at_ns, body) for at_ns, body in rows]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise LedgerError(f"The ledger {path} cannot be read: {_reason(error)}.") from None


def _open_sound(path: Path, clock_ns: Callable[[], int]) -> tuple[sqlite3.Connection, Tail]:
    """The writer's connection to a ledger that is verified or new. Raises LedgerError, sqlite3.Error."""
    if repair.interrupted(path):
        raise LedgerError(
            f"A repair of the ledger {path} was interrupted; run `spark-tui ledger repair` to finish it."
        )
    new = _is_new(path)
    if not new:
        verification = verify(path)
        if not verification.ok:
            raise LedgerError(
                f"{verification.text.rstrip('.')} ({path}); look with `spark-tui ledger verify`, "
                "keep what is good with `spark-tui ledger repair`."
            )
    connection = chain.connect(path, create=new)
    try:
        path.chmod(0o600)
        # The writer folds the log itself, when idle; this is the stop for a writer that never is.
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES_LIMIT * 2}")
        if new:
            return connection, chain.initialise(connection, iter([chain.genesis(clock_ns())]))
        for statement in chain.SCHEMA:  # a removed trigger is put back
            connection.execute(statement)
        return connection, _load_tail(connection)
    except (sqlite3.Error, OSError):
        connection.close()
        raise


def _is_new(path: Path) -> bool:
    """True when no entry can ever have been acknowledged here, so that making one loses nothing."""
    if chain.read_witness(chain.witness_path(path)) is not None:
        return False
    if not path.exists():
        return True
    try:
        connection = chain.connect_readonly(path)
        try:
            return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def _load_tail(connection: sqlite3.Connection) -> Tail:
    row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return Tail(*row)


def _refuse(work: list[_Append], text: str) -> None:
    _answer(work, [LedgerError(text) for _ in work])


def _answer(work: list[_Append], results: Sequence[int | LedgerError]) -> None:
    """Hand the results to the event loops that wait, with one wake-up each."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], int | LedgerError]]] = {}
    for item, result in zip(work, results, strict=True):
        loops.setdefault(item.loop, []).append((item.done, result))
    for loop, answers in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:
            continue  # that loop has ended; nobody waits there any more


def _resolve(answers: list[tuple["asyncio.Future[int]", int | LedgerError]]) -> None:
    for done, result in answers:
        if done.done():
            continue  # its caller was cancelled
        if isinstance(result, int):
            done.set_result(result)
        else:
            done.set_exception(result)


def _reason(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "the disk is full, free some space"
    return str(error)


def _who(locked: Locked) -> str:
    return f"process {locked.pid}" if locked.pid else "another process"
