"""A program in a pty, read as a terminal reads it: every byte with the time it came, and queries answered."""

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

PATIENCE_S = 30.0
STOP_S = 5.0
CHUNK = 1 << 16
# What an xterm that knows synchronized output says; Textual asks at start and then brackets its frames.
ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y"}
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-9;?<>=:$!]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[78=>])"
)


class Output(msgspec.Struct, frozen=True):
    """One read: when it came (perf_counter) and what."""

    at: float
    data: bytes


def plain(data: bytes) -> str:
    """Only what would be seen, in the order it was sent."""
    return _SEQUENCE.sub(b"", data).decode("utf-8", "replace")


class Terminal:
    """`started` is the instant before the fork."""

    def __init__(self, command: list[str], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        width, height = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"},
        )
        os.close(slave)
        self._asked = b""  # the end of what was read, for queries cut in two

    @property
    def pid(self) -> int:
        return self._process.pid

    def press(self, keys: str) -> float:
        """Send keys at once; the instant they left."""
        at = time.perf_counter()
        os.write(self._master, keys.encode())
        return at

    def read(self, timeout_s: float) -> Output | None:
        """What comes next, or None when nothing came in time."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, timeout_s))
        if not ready:
            return None
        at = time.perf_counter()
        try:
            data = os.read(self._master, CHUNK)
        except OSError:  # the program ended: Linux says so with EIO
            data = b""
        if not data:
            raise SystemExit(f"the program in the terminal ended; its last words: {plain(self._asked)}")
        self._answer(data)
        return Output(at, data)

    def listen(self, seconds: float) -> list[Output]:
        """Everything that comes in that time."""
        found = []
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            output = self.read(left)
            if output is not None:
                found.append(output)
        return found

    def until(self, seen: Callable[[str], bool]) -> float:
        """The instant at which what came since this call satisfied `seen`."""
        came = b""
        until = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < until:
            output = self.read(until - time.perf_counter())
            if output is not None:
                came += output.data
                if seen(plain(came)):
                    return output.at
        raise SystemExit(f"not seen within {PATIENCE_S:g} s; what came: {plain(came)[-2000:]!r}")

    def close(self) -> None:
        self._process.terminate()
        until = time.perf_counter() + STOP_S
        with contextlib.suppress(SystemExit):  # it must be read to its end, or it waits for its terminal
            while self._process.poll() is None and time.perf_counter() < until:
                self.read(0.05)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _answer(self, data: bytes) -> None:
        recent = self._asked + data
        for query, answer in ANSWERS.items():
            if query in recent:
                os.write(self._master, answer)
                recent = recent.replace(query, b"")
        self._asked = recent[-200:]


@contextlib.contextmanager
def terminal(command: list[str], size: tuple[int, int], environment: Mapping[str, str]) -> Iterator[Terminal]:
    screen = Terminal(command, size, environment)
    try:
        yield screen
    finally:
        screen.close()
