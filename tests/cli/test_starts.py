"""Every command as an operator starts it: executed, with nothing imported for it beforehand.

Most other tests fork their processes from one that has imported the program (tests/hatchery.py).
"""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from spark_tui.commands import parser
from tests.cli.support import COMMAND, PATIENCE_S, Home, wait_for

TEST_ORDER = "order.test symbol=BTCUSDT side=BUY type=LIMIT quantity=0.01 price=40000"
SERVED = {  # beside an engine that serves: exit code and a word of the answer
    "canary": ("canary status", 1, "No canaries yet"),
    "demo": ("demo --plain --duration 0.1", 0, "Demo: "),
    "diff": ("diff report", 0, "graded"),
    "do": (f"do {TEST_ORDER}", 0, "BTCUSDT"),
    "export": ("export fills --csv -", 0, "trade_id"),
    "ledger": ("ledger verify", 0, "sound"),
    "paper": ("paper status", 1, "There is no paper account"),
    "show": ("show status", 0, "ACTIVE"),
    "symbols": ("symbols discover", 0, "BTCUSDT"),
    "tape": ("tape check nowhere", 2, "nowhere cannot be opened"),
    "kill": ("kill --flatten", 0, "The engine halted"),
}
RUNNING = {"attach", "engine", "simulator", "stop"}  # the others stand on them


def begun(home: Home, words: str) -> "subprocess.Popen[str]":
    here = [] if words.split()[0] in ("demo", "simulator", "tape") else ["--data-dir", str(home.data)]
    return subprocess.Popen(
        [*COMMAND, *words.split(), *here],
        env=home.full({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out + err


@pytest.fixture(scope="module")
def served(shared_home: Home) -> Iterator[Home]:
    """A simulator, an engine on it, a face that looks; in the end all of them leave as they were told."""
    sim_ready, ready = shared_home.temporary / "sim.json", shared_home.temporary / "ready.json"
    sim = begun(shared_home, f"simulator --ready-file {sim_ready}")
    wait_for(lambda: sim_ready.exists() or sim.poll() is not None, "the simulator's start")
    shared_home.environment["BINANCE_API_BASE"] = json.loads(sim_ready.read_bytes())["base_url"]
    engine = begun(shared_home, f"engine --ready-file {ready}")
    wait_for(lambda: ready.exists() or engine.poll() is not None, "the engine's start")
    face = begun(shared_home, "attach --plain")
    assert face.stdout is not None
    assert "SIM" in face.stdout.readline()
    face.send_signal(signal.SIGTERM)
    assert ended(face)[0] in (0, -signal.SIGTERM)
    yield shared_home
    code, said = ended(begun(shared_home, "stop"))
    assert (code, ended(engine)[0]) == (0, 0), said
    sim.terminate()
    assert ended(sim)[0] == 0


@pytest.mark.parametrize("name", SERVED)
def test_a_command_that_is_executed_answers(served: Home, name: str) -> None:
    words, expected, word = SERVED[name]
    code, said = ended(begun(served, words))
    assert code == expected, said
    assert word in said


def test_no_command_is_left_out() -> None:
    assert SERVED.keys() | RUNNING == set(parser._COMMANDS)
