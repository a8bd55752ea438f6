"""Orders over the WebSocket API, over REST when the request provably did not leave. Nothing is sent twice."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import ListKind
from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.signing import Value
from spark_tui.venues.binance.spot import codec, replacement, rest, verbs
from spark_tui.venues.binance.spot.account import NEVER_LEFT, Account, AnsweredError, lost
from spark_tui.venues.binance.spot.codec_lists import OrderList
from spark_tui.venues.binance.spot.list_ids import ListIds
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.binance.spot.order_lists import SHAPES, list_params
from spark_tui.venues.binance.spot.orders import amend_params, order_params, refused, replace_params
from spark_tui.venues.binance.spot.replacement import report_on
from spark_tui.venues.binance.spot.rest import SpotRest
from spark_tui.venues.binance.spot.verbs import Verb
from spark_tui.venues.binance.spot.ws_api import NotSentError, WsApi
from spark_tui.venues.port import ListLeg, OrderReport, Reaction, ReplaceMode, ReplaceOutcome, VenueError
from spark_tui.wire.clock import NS_PER_S

T = TypeVar("T")

_QUERY_TIMEOUT_S = 3.0
# how long a new clock sample may delay the repetition after -1021; the decision window's margin covers it
_CLOCK_RETRY_S = 1.0


class Trading:
    """Place, change, cancel and look up orders. `api` gives the WebSocket API while it runs."""

    def __init__(
        self, account: Account, rest: SpotRest, api: Callable[[], WsApi | None], lists: ListIds
    ) -> None:
        self._account = account
        self._rest = rest
        self._api = api
        self._lists = lists

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        body = await self._trade(verbs.PLACE, order_params(client_order_id, request), on_sent)
        return _certain(lambda raw: codec.decode_order(raw, self._lists.name), body)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        return await self._cancel(
            {"symbol": symbol, "origClientOrderId": client_order_id},
            lambda report: report.client_order_id == client_order_id,
        )

    async def cancel_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport:
        return await self._cancel(
            {"symbol": symbol, "orderId": venue_order_id},
            lambda report: report.venue_order_id == venue_order_id,
        )

    async def _cancel(self, params: Mapping[str, Value], meant: Callable[[OrderReport], bool]) -> OrderReport:
        body = await self._trade(verbs.CANCEL, params)
        return _certain(lambda raw: report_on(meant, codec.decode_cancel(raw, self._lists.name)), body)

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        try:
            body = await self._trade(verbs.CANCEL_ALL, {"symbol": symbol})
        except VenueError as error:
            if error.code == "-2011":  # nothing open
                return ()
            raise
        return _certain(codec.decode_cancel_all, body)

    async def amend(self, symbol: str, client_order_id: str, quantity: Decimal) -> OrderReport:
        body = await self._trade(verbs.AMEND, amend_params(symbol, client_order_id, quantity))
        return _certain(lambda raw: codec.decode_amendment(raw, self._lists.name), body)

    async def replace(
        self,
        symbol: str,
        client_order_id: str,
        new_client_order_id: str,
        request: OrderRequest,
        mode: ReplaceMode,
        on_sent: Callable[[], None],
    ) -> ReplaceOutcome:
        """One call, two fates: an error that tells both halves is an answer."""
        if request.symbol != symbol:
            raise refused(f"An order in {symbol} cannot be replaced by one in {request.symbol}.")
        params = replace_params(client_order_id, new_client_order_id, request, mode)
        try:
            body, code = await self._trade(verbs.REPLACE, params, on_sent), ""
        except AnsweredError as error:
            if error.code not in replacement.CODES:
                raise
            body, code = error.data, error.code

        def read(raw: bytes) -> ReplaceOutcome:
            halves = codec.decode_halves(raw, self._lists.name)
            return replacement.outcome(self._account, halves, code, client_order_id, new_client_order_id)

        return _certain(read, body)

    async def place_list(
        self, list_id: str, kind: ListKind, legs: tuple[ListLeg, ...], on_sent: Callable[[], None]
    ) -> tuple[OrderReport, ...]:
        """All legs or none; an answer without every leg proves nothing."""
        params = list_params(list_id, kind, legs)
        reports = self._list(codec.decode_list, await self._trade(SHAPES[kind].verb, params, on_sent))
        if {r.client_order_id for r in reports} != {leg.client_order_id for leg in legs}:
            raise lost("The answer does not name the legs of the list that was sent")
        return reports

    async def cancel_list(self, symbol: str, list_id: str) -> tuple[OrderReport, ...]:
        body = await self._trade(verbs.CANCEL_LIST, {"symbol": symbol, "listClientOrderId": list_id})
        return self._list(codec.decode_list_cancel, body)

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return await self._query({"symbol": symbol, "origClientOrderId": client_order_id})

    async def query_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport | None:
        return await self._query({"symbol": symbol, "orderId": venue_order_id})

    async def _query(self, params: Mapping[str, Value]) -> OrderReport | None:
        """Over the fast connection when it answers; whatever is wrong with it, REST decides."""
        api = self._api()
        if api is not None:
            try:
                body = await api.call(
                    "order.status",
                    params,
                    weight=rest.QUERY.weight,
                    phase=Phase.READ,
                    priority=True,
                    timeout_s=_QUERY_TIMEOUT_S,
                )
                return codec.decode_order(body, self._lists.name)
            except VenueError as error:
                if error.code == "-2013":
                    return None
                if error.reaction not in (Reaction.RETRY_SAFE, Reaction.CLOCK):
                    raise
            except (NotSentError, CodecError):
                pass  # REST is the other way to the same answer
        return await self._rest.order(params)

    # --- one call ------------------------------------------------------------------------------------

    async def _trade(
        self, verb: Verb, params: Mapping[str, Value], on_sent: Callable[[], None] | None = None
    ) -> bytes:
        """One attempt; once more after -1021, which says that nothing was done."""
        if verb.places:
            self._account.may_place()
        told = _Told(on_sent)
        try:
            return await self._attempt(verb, params, told)
        except VenueError as error:
            if error.reaction is not Reaction.CLOCK:
                raise
            behind = error
        began = self._account.clock.mono_ns()
        try:
            await self._account.clock_refused()
        except VenueError:
            raise behind from None
        if self._account.clock.mono_ns() - began > _CLOCK_RETRY_S * NS_PER_S:
            raise behind
        return await self._attempt(verb, params, _Told(on_sent))  # the time it may come alive counts anew

    async def _attempt(self, verb: Verb, params: Mapping[str, Value], told: "_Told") -> bytes:
        try:
            return await self._send(verb, params, told)
        except VenueError as error:
            if error.code not in NEVER_LEFT:
                told.now()
            raise

    async def _send(self, verb: Verb, params: Mapping[str, Value], told: "_Told") -> bytes:
        timeout_s = self._account.settings.reply_timeout_s
        permit = self._account.may_place if verb.places else None
        api = self._api()
        if api is not None:
            try:
                return await api.call(
                    verb.method,
                    params,
                    weight=verb.route.weight,
                    phase=Phase.TRADE,
                    priority=verb.priority,
                    timeout_s=timeout_s,
                    on_sent=told.now,
                    permit=permit,
                )
            except NotSentError:
                pass  # provably: so it may go the other way
        try:
            body = await self._rest.trade(
                verb.route, params, priority=verb.priority, timeout_s=timeout_s, permit=permit
            )
        except asyncio.CancelledError:
            # the port's contract: whoever asked must learn that it may have executed
            raise lost("The wait for the answer was cut short") from None
        told.now()
        return body

    def _list(self, decode: Callable[[bytes], OrderList], body: bytes) -> tuple[OrderReport, ...]:
        order_list = _certain(decode, body)
        self._lists.learn(order_list.number, order_list.client_id)
        return order_list.reports


class _Told:
    """Says once that the bytes left. REST knows it only afterwards."""

    def __init__(self, on_sent: Callable[[], None] | None) -> None:
        self._on_sent = on_sent

    def now(self) -> None:
        on_sent, self._on_sent = self._on_sent, None
        if on_sent is not None:
            on_sent()


def _certain(decode: Callable[[bytes], T], body: bytes) -> T:
    """An answer that cannot be read proves nothing about the order."""
    try:
        return decode(body)
    except CodecError as error:
        raise lost(str(error)) from None
