"""Socket to book and tape: the shipped engine's own ingest, in a process of its own, fed over a real
WebSocket.

Run: python -m benchmarks.feed_bench [--frames 200000] [--paced 1000,5000,20000] [--seconds 10]

CPU is user and system time of the receiving process alone, divided by frames. "whole engine" has book, tape
(SQLite WAL FULL), candles, spark lines, stream clocks and a /metrics scrape each second. "floor" receives and
decodes the same frames and keeps nothing; "plain client" is what one would write in an afternoon: json.loads,
a dict of Decimals a side, no tape. Event to durable is from a frame's receipt to the return of the commit
that holds it, each frame counted as old as the oldest of its commit.
"""

import argparse
import asyncio
import json
import logging
import random
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import uvloop
import websockets

from benchmarks.hosting import Fed, background, freeze, hosted, watched_commits
from benchmarks.processes import measured, sender, settle
from benchmarks.table import cpu_seconds, machine, percentiles, show
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, MarketEvent
from spark_tui.venues.binance.spot.codec_market import decode_frame
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.wire.clock import SystemClock

Receiver = Callable[[str, int], Coroutine[Any, Any, dict[str, float]]]
NO_REST = "http://127.0.0.1:1"
NO_WS_API = "ws://127.0.0.1:1/ws-api/v3"
QUIET_S = 10.0  # without a frame: the rest was lost
DURABLE = ("durable_p50", "durable_p95", "durable_p99")
COLUMNS = (
    "receiver",
    "kind",
    "offered/s",
    "frames",
    "lost",
    "frames/s",
    "CPU us/frame",
    "RSS MB",
    "durable P50 ms",
    "P95",
    "P99",
)


class FeedOnly(Fed):
    """The shipped adapter with its REST side answered here: only the market connection is measured."""

    async def start(self) -> None:
        return

    async def instruments(self) -> tuple[Instrument, ...]:
        return ()

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]:
        return ()


async def whole_engine(url: str, count: int) -> dict[str, float]:
    """The engine as composed by its process, with one venue that is fed by the sender."""
    clock, rng = SystemClock(), random.Random(1)
    venue = FeedOnly(Endpoints(NO_REST, url, NO_WS_API), None, clock=clock, rng=rng)
    logging.getLogger("spark_tui").setLevel(logging.ERROR)  # that this venue lists nothing is on purpose
    with watched_commits() as commits:
        async with hosted(venue, clock, rng) as host:
            freeze()
            market, tape = host.market, host.tape
            found = await _until(lambda: market.events, count)
            while tape.stats().queue:  # noqa: ASYNC110 - the tape's thread tells nobody
                await asyncio.sleep(0.01)
            rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        for one in market.symbols.values():
            if one.book.resyncs or (one.depth_version and not one.book.live):
                print(f"the book is not in sync: {one.book.resyncs} resyncs", file=sys.stderr)
    lost = count - market.events + tape.stats().dropped
    _, *durable, _ = percentiles(commits.lags_ms())
    return {**found, "lost": lost, "rss_mb": rss_mb, **dict(zip(DURABLE, durable, strict=True))}


async def floor(url: str, count: int) -> dict[str, float]:
    """Receive and decode, nothing else: what no engine can go below with these libraries."""

    def handle(raw: bytes) -> MarketEvent | object:
        return decode_frame(raw)

    return await _bare(url, count, handle)


async def plain_client(url: str, count: int) -> dict[str, float]:
    """json.loads and a Decimal book: the afternoon's client."""
    book: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}

    def handle(raw: bytes) -> object:
        data = json.loads(raw)["data"]
        if data.get("e") != "depthUpdate":
            return data
        for side in ("b", "a"):
            for price, quantity in data[side]:
                amount = Decimal(quantity)
                if amount:
                    book[side][Decimal(price)] = amount
                else:
                    book[side].pop(Decimal(price), None)
        return max(book["b"], default=None), min(book["a"], default=None)

    return await _bare(url, count, handle)


RECEIVERS: dict[str, Receiver] = {"whole engine": whole_engine, "floor": floor, "plain client": plain_client}


async def _bare(url: str, count: int, handle: Callable[[bytes], object]) -> dict[str, float]:
    seen = 0

    async def read() -> None:
        nonlocal seen
        async with websockets.connect(f"{url}/stream", compression=None) as connection:
            await connection.send('{"method":"SUBSCRIBE","params":[],"id":1}')
            await connection.recv()
            while True:
                handle(await connection.recv(decode=False))
                seen += 1

    async with background(read()):
        found = await _until(lambda: seen, count)
    absent = dict.fromkeys(("rss_mb", *DURABLE), float("nan"))
    return {**found, "lost": count - seen, **absent}


async def _until(seen: Callable[[], int], count: int) -> dict[str, float]:
    """Wait for the first frame, then for all of them (or until they cease to come)."""
    while not seen():  # noqa: ASYNC110 - looking costs the measured process less than being told
        await asyncio.sleep(0.001)
    began, cpu, at_start = time.perf_counter(), cpu_seconds(), seen()
    last, quiet = at_start, 0.0
    while seen() < count and quiet < QUIET_S:
        await asyncio.sleep(0.02)
        quiet = 0.0 if seen() != last else quiet + 0.02
        last = seen()
    frames = max(seen() - at_start, 1)
    return {
        "frames": seen(),
        "rate": frames / (time.perf_counter() - began),
        "cpu_us": (cpu_seconds() - cpu) / frames * 1e6,
    }


def measure(receiver: str, kind: str, count: int, rate: float) -> dict[str, float]:
    """One sender process, one receiver process; what the receiver measured of itself."""
    settle()
    with sender(count, rate, kind) as url:
        found: dict[str, float] = measured(["benchmarks.feed_bench", "--receive", receiver, url, str(count)])
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each full-speed run")
    parser.add_argument("--paced", default="1000,5000,20000", help="rates of the paced runs, frames a second")
    parser.add_argument("--seconds", type=float, default=10, help="length of a paced run")
    parser.add_argument("--receive", nargs=3, metavar=("RECEIVER", "URL", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        name, url, count = options.receive
        print(json.dumps(uvloop.run(RECEIVERS[name](url, int(count)))))
        return
    print(machine())
    plans = [(name, kind, options.frames, 0.0) for kind in ("trade", "depth", "mix") for name in RECEIVERS]
    plans += [
        ("whole engine", "mix", int(rate * options.seconds), rate)
        for rate in map(float, options.paced.split(","))
    ]
    rows = []
    for name, kind, count, rate in plans:
        got = measure(name, kind, count, rate)
        offered = f"{rate:.0f}" if rate else "full speed"
        counts = (int(got["frames"]), int(got["lost"]), round(got["rate"]))
        durable = (got[key] for key in DURABLE)
        rows.append((name, kind, offered, *counts, got["cpu_us"], got["rss_mb"], *durable))
    show("Socket to book and tape", COLUMNS, rows)


if __name__ == "__main__":
    main()
