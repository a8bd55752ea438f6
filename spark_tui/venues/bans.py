"""Bans on disk: a venue bans an address, not a process, and whatever is sent during a ban makes it longer.

So the engine, the kill and the next engine tell each other, in one small file. What cannot be trusted is no
ban (a clock that was put back, another machine's file): asking once too often costs less than a kill that
never asks. How much is left is measured on the machine's clock that nobody can set, as long as it was not
started again since.
"""

import contextlib
import threading
from pathlib import Path

import msgspec

from spark_tui.link.rendezvous import write_private
from spark_tui.venues.small_file import read_small
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock
from spark_tui.wire.limiter import LONGEST_PAUSE_S

BANS_FILE = "bans.json"
PATIENCE_S = 1.0  # with a disk, by who may end right after
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """`noted_ms` on the wall clock, `noted_mono_ns` on the one that counts since `boot`."""

    seconds: float
    reason: str
    noted_ms: int
    noted_mono_ns: int
    boot: str


class Bans:
    """Of one venue's `host` (with its port). Nothing here raises: a disk in trouble shares no ban, and stops
    neither a kill nor an engine."""

    def __init__(
        self, data_dir: Path, host: str, clock: Clock, *, boot: str | None = None, background: bool = False
    ) -> None:
        """`boot`: which start of the machine this is; by default the kernel is asked. `background`: notes are
        not even waited for; by default for a moment, since the process may end then. A disk that hangs stops
        neither."""
        self._path = data_dir / BANS_FILE
        self._host = host
        self._clock = clock
        self._boot = _boot_id() if boot is None else boot
        self._background = background
        self._writing = threading.Lock()

    def left(self) -> tuple[float, str]:
        """Seconds this venue still wants to be left alone, and why; 0 when it does not or nobody can tell."""
        ban = self._read().get(self._host)
        left_s = self._left_s(ban) if ban else 0.0
        return (left_s, ban.reason) if ban and left_s else (0.0, "")

    def note(self, seconds: float, reason: str) -> None:
        """The venue said it just now."""
        ban = Ban(
            seconds=seconds,
            reason=reason,
            noted_ms=self._clock.wall_ns() // NS_PER_MS,
            noted_mono_ns=self._clock.mono_ns(),
            boot=self._boot,
        )
        writing = threading.Thread(target=self._write, args=(ban,), name="bans", daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread to be had
            writing.start()
            if not self._background:
                writing.join(PATIENCE_S)

    def _write(self, ban: Ban) -> None:
        """What is over is forgotten on the way. A shorter one, told late or by another process, takes nothing
        off a longer one."""
        with self._writing, contextlib.suppress(OSError):
            known = {host: one for host, one in self._read().items() if self._left_s(one) > 0}
            if self._host in known and self._left_s(known[self._host]) > self._left_s(ban):
                return
            write_private(self._path, msgspec.json.encode(known | {self._host: ban}) + b"\n")

    def _left_s(self, ban: Ban) -> float:
        if ban.boot and ban.boot == self._boot:
            passed_s = (self._clock.mono_ns() - ban.noted_mono_ns) / NS_PER_S
        else:
            passed_s = (self._clock.wall_ns() // NS_PER_MS - ban.noted_ms) / 1_000
        if passed_s < 0 or not 0 < ban.seconds <= LONGEST_PAUSE_S:
            return 0.0
        return max(0.0, ban.seconds - passed_s)

    def _read(self) -> dict[str, Ban]:
        try:
            return msgspec.json.decode(read_small(self._path), type=dict[str, Ban])
        except (OSError, ValueError):  # absent, or nothing that we wrote
            return {}


def _boot_id() -> str:
    """Empty where the system does not say: then the wall clock has to do."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
