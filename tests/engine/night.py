"""Sleeping markets of the real simulator behind the real adapter, on a clock moved by hand."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from spark_tui.domain.book import Depth, Quote
from spark_tui.domain.market import Level
from spark_tui.engine.book_proof import BookProof
from spark_tui.engine.market import Market
from spark_tui.engine.resync import ResyncQueue
from spark_tui.simulator import streams
from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.market import Market as Exchange
from spark_tui.simulator.matching import CROWD, Resting
from spark_tui.simulator.server import Server
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.symbols import describe, from_info
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.wire.clock import ManualClock
from spark_tui.wire.http import HttpReply

LEVELS = 20
_TURNS = 12


def names(count: int) -> tuple[str, ...]:
    return tuple(f"S{number:02}USDT" for number in range(count))


class Night:
    """`live` moves the time; tickers speak now and then, and nothing else."""

    def __init__(self, count: int) -> None:
        self.clock = ManualClock()
        self.simulation = Simulation(wall_ns=self.clock.wall_ns)
        self.symbols = names(count)
        self.markets: dict[str, Exchange] = {}
        self.most_weight = 0
        self.flickers: list[tuple[str, str]] = []
        self._ids = 0
        self._on_the_wire = 0
        for number, name in enumerate(self.symbols):
            self._list(name, number)

    def _list(self, name: str, number: int) -> None:
        entry = describe(
            name, name[:3], "USDT", tick="0.01", max_price="1000000", step="0.00001", max_quantity="9000",
            max_market_quantity="83", min_notional="5", max_notional="9000000",
        )  # fmt: skip
        market = Exchange(
            from_info(entry), self.simulation.publisher, update_id=1_000 * number + 50, trade_id=5, agg_id=5
        )
        self.simulation.add_market(market)
        self.markets[name] = market
        market.last_price = 1_000 * SCALE
        for step in range(1, LEVELS + 1):
            self.quote(name, 1_000 - step)
            self.quote(name, 1_000 + step)

    def quote(self, name: str, price: int, quantity: int = 3) -> None:
        """Somebody places an order in that book; below 1000 it is a bid."""
        self._ids -= 1
        self.markets[name].book.add(
            Resting(
                id=self._ids, owner=CROWD, buy=price < 1_000, price=price * SCALE, leaves=quantity * SCALE
            )
        )

    async def open(self, base_url: str) -> None:
        found = await discover(base_url)
        self.venue = BinanceSpot(found.endpoints, None, clock=self.clock, rng=random.Random(1))
        self._count_calls()
        rng = random.Random(2)
        self.resync = ResyncQueue(self.venue, self.clock, rng, lambda level, text: None)
        self.market = Market(self.venue.name, self.symbols, self.clock, self.resync, max_age_s=5.0)
        self.proof = BookProof(self.venue, self.market, self.resync, self.clock)

    def _count_calls(self) -> None:
        """Time stands still until the answers to the calls on the wire came."""
        http = self.venue._http
        once = http._once

        async def counted(call: Any) -> HttpReply:
            self._on_the_wire += 1
            try:
                return await once(call)
            finally:
                self._on_the_wire -= 1

        http._once = counted  # type: ignore[method-assign]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self.venue.run_streams(
                    self.symbols, self.market.on_event, lambda event, ns: None, lambda name, ns, raw: None
                )
            )
            group.create_task(self.resync.run(self.market.on_snapshot))
            group.create_task(self.proof.run())

    def true_levels(self, symbol: str) -> tuple[list[Level], list[Level]]:
        """The venue's own book, best first."""
        book = self.markets[symbol].book
        return _floats(book.levels(bids=True, limit=100)), _floats(book.levels(bids=False, limit=100))

    def levels(self, symbol: str) -> tuple[list[Level], list[Level]] | None:
        """Ours, where it is a price."""
        depth = self.market.depth(symbol, 100)
        return (depth.bids, depth.asks) if isinstance(depth, Depth) else None

    def usable(self, symbol: str) -> bool:
        return isinstance(self.market.quote(symbol), Quote)

    def unusable(self) -> list[str]:
        return [symbol for symbol in self.symbols if not self.usable(symbol)]

    async def live(self, seconds: float, *, awake: bool = False) -> None:
        """`awake`: who is no price meanwhile counts as a flicker."""
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            now_ms = self.simulation.clock.now_ms()
            self.simulation.faults.tick(now_ms)
            self.simulation.publisher.fast(now_ms)
            if now_ms % 5_000 < 500:
                self.simulation.publisher.slow(now_ms)
            await self.settle()
            self.most_weight = max(self.most_weight, self.venue.weight().used)
            if awake:
                for symbol in self.unusable():
                    self.flickers.append((symbol, str(self.market.quote(symbol))))

    async def settle(self) -> None:
        """What is on its way between venue and engine arrives."""
        heard = -1
        async with asyncio.timeout(20):
            while self._on_the_wire or heard != self.market.events:
                heard = self.market.events
                for _ in range(_TURNS):
                    await asyncio.sleep(0)


def _floats(levels: Iterable[tuple[int, int]]) -> list[Level]:
    return [(price / SCALE, quantity / SCALE) for price, quantity in levels]


@contextlib.asynccontextmanager
async def night(count: int) -> AsyncIterator[Night]:
    """Every book was loaded and proved once."""
    it = Night(count)
    # pings come by the moved clock, and the server counts them by its own: too many, it would say
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(streams, "_MESSAGES_PER_S", 100_000)
    key, secret = it.simulation.issue_hmac_key()
    server = Server(it.simulation, api_key=key, api_secret=secret)
    await server.start()
    await it.open(server.base_url)
    running = asyncio.create_task(it.run())
    try:
        async with asyncio.timeout(30):
            while it.unusable():
                assert not running.done(), running.exception()
                await it.live(0.5)
        yield it
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await it.venue.close()
        await server.stop()
        monkeypatch.undo()
