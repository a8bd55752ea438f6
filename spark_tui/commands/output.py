"""What a command says, where stdout or stderr may take nothing: closed, a full disk, a reader that left.

Printing never raises: what a command was asked for is done, whoever hears of it. What was lost is told once,
at the end, and so is the exit code chosen.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeVar

from spark_tui.commands.errors import REFUSED, UNDECIDED
from spark_tui.commands.hang_up import HUNG_UP, is_gone

if TYPE_CHECKING:
    import argparse

    from _typeshed import ReadableBuffer

PATIENCE_S: Final = 1.0
_T = TypeVar("_T")


class Unheard(Exception):
    """Nobody can be told any more; for a command that does nothing but tell."""


class Untold(NamedTuple):
    """Of a command that went well and whose answer could not be written: the exit code, and what to know."""

    code: int
    words: str = ""


LOOK: Final = Untold(REFUSED)
_DEED: Final = Untold(0, "What was asked is done.")
_ORDER: Final = Untold(
    UNDECIDED, "What was asked is done: never ask for it again, `spark-tui show` tells what came of it."
)
_TRIAL: Final = Untold(UNDECIDED, "Nothing was placed.")
_SERVICE: Final = Untold(0)  # says where it serves, to whom it may concern
_DEEDS = ("kill", "stop", "diff", "reset", "sync", "repair", "run", "confirm", "soak")


class _Mouth(io.RawIOBase):
    """A descriptor that may take nothing; that is remembered, and all that follows goes nowhere."""

    def __init__(self, number: int, instead_of: IO[str] | None) -> None:
        self._number = number
        self._instead_of = instead_of  # which would close the descriptor as it goes
        self._fails = OSError(errno.EBADF, "it is closed") if instead_of is None else None
        self.lost: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: "ReadableBuffer", /) -> int:
        while self._fails is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # whoever has the other end made it so
                if not select.select([], [self._number], [], PATIENCE_S)[1]:  # a kill has more to do
                    self._fails = OSError(errno.EAGAIN, "nobody reads it")
            except OSError as error:
                self._fails = error
        self.lost = self._fails
        return memoryview(data).nbytes


def take() -> None:
    """Make stdout and stderr streams that never raise. A descriptor that was closed is taken, or the next
    file to be opened, the ledger say, would have its number and be written to by whoever speaks."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = _taken(sys.stdout, 1)
    sys.stderr = _taken(sys.stderr, 2)


def _taken(stream: IO[str] | None, number: int) -> IO[str]:
    if stream is not None and not (isinstance(stream, io.TextIOWrapper) and _number(stream) == number):
        return stream  # of a program that calls this one
    buffer = io.BufferedWriter(_Mouth(number, stream))
    if stream is None:
        return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace")
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",  # a sign that the terminal has not is no reason to say nothing
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _number(stream: IO[str]) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # captured, or closed
        return None


def untold(arguments: "argparse.Namespace") -> Untold:
    """What is to be known of this command should it go well and nobody hear of it."""
    if arguments.command == "do":
        return _TRIAL if arguments.dry or arguments.action == "order.test" else _ORDER
    if arguments.command in ("engine", "simulator"):
        return _SERVICE
    if arguments.command == "export":
        return LOOK if arguments.csv == "-" else _DEED
    done = arguments.command in _DEEDS or getattr(arguments, "verb", "") in _DEEDS
    return _DEED if done else LOOK


def ended(code: int, unread: Untold) -> int:
    """The exit code, once all that was said is written or lost."""
    sys.stdout.flush()
    lost = _lost(sys.stdout)
    if lost is not None and not _needless(lost, unread):
        _tell(lost, "" if code else unread.words)
        code = code or unread.code
    sys.stderr.flush()
    hung_up = any(_lost(stream) and is_gone(stream) for stream in (sys.stdout, sys.stderr))
    return HUNG_UP if hung_up else code


def _needless(lost: OSError, unread: Untold) -> bool:
    """A reader that left, as `head` does, has seen what it wanted to."""
    return unread is _SERVICE or (unread is LOOK and lost.errno == errno.EPIPE)


def heard(items: Iterable[_T]) -> Iterator[_T]:
    """As long as stdout takes what is said of them. Raises Unheard."""
    for item in items:
        require_heard()
        yield item


def require_heard() -> None:
    """Raises Unheard."""
    if _lost(sys.stdout):
        raise Unheard


def _tell(lost: OSError, words: str) -> None:
    why = "its reader left" if lost.errno == errno.EPIPE else lost.strerror
    print(f"spark-tui: The answer could not be written to stdout: {why}. {words}".rstrip(), file=sys.stderr)


def _lost(stream: IO[str]) -> OSError | None:
    mouth = getattr(getattr(stream, "buffer", None), "raw", None)
    return mouth.lost if isinstance(mouth, _Mouth) else None
