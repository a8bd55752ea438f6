"""A terminal that goes away: what ran in it ends quietly, says so by its exit code, and leaves no trace."""

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_tui.commands.hang_up import HungUp, from_hang_up, is_gone
from spark_tui.link.rendezvous import LOG_FILE
from tests.cli.support import COMMAND, PATIENCE_S, Home, is_running

HUNG_UP = 129
BUFFERED = {"PYTHONUNBUFFERED": ""}  # as operators run it: what is left to say is told as Python ends
_SIZE = b"\x18\0\x50\0\0\0\0\0"  # 24 rows, 80 columns


def begin(home: Home, *words: str) -> "tuple[subprocess.Popen[bytes], int]":
    """The program as the leader of a terminal of its own, and the other end of the line."""
    line, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, _SIZE)
    process = subprocess.Popen(
        ["setsid", "--ctty", *COMMAND, *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=home.full({"TERM": "xterm-256color", **BUFFERED}),
    )
    os.close(terminal)
    return process, line


def read_until(line: int, part: str) -> None:
    seen = b""
    while part.encode() not in seen:
        try:
            seen += os.read(line, 65_536)
        except OSError:
            raise AssertionError(f"{part!r} never came: {seen.decode(errors='replace')}") from None


@pytest.fixture(scope="module")
def served(shared_home: Home) -> Iterator[Home]:
    engine = shared_home.engine()
    yield shared_home
    assert is_running(engine.pid)
    assert engine.end()[0] == 0


@pytest.mark.parametrize(
    ("words", "shown"),
    [("attach", "KILL"), ("attach --read-only", "KILL"), ("attach --plain", "SIM  data Mock")],
)
def test_a_face_whose_line_is_lost_ends_quietly(served: Home, words: str, shown: str) -> None:
    face, line = begin(served, *words.split(), "--data-dir", str(served.data))
    read_until(line, shown)
    os.close(line)
    assert face.wait(PATIENCE_S) == HUNG_UP
    assert "Traceback" not in (served.data / LOG_FILE).read_text()
    assert not Path(served.environment["XDG_DATA_HOME"]).exists()


def test_a_demo_whose_line_is_lost_leaves_nothing(home: Home) -> None:
    demo, line = begin(home, "demo")
    read_until(line, "KILL")
    os.close(line)
    assert demo.wait(PATIENCE_S) == HUNG_UP
    assert list(home.temporary.iterdir()) == []


def test_an_answer_nobody_can_read_ends_quietly(served: Home) -> None:
    """Started without a line of its own, as by a script whose terminal was closed: no signal tells it."""
    line, terminal = pty.openpty()
    os.close(line)
    done = subprocess.run(
        [*COMMAND, "show", "status", "--data-dir", str(served.data)],
        stdout=terminal,
        stderr=terminal,
        env=served.full(BUFFERED),
        timeout=PATIENCE_S,
        check=False,
    )
    os.close(terminal)
    assert done.returncode == HUNG_UP
    assert "Traceback" not in (served.data / LOG_FILE).read_text()


def test_only_a_terminal_can_hang_up(tmp_path: Path) -> None:
    line, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as talking, (tmp_path / "file").open("w") as file:
        assert not is_gone(talking)
        assert not is_gone(file)
        os.close(line)
        assert is_gone(talking)
    assert not is_gone(talking)  # closed by ourselves
    assert not is_gone(None)


def test_a_broken_disk_is_no_hang_up() -> None:
    assert from_hang_up(HungUp())
    assert not from_hang_up(OSError(5, "Input/output error"))  # while the terminal is there
    assert not from_hang_up(ValueError(5))
