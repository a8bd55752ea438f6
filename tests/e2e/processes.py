"""Real processes: the simulator, the engine, and commands. An engine is executed as an operator would start
it; its exchange, and a command that comes to an end, are forked from one that has imported the program."""

import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import hatchery

PATIENCE_S = 40.0
_LOOK_EVERY_S = 0.02
_COMMAND = (sys.executable, "-m", "spark_tui")
_OURS = ("BINANCE_", "TRADE_MODE", "LIVE_ENABLED", "SPARK_", "EXECUTOR_PORT", "XDG_")


def wait_for(holds: Callable[[], Any], what: str) -> Any:
    """For what other processes do, which tell nobody: look often, give up late; what `holds` answered."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE_S:g} s"
        time.sleep(_LOOK_EVERY_S)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Desk:
    """A machine of its own for one operator: directories, environment, and whatever runs on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self._runtime = tempfile.TemporaryDirectory(prefix="st-")  # short: a socket's path is limited
        temporary = root / "tmp"
        temporary.mkdir()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environment = inherited | {
            "XDG_DATA_HOME": str(root / "share"),
            "XDG_CONFIG_HOME": str(root / "config"),
            "XDG_RUNTIME_DIR": self._runtime.name,
            "TMPDIR": str(temporary),
            "EXECUTOR_PORT": "0",
        }
        self._begun: list[Process] = []
        self.said: list[str] = []  # everything any command or process printed

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command to its end, without a terminal."""
        done = hatchery.run(words, self.environment | environment, PATIENCE_S)
        self.said += (done.stdout, done.stderr)
        return done

    def ask(self, *words: str) -> Any:
        """What a command that must succeed prints, decoded."""
        done = self.run(*words, "--data-dir", str(self.data))
        assert (done.returncode, done.stderr) == (0, ""), (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def show(self, what: str, *more: str) -> Any:
        return self.ask("show", what, *more, "--json")

    def submit(self, **params: str) -> Any:
        """The JSON answer, whatever the exit code."""
        words = [f"{name}={value}" for name, value in {**LIMIT, **params}.items()]
        done = self.run("do", "order.submit", *words, "--data-dir", str(self.data))
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def begin(self, *words: str, **environment: str) -> "Process":
        return self._keep(Process(self, words, self.environment | environment))

    def begin_unheard(self, *words: str) -> "Process":
        """What it prints is thrown away, as nobody could keep it."""
        return self._keep(Process(self, words, self.environment, unheard=True))

    def _keep(self, process: "Process") -> "Process":
        self._begun.append(process)
        return process

    def engine(self, sim: "Simulator | None" = None, *words: str, **environment: str) -> "Process":
        """An engine that serves, on `sim` or on its own bundled simulator."""
        if sim is not None:
            environment = {"BINANCE_API_BASE": sim.base_url} | environment
        ready = self.root / "engine.ready"
        process = self.begin(
            *("engine", "--data-dir", str(self.data), "--ready-file", str(ready), *words), **environment
        )
        process.until(ready)
        return process

    def logs(self) -> str:
        """Every log below the data directory."""
        found = [path.read_text("utf-8", "replace") for path in self.root.rglob("*.log*") if path.is_file()]
        return "\n".join(found)

    def close(self) -> None:
        for process in self._begun:
            process.end(signal.SIGKILL)
        self._runtime.cleanup()

    def assert_spoken_well(self, *secrets: str) -> None:
        """No traceback and no secret, in anything that was printed or logged."""
        for process in self._begun:
            process.end(signal.SIGTERM)
        text = "\n".join((*self.said, self.logs()))
        assert "Traceback" not in text, text
        for secret in ("signature=", *secrets):
            assert secret not in text, text


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}


class Process:
    """Something started that goes on."""

    def __init__(
        self, desk: Desk, words: tuple[str, ...], environment: dict[str, str], *, unheard: bool = False
    ) -> None:
        self._desk = desk
        self._process = self._started(words, environment, unheard)
        self.pid = self._process.pid
        self.stderr = ""

    @staticmethod
    def _started(
        words: tuple[str, ...], environment: dict[str, str], unheard: bool
    ) -> "subprocess.Popen[str] | hatchery.Hatched":
        if words[0] == "simulator":  # stands by; what it starts like is tests/simulator/test_server.py's
            return hatchery.begin(words, environment)
        return subprocess.Popen(
            [*_COMMAND, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if unheard else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, ready: Path) -> None:
        """Until it wrote its ready file. AssertionError with its words when it ends instead."""
        wait_for(lambda: ready.exists() or not self.runs, f"a start ({ready.name})")
        if not ready.exists():
            self.end()
            raise AssertionError(f"it did not serve: {self.stderr}")
        ready.rename(ready.with_suffix(".seen"))

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def end(self, name: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code; the second time too."""
        if self.runs:
            self._process.send_signal(name)
        assert self._process.stderr is not None
        if not self._process.stderr.closed:
            said, self.stderr = self._process.communicate(timeout=PATIENCE_S)
            self._desk.said += (said or "", self.stderr)
        return self._process.returncode

    def wait(self) -> int:
        """Its exit code, once it ends by itself."""
        wait_for(lambda: not self.runs, "its end")
        return self.end()


class Simulator:
    """The simulator process: on one port, with state and key that outlive it."""

    def __init__(self, desk: Desk, *words: str, port: int = 0) -> None:
        self._desk = desk
        self._words = words
        self.port = port
        self.begin()

    def begin(self) -> None:
        ready = self._desk.root / "simulator.ready"
        self.process = self._desk.begin(
            *("simulator", "--port", str(self.port), "--seed", "7", *self._words),
            *("--ready-file", str(ready), "--data-dir", str(self._desk.root / "venue")),
        )
        self.process.until(ready)
        facts = json.loads(ready.with_suffix(".seen").read_bytes())
        self.base_url: str = facts["base_url"]
        self.ws_url: str = facts["ws_url"]
        self.ws_api_url: str = facts["ws_api_url"]
        self.api_key: str = facts["api_key"]
        self.api_secret: str = facts["api_secret"]
        self.port = int(self.base_url.rpartition(":")[2])

    def set_clock(self, offset_ms: int) -> None:
        url = f"{self.base_url}/sim/v1/clock?offset_ms={offset_ms}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as reply:
            assert reply.status == 200

    def orders(self) -> list[dict[str, Any]]:
        """What the venue itself holds of BTCUSDT orders, asked with nothing of ours."""
        query = f"symbol=BTCUSDT&limit=1000&timestamp={self._time_ms()}"
        signature = hmac.new(self.api_secret.encode(), query.encode(), "sha256").hexdigest()
        url = f"{self.base_url}/api/v3/allOrders?{query}&signature={signature}"
        request = urllib.request.Request(url, headers={"X-MBX-APIKEY": self.api_key})
        with urllib.request.urlopen(request, timeout=10) as reply:
            found: list[dict[str, Any]] = json.load(reply)
        return found

    def update_id(self) -> int:
        """How far its book of BTCUSDT is."""
        url = f"{self.base_url}/api/v3/depth?symbol=BTCUSDT&limit=5"
        with urllib.request.urlopen(url, timeout=10) as reply:
            return int(json.load(reply)["lastUpdateId"])

    def _time_ms(self) -> int:
        with urllib.request.urlopen(f"{self.base_url}/api/v3/time", timeout=10) as reply:
            return int(json.load(reply)["serverTime"])
