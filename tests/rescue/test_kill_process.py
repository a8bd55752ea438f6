"""`spark-tui kill` as a process of its own against the simulator's: engine alive, hung, dead, absent."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import home as home
from tests.cli.support import Engine, Home, wait_for
from tests.faults.processes import Simulator, end, start_simulator

BUY = ("order.submit", "symbol=BTCUSDT", "side=BUY", "type=LIMIT", "quantity=0.01", "price=40000")


class Desk:
    """An operator with a simulator that outlives the engine."""

    def __init__(self, home: Home, sim: Simulator) -> None:
        self.home = home
        home.environment["BINANCE_API_BASE"] = sim.base_url

    def engine(self) -> Engine:
        return self.home.engine()

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.home.run(*words, "--data-dir", str(self.home.data))

    def kill(self, *flags: str) -> tuple[int, Any]:
        done = self.run("kill", "--json", *flags)
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    def placed(self, *words: str) -> str:
        """The order's client id; a book may still be on its way, and a denied order never left."""
        for _ in range(60):
            done = self.run("do", *words)
            if done.returncode == 0:
                return str(json.loads(done.stdout)["client_order_id"])
            assert "DENIED" in done.stderr, done.stderr
        raise AssertionError(done.stderr)

    def status(self) -> Any:
        return self.home.json("show", "status", "--json")


def marks(desk: Desk) -> list[Path]:
    """What waits for the next engine to record it."""
    return list(desk.home.data.glob("killed*"))


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    """One a test: a dozen engines that start on one exchange within a minute use up its weight."""
    process, found = start_simulator(tmp_path)
    yield found
    end(process)


@pytest.fixture
def desk(home: Home, sim: Simulator) -> Desk:
    return Desk(home, sim)


def test_a_dead_engine_leaves_nothing_open_and_nothing_held(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.home.json("do", *BUY)["client_order_id"]
    desk.home.json("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
    plan = desk.home.data / "kill-plan.json"
    assert plan.stat().st_mode & 0o077 == 0
    engine.kill()

    code, told = desk.kill("--flatten", "reason=drill")

    assert (code, told["engine"], told["confirmed"]) == (0, "none", True)
    assert told["canceled"] == [resting]
    assert len(told["flattened"]) == 1
    desk.engine()
    status = desk.status()
    assert (status["trading_state"], status["halt_reason"]) == ("HALTED", "drill")
    (position,) = desk.home.json("show", "positions", "--json")
    assert abs(float(position["quantity"])) < 0.00001


def test_a_hung_engine_is_ended_and_its_orders_are_cancelled(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.home.json("do", *BUY)["client_order_id"]
    os.kill(engine.pid, signal.SIGSTOP)

    code, told = desk.kill()

    assert (code, told["engine"], told["canceled"]) == (0, "hung", [resting])
    assert engine.process.wait(10) == -signal.SIGKILL
    desk.engine()
    assert desk.status()["trading_state"] == "HALTED"
    assert desk.run("ledger", "verify").returncode == 0


def test_a_living_engine_halts_and_records_it(desk: Desk) -> None:
    desk.engine()
    resting = desk.home.json("do", *BUY)["client_order_id"]

    code, told = desk.kill("reason=lunch")

    assert (code, told["engine"]) == (0, "answered")
    assert resting in told["canceled"]
    assert desk.status()["halt_reason"] == "lunch"
    assert not marks(desk)


def test_the_drill_puts_an_order_out_and_sees_it_gone(desk: Desk) -> None:
    desk.engine()
    code, told = desk.kill("--drill")
    assert (code, told["ok"]) == (0, True)
    assert len(told["kill"]["canceled"]) == 1
    assert desk.status()["trading_state"] == "HALTED"


def test_a_days_loss_kills_by_itself_and_the_kill_outlives_the_engine(desk: Desk) -> None:
    """The whole way: a fill, its fee, the rule, the venue. What a kill finds afterwards is nothing."""
    desk.home.config.parent.mkdir(parents=True, exist_ok=True)
    desk.home.config.write_text(
        '[[risk.rules]]\nid = "daily-loss"\nkind = "max_daily_loss"\nlimit = 0.1\n'
        'effect = "halt-and-cancel"\n'
    )
    engine = desk.engine()
    desk.placed(*BUY)
    desk.placed("order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
    wait_for(lambda: desk.status()["trading_state"] == "HALTED", "the kill")
    assert desk.status()["halt_reason"].startswith("rule daily-loss")
    wait_for(lambda: desk.status()["open_orders"] == 0, "the last cancel")
    engine.kill()
    desk.engine()
    assert desk.status()["halt_reason"].startswith("rule daily-loss")
    code, told = desk.kill()
    assert (code, told["canceled"], told["left"]) == (0, [], [])


def test_a_venue_that_cannot_be_reached_is_not_called_clean(desk: Desk) -> None:
    engine = desk.engine()
    engine.kill()
    _change(desk, rest="http://127.0.0.1:1")
    code, told = desk.kill()
    assert (code, told["confirmed"], told["green"]) == (1, False, False)
    assert "127.0.0.1:1" in " ".join(told["errors"])
    assert len(marks(desk)) == 1


def test_a_plan_for_another_environment_is_refused(desk: Desk) -> None:
    desk.engine().kill()
    _change(desk, environment="LIVE")
    code, told = desk.kill()
    assert code == 1
    assert "was made for LIVE" in " ".join(told["errors"])


def test_no_drill_on_real_money(desk: Desk) -> None:
    desk.engine().kill()
    _change(desk, environment="LIVE")
    done = desk.run("kill", "--drill")
    assert (done.returncode, done.stdout) == (1, "")
    assert "real money" in done.stderr


def test_a_damaged_plan_is_one_sentence_and_what_is_configured_is_cancelled(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.placed(*BUY)
    engine.kill()
    (desk.home.data / "kill-plan.json").write_bytes(b"\xff{")
    code, told = desk.kill("reason=torn")
    assert (code, told["confirmed"], told["green"]) == (1, False, False)
    assert "damaged" in " ".join(told["errors"])
    assert resting in told["canceled"]
    desk.engine()
    assert desk.status()["halt_reason"] == "torn"


@pytest.mark.parametrize("content", [None, b"\xff{"])
def test_a_hung_engine_without_a_plan_is_never_called_clean(desk: Desk, content: bytes | None) -> None:
    """Nobody asked a venue: an empty list of venues confirms nothing."""
    engine = desk.engine()
    plan = desk.home.data / "kill-plan.json"
    plan.unlink()
    if content is not None:
        plan.write_bytes(content)
    os.kill(engine.pid, signal.SIGSTOP)
    del desk.home.environment["BINANCE_API_BASE"]
    code, told = desk.kill()
    assert (code, told["engine"], told["confirmed"], told["green"]) == (1, "hung", False, False)
    assert len(marks(desk)) == 1


def test_a_living_engine_answers_for_a_plan_that_is_damaged(desk: Desk) -> None:
    desk.engine()
    (desk.home.data / "kill-plan.json").write_bytes(b"\xff{")
    code, told = desk.kill()
    assert (code, told["engine"], told["confirmed"]) == (0, "answered", True)
    assert desk.status()["trading_state"] == "HALTED"


def test_kills_at_the_same_time_close_a_position_once(desk: Desk) -> None:
    engine = desk.engine()
    desk.placed("order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")
    engine.kill()
    words = ("kill", "--flatten", "--json", "--data-dir", str(desk.home.data))
    kills = [desk.home.begin(*words) for _ in range(3)]
    told = [json.loads(kill.communicate()[0]) for kill in kills]
    assert [one["green"] for one in told] == [True] * 3, told
    assert sum(len(one["flattened"]) for one in told) == 1


def test_without_engine_and_plan_the_configuration_says_where(desk: Desk) -> None:
    done = desk.run("kill")
    assert done.returncode == 0, done.stderr
    assert "nothing is open" in done.stdout


def test_with_nothing_at_all_it_says_so(home: Home) -> None:
    done = home.run("kill", "--data-dir", str(home.data))
    assert done.returncode == 1
    assert "nothing to kill" in done.stderr


def test_json_is_one_document_even_when_nothing_can_be_done(home: Home) -> None:
    done = home.run("kill", "--json", "--data-dir", str(home.data))
    told = json.loads(done.stdout)
    assert (done.returncode, told["confirmed"], told["green"]) == (1, False, False)
    assert "nothing to kill" in told["errors"][0]


def _change(desk: Desk, **values: str) -> None:
    """Rewrite the plan's only venue."""
    path: Path = desk.home.data / "kill-plan.json"
    plan = json.loads(path.read_bytes())
    plan["venues"][0] |= values
    path.write_text(json.dumps(plan))
