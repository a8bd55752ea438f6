"""What happened on the paper account, said to whoever listens when a real venue's word would have come."""

import asyncio

from spark_tui.venues.paper.latency import Latency
from spark_tui.venues.port import UserEvent, UserSink
from spark_tui.wire.clock import NS_PER_S, Clock


class News:
    """While nobody listens nothing is kept: whoever comes asks."""

    def __init__(self, clock: Clock, latency: Latency) -> None:
        self._clock = clock
        self._latency = latency
        self._heard: asyncio.Queue[tuple[int, UserEvent]] | None = None

    @property
    def flows(self) -> bool:
        return self._heard is not None

    def begin(self) -> None:
        """From here on events are kept for `tell`."""
        self._heard = asyncio.Queue()

    def end(self) -> None:
        self._heard = None

    def take(self, events: list[UserEvent]) -> None:
        """They are due after the way back, in their order."""
        if self._heard is None:
            return
        due_ns = self._clock.mono_ns() + round(self._latency.draw_s() * NS_PER_S)
        for event in events:
            self._heard.put_nowait((due_ns, event))

    async def tell(self, on_user: UserSink) -> None:
        """Runs until it is cancelled."""
        assert self._heard is not None  # begun
        heard = self._heard
        while True:
            due_ns, event = await heard.get()
            wait_ns = due_ns - self._clock.mono_ns()
            if wait_ns > 0:
                await self._clock.sleep(wait_ns / NS_PER_S)
            on_user(event, self._clock.wall_ns())
