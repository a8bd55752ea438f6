"""The engine as its process composes it, in this process, fed by `benchmarks.sender`."""

import asyncio
import contextlib
import gc
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import msgspec

from benchmarks.frames import SYMBOL, snapshot
from spark_tui.domain.market import DepthSnapshot
from spark_tui.engine.engine import Engine
from spark_tui.engine.market import Market
from spark_tui.engine.measure import MeasuredService, checkpoint, sample
from spark_tui.engine.options import EngineSettings
from spark_tui.store.ledger import Ledger
from spark_tui.store.segment import Chunk, Segment
from spark_tui.store.tape import Tape, TapeSettings
from spark_tui.telemetry.metrics import Metrics
from spark_tui.telemetry.server import HOST, TelemetryServer
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.codec_market import decode_depth_snapshot
from spark_tui.wire.clock import SystemClock

SCRAPE_S = 1.0


class Fed(BinanceSpot):
    """The shipped adapter; its depth snapshot is the book just before the sender's first frame."""

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        return decode_depth_snapshot(msgspec.json.encode(snapshot()), symbol)


class Hosted(msgspec.Struct, kw_only=True):
    engine: Engine
    service: MeasuredService
    tape: Tape
    market: Market


@contextlib.asynccontextmanager
async def hosted(
    venue: BinanceSpot,
    clock: SystemClock,
    rng: random.Random,
    on_checkpoint: Callable[[str], None] = lambda name: None,
) -> AsyncIterator[Hosted]:
    """A running engine with ledger, tape, metrics and a scrape of them each second; data is thrown away."""
    metrics = Metrics()
    timed = checkpoint(metrics)

    def reached(name: str) -> None:
        timed(name)
        on_checkpoint(name)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as closing:
        ledger = Ledger.open(Path(folder) / "ledger.sqlite", clock.wall_ns)
        closing.callback(ledger.close)
        tape = Tape.open(
            Path(folder) / "tape", settings=TapeSettings(), clock_ns=clock.wall_ns, on_notice=_say
        )
        closing.callback(tape.close)
        settings = EngineSettings(symbols={venue.name: (SYMBOL,)})
        engine = Engine((venue,), ledger, tape, settings, clock, reached, rng=rng)
        telemetry = TelemetryServer(metrics)
        telemetry.sample = lambda: sample(engine, 0)
        await telemetry.start(0)
        async with background(engine.run()) as life, background(_scrape(telemetry.port)):
            yield Hosted(
                engine=engine,
                service=MeasuredService(engine, metrics),
                tape=tape,
                market=engine.markets[venue.name],
            )
            await engine.stop()
            await life
        await telemetry.close()


def freeze() -> None:
    """As the engine's process does once it serves."""
    gc.collect()
    gc.freeze()


@contextlib.asynccontextmanager
async def background(work: Awaitable[object]) -> AsyncIterator["asyncio.Future[object]"]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


def _say(text: str) -> None:
    print(text, file=sys.stderr)


async def _scrape(port: int) -> None:
    while True:
        await asyncio.sleep(SCRAPE_S)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.read(-1)
        writer.close()


class Commits(msgspec.Struct):
    """What the tape made durable: (oldest receipt, end of the commit, frames) of every commit."""

    rows: list[tuple[int, int, int]] = []

    def lags_ms(self) -> list[float]:
        """One a frame. Each frame counts as old as the oldest of its commit: never better than the truth."""
        return [(done - first) / 1e6 for first, done, frames in self.rows for _ in range(frames)]


@contextlib.contextmanager
def watched_commits() -> Iterator[Commits]:
    """The shipped tape, only watched."""
    commits = Commits()
    plain = Segment.append

    def observed(segment: Segment, chunk: Chunk) -> None:
        plain(segment, chunk)
        commits.rows.append((chunk.first_ns, time.time_ns(), chunk.frames))

    with patch.object(Segment, "append", observed):
        yield commits
