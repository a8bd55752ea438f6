"""A kill that can tell nobody: what it says fails, as on a full disk, and it does its work all the same."""

import asyncio
import errno
import os
from pathlib import Path

from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.venues.kill_plan import LastOrders
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import FakeVenue
from tests.rescue.test_rescue import PLAN
from tests.rescue.test_rescue import venue as venue
from tests.rescue.waits import only_waits


def unheard(text: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def ended(clock: ManualClock, task: "asyncio.Task[Outcome]") -> Outcome:
    while not task.done():
        asleep = asyncio.ensure_future(clock.asleep(3_600))
        await asyncio.wait({asleep, task}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        asleep.cancel()
        if not task.done():
            await clock.run_for(max(clock.sleeping()))
    return task.result()


async def test_a_ban_that_cannot_be_told_is_waited_for(tmp_path: Path, venue: FakeVenue) -> None:
    venue.clock = clock = ManualClock()
    banned = VenueError(Reaction.BANNED, "-1003", "Banned.", retry_after_s=5)
    venue.failing = {"cancel_all": banned, "open_orders": banned}
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm", say=unheard)
    killing = asyncio.create_task(rescue.kill(PLAN, flatten=False))
    await only_waits(clock, killing, 5)
    venue.failing = {}

    outcome = await ended(clock, killing)

    assert outcome.confirmed
    assert outcome.canceled == ("web-1",)


async def test_a_ledger_that_cannot_be_read_nor_that_be_told_is_waited_out(
    tmp_path: Path, venue: FakeVenue
) -> None:
    def unread() -> LastOrders:
        raise ValueError("unreadable")

    venue.clock = clock = ManualClock()
    venue.plan.append("fill")
    rescue = Rescue(tmp_path, clock, operator="me", reason="storm", say=unheard, last_orders=unread)

    outcome = await ended(clock, asyncio.create_task(rescue.kill(PLAN, flatten=True)))

    assert outcome.confirmed
    assert len(outcome.flattened) == 1
