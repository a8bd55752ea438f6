"""A quiet market sends nothing (protocol 10.6), and so does a dead stream: the venue is asked which it is.

A book that stands at the very update the venue stands at is right, however long ago that update was; one that
does not goes on ageing. Asked are only books that grow old while the venue's connection lives, the longest
unasked first, and never with more than a small share of the request budget.
"""

import asyncio

from spark_tui.engine.market import Market
from spark_tui.engine.resync import ResyncQueue
from spark_tui.venues.port import Venue, VenueError
from spark_tui.wire.clock import Clock

LEVELS = 5  # the cheapest call that tells the update: weight 5 at Binance
EVERY_S = 1.0
AT_ONCE = 3  # of each second: a whole watchlist asleep costs 900 of 6000 a minute
SHARE = 0.4  # of the budget that may be used before nobody is asked


class BookProof:
    """`run` is a service."""

    def __init__(self, venue: Venue, market: Market, resync: ResyncQueue, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._resync = resync
        self._clock = clock
        self._asked_ns: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await self._clock.sleep(EVERY_S)
            if self._may_ask():
                await asyncio.gather(*(self._prove(symbol) for symbol in self._due()))

    def _may_ask(self) -> bool:
        """The streams' connection lives, and the budget is for more important things first."""
        gauge = self._venue.weight()
        spare = not gauge.limit or gauge.used <= SHARE * gauge.limit
        return spare and any(one.name == "market" and one.state == "live" for one in self._venue.health())

    def _due(self) -> list[str]:
        waiting = sorted(self._market.aging(), key=lambda symbol: self._asked_ns.get(symbol, 0))
        return waiting[:AT_ONCE]

    async def _prove(self, symbol: str) -> None:
        asked_ns = self._asked_ns[symbol] = self._clock.mono_ns()
        if self._market.symbols[symbol].book.blank:
            self._resync.want(symbol)  # not one update since the subscription: nothing else asks for it
            return
        try:
            snapshot = await self._venue.depth_snapshot(symbol, LEVELS)
        except VenueError:
            return  # it goes on ageing, and is asked about again
        self._market.confirm(symbol, snapshot.last_id, asked_ns)
