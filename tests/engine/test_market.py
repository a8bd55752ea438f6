"""Feeds to books: gaps lead to a resync and never to a price; candles and sparks keep their order."""

import random
from functools import partial
from pathlib import Path

import msgspec

from spark_tui.domain.book import Unusable
from spark_tui.domain.health import WeightGauge
from spark_tui.domain.market import BookTicker, Candle, DepthDiff, DepthRestart, Ticker, Trade
from spark_tui.domain.order import OrderState
from spark_tui.engine.candles import MAX_CANDLES, CandleSeries, Spark
from spark_tui.engine.market import Market
from spark_tui.engine.resync import ResyncQueue
from spark_tui.link.messages import BookView, GetBook, GetTickers, Tickers
from spark_tui.store.recordings import read_recording
from spark_tui.venues.binance.spot.codec_market import decode_depth_snapshot, decode_frame
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, FakeVenue
from tests.engine.harness import buy, rig
from tests.shared_data import shared


async def test_a_gap_makes_the_book_unusable_until_the_snapshot(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.skip(2)
        it.venue.tick()
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "BOOK_UNUSABLE")
        shown = await it.ask(GetBook(symbol=SYMBOL))
        assert isinstance(shown, BookView)
        assert (shown.usable, shown.bids, shown.asks) == (False, (), ())
        assert "missing" in shown.why
        await it.clock.run_for(10)
        assert 2 < it.venue.snapshots < 10  # asked again and again, but later and later
        it.venue.failing.clear()
        it.venue.tick()
        await it.until(lambda: it.engine.views.usable(NAME, SYMBOL))
        assert (await it.submit()).state is OrderState.ACCEPTED
        assert it.engine.markets[NAME].gaps() == 1


async def test_a_book_nobody_feeds_any_more_is_no_price(tmp_path: Path) -> None:
    """F28."""
    async with rig(tmp_path) as it:
        it.clock.advance(5.5)
        assert (await it.submit()).code == "BOOK_UNUSABLE"
        rows = await it.ask(GetTickers())
        assert isinstance(rows, Tickers)
        assert not rows.rows[0].usable
        assert rows.rows[0].age_s >= 5.5


async def test_own_orders_are_shown_in_the_depth(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit(buy("0.5", "60000"))
        shown = await it.ask(GetBook(symbol=SYMBOL))
        assert isinstance(shown, BookView)
        assert (shown.bids[0].price, shown.bids[0].own) == (60_000.0, 0.5)


async def test_fifty_trades_are_kept_and_strangers_are_counted() -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    resync = ResyncQueue(venue, clock, random.Random(1), lambda level, text: None)
    market = Market(NAME, (SYMBOL,), clock, resync, max_age_s=5)
    for number in range(80):
        market.on_event(Trade(SYMBOL, number, 1.0 + number, 1.0, 60_000 * number, False), 0)
    market.on_event(Trade("OTHER", 1, 1.0, 1.0, 1, False), 0)
    kept = market.symbols[SYMBOL]
    assert [trade.trade_id for trade in kept.trades] == list(range(30, 80))
    assert market.last_price(SYMBOL) == 80.0
    assert market.strangers == 1
    assert len(kept.spark.closes()) == 60
    assert isinstance(market.quote("OTHER"), Unusable)


def test_a_restart_is_no_word_of_the_venue() -> None:
    """We say it ourselves once subscribed: a symbol from which nothing came is not heard of by it."""
    clock = ManualClock()
    resync = ResyncQueue(FakeVenue(clock), clock, random.Random(1), lambda level, text: None)
    market = Market(NAME, (SYMBOL,), clock, resync, max_age_s=5)
    heard = market.symbols[SYMBOL]
    market.on_event(DepthRestart(SYMBOL), 0)
    assert heard.age_s(clock.mono_ns()) == float("inf")
    market.on_event(told(1), 0)
    clock.advance(3)
    market.on_event(DepthRestart(SYMBOL), 0)
    assert heard.age_s(clock.mono_ns()) == 3


def test_a_book_that_is_wrong_asks_for_a_snapshot_at_once() -> None:
    clock = ManualClock()
    resync = ResyncQueue(FakeVenue(clock), clock, random.Random(1), lambda level, text: None)
    market = Market(NAME, (SYMBOL,), clock, resync, max_age_s=5)
    market.reload(SYMBOL, "its top is another one")
    assert resync.waiting == 1
    assert isinstance(market.quote(SYMBOL), Unusable)


async def test_a_storm_of_gaps_stays_within_the_weight_budget() -> None:
    """F30: 400 symbols lose sync at once; snapshots stop at their share of the budget."""
    clock = ManualClock()
    weight = {"used": 0, "peak": 0}

    class Metered(FakeVenue):
        def weight(self) -> WeightGauge:
            return WeightGauge(used=weight["used"], limit=6000)

        async def depth_snapshot(self, symbol: str, limit: int = 1000):  # type: ignore[no-untyped-def]
            weight["used"] += 50
            weight["peak"] = max(weight["peak"], weight["used"])
            return await super().depth_snapshot(symbol, limit)

    import asyncio

    symbols = tuple(f"S{number}USDT" for number in range(400))
    queue = ResyncQueue(Metered(clock, symbols), clock, random.Random(1), lambda level, text: None)
    fetched: list[str] = []
    running = asyncio.create_task(queue.run(lambda snapshot: not fetched.append(snapshot.symbol)))
    for symbol in symbols:
        queue.want(symbol)
    for _ in range(20):
        await clock.run_for(60)
        weight["used"] = 0  # the next minute
    running.cancel()
    assert sorted(fetched) == sorted(symbols)
    assert weight["peak"] <= 0.8 * 6000


async def test_a_snapshot_that_was_awaited_when_the_streams_broke_is_still_wanted(tmp_path: Path) -> None:
    """A book asks once for each loss of sync: did the wish end with its worker, it would wait for ever."""
    async with rig(tmp_path) as it:
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.skip(2)
        it.venue.tick()
        await it.clock.run_for(1)  # a worker waits for the time of the next try
        resync = it.engine.runners[NAME].resync
        assert resync.waiting == 0
        it.venue.break_streams.set()
        await it.until(lambda: it.venue.runs == 2)
        it.venue.failing.clear()
        it.venue.tick()
        await it.clock.run_for(20)
        it.venue.tick()
        assert it.engine.views.usable(NAME, SYMBOL)


def told(update_id: int, bid: float = 60_000.0) -> BookTicker:
    return BookTicker(SYMBOL, update_id, bid, 2.0, 60_010.0, 3.0)


async def test_a_top_the_venues_ticker_contradicts_is_no_price(tmp_path: Path) -> None:
    """A changed digit in a plain line's valid JSON: a level stands where the venue has none."""
    async with rig(tmp_path) as it:
        one, usable = it.engine.markets[NAME].symbols[SYMBOL], partial(it.engine.views.usable, NAME, SYMBOL)
        it.venue.market(told(it.venue._update_id, 59_990.0))
        assert usable()  # the next ticker might still be about this very update
        it.venue.market(told(it.venue._update_id + 1, 59_990.0))
        assert (usable(), one.mismatches) == (False, 1)
        assert (await it.submit()).code == "BOOK_UNUSABLE"
        snapshots = it.venue.snapshots
        it.venue.tick()
        it.venue.market(told(it.venue._update_id + 1, 59_990.0))
        assert not one.book.live  # contradicted again: begun anew
        it.venue.tick()
        await it.until(lambda: it.venue.snapshots > snapshots)
        it.venue.tick()
        assert usable()


async def test_one_ticker_that_was_never_sent_costs_no_snapshot(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        one, snapshots = it.engine.markets[NAME].symbols[SYMBOL], it.venue.snapshots
        it.venue.market(told(it.venue._update_id, 59_990.0))
        it.venue.market(told(it.venue._update_id + 1))
        assert one.doubts
        it.venue.tick()
        it.venue.market(told(it.venue._update_id + 1))
        assert it.engine.views.usable(NAME, SYMBOL)
        assert (it.venue.snapshots, one.mismatches) == (snapshots, 1)


async def test_a_doubt_no_ticker_decides_ends_with_a_snapshot(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        one, snapshots = it.engine.markets[NAME].symbols[SYMBOL], it.venue.snapshots
        it.venue.market(told(it.venue._update_id, 59_990.0))
        it.venue.market(told(it.venue._update_id + 1))
        for _ in range(3):
            assert not it.engine.views.usable(NAME, SYMBOL)
            it.venue.tick()
        await it.until(lambda: it.venue.snapshots > snapshots)
        it.venue.tick()
        assert it.engine.views.usable(NAME, SYMBOL)
        assert not one.doubts


async def test_tickers_missed_while_a_book_resynced_accuse_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.market(told(it.venue._update_id, 59_990.0))
        it.venue.skip(2)
        it.venue.tick()
        await it.until(lambda: it.venue.snapshots > 1)
        it.venue.tick()
        it.venue.market(told(it.venue._update_id + 1))
        assert it.engine.views.usable(NAME, SYMBOL)
        assert it.engine.markets[NAME].symbols[SYMBOL].mismatches == 0


def test_the_venues_own_recording_is_hardly_ever_doubted_and_a_changed_digit_is() -> None:
    """Two tickers in eleven minutes were never sent; that costs no snapshot."""
    files = [shared("data", "hftbacktest-binance", f"spot_btcusdt_2024080{day}.gz") for day in (8, 9)]
    market, doubted = _played(files)
    assert market.symbols[SYMBOL].mismatches == 2
    assert market.symbols[SYMBOL].book.resyncs == 0
    assert doubted < 0.001

    market, doubted = _played(files[:1], lost_after=2_000)
    assert market.symbols[SYMBOL].mismatches == 1  # and then the venue told that level again
    assert doubted > 0


def _played(files: list[Path], *, lost_after: int | None = None) -> tuple[Market, float]:
    """A recording through a Market, and the share of its diffs after which the top was in doubt. Once
    after `lost_after` the new best bid has another price, and twenty diffs later is the end."""
    clock = ManualClock()
    resync = ResyncQueue(FakeVenue(clock), clock, random.Random(1), lambda level, text: None)
    market = Market(NAME, (SYMBOL,), clock, resync, max_age_s=5)
    diffs = doubted = lost = 0
    for frame in (frame for path in files for frame in read_recording(path)):
        if frame.kind == "snapshot":
            market.on_snapshot(decode_depth_snapshot(frame.raw, SYMBOL))
            continue
        event = decode_frame(frame.raw)
        if isinstance(event, DepthDiff):
            diffs += 1
            doubted += market.symbols[SYMBOL].doubts > 0
            top = market.symbols[SYMBOL].book.top()
            if lost and diffs > lost + 20:
                break
            if lost_after is not None and not lost and diffs > lost_after and top:
                kept = [level for level in event.bids if level[0] <= top[0] or not level[1]]
                lost = diffs if len(kept) < len(event.bids) else 0
                event = msgspec.structs.replace(event, bids=kept)
            market.on_event(event, 0)
        elif isinstance(event, BookTicker):
            market.on_event(event, 0)
    return market, doubted / diffs


async def test_the_ticker_is_the_last_price_where_no_trades_come(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.market(Ticker(SYMBOL, 60_123.0, 1.5, 1.0, 2.0, 0.5, 9.0, 99.0, 1_000))
        rows = await it.ask(GetTickers())
        assert isinstance(rows, Tickers)
        row = rows.rows[0]
        assert (row.last, row.change_percent, row.bid, row.ask) == (60_123.0, 1.5, 60_000.0, 60_010.0)


def candle(minute: int, close: float = 1.0) -> Candle:
    return Candle(SYMBOL, "1m", minute * 60_000, 1.0, 1.0, 1.0, close, 1.0, False)


def test_candles_merge_by_open_time_and_report_holes() -> None:
    series = CandleSeries()
    assert not series.merge(candle(5))
    assert not series.merge(candle(6))
    assert not series.merge(candle(6, 2.0))
    assert series.merge(candle(9))  # 7 and 8 were missed
    series.load(tuple(candle(minute, 7.0) for minute in range(4, 10)))
    assert [row.open_ms // 60_000 for row in series.rows] == [4, 5, 6, 7, 8, 9]
    assert series.rows[-1].close == 1.0  # the running candle's live word is newer than history's
    series.merge(candle(7, 3.0))
    assert series.rows[3].close == 3.0
    assert series.whole == series.version


def test_candles_are_bounded() -> None:
    series = CandleSeries()
    for minute in range(MAX_CANDLES + 10):
        series.merge(candle(minute))
    assert len(series.rows) == MAX_CANDLES
    assert series.rows[0].open_ms == 10 * 60_000


def test_the_spark_joins_history_and_live_prices() -> None:
    spark = Spark(length=4)
    spark.price(10 * 60_000, 5.0)
    spark.load(tuple(candle(minute, float(minute)) for minute in range(6, 11)))
    assert spark.closes() == (7.0, 8.0, 9.0, 5.0)
    spark.price(9 * 60_000, 99.0)  # late: ignored
    spark.price(11 * 60_000, 6.0)
    assert spark.closes() == (8.0, 9.0, 5.0, 6.0)
