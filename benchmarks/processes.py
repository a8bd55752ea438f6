"""Processes the benchmarks start, and what the kernel says they cost (Linux)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

PATIENCE_S = 120.0  # a sender that prepares a million frames takes its time
POLL_S = 0.002
STOP_S = 10.0
BUSY = 0.06  # share of the machine that other things may use


class _Patience:
    """How long one benchmark waits for a quiet machine, all its runs together."""

    left_s = 60.0


def settle() -> None:
    """Wait until the machine does nothing else, or say that it does."""
    while (busy := _busy()) > BUSY:
        _Patience.left_s -= 1.0
        if _Patience.left_s <= 0:
            print(f"the machine is {busy:.0%} busy with other things: not figures to keep", file=sys.stderr)
            return


def _busy() -> float:
    """The share of all cores in use, over the next second."""

    def reading() -> tuple[int, int]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]

    total, idle = reading()
    time.sleep(1.0)
    total, idle = (after - before for after, before in zip(reading(), (total, idle), strict=True))
    return 1 - idle / max(total, 1)


@contextlib.contextmanager
def running(
    words: list[str],
    *,
    environment: Mapping[str, str] | None = None,
    quiet: bool = False,
    batch: bool = False,
) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m words...` while the block lasts; ended by SIGTERM. `quiet`: its stderr is not shown.
    `batch`: waking it never takes the core from whom is measured, as the far end of a network never could.
    """
    signal.signal(signal.SIGTERM, _end)  # whoever ends a benchmark ends what it started
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if quiet else None,
    )
    if batch:
        os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def written(path: Path, process: "subprocess.Popen[bytes]") -> str:
    """What `process` writes to `path` once it serves."""
    until = time.monotonic() + PATIENCE_S
    while not (path.exists() and (text := path.read_text())):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{' '.join(process.args[2:])} did not start")  # type: ignore[arg-type, index]
        time.sleep(POLL_S)
    return text


@contextlib.contextmanager
def sender(count: int, rate: float, kind: str) -> Iterator[str]:
    """A process that sends `count` frames at `rate` a second; its ws:// address."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        words = ["benchmarks.sender", str(port), str(count), str(rate), kind]
        with running(words, quiet=True, batch=True) as process:
            yield f"ws://127.0.0.1:{written(port, process)}"


@contextlib.contextmanager
def simulator(*flags: str) -> Iterator[dict[str, str]]:
    """The bundled exchange as a process of its own; what its ready file says."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        with running(["spark_tui.simulator", "--ready-file", str(ready), *flags], batch=True) as process:
            yield json.loads(written(ready, process))


def measured(words: list[str]) -> Any:
    """The JSON that `python -m words...` prints; it measures itself, undisturbed by this process."""
    done = subprocess.run([sys.executable, "-m", *words], check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed")
    return json.loads(done.stdout)


def cpu_of(pid: int) -> float:
    """User and system seconds of a living process, all its threads, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of that process, see clock_getcpuclockid(3)


def rss_of(pid: int) -> float:
    """Resident memory in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise ProcessLookupError(pid)


def child_of(pid: int) -> int:
    """The one living child of a process."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended meanwhile
        if int(parent) == pid and state != "Z":
            return int(entry.parent.name)
    raise ProcessLookupError(pid)
