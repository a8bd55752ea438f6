"""What the tape and the ledger cost here. Prints a table; asserts nothing.

Run: python -m benchmarks.store_bench [--seconds 60] [--rates 1000,20000] [--pause-ms 5]

Event to durable is measured frame by frame, from its receipt time to the return of the commit that holds it.
"record" is what the caller's thread pays for a frame, "writer" what the store's own thread pays (for the
ledger: the whole process, event loop included).
"""

import argparse
import asyncio
import sqlite3
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.table import PERCENTILES, machine, percentiles, show
from spark_tui.store.ledger import Entry, Ledger
from spark_tui.store.segment import Chunk, Segment, unpack
from spark_tui.store.tape import Tape, TapeSettings

FRAME_BYTES = 436  # mean of the mix: 70 % trade, 14 % 50-level diff, 14 % depth5, 2 % ticker
COLUMNS = ("", "frames", "dropped", *PERCENTILES, "record us", "writer us", "B/frame")


class RowTape:
    """The alternative: the same queue and thread, one row per frame, still one transaction per commit."""

    def __init__(self, directory: Path, pause_s: float) -> None:
        self.commits: list[tuple[int, list[int]]] = []
        self._queue: deque[tuple[int, str, bytes]] = deque()
        self._pause_s = pause_s
        self._closing = False
        self._db = sqlite3.connect(directory / "rows.sqlite", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE frames (id INTEGER PRIMARY KEY, at_ns INTEGER, stream TEXT, raw BLOB)")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def record(self, stream: str, receipt_ns: int, raw: bytes) -> None:
        self._queue.append((receipt_ns, stream, raw))

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while self._queue or not self._closing:
            begun = time.monotonic()
            rows = [self._queue.popleft() for _ in range(min(len(self._queue), 1000))]
            if rows:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT INTO frames (at_ns, stream, raw) VALUES (?, ?, ?)", rows)
                self._db.execute("COMMIT")
                self.commits.append((time.time_ns(), [row[0] for row in rows]))
            time.sleep(max(0.0, self._pause_s - (time.monotonic() - begun)))


def feed(record: Callable[[str, int, bytes], None], rate: int, seconds: float) -> tuple[int, float]:
    """Send frames at `rate` in slices of half a millisecond; (how many, seconds spent inside)."""
    raw = b"x" * FRAME_BYTES
    clock = time.time_ns
    total, sent, inside = int(rate * seconds), 0, 0.0
    begun = time.perf_counter()
    while sent < total:
        due = min(total, int((time.perf_counter() - begun) * rate) + 1)
        entered = time.thread_time()
        for _ in range(due - sent):
            record("btcusdt@trade", clock(), raw)
        inside += time.thread_time() - entered
        sent = due
        time.sleep(0.0005)
    return sent, inside


def measure_tape(directory: Path, rate: int, seconds: float, pause_s: float) -> list[object]:
    commits: list[tuple[int, Chunk]] = []
    plain = Segment.append

    def observed(segment: Segment, chunk: Chunk) -> None:
        plain(segment, chunk)
        commits.append((time.time_ns(), chunk))

    with patch.object(Segment, "append", observed):  # the shipped code, only watched
        tape = Tape.open(directory, settings=TapeSettings(pause_s=pause_s))
        cpu, mine = time.process_time(), time.thread_time()
        sent, inside = feed(tape.record, rate, seconds)
        tape.close()
        writer = (time.process_time() - cpu) - (time.thread_time() - mine)
    lags = [(at - frame[0]) / 1e6 for at, chunk in commits for frame in unpack(chunk.body)]
    return row(f"tape {rate}/s", sent, sent - len(lags), lags, inside, writer, disk(directory))


def measure_rows(directory: Path, rate: int, seconds: float, pause_s: float) -> list[object]:
    tape = RowTape(directory, pause_s)
    cpu, mine = time.process_time(), time.thread_time()
    sent, inside = feed(tape.record, rate, seconds)
    tape.close()
    writer = (time.process_time() - cpu) - (time.thread_time() - mine)
    lags = [(at - receipt) / 1e6 for at, receipts in tape.commits for receipt in receipts]
    return row(f"a row per frame {rate}/s", sent, sent - len(lags), lags, inside, writer, disk(directory))


def measure_ledger(directory: Path, appends: int, at_once: int) -> list[object]:
    lags: list[float] = []

    async def client(ledger: Ledger, count: int) -> None:
        for _ in range(count):
            begun = time.perf_counter()
            await ledger.append(Entry("bench", b"x" * FRAME_BYTES))
            lags.append((time.perf_counter() - begun) * 1e3)
            await asyncio.sleep(0.001)

    async def run() -> float:
        ledger = Ledger.open(directory / "ledger.sqlite", time.time_ns)
        cpu = time.process_time()
        await asyncio.gather(*(client(ledger, max(1, appends // at_once)) for _ in range(at_once)))
        spent = time.process_time() - cpu
        ledger.close()
        return spent

    spent = asyncio.run(run())
    return row(f"ledger, {at_once} at once", len(lags), 0, lags, 0.0, spent, disk(directory))


def row(
    name: str, sent: int, dropped: int, lags: list[float], inside: float, writer: float, size: int
) -> list[object]:
    return [name, sent, dropped, *percentiles(lags), inside / sent * 1e6, writer / sent * 1e6, size // sent]


def disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of every tape run (default 3)")
    parser.add_argument("--rates", default="1000,5000,20000", help="frames a second, comma separated")
    parser.add_argument(
        "--pause-ms", type=float, default=TapeSettings().pause_s * 1e3, help="floor between commits"
    )
    parser.add_argument("--appends", type=int, default=2_000, help="of every ledger run (default 2000)")
    parser.add_argument("--dir", type=Path, default=None, help="a folder on the disk to measure")
    options = parser.parse_args()
    rows: list[list[object]] = []
    runs: list[Callable[[Path], list[object]]] = []
    for rate in (int(text) for text in options.rates.split(",")):
        pause_s = options.pause_ms / 1e3
        runs.append(partial(measure_tape, rate=rate, seconds=options.seconds, pause_s=pause_s))
        runs.append(partial(measure_rows, rate=rate, seconds=options.seconds, pause_s=pause_s))
    for at_once in (1, 4, 32):
        runs.append(partial(measure_ledger, appends=options.appends, at_once=at_once))
    for run in runs:
        with tempfile.TemporaryDirectory(dir=options.dir) as directory:
            rows.append(run(Path(directory)))
    show(f"Event to durable in ms, and cost per frame ({machine()})", COLUMNS, rows)


if __name__ == "__main__":
    main()
