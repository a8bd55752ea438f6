"""What says that `spark-tui kill` struck, until a ledger has it: one small file a kill.

Each kill writes and removes its own alone, so that none overwrites another's and no lock is needed. The
ledger remembers the ids that it has taken over: one that is read again, because nobody could remove it in
time, does not halt a second time.
"""

import os
import re
from pathlib import Path

import msgspec

from spark_tui.link.rendezvous import write_private
from spark_tui.venues.small_file import read_small

MAX_MARKS = 200  # beyond this one without a sale leaves first; the oldest is why the next engine is halted
_LOOKS = 10  # a kill writes its mark a few times, and the engine takes it away once
_ASIDE = ".aside.json"  # a mark as any other, which its kill does not write to any more
_BEFORE = "killed.json"  # the only one that earlier versions wrote
_ORDER = re.compile(r"spk[0-9a-f]{8}-[0-9]+")  # an engine's own run has eight digits after "sp", not nine


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """`id` empty: it cannot be told from another, so it always counts. `canceled`: client ids, as far as they
    were known when it was last written. `closed_ms`: when it last closed a position; 0: never.
    `unanswered_ms`: when it sent what is to close one and whose fate it does not know (yet); 0: nothing."""

    reason: str
    operator: str
    at_ms: int
    id: str = ""
    drill: bool = False
    flatten: bool = False
    canceled: tuple[str, ...] = ()
    closed_ms: int = 0
    unanswered_ms: int = 0

    @property
    def sold(self) -> bool:
        """As far as anybody can tell."""
        return self.closed_ms > 0 or self.unanswered_ms > 0


def mark_id(at_ms: int, token: str) -> str:
    return f"{at_ms}-{token}"


def kill_order_id(run: str, number: int) -> str:
    """The client id of an order of the kill's own; `run`: eight hexadecimal digits."""
    return f"spk{run}-{number}"


def is_kill_order(client_order_id: str) -> bool:
    return _ORDER.fullmatch(client_order_id) is not None


def write_mark(data_dir: Path, mark: Mark) -> None:
    """Raises OSError."""
    own = _path(data_dir, mark.id)
    write_private(own, msgspec.json.encode(mark) + b"\n", durable=True)
    paths = _paths(data_dir)
    too_many = len(paths) - MAX_MARKS
    if too_many > 0:
        others = [path for path in paths[1:] if path != own]
        for path in sorted(others, key=lambda path: _read(path).sold)[:too_many]:
            path.unlink(missing_ok=True)


def read_marks(data_dir: Path) -> dict[Path, Mark]:
    """Oldest first. A mark that cannot be read is a kill all the same, and it may have sold."""
    for _ in range(_LOOKS):
        marks = {path: _read(path) for path in _paths(data_dir)}
        if all(map(os.path.lexists, marks)):
            break  # else one was moved as it was read, and may say something else where it went
    return marks


def take_mark_away(path: Path, mark: Mark) -> None:
    """Remove what said `mark`. Its kill may still be at work: what it writes meanwhile stays. Raises
    OSError."""
    aside = path if path.name.endswith(_ASIDE) else path.with_name(path.stem + _ASIDE)
    path.replace(aside)
    if _read(aside) == mark:
        aside.unlink()


def remove_mark(data_dir: Path, mark_id: str) -> None:
    """Raises OSError."""
    _path(data_dir, mark_id).unlink(missing_ok=True)


def _path(data_dir: Path, mark_id: str) -> Path:
    return data_dir / f"killed-{mark_id}.json"


def _paths(data_dir: Path) -> list[Path]:
    """Their names begin with the time; the one without is from before there were several."""
    return sorted(data_dir.glob("killed*.json"), key=lambda path: (path.name != _BEFORE, path.name))


def _read(path: Path) -> Mark:
    try:
        mark = msgspec.json.decode(read_small(path), type=Mark)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Mark(reason="killed without an engine", operator="", at_ms=0, closed_ms=_written_ms(path))
    return mark if mark.id else msgspec.structs.replace(mark, id=f"{mark.at_ms}")


def _written_ms(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 1
