"""The tests' own processes."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests import hatchery

PATIENCE_S = 15.0


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
