"""`spark-tui stop`: ask the engine to end, and wait until its process is gone.

One of another version, as an update leaves behind, understands no request of ours: it is told by SIGTERM.
"""

import argparse
import contextlib
import os
import select
import signal
import time
from pathlib import Path

from spark_tui.commands.errors import CommandError
from spark_tui.commands.reach import data_dir_of, require_engine, with_line
from spark_tui.link.messages import StopEngine
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import EngineFile, is_locked, lock_owner
from spark_tui.link.service import LinkError

PATIENCE_S = 30.0


def run(arguments: argparse.Namespace) -> int:
    data_dir = data_dir_of(arguments)
    engine = stop_engine(data_dir)
    print(f"The engine (pid {engine.pid}) has ended.")
    return 0


def stop_engine(data_dir: Path) -> EngineFile:
    """Raises CommandError when none runs, or when it does not end."""
    engine = require_engine(data_dir)
    process = _open_process(engine.pid)
    try:
        _ask(engine, data_dir, process)
        if not _wait(data_dir, process):
            raise CommandError(
                f"The engine (pid {engine.pid}) was told to end but still runs after {PATIENCE_S:g} s;"
                f" see its log in {data_dir}, or: kill {engine.pid}"
            )
    finally:
        if process is not None:
            os.close(process)
    return engine


def _ask(engine: EngineFile, data_dir: Path, process: int | None) -> None:
    try:
        with_line(engine, "stop", lambda link: _tell(link, engine, data_dir, process))
    except CommandError:
        if is_locked(data_dir):  # else it has ended by itself: all that was asked for
            raise


async def _tell(link: RemoteLink, engine: EngineFile, data_dir: Path, process: int | None) -> None:
    try:
        await link.call(StopEngine())
    except LinkError as error:
        if error.code != "PROTOCOL" or lock_owner(data_dir) != engine.pid:
            raise
        _terminate(engine.pid, process)


def _terminate(pid: int, process: int | None) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        if process is None:
            os.kill(pid, signal.SIGTERM)
        else:
            signal.pidfd_send_signal(process, signal.SIGTERM)  # never another that has its number by now


def _open_process(pid: int) -> int | None:
    """A handle that tells when the process ends, where the system has such (Linux)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _wait(data_dir: Path, process: int | None) -> bool:
    if process is not None:
        return bool(select.select([process], [], [], PATIENCE_S)[0])
    deadline = time.monotonic() + PATIENCE_S
    while is_locked(data_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
