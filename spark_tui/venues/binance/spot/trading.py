"""Orders over the WebSocket API, over REST when the request provably did not leave. Nothing is sent twice."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from spark_tui.domain.order import OrderRequest
from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.signing import Value
from spark_tui.venues.binance.spot import codec, rest
from spark_tui.venues.binance.spot.account import NEVER_LEFT, Account, lost
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.binance.spot.orders import order_params
from spark_tui.venues.binance.spot.rest import Route, SpotRest
from spark_tui.venues.binance.spot.ws_api import NotSentError, WsApi
from spark_tui.venues.port import OrderReport, Reaction, VenueError
from spark_tui.wire.clock import NS_PER_S

T = TypeVar("T")

_QUERY_TIMEOUT_S = 3.0
# how long a new clock sample may delay the repetition after -1021; the decision window's margin covers it
_CLOCK_RETRY_S = 1.0


class Trading:
    """Place, cancel and look up orders. `api` gives the WebSocket API while it runs."""

    def __init__(self, account: Account, rest: SpotRest, api: Callable[[], WsApi | None]) -> None:
        self._account = account
        self._rest = rest
        self._api = api

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        params = order_params(client_order_id, request)
        body = await self._trade("order.place", rest.PLACE, params, priority=False, on_sent=on_sent)
        return _certain(codec.decode_order, body)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        body = await self._trade("order.cancel", rest.CANCEL, params, priority=True)
        return _certain(codec.decode_cancel, body)

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        try:
            body = await self._trade(
                "openOrders.cancelAll", rest.CANCEL_ALL, {"symbol": symbol}, priority=True
            )
        except VenueError as error:
            if error.code == "-2011":  # nothing open
                return ()
            raise
        return _certain(codec.decode_cancel_all, body)

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Over the fast connection when it answers; whatever is wrong with it, REST decides."""
        api = self._api()
        if api is not None:
            try:
                params: dict[str, Value] = {"symbol": symbol, "origClientOrderId": client_order_id}
                body = await api.call(
                    "order.status",
                    params,
                    weight=rest.QUERY.weight,
                    phase=Phase.READ,
                    priority=True,
                    timeout_s=_QUERY_TIMEOUT_S,
                )
                return codec.decode_order(body)
            except VenueError as error:
                if error.code == "-2013":
                    return None
                if error.reaction not in (Reaction.RETRY_SAFE, Reaction.CLOCK):
                    raise
            except (NotSentError, CodecError):
                pass  # REST is the other way to the same answer
        return await self._rest.order(symbol, client_order_id)

    async def _trade(
        self,
        method: str,
        route: Route,
        params: Mapping[str, Value],
        *,
        priority: bool,
        on_sent: Callable[[], None] | None = None,
    ) -> bytes:
        """One attempt; once more after -1021, which says that nothing was placed."""
        told = _Told(on_sent)
        try:
            return await self._attempt(method, route, params, priority, told)
        except VenueError as error:
            if error.reaction is not Reaction.CLOCK:
                raise
            refused = error
        began = self._account.clock.mono_ns()
        try:
            await self._account.clock_refused()
        except VenueError:
            raise refused from None
        if self._account.clock.mono_ns() - began > _CLOCK_RETRY_S * NS_PER_S:
            raise refused
        return await self._attempt(method, route, params, priority, told)

    async def _attempt(
        self, method: str, route: Route, params: Mapping[str, Value], priority: bool, told: "_Told"
    ) -> bytes:
        try:
            return await self._send(method, route, params, priority, told)
        except VenueError as error:
            if error.code not in NEVER_LEFT:
                told.now()
            raise

    async def _send(
        self, method: str, route: Route, params: Mapping[str, Value], priority: bool, told: "_Told"
    ) -> bytes:
        timeout_s = self._account.settings.reply_timeout_s
        api = self._api()
        if api is not None:
            try:
                return await api.call(
                    method,
                    params,
                    weight=route.weight,
                    phase=Phase.TRADE,
                    priority=priority,
                    timeout_s=timeout_s,
                    on_sent=told.now,
                )
            except NotSentError:
                pass  # provably: so it may go the other way
        try:
            body = await self._rest.trade(route, params, priority=priority, timeout_s=timeout_s)
        except asyncio.CancelledError:
            # the port's contract: whoever asked must learn that it may have executed
            raise lost("The wait for the answer was cut short") from None
        told.now()
        return body


class _Told:
    """Says once that the bytes left. REST knows it only afterwards."""

    def __init__(self, on_sent: Callable[[], None] | None) -> None:
        self._on_sent = on_sent

    def now(self) -> None:
        on_sent, self._on_sent = self._on_sent, None
        if on_sent is not None:
            on_sent()


def _certain(decode: Callable[[bytes], T], body: bytes) -> T:
    """A success that cannot be read proves nothing about the order."""
    try:
        return decode(body)
    except CodecError as error:
        raise lost(str(error)) from None
