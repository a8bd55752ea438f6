"""`spark-tui kill` and `spark-tui paper` on a paper account: real processes on the simulator's market."""

import json
import os
import signal
from decimal import Decimal

import pytest

from tests.cli.conftest import home as home
from tests.cli.support import Home
from tests.faults.processes import Simulator
from tests.rescue.test_kill_process import Desk
from tests.rescue.test_kill_process import sim as sim  # one simulator a module

FAR = ("order.submit", "symbol=BTCUSDT", "side=BUY", "type=LIMIT", "quantity=0.01", "price=40000")
NOW = ("order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")


@pytest.fixture
def desk(home: Home, sim: Simulator) -> Desk:
    found = Desk(home, sim)
    home.environment["TRADE_MODE"] = "paper"
    return found


def locked(desk: Desk) -> dict[str, float]:
    found = desk.home.json("paper", "status", "--json")
    return {one["asset"]: float(one["locked"]) for one in found["balances"]}


def test_orders_in_the_file_are_cancelled_when_the_engine_is_dead(desk: Desk) -> None:
    engine = desk.engine()
    assert desk.status()["environment"] == "PAPER"
    resting = desk.home.json("do", *FAR)["client_order_id"]
    assert locked(desk)["USDT"] == 400
    engine.kill()

    code, told = desk.kill("reason=drill")

    assert (code, told["engine"], told["confirmed"]) == (0, "none", True)
    assert told["canceled"] == [resting]
    assert locked(desk)["USDT"] == 0
    desk.engine()
    assert desk.status()["halt_reason"] == "drill"
    [order] = desk.home.json("show", "orders", "--json")
    assert (order["client_order_id"], order["state"]) == (resting, "CANCELED")
    [difference] = desk.home.json("show", "differences", "--json")
    assert difference["applied"] == "booked as CANCELED by the kill switch"  # all that happened meanwhile


def test_a_hung_engine_is_ended_and_the_file_swept(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.home.json("do", *FAR)["client_order_id"]
    os.kill(engine.pid, signal.SIGSTOP)

    code, told = desk.kill()

    assert (code, told["engine"], told["canceled"]) == (0, "hung", [resting])
    assert locked(desk)["USDT"] == 0


def test_an_engine_that_answers_cancels_and_the_file_confirms_it(desk: Desk) -> None:
    desk.engine()
    resting = desk.home.json("do", *FAR)["client_order_id"]
    code, told = desk.kill()
    assert (code, told["engine"], told["canceled"]) == (0, "answered", [resting])


def test_a_paper_position_is_told_as_still_held(desk: Desk) -> None:
    engine = desk.engine()
    assert desk.home.json("do", *NOW)["symbol"] == "BTCUSDT"
    engine.end()

    code, told = desk.kill("--flatten")

    [left] = told["residue"]
    assert (code != 0, left["symbol"], Decimal(left["quantity"])) == (True, "BTCUSDT", Decimal("0.00999"))
    assert "start an engine" in left["text"]


def test_the_kill_cannot_be_drilled_on_paper(desk: Desk) -> None:
    desk.engine().end()
    done = desk.run("kill", "--drill")
    assert done.returncode != 0
    assert "can place no order of its own" in done.stderr


def test_reset_is_refused_while_an_engine_trades(desk: Desk) -> None:
    engine = desk.engine()
    desk.home.json("do", *FAR)
    refused = desk.run("paper", "reset", "--yes")
    assert refused.returncode != 0
    assert refused.stderr.count("\n") == 1
    assert "An engine trades on this paper account" in refused.stderr
    engine.end()
    done = desk.run("paper", "reset", "--yes")
    assert (done.returncode, "1 orders were cancelled" in done.stdout) == (0, True)
    assert locked(desk)["USDT"] == 0


def test_a_restart_after_a_crash_finds_no_difference(desk: Desk) -> None:
    engine = desk.engine()
    desk.home.json("do", *FAR)
    desk.home.json("do", *NOW)
    before = desk.home.json("paper", "status", "--json")
    engine.kill()
    desk.engine()
    assert desk.home.json("do", "reconcile") == []
    assert desk.home.json("show", "differences", "--json") == []
    assert desk.home.json("paper", "status", "--json") == before
    assert before["open_orders"] == desk.status()["open_orders"] == 1


def test_kills_at_the_same_time_take_nobody_for_a_hung_engine(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.placed(*FAR)
    engine.kill()
    words = ("kill", "--flatten", "--json", "--data-dir", str(desk.home.data))
    kills = [desk.home.begin(*words) for _ in range(4)]
    answers = [kill.communicate() for kill in kills]
    assert [kill.returncode for kill in kills] == [0] * 4, answers
    told = [json.loads(out) for out, _ in answers]
    assert [one["engine"] for one in told] == ["none"] * 4
    assert resting in {client_id for one in told for client_id in one["canceled"]}
    assert locked(desk)["USDT"] == 0


def test_what_was_traded_before_a_reset_is_not_held(desk: Desk) -> None:
    engine = desk.engine()
    desk.placed(*NOW)
    engine.end()
    assert desk.run("paper", "reset", "--yes").returncode == 0
    code, told = desk.kill("--flatten")
    assert (code, told["residue"]) == (0, [])
    engine = desk.engine()
    assert desk.run("do", "resume", "reason=again").returncode == 0
    desk.placed(*NOW)
    engine.end()
    code, told = desk.kill("--flatten")
    assert [Decimal(left["quantity"]) for left in told["residue"]] == [Decimal("0.00999")]
    assert told["cures"] == ["Start an engine, resume, and close the position there."]


@pytest.mark.parametrize("flags", [(), ("--flatten",)])
def test_a_torn_paper_file_is_one_sentence_and_never_called_clean(desk: Desk, flags: tuple[str, ...]) -> None:
    engine = desk.engine()
    desk.placed(*FAR)
    engine.kill()
    for path in desk.home.data.glob("paper.db*"):
        path.write_bytes(b"\xff" * 5_000)
    code, told = desk.kill(*flags)
    assert (code, told["confirmed"], told["canceled"]) == (1, False, [])
    assert "cannot be used" in " ".join(told["errors"])
