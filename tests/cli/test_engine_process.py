"""The engine as a process: what it serves, how it ends, and what it leaves behind. Real processes."""

import json
import os
import signal
import socket
import stat
import urllib.request
from pathlib import Path

import pytest

from tests.cli.support import Engine, Home, children, is_running, wait_for


@pytest.fixture(scope="module")
def engine(shared_home: Home) -> Engine:
    """One engine on the bundled simulator, with /metrics on a free port, for tests that do not end it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return shared_home.engine(EXECUTOR_PORT=str(port))


def get(engine: Engine, path: str) -> str:
    url = f"http://127.0.0.1:{engine.ready['metrics_port']}{path}"
    with urllib.request.urlopen(url, timeout=10) as reply:
        return str(reply.read().decode())


def test_the_ready_file_says_where_it_is(shared_home: Home, engine: Engine) -> None:
    ready = engine.ready
    assert ready["data_dir"] == str(shared_home.data)
    assert is_running(ready["pid"])
    path = Path(ready["socket"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads((shared_home.data / "engine.json").read_text()) == ready
    for file in shared_home.data.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_an_order_from_the_command_line(shared_home: Home, engine: Engine) -> None:
    home = shared_home
    resting = home.json(
        *("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=LIMIT"), "quantity=0.01", "price=50000"
    )
    assert resting["state"] == "ACCEPTED"
    assert (resting["price"], resting["quantity"], resting["filled"]) == ("50000", "0.01", "0")
    listed = home.json("show", "orders", "--json")
    assert listed[0] == resting
    wanted = "client_order_id venue_order_id venue symbol side type price quantity filled state"
    assert set(wanted.split()) <= set(listed[0])
    table = home.run("show", "orders", "--data-dir", str(home.data)).stdout
    assert resting["client_order_id"] in table
    canceled = home.json("do", "order.cancel", f"client_order_id={resting['client_order_id']}")
    assert canceled["state"] == "CANCELED"
    bought = home.json("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
    assert bought["state"] == "FILLED"
    fills = home.json("show", "fills", "--json")
    assert sum(float(fill["quantity"]) for fill in fills) == pytest.approx(0.01)
    assert {row["symbol"] for row in home.json("show", "positions", "--json")} == {"BTCUSDT"}


def test_a_refusal_is_json_a_sentence_and_1(shared_home: Home, engine: Engine) -> None:
    order = ("symbol=BTCUSDT", "side=BUY", "type=LIMIT", "quantity=0.000000001", "price=50000")
    done = shared_home.run("do", "order.submit", *order, "--data-dir", str(shared_home.data))
    assert done.returncode == 1
    assert json.loads(done.stdout)["state"] == "DENIED"
    assert done.stderr.startswith("spark-tui: DENIED ")
    done = shared_home.run("do", "order.cancel", "client_order_id=none", "--data-dir", str(shared_home.data))
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("balances", "USDT"),
        ("tickers", "BTCUSDT"),
        ("venues", "binance-spot"),
        ("status", "ACTIVE"),
        ("health", "rss bytes"),
        ("rules", "price-band"),
        ("instruments", "BTCTRY"),
        ("book", "BTCUSDT"),
    ],
)
def test_everything_can_be_shown(shared_home: Home, engine: Engine, what: str, part: str) -> None:
    done = shared_home.run("show", what, "--data-dir", str(shared_home.data))
    assert (done.returncode, done.stderr) == (0, "")
    assert part in done.stdout
    assert shared_home.json("show", what, "--json")


def test_a_changed_rule_is_told_alone(shared_home: Home, engine: Engine) -> None:
    put = ("id=told", "kind=max_order_notional", "limit=900000", "symbol=BNBUSDT")
    assert shared_home.json("do", "rule.put", *put)["limit"] == "900000"
    assert shared_home.json("do", "rule.disable", "id=told")["enabled"] is False
    assert shared_home.json("do", "rule.enable", "id=told")["enabled"] is True
    assert shared_home.json("do", "rule.delete", "id=told") == {"id": "told", "deleted": True}
    shared_home.json("do", "rule.put", "id=slippage", "kind=max_slippage", "limit=900")
    given_back = shared_home.json("do", "rule.delete", "id=slippage")
    assert (given_back["limit"], given_back["origin"]) == ("100", "standard")


def test_metrics_count_what_happened(shared_home: Home, engine: Engine) -> None:
    shared_home.json("do", "order.submit", "symbol=ETHUSDT", "side=SELL", "type=MARKET", "quantity=0.1")
    found = get(engine, "/metrics")
    values = dict(line.rsplit(" ", 1) for line in found.splitlines() if line and not line.startswith("#"))
    assert float(values['spark_tui_orders_total{state="FILLED"}']) >= 1
    for name in ("durable", "sent", "answered"):
        assert float(values[f"spark_tui_order_{name}_seconds_count"]) >= 1
    assert float(values["spark_tui_ledger_entries_total"]) > 0
    assert float(values["spark_tui_tape_frames_total"]) > 0
    frames = 'spark_tui_stream_frames_total{stream="btcusdt@depth@100ms",venue="binance-spot"}'
    assert float(values[frames]) > 0
    assert values['spark_tui_trading_state{environment="SIM",state="ACTIVE"}'] == "1.0"
    health = json.loads(get(engine, "/healthz"))
    assert (health["trading_state"], health["pid"]) == ("ACTIVE", engine.pid)


def test_a_second_engine_on_the_same_data_is_refused_by_pid(shared_home: Home, engine: Engine) -> None:
    done = shared_home.run("engine", "--data-dir", str(shared_home.data))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"pid {engine.pid}" in done.stderr
    assert shared_home.json("show", "status", "--json")["pid"] == engine.pid


def test_the_simulator_is_started_again_where_it_was(shared_home: Home, engine: Engine) -> None:
    (simulator,) = children(engine.pid)
    before = shared_home.json("show", "orders", "--json")
    os.kill(simulator, signal.SIGKILL)

    def back() -> bool:
        found = children(engine.pid)
        up = shared_home.json("show", "venues", "--json")[0]["state"] == "up"
        return bool(found) and found != [simulator] and up

    wait_for(back, "the simulator's return")
    assert shared_home.json("show", "orders", "--json") == before


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(home: Home, name: signal.Signals) -> None:
    engine = home.engine()
    simulators = children(engine.pid)
    assert len(simulators) == 1
    assert engine.end(name) == (0, "")
    assert not Path(engine.ready["socket"]).exists()
    assert not (home.data / "engine.json").exists()
    assert not any(is_running(pid) for pid in simulators)


def test_after_kill_9_it_starts_again_with_everything(home: Home) -> None:
    first = home.engine()
    simulators = children(first.pid)
    order = home.json(
        *("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=LIMIT"), "quantity=0.01", "price=50000"
    )
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()
    assert Path(first.ready["socket"]).exists()  # left behind, and no engine behind it
    done = home.run("show", "orders", "--data-dir", str(home.data))
    assert (done.returncode, done.stdout) == (1, "")
    wait_for(lambda: not any(is_running(pid) for pid in simulators), "the simulator's end")
    second = home.engine()
    assert second.ready["socket"] == first.ready["socket"]
    (kept,) = [row for row in home.json("show", "orders", "--json") if row["state"] == "ACCEPTED"]
    assert (kept["client_order_id"], kept["venue_order_id"]) == (
        order["client_order_id"],
        order["venue_order_id"],
    )
    done = home.run("stop", "--data-dir", str(home.data))
    assert (done.returncode, done.stdout) == (0, f"The engine (pid {second.pid}) has ended.\n")
    assert not is_running(second.pid)
    assert second.process.wait() == 0
    verified = home.run("ledger", "verify", "--data-dir", str(home.data))
    assert verified.returncode == 0


def test_a_taken_metrics_port_is_a_note_not_an_end(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        engine = home.engine(EXECUTOR_PORT=str(port))
    assert engine.ready["metrics_port"] == 0
    (note,) = home.json("show", "status", "--json")["notes"]
    assert str(port) in note
    assert "EXECUTOR_PORT" in note


def test_it_ends_with_the_process_it_was_told_to_end_with(home: Home) -> None:
    other = home.begin("simulator", "--ready-file", str(home.temporary / "ready"))
    wait_for((home.temporary / "ready").exists)
    engine = home.engine("--exit-with", str(other.pid))
    other.terminate()
    other.communicate()
    assert engine.process.wait(20) == 0


def test_a_simulator_elsewhere_is_known_by_its_host(home: Home) -> None:
    ready = home.temporary / "simulator.json"
    simulator = home.begin("simulator", "--ready-file", str(ready), "--seed", "7")
    try:
        wait_for(ready.exists)
        base = json.loads(ready.read_bytes())["base_url"]
        engine = home.engine(BINANCE_API_BASE=base)
        assert children(engine.pid) == []
        status = home.json("show", "status", "--json")
        assert (status["environment"], status["data_badge"]) == ("SIM", "Mock")
        assert home.json("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")[
            "venue_order_id"
        ]
    finally:
        simulator.terminate()
        simulator.communicate()


def test_a_wrong_key_is_said_where_the_operator_looks(home: Home) -> None:
    ready = home.temporary / "simulator.json"
    simulator = home.begin("simulator", "--ready-file", str(ready))
    try:
        wait_for(ready.exists)
        base = json.loads(ready.read_bytes())["base_url"]
        home.engine(BINANCE_API_BASE=base, BINANCE_API_KEY="A" * 64, BINANCE_API_SECRET="hunter2")
        status = home.json("show", "status", "--json")
        assert status["venues"][0]["state"] == "down"
        assert "key" in status["notes"][0].lower()
        assert "hunter2" not in (home.data / "engine.log").read_text()
    finally:
        simulator.terminate()
        simulator.communicate()


def test_no_simulator_where_one_should_be_is_one_line(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = home.run("engine", "--data-dir", str(home.data), BINANCE_API_BASE=f"http://127.0.0.1:{port}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "spark-tui simulator" in done.stderr
