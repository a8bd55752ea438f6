"""What kills left on disk: how long an engine that took them over keeps it."""

import asyncio
from pathlib import Path

from spark_tui.engine.kill_marks import MarkFiles
from spark_tui.venues.kill_marks import Mark, read_marks, write_mark
from spark_tui.venues.port import TRADES_LAG_S
from spark_tui.wire.clock import ManualClock

WINDOW_S = 17.0
AT_MS = 1_000_000
LAG_MS = int(TRADES_LAG_S * 1_000)


def a_mark(name: str, *, closed_ms: int = 0, unanswered_ms: int = 0) -> Mark:
    return Mark(
        reason="storm",
        operator="me",
        at_ms=AT_MS,
        id=name,
        closed_ms=closed_ms,
        unanswered_ms=unanswered_ms,
    )


def files(folder: Path, clock: ManualClock) -> MarkFiles:
    return MarkFiles(read_marks(folder), WINDOW_S, clock)


def left(folder: Path) -> list[str]:
    return [mark.id for mark in read_marks(folder).values()]


def test_a_sale_is_told_of_until_a_comparison_cannot_have_missed_it(tmp_path: Path) -> None:
    write_mark(tmp_path, a_mark("1-none"))
    write_mark(tmp_path, a_mark("2-sold", closed_ms=AT_MS))
    write_mark(tmp_path, a_mark("3-lost", unanswered_ms=AT_MS))
    taken = files(tmp_path, ManualClock())
    taken.remove(0)
    assert left(tmp_path) == ["2-sold", "3-lost"]
    taken.remove(AT_MS + LAG_MS - 1)
    assert left(tmp_path) == ["2-sold", "3-lost"]
    taken.remove(AT_MS + LAG_MS)
    assert left(tmp_path) == ["3-lost"]
    taken.remove(AT_MS + LAG_MS + int(WINDOW_S * 1_000) - 1)
    assert taken.waiting
    taken.remove(AT_MS + LAG_MS + int(WINDOW_S * 1_000))
    assert (left(tmp_path), taken.waiting) == ([], False)


def test_what_came_since_stays(tmp_path: Path) -> None:
    write_mark(tmp_path, a_mark("1-before"))
    taken = files(tmp_path, ManualClock())
    write_mark(tmp_path, a_mark("2-since"))
    taken.remove(AT_MS)
    assert left(tmp_path) == ["2-since"]


async def test_files_go_as_the_plan_is_compared(tmp_path: Path) -> None:
    clock, compared = ManualClock(), [0]
    write_mark(tmp_path, a_mark("1-sold", closed_ms=AT_MS))
    running = asyncio.create_task(files(tmp_path, clock).run(lambda: compared[0]))
    await clock.run_for(60)
    assert left(tmp_path) == ["1-sold"]
    compared[0] = AT_MS + LAG_MS
    await clock.run_for(2)
    assert left(tmp_path) == []
    await running
