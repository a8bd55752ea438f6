"""One HTTP client: kept-alive connections, the shared weight budget, and an honest answer to "did it leave?".

httpx is imported when the first request is made: most commands never make one.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock, Expired, SystemClock, within
from spark_tui.wire.limiter import LONGEST_PAUSE_S, BudgetError, WeightLimiter

if TYPE_CHECKING:
    import httpx

# What a venue may read from a reply's headers (lower-case names) and status; a returned number is the
# server's own count of used weight in the current window.
Observer = Callable[[Mapping[str, str], int], int | None]

TEMPORARY = frozenset({500, 502, 503, 504})
DEFAULT_BAN_S = 120.0  # the shortest ban documented, when a 418 does not say
MAX_REPLY_BYTES = 64 * 1024 * 1024
KEPT_CONNECTIONS = 2  # for priority calls: a cancel does not wait for slow downloads to end


class Phase(StrEnum):
    """How far a failed call got. Only `CONNECT` proves that the server saw nothing of it."""

    CONNECT = "connect"
    SENT = "sent"  # maybe: the first byte may have left


_HOW_FAR = {Phase.CONNECT: "could not connect", Phase.SENT: "the connection failed after sending"}


class HttpFailure(Exception):
    """No usable reply. `text` is fit for an operator and holds neither query, body nor headers."""

    def __init__(self, phase: Phase, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.phase = phase
        self.text = text
        self.retry_after_s = retry_after_s


class HttpReply(msgspec.Struct, frozen=True):
    """Any reply, whatever its status. Header names are lower-case; `retry_after_s` is set on 429 and 418."""

    status: int
    headers: dict[str, str]
    body: bytes
    retry_after_s: float | None = None


class HttpClient:
    """Requests to one base URL. Create one per venue and share it; `close` it at the end.

    Target and body are sent byte for byte as given (they are signed and percent-encoded already). A call
    waits for the limiter first, then for a connection, of which some are kept for priority calls; 429 and 418
    pause the limiter, and so every client that shares it. Idempotent calls are tried up to `attempts` times
    with jitter when the connection fails or the status is 500, 502, 503 or 504; any other call is made once.
    """

    def __init__(
        self,
        base_url: str,
        limiter: WeightLimiter,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        observe: Observer | None = None,
        stops_all: Callable[[HttpReply], bool] | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int = 3,
        connect_timeout_s: float = 10.0,
        max_connections: int = 10,
    ) -> None:
        """`stops_all`: does this 429 or 418 hold back every call (by default it does)? A venue says no to one
        that limits new orders only: cancels must still pass."""
        self._base_url = base_url
        self._prefix = urlsplit(base_url).path.rstrip("/")
        self._limiter = limiter
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._observe = observe
        self._stops_all = stops_all or (lambda _reply: True)
        self._headers = {"User-Agent": "spark-tui", **(headers or {})}
        self._attempts = attempts
        self._connect_timeout_s = connect_timeout_s
        self._max_connections = max_connections
        self._ordinary = asyncio.Semaphore(max(1, max_connections - KEPT_CONNECTIONS))
        self._client: httpx.AsyncClient | None = None
        self._bans = 0
        self._closed = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: str = "",
        headers: Mapping[str, str] | None = None,
        weight: int = 1,
        idempotent: bool = False,
        priority: bool = False,
        timeout_s: float = 10.0,
        permit: Callable[[], None] | None = None,
    ) -> HttpReply:
        """Make one call; the whole of it, waiting and retries included, takes at most `timeout_s`.

        `path` starts with "/"; `query` (without "?") and `body` (a urlencoded form when not empty) must be
        ASCII and percent-encoded already, ValueError otherwise. `permit` is asked before the first byte of an
        attempt: what it raises is raised, and nothing of that attempt has left. Raises HttpFailure when there
        is no reply.
        """
        call = _Call(
            method=method,
            path=path,
            target=_target(self._prefix, path, query),
            content=body.encode("ascii"),
            headers={**self._headers, **(headers or {})},
            weight=weight,
            priority=priority,
            attempts=self._attempts if idempotent else 1,
            timeout_s=timeout_s,
            permit=permit,
        )
        if self._closed:
            raise call.failure("this client is closed")
        try:
            return await within(self._clock, timeout_s, self._tries(call))
        except Expired:
            raise call.failure(self._why_late(call)) from None

    async def close(self) -> None:
        """Close every connection; calls under way fail, later ones are refused."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _tries(self, call: "_Call") -> HttpReply:
        backoff = Backoff(self._rng, fast_s=0.3, steps_s=(1.0, 2.0, 4.0))
        while True:
            call.attempts -= 1
            window = await self._spend(call, call.weight)
            try:
                reply = await self._in_turn(call)
            except HttpFailure:
                if not call.attempts:
                    raise
            else:
                self._learn(reply, window)
                if reply.status not in TEMPORARY or not call.attempts:
                    return reply
            await self._clock.sleep(backoff.next())

    def _why_late(self, call: "_Call") -> str:
        if call.waits_for_budget:
            used = f"{self._limiter.used} of {self._limiter.limit} request weight is used"
            return f"{used}, and its turn did not come within {call.timeout_s:g} s"
        return f"no reply from the server within {call.timeout_s:g} s"

    async def _in_turn(self, call: "_Call") -> HttpReply:
        if call.priority:
            return await self._once(call)
        async with self._ordinary:
            if self._limiter.paused_s:  # since this call was let out, the server told us to stop
                await self._spend(call, 0)
            return await self._once(call)

    async def _spend(self, call: "_Call", weight: int) -> int:
        call.waits_for_budget = True
        try:
            window = await self._limiter.acquire(weight, priority=call.priority, max_wait_s=call.timeout_s)
            call.waits_for_budget = False
            return window
        except BudgetError as refused:
            raise HttpFailure(call.phase, refused.text, retry_after_s=refused.retry_after_s) from refused

    async def _once(self, call: "_Call") -> HttpReply:
        import httpx

        client = self._client or self._open()
        headers = call.headers
        if call.content:
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        request = client.build_request(
            call.method, self._base_url, content=call.content or None, headers=headers
        )
        # httpx would normalise a query, and a signature covers exact bytes: hand it the target past that.
        request.extensions = {**request.extensions, "target": call.target, "trace": call.trace}
        try:
            response = await client.send(request, stream=True)
            try:
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_REPLY_BYTES:
                        raise call.failure(f"the reply is larger than {MAX_REPLY_BYTES} bytes")
            finally:
                await response.aclose()
        except HttpFailure:
            raise
        except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, OSError) as error:
            why = str(error)[:200] or type(error).__name__
            raise call.failure(f"{_HOW_FAR[call.phase]} ({why})") from error
        except Exception as error:  # whatever broke, callers need to know how far the call got
            if error is call.refusal:
                raise
            # Neither text nor chain: a library's complaint about a header quotes the header, a key maybe.
            raise call.failure(f"{_HOW_FAR[call.phase]} ({type(error).__name__})") from None
        names = {name.lower(): value for name, value in response.headers.items()}
        status = response.status_code
        return HttpReply(status, names, bytes(body), self._retry_after_s(status, names))

    def _learn(self, reply: HttpReply, window: int) -> None:
        if self._observe is not None:
            used = self._observe(reply.headers, reply.status)
            if used is not None:
                self._limiter.observe(used, window)
        if reply.retry_after_s is not None and self._stops_all(reply):
            what = "banned, HTTP 418" if reply.status == 418 else "too many requests, HTTP 429"
            self._limiter.pause(reply.retry_after_s, what)
        self._bans = self._bans + 1 if reply.status == 418 else 0

    def _retry_after_s(self, status: int, headers: Mapping[str, str]) -> float | None:
        """What the server asks for on 429 and 418; never parsed from prose. An untold 418 doubles."""
        if status not in (429, 418):
            return None
        text = headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:9]), LONGEST_PAUSE_S)
        if status == 418:
            return min(DEFAULT_BAN_S * 2.0 ** min(self._bans, 12), LONGEST_PAUSE_S)
        return self._limiter.window_left_s

    def _open(self) -> "httpx.AsyncClient":
        import httpx

        _settle_sniffio()
        self._client = httpx.AsyncClient(
            verify=urlsplit(self._base_url).scheme != "http",  # plain HTTP needs no authorities read: 30 ms
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=self._connect_timeout_s),
            limits=httpx.Limits(
                max_connections=self._max_connections,
                max_keepalive_connections=self._max_connections,
                keepalive_expiry=55.0,
            ),
        )
        return self._client


@dataclass(slots=True)
class _Call:
    """One request through all its attempts. `phase`: may the first byte of any of them have left?"""

    method: str
    path: str
    target: bytes
    content: bytes
    headers: dict[str, str]
    weight: int
    priority: bool
    attempts: int  # left
    timeout_s: float
    permit: Callable[[], None] | None = None
    refusal: Exception | None = None  # what `permit` raised
    phase: Phase = Phase.CONNECT
    waits_for_budget: bool = False

    def failure(self, what: str) -> HttpFailure:
        return HttpFailure(self.phase, f"{self.method} {self.path}: {what}.")

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """Told by httpcore of every step, before it takes it."""
        if not event.endswith(".send_request_headers.started"):
            return
        if self.permit is not None:
            try:
                self.permit()
            except Exception as error:
                self.refusal = error
                raise
        self.phase = Phase.SENT


def _settle_sniffio() -> None:
    """httpcore imports it at every request: where there is none, that is a search of the whole path, 0.07 ms
    each. None makes the import fail at once."""
    from importlib.util import find_spec

    if "sniffio" not in sys.modules and find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def _target(prefix: str, path: str, query: str) -> bytes:
    """The request target, checked to hold only what may stand there unencoded (visible ASCII, RFC 9112)."""
    text = prefix + (f"{path}?{query}" if query else path)
    if not path.startswith("/") or not text.isascii() or any(c <= " " or c == "\x7f" for c in text):
        raise ValueError("path and query must start with / and be percent-encoded already")
    return text.encode("ascii")
