"""What no plan tells of is closed, with real processes."""

import urllib.request

import msgspec

from tests.cli.conftest import home as home
from tests.cli.support import wait_for
from tests.faults.processes import Simulator
from tests.rescue.test_kill_process import BUY as RESTING
from tests.rescue.test_kill_process import Desk
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim
from tests.rescue.test_kill_trouble import HELD, ask, dead, plan_of


def _forget(desk: Desk) -> None:
    """The plan as it was before the order."""
    told = msgspec.json.decode(plan_of(desk).read_bytes())
    told["venues"][0]["held"] = []
    plan_of(desk).write_bytes(msgspec.json.encode(told))


def fired(sim: Simulator, verb: str) -> int:
    with urllib.request.urlopen(f"{sim.base_url}/sim/v1/faults", timeout=10) as answer:
        told = msgspec.json.decode(answer.read())["armed"]
    return sum(one["fired"] for one in told if one["verb"] == verb)


def test_a_plan_that_is_older_than_the_order_leaves_nothing_held(desk: Desk) -> None:
    dead(desk, HELD)
    _forget(desk)
    code, told = desk.kill("--flatten")
    assert (code, len(told["flattened"]), told["green"]) == (0, 1, True), told
    assert all(one["dust"] for one in told["residue"])


def test_an_order_whose_answer_the_engine_never_had_leaves_nothing_held(desk: Desk, sim: Simulator) -> None:
    engine = desk.engine()
    desk.placed(*RESTING)  # its book is there: the order is not denied
    for verb, args in (("accept-drop-reply", {"method": "order.place"}), ("drop-event", {"times": 0})):
        ask(sim, "/sim/v1/faults", {"verb": verb, "args": args})
    ordering = desk.home.begin("do", *HELD, "--data-dir", str(desk.home.data))
    wait_for(lambda: fired(sim, "accept-drop-reply"), "the order at the venue")
    engine.kill()
    ordering.communicate()
    _forget(desk)
    code, told = desk.kill("--flatten")
    assert (code, len(told["flattened"]), told["green"]) == (0, 1, True), told
