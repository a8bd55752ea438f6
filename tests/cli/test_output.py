"""Stdout and stderr that take nothing: what was asked for is done, and the exit code tells of that alone."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import pytest

from spark_tui.commands import output
from tests.cli.support import COMMAND, PATIENCE_S, Home
from tests.cli.test_hang_up import BUFFERED

ORDER = "do order.submit symbol=BTCUSDT side=BUY type=LIMIT quantity=0.01 price=40000"
LOST = "spark-tui: The answer could not be written to stdout: "
WHY = {"full": "No space left on device.", "closed": "it is closed.", "left": "its reader left."}
WAYS = tuple(WHY)
Unread = Callable[..., tuple[int, str]]


def ended(
    command: Sequence[str], environment: dict[str, str], *, out: str = "", err: str = ""
) -> tuple[int, str]:
    """(exit code, stderr) of a command of which a stream is full, closed, or a pipe whose reader left."""
    reader, left = os.pipe()
    os.close(reader)
    unread, stuck = full_pipe()
    with open("/dev/full", "w") as full:
        ends = {"full": full.fileno(), "left": left, "stuck": stuck}
        closed = "".join(f" {number}>&-" for number, way in ((1, out), (2, err)) if way == "closed")
        done = subprocess.run(
            ["sh", "-c", f'exec "$@"{closed}', "sh", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=ends.get(out, subprocess.PIPE),
            stderr=ends.get(err, subprocess.PIPE),
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    for end in (left, unread, stuck):
        os.close(end)
    return done.returncode, done.stderr or ""


def full_pipe() -> tuple[int, int]:
    """The two ends of one that does not block and takes nothing more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    return reader, writer


@pytest.fixture(scope="module")
def served(shared_home: Home) -> Iterator[Home]:
    engine = shared_home.engine()
    shared_home.json(*ORDER.split())  # the book is a price
    yield shared_home
    assert engine.end()[0] == 0


@pytest.fixture
def unread(served: Home) -> Unread:
    """A command of the engine's data directory, as operators run it: Python keeps what is said to the end."""

    def call(words: str, *, out: str = "", err: str = "") -> tuple[int, str]:
        command = [*COMMAND, *words.split(), "--data-dir", str(served.data)]
        return ended(command, served.full(BUFFERED), out=out, err=err)

    return call


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", ["show status", "export fills --csv -"])
def test_an_answer_nobody_takes_is_no_defect_and_a_reader_that_left_no_failure(
    unread: Unread, way: str, words: str
) -> None:
    assert unread(words, out=way) == ((0, "") if way == "left" else (1, f"{LOST}{WHY[way]}\n"))


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_end_without_a_traceback(way: str, flag: str, unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    expected = (0, "") if way == "left" else (1, f"{LOST}{WHY[way]}\n")
    assert ended([*COMMAND, flag], environment, out=way) == expected
    assert ended([*COMMAND, flag], environment, out=way, err=way) == (expected[0], "")


@pytest.mark.parametrize("way", WAYS)
def test_an_order_whose_answer_nobody_takes_is_no_refusal(unread: Unread, served: Home, way: str) -> None:
    code, said = unread(f"{ORDER} key={way}", out=way)

    assert code == 3
    assert said.startswith(f"{LOST}{WHY[way]} What was asked is done: never ask for it again")
    assert said.count("\n") == 1
    states = {one["key"]: one["state"] for one in served.json("show", "orders", "--json")}
    assert states[way] == "ACCEPTED"


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_nobody_takes_is_a_refusal(unread: Unread, way: str) -> None:
    code, said = unread(f"{ORDER.replace('0.01', '0.0000001')} key=refused", out=way)
    assert code == 1
    assert "DENIED" in said
    assert "is done" not in said
    assert unread("do order.submit symbol=BTCUSDT", out=way)[0] == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_trial_nobody_hears_of_placed_nothing(unread: Unread, way: str) -> None:
    assert unread(f"{ORDER} --dry", out=way) == (3, f"{LOST}{WHY[way]} Nothing was placed.\n")


@pytest.mark.parametrize("way", WAYS)
def test_a_kill_nobody_hears_of_kills(unread: Unread, served: Home, way: str) -> None:
    served.json("do", *ORDER.split()[1:])
    plan = served.data / "kill-plan.json"
    try:
        plan.chmod(0o644)  # it would warn of that
        assert unread("kill reason=unheard", out=way, err=way) == (0, "")
        status = served.json("show", "status", "--json")
        assert (status["trading_state"], status["open_orders"]) == ("HALTED", 0)

        code, said = unread("kill --json", out=way)
        assert code == 0
        assert f"{LOST}{WHY[way]} What was asked is done.\n" in said
    finally:
        plan.chmod(0o600)
        served.json("do", "resume", "reason=tested")


def test_a_stderr_that_nobody_empties_holds_up_no_kill(unread: Unread, served: Home) -> None:
    served.json("do", *ORDER.split()[1:])
    plan = served.data / "kill-plan.json"
    try:
        plan.chmod(0o644)  # it would warn of that
        assert unread("kill reason=stuck", err="stuck") == (0, "")
        status = served.json("show", "status", "--json")
        assert (status["trading_state"], status["open_orders"]) == ("HALTED", 0)
    finally:
        plan.chmod(0o600)
        served.json("do", "resume", "reason=tested")


def test_an_answer_that_nobody_empties_is_lost(unread: Unread) -> None:
    assert unread("show status", out="stuck") == (1, f"{LOST}nobody reads it.\n")


def test_lines_end_when_their_reader_leaves(served: Home) -> None:
    face = subprocess.Popen(
        [*COMMAND, "attach", "--plain", "--data-dir", str(served.data)],
        env=served.full(BUFFERED),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert face.stdout is not None
    assert face.stderr is not None
    assert "SIM" in face.stdout.readline()
    face.stdout.close()
    served.json(*ORDER.split())  # of which it has something to say
    assert face.wait(PATIENCE_S) == 0
    assert face.stderr.read() == ""
    face.stderr.close()


def test_no_file_gets_the_number_of_a_stream_that_is_closed() -> None:
    """The ledger as stdout would be written to by whoever prints."""
    program = (
        "import os, sys; from spark_tui.commands import output; output.take();"
        "sys.exit(os.open(os.devnull, os.O_RDONLY) if sys.stdin.read() == '' else 99)"
    )
    command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", program]
    assert ended(command, dict(os.environ), out="closed", err="closed") == (3, "")


# --- the stream itself


def pipe(encoding: str = "utf-8") -> tuple[int, IO[str], IO[str]]:
    """The reading end, the writing end, and what a command would print on."""
    reader, number = os.pipe()
    end = os.fdopen(number, "w", encoding=encoding)
    return reader, end, output._taken(end, number)


def test_a_long_answer_is_not_worked_out_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, said = pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", said)
    rows = iter(range(10**6))
    with pytest.raises(output.Unheard):
        said.writelines(f"{row}\n" for row in output.heard(rows))
    assert next(rows) < 10**5


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    reader, end, said = pipe()
    os.set_blocking(end.fileno(), False)
    text = "0123456789abcdef" * 2**14  # more than a pipe holds

    def tell() -> None:
        print(text, file=said, end="", flush=True)
        end.close()

    teller = threading.Thread(target=tell)
    teller.start()
    with os.fdopen(reader) as read:
        assert read.read() == text
    teller.join(PATIENCE_S)


def test_a_sign_the_terminal_has_not_is_spelt() -> None:
    reader, _, said = pipe("ascii")
    print("✓ held", file=said, flush=True)
    assert os.read(reader, 99) == b"\\u2713 held\n"
    os.close(reader)
