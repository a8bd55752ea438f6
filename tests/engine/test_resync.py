"""One queue for the snapshots of a venue: what is asked for twice is fetched once."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from spark_tui.domain.market import DepthSnapshot
from spark_tui.engine.resync import ResyncQueue
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import SYMBOL, UNREACHABLE, FakeVenue


class Slow(FakeVenue):
    """A snapshot is asked for at once and answered when `answered` is set."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.answered = asyncio.Event()

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        found = await super().depth_snapshot(symbol, limit)
        await self.answered.wait()
        return found


@asynccontextmanager
async def queue(clock: ManualClock, *usable: bool) -> AsyncIterator[tuple[ResyncQueue, Slow]]:
    """It runs, and these are what becomes of the snapshots, one after the other."""
    venue, outcomes = Slow(clock), list(usable)
    resync = ResyncQueue(venue, clock, random.Random(1), lambda level, text: None)
    running = asyncio.create_task(resync.run(lambda snapshot: outcomes.pop(0)))
    yield resync, venue
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()


async def test_what_is_under_way_is_not_fetched_beside_itself() -> None:
    clock = ManualClock()
    async with queue(clock, True, True) as (resync, venue):
        for _ in range(5):
            resync.want(SYMBOL)
            await clock.run_for(1)
        assert (venue.snapshots, resync.waiting) == (1, 0)
        venue.answered.set()
        await clock.run_for(20)
        assert (venue.snapshots, resync.fetched) == (1, 1)
        resync.want(SYMBOL)  # its book lost sync again
        await clock.run_for(20)
        assert (venue.snapshots, resync.fetched) == (2, 2)


async def test_what_came_too_late_is_fetched_again_and_once() -> None:
    clock = ManualClock()
    async with queue(clock, False, True) as (resync, venue):
        resync.want(SYMBOL)
        await clock.run_for(1)
        resync.want(SYMBOL)
        venue.answered.set()
        await clock.run_for(60)
        assert (venue.snapshots, resync.fetched) == (2, 2)


async def test_what_the_venue_did_not_answer_is_fetched_again_and_once() -> None:
    clock = ManualClock()
    async with queue(clock, True) as (resync, venue):
        venue.failing["depth_snapshot"] = UNREACHABLE
        resync.want(SYMBOL)
        await clock.run_for(10)
        failed = venue.snapshots
        assert failed > 1
        resync.want(SYMBOL)  # while it waits for its next try
        venue.failing.clear()
        venue.answered.set()
        await clock.run_for(60)
        assert (venue.snapshots, resync.fetched) == (failed + 1, 1)
