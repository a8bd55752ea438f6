"""Of several kills one closes positions, and why one may not is told as it is."""

import asyncio
import fcntl
from errno import ENOLCK
from pathlib import Path

import pytest

from spark_tui.rescue.patience import Patience
from spark_tui.rescue.turn import PATIENCE_S, Turn
from spark_tui.wire.clock import ManualClock


class HastyClock(ManualClock):
    """Time passes while somebody sleeps."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


def turn_at(folder: Path, clock: ManualClock) -> Turn:
    return Turn(folder, clock, Patience(clock, lambda text: None))


async def test_the_second_waits_and_is_told_who_keeps_it(tmp_path: Path) -> None:
    clock = HastyClock()
    first, second = turn_at(tmp_path, clock), turn_at(tmp_path, clock)
    assert await first.take()
    began = clock.mono_ns()
    assert not await second.take()
    assert second.trouble == "another kill is closing positions"
    assert clock.mono_ns() - began >= PATIENCE_S * 1e9
    first.release()
    assert await second.take()
    assert second.trouble == ""


async def test_where_nothing_can_be_locked_nobody_else_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(handle: int, how: int) -> None:
        raise OSError(ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    clock = HastyClock()
    turn, began = turn_at(tmp_path, clock), clock.mono_ns()
    assert not await turn.take()
    assert "cannot be locked" in turn.trouble
    assert clock.mono_ns() == began


async def test_who_hurries_does_not_wait_for_another_kill(tmp_path: Path) -> None:
    clock = ManualClock()
    patience = Patience(clock, lambda text: None)
    first, second = turn_at(tmp_path, clock), Turn(tmp_path, clock, patience)
    assert await first.take()
    patience.hurry()
    async with asyncio.timeout(10):
        assert not await second.take()
    assert second.trouble == "another kill is closing positions"
