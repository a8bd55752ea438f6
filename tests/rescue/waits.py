"""What a test holds of a kill that waits on a clock which only the test moves."""

import asyncio
from typing import Any

from spark_tui.wire.clock import ManualClock


async def only_waits(clock: ManualClock, task: "asyncio.Task[Any]", seconds: float) -> None:
    """Until `task` does nothing but wait: it is for so long, no more and no less."""
    asleep = asyncio.ensure_future(clock.asleep(3_600))
    await asyncio.wait({asleep, task}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    asleep.cancel()
    assert not task.done(), f"it waits for nothing: {task.result()}"
    assert clock.sleeping() == [seconds], f"it waits {clock.sleeping()}, not {seconds:g} s"
