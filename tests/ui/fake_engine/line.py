"""The line to the scripted engine: events wait in a queue until the cockpit takes them."""

import asyncio
from collections.abc import AsyncIterator

from spark_tui.link.messages import Event
from spark_tui.link.service import LinkError


class FakeLine:
    def __init__(self) -> None:
        self.lost = False
        self.gate = asyncio.Event()
        self.gate.set()
        self._queue: asyncio.Queue[tuple[Event, ...] | None] = asyncio.Queue()
        self._back = asyncio.Event()

    def snapshot(self) -> tuple[Event, ...]:
        raise NotImplementedError

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        await self._attach_again()
        yield self.snapshot()
        while True:
            batch = await self._queue.get()
            if batch is None:
                raise LinkError("ENGINE_GONE", "The engine's line was lost.")
            yield batch

    async def _attach_again(self) -> None:
        while self.lost:
            self._back.clear()
            await self._back.wait()

    def push(self, *events: Event) -> None:
        self._queue.put_nowait(events)

    def lose(self) -> None:
        self.lost = True
        self._queue.put_nowait(None)

    def restore(self) -> None:
        self.lost = False
        self._back.set()

    def forget_events(self) -> None:
        """What happened before the cockpit looked."""
        while not self._queue.empty():
            self._queue.get_nowait()
