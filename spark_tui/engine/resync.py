"""One queue for every depth snapshot of a venue, so that a storm of gaps cannot spend the request budget
(F30)."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable

from spark_tui.domain.market import DepthSnapshot
from spark_tui.engine.supervise import Notify
from spark_tui.venues.port import Venue, VenueError
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_S, Clock

SHARE = 0.6  # of the weight budget that snapshots may see used; the rest is for orders and queries
WORKERS = 3
_CALM_NS = 60 * NS_PER_S  # a symbol in sync for so long starts over with the fast retry


class ResyncQueue:
    """`want` from the hot path, `run` as a service. `apply` answers False for a snapshot that came too
    late."""

    def __init__(self, venue: Venue, clock: Clock, rng: random.Random, notify: Notify) -> None:
        self.fetched = 0
        self._venue = venue
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[str] = set()
        self._backoff: dict[str, Backoff] = {}
        self._last_ns: dict[str, int] = {}
        self._wake = asyncio.Event()

    def want(self, symbol: str) -> None:
        """Ask for a snapshot of `symbol`; asking twice is asking once, also of one that is under way: what
        comes too late is fetched again anyway."""
        if symbol not in self._under_way:
            self._waiting.setdefault(symbol)
            self._wake.set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def run(self, apply: Callable[[DepthSnapshot], bool]) -> None:
        """Fetch what is wanted until cancelled, a few at a time."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work(apply))

    async def _work(self, apply: Callable[[DepthSnapshot], bool]) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            symbol, _ = self._waiting.popitem(last=False)
            self._under_way.add(symbol)
            used = False
            try:
                used = await self._fetch(symbol, apply)
            finally:  # where this worker ends, the wish does not: the book asks only once
                self._under_way.discard(symbol)
                if not used:
                    self.want(symbol)

    async def _fetch(self, symbol: str, apply: Callable[[DepthSnapshot], bool]) -> bool:
        """Whether there is a snapshot that came in time."""
        try:
            await self._pace(symbol)
            snapshot = await self._venue.depth_snapshot(symbol)
        except VenueError as error:
            self._notify("warn", f"The book of {symbol} waits for a snapshot: {error.text}")
            return False
        self.fetched += 1
        return apply(snapshot)

    async def _pace(self, symbol: str) -> None:
        """The first snapshot at once; one that is wanted again and again later and later."""
        now = self._clock.mono_ns()
        last = self._last_ns.get(symbol)
        backoff = self._backoff.setdefault(symbol, Backoff(self._rng))
        if last is not None and now - last > _CALM_NS:
            backoff.reset()
        elif last is not None:
            await self._clock.sleep(backoff.next())
        self._last_ns[symbol] = self._clock.mono_ns()
        while (gauge := self._venue.weight()).limit and gauge.used > SHARE * gauge.limit:
            await self._clock.sleep(1.0)
