"""A watched instrument that halted is asked after until it trades again; one nobody watches is not."""

import asyncio
import random

import msgspec
import pytest

from spark_tui.domain.instrument import SymbolStatus
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.binance.spot.instruments import CACHE_S, RETRY_S, ExchangeInfo, decode_exchange_info
from spark_tui.wire.clock import ManualClock

BTC = {
    "symbol": "BTCUSDT",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "orderTypes": [],
    "filters": [],
}
NOWHERE = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-api/v3")


@pytest.mark.parametrize(("watched", "asked_again_after"), [("BTCUSDT", RETRY_S), ("ETHUSDT", CACHE_S)])
async def test_a_halt_ends_for_us_soon_after_it_ended(
    monkeypatch: pytest.MonkeyPatch, watched: str, asked_again_after: float
) -> None:
    clock = ManualClock()
    venue = BinanceSpot(NOWHERE, None, clock=clock, rng=random.Random(1))
    status = "HALT"

    async def exchange_info() -> tuple[ExchangeInfo, bytes]:
        return decode_exchange_info(msgspec.json.encode({"symbols": [BTC | {"status": status}]})), b""

    async def seen() -> SymbolStatus:
        return (await venue.instruments())[0].status

    monkeypatch.setattr(venue._rest, "exchange_info", exchange_info)
    running = asyncio.create_task(
        venue.run_streams((watched,), lambda *told: None, lambda *told: None, lambda *told: None)
    )
    await asyncio.sleep(0)
    try:
        assert await seen() is SymbolStatus.HALT
        status = "TRADING"
        clock.advance(asked_again_after - 1)
        assert await seen() is SymbolStatus.HALT
        clock.advance(1)
        assert await seen() is SymbolStatus.TRADING
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await venue.close()
