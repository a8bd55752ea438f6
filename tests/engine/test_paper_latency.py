"""How long a paper order is on its way: a measured round trip, half there and half back."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Side
from spark_tui.venues.paper import PaperStore, PaperVenue
from spark_tui.venues.paper.store import PAPER_FILE
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import SYMBOL
from tests.engine.harness import buy
from tests.engine.paper import START, paper
from tests.venues.paper.market import ask
from tests.venues.paper.source import FakeSource

D = Decimal


async def test_an_order_takes_a_measured_round_trip(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock, round_trip_ms=80) as it:
        began = clock.mono_ns()
        asking = asyncio.create_task(it.submit(buy("0.5", None)))
        orders = it.engine.journal.state.orders
        await it.until(lambda: any(one.state is OrderState.SENT for one in orders.values()))
        it.source.tick(bid=60_100.0, ask=60_110.0)  # the market moves while the order is on its way
        await it.until(asking.done)
        assert clock.mono_ns() - began >= 80e6
        order = await asking
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        assert it.order(order.client_order_id).fills[0].price == D("60110.0")


async def test_half_of_it_is_the_way_there_and_half_the_way_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock, round_trip_ms=80) as it:
        asking = asyncio.create_task(it.paper.place("own", ask(Side.BUY, "1", "59000"), lambda: None))
        await clock.run_for(0.039)
        assert not it.paper._account.floor.orders
        await clock.run_for(0.002)
        assert len(it.paper._account.floor.orders) == 1
        await clock.run_for(0.037)
        assert not asking.done()
        await clock.run_for(0.004)
        assert (await asking).client_order_id == "own"


async def test_a_word_of_the_stream_takes_the_way_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock, round_trip_ms=80) as it:
        asking = asyncio.create_task(it.submit(buy("1", "60000")))
        await it.until(asking.done)
        order = await asking
        await clock.run_for(0.2)
        it.source.trade(59_000.0, 5.0, sells=True)
        await clock.run_for(0.038)
        assert it.order(order.client_order_id).filled == 0
        await clock.run_for(0.004)
        assert it.order(order.client_order_id).filled == 1


async def test_latency_is_what_was_measured(tmp_path: Path) -> None:
    clock = ManualClock()
    store = PaperStore.open(tmp_path / PAPER_FILE, START)
    venue = PaperVenue(FakeSource(clock), store, clock=clock, rng=random.Random(5))
    await venue.start()
    assert venue.latency.draw_s() == pytest.approx(0.04)
    await venue.close()


async def test_latency_follows_what_is_measured_while_it_runs(tmp_path: Path) -> None:
    clock = ManualClock()
    store = PaperStore.open(tmp_path / PAPER_FILE, START)
    source = FakeSource(clock)
    async with running(PaperVenue(source, store, clock=clock, rng=random.Random(5)), clock) as venue:
        source.round_trip_ms = 300.0
        await clock.run_for(10.5)
        assert {round(venue.latency.draw_s() * 2_000) for _ in range(100)} == {80, 300}
        source.failing["ping"] = VenueError(Reaction.RETRY_SAFE, "DOWN", "No answer.")
        await clock.run_for(30)
        assert {round(venue.latency.draw_s() * 2_000) for _ in range(100)} == {80, 300}
        assert "round trip 300 ms" in venue.health()[-1].detail


async def test_the_account_asks_for_its_book_itself_where_nobody_else_does(tmp_path: Path) -> None:
    clock = ManualClock()
    store = PaperStore.open(tmp_path / PAPER_FILE, START)
    source = FakeSource(clock)
    async with running(PaperVenue(source, store, clock=clock, rng=random.Random(5)), clock) as venue:
        assert venue._account.blind() == {SYMBOL}
        await clock.run_for(4.5)  # found blind twice in a row
        source.tick()
        assert (source.snapshots, venue._account.blind()) == (1, set())


@contextlib.asynccontextmanager
async def running(venue: PaperVenue, clock: ManualClock) -> AsyncIterator[PaperVenue]:
    await venue.start()
    streams = asyncio.create_task(
        venue.run_streams((SYMBOL,), lambda *_: None, lambda *_: None, lambda *_: None)
    )
    await clock.run_for(0.1)
    yield venue
    streams.cancel()
    await asyncio.wait({streams})
    await venue.close()
