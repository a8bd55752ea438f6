"""Socket to book and tape: the shipped engine's own ingest, in a process of its own, fed over a real WebSocket.

Run: python -m benchmarks.feed_bench [--frames 200000] [--paced 1000,5000,20000] [--seconds 10]

CPU is user and system time of the receiving process alone, divided by frames. "whole engine" has book, tape
(SQLite WAL FULL), candles, spark lines, stream clocks and a /metrics scrape each second. "floor" receives and
decodes the same frames and keeps nothing; "plain client" is what one would write in an afternoon: json.loads,
a dict of Decimals a side, no tape.
"""

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import uvloop
import websockets

from benchmarks.frames import SYMBOL, snapshot
from benchmarks.table import cpu_seconds, machine, show
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, DepthSnapshot, MarketEvent
from spark_tui.engine.engine import Engine
from spark_tui.engine.measure import sample
from spark_tui.engine.options import EngineSettings
from spark_tui.store.ledger import Ledger
from spark_tui.store.tape import Tape, TapeSettings
from spark_tui.telemetry.metrics import Metrics
from spark_tui.telemetry.server import TelemetryServer
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.codec_market import decode_depth_snapshot, decode_frame

from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.wire.clock import SystemClock

Receiver = Callable[[str, int], Awaitable[dict[str, float]]]
COLUMNS = (
    "receiver",
    "kind",
    "offered/s",
    "frames",
    "lost",
    "frames/s",
    "CPU us/frame",
    "RSS MB",
    "event to durable P95 ms",
)


class FeedOnly(BinanceSpot):
    """The shipped adapter with its REST side answered here: only the market connection is measured."""

    async def start(self) -> None:
        return

    async def instruments(self) -> tuple[Instrument, ...]:
        return ()

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]:
        return ()

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        return decode_depth_snapshot(json.dumps(snapshot()).encode(), symbol)


async def whole_engine(url: str, count: int) -> dict[str, float]:
    """The engine as composed by its process, with one venue that is fed by the sender."""
    clock, rng = SystemClock(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "ledger.sqlite", clock.wall_ns)
        tape = Tape.open(
            Path(folder) / "tape", settings=TapeSettings(), clock_ns=clock.wall_ns, on_notice=print
        )
        venue = FeedOnly(
            Endpoints("http://127.0.0.1:1", url, "ws://127.0.0.1:1/ws-api/v3"), None, clock=clock, rng=rng
        )
        settings = EngineSettings(symbols={venue.name: (SYMBOL,)})
        engine = Engine((venue,), ledger, tape, settings, clock, rng=rng)
        telemetry = TelemetryServer(Metrics())
        telemetry.sample = lambda: sample(engine, 0)
        await telemetry.start(0)
        market = engine.markets[venue.name]
        async with _running(engine.run()):
            measured = await _until(lambda: market.events, count)
            while tape.stats().queue:
                await asyncio.sleep(0.01)
            await engine.stop()
        stats = tape.stats()
        book = market.symbols[SYMBOL].book
        if not book.live or book.resyncs:
            print(f"the book is not in sync: {book.resyncs} resyncs", file=sys.stderr)
        measured["lost"] = count - market.events + stats.dropped
        measured["durable_ms"] = engine.condition.health().tape_lag_ms
        measured["rss_mb"] = engine.condition.health().rss_bytes / 1e6
        tape.close()
        ledger.close()
        await telemetry.close()
        return measured


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

    async with _running(read()):
        measured = await _until(lambda: seen, count)
    return {**measured, "lost": count - seen, "rss_mb": float("nan"), "durable_ms": float("nan")}


@contextlib.asynccontextmanager
async def _running(work: Awaitable[object]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _until(seen: Callable[[], int], count: int) -> dict[str, float]:
    """Wait for the first frame, then for all of them (or for ten quiet seconds)."""
    while not seen():
        await asyncio.sleep(0.001)
    began, cpu, at_start = time.perf_counter(), cpu_seconds(), seen()
    last, quiet = at_start, 0.0
    while seen() < count and quiet < 10:
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
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sender", str(port_file), str(count), str(rate), kind]
        )
        try:
            while not port_file.exists() or not port_file.read_text():
                time.sleep(0.02)
            url = f"ws://127.0.0.1:{port_file.read_text()}"
            command = [sys.executable, "-m", "benchmarks.feed_bench", "--receive", receiver, url, str(count)]
            return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        finally:
            sender.terminate()
            sender.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Socket to book and tape")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each full-speed run")
    parser.add_argument("--paced", default="1000,5000,20000", help="rates of the paced runs, frames a second")
    parser.add_argument("--seconds", type=float, default=10, help="length of a paced run")
    parser.add_argument("--receive", nargs=3, metavar=("RECEIVER", "URL", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        name, url, count = options.receive
        print(json.dumps(uvloop.run(RECEIVERS[name](url, int(count)))))
        return
    plans = [(name, kind, options.frames, 0.0) for kind in ("trade", "depth", "mix") for name in RECEIVERS]
    plans += [
        ("whole engine", "mix", int(rate * options.seconds), rate)
        for rate in map(float, options.paced.split(","))
    ]
    rows = []
    for name, kind, count, rate in plans:
        got = measure(name, kind, count, rate)
        rows.append((name, kind, f"{rate:.0f}" if rate else "full speed", int(got["frames"]), int(got["lost"]),
                     round(got["rate"]), got["cpu_us"], got["rss_mb"], got["durable_ms"]))  # fmt: skip
    print(machine())
    show("Socket to book and tape", COLUMNS, rows)


if __name__ == "__main__":
    main()
