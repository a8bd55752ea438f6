"""A paper account that was begun anew: the books follow it, once, and what was realised stays."""

from decimal import Decimal
from pathlib import Path

from spark_tui.domain.accounting import FlowKind
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Side
from spark_tui.engine.money_records import AccountBegun
from spark_tui.engine.portfolio.export import table
from spark_tui.engine.records import from_body
from spark_tui.store.ledger import Ledger
from spark_tui.venues.paper import PaperStore
from spark_tui.venues.paper.store import PAPER_FILE
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL
from tests.engine.harness import buy
from tests.engine.paper import START, Paper, paper

D = Decimal


def reset(tmp_path: Path, **amounts: str) -> None:
    store = PaperStore.open(tmp_path / PAPER_FILE, START)
    store.reset({asset: D(amount) for asset, amount in amounts.items()}, 1, "ann")
    store.close()


async def trade(it: Paper, quantity: str, side: Side = Side.BUY) -> None:
    await it.clock.run_for(1)  # what is of the very millisecond of the first balances is in them
    it.source.tick()
    order = await it.submit(buy(quantity, None, side=side))
    await it.until(lambda: it.order(order.client_order_id).state is OrderState.FILLED)


def explained(it: Paper) -> None:
    """Balance change = sum of rows, and what is held is what is free."""
    found = it.engine.portfolio.explanation()
    assert [row.explained.rest for row in found.rows] == [0] * len(found.rows)
    assert found.accuracy == {NAME: 1}


def begun(tmp_path: Path) -> list[AccountBegun]:
    ledger = Ledger.open(tmp_path / "ledger.db", ManualClock().wall_ns)
    try:
        records = [from_body(stored.body) for stored in ledger.read()]
    finally:
        ledger.close()
    return [record for record in records if isinstance(record, AccountBegun)]


async def test_a_reset_is_booked_by_the_next_start_and_positions_are_gone(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        await trade(it, "0.5")
        await trade(it, "0.2", Side.SELL)
        state = it.engine.journal.state
        realised = state.positions[NAME, SYMBOL].realised
        assert state.positions[NAME, SYMBOL].quantity == D("0.2995")
        assert realised < 0
    reset(tmp_path, USDT="500", BTC="7")
    async with paper(tmp_path, clock) as it:
        state = it.engine.journal.state
        position = state.positions[NAME, SYMBOL]
        assert (position.quantity, position.cost, position.realised) == (0, 0, realised)
        [sheet] = state.accounts.pnl.symbols.values()
        assert (sheet.position, sheet.lots.quantity) == (position, 0)
        assert all(strategy.flat for strategy in state.accounts.pnl.strategies.values())
        explained(it)
        rows = {row.explained.asset: row.explained for row in it.engine.portfolio.explanation().rows}
        assert (rows["USDT"].actual, rows["BTC"].actual) == (500, 7)
        assert rows["BTC"].rows[FlowKind.ADJUSTMENT] == D("-3.2995")
        await it.until(lambda: it.engine.portfolio.day_pnl() == 0)  # a new beginning is no loss of the day
        assert it.engine.portfolio.drawdown() == 0
        await trade(it, "0.005")
        assert state.positions[NAME, SYMBOL].quantity == D("0.004995")
        explained(it)
    [record] = begun(tmp_path)
    assert (record.operator, record.number) == ("ann", 1)
    flows = list(table("flows", [record]))
    assert {(row["asset"], row["kind"], row["note"]) for row in flows} == {
        (asset, "ADJUSTMENT", "account begun anew by ann") for asset in ("BTC", "USDT")
    }


async def test_each_reset_is_booked_once_however_often_the_engine_starts(tmp_path: Path) -> None:
    clock = ManualClock()
    async with paper(tmp_path, clock) as it:
        await trade(it, "0.5")
    reset(tmp_path, USDT="500")
    reset(tmp_path, USDT="900", BTC="1")  # again, before any engine saw the first
    for _ in range(2):
        async with paper(tmp_path, clock) as it:
            assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == 0
            explained(it)
    assert [record.number for record in begun(tmp_path)] == [1, 2]
    async with paper(tmp_path, clock) as it:
        await trade(it, "0.01")
    async with paper(tmp_path, clock) as it:  # and what was bought since stays
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.00999")
        explained(it)
    assert len(begun(tmp_path)) == 2


async def test_a_new_ledger_begins_with_the_account_as_it_is(tmp_path: Path) -> None:
    clock = ManualClock()
    PaperStore.open(tmp_path / PAPER_FILE, START).close()
    reset(tmp_path, USDT="500")
    async with paper(tmp_path, clock) as it:
        explained(it)
        [row] = it.engine.portfolio.explanation().rows
        assert (row.explained.opening, row.explained.rows) == (500, {})
