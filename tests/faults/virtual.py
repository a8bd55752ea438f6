"""An event loop whose own timers run on the world's clock too: no seeded test waits in real time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from spark_tui.wire.clock import NS_PER_S, Clock

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """`clock` is set by the world that starts in it; whoever moves that clock never stops yielding."""

    clock: Clock | None = None

    def time(self) -> float:
        return super().time() if self.clock is None else self.clock.mono_ns() / NS_PER_S

    @property
    def quiet(self) -> bool:
        """Nobody but who asks has anything to do before the clock moves."""
        return not self._ready and not (self._scheduled and self._scheduled[0]._when <= self.time() + 0.001)


def stage() -> asyncio.Runner:
    """Where a world is played, step by step."""
    return asyncio.Runner(loop_factory=VirtualLoop)


def play(story: Coroutine[Any, Any, T]) -> T:
    """All of it at once."""
    with stage() as runner:
        return runner.run(story)
