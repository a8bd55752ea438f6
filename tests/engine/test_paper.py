"""The engine on a paper account: the same order machine, gate, reconciliation, kill and restart."""

import contextlib
import random
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from spark_tui.domain import lifecycle
from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.market import Trade
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import (
    AmendOrder,
    CancelOrder,
    Kill,
    ReplaceOrder,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus, Reaction, VenueError
from spark_tui.wire.clock import NS_PER_S, ManualClock
from tests.engine.fake_venue import NAME, SYMBOL
from tests.engine.harness import buy
from tests.engine.paper import START, Paper, paper
from tests.venues.paper.market import ask

D = Decimal


async def test_a_market_order_fills_from_the_book_and_pays_the_taker(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        assert it.engine.condition.status().environment is Environment.PAPER
        order = await it.submit(buy("0.5", None))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        [fill] = it.order(order.client_order_id).fills
        assert (fill.price, fill.maker, fill.commission) == (D("60010.0"), False, D("0.0005"))
        assert it.cash("BTC") == (D("10.4995"), D(0))
        assert it.cash("USDT") == (D(1_000_000) - D("30005"), D(0))


async def test_a_quiet_market_fills_once_the_venue_confirmed_it(tmp_path: Path) -> None:
    """No update for a minute, and the venue says that there was none."""
    async with paper(tmp_path) as it:
        it.source.line = "live"
        await it.clock.run_for(60)
        order = await it.submit(buy("0.5", None))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


async def test_tops_that_are_still_the_venues_keep_the_paper_books_young_too(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        book = it.paper._account.books[SYMBOL]
        for _ in range(5):
            await it.clock.run_for(4)
            await it.paper.tops((SYMBOL,))
            assert isinstance(book.read(it.clock.mono_ns(), 5 * NS_PER_S), Quote)
        it.source._top = (60_001.0, 60_010.0)
        await it.clock.run_for(4)
        await it.paper.tops((SYMBOL,))
        await it.clock.run_for(2)
        assert isinstance(book.read(it.clock.mono_ns(), 5 * NS_PER_S), Unusable)


async def test_a_market_that_is_silent_and_unconfirmed_fills_nothing(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        await it.clock.run_for(60)
        assert (await it.submit(buy("0.5", None))).code == "BOOK_UNUSABLE"
        book = it.paper._account.books[SYMBOL]
        assert isinstance(book.read(it.clock.mono_ns(), 5 * NS_PER_S), Unusable)


async def test_what_a_quiet_stream_missed_is_loaded_anew_by_the_paper_account_too(tmp_path: Path) -> None:
    """An order would be filled from levels the venue has no more, and the top would call them young."""
    async with paper(tmp_path) as it:
        it.source.line = "live"
        await it.clock.run_for(10)
        it.source.skip(1)
        it.source._top = (59_000.0, 59_010.0)
        await it.clock.run_for(20)
        assert it.paper._account.books[SYMBOL].resyncs == 1
        order = await it.submit(buy("0.5", None))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        assert it.order(order.client_order_id).fills[0].price == D("59010.0")


async def test_a_paper_book_begins_anew_from_what_is_newer_and_whole_only(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        book, stands = it.paper._account.books[SYMBOL], it.source._update_id

        async def asked(update_id: int, limit: int = 1000) -> tuple[bool, int]:
            it.source._update_id = update_id
            await it.paper.depth_snapshot(SYMBOL, limit)
            return book.live, book.update_id

        assert await asked(stands - 1) == (True, stands)  # it was overtaken by the stream
        assert await asked(stands + 1, 5) == (True, stands)
        assert await asked(stands + 1) == (False, stands + 1)
        assert await asked(stands + 2) == (False, stands + 2)  # missed again, before one continued it
        assert await asked(stands + 1) == (False, stands + 2)
        assert await asked(stands + 2, 5) == (True, stands + 2)


async def test_an_order_that_rests_fills_by_its_place_in_the_queue(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        assert order.state is OrderState.ACCEPTED
        assert it.cash("USDT")[1] == 60_000
        it.source.trade(60_000.0, 2.0, sells=True)  # those in front
        it.source.trade(60_000.0, 0.25, sells=True)
        await it.until(lambda: it.order(order.client_order_id).filled == D("0.25"))
        it.source.trade(60_000.0, 5.0, sells=True)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)
        assert it.cash("USDT")[1] == 0


async def test_money_that_is_not_there_is_refused_in_the_venues_words(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        with pytest.raises(VenueError, match="-2010: Account has insufficient balance"):
            await it.paper.place("sp-x", ask(Side.BUY, "17", "59000"), lambda: None)
        assert it.cash("USDT") == (D(1_000_000), D(0))


async def test_an_order_whose_symbol_is_no_longer_listed_can_be_cancelled(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        it.source.known.clear()
        await it.paper.instruments()
        report = await it.paper.cancel(SYMBOL, order.client_order_id)
        assert report.status is OrderStatus.CANCELED
        assert it.cash("USDT") == (D(1_000_000), D(0))


async def test_cancel_amend_and_replace(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        await it.ask(AmendOrder(client_order_id=order.client_order_id, quantity=D("0.5")))
        await it.until(lambda: it.order(order.client_order_id).amended_quantity == D("0.5"))
        assert it.cash("USDT")[1] == 29_500
        await it.ask(ReplaceOrder(client_order_id=order.client_order_id, order=buy("1", "58000")))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        await it.until(lambda: it.cash("USDT")[1] == 58_000)
        [new] = it.engine.journal.state.open_orders(NAME)
        await it.ask(CancelOrder(client_order_id=new.client_order_id))
        await it.until(lambda: it.order(new.client_order_id).state is OrderState.CANCELED)
        assert it.cash("USDT") == (D(1_000_000), D(0))


async def test_without_a_book_orders_wait(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        it.source.skip(3)
        it.source.failing["depth_snapshot"] = VenueError(Reaction.RETRY_SAFE, "DOWN", "No answer.")
        it.source.tick()  # a gap: the book cannot be read
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.clock.run_for(1)
        assert it.order(order.client_order_id).filled == 0
        it.source.failing.clear()
        for _ in range(60):
            await it.clock.run_for(0.5)
            it.source.tick()
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


async def test_the_kill_switch_cancels_paper_orders(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "59000"))
        await it.ask(Kill(reason="test"))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        assert it.cash("USDT") == (D(1_000_000), D(0))
        assert (await it.submit(buy("1", "59000"))).state is OrderState.DENIED


async def test_a_trade_heard_twice_moves_the_queue_once(tmp_path: Path) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        trade = Trade(SYMBOL, 7, 60_000.0, 1.5, it.source.server_time_ms(), True)
        it.source.market(trade)
        it.source.market(trade)
        it.source.market(structs.replace(trade, trade_id=6))
        await it.clock.run_for(1)
        assert it.order(order.client_order_id).filled == 0
        later = it.source.server_time_ms() + 1
        it.source.market(structs.replace(trade, trade_id=2, time_ms=later))  # its ids began again
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0])
async def test_what_is_no_number_moves_nothing(tmp_path: Path, bad: float) -> None:
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        now_ms = it.source.server_time_ms()
        for number, (price, size) in enumerate([(bad, 5.0), (59_000.0, bad)]):
            it.paper._account.on_market(Trade(SYMBOL, 100 + number, price, size, now_ms, True))
        await it.clock.run_for(1)
        assert it.order(order.client_order_id).filled == 0
        it.paper._account.on_market(Trade(SYMBOL, 102, 59_000.0, 5.0, now_ms, True))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0])
async def test_a_level_that_is_no_number_costs_the_book_and_fills_nothing(tmp_path: Path, bad: float) -> None:
    """A price of 0 that has a quantity, too. The account asks for the book anew and goes on."""
    async with paper(tmp_path) as it:
        order = await it.submit(buy("1", "60000"))
        it.source.book([], [(bad, 5.0)])
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.clock.run_for(0.1)
        assert it.order(order.client_order_id).filled == 0
        for _ in range(60):
            await it.clock.run_for(0.5)
            it.source.tick()
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


async def test_a_clock_that_steps_back_stops_no_fill(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        order = await it.submit(buy("1", "60000"))
        clock.step_wall(-3_600)
        it.source.trade(59_000.0, 5.0, sells=True)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


def sell(quantity: str, price: str | None) -> SubmitOrder:
    return buy(quantity, price, side=Side.SELL)


@pytest.mark.parametrize("seed", range(12))
async def test_a_walk_leaves_engine_and_account_in_step(tmp_path: Path, seed: int) -> None:
    """Orders, cancels, amends, a moving market, gaps, restarts that throw away what was in memory: money is
    conserved, and the engine's positions are the account's balances."""
    rng, clock = random.Random(seed), ManualClock()
    for _ in range(3):
        async with paper(tmp_path, clock) as it:
            for _ in range(25):
                await step(it, rng)
            await it.clock.run_for(1)
            it.source.tick()
            await it.until(lambda: not it.engine.journal.waiting)
            await it.engine.runners[NAME].reconciler.compare_now()
            check(it)


async def step(it: Paper, rng: random.Random) -> None:
    middle = 60_000 + rng.randrange(-5, 6) * 10
    size = rng.choice(["0.01", "0.2", "1"])
    opened = it.engine.journal.state.open_orders(NAME)
    match rng.randrange(9):
        case 0 | 1:
            await it.submit(buy(size, str(middle)))
        case 2 | 3:
            await it.submit(sell(size, str(middle)))
        case 4:
            await it.submit(rng.choice([buy, sell])(size, None))
        case 5 if opened:
            with contextlib.suppress(LinkError):
                await it.ask(CancelOrder(client_order_id=rng.choice(opened).client_order_id))
        case 6 if opened:
            with contextlib.suppress(LinkError):
                client_id = rng.choice(opened).client_order_id
                await it.ask(AmendOrder(client_order_id=client_id, quantity=D("0.05")))
        case 7:
            it.source.skip(rng.choice([0, 0, 2]))
            it.source.tick(bid=float(middle - 5), ask=float(middle + 5))
        case _:
            it.source.trade(float(middle), rng.choice([0.3, 4.0]), sells=rng.random() < 0.5)
    await it.turn()
    await it.clock.run_for(0.1)


def check(it: Paper) -> None:
    state = it.engine.journal.state
    balances = {one.asset: one for one in it.paper._account.balances().balances}
    flows = {"USDT": START["USDT"], "BTC": START["BTC"]}
    for row in state.fills:
        sign = 1 if row.side is Side.BUY else -1
        flows["BTC"] += sign * row.fill.quantity
        flows["USDT"] -= sign * row.fill.quantity * row.fill.price
        flows[row.fill.commission_asset] -= row.fill.commission
    locked = {"USDT": D(0), "BTC": D(0)}
    for order in state.open_orders(NAME):
        request, left = order.request, lifecycle.leaves(order)
        assert request.price is not None
        locked["USDT" if request.side is Side.BUY else "BTC"] += left * (
            request.price if request.side is Side.BUY else 1
        )
    for asset, balance in balances.items():
        assert balance.free >= 0
        assert balance.locked == locked[asset]
        assert balance.total == flows[asset]
