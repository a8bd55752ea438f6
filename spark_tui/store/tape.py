"""The tape: every market frame as it came, with its receipt time.

`record` appends to a bounded queue and returns; one writer thread commits what has gathered, as soon as it is
free but not more often than every `pause_s`: that floor is what makes a slow stream cheap.
"""

import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from spark_tui.store import segment
from spark_tui.store.segment import Chunk, RecordingError, Segment, TapeFrame, read_segment
from spark_tui.store.shelf import Shelf

__all__ = ["RecordingError", "Tape", "TapeSettings", "TapeStats"]

MAX_CHUNK = 1_000  # frames: packing more at once would hold the interpreter for over a millisecond
MAX_CHUNK_BYTES = 1 << 20  # what a nearly full disk may still have room for
IDLE_S = 60.0  # how often retention by age is looked at when nothing arrives
LAGS = 1_000  # commits that the lag's percentile looks back on


class TapeSettings(msgspec.Struct, frozen=True, kw_only=True):
    segment_bytes: int = 256 << 20
    max_bytes: int = 8 << 30
    max_age_s: float = 14 * 86_400.0
    queue_frames: int = 400_000
    queue_bytes: int = 128 << 20
    pause_s: float = 0.002
    retry_s: float = 0.5


class TapeStats(msgspec.Struct, frozen=True, kw_only=True):
    """`frames` and `bytes`: durable since open. Lag: from receipt to durable, oldest frame of a commit."""

    frames: int
    bytes: int
    queue: int
    dropped: int
    lag_ms: float
    lag_p95_ms: float
    disk_bytes: int
    trouble: str


class Tape:
    """Made by `Tape.open`. `record` may be called from any one thread, `stats` from all."""

    def __init__(
        self,
        directory: Path,
        settings: TapeSettings,
        clock_ns: Callable[[], int],
        on_notice: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._clock_ns = clock_ns
        self._on_notice = on_notice
        self._shelf = Shelf(directory, settings.max_bytes, settings.max_age_s)
        self._segment: Segment | None = None
        self._queue: deque[TapeFrame] = deque()
        self._max_frames = settings.queue_frames
        self._max_bytes = settings.queue_bytes
        self._recorded_bytes = 0  # written by the recording thread only
        self._taken_bytes = 0  # written by the writer thread only
        self._dropped = 0
        self._reported = 0
        self._reported_at = 0.0
        self._idle = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._frames = 0
        self._bytes = 0
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._disk_bytes = 0
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        settings: TapeSettings | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        on_notice: Callable[[str], None] = lambda text: None,
    ) -> "Tape":
        """Start recording into `directory`. `clock_ns` must be the clock of the receipt times. `on_notice`
        gets one sentence, on the writer's thread: the disk fails, frames are dropped, it is over.

        Raises RecordingError when the folder cannot be made.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(f"The tape's folder {directory} cannot be made: {error.strerror}.") from None
        return cls(directory, settings or TapeSettings(), clock_ns, on_notice)

    def record(self, stream: str, receipt_ns: int, raw: bytes) -> None:
        """Queue one frame; never blocks, never raises. Beyond the queue's bound it is dropped and counted."""
        waiting = self._queue
        size = len(raw)
        if (
            len(waiting) >= self._max_frames
            or self._recorded_bytes - self._taken_bytes + size > self._max_bytes
        ):
            self._dropped += 1
            return
        self._recorded_bytes += size
        waiting.append((receipt_ns, stream, raw))
        if self._idle:
            self._idle = False
            self._wake.put(None)

    def stats(self) -> TapeStats:
        lags = sorted(self._lags.copy())
        current = self._segment
        return TapeStats(
            frames=self._frames,
            bytes=self._bytes,
            queue=len(self._queue),
            dropped=self._dropped,
            lag_ms=self._lags[-1] if lags else 0.0,
            lag_p95_ms=lags[len(lags) * 95 // 100] if lags else 0.0,
            disk_bytes=self._disk_bytes + (current.bytes if current else 0),
            trouble=self._trouble,
        )

    def close(self) -> None:
        """Write what is queued (what cannot be written now is dropped and counted) and close the segment."""
        self._closing.set()
        self._wake.put(None)
        self._thread.join()

    @staticmethod
    def read(path: Path) -> Iterator[TapeFrame]:
        """(receipt_ns, stream, raw) of one segment in order of arrival. Raises RecordingError."""
        return read_segment(path)

    def _run(self) -> None:
        self._shelf.tidy()
        self._disk_bytes = self._shelf.prune(self._clock_ns(), None)
        while self._wait():
            begun = time.monotonic()
            self._store(segment.pack(self._take()))
            self._report_drops(again_after_s=1.0)
            pause = self._settings.pause_s - (time.monotonic() - begun)
            if pause > 0 and len(self._queue) < MAX_CHUNK:
                time.sleep(pause)
        self._report_drops(again_after_s=0.0)
        self._end_segment()

    def _wait(self) -> bool:
        """Until there are frames; False when closed and empty."""
        while not self._queue:
            if self._closing.is_set():
                return False
            self._idle = True
            # Looked at again after the flag is up: `record` appends first and then looks at the flag.
            if not self._queue and not self._closing.is_set():
                try:
                    self._wake.get(timeout=IDLE_S)
                except queue.Empty:
                    self._prune()
            self._idle = False
        return True

    def _take(self) -> list[TapeFrame]:
        waiting = self._queue
        frames: list[TapeFrame] = []
        size = 0
        while waiting and len(frames) < MAX_CHUNK and size < MAX_CHUNK_BYTES:
            frame = waiting.popleft()
            frames.append(frame)
            size += len(frame[2])
        self._taken_bytes += size
        return frames

    def _store(self, chunk: Chunk) -> None:
        """Write the chunk, however long the disk takes to have room again; once closing, one more attempt."""
        while True:
            last = self._closing.is_set()
            try:
                self._append(chunk)
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
                self._report_drops(again_after_s=60.0)
                if last:
                    self._dropped += chunk.frames
                    return
                self._closing.wait(self._settings.retry_s)
                continue
            self._frames += chunk.frames
            self._bytes += len(chunk.body)
            self._lags.append((self._clock_ns() - chunk.first_ns) / 1e6)
            if self._trouble:
                self._trouble = ""
                self._notify("The tape records again.")
            return

    def _append(self, chunk: Chunk) -> None:
        current = self._segment
        if current is not None and (
            current.bytes >= self._settings.segment_bytes or not current.path.exists()
        ):
            self._end_segment()  # full, or deleted by somebody who needed room
        if self._segment is None:
            self._segment = self._shelf.new(self._clock_ns())
            self._prune()
        self._segment.append(chunk)

    def _fail(self, error: sqlite3.Error | OSError) -> None:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        reason = "the disk is full, free some space" if full else str(error)
        if not full:
            self._end_segment()  # damaged under us: the next attempt begins a new one
        if not self._trouble:
            self._trouble = (
                f"The tape cannot be written: {reason}; frames wait in memory as long as there is room."
            )
            self._notify(self._trouble)

    def _end_segment(self) -> None:
        if self._segment is not None:
            ended, self._segment = self._segment, None
            try:
                ended.close()
                if not ended.bytes:
                    segment.remove(ended.path)
            except (sqlite3.Error, OSError):
                return  # its log stays beside it; the next start folds it in

    def _prune(self) -> None:
        try:
            self._disk_bytes = self._shelf.prune(
                self._clock_ns(), self._segment.path if self._segment else None
            )
        except OSError:
            return  # a file vanished or cannot be removed; the next rotation tries again

    def _report_drops(self, again_after_s: float) -> None:
        dropped = self._dropped
        now = time.monotonic()
        if dropped > self._reported and (not self._reported or now - self._reported_at >= again_after_s):
            self._notify(
                f"The tape dropped {dropped - self._reported} market frames ({dropped} since its start)."
            )
            self._reported = dropped
            self._reported_at = now

    def _notify(self, text: str) -> None:
        try:
            self._on_notice(text)
        except (
            Exception
        ):  # the listener's fault, such as an event loop that has ended, must not stop the recording
            return
