"""Market streams: /ws, /ws/<stream>, /stream?streams= with live control messages (protocol sections
10.1, 10.2)."""

import re
from collections import deque
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from aiohttp import WSCloseCode

from spark_tui.simulator.connection import Connection
from spark_tui.simulator.hub import Hub

_MOST_STREAMS = 1_024
_MESSAGES_PER_S = 5
_TEXT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}", re.ASCII)
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class BadControl(Exception):
    """A control message the venue answers with {"code":..,"msg":..}."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class TooManyStreams(Exception):
    """More streams than one connection may carry: the venue cuts it."""


class StreamSession:
    """One connection's subscriptions and its control messages."""

    def __init__(self, connection: Connection, hub: Hub) -> None:
        self._connection = connection
        self._hub = hub
        self._streams: dict[str, None] = {}
        self._arrivals: deque[float] = deque(maxlen=_MESSAGES_PER_S)

    def open_with(self, path: str, query: str) -> None:
        """Subscribe to what the URL names; TooManyStreams beyond the limit."""
        if path.startswith("/stream"):
            self._connection.combined = True
            names = parse_qs(query).get("streams", [""])[0]
        else:
            names = unquote(path.removeprefix("/ws").lstrip("/"))
        self._subscribe([name for name in names.split("/") if name])

    def _subscribe(self, names: list[str]) -> None:
        if len(self._streams.keys() | set(names)) > _MOST_STREAMS:
            raise TooManyStreams
        for name in names:
            self._streams[name] = None
            self._hub.subscribe(name, self._connection)

    def close(self) -> None:
        for name in self._streams:
            self._hub.unsubscribe(name, self._connection)
        self._hub.leave(self._connection)
        self._streams.clear()

    async def run(self, clock_s: Any) -> None:
        """Answer control messages until the connection ends or breaks a rule."""
        while (frame := await self._connection.read()) is not None:
            if self._too_fast(clock_s()):
                await self._connection.close(WSCloseCode.POLICY_VIOLATION)
                return
            if not frame:
                continue
            try:
                reply = self.control(frame)
            except TooManyStreams:
                await self._connection.close(WSCloseCode.POLICY_VIOLATION)
                return
            self._connection.deliver(msgspec.json.encode(reply))

    def _too_fast(self, now_s: float) -> bool:
        """More than five messages within a second, pings and pongs included."""
        if len(self._arrivals) == _MESSAGES_PER_S and now_s - self._arrivals[0] < 1.0:
            return True
        self._arrivals.append(now_s)
        return False

    def control(self, frame: bytes) -> dict[str, Any]:
        """The answer to one control message."""
        identity: Any = None
        try:
            try:
                message = msgspec.json.decode(frame)
            except msgspec.DecodeError as error:
                raise BadControl(3, f"Invalid JSON: {error}") from None
            if not isinstance(message, dict):
                raise BadControl(2, "Invalid request: expected an object")
            identity = message.get("id")
            if not _good_id(identity):
                identity = None
                raise BadControl(
                    2, "Invalid request: request ID must be an unsigned integer or a short string"
                )
            return {"result": self._perform(message), "id": identity}
        except BadControl as error:
            answer: dict[str, Any] = {"code": error.code, "msg": error.text}
            return answer if identity is None else answer | {"id": identity}

    def _perform(self, message: dict[str, Any]) -> Any:
        method = message.get("method")
        if method is None:
            raise BadControl(2, "Invalid request: missing field `method`")
        if method not in _METHODS:
            listed = ", ".join(f"`{name}`" for name in _METHODS)
            raise BadControl(2, f"Invalid request: unknown variant `{method}`, expected one of {listed}")
        params = message.get("params", [])
        if not isinstance(params, list):
            raise BadControl(2, "Invalid request: params must be an array")
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._streams)
        if method == "GET_PROPERTY":
            return self._get_property(params)
        if method == "SET_PROPERTY":
            return self._set_property(params)
        if not params or not all(isinstance(name, str) for name in params):
            raise BadControl(2, "Invalid request: params must be a list of stream names")
        if method == "SUBSCRIBE":
            self._subscribe(params)
        else:
            for name in params:
                self._streams.pop(name, None)
                self._hub.unsubscribe(name, self._connection)
        return None

    def _get_property(self, params: list[Any]) -> bool:
        if len(params) != 1:
            raise BadControl(2, "Invalid request: GET_PROPERTY takes one parameter")
        if params[0] != "combined":
            raise BadControl(0, "Unknown property")
        return self._connection.combined

    def _set_property(self, params: list[Any]) -> None:
        if len(params) != 2:
            raise BadControl(2, "Invalid request: SET_PROPERTY takes two parameters")
        if params[0] != "combined":
            raise BadControl(0, "Unknown property")
        if not isinstance(params[1], bool):
            raise BadControl(1, "Invalid value type: expected Boolean")
        self._connection.combined = params[1]


def _good_id(identity: Any) -> bool:
    if identity is None:
        return True
    if isinstance(identity, str):
        return _TEXT_ID.fullmatch(identity) is not None
    return isinstance(identity, int) and not isinstance(identity, bool) and -(2**63) <= identity < 2**63
