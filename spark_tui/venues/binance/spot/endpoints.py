"""Where Binance Spot is served, and which environment a host means (protocol section 2).

The host decides, never a label (DESIGN 3.7): a loopback host is the simulator and must prove it, a host we do
not know may lead to real money and counts as live.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

from spark_tui.domain.values import Environment
from spark_tui.venues.binance.credentials import Credentials, HmacKey

HttpGet = Callable[[str], Awaitable[bytes]]  # URL -> body of a 200 answer; raises OSError with a reason

_ATTEMPTS = 3
_TIMEOUT_S = 5.0


class EndpointError(Exception):
    """An address that cannot be used; one sentence with the cure."""


class Endpoints(msgspec.Struct, frozen=True):
    """Base addresses without a path: REST, market streams; and the WebSocket API's whole URL."""

    rest: str
    streams: str
    ws_api: str

    @property
    def environment(self) -> Environment:
        """The environment all three hosts belong to. Raises EndpointError when they differ."""
        found = {environment_of(_host(url)) for url in (self.rest, self.streams, self.ws_api)}
        if len(found) > 1:
            words = " and ".join(sorted(e.value for e in found))
            raise EndpointError(f"The Binance addresses mix {words}; set all of them to one environment.")
        return found.pop()


LIVE = Endpoints(
    "https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com/ws-api/v3"
)
TESTNET = Endpoints(
    "https://testnet.binance.vision",
    "wss://stream.testnet.binance.vision",
    "wss://ws-api.testnet.binance.vision/ws-api/v3",
)
DEMO = Endpoints(
    "https://demo-api.binance.com",
    "wss://demo-stream.binance.com",
    "wss://demo-ws-api.binance.com/ws-api/v3",
)

_HOSTS: dict[str, Endpoints] = {
    **dict.fromkeys(
        (
            "api.binance.com",
            "api-gcp.binance.com",
            "api1.binance.com",
            "api2.binance.com",
            "api3.binance.com",
            "api4.binance.com",
            "stream.binance.com",
            "ws-api.binance.com",
            "data-api.binance.vision",
            "data-stream.binance.vision",
        ),
        LIVE,
    ),
    **dict.fromkeys(
        (
            "testnet.binance.vision",
            "api1.testnet.binance.vision",
            "stream.testnet.binance.vision",
            "ws-api.testnet.binance.vision",
        ),
        TESTNET,
    ),
    **dict.fromkeys(
        ("demo-api.binance.com", "demo-stream.binance.com", "demo-ws-api.binance.com"),
        DEMO,
    ),
}


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What `discover` found. `data` is the badge: Real, Mock or Replay. The key is the simulator's own
    until the operator's takes its place."""

    endpoints: Endpoints
    environment: Environment
    data: str
    credentials: Credentials | None = None
    symbols: tuple[str, ...] = ()  # what a simulator trades; empty: ask the venue


class _SimulatorInfo(msgspec.Struct):
    simulator: str
    ws_url: str
    ws_api_url: str
    data: str = "Mock"
    symbols: tuple[str, ...] = ()
    api_key: str = ""
    api_secret: str = ""


_info: msgspec.json.Decoder[_SimulatorInfo] = msgspec.json.Decoder(_SimulatorInfo)


def environment_of(host: str) -> Environment:
    """SIM for loopback, TESTNET for the testnet and demo hosts, LIVE for every other host."""
    if is_loopback(host):
        return Environment.SIM
    known = _HOSTS.get(host.lower())
    return Environment.TESTNET if known is TESTNET or known is DEMO else Environment.LIVE


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def discover(
    rest_base: str,
    stream_base: str | None = None,
    ws_api_base: str | None = None,
    http_get: HttpGet | None = None,
) -> Discovery:
    """Complete and check the three addresses, any of which may lead through a proxy.

    On a loopback host the simulator is asked for what was not given; a loopback host that is none is refused.
    Raises EndpointError.
    """
    rest = _clean(rest_base, "BINANCE_API_BASE", "http", ("", "/api", "/api/v3"))
    host = _host(rest)
    if is_loopback(host):
        info = await _ask_simulator(rest, http_get or get)
        found = Endpoints(rest, info.ws_url, info.ws_api_url)
        data = info.data
        key = HmacKey(info.api_key, info.api_secret) if info.api_key else None
        symbols = info.symbols
    else:
        known = _HOSTS.get(host.lower())
        if known is None and (stream_base is None or ws_api_base is None):
            raise EndpointError(
                f"{host} is no Binance host we know; set BINANCE_STREAM_BASE and BINANCE_WS_API_BASE as well."
            )
        found = Endpoints(rest, known.streams, known.ws_api) if known else Endpoints(rest, "", "")
        data, key, symbols = "Real", None, ()
    endpoints = Endpoints(
        rest,
        _clean(stream_base or found.streams, "BINANCE_STREAM_BASE", "ws", ("", "/ws", "/stream")),
        _ws_api(ws_api_base or found.ws_api),
    )
    return Discovery(
        endpoints=endpoints,
        environment=endpoints.environment,
        data=data,
        credentials=key,
        symbols=symbols,
    )


async def get(url: str) -> bytes:
    """Body of one plain GET. Raises OSError with a reason."""
    import httpx  # 60 ms, and most commands never ask

    try:
        tls = urlsplit(url).scheme != "http"  # plain HTTP needs no authorities read: 30 ms
        async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=_TIMEOUT_S) as client:
            reply = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error) or type(error).__name__) from None
    if reply.status_code != 200:
        raise OSError(f"HTTP {reply.status_code}")
    return reply.content


async def _ask_simulator(rest: str, http_get: HttpGet) -> _SimulatorInfo:
    why = ""
    for _ in range(_ATTEMPTS):  # a proxy in between may garble an answer
        try:
            info = _info.decode(await http_get(f"{rest}/sim/v1/info"))
        except OSError as error:
            why = str(error)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            why = "its answer is not the simulator's"
        else:
            if info.simulator == "spark-tui":
                return info
            why = "it is another program"
    raise EndpointError(
        f"{rest} is on this machine but no spark-tui simulator answers there ({why}); "
        "start one with: spark-tui simulator"
    )


def _ws_api(url: str) -> str:
    base = _clean(url, "BINANCE_WS_API_BASE", "ws", ("", "/ws-api/v3"))
    return f"{base}/ws-api/v3"


def _clean(url: str, name: str, scheme: str, paths: tuple[str, ...]) -> str:
    """The base without path; TLS is required anywhere but on this machine."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if (
        not host
        or parts.scheme not in (scheme, f"{scheme}s")
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise EndpointError(f"{name}={url!r} is no {scheme}s address; write it like {scheme}s://host[:port]")
    if parts.path.rstrip("/") not in paths:
        raise EndpointError(
            f"{name}={url!r} has an unexpected path; give only {parts.scheme}://{parts.netloc}"
        )
    if parts.scheme == scheme and not is_loopback(host):
        raise EndpointError(f"{name}={url!r} is not encrypted; use {scheme}s://{parts.netloc}")
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
