"""An unmodified third-party client, python-binance, with nothing changed but the addresses it talks to."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from spark_tui.simulator.server import Server
from tests.simulator.rig import KEY, SECRET
from tests.simulator.test_server import server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client's own
    binance = pytest.importorskip("binance")

__all__ = ["server"]


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Any]:
    client = binance.AsyncClient(KEY, SECRET)
    client.API_URL = f"{server.base_url}/api"
    client.ws_api._url = server.ws_api_url
    client.ws_api.TIMEOUT = 0.2  # how long closing it waits for a last message
    yield client
    await client.close_connection()


def sockets(client: Any, server: Server) -> Any:
    manager = binance.BinanceSocketManager(client)
    manager.STREAM_URL = f"{server.ws_url}/"
    return manager


async def test_it_loads_markets_and_reads_data(client: Any) -> None:
    assert await client.ping() == {}
    info = await client.get_exchange_info()
    assert {"BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY", "LTCUSDT", "XRPUSDT", "XMRUSDT", "这是测试币456"} == {
        s["symbol"] for s in info["symbols"]
    }
    assert (await client.get_symbol_info("BTCUSDT"))["filters"][0]["tickSize"] == "0.01000000"
    book = await client.get_order_book(symbol="BTCUSDT", limit=20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert len(await client.get_klines(symbol="ETHUSDT", interval="1h", limit=500)) == 500
    assert len(await client.get_recent_trades(symbol="BTCUSDT")) > 20
    assert float((await client.get_avg_price(symbol="BTCUSDT"))["price"]) > 60_000
    assert float((await client.get_ticker(symbol="BNBUSDT"))["lastPrice"]) > 500
    assert len(await client.get_all_tickers()) == 7
    assert (await client.get_account())["canTrade"] is True


async def test_it_reads_streams_and_keeps_a_book(client: Any, server: Server) -> None:
    manager = sockets(client, server)
    async with manager.multiplex_socket(["btcusdt@trade", "btcusdt@bookTicker"]) as stream:
        seen: set[str] = set()
        while len(seen) < 2:
            seen.add((await asyncio.wait_for(stream.recv(), 10))["stream"])
    snapshots: list[int] = []
    read_book = client.get_order_book

    async def noted(**words: Any) -> dict[str, Any]:
        book: dict[str, Any] = await read_book(**words)
        snapshots.append(book["lastUpdateId"])
        return book

    client.get_order_book = noted
    cache_manager = binance.DepthCacheManager(client, "BTCUSDT", bm=manager, ws_interval=100)
    async with asyncio.timeout(60), cache_manager as caches:
        seen_books = 0
        while seen_books < 5:
            cache = await caches.recv()
            if cache_manager._last_update_id < snapshots[-1]:
                continue  # after a late start it puts the diffs it missed on a snapshot that is newer
            bids, asks = cache.get_bids(), cache.get_asks()
            assert bids[0][0] < asks[0][0]
            assert len(bids) > 20
            seen_books += 1


async def test_it_trades_over_rest_and_hears_of_it(client: Any, server: Server) -> None:
    async with sockets(client, server).user_socket() as user:
        bought = await client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
        assert bought["status"] == "FILLED"
        events = [await asyncio.wait_for(user.recv(), 10) for _ in range(3)]
        assert events[0]["x"] == "NEW"
        assert events[-1]["e"] in ("outboundAccountPosition", "executionReport")
        price = f"{Decimal(bought['fills'][0]['price']) * Decimal('0.9'):.2f}"
        order = await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price=price)
        assert order["status"] == "NEW"
        found = await client.get_order(symbol="BTCUSDT", orderId=order["orderId"])
        assert found["clientOrderId"] == order["clientOrderId"]
        assert [o["orderId"] for o in await client.get_open_orders(symbol="BTCUSDT")] == [order["orderId"]]
        canceled = await client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
        assert canceled["status"] == "CANCELED"
        while True:
            event = await asyncio.wait_for(user.recv(), 10)
            if event.get("x") == "CANCELED":
                break
    assert [o["status"] for o in await client.get_all_orders(symbol="BTCUSDT")] == ["FILLED", "CANCELED"]
    assert (await client.get_my_trades(symbol="BTCUSDT"))[0]["orderId"] == bought["orderId"]
    assert await client.create_test_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01") == {}


async def test_it_trades_over_the_websocket_api(client: Any) -> None:
    order = await client.ws_create_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000"
    )
    assert order["status"] == "NEW"
    found = await client.ws_get_order(symbol="BTCUSDT", orderId=order["orderId"])
    assert found["price"] == "50000.00000000"
    assert len(await client.ws_get_open_orders(symbol="BTCUSDT")) == 1
    assert (await client.ws_cancel_order(symbol="BTCUSDT", orderId=order["orderId"]))["status"] == "CANCELED"
    assert (await client.ws_get_order_book(symbol="BTCUSDT"))["bids"]
    assert {b["asset"] for b in (await client.ws_get_account())["balances"]} >= {"BTC", "USDT"}


async def test_it_places_and_cancels_order_lists(client: Any, server: Server) -> None:
    async with sockets(client, server).user_socket() as user:
        last = Decimal((await client.get_symbol_ticker(symbol="BTCUSDT"))["price"])
        oco = await client.create_oco_order(
            symbol="BTCUSDT",
            side="SELL",
            quantity="0.01",
            aboveType="LIMIT_MAKER",
            abovePrice=f"{last * 2:.2f}",
            belowType="STOP_LOSS_LIMIT",
            belowStopPrice=f"{last / 2:.2f}",
            belowPrice=f"{last / 2:.2f}",
            belowTimeInForce="GTC",
        )
        assert [report["status"] for report in oco["orderReports"]] == ["NEW", "NEW"]
        assert len(await client.get_open_orders(symbol="BTCUSDT")) == 2
        amended = await client._request_api(
            "put", "order/amend/keepPriority", True,
            data={"symbol": "BTCUSDT", "orderId": oco["orders"][0]["orderId"], "newQty": "0.005"},
        )  # fmt: skip
        assert amended["amendedOrder"]["qty"] == "0.00500000"
        await client.cancel_order(symbol="BTCUSDT", orderId=oco["orders"][1]["orderId"])
        assert await client.get_open_orders(symbol="BTCUSDT") == []
        while True:
            event = await asyncio.wait_for(user.recv(), 10)
            if event["e"] == "listStatus" and event["L"] == "ALL_DONE":
                break
        assert event["g"] == oco["orderListId"]


async def test_it_understands_refusals(client: Any) -> None:
    with pytest.raises(binance.exceptions.BinanceAPIException) as caught:
        await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="60000.001")
    assert (caught.value.code, caught.value.message) == (-1013, "Filter failure: PRICE_FILTER")
    client.API_SECRET = "x" * 64
    with pytest.raises(binance.exceptions.BinanceAPIException) as caught:
        await client.get_account()
    assert caught.value.code == -1022
