"""A terminal that goes away while a command runs: an SSH line lost, a window closed."""

import contextlib
import errno
import os
import sys
import termios
from typing import IO, Final

HUNG_UP: Final = 129  # as a shell tells of a program that SIGHUP ended


class HungUp(Exception):
    """There is nobody left to talk to."""


def is_gone(stream: IO[str] | None) -> bool:
    """Whether it was a terminal that hung up; a file, a pipe and a living terminal are not."""
    try:
        if stream is not None:
            termios.tcgetattr(stream.fileno())
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return False


def from_hang_up(error: BaseException) -> bool:
    """Whether `error` is only that nothing can be said any more."""
    if isinstance(error, HungUp):
        return True
    code = error.args[0] if isinstance(error, OSError | termios.error) and error.args else None
    return code == errno.EIO and any(is_gone(stream) for stream in _said_on())


def hush() -> None:
    """What is still to be said goes nowhere: Python must not fail on it as it ends."""
    for stream in _said_on():
        if is_gone(stream):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            with contextlib.suppress(OSError):
                stream.flush()


def _said_on() -> tuple[IO[str], ...]:
    return tuple(stream for stream in (sys.stdout, sys.stderr) if stream is not None)
