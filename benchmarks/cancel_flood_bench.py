"""How long a cancel waits while data requests use up the request budget, against the simulator's process.

Run: python -m benchmarks.cancel_flood_bench [--cancels 250]

The shipped adapter asks for depth snapshots without end from many tasks. "bursting" is while they still get
through (8 at a time, decoded in this process), "used up" while all of them wait for the next minute because
their share of the budget is spent. Between them cancels leave one after the other. They name orders that do
not exist, the dearest kind: the venue answers -2011 and charges them. "to socket" ends when the frame was
handed to the operating system; over REST that instant is not known.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import uvloop

from benchmarks.frames import SYMBOL
from benchmarks.processes import simulator
from benchmarks.table import machine, percentiles, show
from spark_tui.venues.binance.spot import verbs
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.venues.port import UserEvent, UserStreamUp, VenueError
from spark_tui.wire.clock import SystemClock

ASKERS = 200  # tasks that ask for data without end
DEPTH = 100  # levels
DEPTH_WEIGHT = 5  # of such a call
PAUSE_S = 0.01
REFILL_S = 1.0  # a minute with less left than this is not begun
WAYS = ("WebSocket API", "REST")
CONDITIONS = ("idle", "bursting", "used up")
COLUMNS = ("ms", "", "", "min", "median", "P95", "P99", "max", "cancels")


class Timing(msgspec.Struct):
    """ns from the call; `sent` None where it cannot be known."""

    condition: str
    answered: int
    sent: int | None


class Bench:
    """One adapter, its cancels and its flood."""

    def __init__(self, venue: BinanceSpot, way: str) -> None:
        self.venue = venue
        self.served = 0
        self._number = 0
        self._rest_only = way == "REST"
        self._rng = random.Random(7)

    @property
    def used_up(self) -> bool:
        """The share of data requests is spent: 80 % of the budget, less than one more of them fits."""
        limiter = self.venue._account.limiter
        return limiter.waiting > 0 and limiter.used > limiter.limit * 0.8 - DEPTH_WEIGHT

    async def cancel(self, condition: str) -> Timing:
        self._number += 1
        sent: list[int] = []
        called = time.perf_counter_ns()
        params = {"symbol": SYMBOL, "origClientOrderId": f"no-such-{self._number}"}
        try:
            await self.venue._trading._trade(
                verbs.CANCEL, params, lambda: sent.append(time.perf_counter_ns() - called)
            )
        except VenueError as error:
            if error.code != "-2011":
                raise SystemExit(f"the cancel failed: {error}") from None
        answered = time.perf_counter_ns() - called
        await asyncio.sleep(PAUSE_S * self._rng.uniform(0.5, 1.5))
        return Timing(condition, answered, None if self._rest_only else sent[0])

    async def ask(self) -> None:
        while True:
            with suppress(VenueError):  # a call that waited too long is asked again
                await self.venue.depth_snapshot(SYMBOL, DEPTH)
                self.served += 1

    @asynccontextmanager
    async def flood(self) -> AsyncIterator[None]:
        askers = [asyncio.create_task(self.ask()) for _ in range(ASKERS)]
        try:
            yield
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)


@asynccontextmanager
async def connected(venue: BinanceSpot) -> AsyncIterator[None]:
    """With its WebSocket API connection up."""
    up = asyncio.Event()

    def on_user(event: UserEvent, receipt_ns: int) -> None:
        if isinstance(event, UserStreamUp):
            up.set()

    streams = asyncio.create_task(
        venue.run_streams((SYMBOL,), lambda event, at: None, on_user, lambda name, at, raw: None)
    )
    await up.wait()
    try:
        yield
    finally:
        streams.cancel()
        await asyncio.gather(streams, return_exceptions=True)


async def measure(base: str, way: str, cancels: int) -> tuple[list[Timing], int]:
    """Timings, and how many data requests got through beside them."""
    found = await discover(base)
    venue = BinanceSpot(found.endpoints, found.credentials, clock=SystemClock(), rng=random.Random(1))
    await venue.start()
    bench = Bench(venue, way)
    timings: list[Timing] = []

    async def run() -> None:
        await asyncio.sleep(venue._account.limiter.window_left_s + REFILL_S)  # a budget nobody has used
        for _ in range(cancels):
            timings.append(await bench.cancel("idle"))
        async with bench.flood():
            while not bench.used_up:
                timings.append(await bench.cancel("bursting"))
            until = len(timings) + cancels
            while len(timings) < until:
                timings.append(await bench.cancel("used up" if bench.used_up else "bursting"))

    try:
        if way == "REST":
            await run()
        else:
            async with connected(venue):
                await run()
    finally:
        await venue.close()
    return timings, bench.served


def rows(way: str, timings: list[Timing]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for condition in CONDITIONS:
        mine = [timing for timing in timings if timing.condition == condition]
        sent = [timing.sent / 1e6 for timing in mine if timing.sent is not None]
        if sent:
            found.append((way, condition, "to socket", *percentiles(sent), len(sent)))
        answered = [timing.answered / 1e6 for timing in mine]
        found.append((way, condition, "to answer", *percentiles(answered), len(answered)))
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cancels", type=int, default=250, help="of each condition")
    options = parser.parse_args(arguments)
    if not 1 <= options.cancels <= 400:
        parser.error("--cancels: 1 to 400; the budget's reserve has to last")
    print(machine())
    table: list[tuple[object, ...]] = []
    for way in WAYS:
        with simulator("--seed", "1") as info:
            timings, served = uvloop.run(measure(info["base_url"], way, options.cancels))
        table += rows(way, timings)
        print(f"{way}: {served} data requests got through, {ASKERS} more waited at the end")
    show("a cancel under flood", COLUMNS, table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
