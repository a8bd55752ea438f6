"""An engine on a paper account, over a market of our own and a clock driven by hand."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

from spark_tui.venues.paper import PaperSettings, PaperStore, PaperVenue
from spark_tui.venues.paper.store import PAPER_FILE
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL
from tests.engine.harness import Rig, rig
from tests.venues.paper.source import FakeSource

D = Decimal
START = {"USDT": D(1_000_000), "BTC": D(10)}


class Paper(Rig):
    source: FakeSource
    paper: PaperVenue

    def cash(self, asset: str) -> tuple[Decimal, Decimal]:
        [found] = [one for one in self.paper._account.balances().balances if one.asset == asset]
        return found.free, found.locked


@contextlib.asynccontextmanager
async def paper(
    tmp_path: Path, clock: ManualClock | None = None, *, round_trip_ms: float = 0.0
) -> AsyncIterator[Paper]:
    clock = clock or ManualClock()
    source = FakeSource(clock)
    venue = PaperVenue(
        source,
        PaperStore.open(tmp_path / PAPER_FILE, START),
        clock=clock,
        rng=random.Random(5),
        settings=PaperSettings(round_trip_ms=round_trip_ms),
    )
    async with rig(tmp_path, venue=venue, clock=clock, wait=False) as it:  # type: ignore[arg-type]
        it.__class__ = Paper
        assert isinstance(it, Paper)
        it.source, it.paper = source, venue
        starting = asyncio.create_task(it.engine.ready())
        await it.until(starting.done)  # it asks this venue, which answers in the clock's time
        await it.until(lambda: it.engine.markets[NAME].symbols[SYMBOL].book.live)
        await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)
        source.tick()
        yield it
    assert source.sent_bytes == []  # nothing about orders ever reached the exchange
