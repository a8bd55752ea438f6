"""The REST face: every call with its weight (protocol sections 6 and 9). Signed exactly as sent."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, DepthSnapshot, Top
from spark_tui.domain.selection import Day
from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.signing import Value, rest_payload, signed_query, unsigned
from spark_tui.venues.binance.spot import codec
from spark_tui.venues.binance.spot.account import ORDER_LIMIT, Account, not_sent, over_budget, unreadable
from spark_tui.venues.binance.spot.codec_days import decode_days
from spark_tui.venues.binance.spot.codec_tops import decode_tops
from spark_tui.venues.binance.spot.instruments import ExchangeInfo
from spark_tui.venues.binance.spot.list_ids import ListIds
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.port import BalancesReport, OrderReport, Reaction, TradeReport, VenueError
from spark_tui.wire.http import HttpClient, HttpFailure, HttpReply
from spark_tui.wire.http import Phase as HttpPhase

T = TypeVar("T")

Params = Mapping[str, Value]

_READ_TIMEOUT_S = 10.0
_EXCHANGE_INFO_TIMEOUT_S = 30.0


class Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    weight: int


TIME = Route("GET", "/api/v3/time", 1)
EXCHANGE_INFO = Route("GET", "/api/v3/exchangeInfo", 20)
DAYS = Route("GET", "/api/v3/ticker/24hr", 80)  # of every symbol
TOPS = Route("GET", "/api/v3/ticker/bookTicker", 4)  # of any number of symbols
KLINES = Route("GET", "/api/v3/klines", 2)
PLACE = Route("POST", "/api/v3/order", 1)
TEST = Route("POST", "/api/v3/order/test", 1)
CANCEL = Route("DELETE", "/api/v3/order", 1)
CANCEL_ALL = Route("DELETE", "/api/v3/openOrders", 1)
REPLACE = Route("POST", "/api/v3/order/cancelReplace", 1)
AMEND = Route("PUT", "/api/v3/order/amend/keepPriority", 4)
PLACE_OCO = Route("POST", "/api/v3/orderList/oco", 1)
PLACE_OTO = Route("POST", "/api/v3/orderList/oto", 1)
PLACE_OTOCO = Route("POST", "/api/v3/orderList/otoco", 1)
CANCEL_LIST = Route("DELETE", "/api/v3/orderList", 1)
OPEN_LISTS = Route("GET", "/api/v3/openOrderList", 6)
QUERY = Route("GET", "/api/v3/order", 4)
OPEN_ORDERS = Route("GET", "/api/v3/openOrders", 6)
OPEN_ORDERS_EVERYWHERE = Route("GET", "/api/v3/openOrders", 80)
ALL_ORDERS = Route("GET", "/api/v3/allOrders", 20)
TRADES = Route("GET", "/api/v3/myTrades", 20)
TRADES_OF_ORDER = Route("GET", "/api/v3/myTrades", 5)
ACCOUNT = Route("GET", "/api/v3/account", 20)

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))


def depth_route(limit: int) -> Route:
    """The depth call of at most 5000 levels, with the weight of that many."""
    weight = next((w for most, w in _DEPTH_WEIGHTS if limit <= most), _DEPTH_WEIGHTS[-1][1])
    return Route("GET", "/api/v3/depth", weight)


class SpotRest:
    """Every method raises VenueError. Reads are retried by the HTTP client; trading calls never are."""

    def __init__(self, http: HttpClient, account: Account, lists: ListIds) -> None:
        self._http = http
        self._account = account
        self._lists = lists
        account.ask_time_with(self.server_time_ms)

    # --- public --------------------------------------------------------------------------------------

    async def server_time_ms(self) -> int:
        body = await self._public(TIME, {}, priority=True)  # a cancel may wait for it
        return _decoded(codec.decode_time, body)

    async def exchange_info(self) -> tuple[ExchangeInfo, bytes]:
        """Instruments and budgets, and the body they came from."""
        body = await self._public(EXCHANGE_INFO, {}, timeout_s=_EXCHANGE_INFO_TIMEOUT_S)
        # live answers are megabytes: decoded beside the event loop, which has streams to serve
        return await asyncio.to_thread(_decoded, codec.decode_exchange_info, body), body

    async def instruments_of(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """What the venue says about these now. All of them must be listed."""
        body = await self._public(EXCHANGE_INFO, {"symbols": msgspec.json.encode(symbols).decode()})
        return _decoded(codec.decode_exchange_info, body).instruments

    async def days(self) -> tuple[Day, ...]:
        """The last 24 hours of every symbol."""
        body = await self._public(DAYS, {"type": "MINI"}, timeout_s=_EXCHANGE_INFO_TIMEOUT_S)
        return await asyncio.to_thread(_decoded, decode_days, body)

    async def depth(self, symbol: str, limit: int) -> tuple[DepthSnapshot, bytes]:
        """The snapshot and the body it came from."""
        body = await self._public(depth_route(limit), {"symbol": symbol, "limit": str(limit)})
        return _decoded(lambda raw: codec.decode_depth_snapshot(raw, symbol), body), body

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        """All of them must be listed."""
        body = await self._public(TOPS, {"symbols": msgspec.json.encode(symbols).decode()})
        return _decoded(decode_tops, body)

    async def klines(self, symbol: str, interval: str, limit: int) -> tuple[Candle, ...]:
        params = {"symbol": symbol, "interval": interval, "limit": str(limit)}
        body = await self._public(KLINES, params)
        now_ms = self._account.server_clock.now_ms()
        return _decoded(lambda raw: codec.decode_klines(raw, symbol, interval, now_ms), body)

    # --- the account ---------------------------------------------------------------------------------

    async def account(self) -> tuple[BalancesReport, bool]:
        """Balances, and whether this key may trade."""
        return _decoded(codec.decode_account, await self._signed(ACCOUNT, {}))

    async def order(self, params: Params) -> OrderReport | None:
        """`params`: the symbol and one id. None: Binance says it does not exist (-2013)."""
        try:
            body = await self._signed(QUERY, params, priority=True)
        except VenueError as error:
            if error.code == "-2013":
                return None
            raise
        return _decoded(lambda raw: codec.decode_order(raw, self._lists.name), body)

    async def open_orders(self, symbol: str | None) -> tuple[OrderReport, ...]:
        """Orders name their list by its number: after a restart the open lists are asked for as well."""
        route = OPEN_ORDERS if symbol else OPEN_ORDERS_EVERYWHERE
        body = await self._signed(route, {"symbol": symbol} if symbol else {}, priority=True)
        if not all(self._lists.name(number) for number in _decoded(codec.decode_list_numbers, body)):
            await self._learn_lists()
        return self._orders(body)

    async def all_orders(self, symbol: str, *, from_order_id: int | None = None) -> tuple[OrderReport, ...]:
        """The newest 500 orders of any state, or 500 from `from_order_id` on."""
        params = {"symbol": symbol}
        if from_order_id is not None:
            params["orderId"] = str(from_order_id)
        return self._orders(await self._signed(ALL_ORDERS, params))

    async def trades(
        self, symbol: str, venue_order_id: str | None, from_id: int | None, limit: int
    ) -> tuple[TradeReport, ...]:
        params = {"symbol": symbol, "limit": str(limit)}
        if venue_order_id is not None:
            params["orderId"] = venue_order_id
        if from_id is not None:
            params["fromId"] = str(from_id)
        route = TRADES if venue_order_id is None else TRADES_OF_ORDER
        return _decoded(codec.decode_trades, await self._signed(route, params))

    async def test_order(self, params: Params) -> None:
        """Validates only. Never reaches the matching engine, so it counts as a read."""
        await self._signed(TEST, params, idempotent=False)

    async def trade(
        self,
        route: Route,
        params: Params,
        *,
        priority: bool,
        timeout_s: float,
        permit: Callable[[], None] | None = None,
    ) -> bytes:
        """Place, change or cancel: one attempt, no retry. VenueError(UNKNOWN) unless it is certain what
        happened. `permit` may raise at the last moment before it leaves."""
        # spent before signing, so that a wait for the budget does not age the signature
        await self._account.spend(route.weight, priority=priority)
        await self._account.trust_clock()
        paid = Route(route.method, route.path, 0)
        return await self._once(
            paid, params, Phase.TRADE, priority, idempotent=False, timeout_s=timeout_s, permit=permit
        )

    # --- inside --------------------------------------------------------------------------------------

    async def _learn_lists(self) -> None:
        try:
            found = _decoded(codec.decode_lists, await self._signed(OPEN_LISTS, {}, priority=True))
        except VenueError:
            return  # the orders are the answer; a list without a name costs them nothing
        for order_list in found:
            self._lists.learn(order_list.number, order_list.client_id)

    def _orders(self, body: bytes) -> tuple[OrderReport, ...]:
        return _decoded(lambda raw: codec.decode_orders(raw, self._lists.name), body)

    async def _public(
        self, route: Route, params: Params, *, priority: bool = False, timeout_s: float = _READ_TIMEOUT_S
    ) -> bytes:
        query = rest_payload(params.items())
        return await self._send(route, query, {}, Phase.READ, priority, True, timeout_s)

    async def _signed(
        self, route: Route, params: Params, *, priority: bool = False, idempotent: bool = True
    ) -> bytes:
        """A signed call that trades nothing: after -1021 once more, with a new clock sample and signature."""
        try:
            return await self._once(route, params, Phase.READ, priority, idempotent, _READ_TIMEOUT_S)
        except VenueError as error:
            if error.reaction is not Reaction.CLOCK:
                raise
        await self._account.clock_refused()
        return await self._once(route, params, Phase.READ, priority, idempotent, _READ_TIMEOUT_S)

    async def _once(
        self,
        route: Route,
        params: Params,
        phase: Phase,
        priority: bool,
        idempotent: bool,
        timeout_s: float,
        permit: Callable[[], None] | None = None,
    ) -> bytes:
        signer = self._account.signer
        await self._account.trust_clock()
        query = signed_query({**params, **self._account.stamp()}.items(), signer)
        headers = {"X-MBX-APIKEY": signer.api_key}
        return await self._send(route, query, headers, phase, priority, idempotent, timeout_s, permit)

    async def _send(
        self,
        route: Route,
        query: str,
        headers: Mapping[str, str],
        phase: Phase,
        priority: bool,
        idempotent: bool,
        timeout_s: float,
        permit: Callable[[], None] | None = None,
    ) -> bytes:
        told = self._account.telling(
            route.method, route.path, lambda: unsigned(query), private=bool(headers) or route is EXCHANGE_INFO
        )
        try:
            reply = await self._http.request(
                route.method,
                route.path,
                query=query,
                headers=headers,
                weight=route.weight,
                idempotent=idempotent,
                priority=priority,
                timeout_s=timeout_s,
                permit=permit,
            )
        except HttpFailure as failure:
            told(None, failure.text.encode())
            raise self._failed(failure, phase) from None
        told(reply.status, reply.body)
        return self._body(reply, phase)

    def _failed(self, failure: HttpFailure, phase: Phase) -> VenueError:
        if failure.retry_after_s is not None and failure.phase is HttpPhase.CONNECT:
            return over_budget(failure.text, failure.retry_after_s)
        if failure.phase is HttpPhase.CONNECT:
            return not_sent(failure.text)
        return unreadable(failure.text, phase)

    def _body(self, reply: HttpReply, phase: Phase) -> bytes:
        if reply.status == 200:
            return reply.body
        error = self._account.error_of_body(reply.status, reply.body, phase, reply.retry_after_s)
        if reply.status == 429 and error.code == str(ORDER_LIMIT):
            self._account.orders.exhausted(reply.retry_after_s)
        raise error


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except CodecError as error:
        raise unreadable(str(error), Phase.READ) from None
