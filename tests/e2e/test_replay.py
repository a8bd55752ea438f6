"""Binance's own recording through simulator process, socket, wire, codec and book, against the recording's
bookTicker: the best bid and ask, price and size, at every applied diff.

The clean line carries the whole recording in every suite. The damaged one carries its first part there, and
all of it in the campaign.
"""

import asyncio
import contextlib
import gzip
import random
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import cycle
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.book import Quote, Sync
from spark_tui.domain.market import DepthDiff, DepthSnapshot
from spark_tui.engine.engine import Engine
from spark_tui.engine.market import Market
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.resync import ResyncQueue
from spark_tui.store.ledger import Ledger
from spark_tui.store.tape import Tape
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.wire.clock import SystemClock
from tests.e2e.processes import Desk, Simulator
from tests.e2e.proxy import line_to
from tests.shared_data import shared

SYMBOL = "BTCUSDT"
KNOWN_MISSES = {50093478174, 50093480542}  # Binance never sent these tickers (README of the recording)
Top = tuple[float, float, float, float]
PATIENCE_S = 60.0


def recording(*names: str) -> list[Path]:
    return [shared("data", "hftbacktest-binance", name) for name in names]


def first_part() -> list[Path]:
    return recording("spot_btcusdt_20240808.gz")


def whole() -> list[Path]:
    return recording("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")


# --- the oracle: read from the files with nothing of ours


class _Data(msgspec.Struct):
    u: int
    b: msgspec.Raw
    B: str = ""
    a: msgspec.Raw = msgspec.Raw(b"")
    A: str = ""


class _Line(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class Oracle:
    """What Binance said the top was."""

    def __init__(self, paths: list[Path]) -> None:
        self.diffs: list[int] = []  # last update ids, in order
        self._ids: list[int] = []
        self._tops: list[Top] = []
        line, data = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Data)
        number = msgspec.json.Decoder(str)
        for path in paths:
            for body in _bodies(path):
                frame = line.decode(body)
                if frame.stream.endswith("@bookTicker"):
                    one = data.decode(frame.data)
                    bid, ask = number.decode(one.b), number.decode(one.a)
                    self._ids.append(one.u)
                    self._tops.append((float(bid), float(one.B), float(ask), float(one.A)))
                elif "@depth" in frame.stream:
                    self.diffs.append(data.decode(frame.data).u)

    def top_at(self, update_id: int) -> Top | None:
        """By the last ticker up to this update; None before the first."""
        at = bisect_right(self._ids, update_id) - 1
        return self._tops[at] if at >= 0 else None


def _bodies(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as lines:
        for text in lines:
            body = text.partition(b" ")[2]
            if body.startswith(b'{"stream"'):
                yield body


class Watch:
    """Looks at a market's book at every diff, also those that waited for a snapshot.

    What it finds is kept, not raised: an exception in a stream's callback only makes the engine reconnect.
    """

    def __init__(self, market: Market, oracle: Oracle) -> None:
        self.compared = 0
        self.misses: dict[int, tuple[Top, Top]] = {}
        self.readable: list[str] = []  # a price although the book was not in step, or none although it was
        self.seen = 0
        self.finished = asyncio.Event()
        self.on_outcome: Callable[[Sync], None] = lambda outcome: None
        self._market = market
        self._oracle = oracle
        self._book = market.symbols[SYMBOL].book
        self._take = self._book.on_diff
        self._book.on_diff = self._on_diff  # type: ignore[method-assign]  # the hook this test is about

    def _on_diff(self, diff: DepthDiff, now_ns: int) -> Sync:
        outcome = self._take(diff, now_ns)
        quote = self._market.quote(SYMBOL)
        self.seen += 1
        if isinstance(quote, Quote) is not (outcome is Sync.APPLIED):
            self.readable.append(f"{quote} after {outcome}")
        if isinstance(quote, Quote):
            self._compare(quote)
        self.on_outcome(outcome)
        if diff.last_id == self._oracle.diffs[-1]:
            self.finished.set()
        return outcome

    def _compare(self, quote: Quote) -> None:
        expected = self._oracle.top_at(quote.update_id)
        if expected is None:
            return
        self.compared += 1
        seen = (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity)
        if seen != expected:
            self.misses[quote.update_id] = (seen, expected)


class EarlySnapshot(BinanceSpot):
    """Its first depth snapshot is one fetched before the stream began, as when a fetch overtakes a
    subscription: so that the book is live from the recorded snapshot on and no diff goes unlooked at."""

    _early: DepthSnapshot | None = None

    async def fetch_early(self) -> None:
        self._early = await super().depth_snapshot(SYMBOL)

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        early, self._early = self._early, None
        return early or await super().depth_snapshot(symbol, limit)


def venue_of(sim: Simulator, streams_port: int = 0) -> EarlySnapshot:
    streams = f"ws://127.0.0.1:{streams_port}" if streams_port else sim.ws_url
    endpoints = Endpoints(sim.base_url, streams, sim.ws_api_url)
    key = HmacKey(sim.api_key, sim.api_secret)
    return EarlySnapshot(endpoints, key, clock=SystemClock(), rng=random.Random(1))


def theatre(desk: Desk, paths: list[Path], speed: float = 0) -> Simulator:
    return Simulator(desk, "--speed", str(speed), "--replay", *map(str, paths))


async def test_the_top_equals_the_recorded_ticker_at_every_diff(desk: Desk) -> None:
    """The whole engine: streams, books, tape, user stream, reconciliation."""
    paths = whole()
    oracle = Oracle(paths)
    sim = theatre(desk, paths)
    clock = SystemClock()
    venue = venue_of(sim)
    ledger = Ledger.open(desk.root / "ledger.sqlite", clock.wall_ns)
    tape = Tape.open(desk.root / "tape")
    settings = EngineSettings(symbols={venue.name: (SYMBOL,)}, data_badge="Replay")
    engine = Engine((venue,), ledger, tape, settings, clock, rng=random.Random(2))
    watch = Watch(engine.markets[venue.name], oracle)
    await venue.fetch_early()
    running = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await watch.finished.wait()
    finally:
        await engine.stop()
        await running
        tape.close()
        ledger.close()
    book = engine.markets[venue.name].symbols[SYMBOL].book
    assert (book.resyncs, book.gaps) == (0, 0)
    assert set(watch.misses) == KNOWN_MISSES
    # the ticker that the exchange did send next contradicts the book of those two: no price until it agrees
    assert len(watch.readable) == len(KNOWN_MISSES)
    assert all("the venue's own ticker" in said for said in watch.readable)
    assert watch.compared == 6_493 - len(watch.readable)  # and the two that the snapshot already held
    assert tape.stats().dropped == 0


# --- a bad line between exchange and book

Damage = Callable[[list[bytes]], list[bytes]]
"""What comes of two diffs in a row."""


def dropped(pair: list[bytes]) -> list[bytes]:
    return pair[1:]


def doubled(pair: list[bytes]) -> list[bytes]:
    return [pair[0], pair[0], pair[1]]


def swapped(pair: list[bytes]) -> list[bytes]:
    return pair[::-1]


def garbled(pair: list[bytes]) -> list[bytes]:
    """A byte that no JSON text holds, somewhere in the first."""
    at = len(pair[0]) * 2 // 3
    return [pair[0][:at] + b"\xff" + pair[0][at + 1 :], pair[1]]


class Saboteur:
    """Damages two diffs in a row whenever the book has been live for a while, in each of the ways in turn."""

    def __init__(self, watch: Watch, ways: tuple[Damage, ...], calm: int) -> None:
        self.done: list[str] = []
        self.unreported: list[str] = []  # damage on its way that the book has not spoken of yet
        self._ways = cycle(ways)
        self._calm = calm
        self._live_for = 0
        self._held: list[bytes] = []
        watch.on_outcome = self._seen

    def __call__(self, message: bytes) -> list[bytes]:
        if b"@depth@" not in message[:60]:
            return [message]
        if not self._held and (self._live_for < self._calm or self.unreported):
            return [message]
        self._held.append(message)
        if len(self._held) < 2:
            return []
        way = next(self._ways)
        pair, self._held = self._held, []
        self._live_for = 0
        self.done.append(way.__name__)
        self.unreported.append(way.__name__)
        return way(pair)

    def _seen(self, outcome: Sync) -> None:
        if outcome is Sync.NEED_SNAPSHOT:
            self.unreported.clear()
        self._live_for = self._live_for + 1 if outcome is Sync.APPLIED else 0


class HastyClock(SystemClock):
    """So that a second snapshot need not wait its seconds: a replay at full speed has hours in them."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.01))


class BadLine:
    """Streams and book of the engine, fed through a proxy."""

    def __init__(self, desk: Desk, paths: list[Path], *, speed: float) -> None:
        self.sim = theatre(desk, paths, speed)
        self.oracle = Oracle(paths)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with line_to(self.sim.port) as self.line:
            venue = venue_of(self.sim, self.line.port)
            resync = ResyncQueue(venue, HastyClock(), random.Random(3), lambda level, text: None)
            market = Market(venue.name, (SYMBOL,), SystemClock(), resync, max_age_s=5.0)
            self.book = market.symbols[SYMBOL].book
            self.watch = Watch(market, self.oracle)
            await venue.start()
            await venue.fetch_early()
            streams = venue.run_streams((SYMBOL,), market.on_event, lambda *_: None, lambda *_: None)
            work = [
                asyncio.create_task(resync.run(market.on_snapshot)),
                asyncio.create_task(streams),
            ]
            try:
                async with asyncio.timeout(PATIENCE_S):
                    yield
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
                await venue.close()


WAYS = (dropped, doubled, swapped, garbled)


async def damage(desk: Desk, paths: list[Path], calm: int) -> tuple[Saboteur, BadLine]:
    """One replay at full speed with damage all along it."""
    bad = BadLine(desk, paths, speed=0)
    async with bad.running():
        saboteur = Saboteur(bad.watch, WAYS, calm)
        bad.line.edit = saboteur
        await bad.watch.finished.wait()
    assert saboteur.unreported == []
    assert bad.book.resyncs >= len(saboteur.done)
    assert bad.watch.readable == []
    return saboteur, bad


async def test_on_a_bad_line_the_book_resyncs_and_its_top_is_never_wrong(desk: Desk) -> None:
    """Diffs dropped, doubled, swapped or made unreadable: each is reported before anything is read again, and
    healed by a new snapshot."""
    saboteur, bad = await damage(desk, first_part(), calm=5)
    assert {way.__name__: saboteur.done.count(way.__name__) >= 5 for way in WAYS} == dict.fromkeys(
        (way.__name__ for way in WAYS), True
    )
    assert bad.watch.misses == {}
    assert bad.watch.compared > 5 * len(saboteur.done)


async def test_a_cut_line_is_found_again_and_the_top_is_right(desk: Desk) -> None:
    bad = BadLine(desk, first_part(), speed=100)
    async with bad.running():
        in_step = asyncio.Event()
        cuts = in_a_row = 0

        def look(outcome: Sync) -> None:
            nonlocal in_a_row
            in_a_row = in_a_row + 1 if outcome is Sync.APPLIED else 0
            if in_a_row >= 10 and bad.book.resyncs == cuts:
                in_step.set()

        bad.watch.on_outcome = look
        await in_step.wait()
        while cuts < 2:
            cuts += 1
            in_step.clear()
            bad.line.cut()
            await in_step.wait()
        assert bad.line.accepted == 3
    assert bad.watch.misses == {}
    assert bad.watch.readable == []
    assert bad.watch.compared >= 30


@pytest.mark.campaign
@pytest.mark.parametrize("calm", range(1, 9))
async def test_the_whole_recording_on_a_bad_line(desk: Desk, calm: int) -> None:
    saboteur, bad = await damage(desk, whole(), calm)
    assert len(saboteur.done) > 60
    assert set(bad.watch.misses) <= KNOWN_MISSES
