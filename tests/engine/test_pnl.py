"""Profit, equity and the explanation inside the engine: priced at the time, on record, the same when
replayed."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.account import Balance
from spark_tui.domain.accounting import FlowKind, Measure, Window
from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.market import DepthDiff, DepthSnapshot
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side
from spark_tui.engine.market import Market, SymbolMarket
from spark_tui.engine.money_records import FillPriced
from spark_tui.engine.portfolio.export import table
from spark_tui.engine.portfolio.keeper import MAX_AT_ONCE
from spark_tui.engine.records import from_body
from spark_tui.engine.state import State
from spark_tui.link.messages import (
    Balances,
    EquityCurve,
    Explanation,
    GetBalances,
    GetEquity,
    GetExplanation,
    GetPnl,
    Pnl,
    PriceFills,
    RecordFlow,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import BalancesReport, CashReport, TradeReport
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import Rig, buy, rig

DAY_MS = 86_400_000


async def pnl(it: Rig) -> Pnl:
    found = await it.ask(GetPnl())
    assert isinstance(found, Pnl)
    return found


async def explanation(it: Rig) -> Explanation:
    found = await it.ask(GetExplanation())
    assert isinstance(found, Explanation)
    return found


async def trade(it: Rig, quantity: str, side: Side = Side.BUY) -> None:
    """Filled at 60 010 by the fake venue, either side, fee 0.01 USDT."""
    it.clock.advance(0.01)  # later than the first balances
    it.venue.plan.append("fill")
    await it.submit(buy(quantity, None, side=side))


async def with_fee(it: Rig, fee: str, asset: str, *, quantity: str = "1", age_ms: int = 0) -> None:
    """Somebody else's trade on the account, with a fee in `asset`."""
    it.engine.books.on_external_trade(
        TradeReport(
            venue=NAME,
            symbol=SYMBOL,
            venue_order_id="77",
            side="BUY",
            fill=Fill(
                trade_id=str(900 + len(it.engine.journal.state.fills)),
                price=D(60_000),
                quantity=D(quantity),
                commission=D(fee),
                commission_asset=asset,
                maker=False,
                time_ms=it.venue.server_time_ms() - age_ms,
            ),
        )
    )


async def test_symbol_strategy_and_day_tell_the_same_sum(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await trade(it, "1")
        it.venue.tick(61_000.0, 61_010.0)
        found = await pnl(it)
        (symbol,) = found.symbols
        assert symbol.row.realised == D("-0.01")
        assert symbol.row.unrealised == D(61_005) - 60_010
        assert symbol.row.total == found.total.total == D("994.99")
        assert (found.strategies[0].name, found.strategies[0].whose) == ("manual", "tester")
        assert found.strategies[0].total == D("994.99")
        (day,) = found.days
        assert (day.row.realised, day.row.fees, day.row.volume) == (D("-0.01"), D("0.01"), D(60_010))
        assert (symbol.position.average_price, symbol.fifo_average) == (60_010, 60_010)
        assert (symbol.lots, symbol.dust) == (1, False)


async def test_a_position_over_midnight_is_split_between_its_days(tmp_path: Path) -> None:
    """Bought at 60 010 a second before 00:00 UTC, sold at the same after it; one fill of before it is told
    after it. Each day answers for the fills of its own stamp, and a restart tells the same."""
    async with rig(tmp_path) as it:
        first = it.engine.portfolio.keeper._now_ms() // DAY_MS
        it.clock.advance(86_400 - it.clock.wall_ns() / 1e9 % 86_400 - 1)
        it.venue.tick()
        await trade(it, "1")
        it.clock.advance(2)
        it.venue.tick()
        await it.until(lambda: it.engine.journal.state.day.day == name_of(first + 1))
        assert it.engine.portfolio.day_pnl() == 0
        await trade(it, "1", Side.SELL)
        assert it.engine.portfolio.day_pnl() == D(60_010) - 60_005 - D("0.01")  # from the middle at 00:00
        await with_fee(it, "1", "USDT", age_ms=60_000)  # yesterday's, told today
        days = {one.row.name: (one.row.realised, one.row.trades) for one in (await pnl(it)).days}
        assert days == {
            name_of(first): (D("-0.01") - 1, 2),
            name_of(first + 1): (D("-0.01"), 1),
        }
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        again = (await pnl(it)).days
        assert {one.row.name: (one.row.realised, one.row.trades) for one in again} == days


def name_of(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1_000, UTC).date().isoformat()


async def test_without_a_price_the_unrealised_is_unknown_and_the_realised_is_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await trade(it, "1")
        it.clock.advance(6)
        (symbol,) = (await pnl(it)).symbols
        assert (symbol.mark, symbol.unrealised, symbol.fifo_unrealised) == (None, None, None)
        assert (symbol.row.unrealised, symbol.row.total) == (None, None)
        assert symbol.row.realised == D("-0.01")


async def test_a_fee_without_a_price_is_unknown_until_a_person_knows_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await with_fee(it, "0.01", "BNB")
        row = (await pnl(it)).symbols[0].row
        assert (row.realised, row.fees, row.total) == (None, None, None)
        assert row.unpriced == {"BNB": D("-0.01")}
        found = await it.ask(PriceFills(asset="BNB", price=D(600)))
        assert isinstance(found, Pnl)
        assert found.symbols[0].row.realised == -6
        assert found.symbols[0].row.fees == 6
        assert found.days[0].row.realised == -6
        with pytest.raises(LinkError, match="No trade lacks a price of BNB"):
            await it.ask(PriceFills(asset="BNB", price=D(700)))
        with pytest.raises(LinkError, match="above 0"):
            await it.ask(PriceFills(asset="BNB", price=D("NaN")))


BNB = "BNBUSDT"


def watch_bnb(it: Rig) -> None:
    it.venue.known[BNB] = msgspec.structs.replace(it.venue.known[SYMBOL], symbol=BNB, base="BNB")
    it.engine.markets[NAME].symbols[BNB] = SymbolMarket(BNB)
    it.engine.portfolio.set_instruments(NAME, tuple(it.venue.known.values()))


async def test_a_fee_in_a_third_asset_is_priced_at_the_time_of_the_fill(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        watch_bnb(it)
        book = it.engine.markets[NAME].symbols[BNB].book
        book.on_diff(DepthDiff(BNB, 1, 1, [], [], 0), it.clock.mono_ns())
        book.on_snapshot(DepthSnapshot(BNB, 1, [(599.0, 1.0)], [(601.0, 1.0)]), it.clock.mono_ns())
        await with_fee(it, "0.01", "BNB")
        row = (await pnl(it)).symbols[0].row
        assert (row.realised, row.fees, row.unpriced) == (-6, 6, {})
        book.on_diff(DepthDiff(BNB, 2, 2, [(599.0, 0.0), (500.0, 1.0)], [], 0), it.clock.mono_ns())
        assert (await pnl(it)).symbols[0].row.realised == -6  # whatever it is worth later
        assert it.engine.portfolio.total_pnl() == D(60_005) - 60_000 - 6


async def test_a_fill_found_late_is_priced_by_its_own_minute_and_never_by_now(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        watch_bnb(it)
        market = it.engine.markets[NAME].symbols[BNB]
        now = it.venue.server_time_ms()
        market.spark.price(now - 600_000, 500.0)
        market.spark.price(now, 600.0)
        await with_fee(it, "0.01", "BNB", age_ms=600_000)
        await with_fee(it, "0.01", "BNB", age_ms=1_200_000)  # nobody knows what it was worth then
        await it.until(lambda: len(it.engine.journal.state.accounts.pnl.awaiting) == 1)
        await it.until(lambda: any(one.kind == "fill-priced" for one in it.ledger.read()))
        priced = [from_body(one.body) for one in it.ledger.read() if one.kind == "fill-priced"]
        assert [one.rates for one in priced if isinstance(one, FillPriced)] == [{"BNB": D(500)}]


async def test_many_trades_without_a_price_are_priced_a_few_at_a_time(tmp_path: Path) -> None:
    """A thousand of them in one go would hold up every order of that moment."""
    async with rig(tmp_path) as it:
        watch_bnb(it)
        waiting = it.engine.journal.state.accounts.pnl.awaiting
        for _ in range(MAX_AT_ONCE + 20):
            await with_fee(it, "0.01", "BNB", age_ms=60_000)
        assert len(waiting) == MAX_AT_ONCE + 20
        it.engine.markets[NAME].symbols[BNB].spark.price(it.venue.server_time_ms() - 60_000, 500.0)
        left = []
        keeper = it.engine.portfolio.keeper
        it.clock.advance(60)
        for _ in range(3):
            keeper.sample(D(1), ())
            left.append(len(waiting))
        assert left == [20, 0, 0]


async def test_a_fill_looks_at_the_newest_that_wait_and_leaves_the_rest_to_the_minute(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        watch_bnb(it)
        for _ in range(MAX_AT_ONCE + 20):
            await with_fee(it, "0.01", "BNB")
        asked: list[str] = []
        it.engine.portfolio.valuation.rate_at = lambda *rest: asked.append(rest[1])  # type: ignore[method-assign]
        it.engine.portfolio.on_fills()
        assert len(asked) == MAX_AT_ONCE


async def test_a_view_looks_up_each_price_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig(tmp_path) as it:
        await trade(it, "1")
        await with_fee(it, "0.01", "USDT")  # the second strategy that holds it
        market = it.engine.markets[NAME]
        asked: list[str] = []

        def quote(symbol: str) -> Quote | Unusable:
            asked.append(symbol)
            return Market.quote(market, symbol)

        monkeypatch.setattr(market, "quote", quote)
        assert len((await pnl(it)).strategies) == 2
        assert asked == [SYMBOL]
        await explanation(it)
        assert asked == [SYMBOL] * 2


async def test_a_close_of_nought_is_no_price(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        watch_bnb(it)
        now = it.venue.server_time_ms()
        it.engine.markets[NAME].symbols[BNB].spark.price(now - 600_000, 0.0)
        await with_fee(it, "0.01", "BNB", age_ms=600_000)
        assert it.engine.portfolio.valuation.rate_at(NAME, "BNB", now - 600_000, now) is None
        assert (await pnl(it)).symbols[0].row.realised is None


async def test_every_balance_is_its_first_one_and_our_rows(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await trade(it, "1")
        it.venue.holdings = {"USDT": D("939989.99"), "BTC": D(11)}
        it.engine.portfolio.on_balances(await it.venue.balances())
        found = await explanation(it)
        rows = {row.explained.asset: row for row in found.rows}
        usdt = rows["USDT"].explained
        assert (usdt.opening, usdt.expected, usdt.rest) == (1_000_000, D("939989.99"), 0)
        assert usdt.rows == {FlowKind.BOUGHT: D(-60_010), FlowKind.FEE: D("-0.01")}
        assert rows["BTC"].worth == 11 * D(60_005)
        assert (found.rest_worth, found.accuracy) == (0, {NAME: 1})


async def test_what_nobody_explained_stands_there_in_cents_until_a_person_explains_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await trade(it, "1")
        it.venue.holdings = {"USDT": D("939989.99") - D("120.02"), "BTC": D(11)}
        it.engine.portfolio.on_balances(await it.venue.balances())
        found = await explanation(it)
        assert found.rest_worth == D("-120.02")
        moved = 2 * D(60_010) + D("0.01") - 5  # BTC at the middle, 60 005
        accuracy = found.accuracy[NAME]
        assert accuracy is not None
        assert abs(accuracy - (1 - D("120.02") / moved)) < D("1e-12")
        answer = await it.ask(
            RecordFlow(asset="USDT", amount=D("-120.02"), kind=FlowKind.WITHDRAWAL, note="card payment")
        )
        assert isinstance(answer, Explanation)
        assert answer.rest_worth == 0
        assert answer.accuracy == {NAME: 1}


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (RecordFlow(asset="USDT", amount=D(0), note="nothing at all"), "BAD_NUMBER"),
        (RecordFlow(asset="USDT", amount=D("NaN"), note="nothing at all"), "BAD_NUMBER"),
        (RecordFlow(asset="USDT", amount=D(1), note=" "), "REASON_NEEDED"),
        (RecordFlow(asset="USDT", amount=D(1), note="x"), "REASON_NEEDED"),
        (RecordFlow(asset="USDT", amount=D("1E+999"), note="nothing at all"), "BAD_NUMBER"),
        (RecordFlow(asset="USDT", amount=D("sNaN"), note="nothing at all"), "BAD_NUMBER"),
        (RecordFlow(asset="USDT", amount=D(1), note="a gift " * 100), "TOO_LONG"),
        (RecordFlow(asset="DOGE", amount=D(1), note="a gift"), "NO_SUCH_ASSET"),
        (RecordFlow(asset="USDT", amount=D(1), note="a gift", venue="moon"), "VENUE_UNCLEAR"),
        (RecordFlow(asset="USDT", amount=D(1), note="a gift", kind=FlowKind.BOUGHT), "BAD_KIND"),
    ],
)
async def test_a_word_that_cannot_be_a_row_is_refused_and_not_recorded(
    tmp_path: Path, ask: RecordFlow, code: str
) -> None:
    async with rig(tmp_path) as it:
        with pytest.raises(LinkError) as refused:
            await it.ask(ask)
        assert refused.value.code == code
        assert ("3 letters or more" in refused.value.text) == (code == "REASON_NEEDED")
        assert all(one.kind != "cash-moved" for one in it.ledger.read())


async def test_a_deposit_the_venue_tells_of_is_a_row_and_no_gain(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.until(lambda: it.engine.journal.state.accounts.curve.last is not None)
        told = CashReport(venue=NAME, asset="USDT", amount=D(500), time_ms=it.venue.server_time_ms() + 1)
        it.venue.holdings["USDT"] += 500
        it.clock.advance(0.01)
        it.venue.user(await it.venue.balances())
        it.venue.user(told)
        it.venue.user(told)  # told twice
        found = await explanation(it)
        rows = {row.explained.asset: row.explained for row in found.rows}
        assert rows["USDT"].rows == {FlowKind.DEPOSIT: 500}
        assert rows["USDT"].rest == 0
        point = it.engine.portfolio.curve_now()
        assert point is not None
        assert (point.gain, point.fall) == (0, 0)


async def test_equity_is_sampled_once_a_minute_and_the_drawdown_survives_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        curve = it.engine.journal.state.accounts.curve
        await it.until(lambda: curve.last is not None)
        for top in (66_000.0, 54_000.0):
            it.clock.advance(60)
            it.venue.tick(top, top + 10)
            before = curve.last
            await it.until(lambda before=before: curve.last is not before)  # type: ignore[misc]
        fall = it.engine.portfolio.drawdown()
        assert fall is not None
        expected = 10 * (D(66_005) - D(54_005)) / (1_000_000 + 10 * D(66_005))
        assert abs(fall - expected) < D("1e-20")
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        venue.tick(54_000.0, 54_010.0)
        assert it.engine.portfolio.drawdown() == fall
        found = await it.ask(GetEquity(window=Window.DAY))
        assert isinstance(found, EquityCurve)
        assert len(found.points) >= 3
        assert found.deepest is not None
        assert found.now is not None
        it.clock.advance(6)
        assert it.engine.portfolio.drawdown() is None  # no price, no figure


async def test_the_deepest_fall_is_never_less_than_the_present_one(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        curve = it.engine.journal.state.accounts.curve
        await it.until(lambda: curve.last is not None)
        it.venue.tick(54_000.0, 54_010.0)  # no sample is taken before the minute is over
        found = await it.ask(GetEquity(window=Window.DAY))
        assert isinstance(found, EquityCurve)
        assert found.now is not None
        assert found.now.fall > 0
        assert found.deepest == found.now


async def test_balances_carry_their_worth(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        now = it.venue.server_time_ms()
        odd = BalancesReport(
            venue=NAME, balances=(Balance(asset="SHIB", free=D(5), locked=D(0)),), time_ms=now, complete=False
        )
        it.engine.portfolio.on_balances(odd)
        found = await it.ask(GetBalances())
        assert isinstance(found, Balances)
        worth = dict(zip((one.asset for one in found.rows[NAME]), found.worth[NAME], strict=True))
        assert worth == {"USDT": 1_000_000, "BTC": 10 * D(60_005), "SHIB": None}


async def test_the_same_ledger_is_the_same_profit_byte_for_byte(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for quantity, side in (("1", Side.BUY), ("0.4", Side.SELL), ("1.2", Side.SELL)):
            await trade(it, quantity, side)
        await with_fee(it, "0.01", "BNB")
        await it.ask(PriceFills(asset="BNB", price=D("612.5")))
        await it.ask(RecordFlow(asset="USDT", amount=D(3), note="interest"))
        digest = msgspec.json.encode(it.engine.journal.state.accounts.digest())
        ledger = it.ledger
        replayed = State()
        for stored in ledger.read():
            replayed.apply(from_body(stored.body))
        assert msgspec.json.encode(replayed.accounts.digest()) == digest


async def test_exported_fills_come_one_by_one_with_what_their_fees_were_worth(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await with_fee(it, "0.0001", "BTC")
        await with_fee(it, "0.01", "BNB")
        await trade(it, "1")
        await trade(it, "0.5", Side.SELL)
        await it.ask(PriceFills(asset="BNB", price=D(600)))
        records = [from_body(stored.body) for stored in it.ledger.read()]
    left = iter(records)
    next(table("fills", left))
    assert len(list(left)) > len(records) / 2  # it came before the rest was read
    rows = list(table("fills", records))
    assert [(row["commission_asset"], row["commission_rate"]) for row in rows] == [
        ("BTC", "60000"),
        ("BNB", "600"),
        ("USDT", "1"),
        ("USDT", "1"),
    ]


async def test_a_ledger_of_before_all_this_replays_and_what_it_never_knew_is_unknown(tmp_path: Path) -> None:
    """Only the records an older engine wrote: positions and realised in USDT are there, a BNB fee has no
    price, nothing is explained yet."""
    async with rig(tmp_path) as it:
        await trade(it, "1")
        await with_fee(it, "0.01", "BNB")
        await it.until(lambda: not it.engine.journal.waiting)
        old = [one for one in it.ledger.read() if one.kind in {"run", "order", "external-fill"}]
    state = State()
    for stored in old:
        state.apply(from_body(stored.body))
    sheet = state.accounts.pnl.symbols[NAME, SYMBOL]
    assert sheet.position == state.positions[NAME, SYMBOL]
    assert sheet.tally.value(Measure.REALISED) is None
    assert sheet.tally.unknown(Measure.REALISED) == {"BNB": D("-0.01")}
    assert state.accounts.cash.explain(NAME, {"USDT": D(1)}, {}) == ()
    assert state.accounts.curve.last is None
