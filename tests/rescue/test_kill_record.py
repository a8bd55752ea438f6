"""What a kill leaves for the record, and when it no longer counts: real processes."""

import json
import os
import signal
import subprocess
from typing import Any

from spark_tui.venues.kill_marks import read_marks, write_mark
from tests.cli.conftest import home as home
from tests.cli.support import wait_for
from tests.faults.processes import Simulator
from tests.rescue.test_kill_process import BUY, Desk, marks
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim
from tests.rescue.test_kill_trouble import HELD, dead, fault


def deeds(desk: Desk) -> list[tuple[str, str]]:
    """Kills and drills of the log that came from a process of their own, oldest first."""
    rows = desk.home.json("show", "audit", "--json")
    kills = [row for row in rows if row["action"].startswith("kill") and row["face"] == "kill"]
    return [(row["action"], row["what"]) for row in reversed(kills)]


def differences(desk: Desk) -> dict[str, Any]:
    return {row["kind"]: row for row in desk.home.json("show", "differences", "--json")}


def begin_kill(desk: Desk, *words: str) -> "subprocess.Popen[str]":
    return desk.home.begin("kill", *words, "--json", "--data-dir", str(desk.home.data))


def test_a_halt_that_was_lifted_does_not_come_back(desk: Desk, sim: Simulator) -> None:
    """The venue is slow, so the kill is gone before the engine's answer comes, and leaves its mark. The
    engine takes it away, or the next one, which finds it recorded."""
    engine = desk.engine()
    desk.placed(*BUY)
    fault(sim, "delay-reply", ms=9_000)
    os.kill(engine.pid, signal.SIGSTOP)
    killing = begin_kill(desk, "reason=slow")
    wait_for(lambda: len(marks(desk)) == 1, "the mark")
    [mark] = read_marks(desk.home.data).values()
    os.kill(engine.pid, signal.SIGCONT)
    said, _ = killing.communicate()
    assert (killing.returncode, json.loads(said)["engine"]) == (0, "answered")
    wait_for(lambda: not marks(desk), "its end beside the engine")
    assert desk.run("do", "resume", "reason=over").returncode == 0
    engine.end()
    write_mark(desk.home.data, mark)
    desk.engine()
    assert desk.status()["trading_state"] == "ACTIVE"
    assert not marks(desk)


def test_a_kill_that_the_ledger_does_not_have_halts_the_next_engine(desk: Desk) -> None:
    """It was ended after its mark and before it could ask: another kill's mark and a resume stay what they
    are."""
    engine = desk.engine()
    os.kill(engine.pid, signal.SIGSTOP)
    lost = begin_kill(desk, "reason=lost")
    wait_for(lambda: len(marks(desk)) == 1, "the mark")
    lost.kill()
    lost.communicate()
    os.kill(engine.pid, signal.SIGCONT)
    code, _ = desk.kill("reason=heard")
    assert (code, len(marks(desk))) == (0, 1)
    assert desk.run("do", "resume", "reason=over").returncode == 0
    engine.end()
    desk.engine()
    assert (desk.status()["trading_state"], desk.status()["halt_reason"]) == ("HALTED", "lost")


def test_every_kill_without_an_engine_is_recorded_and_a_drill_is_none(desk: Desk) -> None:
    dead(desk)
    assert desk.run("kill", "--drill").returncode == 0
    assert desk.kill("reason=first")[0] == 0
    assert desk.kill("reason=again", "--flatten")[0] == 0
    desk.engine().end()
    desk.engine()
    assert desk.status()["halt_reason"] == "first"
    assert deeds(desk) == [
        ("kill.drill", "reason=kill drill"),
        ("kill", "reason=first"),
        ("kill", "reason=again flatten=true"),
    ]


def test_a_kill_that_sold_is_told_of_until_the_plan_was_compared_since(desk: Desk) -> None:
    """Where the plan cannot tell trades apart, the next kill sees that sale nowhere else."""
    dead(desk, HELD)
    assert desk.kill("--flatten")[0] == 0
    desk.engine().end()
    [mark] = read_marks(desk.home.data).values()  # it was compared, but too soon: trades are listed late
    assert mark.closed_ms > 0
    desk.engine()
    assert len(deeds(desk)) == 1


def test_what_the_kill_did_is_the_kills(desk: Desk) -> None:
    resting, _ = dead(desk, BUY, HELD)
    code, told = desk.kill("--flatten")
    [sold] = told["flattened"]
    assert code == 0
    desk.engine()
    found = differences(desk)
    assert found["KILL_CLOSE"]["client_order_id"] == resting
    assert found["KILL_CLOSE"]["applied"] == "booked as CANCELED by the kill switch"
    assert found["KILL_TRADE"]["client_order_id"] == sold
    assert found["KILL_TRADE"]["applied"] == "booked as closed by the kill switch"
    assert not [kind for kind in found if kind.startswith("EXTERNAL")]
    pnl = desk.run("show", "pnl", "--json").stdout
    assert '"kill"' in pnl
    assert '"external"' not in pnl


def test_a_drill_without_an_engine_does_not_speak_of_one_that_halted(desk: Desk) -> None:
    dead(desk)
    done = desk.run("kill", "--drill", "--json")
    texts = [check["text"] for check in json.loads(done.stdout)["checks"]]
    assert (done.returncode, texts[-1]) == (0, "no engine runs; the next one starts HALTED")
