"""Data requests may use up their share of the budget: a cancel, and what a cancel needs, leaves at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.port import OrderStatus, VenueError
from tests.shared_data import shared
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import Peer, ok, order, refused
from tests.venues.binance.spot.test_trading import REQUEST

CANCEL = ("DELETE", "/api/v3/order")
DEPTH_WEIGHT = 50
CALLS = 120  # 96 of them fit into the 4800 of 6000 that are not kept for cancels


def cancels(peer: Peer) -> None:
    answer = order("the-cancel", origClientOrderId="id-1", status="CANCELED")
    peer.api["order.cancel"] = lambda r: {"result": answer}
    peer.rest[CANCEL] = lambda q: ok(answer)


@asynccontextmanager
async def flooded(peer: Peer, venue: BinanceSpot) -> AsyncIterator[list["asyncio.Task[Any]"]]:
    """Depth calls until the budget is used up; those still waiting."""
    path = shared("protocols", "samples", "binance-spot", "rest-depth.json")
    body = msgspec.json.decode(path.read_bytes())
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok(body)
    limiter = venue._account.limiter
    now_ms = venue.server_time_ms() // 60_000 * 60_000 + 1
    limiter._now_ms = lambda: now_ms  # the minute never ends, so neither does the flood
    calls = [asyncio.create_task(venue.depth_snapshot("BTCUSDT")) for _ in range(CALLS)]
    served = 4_800 // DEPTH_WEIGHT
    await peer.until(lambda: len(peer.rest_calls("GET", "/api/v3/depth")) >= served - 1)
    waiting = [call for call in calls if not call.done()]
    try:
        assert len(waiting) >= CALLS - served
        yield waiting[-(CALLS - served) :]
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_cancel_leaves_at_once(peer: Peer) -> None:
    cancels(peer)
    venue = adapter(peer)
    async with running(venue, Seen()), flooded(peer, venue) as waiting:
        for _ in range(20):
            assert (await venue.cancel("BTCUSDT", "id-1")).status is OrderStatus.CANCELED
        assert not any(call.done() for call in waiting)
    assert len(peer.calls("order.cancel")) == 20
    assert peer.rest_calls(*CANCEL) == []


async def test_a_cancel_over_rest_leaves_at_once_too(peer: Peer) -> None:
    cancels(peer)
    venue = adapter(peer)
    async with flooded(peer, venue) as waiting:
        for _ in range(20):
            assert (await venue.cancel("BTCUSDT", "id-1")).status is OrderStatus.CANCELED
        assert not any(call.done() for call in waiting)
    await venue.close()
    assert len(peer.rest_calls(*CANCEL)) == 20


async def test_a_cancel_whose_clock_was_refused_gets_a_new_sample(peer: Peer) -> None:
    cancels(peer)
    answer = peer.api["order.cancel"]
    skewed = [refused(-1021, "Timestamp for this request is outside of the recvWindow.")]
    peer.api["order.cancel"] = lambda r: skewed.pop() if skewed else answer(r)
    venue = adapter(peer)
    async with running(venue, Seen()), flooded(peer, venue) as waiting:
        assert (await venue.cancel("BTCUSDT", "id-1")).status is OrderStatus.CANCELED
        assert not any(call.done() for call in waiting)
    assert len(peer.calls("order.cancel")) == 2


async def test_the_connection_for_orders_comes_back(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen), flooded(peer, venue) as waiting:
        peer.api_sockets[-1]._req.transport.abort()  # type: ignore[union-attr]  # no goodbye
        await seen.until(lambda: seen.ups() == 2)
        assert not any(call.done() for call in waiting)


async def test_an_order_waits_its_turn_and_is_refused_here(peer: Peer) -> None:
    """The share is for cancels: what places competes with the data."""
    venue = adapter(peer, budget_wait_s=0.01)
    async with running(venue, Seen()), flooded(peer, venue):
        with pytest.raises(VenueError) as failed:
            await venue.place("id-2", REQUEST, lambda: None)
    assert failed.value.code == "BUDGET"
