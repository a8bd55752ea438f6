"""A paper account on disk: what a restart, a kill, a full disk and a reset leave of it."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.link.messages import (
    CancelOrder,
)
from spark_tui.venues.paper import PaperStore
from spark_tui.venues.paper.store import PAPER_FILE
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL
from tests.engine.harness import buy
from tests.engine.paper import START, paper

D = Decimal


async def test_a_new_engine_finds_orders_and_balances_as_they_were(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        resting = await it.submit(buy("1", "59000"))
        taken = await it.submit(buy("0.5", None))
        await it.until(lambda: it.order(taken.client_order_id).state is OrderState.FILLED)
        before = (it.cash("BTC"), it.cash("USDT"))
    async with paper(tmp_path, clock) as it:
        assert (it.cash("BTC"), it.cash("USDT")) == before
        assert it.order(resting.client_order_id).state is OrderState.ACCEPTED
        it.source.trade(58_000.0, 1.0, sells=True)
        await it.until(lambda: it.order(resting.client_order_id).state is OrderState.FILLED)
        ids = [row.fill.trade_id for row in it.engine.journal.state.fills]
        assert len(set(ids)) == len(ids) == 2


async def test_after_a_restart_an_order_queues_anew(tmp_path: Path) -> None:
    """Nobody watched its place meanwhile."""
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        order = await it.submit(buy("1", "60000"))
        it.source.trade(60_000.0, 2.25, sells=True)
        await it.until(lambda: it.order(order.client_order_id).filled == D("0.25"))
    async with paper(tmp_path, clock) as it:
        it.source.trade(60_000.0, 1.0, sells=True)
        await it.clock.run_for(0.1)
        assert it.order(order.client_order_id).filled == D("0.25")
        it.source.trade(60_000.0, 1.25, sells=True)
        await it.until(lambda: it.order(order.client_order_id).filled == D("0.5"))


async def test_a_kill_at_any_instant_finds_on_disk_what_was_told(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        resting = await it.submit(buy("1", "60000"))
        it.source.trade(60_000.0, 2.5, sells=True)
        await it.until(lambda: it.order(resting.client_order_id).filled == D("0.5"))
        found = PaperStore.open(tmp_path / PAPER_FILE, {})  # as the next process would, nothing closed here
        [order] = found.open_orders()
        assert (order.client_id, order.filled) == (resting.client_order_id, D("0.5"))
        assert {(one.asset, one.free, one.locked) for one in found.balances()} == {
            ("BTC", *it.cash("BTC")),
            ("USDT", *it.cash("USDT")),
        }
        [trade] = found.trades(SYMBOL, order.id, None, 10)
        assert (trade.id, found.next_ids()) == (1, (2, 2))
        found.close()


async def test_what_filled_while_no_engine_listened_is_found(tmp_path: Path) -> None:
    """The stream to the engine broke, the account went on."""
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        it.paper._news.end()  # user events go nowhere
        it.source.trade(59_000.0, 9.0, sells=True)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED, seconds=200)
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.999")


async def test_a_full_disk_refuses_new_orders_and_forgets_nothing(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        first = await it.submit(buy("1", "59000"))
        commit = it.paper._account.store.commit

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        it.paper._account.store.commit = full  # type: ignore[method-assign, assignment]
        await it.ask(CancelOrder(client_order_id=first.client_order_id))
        refused = await it.submit(buy("1", "59000"))
        assert (refused.state, refused.code) == (OrderState.REJECTED, "-2010")
        assert "disk is full" in refused.text
        it.paper._account.store.commit = commit  # type: ignore[method-assign]
        it.paper._account.settle()
        assert (await it.submit(buy("1", "59000"))).state is OrderState.ACCEPTED
        assert [one.client_id for one in it.paper._account.store.open_orders()] != [first.client_order_id]


async def test_a_fill_the_disk_does_not_take_is_told_to_nobody_until_it_does(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        resting = await it.submit(buy("1", "60000"))
        commit = it.paper._account.store.commit

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        it.paper._account.store.commit = full  # type: ignore[method-assign, assignment]
        it.source.trade(60_000.0, 2.5, sells=True)
        await it.clock.run_for(1)
        assert it.order(resting.client_order_id).filled == 0
        with pytest.raises(VenueError, match="disk is full") as raised:
            await it.paper.query(SYMBOL, resting.client_order_id)
        assert raised.value.reaction is Reaction.UNKNOWN
        it.paper._account.store.commit = commit  # type: ignore[method-assign]
        it.source.tick()
        await it.until(lambda: it.order(resting.client_order_id).filled == D("0.5"))
        [order] = it.paper._account.store.open_orders()
        assert order.filled == D("0.5")


async def test_reset_cancels_and_begins_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        resting = await it.submit(buy("1", "59000"))
    store = PaperStore.open(tmp_path / PAPER_FILE, START)
    assert store.reset({"USDT": D(500)}, 1, "ann") == 1
    store.close()
    async with paper(tmp_path, clock) as it:
        await it.until(lambda: it.order(resting.client_order_id).state is OrderState.CANCELED)
        assert it.cash("USDT") == (D(500), D(0))
        assert it.cash("BTC") == (D(0), D(0))
