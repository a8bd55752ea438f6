"""The process and its sockets: start, options, ready file, sessions over TCP, slow readers, restart, end."""

import argparse
import asyncio
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from spark_tui.simulator import connection as connection_module
from spark_tui.simulator.__main__ import main
from spark_tui.simulator.options import add_arguments, read_options
from spark_tui.simulator.server import Server
from spark_tui.simulator.simulation import Simulation
from tests.simulator.rig import KEY, SECRET, Rig

COMMAND = [sys.executable, "-m", "spark_tui.simulator"]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    simulation = Simulation(wall_ns=time.time_ns)
    simulation.populate(1, simulation.wall_ms())
    simulation.issue_hmac_key(KEY, SECRET)
    running = Server(simulation, api_key=KEY, api_secret=SECRET)
    await running.start()
    yield running
    await running.stop()


def signed_now(**params: Any) -> dict[str, Any]:
    params = {"apiKey": KEY, "timestamp": time.time_ns() // 1_000_000} | params
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return params | {"signature": Rig.sign(payload)}


async def test_one_port_serves_rest_streams_and_the_websocket_api(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.base_url}/sim/v1/info") as reply:
            info = await reply.json()
        assert (info["simulator"], info["data"], info["api_secret"]) == ("spark-tui", "Mock", SECRET)
        assert info["symbols"] == ["BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY", "LTCUSDT"]
        async with http.get(f"{server.base_url}/api/v3/exchangeInfo") as reply:
            assert int(reply.headers["X-MBX-USED-WEIGHT-1M"]) >= 20
            names = [entry["symbol"] for entry in (await reply.json())["symbols"]]
        assert names == [
            "BTCUSDT",
            "ETHUSDT",
            "BNBUSDT",
            "BTCTRY",
            "LTCUSDT",
            "XRPUSDT",
            "XMRUSDT",
            "这是测试币456",
        ]
        async with (
            http.ws_connect(f"{info['ws_url']}/stream?streams=btcusdt@bookTicker") as stream,
            http.ws_connect(info["ws_api_url"]) as api,
        ):
            frame = await stream.receive_json(timeout=5)
            assert frame["stream"] == "btcusdt@bookTicker"
            params = signed_now()
            await api.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            assert (await api.receive_json(timeout=5))["result"] == {"subscriptionId": 0}
            params = signed_now(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
            await api.send_json({"id": 2, "method": "order.place", "params": params})
            frames = [await api.receive_json(timeout=5) for _ in range(4)]
            assert any(frame.get("id") == 2 and frame["status"] == 200 for frame in frames)
            assert [f["event"]["e"] for f in frames if "event" in f][-1] == "outboundAccountPosition"


async def test_unicode_symbols_and_bodies_over_real_bytes(server: Server) -> None:
    query = "symbol=%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456&side=BUY&type=MARKET"
    body = f"quantity=1&timestamp={time.time_ns() // 1_000_000}"
    signature = Rig.sign(query + body)
    host, _, port = server.base_url.removeprefix("http://").partition(":")

    async def post(raw_query: bytes, raw_body: bytes) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection(host, int(port))
        head = b"POST /api/v3/order?%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-MBX-APIKEY: %b\r\n"
        writer.write(head % (raw_query, KEY.encode()))
        kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
        writer.write(kind + b"Content-Length: %d\r\n\r\n%b" % (len(raw_body), raw_body))
        answer = await reader.read()
        writer.close()
        return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

    signed = f"{body}&signature={signature}".encode()
    assert await post(query.encode(), signed) == {"code": -2010, "msg": "Market is closed."}
    assert (await post(query.lower().encode(), signed))["code"] == -1022
    raw = f"{body}&symbol=这是测试币456"  # signed as it stands, which was right before 2026
    resigned = f"{raw}&signature={Rig.sign('side=BUY&type=MARKET' + raw)}".encode()
    assert (await post(b"side=BUY&type=MARKET", resigned))["code"] == -1022


async def test_a_symbol_can_be_halted(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        for query, status in (("symbol=BTCUSDT&status=HALT", 200), ("symbol=X&status=HALT", 400), ("", 400)):
            async with http.post(f"{server.base_url}/sim/v1/symbol?{query}") as reply:
                assert reply.status == status
        async with http.get(f"{server.base_url}/api/v3/exchangeInfo?symbol=BTCUSDT") as reply:
            assert (await reply.json())["symbols"][0]["status"] == "HALT"


async def test_the_clock_can_be_shifted(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{server.base_url}/sim/v1/clock?offset_ms=-90000") as reply:
            assert await reply.json() == {"offset_ms": -90_000}
        async with http.get(f"{server.base_url}/api/v3/time") as reply:
            moment = (await reply.json())["serverTime"]
        assert -91_000 < moment - time.time_ns() // 1_000_000 < -89_000
        async with http.post(f"{server.base_url}/sim/v1/clock?offset_ms=soon") as reply:
            assert reply.status == 400


async def test_too_many_messages_end_a_stream_connection(server: Server) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{server.ws_url}/ws") as stream:
        for number in range(6):
            await stream.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        async for _ in stream:
            pass
        assert stream.close_code == 1008


async def test_a_reader_that_never_reads_is_cut_and_the_others_live(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "_OUTBOX_FRAMES", 64)
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    hub, subscribed = server.simulation.hub, asyncio.Event()
    hub.on_subscribe.append(lambda stream: subscribed.set())
    _, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    writer.write(
        b"GET /ws/big@frame HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await asyncio.wait_for(subscribed.wait(), 5)
    frame = b'"' + b"x" * 200_000 + b'"'
    for _ in range(5_000):
        hub.publish("big@frame", frame)
        await asyncio.sleep(0)
        if not hub.wants("big@frame"):
            break
    assert not hub.wants("big@frame")
    writer.close()
    async with aiohttp.ClientSession() as http, http.get(f"{server.base_url}/api/v3/ping") as reply:
        assert reply.status == 200


async def test_silent_peers_are_pinged_and_cut() -> None:
    moments = [0.0]

    class Socket:
        closed = False
        pings: list[bytes] = []  # noqa: RUF012 - one instance only

        async def ping(self, message: bytes) -> None:
            self.pings.append(message)

    class Transport:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    class Request:
        transport = Transport()

    held = connection_module.Connection(Request(), lambda: moments[0])  # type: ignore[arg-type]
    held.ws = Socket()  # type: ignore[assignment]
    for moment in (19.0, 20.0, 30.0, 40.0, 60.0):
        moments[0] = moment
        await held.tend()
    assert len(Socket.pings) == 3
    assert not Request.transport.aborted
    moments[0] = 81.0
    await held.tend()
    assert Request.transport.aborted


def start(*flags: str, ready: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()  # printed after the ready file is in place
    assert line.startswith("simulator serving at "), process.communicate()
    return process, json.loads(ready.read_text())


def test_key_orders_and_balances_survive_a_restart(tmp_path: Path) -> None:
    def call(facts: dict[str, str], method: str, path: str, query: str = "") -> Any:
        query = f"{query}&" * bool(query) + f"timestamp={time.time_ns() // 1_000_000}"
        signature = hmac.new(facts["api_secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{facts['base_url']}/api/v3/{path}?{query}&signature={signature}"
        request = urllib.request.Request(url, method=method, headers={"X-MBX-APIKEY": facts["api_key"]})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    flags = ("--data-dir", str(tmp_path / "data"))
    process, first = start(*flags, ready=tmp_path / "one.json")
    order = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=60000&quantity=0.01&newClientOrderId=kept"
    )
    placed = call(first, "POST", "order", order)
    bought = call(first, "POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01")
    before = {row["asset"]: row for row in call(first, "GET", "account")["balances"]}
    other = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=20, check=False)
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "another simulator uses" in other.stderr
    assert (tmp_path / "one.json").stat().st_mode & 0o777 == 0o600
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0

    process, second = start(*flags, ready=tmp_path / "two.json")
    assert second["api_key"] == first["api_key"]
    found = call(second, "GET", "order", "symbol=BTCUSDT&origClientOrderId=kept")
    assert (found["orderId"], found["status"]) == (placed["orderId"], "NEW")
    after = {row["asset"]: row for row in call(second, "GET", "account")["balances"]}
    assert after == before
    trades = call(second, "GET", "myTrades", "symbol=BTCUSDT")
    assert [t["id"] for t in trades] == [f["tradeId"] for f in bought["fills"]]
    newer = call(second, "POST", "order", order.replace("kept", "newer"))
    assert newer["orderId"] > bought["orderId"]
    process.terminate()
    assert process.wait(10) == 0


def test_it_ends_with_another_process(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as watched:
        process, _ = start("--exit-with", str(watched.pid), ready=tmp_path / "ready.json")
        watched.kill()
        watched.wait()
        assert process.wait(10) == 0


def refused(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 2 and one line that holds these words."""
    try:
        code = main(flags)
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr().err
    assert code == 2
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--port", "70000"], "--port 70000 is not a port"),
        (["--speed", "-1"], "--speed -1.0 is negative"),
        (["--replay", "/does/not/exist"], "is not a file"),
        (["--config", "/does/not/exist"], "cannot be read"),
        (["--ready-file", "/does/not/exist/ready"], "its folder does not exist"),
        (["--data-dir", "/proc/nothing"], "cannot be used"),
        (["--sed", "1"], "unrecognized arguments"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_bad_flags_are_one_line_and_2(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(flags, words, capsys)


@pytest.mark.parametrize(
    ("flag", "content", "words"),
    [
        ("--config", "sede = 3", "did you mean seed?"),
        ("--config", "seed = 'x'", "Expected `int`, got `str`"),
        ("--config", "= broken", "is not valid TOML"),
        ("--ed25519-public-key", "x", "not a PEM public key"),
        ("--replay", "x", "cannot be read as a gzip recording"),
    ],
)
def test_bad_files_are_one_line_and_2(
    tmp_path: Path, flag: str, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    refused([flag, str(path)], words, capsys)


def test_damaged_state_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "simulator.json").write_text('{"form":1,')
    refused(["--data-dir", str(tmp_path)], "is damaged", capsys)


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        refused(["--port", port], f"port {port} cannot be used", capsys)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("seed = 5\nspeed = 2\nready-file = 'r'\n")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = read_options(parser.parse_args(["--config", str(path), "--seed", "6"]))
    assert (options.seed, options.speed, options.ready_file) == (6, 2.0, Path("r"))
