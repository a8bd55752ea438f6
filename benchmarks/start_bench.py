"""How soon the product is there, and what it weighs: first paint, commands, engine, resident memory.

Run: python -m benchmarks.start_bench [--rounds 7] [--seconds 30]

Wall and CPU count from just before the fork; CPU is user and system time of that process alone. First frame:
the whole screen was painted, its last line included. First prices: it shows the watchlist. Everything runs
from the same checkout with its bytecode in place. Engine start to ready has the bundled simulator's own start
in it. Memory is resident, with one cockpit attached.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import child_of, cpu_of, rss_of, running, settle, simulator, written
from benchmarks.table import machine, percentiles, show
from benchmarks.terminal import Terminal, terminal

WIDE, NARROW = (120, 36), (80, 24)
COLUMNS = ("", "wall ms min", "median", "max", "CPU ms min", "median", "max", "rounds")
SPARK = (sys.executable, "-m", "spark_tui")
ORDER = "symbol=BTCUSDT side=BUY type=LIMIT quantity=0.001 price=60000"
LAST_LINE = "ctrl+k KILL"  # at the end of the key line, the last of the first frame
PRICES = "BNBUSDT"  # a row of the watchlist


class Cost(NamedTuple):
    """ms"""

    wall: float
    cpu: float


class Home(NamedTuple):
    """A serving engine, and how its faces find it."""

    data_dir: Path
    environment: Mapping[str, str]
    pid: int
    ready: Cost


@contextlib.contextmanager
def home() -> Iterator[Home]:
    with (
        tempfile.TemporaryDirectory(prefix="st-") as folder,
        tempfile.TemporaryDirectory(prefix="st-") as runtime,
    ):
        data_dir, ready = Path(folder) / "data", Path(folder) / "ready.json"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE_")}
        places = {"XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": folder, "EXECUTOR_PORT": "0"}
        words = ["spark_tui", "engine", "--data-dir", str(data_dir), "--ready-file", str(ready)]
        began = time.perf_counter()
        with running(words, environment={**kept, **places}, quiet=True) as engine:
            written(ready, engine)
            cost = Cost((time.perf_counter() - began) * 1e3, cpu_of(engine.pid) * 1e3)
            yield Home(data_dir, {**kept, **places}, engine.pid, cost)


def of_command(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """A command from its start to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost((time.perf_counter() - began) * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3)


def of_screen(
    command: Sequence[str], size: tuple[int, int], environment: Mapping[str, str], texts: Sequence[str]
) -> Cost:
    """A program in a terminal until its screen showed all of `texts`."""
    with terminal(list(command), size, environment) as screen:
        return _until(screen, lambda seen: all(text in seen for text in texts))


def _until(screen: Terminal, seen: Callable[[str], bool]) -> Cost:
    at = screen.until(seen)
    return Cost((at - screen.started) * 1e3, cpu_of(screen.pid) * 1e3)


def of_simulator() -> Cost:
    began = time.perf_counter()
    with simulator():
        return Cost((time.perf_counter() - began) * 1e3, float("nan"))


def of_engine() -> Cost:
    with home() as engine:
        return engine.ready


def row(name: str, costs: list[Cost]) -> tuple[object, ...]:
    wall, cpu = percentiles([cost.wall for cost in costs]), percentiles([cost.cpu for cost in costs])
    return (name, wall[0], wall[1], wall[-1], cpu[0], cpu[1], cpu[-1], len(costs))


def plans(place: Home) -> dict[str, Callable[[], Cost]]:
    """What is started against a running engine, and for comparison what cannot be undercut."""
    environment = place.environment
    there = ("--data-dir", str(place.data_dir))
    attach = (*SPARK, "attach", *there)
    python = (sys.executable, "-c")
    return {
        "attach 120x36, first frame": lambda: of_screen(attach, WIDE, environment, (LAST_LINE,)),
        "attach 120x36, first prices": lambda: of_screen(attach, WIDE, environment, (LAST_LINE, PRICES)),
        "attach 80x24, first frame": lambda: of_screen(attach, NARROW, environment, (LAST_LINE,)),
        "bare Textual application, first frame": lambda: of_screen(
            (*python, BARE), WIDE, environment, ("bare",)
        ),
        "--version": lambda: of_command((*SPARK, "--version"), environment),
        "show status --json": lambda: of_command((*SPARK, "show", "status", "--json", *there), environment),
        "do order.submit": lambda: of_command(
            (*SPARK, "do", "order.submit", *ORDER.split(), *there), environment
        ),
        "python -c pass": lambda: of_command((*python, "pass"), environment),
        "python -c 'import asyncio'": lambda: of_command((*python, "import asyncio"), environment),
    }


BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare")
Bare().run()
"""


def memory(place: Home, seconds: float) -> list[tuple[object, ...]]:
    """Of the three processes, and their CPU, while a cockpit looks at the bundled market."""
    command = [*SPARK, "attach", "--data-dir", str(place.data_dir)]
    with terminal(command, WIDE, place.environment) as screen:
        screen.until(lambda seen: PRICES in seen)
        pids = {"engine": place.pid, "simulator": child_of(place.pid), "cockpit": screen.pid}
        before = {name: (cpu_of(pid), rss_of(pid)) for name, pid in pids.items()}
        screen.listen(seconds)
        return [
            (name, before[name][1], rss_of(pid), (cpu_of(pid) - before[name][0]) / seconds * 100)
            for name, pid in pids.items()
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="of every start (default 7)")
    parser.add_argument("--seconds", type=float, default=30, help="before memory is read (default 30)")
    options = parser.parse_args()
    print(machine())
    settle()
    costs: dict[str, list[Cost]] = {}
    with home() as place:
        weights = memory(place, options.seconds)
        for _ in range(options.rounds):  # interleaved: a busy minute falls on all alike
            for name, start in plans(place).items():
                costs.setdefault(name, []).append(start())
    for _ in range(options.rounds):
        costs.setdefault("engine with simulator, start to ready", []).append(of_engine())
        costs.setdefault("simulator alone, start to ready", []).append(of_simulator())
    show("From start", COLUMNS, [row(name, found) for name, found in costs.items()])
    columns = ("", "RSS MB at first", f"after {options.seconds:g} s", "CPU % of a core")
    show("Memory, with a cockpit on the bundled market", columns, weights)


if __name__ == "__main__":
    main()
