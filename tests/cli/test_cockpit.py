"""`spark-tui`, `attach` and `demo` as lines of text; their screens are tested in tests/flows."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.support import PATIENCE_S, Home, children, is_running


def read_until(process: "subprocess.Popen[str]", part: str) -> str:
    """Lines up to the one that holds `part`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if part in line:
            return seen
    raise AssertionError(f"{part!r} never came: {seen}")


@pytest.fixture
def plain(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """`spark-tui --plain` on a machine where nothing runs and nothing is configured."""
    process = home.begin("--plain", "--data-dir", str(home.data))
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_without_anything_it_trades_in_sim_and_says_so(home: Home, plain: "subprocess.Popen[str]") -> None:
    read_until(plain, "SIM  data Mock")
    status = home.json("show", "status", "--json")
    order = home.json("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
    read_until(plain, f"{order['client_order_id']}  FILLED")
    plain.send_signal(signal.SIGINT)
    _, err = plain.communicate(timeout=PATIENCE_S)
    assert plain.returncode == 0
    assert "SIM on the bundled simulator" in err
    assert str(home.data) in err
    assert f"pid {status['pid']}" in err  # the engine goes on, and how to end it
    assert is_running(status["pid"])
    again = home.begin("attach", "--plain", "--data-dir", str(home.data))
    read_until(again, f"{order['client_order_id']}  FILLED")
    home.run("stop", "--data-dir", str(home.data))
    read_until(again, "ENGINE_GONE")
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=PATIENCE_S)
    assert (again.returncode, err) == (0, "")


def test_two_at_once_share_one_engine(home: Home) -> None:
    both = [home.begin("--plain", "--data-dir", str(home.data)) for _ in range(2)]
    for one in both:
        read_until(one, "SIM  data Mock")
    status = home.json("show", "status", "--json")
    assert status["faces"] == 2
    for one in both:
        one.send_signal(signal.SIGINT)
        one.communicate(timeout=PATIENCE_S)
        assert one.returncode == 0


def test_an_engine_that_cannot_start_is_quoted(home: Home) -> None:
    home.data.mkdir()
    (home.data / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    done = home.run("--plain", "--data-dir", str(home.data))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("spark-tui: The engine did not start: ")
    assert "ledger" in last


def test_the_demo_leaves_nothing(home: Home) -> None:
    # whatever is configured, the demo does not go there
    done = home.run(
        *("demo", "--plain", "--duration", "1", "--seed", "5"),
        TRADE_MODE="live",
        BINANCE_API_BASE="https://api.binance.com",
        BINANCE_API_KEY="k",
        BINANCE_API_SECRET="hunter2",
    )
    assert done.returncode == 0
    assert "SIM  data Mock  ACTIVE" in done.stdout
    assert done.stderr.startswith("Demo: ")
    assert list(home.temporary.iterdir()) == []


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_early_cleans_up(home: Home, name: signal.Signals) -> None:
    demo = home.begin("demo", "--plain")
    read_until(demo, "status")
    engines = children(demo.pid)
    assert engines
    demo.send_signal(name)
    demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0
    assert not any(is_running(pid) for pid in engines)
    assert list(home.temporary.iterdir()) == []
