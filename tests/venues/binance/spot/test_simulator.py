"""The adapter against the bundled simulator, a real process on loopback."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.market import BookTicker, Candle, DepthDiff, PartialDepth, Ticker, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Environment
from spark_tui.venues.binance.credentials import Ed25519Key, HmacKey
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery, Endpoints, discover, get
from spark_tui.venues.port import (
    BalancesReport,
    OrderReport,
    OrderStatus,
    Reaction,
    UserStreamDown,
    VenueError,
)
from spark_tui.wire.clock import SystemClock
from tests.venues.binance.spot.conftest import Seen, live, running
from tests.venues.binance.spot.simulated import Simulator, buy, connect, far_below, new_id, nothing


def reports(seen: Seen, client_order_id: str) -> list[OrderReport]:
    return [e for e in seen.user if isinstance(e, OrderReport) and e.client_order_id == client_order_id]


async def test_start_and_what_it_learns(venue: BinanceSpot, found: Discovery) -> None:
    await venue.start()
    assert (venue.environment, found.data) == (Environment.SIM, "Mock")
    assert {"BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY"} <= {i.symbol for i in await venue.instruments()}
    assert venue.weight().used >= 20 + 20
    candles = await venue.candles("BTCUSDT", "1m", 10)
    assert [c.closed for c in candles] == [True] * 9 + [False]


async def test_every_stream_speaks_without_a_gap(venue: BinanceSpot) -> None:
    seen = Seen()
    async with running(venue, seen):
        kinds = {Trade, BookTicker, DepthDiff, PartialDepth, Ticker, Candle}
        await seen.until(lambda: kinds <= {type(e) for e in seen.market})
        await venue.focus("ETHUSDT", "5m")
        await seen.until(lambda: any(isinstance(e, Candle) and e.interval == "5m" for e in seen.market))
        assert all(h.gaps == 0 for h in venue.health())
        names = {h.name for h in venue.health()}
        assert {"market", "user", "ws-api", "btcusdt@depth@100ms", "ethusdt@kline_5m"} <= names
    assert len(seen.frames) >= len(seen.market)


async def test_a_market_order_from_call_to_balance(venue: BinanceSpot) -> None:
    seen, client_order_id, sent = Seen(), new_id(), []
    async with running(venue, seen):
        before = {b.asset: b for b in (await venue.balances()).balances}
        report = await venue.place(client_order_id, buy("0.01"), lambda: sent.append(1))
        assert (report.status, report.filled, sent) == (OrderStatus.FILLED, D("0.01"), [1])
        assert sum(fill.quantity for fill in report.fills) == report.filled
        await seen.until(lambda: any(isinstance(e, BalancesReport) for e in seen.user))
        told = reports(seen, client_order_id)
        assert (told[0].status, told[-1].status) == (OrderStatus.NEW, OrderStatus.FILLED)
        streamed = [fill for r in told for fill in r.fills]
        assert [f.trade_id for f in streamed] == [f.trade_id for f in report.fills]
        trades = await venue.trades("BTCUSDT", venue_order_id=report.venue_order_id)
        assert [t.fill.trade_id for t in trades] == [f.trade_id for f in report.fills]
        after = {b.asset: b for b in (await venue.balances()).balances}
    bought = sum((f.quantity - f.commission for f in report.fills), D(0))
    assert after["BTC"].total - before["BTC"].total == bought
    assert before["USDT"].total - after["USDT"].total == report.filled_quote


async def test_a_resting_order_from_call_to_cancel(venue: BinanceSpot) -> None:
    seen, first, second = Seen(), new_id(), new_id()
    price = await far_below(venue)
    async with running(venue, seen):
        placed = await venue.place(first, buy("0.01", price), nothing)
        await venue.place(second, buy("0.02", price), nothing)
        assert placed.status is OrderStatus.NEW
        assert {o.client_order_id for o in await venue.open_orders("BTCUSDT")} == {first, second}
        canceled = await venue.cancel("BTCUSDT", first)
        assert (canceled.client_order_id, canceled.status) == (first, OrderStatus.CANCELED)
        assert [o.client_order_id for o in await venue.cancel_all("BTCUSDT")] == [second]
        assert await venue.cancel_all("BTCUSDT") == ()
        await seen.until(lambda: any(r.status is OrderStatus.CANCELED for r in reports(seen, second)))
        assert [r.status for r in reports(seen, first)] == [OrderStatus.NEW, OrderStatus.CANCELED]
        queried = await venue.query("BTCUSDT", first)
        assert queried is not None
        assert (queried.status, queried.request) == (OrderStatus.CANCELED, placed.request)
        assert await venue.query("BTCUSDT", "never-sent") is None
        assert {o.client_order_id for o in await venue.all_orders("BTCUSDT")} >= {first, second}
        with pytest.raises(VenueError) as gone:
            await venue.cancel("BTCUSDT", first)
        assert (gone.value.reaction, gone.value.code) == (Reaction.DEFINITE_REJECT, "-2011")


async def test_orders_work_over_rest_alone(venue: BinanceSpot) -> None:
    client_order_id = new_id()
    price = await far_below(venue)
    await venue.test_order(client_order_id, buy("0.01", price))
    assert await venue.query("BTCUSDT", client_order_id) is None  # a test places nothing
    assert (await venue.place(client_order_id, buy("0.01", price), nothing)).status is OrderStatus.NEW
    assert (await venue.cancel("BTCUSDT", client_order_id)).client_order_id == client_order_id


async def test_an_ed25519_key_signs_both_ways(simulator: Simulator, found: Discovery) -> None:
    info = msgspec.json.decode(await get(f"{found.endpoints.rest}/sim/v1/info"))
    key = Ed25519Key(info["ed25519_api_key"], simulator.ed25519_pem)
    venue, seen = connect(found.endpoints, key), Seen()
    await venue.start()
    async with running(venue, seen):
        report = await venue.place(new_id(), buy("0.001"), nothing)
        assert report.status is OrderStatus.FILLED


@pytest.mark.parametrize("offset_ms", [45_000, -45_000])
async def test_a_server_clock_that_steps_costs_one_repetition(
    venue: BinanceSpot, found: Discovery, offset_ms: int
) -> None:
    seen = Seen()
    async with running(venue, seen):
        try:
            await _set_clock(found, offset_ms)
            assert (await venue.place(new_id(), buy("0.001"), nothing)).status is OrderStatus.FILLED
            assert abs(venue.server_time_ms() - SystemClock().wall_ns() // 1_000_000 - offset_ms) < 2_000
            await venue.balances()
        finally:
            await _set_clock(found, 0)


# --- what is wrong is said -------------------------------------------------------------------------------


async def test_a_wrong_key_and_a_wrong_secret_are_told_apart(found: Discovery) -> None:
    assert found.credentials is not None
    for key, code, says in (
        (HmacKey("Wrong" * 12 + "Keys", "secret"), "-2015", "check the API key"),
        (HmacKey(found.credentials.api_key, "wrong"), "-1022", "check that the API secret belongs"),
    ):
        venue = connect(found.endpoints, key)
        with pytest.raises(VenueError, match=says) as failed:
            await venue.start()
        await venue.close()
        assert (failed.value.reaction, failed.value.code) == (Reaction.AUTH, code)
        assert key.api_key not in failed.value.text


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (buy("0.01", D("50000"), "NOPEUSDT"), "-1121", "check the symbol"),
        (buy("0.0000001", D("50000")), "-1013", "LOT_SIZE"),
        (buy("0.000000001", D("50000")), "-1111", "use fewer decimals"),
        (buy("5", D("60000")), "-2010", "insufficient balance"),
    ],
)
async def test_bad_orders_are_refused_with_their_reason(
    venue: BinanceSpot, connected: bool, request_: OrderRequest, code: str, says: str
) -> None:
    async def check() -> None:
        with pytest.raises(VenueError, match=says) as failed:
            await venue.place(new_id(), request_, nothing)
        assert (failed.value.reaction, failed.value.code) == (Reaction.DEFINITE_REJECT, code)

    if connected:
        async with running(venue, Seen()):
            await check()
    else:
        await check()


async def test_a_closed_port_is_a_sentence() -> None:
    nowhere = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-api/v3")
    venue = connect(nowhere, HmacKey("key", "secret"))
    with pytest.raises(VenueError, match=r"could not connect .*: nothing was sent\.") as failed:
        await venue.start()
    await venue.close()
    assert failed.value.reaction is Reaction.RETRY_SAFE


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator of this test's own, to be stopped and started."""
    process = Simulator(tmp_path)
    process.start()
    yield process
    process.stop()


async def test_a_server_that_goes_away_and_comes_back(mortal: Simulator) -> None:
    found = await discover(mortal.info["base_url"])
    venue, seen, client_order_id = connect(found.endpoints, found.credentials), Seen(), new_id()
    price = await far_below(venue)
    async with running(venue, seen):
        await venue.place(client_order_id, buy("0.01", price), nothing)
        mortal.stop()
        await seen.until(lambda: any(isinstance(e, UserStreamDown) for e in seen.user))
        with pytest.raises(VenueError) as failed:
            await venue.place(new_id(), buy("0.01"), nothing)
        assert (failed.value.reaction, failed.value.code) == (Reaction.RETRY_SAFE, "NOT_SENT")
        await asyncio.to_thread(mortal.start)
        await seen.until(lambda: seen.ups() == 2)
        await live(venue, "market")
        assert [o.client_order_id for o in await venue.open_orders()] == [client_order_id]
        count = len(seen.market)
        await seen.until(lambda: len(seen.market) > count)


async def _set_clock(found: Discovery, offset_ms: int) -> None:
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(f"{found.endpoints.rest}/sim/v1/clock?offset_ms={offset_ms}")
        assert reply.status_code == 200
