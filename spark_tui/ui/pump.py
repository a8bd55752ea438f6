"""The beat that turns what is known into what is shown: five times a second, latest wins.

Events only store; the pump looks at which topics changed and lets the panes that show them pull. It is
self-clocked (the next beat is planned after this one was painted), skips while the terminal is behind, and is
quiet while a dialog is open. Tests call `pump_once`; the application runs `run`.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from spark_tui.ui.model import Model, Topic

URGENT = frozenset({Topic.LOOK})  # another instrument: the old one's name and prices must go at once
MAX_QUEUED = 2  # writes waiting for the terminal; above this a beat is skipped


class Pulls(Protocol):
    """A pane, as the pump sees it."""

    topics: frozenset[Topic]
    every_s: float  # at least this long between two pulls; 0 = every beat
    restless: bool  # wants every beat, whatever changed: a countdown runs, a bright digit must dim again

    def pull(self) -> None: ...


class Pump:
    """`panes` gives the panes to feed now (none behind a dialog); `queued` the driver's backlog; `painted`
    resolves once the frame is out."""

    def __init__(
        self,
        model: Model,
        *,
        panes: Callable[[], Iterable[Pulls]],
        queued: Callable[[], int],
        painted: Callable[[], "asyncio.Future[None]"],
        interval_s: float = 0.2,
    ) -> None:
        self.model = model
        self.interval_s = interval_s
        self.beats = 0
        self.skipped = 0
        self.frame_ms = 0.0
        self._panes = panes
        self._queued = queued
        self._painted = painted
        self._pulled_s: dict[Pulls, float] = {}  # pane -> when it was last pulled, for panes with `every_s`
        self._late: set[Pulls] = set()
        self._second = -1
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Beat now: an order event or an answer to a key must not wait for the next beat."""
        self._nudge.set()

    async def pump_once(self) -> bool:
        """One beat. False when it was skipped because the terminal is behind; nothing is lost then."""
        if self._queued() > MAX_QUEUED:
            self.skipped += 1
            return False
        now = self.model.clock.mono_s()
        if int(now) != self._second:
            self._second = int(now)
            self.model.dirty.add(Topic.SECOND)
        panes = list(self._panes())
        if not panes:
            return True  # topics stay dirty until somebody looks
        topics = self.model.take_dirty()
        self._forget_others(panes)
        for pane in panes:
            if not (pane.topics & topics or pane.restless or pane in self._late):
                continue
            early = now - self._pulled_s.get(pane, -pane.every_s) < pane.every_s
            if early and not pane.topics & topics & URGENT:
                self._late.add(pane)
                continue
            self._late.discard(pane)
            if pane.every_s:
                self._pulled_s[pane] = now
            pane.pull()
        await self._painted()
        self.frame_ms = (self.model.clock.mono_s() - now) * 1_000
        self.beats += 1
        return True

    def _forget_others(self, panes: list[Pulls]) -> None:
        """Panes of a screen that was left; it pulls everything itself when it is shown again."""
        self._late.intersection_update(panes)
        if len(self._pulled_s) > len(panes):
            self._pulled_s = {pane: at for pane, at in self._pulled_s.items() if pane in panes}

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._nudge.clear()
            await self.pump_once()
            try:
                await asyncio.wait_for(self._nudge.wait(), self.interval_s)
            except TimeoutError:
                continue
