"""A kill over a line that is lost on the way: it goes on to its end."""

import os
import signal
import sys

import pytest

from spark_tui.commands.kill import _say
from tests.cli.conftest import home as home
from tests.cli.support import PATIENCE_S, wait_for
from tests.cli.test_hang_up import HUNG_UP, begin
from tests.rescue.test_kill_process import BUY, Desk, marks
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim


def test_a_kill_whose_line_is_lost_goes_on(desk: Desk) -> None:
    engine = desk.engine()
    resting = desk.home.json("do", *BUY)["client_order_id"]
    os.kill(engine.pid, signal.SIGSTOP)  # which it waits for
    kill, line = begin(desk.home, "kill", "--data-dir", str(desk.home.data))
    wait_for(lambda: marks(desk), "the mark of a kill that has begun")
    os.close(line)
    assert kill.wait(PATIENCE_S) == HUNG_UP
    assert engine.process.wait(10) == -signal.SIGKILL
    desk.engine()
    assert desk.status()["trading_state"] == "HALTED"
    states = {one["client_order_id"]: one["state"] for one in desk.home.json("show", "orders", "--json")}
    assert states[resting] == "CANCELED"


def test_a_word_that_nobody_can_read_ends_no_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    line, terminal = os.openpty()
    os.close(line)
    with os.fdopen(terminal, "w", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        with pytest.raises(OSError, match="Input/output error"):
            print("words", file=gone, flush=True)
        _say("it waits for the venue")
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), gone.fileno())  # so that it can be closed
