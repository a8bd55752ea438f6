"""A ban that one process was told of is kept by the next: asking during a ban makes it longer."""

import json
import signal
import urllib.request

from tests.cli.conftest import home as home
from tests.cli.support import wait_for
from tests.faults.processes import Simulator
from tests.rescue.test_kill_process import BUY, Desk
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim
from tests.rescue.test_kill_trouble import dead, fault


def ban(sim: Simulator) -> None:
    fault(sim, "error-reply", code=418, retry_after=600, method="any", times=0)


def lift(sim: Simulator) -> None:
    """From here on whatever is sent is answered, and so shows."""
    urllib.request.urlopen(
        urllib.request.Request(f"{sim.base_url}/sim/v1/faults", method="DELETE"), timeout=10
    ).close()


def test_what_the_engine_was_told_holds_the_kill_back(desk: Desk, sim: Simulator) -> None:
    engine = desk.engine()
    desk.placed(*BUY)
    ban(sim)
    desk.run("do", *BUY)
    wait_for((desk.home.data / "bans.json").exists, "the note of the ban")
    engine.kill()
    lift(sim)
    code, told = desk.kill("--flatten")
    assert (code, told["canceled"], told["flattened"]) == (1, [], [])
    assert "banned" in " ".join(told["errors"])
    assert "UTC and not before" in " ".join(told["cures"])


def test_what_the_kill_was_told_holds_the_next_kill_and_the_next_engine_back(
    desk: Desk, sim: Simulator
) -> None:
    (placed,) = dead(desk, BUY)
    ban(sim)
    assert desk.kill()[0] == 1
    lift(sim)
    code, told = desk.kill()
    assert (code, told["canceled"]) == (1, [])
    desk.engine()
    assert "banned" in desk.run("show", "venues").stdout
    (desk.home.data / "bans.json").unlink()  # who knows that it is over says so
    assert desk.kill()[1]["canceled"] == [placed]


def test_ctrl_c_ends_the_wait_and_not_the_report(desk: Desk, sim: Simulator) -> None:
    dead(desk, BUY)
    fault(sim, "error-reply", code=418, retry_after=40, method="any", times=0)
    killing = desk.home.begin("kill", "--json", "--data-dir", str(desk.home.data))
    assert killing.stderr is not None
    assert any("the kill waits" in line for line in killing.stderr)
    killing.send_signal(signal.SIGINT)
    told, said = killing.communicate(timeout=30)
    assert (killing.returncode, json.loads(told)["confirmed"]) == (1, False)
    assert "waits no longer" in said
