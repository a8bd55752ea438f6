"""A watched instrument that has just halted is known within seconds, for next to no request weight."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from spark_tui.domain.instrument import Instrument, SymbolStatus
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.halts import AFTER_REFUSAL_S, AFTER_SILENCE_S, LOOK_EVERY_S, HaltWatch
from spark_tui.venues.binance.spot.instruments import ExchangeInfo, decode_exchange_info
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import instrument
from tests.venues.binance.spot.test_halted import BTC, NOWHERE

CLOSED = VenueError(Reaction.DEFINITE_REJECT, "-2010", "Market is closed.")


class Exchange:
    """What it lists, who is silent, and what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.status = {"BTCUSDT": SymbolStatus.TRADING, "ETHUSDT": SymbolStatus.TRADING}
        self.believed = dict(self.status)
        self.silent: set[str] = set()
        self.asked: list[tuple[str, ...]] = []
        self.down = False
        self.gone = ""

    async def ask(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        self.asked.append(symbols)
        if self.down:
            raise VenueError(Reaction.RETRY_SAFE, "DOWN", "No answer.")
        if self.gone in symbols:
            raise VenueError(Reaction.DEFINITE_REJECT, "-1121", "Invalid symbol.")
        return tuple(instrument(symbol, self.status[symbol]) for symbol in symbols)

    def learn(self, found: tuple[Instrument, ...]) -> None:
        self.believed |= {one.symbol: one.status for one in found}

    def trades(self, symbol: str) -> bool:
        return self.believed[symbol] is SymbolStatus.TRADING


@asynccontextmanager
async def watched(it: Exchange) -> AsyncIterator[HaltWatch]:
    watch = HaltWatch(it.ask, lambda: it.silent, it.trades, it.learn, it.clock)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_refusal_asks_about_its_symbol_alone_and_once() -> None:
    it = Exchange(ManualClock())
    async with watched(it) as watch:
        it.silent = {"BTCUSDT"}
        it.status["BTCUSDT"] = SymbolStatus.HALT
        watch.doubt("BTCUSDT")
        await it.clock.run_for(LOOK_EVERY_S)
        assert it.asked == [("BTCUSDT",)]
        assert it.believed == it.status
        for _ in range(100):
            watch.doubt("BTCUSDT")  # known to be halted: only whether it trades again is left to ask
        await it.clock.run_for(600)
        assert len(it.asked) == 1 + 600 / AFTER_SILENCE_S


async def test_what_stopped_trades_again_within_seconds_of_its_first_word() -> None:
    it = Exchange(ManualClock())
    async with watched(it) as watch:
        it.silent, it.status["BTCUSDT"] = {"BTCUSDT"}, SymbolStatus.HALT
        watch.doubt("BTCUSDT")
        await it.clock.run_for(LOOK_EVERY_S)
        assert it.believed["BTCUSDT"] is SymbolStatus.HALT
        await it.clock.run_for(20)
        it.silent, it.status["BTCUSDT"] = set(), SymbolStatus.TRADING
        await it.clock.run_for(AFTER_REFUSAL_S + LOOK_EVERY_S)
        assert it.believed == it.status
        asked = len(it.asked)
        await it.clock.run_for(600)
        assert len(it.asked) == asked


async def test_what_is_gone_for_good_keeps_no_other_from_being_asked_about() -> None:
    it = Exchange(ManualClock())
    async with watched(it) as watch:
        it.silent, it.status["BTCUSDT"] = {"BTCUSDT", "ETHUSDT"}, SymbolStatus.BREAK
        watch.doubt("BTCUSDT")
        await it.clock.run_for(LOOK_EVERY_S)
        it.gone = "BTCUSDT"
        await it.clock.run_for(2 * AFTER_SILENCE_S + LOOK_EVERY_S)
        assert it.asked[-1] == ("ETHUSDT",)


async def test_a_venue_that_contradicts_itself_is_asked_within_bounds() -> None:
    """Its orders say closed, its list says that it trades."""
    it = Exchange(ManualClock())
    async with watched(it) as watch:
        for _ in range(60):
            watch.doubt("BTCUSDT")
            await it.clock.run_for(1)
        assert 5 <= len(it.asked) <= 60 / AFTER_REFUSAL_S + 1


async def test_silence_is_asked_about_once_a_minute_all_in_one_call() -> None:
    it = Exchange(ManualClock())
    it.silent = {"BTCUSDT", "ETHUSDT"}
    async with watched(it):
        await it.clock.run_for(3 * AFTER_SILENCE_S)
        assert it.asked == [("BTCUSDT", "ETHUSDT")] * 3
        it.status["ETHUSDT"] = SymbolStatus.BREAK
        await it.clock.run_for(AFTER_SILENCE_S)
        assert it.believed == it.status
        await it.clock.run_for(AFTER_SILENCE_S)
        assert it.asked[-1] == ("BTCUSDT", "ETHUSDT")  # whether it trades again


async def test_a_question_that_failed_is_asked_again() -> None:
    it = Exchange(ManualClock())
    async with watched(it) as watch:
        it.down = True
        it.status["BTCUSDT"] = SymbolStatus.HALT
        watch.doubt("BTCUSDT")
        await it.clock.run_for(LOOK_EVERY_S)
        it.down = False
        await it.clock.run_for(AFTER_REFUSAL_S + LOOK_EVERY_S)
        assert it.believed == it.status
        assert len(it.asked) == 2


async def test_the_adapter_tells_the_watch_and_takes_what_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    venue = BinanceSpot(NOWHERE, None, clock=clock, rng=random.Random(1))
    asked: list[tuple[str, ...]] = []

    async def exchange_info() -> tuple[ExchangeInfo, bytes]:
        body = msgspec.json.encode({"symbols": [BTC | {"status": "TRADING"}]})
        return decode_exchange_info(body), b""

    async def instruments_of(symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        asked.append(symbols)
        body = msgspec.json.encode({"symbols": [BTC | {"status": "HALT"}]})
        return decode_exchange_info(body).instruments

    monkeypatch.setattr(venue._rest, "exchange_info", exchange_info)
    monkeypatch.setattr(venue._halts, "_ask", instruments_of)
    running = asyncio.create_task(
        venue.run_streams(("BTCUSDT",), lambda *told: None, lambda *told: None, lambda *told: None)
    )
    await asyncio.sleep(0)
    try:
        before = await venue.instruments()
        assert before[0].status is SymbolStatus.TRADING
        assert await venue.instruments() is before
        with pytest.raises(VenueError), venue._minding_rules("BTCUSDT"):
            raise CLOSED
        await clock.run_for(LOOK_EVERY_S)
        assert asked == [("BTCUSDT",)]
        assert (await venue.instruments())[0].status is SymbolStatus.HALT
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await venue.close()
