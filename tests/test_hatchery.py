"""The tests' own processes."""

import gc
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spark_tui.engine.identity import client_order_id, draw_run
from tests import hatchery

PATIENCE_S = 15.0
ROOT = Path(__file__).resolve().parents[1]
TOUCHED = ("SIGUSR1", "SIGUSR2", "SIGALRM")


def stay_with_a_child(words: list[str]) -> None:
    """Its child holds its streams and outlives it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(words[0]).write_text(str(child.pid))
    time.sleep(60)


def test_a_grandchild_that_keeps_the_pipes_does_not_hold_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"{__name__}:{stay_with_a_child.__name__}"
    monkeypatch.setattr(hatchery, "begin", partial(hatchery.begin, program=program))
    child, began = tmp_path / "pid", time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        hatchery.run([str(child)], dict(os.environ), 3.0)
    assert time.monotonic() - began < PATIENCE_S
    os.kill(int(child.read_text()), signal.SIGKILL)


def draws() -> list[str]:
    """One of each randomness that the program has."""
    return [
        client_order_id(draw_run(random.SystemRandom(), ()), 1),
        secrets.token_hex(6),
        os.urandom(6).hex(),
        *(str(drawn) for drawn in (uuid.uuid1(), uuid.uuid4(), random.random(), random.Random().random())),
    ]


def tell_draws(words: list[str]) -> None:
    """And one of each generator that something imported keeps."""
    gc.unfreeze()  # the imports are not among the objects otherwise
    kept = [str(one.random()) for one in gc.get_objects() if isinstance(one, random.Random)]
    print(json.dumps(draws() + kept))


def test_no_two_processes_draw_the_same() -> None:
    program = f"{__name__}:{tell_draws.__name__}"
    pair = [hatchery.begin([], os.environ, program=program) for _ in range(2)]
    told = [json.loads(process.communicate(PATIENCE_S)[0]) for process in pair]
    every = [*draws(), *told[0], *told[1]]
    assert len(told[0]) == len(told[1]) > len(draws())
    assert sorted(set(every)) == sorted(every)


def state() -> dict[str, Any]:
    """What a process has of its own, and could have of another's."""
    seen = os.listdir("/proc/self/fd")  # with the one that listed them
    return {
        "environment": sorted(os.environ),  # a failure says no value of it
        "folder": os.getcwd(),
        "temporary files": tempfile.gettempdir(),
        "open": sorted(number for number in seen if os.path.exists(f"/proc/self/fd/{number}")),
        "signals": {
            one.name: str(signal.getsignal(one))
            for one in signal.valid_signals()
            if isinstance(one, signal.Signals)
        },
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "alarm": signal.getitimer(signal.ITIMER_REAL),
        "threads": threading.active_count(),
        "what a module holds": sorted(vars(secrets)),
    }


def tell_state(words: list[str]) -> None:
    print(json.dumps(state()))


def change_everything() -> socket.socket:
    """Of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.set_inheritable(True)
    for name in TOUCHED:
        signal.signal(signal.Signals[name], lambda *_: None)
    return listening


def stay_changed(words: list[str]) -> None:
    listening = change_everything()
    os.environ["ONLY_A_SIBLINGS"] = "yes"
    os.environ["TMPDIR"] = os.getcwd()
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.setitimer(signal.ITIMER_REAL, 60)
    secrets.changed = True  # type: ignore[attr-defined]
    print(listening.getsockname(), flush=True)
    time.sleep(60)


def test_a_process_is_as_an_executed_one_whatever_the_others_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONLY_THE_PARENTS", "yes")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    environment["TMPDIR"] = str(tmp_path)
    before = {name: signal.getsignal(signal.Signals[name]) for name in TOUCHED}
    sibling = hatchery.begin([], environment, program=f"{__name__}:{stay_changed.__name__}")
    try:
        assert sibling.stdout.readline()
        monkeypatch.chdir(here)
        with change_everything():
            ours = state()
            process = hatchery.begin([], environment, program=f"{__name__}:{tell_state.__name__}")
            hatched, said = process.communicate(PATIENCE_S)
            assert state() == ours
        told = f"from {__name__} import {tell_state.__name__} as tell; tell([])"
        executed = subprocess.run(
            [sys.executable, "-c", told],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=hatchery.as_at_a_terminal,
        )
    finally:
        for name, handler in before.items():
            signal.signal(signal.Signals[name], handler)
        sibling.kill()
        sibling.communicate(PATIENCE_S)
    assert json.loads(hatched) == json.loads(executed.stdout), said
