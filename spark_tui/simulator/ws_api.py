"""WebSocket API face: one session's requests, its logon, its user data subscriptions (protocol sections
3.4, 11)."""

import re
from typing import Any

import msgspec

from spark_tui.simulator.account_calls import ACCOUNT
from spark_tui.simulator.accounts import Account
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.auth import ApiKey, check_signature, check_time, ws_payload
from spark_tui.simulator.connection import Connection
from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.limits import CONNECTIONS
from spark_tui.simulator.list_calls import LISTS
from spark_tui.simulator.operations import Call, Operation
from spark_tui.simulator.public_calls import PUBLIC
from spark_tui.simulator.simulation import Simulation

OPEN_WEIGHT = 2
_SESSION_WEIGHT = 2
_MOST_SUBSCRIPTIONS = 65_535
_TEXT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}", re.ASCII)
_encode = msgspec.json.Encoder().encode
METHODS: dict[str, Operation] = PUBLIC | ACCOUNT | LISTS
_SESSION_METHODS = (
    "session.logon",
    "session.status",
    "session.logout",
    "session.subscriptions",
    "userDataStream.subscribe",
    "userDataStream.subscribe.signature",
    "userDataStream.unsubscribe",
)


class WsApiSession:
    """One connection of the WebSocket API."""

    def __init__(
        self, connection: Connection, simulation: Simulation, address: str, *, show_limits: bool
    ) -> None:
        self._connection = connection
        self._simulation = simulation
        self._address = address
        self._show_limits = show_limits
        self._connected_ms = simulation.clock.now_ms()
        self._key: ApiKey | None = None
        self._authorized_ms: int | None = None
        self._subscriptions: dict[int, tuple[Account, bool]] = {}  # id -> (account, made by logon)
        self._next_subscription = 0
        simulation.user_sinks.append(self)

    def close(self) -> None:
        self._simulation.user_sinks.remove(self)

    async def run(self) -> None:
        while (frame := await self._connection.read()) is not None:
            if not frame:
                continue
            reply, faults = self.handle(frame), self._simulation.faults
            if not faults.carry(reply, self._connection):
                await self._connection.answer(reply)
                faults.sent(self._connection)

    # events

    def user_event(self, account: Account, event: dict[str, Any]) -> None:
        for number, (owner, _) in self._subscriptions.items():
            if owner is account:
                self._connection.deliver(_encode({"subscriptionId": number, "event": event}))

    def end_subscriptions(self, now_ms: int, *, silent: bool) -> None:
        for number in tuple(self._subscriptions):
            if silent:
                del self._subscriptions[number]
            else:
                self._terminate(number, now_ms)

    # requests

    def handle(self, frame: bytes) -> bytes:
        """The answer to one request."""
        identity: Any = None
        show = self._show_limits
        operation: Operation | None = None
        account: Account | None = None
        now_ms = self._simulation.clock.now_ms()
        reply: dict[str, Any]
        try:
            request = _decode(frame)
            identity = request.get("id")
            _check_id(identity)
            method, values = _method(request), _texts(request.get("params") or {})
            wanted = values.pop("returnRateLimits", None)
            show = show if wanted is None else wanted != "false"
            signed = values if wanted is None else values | {"returnRateLimits": wanted}
            operation = METHODS.get(method)
            if operation is None:
                result = self._session_call(method, values, signed, now_ms)
            else:
                result, account = self._call(method, operation, values, signed, now_ms)
            reply = {"id": identity, "status": 200, "result": result}
        except ApiError as error:
            reply = {"id": identity, "status": error.status, "error": error.body()}
            if error.retry_after_s is not None:
                moment = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_s * 1_000}
                reply["error"]["data"] = moment | (error.data or {})
        if show:
            reply["rateLimits"] = self._rate_limits(operation, account, now_ms)
        return _encode(reply)

    def _rate_limits(
        self, operation: Operation | None, account: Account | None, now_ms: int
    ) -> list[dict[str, Any]]:
        limits = self._simulation.limits
        weight = limits.weight.report(self._address, now_ms)
        if operation is None or not operation.order:
            return [weight]
        holder = account or (self._key.account if self._key else self._simulation.operator)
        return [*(counter.report(str(holder.uid), now_ms) for counter in limits.orders), weight]

    def _call(
        self,
        method: str,
        operation: Operation,
        values: dict[str, str],
        signed: dict[str, str],
        now_ms: int,
    ) -> tuple[Any, Account | None]:
        simulation = self._simulation
        arguments = Arguments(values)
        weight = operation.cost(arguments)
        simulation.limits.charge(self._address, weight, now_ms)
        account = self._authenticate(values, signed) if operation.signed else None
        operation.check_names(values)
        result = simulation.faults.perform(method, operation, Call(simulation, arguments, now_ms, account))
        if operation.order:
            simulation.limits.refund(self._address, weight, now_ms)
        if operation is PUBLIC["exchangeInfo"]:
            result["rateLimits"] = [*result["rateLimits"][:3], CONNECTIONS.entry()]
        return result, account

    def _authenticate(self, values: dict[str, str], signed: dict[str, str]) -> Account:
        """The signed caller: the request's own key and signature, else the session's logon."""
        if self._key is not None and "apiKey" not in values and "signature" not in values:
            check_time(values, self._simulation.clock.now_us())
            return self._key.account
        key = self._simulation.keys.find(values.get("apiKey"))
        check_time(values, self._simulation.clock.now_us())
        check_signature(key, ws_payload(signed), values.get("signature"))
        return key.account

    # session and subscriptions

    def _session_call(self, method: str, values: dict[str, str], signed: dict[str, str], now_ms: int) -> Any:
        if method not in _SESSION_METHODS:
            raise ApiError(400, -1020, "This operation is not supported.")
        self._simulation.limits.charge(self._address, _SESSION_WEIGHT, now_ms)
        if method == "session.logon":
            return self._logon(values, signed, now_ms)
        if method == "session.status":
            return self._session(now_ms)
        if method == "session.logout":
            self._logout(now_ms)
            return self._session(now_ms)
        if method == "session.subscriptions":
            return [{"subscriptionId": number} for number in self._subscriptions]
        if method == "userDataStream.unsubscribe":
            return self._unsubscribe(values, now_ms)
        if method == "userDataStream.subscribe":
            if self._key is None:
                raise ApiError(400, -1022, "Signature for this request is not valid.")
            return self._subscribe(self._key.account, by_logon=True)
        key = self._simulation.keys.find(values.get("apiKey"))
        check_time(values, self._simulation.clock.now_us())
        check_signature(key, ws_payload(signed), values.get("signature"))
        return self._subscribe(key.account, by_logon=False)

    def _logon(self, values: dict[str, str], signed: dict[str, str], now_ms: int) -> dict[str, Any]:
        key = self._simulation.keys.find(values.get("apiKey"))
        if key.public_key is None:
            raise ApiError(400, -4056, "HMAC_SHA256 API key is not supported.")
        check_time(values, self._simulation.clock.now_us())
        check_signature(key, ws_payload(signed), values.get("signature"))
        self._key, self._authorized_ms = key, now_ms
        return self._session(now_ms)

    def _logout(self, now_ms: int) -> None:
        self._key = self._authorized_ms = None
        for number in [number for number, (_, by_logon) in self._subscriptions.items() if by_logon]:
            self._terminate(number, now_ms)

    def _session(self, now_ms: int) -> dict[str, Any]:
        return {
            "apiKey": self._key.key if self._key else None,
            "authorizedSince": self._authorized_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._show_limits,
            "serverTime": now_ms,
            "userDataStream": bool(self._subscriptions),
        }

    def _subscribe(self, account: Account, *, by_logon: bool) -> dict[str, int]:
        if any(owner is account for owner, _ in self._subscriptions.values()):
            raise ApiError(400, -2035, "User Data Stream subscription already active.")
        if self._next_subscription > _MOST_SUBSCRIPTIONS:
            raise ApiError(400, -2042, "User Data Stream subscription limit reached.")
        number = self._next_subscription
        self._next_subscription += 1
        self._subscriptions[number] = (account, by_logon)
        return {"subscriptionId": number}

    def _unsubscribe(self, values: dict[str, str], now_ms: int) -> dict[str, Any]:
        number = Arguments(values).integer("subscriptionId")
        numbers = list(self._subscriptions) if number is None else [number]
        if not numbers or any(one not in self._subscriptions for one in numbers):
            raise ApiError(400, -2036, "User Data Stream subscription not active.")
        for one in numbers:
            self._terminate(one, now_ms)
        return {}

    def _terminate(self, number: int, now_ms: int) -> None:
        del self._subscriptions[number]
        event = {"e": "eventStreamTerminated", "E": now_ms}
        self._connection.deliver(_encode({"subscriptionId": number, "event": event}))


def _decode(frame: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(frame)
    except msgspec.DecodeError:
        raise ApiError(400, -1135, "Invalid JSON Request") from None
    if not isinstance(request, dict):
        raise ApiError(400, -1135, "Invalid JSON Request")
    return request


def _check_id(identity: Any) -> None:
    whole = isinstance(identity, int) and not isinstance(identity, bool)
    text = isinstance(identity, str) and _TEXT_ID.fullmatch(identity) is not None
    if identity is not None and not whole and not text:
        raise ApiError(
            400, -1100, "Illegal characters found in parameter 'id'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."
        )


def _method(request: dict[str, Any]) -> str:
    method = request.get("method")
    if not isinstance(method, str):
        raise ApiError(400, -1102, "Mandatory parameter 'method' was not sent, was empty/null, or malformed.")
    return method.removeprefix("v3/")


def _texts(params: Any) -> dict[str, str]:
    """Parameters as the text a signature covers: strings as they are, everything else as compact JSON."""
    if not isinstance(params, dict):
        raise ApiError(400, -1135, "Invalid JSON Request")
    return {
        name: value if isinstance(value, str) else _encode(value).decode() for name, value in params.items()
    }
