"""Real processes for the command line's tests."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spark_tui.link.rendezvous import is_locked
from tests import hatchery

PATIENCE_S = 30.0
COMMAND = [sys.executable, "-m", "spark_tui"]
_TOO_EARLY = re.compile("DENIED (BOOK_UNUSABLE|NO_FIGURE): .*; wait for")


class Home:
    """Directories and environment as a fresh operator would have them."""

    unset = (
        "BINANCE_API_BASE",
        "BINANCE_STREAM_BASE",
        "BINANCE_WS_API_BASE",
        "BINANCE_API_KEY",
        "BINANCE_API_SECRET",
        "BINANCE_API_KEY_FILE",
        "TRADE_MODE",
        "LIVE_ENABLED",
        "SPARK_VENUES",
        "SPARK_REAL_DATA",
    )

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.config = root / "config" / "spark-tui" / "config.toml"
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        self._runtime = tempfile.TemporaryDirectory(prefix="st-")  # short: a socket's path is limited
        self.environment = {
            "XDG_DATA_HOME": str(root / "share"),
            "XDG_CONFIG_HOME": str(root / "config"),
            "XDG_RUNTIME_DIR": self._runtime.name,
            "TMPDIR": str(self.temporary),
            "EXECUTOR_PORT": "0",
        }
        self._engines: list[Engine] = []

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command to its end, without a terminal."""
        return hatchery.run(words, self.full(environment), PATIENCE_S)

    def json(self, *words: str) -> Any:
        """What a command prints, decoded; its data directory is this home's. An order waits for prices."""
        done = self.run(*words, "--data-dir", str(self.data))
        deadline = time.monotonic() + PATIENCE_S
        while _TOO_EARLY.search(done.stderr) and time.monotonic() < deadline:  # the engine has just started
            done = self.run(*words, "--data-dir", str(self.data))
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    def begin(self, *words: str, **environment: str) -> hatchery.Hatched:
        return hatchery.begin(words, self.full(environment))

    def engine(self, *words: str, data: Path | None = None, **environment: str) -> "Engine":
        engine = Engine(self, data or self.data, words, environment)
        self._engines.append(engine)
        return engine

    def full(self, environment: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in self.unset}
        return inherited | self.environment | environment

    def close(self) -> None:
        for engine in self._engines:
            engine.kill()
        facts = self.data / "engine.json"  # of an engine that a command began; one that was killed leaves it
        if facts.exists() and is_running(json.loads(facts.read_bytes())["pid"]):
            self.run("stop", "--data-dir", str(self.data))
        self._runtime.cleanup()
        assert not is_locked(self.data), "an engine was left behind"


class Engine:
    """`spark-tui engine`, serving."""

    def __init__(self, home: Home, data: Path, words: tuple[str, ...], environment: dict[str, str]) -> None:
        data.mkdir(parents=True, exist_ok=True)
        ready = data / "test-ready.json"
        ready.unlink(missing_ok=True)
        self.process = home.begin(
            "engine", "--data-dir", str(data), "--ready-file", str(ready), *words, **environment
        )
        wait_for(lambda: ready.exists() or self.process.poll() is not None)
        if not ready.exists():
            raise AssertionError(f"the engine did not serve: {self.process.communicate()[1]}")
        self.ready: dict[str, Any] = json.loads(ready.read_bytes())
        self.pid = int(self.ready["pid"])

    def end(self, name: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """(exit code, stderr)"""
        self.process.send_signal(name)
        _, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, err

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_for(holds: Any, what: str = "it") -> None:
    """For what other processes do, which tell nobody: look often, give up late."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE_S:g} s"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Living children of a process (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"
