"""Balances that contradict each other are not left standing until the next comparison: the whole is
asked for."""

import asyncio
import random

from spark_tui.engine.portfolio import Portfolio
from spark_tui.venues.port import BalancesReport, Venue, VenueError
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock

AHEAD_MS = 1_000  # a stamp so far ahead of the venue's clock was made before that clock stepped back
AGAIN_S = 3.0  # between two questions: a copy that lags has caught up by then


class BalanceWatch:
    """One venue's. `take` every report; `run` is a service."""

    def __init__(self, venue: Venue, portfolio: Portfolio, clock: Clock, rng: random.Random) -> None:
        self._venue = venue
        self._portfolio = portfolio
        self._clock = clock
        self._rng = rng
        self._suspicious = asyncio.Event()

    def take(self, report: BalancesReport) -> None:
        ahead = report.time_ms - self._venue.server_time_ms() > AHEAD_MS
        if self._portfolio.on_balances(report) or ahead:
            self._suspicious.set()

    async def run(self) -> None:
        """Ask while there is something to suspect; what a whole answer says twice is taken."""
        backoff = Backoff(self._rng)
        while True:
            await self._suspicious.wait()
            self._suspicious.clear()
            try:
                self.take(await self._venue.balances())
            except VenueError:
                self._suspicious.set()
                await self._clock.sleep(backoff.next())
                continue
            backoff.reset()
            await self._clock.sleep(AGAIN_S)
