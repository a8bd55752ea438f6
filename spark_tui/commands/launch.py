"""Starting an engine in the background and waiting until it serves."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from spark_tui.commands.errors import REFUSED, CommandError
from spark_tui.link.rendezvous import LOG_FILE, EngineFile, find_engine, is_locked

PATIENCE_S = 60.0  # a simulator to start, a ledger to walk, an exchange to reach
_POLL_S = 0.02


def start_engine(
    data_dir: Path,
    flags: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> EngineFile:
    """Start a detached engine on `data_dir` and wait until it serves. Raises CommandError with its own words.

    When another one was quicker, that one is awaited and returned. `meanwhile` is called while it gets ready.
    """
    with _words(data_dir) as said:
        with said.open("wb") as errors:
            process = subprocess.Popen(
                [
                    sys.executable,
                    *("-m", "spark_tui", "engine"),
                    *("--data-dir", str(data_dir)),
                    *flags,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # it must outlive this terminal
                env=None if environment is None else dict(environment),
            )
        meanwhile()
        deadline = time.monotonic() + PATIENCE_S
        while (engine := _serving(data_dir, process)) is None:
            if process.poll() is not None and not is_locked(data_dir):
                _fail(said, process.returncode)
            if time.monotonic() > deadline:
                process.terminate()
                raise CommandError(
                    f"The engine did not serve within {PATIENCE_S:g} s; see {data_dir / LOG_FILE}."
                )
            time.sleep(_POLL_S)
    return engine


def _serving(data_dir: Path, process: "subprocess.Popen[bytes]") -> EngineFile | None:
    """The engine started as `process`, or the one that was quicker; what a killed one left behind is
    neither."""
    found = find_engine(data_dir)
    if found is None or (found.pid != process.pid and process.poll() is None):
        return None
    return found


@contextlib.contextmanager
def _words(data_dir: Path) -> Iterator[Path]:
    """A file for what it says on stderr."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="start-", dir=data_dir) as directory:
            yield Path(directory) / "stderr"
    except OSError as error:
        raise CommandError(
            f"The data directory {data_dir} cannot be used: {error.strerror}.", REFUSED
        ) from None


def _fail(said: Path, code: int) -> NoReturn:
    lines = said.read_text("utf-8", "replace").strip().splitlines()
    text = lines[-1].removeprefix("spark-tui: engine: ") if lines else f"it ended with code {code}."
    raise CommandError(f"The engine did not start: {text}", code if code in (1, 2) else REFUSED)


def without_trading(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without anything that leads to an exchange: what a demo is started with."""
    ours = ("BINANCE_", "TRADE_MODE", "LIVE_ENABLED", "SPARK_VENUES", "SPARK_REAL_DATA")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}
