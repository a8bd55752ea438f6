"""Fan-out to the faces: order events, fills and notices are queued and never dropped; everything else is
looked up fresh at each face's own rate, so that a slow face costs nothing and sees the latest."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from spark_tui.link.messages import Event
from spark_tui.wire.clock import NS_PER_S, Clock

MAX_QUEUED = 4_000  # events a face may be behind before it is cut off
MAX_RATE_HZ = 30.0
TOO_SLOW = "This face reads too slowly and was cut off; attach again for a fresh picture."


class Cursor(Protocol):
    """What one face has seen of the conflated data (see `feed.py`)."""

    def changes(self) -> list[Event]:
        """What is new since the last call."""


class Face:
    """Implements link.service.Attachment."""

    def __init__(
        self,
        hub: "Hub",
        clock: Clock,
        name: str,
        operator: str,
        rate_hz: float,
        first: tuple[Event, ...],
        cursor: Cursor,
    ) -> None:
        self.closed_because = ""  # only when this face was cut off
        self.name = name
        self.operator = operator
        self.cursor = cursor
        self._hub = hub
        self._clock = clock
        self._ended = False
        self._quiet = rate_hz <= 0
        self._period_ns = 0 if self._quiet else round(NS_PER_S / min(rate_hz, MAX_RATE_HZ))
        self._queue: deque[Event] = deque(first)
        self._wake = asyncio.Event()
        self._due_ns = clock.mono_ns() + self._period_ns

    def push(self, event: Event) -> None:
        """Queue an event that must arrive. Cuts the face off when it is too far behind."""
        if self._quiet:
            return
        if len(self._queue) >= MAX_QUEUED:
            self._hub.drop(
                self, "This face reads too slowly and was cut off; attach again for a fresh picture."
            )
            return
        self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        self._hub.drop(self)

    def end(self, why: str) -> None:
        """Called by the hub: iteration ends. `why` is empty when nobody is to blame."""
        self._ended = True
        self.closed_because = why
        self._queue.clear()
        self._wake.set()

    async def batches(self) -> AsyncIterator[tuple[Event, ...]]:
        """The snapshot first, then whatever came: queued events at once, the rest at the face's rate."""
        while not self._ended:
            events = list(self._queue)
            self._queue.clear()
            self._wake.clear()
            if not self._quiet and self._clock.mono_ns() >= self._due_ns:
                self._due_ns = self._clock.mono_ns() + self._period_ns
                events.extend(self.cursor.changes())
            if events:
                yield tuple(events)
                continue
            await self._next()

    async def _next(self) -> None:
        """Until something is queued, or the next look is due."""
        if self._queue or self._ended:
            return
        if self._quiet:
            await self._wake.wait()
            return
        wait_s = max(0.0, (self._due_ns - self._clock.mono_ns()) / NS_PER_S)
        timer = asyncio.get_running_loop().call_later(wait_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()


class Hub:
    """All faces of this engine."""

    def __init__(self, clock: Clock) -> None:
        self.cut_off = 0
        self._clock = clock
        self._faces: dict[Face, None] = {}

    @property
    def faces(self) -> int:
        return len(self._faces)

    def attach(
        self,
        name: str,
        operator: str,
        rate_hz: float,
        first: Callable[[], tuple[Event, ...]],
        cursor: Cursor,
    ) -> Face:
        """A new face; its snapshot is taken now, so that no event falls between it and the queue."""
        face = Face(self, self._clock, name, operator, rate_hz, first() if rate_hz > 0 else (), cursor)
        self._faces[face] = None
        return face

    def publish(self, event: Event) -> None:
        for face in list(self._faces):
            face.push(event)

    def drop(self, face: Face, why: str = "") -> None:
        """End one face's iteration. `why` is said to a face that is cut off."""
        if face in self._faces:
            del self._faces[face]
            self.cut_off += bool(why)
            face.end(why)

    def close(self) -> None:
        """The engine stops: every iteration ends."""
        for face in list(self._faces):
            self.drop(face)
