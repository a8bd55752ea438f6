"""What paper orders took of a level is taken for the next process too, until the level changes."""

import asyncio
import contextlib
import random
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.values import Side
from spark_tui.venues.paper import PaperSettings, PaperStore, PaperVenue
from spark_tui.venues.paper import matching as matching_module
from spark_tui.venues.port import OrderReport, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import SYMBOL
from tests.venues.paper.market import Market, ask
from tests.venues.paper.source import FakeSource

D = Decimal
START = {"BTC": D(10), "USDT": D(100_000)}
BIDS, ASKS = [(99.0, 50.0)], [(101.0, 50.0), (102.0, 50.0)]


class Account:
    """A market with an account on disk."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "paper.db"
        self.store = PaperStore.open(self.path, START)
        self.market = Market(BIDS, ASKS)
        self._orders = 0

    def bought(self, quantity: str) -> list[tuple[Decimal, Decimal]]:
        """(price, quantity) of what a market order met."""
        self._orders += 1
        before = self.market.clearing.next_trade
        self.market.desk.place(f"o{self._orders}", ask(Side.BUY, quantity), self._orders)
        self.settle()
        found = self.store.trades(SYMBOL, None, before, 100)
        return [(trade.price, trade.quantity) for trade in found]

    def settle(self) -> None:
        self.store.commit(self.market.journal, self.market.cash)
        self.market.journal.clear()
        self.market.journal.taken.clear()

    def restart(self) -> None:
        self.settle()
        self.die()

    def die(self) -> None:
        """Without a word to the disk."""
        self.store.close()
        self.store = PaperStore.open(self.path, {})
        self.market.restart(self.store)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_a_level_is_not_sold_twice_across_a_restart(account: Account) -> None:
    assert account.bought("40") == [(D(101), D(40))]
    account.die()
    assert account.bought("30") == [(D(101), D(10)), (D(102), D(20))]


def test_a_level_that_went_and_came_is_whole_again(account: Account) -> None:
    account.bought("40")
    account.market.show(asks=[(101.0, 0.0)])
    account.market.show(asks=[(101.0, 50.0)])
    account.restart()
    assert account.bought("30") == [(D(101), D(30))]


def test_a_level_that_shrank_has_lost_what_was_taken_first(account: Account) -> None:
    account.bought("40")
    account.market.show(asks=[(101.0, 20.0)])
    account.restart()
    account.market.show(asks=[(101.0, 50.0)])
    assert account.bought("40") == [(D(101), D(30)), (D(102), D(10))]


def test_what_changed_while_no_engine_ran_counts_as_far_as_it_shows(account: Account) -> None:
    account.bought("40")
    account.die()
    account.market.reload(BIDS, [(102.0, 50.0)])
    account.market.reload(BIDS, ASKS)  # it was gone in between
    assert account.bought("30") == [(D(101), D(30))]


def test_a_level_that_ended_with_no_order_at_work_is_forgotten(account: Account) -> None:
    account.bought("40")
    account.die()
    account.market.show(asks=[(101.0, 0.0)])
    account.restart()
    assert account.store.taken() == {}


def test_a_new_account_has_taken_nothing(account: Account) -> None:
    account.bought("40")
    account.store.reset(START, 9, "me")
    account.die()
    assert account.bought("30") == [(D(101), D(30))]


def test_what_is_kept_is_bounded(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching_module, "MAX_TAKEN", 3)
    account.market.show(asks=[(101.0 + number, 1.0) for number in range(8)])
    account.bought("8")
    assert account.store.taken() == {SYMBOL: {(False, 101.0 + number): D(1) for number in (5, 6, 7)}}


async def test_what_the_market_gave_back_is_on_disk_within_seconds(tmp_path: Path) -> None:
    """With no transaction that would bring it along."""
    clock = ManualClock()
    store = PaperStore.open(tmp_path / "paper.db", START)
    source = FakeSource(clock)
    settings = PaperSettings(round_trip_ms=0)
    venue = PaperVenue(source, store, clock=clock, rng=random.Random(5), settings=settings)
    await venue.start()
    streams = asyncio.create_task(
        venue.run_streams((SYMBOL,), lambda *_: None, lambda *_: None, lambda *_: None)
    )
    try:
        await clock.run_for(4.5)
        source.tick()
        await venue.place("own", ask(Side.BUY, "1"), lambda: None)
        assert store.taken() == {SYMBOL: {(False, 60_010.0): D(1)}}
        source.tick(ask=60_020.0)
        assert store.taken() != {}
        await clock.run_for(2.5)
        assert store.taken() == {}
    finally:
        streams.cancel()
        await asyncio.wait({streams})
        await venue.close()


async def test_a_fill_that_the_disk_refused_is_written_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps the taken levels must not write its trade before the transaction does."""
    clock = ManualClock()
    store = PaperStore.open(tmp_path / "paper.db", START)
    source = FakeSource(clock)
    venue = PaperVenue(
        source, store, clock=clock, rng=random.Random(5), settings=PaperSettings(round_trip_ms=0)
    )
    await venue.start()
    told: list[object] = []
    streams = asyncio.create_task(
        venue.run_streams((SYMBOL,), lambda *_: None, lambda event, _: told.append(event), lambda *_: None)
    )
    try:
        await clock.run_for(4.5)
        source.tick()
        with monkeypatch.context() as full:

            def refuses(*_: object) -> None:
                raise sqlite3.OperationalError("database or disk is full")

            full.setattr(store, "commit", refuses)
            with contextlib.suppress(VenueError):
                await venue.place("own", ask(Side.BUY, "1"), lambda: None)
            assert venue._account.trouble
        await clock.run_for(2.5)  # there is room again, and the mending came by
        source.tick()
        source.tick(ask=60_020.0)
        venue._account.settle()
        assert venue._account.trouble == ""
        assert [trade.quantity for trade in store.trades(SYMBOL, None, None, 10)] == [D(1)]
        await clock.run_for(0.5)
        fills = [fill.quantity for event in told if isinstance(event, OrderReport) for fill in event.fills]
        assert fills == [D(1)]
    finally:
        streams.cancel()
        await asyncio.wait({streams})
        await venue.close()
