"""The host decides the environment, and a loopback host must prove that it is the simulator."""

import msgspec
import pytest

from spark_tui.domain.values import Environment
from spark_tui.venues.binance.spot.endpoints import (
    DEMO,
    LIVE,
    TESTNET,
    EndpointError,
    Endpoints,
    discover,
    environment_of,
)

INFO = {
    "simulator": "spark-tui",
    "ws_url": "ws://127.0.0.1:7001",
    "ws_api_url": "ws://127.0.0.1:7001/ws-api/v3",
    "data": "Replay",
    "api_key": "simkey",
    "api_secret": "simsecret",
}


async def simulator(url: str) -> bytes:
    assert url == "http://127.0.0.1:7000/sim/v1/info"
    return msgspec.json.encode(INFO)


async def nobody(url: str) -> bytes:
    raise OSError("Connection refused")


@pytest.mark.parametrize(
    ("host", "environment"),
    [
        ("127.0.0.1", Environment.SIM),
        ("127.8.9.1", Environment.SIM),
        ("::1", Environment.SIM),
        ("localhost", Environment.SIM),
        ("testnet.binance.vision", Environment.TESTNET),
        ("demo-api.binance.com", Environment.TESTNET),
        ("api.binance.com", Environment.LIVE),
        ("API4.binance.com", Environment.LIVE),
        ("my-proxy.example", Environment.LIVE),
        ("testnet.binance.vision.evil.example", Environment.LIVE),
        ("localhost.example", Environment.LIVE),
    ],
)
def test_the_host_decides(host: str, environment: Environment) -> None:
    assert environment_of(host) is environment


@pytest.mark.parametrize("known", [LIVE, TESTNET, DEMO])
async def test_a_known_rest_host_brings_its_siblings(known: Endpoints) -> None:
    found = await discover(known.rest, http_get=nobody)
    assert found.endpoints == known
    assert found.environment is known.environment
    assert (found.data, found.credentials) == ("Real", None)


async def test_the_simulator_is_asked_for_what_is_not_given() -> None:
    found = await discover("http://127.0.0.1:7000/", http_get=simulator)
    assert found.endpoints == Endpoints(
        "http://127.0.0.1:7000", "ws://127.0.0.1:7001", "ws://127.0.0.1:7001/ws-api/v3"
    )
    assert (found.environment, found.data) == (Environment.SIM, "Replay")
    assert found.credentials is not None
    assert found.credentials.api_key == "simkey"
    assert "simsecret" not in repr(found)


async def test_each_address_may_lead_through_a_proxy() -> None:
    found = await discover(
        "http://127.0.0.1:7000", "ws://127.0.0.1:7002/stream", "ws://localhost:7003/ws-api/v3", simulator
    )
    assert found.endpoints.streams == "ws://127.0.0.1:7002"
    assert found.endpoints.ws_api == "ws://localhost:7003/ws-api/v3"


async def test_a_garbled_answer_is_asked_for_again() -> None:
    answers = [b"\xff{garbage", OSError("reset"), msgspec.json.encode(INFO)]

    async def flaky(url: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert (await discover("http://127.0.0.1:7000", http_get=flaky)).environment is Environment.SIM


@pytest.mark.parametrize(
    ("rest", "stream", "ws_api", "says"),
    [
        ("http://127.0.0.1:9", None, None, "no spark-tui simulator answers there .Connection refused."),
        ("http://api.binance.com", None, None, "not encrypted; use https://api.binance.com"),
        ("https://proxy.example", None, None, "set BINANCE_STREAM_BASE and BINANCE_WS_API_BASE"),
        ("https://testnet.binance.vision", "wss://stream.binance.com", None, "mix LIVE and TESTNET"),
        ("https://testnet.binance.vision", "ws://127.0.0.1:1", None, "mix SIM and TESTNET"),
        ("https://testnet.binance.vision", "ws://stream.testnet.binance.vision", None, "not encrypted"),
        ("https://api.binance.com/sapi/v1", None, None, "unexpected path"),
        ("ftp://api.binance.com", None, None, "is no https address"),
        ("api.binance.com", None, None, "is no https address"),
        ("https://user:pw@api.binance.com", None, None, "is no https address"),
        ("https://api.binance.com:notaport", None, None, "is no https address"),
        ("https://[::1", None, None, "is no https address"),
    ],
)
async def test_bad_addresses_get_a_sentence(
    rest: str, stream: str | None, ws_api: str | None, says: str
) -> None:
    with pytest.raises(EndpointError, match=says):
        await discover(rest, stream, ws_api, nobody)


@pytest.mark.parametrize("body", [b'{"simulator":"other","ws_url":"","ws_api_url":""}', b"<html>", b""])
async def test_another_program_on_loopback_is_refused(body: bytes) -> None:
    async def other(url: str) -> bytes:
        return body

    with pytest.raises(EndpointError, match="no spark-tui simulator"):
        await discover("http://127.0.0.1:7000", http_get=other)
