"""Faces: a snapshot first, the latest market, every order event, and the end of one that is too slow."""

import asyncio
from pathlib import Path
from typing import Any

from spark_tui.domain.market import Candle, Trade
from spark_tui.domain.order import OrderState
from spark_tui.engine.hub import MAX_QUEUED, TOO_SLOW, Face
from spark_tui.link.messages import (
    Balances,
    BookView,
    CandlesView,
    Event,
    Fills,
    Focus,
    Notice,
    OrderUpdate,
    Positions,
    Status,
    Tickers,
    TradesView,
)
from tests.engine.fake_venue import SYMBOL
from tests.engine.harness import Rig, buy, rig


async def following(face: Face) -> tuple[Event, ...]:
    return await asyncio.wait_for(anext(face.batches()), 5)


async def look(it: Rig, face: Face) -> list[Event]:
    """What the next look of a 5 Hz face brings."""
    it.clock.advance(0.25)
    return list(await following(face))


def of(events: Any, kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_face_begins_with_the_whole_picture(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit()
        resting = await it.submit()
        it.engine.notices("info", "hello")
        first = await following(it.engine.attach("cockpit", "me", 5.0))
        kinds = [type(event) for event in first]
        assert kinds[:3] == [Status, Balances, Positions]
        assert [update.order.state for update in of(first, OrderUpdate)] == [
            OrderState.FILLED,
            OrderState.ACCEPTED,
        ]
        assert of(first, OrderUpdate)[-1].order.client_order_id == resting.client_order_id
        assert len(of(first, Fills)[0].rows) == 1
        assert of(first, Tickers)[0].rows[0].symbol == SYMBOL
        assert of(first, BookView)[0].usable
        assert of(first, TradesView)
        assert of(first, CandlesView)[0].whole
        assert of(first, Notice)[-1].text == "hello"


async def test_order_events_come_at_once_and_in_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        face = it.engine.attach("cockpit", "me", 5.0)
        await following(face)
        await it.submit()
        events = await following(face)  # no time has passed: nothing was waited for
        states = [update.order.state for update in of(events, OrderUpdate)]
        assert states == [OrderState.NEW, OrderState.SENT, OrderState.ACCEPTED]


async def test_market_data_is_conflated_to_the_latest(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        face = it.engine.attach("cockpit", "me", 5.0)
        await following(face)
        for step in range(100):
            it.venue.tick(60_000.0 + step, 60_200.0 + step)
        events = await look(it, face)
        (book,) = of(events, BookView)
        assert book.bids[0].price == 60_099.0
        (tickers,) = of(events, Tickers)
        assert [row.bid for row in tickers.rows] == [60_099.0]
        assert face.cursor.changes() == []  # nothing happened since


async def test_a_book_that_grows_stale_is_news(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        face = it.engine.attach("cockpit", "me", 5.0)
        await following(face)
        it.clock.advance(6)
        events = list(await following(face))
        assert [book.usable for book in of(events, BookView)] == [False]
        assert [row.usable for row in of(events, Tickers)[0].rows] == [False]


async def test_trades_and_candles_follow_the_focus(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        face = it.engine.attach("cockpit", "me", 5.0)
        await following(face)
        await it.engine.handle(Focus(symbol=SYMBOL, interval="5m"), "me", face)
        it.venue.on_market(Trade(SYMBOL, 1, 60_000.0, 0.1, 1, True), 1)
        for minute in (0, 5, 10):
            it.venue.market(Candle(SYMBOL, "5m", minute * 60_000, 1.0, 1.0, 1.0, 1.0, 1.0, False))
        events = await look(it, face)
        assert [row.trade_id for row in of(events, TradesView)[0].rows] == [1]
        (candles,) = of(events, CandlesView)
        assert (candles.interval, candles.whole, len(candles.rows)) == ("5m", True, 3)
        it.venue.market(Candle(SYMBOL, "5m", 600_000, 1.0, 1.0, 1.0, 2.0, 1.0, False))
        (merge,) = of(await look(it, face), CandlesView)
        assert (merge.whole, len(merge.rows)) == (False, 2)


async def test_a_face_that_does_not_read_is_cut_off_and_the_engine_goes_on(tmp_path: Path) -> None:
    """F21."""
    async with rig(tmp_path) as it:
        slow = it.engine.attach("slow", "me", 5.0)
        quick = it.engine.attach("quick", "me", 5.0)
        heard = 0
        for number in range(MAX_QUEUED + 10):
            it.engine.notices("info", f"event {number}")
            if number % 100 == 0:
                heard += len(of(await following(quick), Notice))
        heard += len(of(await following(quick), Notice))
        assert slow.closed_because == TOO_SLOW
        assert [batch async for batch in slow.batches()] == []
        assert quick.closed_because == ""
        assert heard == MAX_QUEUED + 10
        assert (it.engine.hub.faces, it.engine.hub.cut_off) == (1, 1)
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_a_face_at_rate_zero_hears_nothing_and_ends_with_the_engine(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        quiet = it.engine.attach("do", "me", 0)
        await it.submit(buy())
        ended = asyncio.create_task(_all(quiet))
    assert await asyncio.wait_for(ended, 5) == []
    assert quiet.closed_because == ""


async def _all(face: Face) -> list[tuple[Event, ...]]:
    return [batch async for batch in face.batches()]


async def test_closing_one_face_leaves_the_others(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        first, second = it.engine.attach("a", "me", 5.0), it.engine.attach("b", "me", 5.0)
        first.close()
        first.close()
        assert it.engine.hub.faces == 1
        assert await _all(first) == []
        assert await following(second)
