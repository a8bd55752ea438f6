"""REST face: raw request to operation to bytes (protocol sections 3.3, 5, 6, 9)."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from spark_tui.simulator.account_calls import ACCOUNT
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.auth import check_signature, check_time, rest_payload
from spark_tui.simulator.errors import ApiError, check_time_unit
from spark_tui.simulator.list_calls import LISTS
from spark_tui.simulator.operations import Call, Operation
from spark_tui.simulator.public_calls import PUBLIC
from spark_tui.simulator.simulation import Simulation

_encode = msgspec.json.Encoder().encode
ROUTES: dict[tuple[str, str], Operation] = {
    ("GET", "ping"): PUBLIC["ping"],
    ("GET", "time"): PUBLIC["time"],
    ("GET", "exchangeInfo"): PUBLIC["exchangeInfo"],
    ("GET", "depth"): PUBLIC["depth"],
    ("GET", "trades"): PUBLIC["trades.recent"],
    ("GET", "historicalTrades"): PUBLIC["trades.historical"],
    ("GET", "aggTrades"): PUBLIC["trades.aggregate"],
    ("GET", "klines"): PUBLIC["klines"],
    ("GET", "uiKlines"): PUBLIC["uiKlines"],
    ("GET", "avgPrice"): PUBLIC["avgPrice"],
    ("GET", "ticker/24hr"): PUBLIC["ticker.24hr"],
    ("GET", "ticker"): PUBLIC["ticker"],
    ("GET", "ticker/tradingDay"): PUBLIC["ticker.tradingDay"],
    ("GET", "ticker/price"): PUBLIC["ticker.price"],
    ("GET", "ticker/bookTicker"): PUBLIC["ticker.book"],
    ("POST", "order"): ACCOUNT["order.place"],
    ("POST", "order/test"): ACCOUNT["order.test"],
    ("GET", "order"): ACCOUNT["order.status"],
    ("DELETE", "order"): ACCOUNT["order.cancel"],
    ("POST", "order/cancelReplace"): ACCOUNT["order.cancelReplace"],
    ("PUT", "order/amend/keepPriority"): LISTS["order.amend.keepPriority"],
    ("GET", "order/amendments"): LISTS["order.amendments"],
    ("POST", "order/oco"): LISTS["orderList.place"],
    ("POST", "orderList/oco"): LISTS["orderList.place.oco"],
    ("POST", "orderList/oto"): LISTS["orderList.place.oto"],
    ("POST", "orderList/otoco"): LISTS["orderList.place.otoco"],
    ("DELETE", "orderList"): LISTS["orderList.cancel"],
    ("GET", "orderList"): LISTS["orderList.status"],
    ("GET", "openOrderList"): LISTS["openOrderLists.status"],
    ("GET", "allOrderList"): LISTS["allOrderLists"],
    ("GET", "myPreventedMatches"): LISTS["myPreventedMatches"],
    ("GET", "openOrders"): ACCOUNT["openOrders.status"],
    ("DELETE", "openOrders"): ACCOUNT["openOrders.cancelAll"],
    ("GET", "allOrders"): ACCOUNT["allOrders"],
    ("GET", "myTrades"): ACCOUNT["myTrades"],
    ("GET", "account"): ACCOUNT["account.status"],
    ("GET", "account/commission"): ACCOUNT["account.commission"],
    ("GET", "rateLimit/order"): ACCOUNT["account.rateLimits.orders"],
}
_GONE = "userDataStream"  # listen keys left Spot on 2026-02-20
_PREFIX = "/api/v3/"
_NAMES = {id(operation): name for name, operation in (PUBLIC | ACCOUNT | LISTS).items()}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class RestFace:
    """Answers one request at a time from its raw parts; knows nothing of sockets."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def handle(
        self, method: str, path: str, query: bytes, body: bytes, headers: Mapping[str, str], address: str
    ) -> Reply:
        """`path` without query; `query` and `body` are the bytes as received: signatures cover them."""
        name = path.removeprefix(_PREFIX)
        if not path.startswith(_PREFIX):
            return _not_found()
        if name == _GONE:
            return Reply(410, {}, _encode({"code": -1020, "msg": "This operation is not supported."}))
        operation = ROUTES.get((method, name))
        if operation is None:
            known = any(route == name for _, route in ROUTES)
            return Reply(405, {}, b"") if known else _not_found()
        now_ms = self._simulation.clock.now_ms()
        limits = self._simulation.limits
        reply_headers: dict[str, str] = {}
        try:
            answer, order_headers = self._run(operation, query, body, headers, address, now_ms)
            status = 200
            reply_headers |= order_headers
        except ApiError as error:
            status, answer = error.status, error.body()
            if error.retry_after_s is not None:
                reply_headers["Retry-After"] = str(error.retry_after_s)
        return Reply(status, limits.headers(address, now_ms) | reply_headers, _encode(answer))

    def _run(
        self,
        operation: Operation,
        query: bytes,
        body: bytes,
        headers: Mapping[str, str],
        address: str,
        now_ms: int,
    ) -> tuple[object, dict[str, str]]:
        simulation = self._simulation
        check_time_unit(headers.get("X-MBX-TIME-UNIT"))
        values = _values(body) | _values(query)  # on duplicates the query string wins
        arguments = Arguments(values)
        weight = operation.cost(arguments)
        simulation.limits.charge(address, weight, now_ms)
        account = None
        if operation.signed:
            key = simulation.keys.find(headers.get("X-MBX-APIKEY"))
            payload = rest_payload(query, body)
            check_time(values, simulation.clock.now_us())
            check_signature(key, payload, values.get("signature"))
            account = key.account
        operation.check_names(values)
        answer = simulation.faults.perform(
            _NAMES[id(operation)], operation, Call(simulation, arguments, now_ms, account)
        )
        if not operation.order:
            return answer, {}
        simulation.limits.refund(address, weight, now_ms)
        return answer, simulation.limits.order_headers(account.uid if account else 0, now_ms)


def _values(part: bytes) -> dict[str, str]:
    """Form-encoded parameters, decoded; ApiError -1101 for a name sent twice, -1100 for broken UTF-8."""
    values: dict[str, str] = {}
    for pair in part.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        try:
            name = unquote_to_bytes(raw_name.replace(b"+", b" ")).decode()
            value = unquote_to_bytes(raw_value.replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            raise ApiError(400, -1100, "Illegal characters found in a parameter.") from None
        if name in values:
            raise ApiError(400, -1101, "Duplicate values for a parameter detected.")
        values[name] = value
    return values


def _not_found() -> Reply:
    return Reply(404, {}, b"")
