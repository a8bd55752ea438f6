"""What kills left on disk: how long an engine keeps it."""

import asyncio
from pathlib import Path

import pytest

from spark_tui.engine.kill_marks import MarkFiles
from spark_tui.venues import kill_marks
from spark_tui.venues.kill_marks import Mark, read_marks, write_mark
from spark_tui.venues.port import TRADES_LAG_S
from spark_tui.wire.clock import NS_PER_S, ManualClock

WINDOW_S = 17.0
YEAR_MS = 365 * 86_400_000


def a_mark(name: str, *, closed_ms: int = 0, unanswered_ms: int = 0) -> Mark:
    return Mark(
        reason="storm", operator="me", at_ms=1_000, id=name, closed_ms=closed_ms, unanswered_ms=unanswered_ms
    )


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.recorded: set[str] = set()

    def begin(self) -> MarkFiles:
        """A start that takes over what is there."""
        marks = read_marks(self.folder)
        self.began_ns = self.clock.mono_ns()
        return MarkFiles(self.folder, marks, self.recorded.__contains__, WINDOW_S, self.clock)

    def after(self, seconds: float) -> int:
        """When a comparison began, so long after the start."""
        return self.began_ns + int(seconds * NS_PER_S)

    @property
    def left(self) -> list[str]:
        return [mark.id for mark in read_marks(self.folder).values()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("at_ms", [1_000, YEAR_MS])
def test_a_sale_is_told_of_until_a_comparison_cannot_have_missed_it(desk: Desk, at_ms: int) -> None:
    """Whatever time the mark bears: the clock may have been a year ahead."""
    write_mark(desk.folder, a_mark("1-none"))
    write_mark(desk.folder, a_mark("2-sold", closed_ms=at_ms))
    write_mark(desk.folder, a_mark("3-lost", unanswered_ms=at_ms))
    files = desk.begin()
    files.remove(0)
    assert desk.left == ["2-sold", "3-lost"]
    files.remove(desk.after(TRADES_LAG_S) - 1)
    assert desk.left == ["2-sold", "3-lost"]
    files.remove(desk.after(TRADES_LAG_S))
    assert desk.left == ["3-lost"]
    files.remove(desk.after(TRADES_LAG_S + WINDOW_S) - 1)
    assert desk.left == ["3-lost"]
    files.remove(desk.after(TRADES_LAG_S + WINDOW_S))
    assert desk.left == []


def test_a_kill_that_sold_beside_the_engine_is_settled_by_it_too(desk: Desk) -> None:
    """Its mark counts from when it was seen, and anew from when it changed."""
    files = desk.begin()
    write_mark(desk.folder, a_mark("1-sold", unanswered_ms=5))
    desk.recorded.add("1-sold")
    files.remove(0)
    desk.clock.advance(100)
    write_mark(desk.folder, a_mark("1-sold", closed_ms=6))
    files.remove(desk.after(100))
    assert desk.left == ["1-sold"]
    files.remove(desk.after(100 + TRADES_LAG_S))
    assert desk.left == []


def test_what_no_ledger_has_stays(desk: Desk) -> None:
    write_mark(desk.folder, a_mark("1-before"))
    files = desk.begin()
    write_mark(desk.folder, a_mark("2-since"))
    files.remove(desk.after(1_000))
    assert desk.left == ["2-since"]


def test_a_damaged_one_that_was_taken_over_goes_as_one_with_a_sale(desk: Desk) -> None:
    write_mark(desk.folder, a_mark("1-bad"))
    (path,) = read_marks(desk.folder)
    path.write_bytes(b"{")
    files = desk.begin()
    files.remove(0)
    assert len(desk.left) == 1
    files.remove(desk.after(TRADES_LAG_S))
    assert desk.left == []


def test_what_its_kill_writes_meanwhile_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sells just as the engine takes its first mark away."""
    write_mark(desk.folder, a_mark("1-works"))
    files = desk.begin()
    sold = a_mark("1-works", closed_ms=5)
    real = kill_marks._read
    reads: list[Path] = []

    def read(path: Path) -> Mark:
        found = real(path)
        reads.append(path)
        if len(reads) == 1:  # it is judged by this one
            write_mark(desk.folder, sold)
        return found

    monkeypatch.setattr(kill_marks, "_read", read)
    files.remove(0)
    assert len(reads) == 2
    assert list(read_marks(desk.folder).values()) == [sold]


def test_beyond_so_many_one_without_a_sale_leaves_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_marks, "MAX_MARKS", 3)
    write_mark(desk.folder, a_mark("1-first"))
    write_mark(desk.folder, a_mark("2-sold", closed_ms=5))
    write_mark(desk.folder, a_mark("3-none"))
    write_mark(desk.folder, a_mark("4-none"))
    assert desk.left == ["1-first", "2-sold", "4-none"]
    write_mark(desk.folder, a_mark("5-sold", unanswered_ms=5))
    write_mark(desk.folder, a_mark("6-sold", unanswered_ms=5))
    assert desk.left == ["1-first", "5-sold", "6-sold"]  # of sales the oldest


async def test_files_go_as_the_plan_is_compared(desk: Desk) -> None:
    compared = [0]
    write_mark(desk.folder, a_mark("1-sold", closed_ms=1_000))
    running = asyncio.create_task(desk.begin().run(lambda: compared[0]))
    await desk.clock.run_for(60)
    assert desk.left == ["1-sold"]
    compared[0] = desk.after(TRADES_LAG_S)
    for _ in range(200):
        await desk.clock.run_for(1)
        await asyncio.sleep(0.01)
        if not desk.left:
            break
    assert desk.left == []
    running.cancel()


async def test_one_mark_that_stays_keeps_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails ends no engine either."""
    write_mark(desk.folder, a_mark("1-none"))
    write_mark(desk.folder, a_mark("2-sold", closed_ms=5))
    files = desk.begin()
    real = Path.replace

    def broken(path: Path, target: Path) -> Path:
        if "1-none" in path.name:
            raise OSError("no")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        await files.look(0)
        assert desk.left == ["1-none", "2-sold"]
        await files.look(desk.after(TRADES_LAG_S))
        assert desk.left == ["1-none"]
    await files.look(0)
    assert desk.left == []


def test_a_mark_that_is_moved_as_it_is_read_is_read_where_it_went(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would pass for a damaged one."""
    mark = a_mark("1-sold", closed_ms=5)
    write_mark(desk.folder, mark)
    real, moved = kill_marks._paths, []

    def paths(folder: Path) -> list[Path]:
        found = real(folder)
        if not moved:
            moved.append(found[0].replace(found[0].with_name("killed-1-sold.aside.json")))
        return found

    monkeypatch.setattr(kill_marks, "_paths", paths)
    assert read_marks(desk.folder) == {moved[0]: mark}


def test_own_mark_is_not_pruned(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is why the next engine starts halted."""
    monkeypatch.setattr(kill_marks, "MAX_MARKS", 3)
    for number in range(1, 4):
        write_mark(desk.folder, a_mark(f"{number}-sold", closed_ms=5))
    write_mark(desk.folder, a_mark("4-own"))
    assert desk.left == ["1-sold", "3-sold", "4-own"]


def test_a_mark_is_the_same_beside_its_old_name(desk: Desk) -> None:
    """A crash between the two steps of taking it away loses nothing."""
    mark = a_mark("1-sold", closed_ms=5)
    write_mark(desk.folder, mark)
    (path,) = read_marks(desk.folder)
    path.rename(path.with_name(path.stem + ".aside.json"))
    assert list(read_marks(desk.folder).values()) == [mark]
    files = desk.begin()
    files.remove(desk.after(TRADES_LAG_S))
    assert desk.left == []
