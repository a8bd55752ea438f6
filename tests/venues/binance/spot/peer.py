"""A scripted Binance on loopback: it answers what a test tells it to, and remembers what it was asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import WSMsgType, web

from spark_tui.venues.binance.spot.endpoints import Endpoints

Json = dict[str, Any]
Rest = Callable[[dict[str, str]], "tuple[int, bytes] | None"]  # None: close the connection unanswered
Api = Callable[
    [Json], "Json | bytes | None"
]  # Json: merged into the reply; bytes: sent as they are; None: silence

EXCHANGE_INFO: Json = {
    "timezone": "UTC",
    "serverTime": 1,
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    ],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": symbol,
            "status": "TRADING",
            "baseAsset": symbol[:3],
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "filters": [],
        }
        for symbol in ("BTCUSDT", "ETHUSDT")
    ],
}
ACCOUNT: Json = {"canTrade": True, "balances": [{"asset": "BTC", "free": "1.5", "locked": "0"}]}


def order(client_order_id: str, **changes: Any) -> Json:
    return {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": client_order_id,
        "transactTime": 1507725176595,
        "price": "60000.00",
        "origQty": "0.01",
        "executedQty": "0.00",
        "cummulativeQuoteQty": "0.00",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
    } | changes


class Peer:
    """Set `rest[method, path]` and `api[method]`; read `asked` and `messages`. `start` is answered."""

    def __init__(self) -> None:
        self.skew_ms = 0
        self.rest: dict[tuple[str, str], Rest] = {}
        self.api: dict[str, Api] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.messages: list[Json] = []  # on the WebSocket API
        self.controls: list[Json] = []  # on the market connection
        self.control_reply: Callable[[Json], Json] = lambda request: {"result": None, "id": request["id"]}
        self.api_sockets: list[web.WebSocketResponse] = []
        self.market_sockets: list[web.WebSocketResponse] = []
        self.headers: dict[str, str] = {}
        self.endpoints = Endpoints("", "", "")
        self._changed = asyncio.Condition()
        self.rest["GET", "/api/v3/exchangeInfo"] = lambda q: ok(EXCHANGE_INFO)
        self.rest["GET", "/api/v3/account"] = lambda q: ok(ACCOUNT)
        self.rest["GET", "/api/v3/time"] = lambda q: ok({"serverTime": self.now_ms()})
        self.api["userDataStream.subscribe.signature"] = lambda r: {"result": {"subscriptionId": 0}}

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self.skew_ms

    def calls(self, method: str) -> list[Json]:
        return [m for m in self.messages if m["method"] == method]

    def rest_calls(self, method: str, path: str) -> list[dict[str, str]]:
        return [query for m, p, query in self.asked if (m, p) == (method, path)]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something the peer saw makes `true()` hold."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(true)

    async def emit(self, event: Json) -> None:
        """A user data event on the newest WebSocket API connection."""
        await self.api_sockets[-1].send_json({"subscriptionId": 0, "event": event})

    async def stream(self, name: str, data: Json, socket: int = -1) -> None:
        await self.market_sockets[socket].send_str(
            msgspec.json.encode({"stream": name, "data": data}).decode()
        )

    # --- serving -------------------------------------------------------------------------------------

    async def _http(self, request: web.Request) -> web.StreamResponse:
        query = dict(parse_qsl(request.rel_url.raw_query_string + (await request.text())))
        self.asked.append((request.method, request.path, query))
        await self._notify()
        answer = self.rest.get((request.method, request.path), lambda q: (404, b""))(query)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer[0], body=answer[1], headers=self.headers)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.api_sockets.append(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = msgspec.json.decode(message.data)
            self.messages.append(asked)
            answer = self.api.get(asked["method"], lambda r: None)(asked)
            if isinstance(answer, bytes):
                await socket.send_str(answer.decode())
            elif answer is not None:
                await socket.send_json({"id": asked["id"], "status": 200} | answer)
            await self._notify()
        return socket

    async def _market(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.market_sockets.append(socket)
        async for message in socket:
            asked = msgspec.json.decode(message.data)
            self.controls.append(asked)
            await socket.send_json(self.control_reply(asked))
            await self._notify()
        return socket

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def ok(body: Any) -> tuple[int, bytes]:
    return 200, msgspec.json.encode(body)


def refused(code: int, text: str, status: int = 400, **data: Any) -> Json:
    """A WebSocket API error reply."""
    error: Json = {"code": code, "msg": text}
    return {"status": status, "error": error | ({"data": data} if data else {})}


def body_of(reply: Json) -> tuple[int, bytes]:
    """A WebSocket API reply as the HTTP answer of the same meaning."""
    if "result" in reply:
        return ok(reply["result"])
    return reply["status"], msgspec.json.encode(reply["error"]) if "error" in reply else b""


def rest_refused(code: int, text: str, status: int = 400) -> tuple[int, bytes]:
    return status, msgspec.json.encode({"code": code, "msg": text})


@asynccontextmanager
async def serving() -> AsyncIterator[Peer]:
    peer = Peer()
    app = web.Application()
    app.router.add_get("/ws-api/v3", peer._api)
    app.router.add_get("/stream", peer._market)
    app.router.add_route("*", "/{path:.*}", peer._http)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # aiohttp types it abstractly
    peer.endpoints = Endpoints(
        f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws-api/v3"
    )
    try:
        yield peer
    finally:
        for socket in (*peer.api_sockets, *peer.market_sockets):
            await socket.close()
        await runner.cleanup()
