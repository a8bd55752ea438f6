"""`spark-tui kill` when the venue, the key, the plan or the moment is against it: real processes."""

import fcntl
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import home as home
from tests.cli.support import Home, wait_for
from tests.faults.processes import Simulator
from tests.rescue.test_kill_process import BUY, Desk
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim

HELD = ("order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
OCO = (
    "list.submit",
    "kind=OCO",
    "symbol=BTCUSDT",
    "side=SELL",
    "quantity=0.01",
    "above.type=LIMIT_MAKER",
    "above.price=90000",
    "below.type=STOP_LOSS",
    "below.stop_price=40000",
)
OTO = (
    "list.submit",
    "kind=OTO",
    "symbol=BTCUSDT",
    "side=BUY",
    "quantity=0.01",
    "working.type=LIMIT",
    "working.price=40000",
    "pending.type=LIMIT",
    "pending.price=90000",
    "pending.side=SELL",
)


def ask(sim: Simulator, path: str, body: Any = None) -> None:
    content = b"" if body is None else msgspec.json.encode(body)
    urllib.request.urlopen(
        urllib.request.Request(sim.base_url + path, data=content, method="POST"), timeout=10
    ).close()


def fault(sim: Simulator, verb: str, **args: Any) -> None:
    ask(sim, "/sim/v1/faults", {"verb": verb, "args": {"method": "openOrders.cancelAll", **args}})


def plan_of(desk: Desk) -> Path:
    return desk.home.data / "kill-plan.json"


def dead(desk: Desk, *orders: tuple[str, ...]) -> list[str]:
    """The ids of what an engine placed before it died."""
    engine = desk.engine()
    placed = [desk.placed(*order) for order in orders]
    engine.kill()
    return placed


@pytest.mark.parametrize("code", [418, 429])
def test_a_ban_that_ends_soon_is_waited_for(desk: Desk, sim: Simulator, code: int) -> None:
    """As short a one the connection waits for; for a longer one the kill does (test_ban_midway.py)."""
    placed = dead(desk, BUY)
    fault(sim, "error-reply", code=code, retry_after=3, method="any")
    began = time.monotonic()
    code, told = desk.kill()
    assert (code, told["confirmed"], told["canceled"]) == (0, True, placed)
    assert time.monotonic() - began >= 3


def test_a_long_ban_says_when_to_kill_again(desk: Desk, sim: Simulator) -> None:
    dead(desk, BUY)
    fault(sim, "error-reply", code=418, retry_after=600)
    code, told = desk.kill("--flatten")
    assert (code, told["confirmed"], told["flattened"]) == (1, False, [])
    assert "UTC and not before" in " ".join(told["cures"])


@pytest.mark.parametrize("offset_ms", [30_000, -30_000])
def test_a_clock_half_a_minute_off_does_not_matter(desk: Desk, sim: Simulator, offset_ms: int) -> None:
    resting, _ = dead(desk, BUY, HELD)
    ask(sim, f"/sim/v1/clock?offset_ms={offset_ms}")
    code, told = desk.kill("--flatten")
    assert (code, told["canceled"], len(told["flattened"])) == (0, [resting], 1)


def test_a_copy_that_lags_behind_makes_it_sell_once_and_all(desk: Desk, sim: Simulator) -> None:
    """Neither is what was bought just now overlooked, nor what was sold sold again."""
    ask(sim, "/sim/v1/faults", {"verb": "replica-lag", "args": {"ms": 3_000}})
    dead(desk, HELD)
    code, told = desk.kill("--flatten")
    assert (code, len(told["flattened"]), told["residue"]) == (0, 1, []), told


def test_every_second_cancel_refused_leaves_nothing(desk: Desk, sim: Simulator) -> None:
    placed = dead(desk, BUY, ("order.submit", "symbol=ETHUSDT", *BUY[2:4], "quantity=0.1", "price=2000"))
    fault(sim, "reject", times=0, chance=0.5)
    code, told = desk.kill()
    assert (code, sorted(told["canceled"])) == (0, sorted(placed))


def test_a_venue_that_cancels_no_symbol_is_asked_order_by_order(desk: Desk, sim: Simulator) -> None:
    placed = dead(desk, BUY)
    fault(sim, "reject", times=0)
    code, told = desk.kill()
    assert (code, told["canceled"]) == (0, placed)


def test_resting_lists_go_whole(desk: Desk) -> None:
    engine = desk.engine()
    desk.placed(*BUY)
    for words in (OCO, OTO):
        legs = desk.home.json("do", *words)["legs"]
        assert len(legs) == 2
    engine.kill()
    code, told = desk.kill()
    assert (code, told["left"], len(told["canceled"])) == (0, [], 5)


def test_a_halted_instrument_is_told_as_still_held(desk: Desk, sim: Simulator) -> None:
    resting, _ = dead(desk, BUY, HELD)
    ask(sim, "/sim/v1/symbol?symbol=BTCUSDT&status=HALT")
    code, told = desk.kill("--flatten")
    (left,) = told["residue"]
    assert (code, told["canceled"], left["dust"]) == (1, [resting], False)
    assert "Market is closed" in left["text"]


def test_a_slow_venue_does_not_make_a_sound_engine_hung(desk: Desk, sim: Simulator) -> None:
    engine = desk.engine()
    desk.placed(*BUY)
    fault(sim, "delay-reply", ms=6_000)  # longer than the kill's patience with an engine
    code, told = desk.kill()
    assert (code, told["engine"], told["confirmed"]) == (0, "answered", True)
    assert engine.process.poll() is None
    assert desk.status()["trading_state"] == "HALTED"


def test_an_engine_that_is_only_just_starting_is_asked_when_it_serves(desk: Desk) -> None:
    desk.engine().end()
    starting = desk.home.begin("engine", "--data-dir", str(desk.home.data))
    try:
        wait_for(lambda: (desk.home.data / "engine.lock").read_text().strip() == str(starting.pid))
        code, told = desk.kill("reason=early")
        assert (code, told["engine"]) == (0, "answered")
        assert starting.poll() is None
        assert desk.status()["halt_reason"] == "early"
    finally:
        starting.send_signal(signal.SIGTERM)
        starting.communicate()


def test_a_lost_key_file_is_told_with_its_cure(desk: Desk) -> None:
    dead(desk, BUY)
    _with_key(desk, "0123abcd")
    code, told = desk.kill()
    assert (code, told["confirmed"]) == (1, False)
    assert "cannot be read" in " ".join(told["errors"])
    assert "Bring the key file back" in " ".join(told["cures"])


def test_a_lost_key_file_is_replaced_by_the_same_key_of_the_environment(desk: Desk, sim: Simulator) -> None:
    placed = dead(desk, BUY)
    _with_key(desk, sim.api_key)
    desk.home.environment |= {"BINANCE_API_KEY": sim.api_key, "BINANCE_API_SECRET": sim.api_secret}
    code, told = desk.kill()
    assert (code, told["canceled"]) == (0, placed)


def test_another_key_is_not_tried_for_a_lost_one(desk: Desk, sim: Simulator) -> None:
    dead(desk, BUY)
    _with_key(desk, "0123abcd")
    desk.home.environment |= {"BINANCE_API_KEY": sim.api_key, "BINANCE_API_SECRET": sim.api_secret}
    code, told = desk.kill()
    assert (code, told["canceled"]) == (1, [])


def test_a_plan_others_can_read_is_warned_of(desk: Desk) -> None:
    placed = dead(desk, BUY)
    assert "can be read by others" not in desk.run("kill", "--json").stderr
    plan_of(desk).chmod(0o644)
    done = desk.run("kill")
    assert (done.returncode, bool(placed)) == (0, True)
    assert f"chmod 600 {plan_of(desk)}" in done.stderr


def test_the_bundled_simulator_asks_for_its_engine(home: Home) -> None:
    engine = home.engine()
    simulator = msgspec.json.decode((home.data / "kill-plan.json").read_bytes())["venues"][0]["rest"]
    engine.kill()

    def gone() -> bool:
        try:
            urllib.request.urlopen(f"{simulator}/api/v3/ping", timeout=5).close()
        except OSError:
            return True
        return False

    wait_for(gone, "the end of the bundled simulator")
    done = home.run("kill", "--data-dir", str(home.data))
    assert done.returncode == 1
    assert "Start the engine" in done.stdout
    assert "Kill again" not in done.stdout


def test_the_lock_of_a_dead_engine_names_nobody_to_be_ended(desk: Desk) -> None:
    """Whoever has the dead engine's number by now must not pay for it."""
    desk.engine().end()
    bystander = desk.home.begin("simulator")
    try:
        with open(desk.home.data / "engine.lock", "r+b") as file:  # one that has only just begun
            fcntl.flock(file, fcntl.LOCK_EX)
            os.pwrite(file.fileno(), f"{bystander.pid}\n".encode().ljust(16), 0)
            code, told = desk.kill()
        assert (code, told["engine"]) == (0, "hung")
        assert bystander.poll() is None
    finally:
        bystander.terminate()
        bystander.communicate()


def _with_key(desk: Desk, api_key: str) -> None:
    """The plan as with a key file that is gone."""
    plan = msgspec.json.decode(plan_of(desk).read_bytes())
    plan["venues"][0]["key"] = {
        "source": "file",
        "api_key": api_key,
        "file": str(desk.home.data / "gone.pem"),
    }
    plan_of(desk).write_bytes(msgspec.json.encode(plan))
