"""Balances, equity and PnL: absolute from the venue, priced through usable books only."""

import random
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.account import Balance
from spark_tui.domain.market import DepthDiff, DepthSnapshot
from spark_tui.domain.values import Side
from spark_tui.engine.journal import Journal
from spark_tui.engine.market import Market
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.resync import ResyncQueue
from spark_tui.link.messages import Balances, GetBalances, GetPositions, Positions
from spark_tui.store.ledger import Ledger
from spark_tui.venues.port import BalancesReport
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D, FakeVenue, instrument
from tests.engine.harness import Rig, buy, rig


def report(at_ms: int, *, complete: bool = False, **free: str) -> BalancesReport:
    return BalancesReport(
        venue=NAME,
        balances=tuple(Balance(asset=asset, free=D(amount), locked=D(0)) for asset, amount in free.items()),
        time_ms=at_ms,
        complete=complete,
    )


async def balances(it: Rig) -> Balances:
    found = await it.ask(GetBalances())
    assert isinstance(found, Balances)
    return found


async def test_equity_is_the_balances_at_usable_prices_else_none(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert (await balances(it)).equity == 1_000_000 + 10 * D("60005")
        it.clock.advance(6)  # the book is stale
        assert (await balances(it)).equity is None


async def test_an_asset_without_any_price_is_left_out_and_named(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.engine.portfolio.on_balances(report(it.venue.server_time_ms(), SHIB="5"))
        assert (await balances(it)).equity == 1_000_000 + 10 * D("60005")
        assert it.engine.portfolio.unpriced() == ("SHIB",)
        assert any("SHIB" in note for note in it.engine.condition.health().notes)


async def test_older_news_of_a_balance_is_ignored_and_a_complete_report_removes(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        now = it.venue.server_time_ms()
        portfolio = it.engine.portfolio
        portfolio.on_balances(report(now + 5, USDT="7"))
        portfolio.on_balances(report(now + 4, USDT="9"))
        assert portfolio.free(NAME)["USDT"] == 7
        portfolio.on_balances(report(now + 6, complete=True, USDT="8"))
        assert portfolio.free(NAME) == {"USDT": D(8)}


@pytest.mark.parametrize("ahead_ms", [9_000, 500])
async def test_balances_heal_at_once_after_the_venues_clock_stepped_back(
    tmp_path: Path, ahead_ms: int
) -> None:
    """A late event from before the step is newer by its stamp than whatever comes after: what contradicts it
    leads to a question, not to a wait for two comparisons."""
    async with rig(tmp_path) as it:
        free = it.engine.portfolio.free
        passes = it.engine.runners[NAME].reconciler.passes
        await it.clock.run_for(1)
        before = it.venue.server_time_ms()
        it.venue.user(report(before + ahead_ms, USDT="7"))
        if ahead_ms < 1_000:
            assert free(NAME)["USDT"] == 7
            it.venue.user(report(before + 1, USDT="1000000"))  # ignored, and therefore suspicious
        it.venue.balances_ms = before + 1  # nothing has changed since
        await it.clock.run_for(4)
        assert free(NAME) == {"USDT": D(1_000_000), "BTC": D(10)}
        assert it.engine.runners[NAME].reconciler.passes == passes


async def test_a_whole_answer_that_is_older_is_not_believed_once(tmp_path: Path) -> None:
    """A copy that lags must not undo an event."""
    async with rig(tmp_path) as it:
        now = it.venue.server_time_ms()
        portfolio = it.engine.portfolio
        assert not portfolio.on_balances(report(now + 5, USDT="7"))
        assert portfolio.on_balances(report(now + 4, complete=True, USDT="9"))
        assert portfolio.free(NAME) == {"USDT": D(7)}
        assert not portfolio.on_balances(report(now + 5, complete=True, USDT="7"))
        assert portfolio.on_balances(report(now + 4, complete=True, USDT="9"))
        assert not portfolio.on_balances(report(now + 4, complete=True, USDT="9"))
        assert portfolio.free(NAME) == {"USDT": D(9)}


async def test_day_pnl_counts_from_the_days_first_prices_and_survives_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert (await balances(it)).day_pnl == 0
        it.venue.plan.append("fill")
        await it.submit(buy("1", None))  # bought at 60 010, fee 0.01
        it.venue.tick(61_000.0, 61_010.0)
        assert (await balances(it)).day_pnl == D("61005") - 60_010 - D("0.01")
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        venue.tick()
        assert (await balances(it)).day_pnl == D("994.99")
        it.clock.advance(86_400)
        assert (await balances(it)).day_pnl is None  # a new day, and no price to begin it with
        venue.tick()
        await it.until(lambda: it.engine.journal.state.day.baseline == D("994.99"))
        venue.tick(61_100.0, 61_110.0)
        assert (await balances(it)).day_pnl == 100


async def test_cash_flows_sum_to_the_change_of_position(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for quantity, side in (("1", Side.BUY), ("0.4", Side.SELL), ("0.6", Side.SELL)):
            it.venue.plan.append("fill")
            await it.submit(buy(quantity, None, side=side))
        found = await it.ask(GetPositions())
        assert isinstance(found, Positions)
        position = found.rows[0].position
        assert (position.quantity, position.cost) == (0, 0)
        assert position.realised == D("-0.03")  # bought and sold at one price: only the fees are left


@pytest.mark.parametrize(
    ("asset", "amount", "worth"),
    [("USDT", "5", "5"), ("BTC", "2", "120010"), ("TRY", "2100175", "60005"), ("NONE", "1", None)],
)
async def test_worth_finds_its_way_through_several_instruments(
    tmp_path: Path, asset: str, amount: str, worth: str | None
) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    ledger = Ledger.open(tmp_path / "ledger.db", clock.wall_ns)
    resync = ResyncQueue(venue, clock, random.Random(1), lambda level, text: None)
    market = Market(NAME, (SYMBOL, "BTCTRY"), clock, resync, max_age_s=5)
    for symbol, bid, ask in ((SYMBOL, 60_000.0, 60_010.0), ("BTCTRY", 2_100_100.0, 2_100_250.0)):
        book = market.symbols[symbol].book
        book.on_diff(DepthDiff(symbol, 1, 1, [], [], 0), clock.mono_ns())
        book.on_snapshot(DepthSnapshot(symbol, 1, [(bid, 1.0)], [(ask, 1.0)]), clock.mono_ns())
    journal = Journal(ledger, clock, on_failure=lambda text: None, on_recovery=lambda: None)
    portfolio = Portfolio(journal, {NAME: market}, lambda: "2026-01-01", lambda: 0, lambda name: 0)
    lira = msgspec.structs.replace(instrument("BTCTRY"), base="BTC", quote="TRY")
    portfolio.set_instruments(NAME, [instrument(), lira])
    found = portfolio.worth(NAME, asset, D(amount))
    assert found == (None if worth is None else D(worth))
    ledger.close()
