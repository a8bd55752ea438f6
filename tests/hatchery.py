"""The program as processes of their own, forked from one that has imported it.

A hatched process has its own pid, environment, pipes and signals, runs `spark_tui.cli.main` and is a child of
this one, as if it had been executed: only the start of Python and the imports, half a second of a processor
each time, are done once. That every command starts from nothing is held by tests/cli/test_starts.py, and
tests/e2e executes every engine.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NoReturn

_IMPORTED = (
    "httpx",
    "httpcore",
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "uvloop",
    "spark_tui.cli",
    *(
        f"spark_tui.commands.{name}"
        for name in ("do", "drill_run", "dry", "engine", "export", "files", "hang_up", "kill")
    ),
    *(f"spark_tui.commands.{name}" for name in ("parser", "plain", "show", "stop", "symbols")),
    "spark_tui.engine.composition",
    "spark_tui.engine.process",
    "spark_tui.link.server",
    "spark_tui.simulator.server",
    "tests.simulator.brief",
)
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_MESSAGE = 1 << 18


class Hatched:
    """What the tests use of `subprocess.Popen`; text pipes, no stdin."""

    def __init__(self, pid: int, args: Sequence[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.pid = pid
        self.args = args
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def _reap(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            watch = os.pidfd_open(self.pid)
            try:
                if not select.select([watch], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
            finally:
                os.close(watch)
            self._reap(0)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """(stdout, stderr) to their ends, then its end."""
        deadline = None if timeout is None else time.monotonic() + timeout
        said: dict[IO[str], bytes] = {pipe: b"" for pipe in (self.stdout, self.stderr) if not pipe.closed}
        waiting = list(said)
        while waiting:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(waiting, [], [], left)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            for pipe in ready:
                piece = os.read(pipe.fileno(), 1 << 16)
                said[pipe] += piece
                if not piece:
                    waiting.remove(pipe)
                    pipe.close()
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return said.get(self.stdout, b"").decode(), said.get(self.stderr, b"").decode()

    def send_signal(self, name: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, name)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_SPARK_TUI = "spark_tui.cli:main"


def begin(words: Sequence[str], environment: Mapping[str, str], *, program: str = _SPARK_TUI) -> Hatched:
    """`spark-tui WORDS`, started; or another function of these words, as module:name."""
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        pid = _mother().lay(program, words, environment, (nothing, out_end, err_end))
    finally:
        for end in (nothing, out_end, err_end):
            os.close(end)
    return Hatched(pid, words, os.fdopen(out), os.fdopen(err))


def run(
    words: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """`spark-tui WORDS` to its end."""
    process = begin(words, environment)
    try:
        out, err = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):  # a child of its own may hold the other end for ever
            pipe.close()
        raise
    return subprocess.CompletedProcess(list(words), process.wait(), out, err)


class _Mother:
    """The process that forks; it ends when its socket does, so with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.hatchery", str(other.fileno())], pass_fds=[other.fileno()]
            )

    def lay(
        self, program: str, words: Sequence[str], environment: Mapping[str, str], ends: tuple[int, ...]
    ) -> int:
        """The pid of a new process, a child of ours."""
        order = {"words": list(words), "environment": dict(environment), "folder": os.getcwd()}
        message = json.dumps({"program": program} | order).encode()
        with self._lock, _adopting():
            socket.send_fds(self._socket, [message], list(ends))
            answer = self._socket.recv(64)
        assert answer, "the hatchery ended"
        return int(answer)


_first = threading.Lock()


def _mother() -> _Mother:
    with _first:
        return _only_mother()


@functools.cache
def _only_mother() -> _Mother:
    return _Mother()


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """A process whose parent ends meanwhile becomes a child of this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_SUBREAPER, 0, 0, 0, 0)


def _sit(line: socket.socket) -> None:
    """The mother's whole life."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    generators = [one for one in gc.get_objects() if isinstance(one, random.Random)]  # a library has its own
    gc.freeze()
    while True:
        message, ends, _, _ = socket.recv_fds(line, _MESSAGE, 3)
        if not message:
            return
        told, tell = os.pipe()
        between = os.fork()
        if not between:
            os.close(told)
            child = os.fork()
            if not child:
                os.close(tell)
                line.close()
                _hatch(ends, generators, **json.loads(message))
            os.write(tell, str(child).encode())
            os._exit(0)
        os.close(tell)
        os.waitpid(between, 0)  # only then its child is somebody else's
        line.send(os.read(told, 64))
        for end in (told, *ends):
            os.close(end)


def _hatch(
    ends: Sequence[int],
    generators: Sequence[random.Random],
    program: str,
    words: list[str],
    environment: dict[str, str],
    folder: str,
) -> NoReturn:
    """Be as an executed process is: streams, environment, randomness of its own."""
    for end, number in zip(ends, (0, 1, 2), strict=True):
        os.dup2(end, number)
        os.close(end)
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    as_at_a_terminal()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for generator in generators:
        generator.seed()
    sys.argv = ["spark-tui", *words]
    module, _, name = program.partition(":")
    try:
        code = getattr(importlib.import_module(module), name)(words)
    except SystemExit as done:
        code = done.code
    _end(code)


def as_at_a_terminal() -> None:
    """A shell's job in the background, nohup: what they ignore, all below them would. No operator's command
    is started so."""
    for name in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(code: object) -> NoReturn:
    """What an interpreter waits for and tells at its end. Only taking the imported modules to pieces, a
    seventh of a second of a processor, is left out; and they stay frozen, or each collection would walk them
    and copy their pages."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # what was never awaited is told
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _sit(socket.socket(fileno=int(sys.argv[1])))
