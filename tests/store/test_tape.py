"""The tape: what was recorded is read back, in order, within its bounds, whatever the disk does."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from spark_tui.store.segment import RecordingError
from spark_tui.store.tape import Tape, TapeSettings
from tests.store.disks import fill, small_disk

SECOND = 1_000_000_000
T0 = 1_723_161_600 * SECOND


def frames(number: int, size: int = 200) -> list[tuple[int, str, bytes]]:
    streams = ("btcusdt@trade", "btcusdt@depth@100ms", "这是测试币456@trade", "!serverShutdown")
    return [(T0 + i, streams[i % 4], f"{i} ".encode() + bytes(i % size)) for i in range(number)]


def record_all(tape: Tape, wanted: list[tuple[int, str, bytes]]) -> None:
    for receipt_ns, stream, raw in wanted:
        tape.record(stream, receipt_ns, raw)


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("tape-*.sqlite"))


def recorded(directory: Path) -> list[tuple[int, str, bytes]]:
    return [frame for path in segments(directory) for frame in Tape.read(path)]


def stepping(*times: int) -> Callable[[], int]:
    """The given times, then the last one for ever."""
    left: Iterator[int] = iter(times)
    return lambda: next(left, times[-1])


def until(true: Callable[[], bool]) -> None:
    """Polls: for what the writer's thread does without announcing it."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Notices:
    """Collects what the tape announces and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._more = threading.Semaphore(0)

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        self._more.release()

    def wait_for(self, part: str) -> None:
        while not any(part in text for text in self.texts):
            assert self._more.acquire(timeout=20), f"{part!r} was never announced: {self.texts}"


def test_what_was_recorded_is_read_back_in_order(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path / "tape")
    wanted = frames(20_000)
    record_all(tape, wanted)
    tape.close()
    assert recorded(tmp_path / "tape") == wanted
    stats = tape.stats()
    assert (stats.frames, stats.queue, stats.dropped, stats.trouble) == (20_000, 0, 0, "")
    assert stats.bytes > sum(len(raw) for _, _, raw in wanted)


def test_frames_share_commits(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path)
    record_all(tape, frames(5_000))
    tape.close()
    (path,) = segments(tmp_path)
    connection = sqlite3.connect(path)
    (rows,) = connection.execute("SELECT count(*) FROM chunks").fetchone()
    connection.close()
    assert rows < 500


def test_a_closed_segment_is_one_file(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path)
    record_all(tape, frames(10))
    tape.close()
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["tape"]
    assert segments(tmp_path)[0].stat().st_mode & 0o077 == 0


def test_lag_is_from_receipt_to_durable(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path, clock_ns=lambda: T0 + 3_000_000)
    tape.record("btcusdt@trade", T0, b"{}")
    tape.close()
    assert tape.stats().lag_ms == pytest.approx(3.0)
    assert tape.stats().lag_p95_ms == pytest.approx(3.0)


def test_segments_rotate_by_size_and_nothing_is_lost_between(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path, settings=TapeSettings(segment_bytes=50_000, pause_s=0.0))
    wanted = frames(3_000)
    record_all(tape, wanted)
    tape.close()
    assert len(segments(tmp_path)) > 2
    assert recorded(tmp_path) == wanted


def test_retention_by_bytes_keeps_the_newest(tmp_path: Path) -> None:
    settings = TapeSettings(segment_bytes=50_000, max_bytes=400_000, pause_s=0.0)
    wanted = frames(20_000)
    for at in range(0, len(wanted), 1_000):
        tape = Tape.open(tmp_path, settings=settings)
        record_all(tape, wanted[at : at + 1_000])
        tape.close()
    kept = recorded(tmp_path)
    assert kept == wanted[-len(kept) :]
    assert 1_000 < len(kept) < len(wanted)
    assert sum(path.stat().st_size for path in segments(tmp_path)) < 800_000


def test_retention_by_age_counts_from_a_segments_end(tmp_path: Path) -> None:
    day = 86_400 * SECOND
    settings = TapeSettings(max_age_s=2 * 86_400.0)
    for at in (T0, T0 + day, T0 + 2 * day, T0 + 3 * day + SECOND):
        tape = Tape.open(tmp_path, settings=settings, clock_ns=lambda now=at: now)
        tape.record("btcusdt@trade", at, b"{}")
        tape.close()
    assert [frame[0] for frame in recorded(tmp_path)] == [T0 + day, T0 + 2 * day, T0 + 3 * day + SECOND]


def test_a_clock_that_steps_back_does_not_reorder_segments(tmp_path: Path) -> None:
    for number, now in enumerate((T0, T0 - 3_600 * SECOND, T0 - 3_600 * SECOND)):
        tape = Tape.open(tmp_path, clock_ns=lambda now=now: now)
        tape.record("btcusdt@trade", now, str(number).encode())
        tape.close()
    assert [raw for _, _, raw in recorded(tmp_path)] == [b"0", b"1", b"2"]


def test_a_stalled_disk_is_waited_for(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path)
    first, *rest = frames(5_000)
    tape.record(first[1], first[0], first[2])
    until(lambda: tape.stats().frames == 1)
    other = sqlite3.connect(segments(tmp_path)[0], isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    record_all(tape, rest)
    assert tape.stats().queue > 0
    other.execute("ROLLBACK")
    other.close()
    tape.close()
    assert recorded(tmp_path) == [first, *rest]
    assert tape.stats().dropped == 0


@pytest.mark.parametrize("settings", [TapeSettings(queue_frames=100), TapeSettings(queue_bytes=20_000)])
def test_beyond_its_bound_the_queue_drops_and_counts(tmp_path: Path, settings: TapeSettings) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        ballast = fill(disk)
        notices = Notices()
        tape = Tape.open(disk, settings=settings, on_notice=notices)
        record_all(tape, frames(1_000, size=1_000))
        notices.wait_for("disk is full")
        notices.wait_for("dropped")
        stats = tape.stats()
        assert stats.queue <= 100
        assert stats.dropped >= 800
        assert "disk is full" in stats.trouble
        ballast.unlink()
        notices.wait_for("records again")
        tape.record("btcusdt@trade", T0, b"after")
        tape.close()
        stats = tape.stats()
        assert stats.trouble == ""
        assert stats.frames + stats.dropped == 1_001
        kept = recorded(disk)
        assert len(kept) == stats.frames
        assert kept[-1] == (T0, "btcusdt@trade", b"after")


def test_a_disk_that_fills_up_while_recording_loses_nothing_that_fits_in_memory(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        notices = Notices()
        tape = Tape.open(disk, settings=TapeSettings(retry_s=0.01), on_notice=notices)
        wanted = frames(500, size=1_000)
        record_all(tape, wanted[:250])
        ballast = fill(disk)
        record_all(tape, wanted[250:])
        notices.wait_for("disk is full")
        ballast.unlink()
        notices.wait_for("records again")
        tape.close()
        assert recorded(disk) == wanted
        assert tape.stats().dropped == 0


def test_closing_with_a_full_disk_ends_and_counts_what_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        fill(disk)
        notices = Notices()
        tape = Tape.open(disk, on_notice=notices)
        record_all(tape, frames(2_500))
        tape.close()
        assert tape.stats().dropped == 2_500
        assert "dropped" in notices.texts[-1]


def test_a_segment_deleted_under_it_does_not_end_the_recording(tmp_path: Path) -> None:
    """As somebody may who reads "free some space"."""
    tape = Tape.open(tmp_path)
    tape.record("btcusdt@trade", T0, b"1")
    until(lambda: tape.stats().frames == 1)
    for path in tmp_path.iterdir():
        path.unlink()
    tape.record("btcusdt@trade", T0, b"2")
    tape.close()
    assert [raw for _, _, raw in recorded(tmp_path)] == [b"2"]


def test_a_passing_trouble_just_before_closing_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        ballast = fill(disk)
        notices = Notices()
        tape = Tape.open(disk, settings=TapeSettings(retry_s=60.0), on_notice=notices)
        record_all(tape, frames(10))
        notices.wait_for("disk is full")
        ballast.unlink()
        tape.close()
        assert recorded(disk) == frames(10)


def test_a_listener_that_fails_does_not_end_the_recording(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        ballast = fill(disk)
        called = threading.Event()

        def broken(text: str) -> None:
            called.set()
            raise RuntimeError("no loop")

        tape = Tape.open(disk, settings=TapeSettings(retry_s=0.01), on_notice=broken)
        tape.record("btcusdt@trade", T0, b"{}")
        assert called.wait(20)
        ballast.unlink()
        tape.record("btcusdt@trade", T0, b"{}")
        until(lambda: tape.stats().frames == 2)
        tape.close()
        assert len(recorded(disk)) == 2


KILLED = """
import itertools, os, pathlib, sys
from spark_tui.store.tape import Tape
tape = Tape.open(pathlib.Path(sys.argv[1]))
told = 0
for number in itertools.count():
    tape.record("btcusdt@trade", number, str(number).encode())
    if tape.stats().queue > 50_000:
        while tape.stats().queue: pass
    if number % 100 == 0:
        os.write(1, f"{tape.stats().frames}\\n".encode())
"""


def test_kill_9_loses_no_durable_frame_and_the_next_start_tidies_up(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = 0
    while told < 5_000:
        told = int(process.stdout.readline())
    process.kill()
    told = max([told, *(int(line) for line in process.stdout.readlines() if line.endswith(b"\n"))])
    process.wait()
    process.stdout.close()
    (path,) = segments(tmp_path)
    assert path.with_name(f"{path.name}-wal").exists()
    Tape.open(tmp_path).close()
    assert not path.with_name(f"{path.name}-wal").exists()
    kept = [int(raw) for _, _, raw in Tape.read(path)]
    assert kept == list(range(len(kept)))
    assert len(kept) >= told


def test_a_damaged_segment_is_one_sentence(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path)
    record_all(tape, frames(200))
    tape.close()
    (path,) = segments(tmp_path)
    sound = path.read_bytes()
    at = sound.index(b"btcusdt@depth@100ms") + 3
    path.write_bytes(sound[:at] + b"X" + sound[at + 1 :])
    with pytest.raises(RecordingError, match="checksum"):
        list(Tape.read(path))
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(RecordingError, match="cannot be read"):
        list(Tape.read(path))


def test_an_sqlite_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.sqlite")
    connection.execute("CREATE TABLE chunks (id, crc, body)")
    connection.close()
    with pytest.raises(RecordingError, match="not a tape"):
        list(Tape.read(tmp_path / "other.sqlite"))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be made"):
        Tape.open(tmp_path / "file" / "tape")


@pytest.mark.campaign
def test_twenty_thousand_a_second_for_a_minute(tmp_path: Path) -> None:
    tape = Tape.open(tmp_path)
    begun = time.perf_counter()
    numbers = count()
    while (passed := time.perf_counter() - begun) < 60:
        while tape.stats().frames + tape.stats().queue < passed * 20_000:
            for _ in range(10):
                tape.record("btcusdt@trade", time.time_ns(), str(next(numbers)).encode() * 60)
        time.sleep(0.0005)
    tape.close()
    assert tape.stats().dropped == 0
    assert tape.stats().frames == next(numbers)
