"""One file of the tape: SQLite, a row per group commit, each row many length-prefixed frames.

Measured on a recording of spot BTCUSDT (246 bytes a frame, in chunks of 40): packing costs 0.7 us a frame,
zlib level 1 on top another 5 us (57 us in chunks of 2), so the tape is not compressed.
"""

import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

FORMAT = 0x73706B74  # "spkt", SQLite's application_id
CHECKPOINT_PAGES = 500  # at SQLite's own 1000 the commit that folds the log takes twice as long
_HEAD = struct.Struct("<qII")  # receipt time in ns, length of the stream's name, length of the frame

TapeFrame = tuple[int, str, bytes]  # receipt time in ns, stream, raw bytes


class RecordingError(Exception):
    """A recording cannot be read. `text` is one sentence for the operator."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Chunk(msgspec.Struct, frozen=True):
    """Frames in the order of their arrival, packed; times are receipt times in ns."""

    first_ns: int
    last_ns: int
    frames: int
    body: bytes


def pack(frames: list[TapeFrame]) -> Chunk:
    head = _HEAD.pack
    parts: list[bytes] = []
    for receipt_ns, stream, raw in frames:
        name = stream.encode()
        parts.append(head(receipt_ns, len(name), len(raw)))
        parts.append(name)
        parts.append(raw)
    return Chunk(frames[0][0], frames[-1][0], len(frames), b"".join(parts))


def unpack(body: bytes) -> Iterator[TapeFrame]:
    """Raises struct.error or UnicodeDecodeError when `body` is no chunk."""
    at, end = 0, len(body)
    while at < end:
        receipt_ns, name_size, size = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        name = body[at : at + name_size].decode()
        at += name_size
        raw = body[at : at + size]
        if len(raw) != size:
            raise struct.error("a frame is cut off")
        yield receipt_ns, name, raw
        at += size


class Segment:
    """The file being written. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Create it. Raises sqlite3.Error; what was half made is removed again."""
        self.path = path
        self.bytes = 0
        """Of chunks appended; the file is a few per cent larger."""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            self._db.execute(f"PRAGMA application_id={FORMAT}")
            self._db.execute(
                "CREATE TABLE chunks (id INTEGER PRIMARY KEY, first_ns INTEGER NOT NULL,"
                " last_ns INTEGER NOT NULL, frames INTEGER NOT NULL, crc INTEGER NOT NULL,"
                " body BLOB NOT NULL)"
            )
            path.chmod(0o600)
        except (sqlite3.Error, OSError):
            self._db.close()
            remove(path)
            raise

    def append(self, chunk: Chunk) -> None:
        """Durable when it returns. Raises sqlite3.Error, after which the chunk is not there."""
        self._db.execute(
            "INSERT INTO chunks (first_ns, last_ns, frames, crc, body) VALUES (?, ?, ?, ?, ?)",
            (chunk.first_ns, chunk.last_ns, chunk.frames, zlib.crc32(chunk.body), chunk.body),
        )
        self.bytes += len(chunk.body)

    def close(self) -> None:
        """Folds the log in: a closed segment is one file that may be copied."""
        self._db.close()


def read_segment(path: Path) -> Iterator[TapeFrame]:
    """Every frame in the order of arrival, also while the engine writes. Raises RecordingError."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            if connection.execute("PRAGMA application_id").fetchone() != (FORMAT,):
                raise RecordingError(f"{path} is an SQLite file but not a tape of spark-tui.")
            for number, crc, body in connection.execute("SELECT id, crc, body FROM chunks ORDER BY id"):
                if zlib.crc32(body) != crc:
                    raise RecordingError(f"{path} is damaged: chunk {number} does not match its checksum.")
                yield from unpack(body)
        finally:
            connection.close()
    except (sqlite3.Error, struct.error, UnicodeDecodeError, TypeError) as error:
        raise RecordingError(f"{path} cannot be read as a tape: {error}.") from None


def fold(path: Path) -> None:
    """Move what a killed engine left in the log into the file: it then stands alone. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def remove(path: Path) -> None:
    for part in parts(path):
        part.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes on disk, SQLite's companions included."""
    return sum(part.stat().st_size for part in parts(path) if part.exists())


def parts(path: Path) -> Iterable[Path]:
    return (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
