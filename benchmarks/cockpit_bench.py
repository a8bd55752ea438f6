"""The real cockpit in a real terminal: `spark-tui attach` in a pty, over the unix socket, on moving prices.

Run: python -m benchmarks.cockpit_bench [--seconds 10] [--keys 100]

Key to paint is from a digit typed into the ticket until the pty gave the bytes that show it. CPU is of the
cockpit's process alone, while nobody types. Bytes are everything the terminal was sent. "DataTable" is a
small Textual application on the same socket and events (`benchmarks/datatable_app.py`). The plans are those
of `benchmarks/market_service.py`: all = everything changes and is pushed at 10 Hz; hub = 3 000 changes a
second, gathered by the engine's hub as in production; flood = the same 3 000 a second all pushed to the
cockpit; still = only the clock.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.market_service import LONE_ROW
from benchmarks.processes import cpu_of, rss_of, running, settle, written
from benchmarks.table import PERCENTILES, machine, percentiles, show
from benchmarks.terminal import Output, Terminal, plain, terminal
from spark_tui.link.rendezvous import ENGINE_FILE, EngineFile

WIDE, NARROW = (120, 36), (80, 24)
SETTLE_S = 2.0  # start-up is not measured here
QUIET_S = 0.06  # between two bursts of output
BACKSPACE = "\x7f"
LAST_SEEN = "BNBUSDT"  # on the screen once it shows prices
COLUMNS = (
    "face",
    "size",
    "symbols",
    "plan",
    "key to paint P50 ms",
    "P95",
    "P99",
    "keys",
    "KB/s",
    "CPU % of a core",
    "RSS MB",
)


class Face(NamedTuple):
    """A program to look at. `opening` are the keys that lead into a field; typed text stands there before
    `caret`."""

    name: str
    command: list[str]
    opening: str
    first: str
    more: str
    caret: str


def cockpit(data_dir: Path) -> Face:
    command = [sys.executable, "-m", "spark_tui", "attach", "--data-dir", str(data_dir)]
    return Face("spark-tui", command, "b", "0.", "147258", "▏")


def data_table(data_dir: Path) -> Face:
    engine = msgspec.json.decode((data_dir / ENGINE_FILE).read_bytes(), type=EngineFile)
    command = [sys.executable, "-m", "benchmarks.datatable_app", engine.socket]
    return Face("DataTable", command, "", "qx", "zwjkvy", " ")


@contextlib.contextmanager
def service(symbols: int, plan: str) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A market service; its data directory and the environment in which it is found."""
    with (
        tempfile.TemporaryDirectory(prefix="st-") as folder,
        tempfile.TemporaryDirectory(prefix="st-") as runtime,
    ):
        data_dir = Path(folder)
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": folder}
        words = ["benchmarks.market_service", str(data_dir), str(symbols), plan]
        with running(words, environment=environment) as process:
            written(data_dir / ENGINE_FILE, process)
            yield data_dir, environment


def type_and_wait(screen: Terminal, face: Face, count: int) -> list[float]:
    """Type characters and take them back; ms from each key to its paint."""
    rng = random.Random(3)
    screen.press(face.opening + face.first)
    screen.until(_showing(face.first + face.caret))
    waits: list[float] = []
    at, step = 0, 1
    while len(waits) < count:
        screen.listen(rng.uniform(0.1, 0.3))
        step = 1 if at == 0 else -1 if at == len(face.more) else step
        at += step
        wanted = face.first + face.more[:at] + face.caret
        pressed = screen.press(face.more[at - 1] if step > 0 else BACKSPACE)
        waits.append((screen.until(_showing(wanted)) - pressed) * 1e3)
    return waits


def measure(
    make: Callable[[Path], Face], size: tuple[int, int], symbols: int, plan: str, seconds: float, keys: int
) -> tuple[object, ...]:
    settle()
    with service(symbols, plan) as (data_dir, environment):
        face = make(data_dir)
        with terminal(face.command, size, environment) as screen:
            screen.until(_showing(LAST_SEEN))
            screen.listen(SETTLE_S)
            cpu, began = cpu_of(screen.pid), time.perf_counter()
            sent = sum(len(output.data) for output in screen.listen(seconds))
            cpu, took = cpu_of(screen.pid) - cpu, time.perf_counter() - began
            waits = type_and_wait(screen, face, keys)
            _, *shares, _ = percentiles(waits)
            about = (face.name, f"{size[0]}x{size[1]}", symbols, plan)
            return (*about, *shares, len(waits), sent / took / 1e3, cpu / took * 100, rss_of(screen.pid))


def one_row(make: Callable[[Path], Face], size: tuple[int, int], seconds: float) -> tuple[object, ...]:
    """What the terminal is sent when one row of four changes, two paints a change in the cockpit, whose
    changed digits are bright for a beat. Paints of that row alone count; where there is none, all with it."""
    with service(4, "row") as (data_dir, environment):
        face = make(data_dir)
        with terminal(face.command, size, environment) as screen:
            screen.until(_showing(LAST_SEEN))
            screen.listen(SETTLE_S)
            found = bursts(screen.listen(max(seconds, 5.0)))
    with_it = [data for data in found if LONE_ROW in plain(data)]
    alone = [data for data in with_it if len(plain(data).split("\n")) == 1 and "SIM" not in plain(data)]
    sizes = [float(len(data)) for data in alone or with_it]
    return (face.name, f"{size[0]}x{size[1]}", *percentiles(sizes), len(sizes))


def _showing(text: str) -> Callable[[str], bool]:
    return lambda seen: text in seen


def bursts(outputs: list[Output]) -> list[bytes]:
    """Output cut where the terminal was quiet."""
    found: list[bytes] = []
    last = 0.0
    for output in outputs:
        if not found or output.at - last > QUIET_S:
            found.append(b"")
        found[-1] += output.data
        last = output.at
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, help="of looking without a key (default 10)")
    parser.add_argument("--keys", type=int, default=100, help="typed in each run (default 100)")
    options = parser.parse_args()
    print(machine())
    plans = [(cockpit, size, symbols, "all") for size in (WIDE, NARROW) for symbols in (4, 50)]
    plans += [(cockpit, WIDE, 50, plan) for plan in ("still", "hub", "flood")]
    plans += [(data_table, WIDE, symbols, "all") for symbols in (4, 50)]
    plans += [(data_table, WIDE, 50, plan) for plan in ("hub", "flood")]
    rows = [measure(*plan, options.seconds, options.keys) for plan in plans]
    show("A cockpit in a terminal", COLUMNS, rows)
    rows = [
        one_row(make, size, options.seconds)
        for make, size in ((cockpit, WIDE), (cockpit, NARROW), (data_table, WIDE))
    ]
    show("Bytes for one changed row", ("face", "size", *PERCENTILES, "paints"), rows)


if __name__ == "__main__":
    main()
