"""Whoever listens hears every request and answer of its own task, and no secret in either."""

import asyncio
import contextlib
from decimal import Decimal as D

import pytest

from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery
from spark_tui.venues.port import VenueError
from spark_tui.wire.exchanges import Exchange, heard_by
from tests.venues.binance.spot.conftest import Seen, running
from tests.venues.binance.spot.simulated import buy, far_below, new_id, nothing


@pytest.mark.parametrize("face", ["ws-api", "rest"])
async def test_an_orders_life_is_heard_without_key_and_signature(
    venue: BinanceSpot, found: Discovery, face: str
) -> None:
    price = await far_below(venue)
    heard: list[Exchange] = []
    async with contextlib.AsyncExitStack() as stack:
        if face == "ws-api":
            await stack.enter_async_context(running(venue, Seen()))
        with heard_by(heard.append):
            name = new_id()
            await venue.test_order("t-1", buy("0.01", price))
            await asyncio.create_task(venue.place(name, buy("0.01", price), nothing))
            await venue.cancel("BTCUSDT", name)
            with pytest.raises(VenueError):
                await venue.place(new_id(), buy("0.01", D("0.01")), nothing)
        await venue.balances()  # nobody listens any more
    way = {"ws-api": ("WS order.place", "WS order.cancel"), "rest": ("POST /api/v3/order",) * 2}[face]
    assert [one.what for one in heard][:2] == ["POST /api/v3/order/test", way[0]]
    assert [one.status for one in heard] == [200, 200, 200, 400]
    assert f"newClientOrderId={name}" in heard[1].request
    assert name in heard[1].answer
    assert heard[3].answer
    assert found.credentials is not None
    for one in heard:
        said = one.request + one.answer
        assert "signature" not in said
        assert found.credentials.api_key not in said
        assert one.took_ns > 0
