"""What goes wrong at an operator's desk, with real processes: each is one clear sentence where it is looked
for, the right exit code, no traceback, no secret, and nothing lost."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import LIMIT, Desk, Simulator, free_port, wait_for
from tests.store.disks import fill, small_disk

SECRET = "hunter2" * 9


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An engine that trades well, for troubles that must not trouble it."""
    place = Desk(tmp_path_factory.mktemp("busy"))
    place.engine(Simulator(place))
    yield place
    place.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """An exchange that no trouble reaches."""
    place = Desk(tmp_path_factory.mktemp("outside"))
    yield Simulator(place)
    place.close()


def sentence(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """What stderr says, which must be one line, ended with this exit code."""
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("spark-tui: ")
    return done.stderr.removeprefix("spark-tui: ").strip()


def refused_start(desk: Desk, code: int, *words: str, **environment: str) -> str:
    """`spark-tui engine` that must not start; what it says."""
    done = desk.run("engine", "--data-dir", str(desk.data), *words, **environment)
    assert done.stdout == ""
    return sentence(done, code)


# --- orders that cannot be


@pytest.mark.parametrize(
    ("params", "code", "part"),
    [
        ({"symbol": "NOPEUSDT"}, "", "NOPEUSDT"),
        ({"quantity": "0.000001"}, "FILTER_LOT_SIZE", "0.00001"),
        ({"quantity": "0"}, "FILTER_", "quantity"),
        ({"quantity": "-1"}, "FILTER_", "quantity"),
        ({"quantity": "0.0100001"}, "FILTER_LOT_SIZE", "0.01"),
        ({"quantity": "9999999"}, "FILTER_LOT_SIZE", "9000"),
        ({"quantity": "3"}, "POSITION_SHARE", "equity"),
        ({"price": "50000.001"}, "FILTER_PRICE_FILTER", "50000"),
        ({"price": "1"}, "FILTER_", "price"),
        ({"quantity": "0.00001"}, "FILTER_NOTIONAL", "5"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_reason(
    busy: Desk, params: dict[str, str], code: str, part: str
) -> None:
    words = [f"{name}={value}" for name, value in {**LIMIT, **params}.items()]
    done = busy.run("do", "order.submit", *words, "--data-dir", str(busy.data))
    said = sentence(done, 1)
    answer = json.loads(done.stdout)
    if answer.get("state"):
        assert answer["state"] == "DENIED"
        assert answer["code"].startswith(code)
    assert part in said


@pytest.mark.parametrize("word", ["quantity=lots", "quantity=NaN", "quantity=1e999999", "sid=BUY"])
def test_words_that_are_no_order_are_a_usage_error(busy: Desk, word: str) -> None:
    words = ("symbol=BTCUSDT", "side=BUY", "type=LIMIT", "price=60000", word)
    done = busy.run("do", "order.submit", *words, "--data-dir", str(busy.data))
    assert word.partition("=")[0] in sentence(done, 2)
    assert done.stdout == ""


def test_a_second_engine_on_the_same_data_is_refused(busy: Desk) -> None:
    said = refused_start(busy, 1)
    assert "already runs" in said
    assert "spark-tui attach" in said
    assert busy.show("status")["trading_state"] == "ACTIVE"


def test_after_all_that_nothing_was_said_that_should_not_be(busy: Desk) -> None:
    """Last of those that share an engine, to which nothing has happened."""
    assert {order["state"] for order in busy.show("orders")} == {"DENIED"}
    busy.assert_spoken_well(json.loads((busy.root / "simulator.seen").read_bytes())["api_secret"])


# --- settings


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("symbols = [", "not TOML"),
        ("symbls = ['BTCUSDT']", "did you mean 'symbols'"),
        ("[risk]\nmax_notionl = 5", "did you mean 'max_notional'"),
        ("trade_mode = 'brave'", "trade_mode"),
    ],
)
def test_a_wrong_configuration_is_named(desk: Desk, text: str, part: str) -> None:
    config = desk.root / "spark.toml"
    config.write_bytes(text.encode("latin-1"))
    said = refused_start(desk, 2, "--config", str(config))
    assert part in said
    assert str(config) in said


def test_a_configuration_that_cannot_be_read_is_named(desk: Desk) -> None:
    missing = desk.root / "missing.toml"
    assert "No such file" in refused_start(desk, 2, "--config", str(missing))
    assert "directory" in refused_start(desk, 2, "--config", str(desk.root))
    if os.geteuid():
        locked = desk.root / "locked.toml"
        locked.touch(mode=0)
        assert "Permission denied" in refused_start(desk, 2, "--config", str(locked))


def test_wrong_addresses_keys_and_folders_are_named(desk: Desk) -> None:
    closed = free_port()
    assert str(closed) in refused_start(desk, 2, BINANCE_API_BASE=f"http://127.0.0.1:{closed}")
    assert "encrypted" in refused_start(desk, 2, BINANCE_API_BASE="http://api.binance.com")
    assert "TRADE_MODE" in refused_start(desk, 2, BINANCE_API_KEY="K" * 64, BINANCE_API_SECRET=SECRET)
    (desk.root / "file").touch()
    done = desk.run("engine", "--data-dir", str(desk.root / "file" / "data"))
    assert "cannot be used" in sentence(done, 1)
    desk.assert_spoken_well(SECRET)


@pytest.mark.campaign  # the normal suite has its core in tests/cli
def test_a_taken_port_is_said_and_the_engine_trades_on(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        desk.engine(EXECUTOR_PORT=str(port))
        (note,) = desk.show("status")["notes"]
        assert str(port) in note
        assert "EXECUTOR_PORT" in note
        assert desk.submit()["state"] == "ACCEPTED"
        done = desk.run("simulator", "--port", str(port))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert str(port) in done.stderr
    desk.assert_spoken_well()


# --- keys


@pytest.mark.parametrize(
    ("key", "part"),
    [("K" * 64, "key"), ("", "signature")],
    ids=["unknown key", "wrong secret"],
)
def test_a_bad_key_is_said_and_nothing_is_sent(desk: Desk, key: str, part: str) -> None:
    sim = Simulator(desk)
    desk.engine(sim, BINANCE_API_KEY=key or sim.api_key, BINANCE_API_SECRET=SECRET)
    status = desk.show("status")
    assert status["venues"][0]["state"] == "down"
    assert part in status["notes"][0].lower()
    done = desk.run(
        *("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01"),
        *("--data-dir", str(desk.data)),
    )
    assert len(sentence(done, 1)) > 20
    desk.assert_spoken_well(SECRET, sim.api_secret)


# --- books


def test_the_ready_file_waits_for_books_that_are_prices(desk: Desk) -> None:
    sim = Simulator(desk, "--fault", "drop-event:stream=btcusdt@depth,times=20")
    desk.engine(sim)
    first = desk.submit()
    assert first["state"] == "ACCEPTED", first
    desk.assert_spoken_well()


# --- disks and ledgers


def test_a_full_disk_halts_says_so_and_loses_nothing(desk: Desk) -> None:
    with small_disk(desk.data, "24m"):
        engine = desk.engine()
        kept = desk.submit()
        assert kept["state"] == "ACCEPTED", kept
        ballast = fill(desk.data)
        wait_for(lambda: desk.submit()["state"] == "DENIED", "a refusal")
        status = desk.show("status")
        assert status["trading_state"] == "HALTED"
        assert "ledger" in status["halt_reason"]
        assert any("ledger" in note for note in status["notes"])
        assert engine.runs
        canceled = desk.ask("do", "order.cancel", f"client_order_id={kept['client_order_id']}")
        assert canceled["state"] == "CANCELED"

        ballast.unlink()
        wait_for(lambda: not desk.show("status")["notes"], "the ledger's recovery")
        desk.ask("do", "resume", "reason=room again")
        again = desk.submit()
        assert again["state"] == "ACCEPTED", again
        assert engine.end() == 0
        assert desk.run("ledger", "verify", "--data-dir", str(desk.data)).returncode == 0
        desk.engine()
        states = {order["client_order_id"]: order["state"] for order in desk.show("orders")}
        assert states[kept["client_order_id"]] == "CANCELED"
        assert states[again["client_order_id"]] == "ACCEPTED"
        desk.assert_spoken_well()


@pytest.mark.parametrize("room", [0, 8, 68, pytest.param(80, marks=pytest.mark.campaign)])
def test_too_little_room_at_the_start_is_one_sentence(desk: Desk, outside: Simulator, room: int) -> None:
    """For the lock, for the ledger, for the engine's files: each comes first with a little more room (KB)."""
    with small_disk(desk.data, "2m"):
        spare = desk.data / "spare"
        spare.write_bytes(bytes(room << 10))
        fill(desk.data)
        spare.unlink()
        said = refused_start(desk, 1, BINANCE_API_BASE=outside.base_url)
        assert "No space left" in said or "disk is full" in said


def test_a_simulator_without_room_is_one_sentence(desk: Desk) -> None:
    with small_disk(desk.data, "1m"):
        fill(desk.data)
        ready = desk.data / "ready"
        done = desk.run("simulator", "--ready-file", str(ready))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "No space left" in done.stderr


def cut_log(ledger: Path) -> None:
    """The newest entries never reached the disk."""
    log = ledger.with_name(f"{ledger.name}-wal")
    os.truncate(log, log.stat().st_size * 2 // 3)


def change_last(ledger: Path) -> None:
    connection = sqlite3.connect(ledger, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE entries SET body = x'00' WHERE seq = (SELECT max(seq) FROM entries)")
    connection.close()


@pytest.mark.parametrize("damage", [cut_log, pytest.param(change_last, marks=pytest.mark.campaign)])
def test_a_damaged_ledger_is_named_repaired_and_reconciled(desk: Desk, damage: Any) -> None:
    sim = Simulator(desk)
    engine = desk.engine(sim)
    orders = [desk.submit(price=str(50_000 + number)) for number in range(3)]
    engine.end(signal.SIGKILL)
    damage(desk.data / "ledger.sqlite")

    said = refused_start(desk, 1, BINANCE_API_BASE=sim.base_url)
    assert "damaged" in said
    assert "spark-tui ledger repair" in said
    verified = desk.run("ledger", "verify", "--data-dir", str(desk.data))
    assert "damaged" in sentence(verified, 1)
    repaired = desk.run("ledger", "repair", "--data-dir", str(desk.data))
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert "are kept" in repaired.stdout
    assert "starts HALTED" in repaired.stdout
    assert desk.run("ledger", "verify", "--data-dir", str(desk.data)).returncode == 0

    desk.engine(sim)
    wait_for(lambda: not desk.show("status")["reconciling"], "reconciliation")
    now = {order["venue_order_id"]: order["state"] for order in desk.show("orders")}
    assert now == {order["venue_order_id"]: "ACCEPTED" for order in orders}
    assert desk.submit()["code"] == "HALTED"  # nobody knows what was lost
    assert desk.run("do", "resume", "reason=looked at it", "--data-dir", str(desk.data)).returncode == 0
    assert desk.submit()["state"] == "ACCEPTED"
    desk.assert_spoken_well(sim.api_secret)


# --- processes that are gone


@pytest.mark.campaign  # the normal suite has its core in tests/cli
def test_what_a_killed_engine_leaves_behind_stops_nobody(desk: Desk) -> None:
    sim = Simulator(desk)
    engine = desk.engine(sim)
    order = desk.submit()
    engine.end(signal.SIGKILL)
    left = json.loads((desk.data / "engine.json").read_bytes())
    assert Path(left["socket"]).exists()
    for words in (("show", "orders"), ("do", "kill"), ("stop",), ("attach", "--plain")):
        done = desk.run(*words, "--data-dir", str(desk.data))
        assert "No engine runs" in sentence(done, 1)
        assert done.stdout == ""
    again = desk.engine(sim)
    assert again.pid != engine.pid
    (kept,) = desk.show("orders")
    assert (kept["venue_order_id"], kept["state"]) == (order["venue_order_id"], "ACCEPTED")
    desk.assert_spoken_well(sim.api_secret)
