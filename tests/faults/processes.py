"""Real processes for the crash tests: the simulator, and an engine that kills itself at a named step."""

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from spark_tui.simulator import server
from tests.simulator.brief import brief_past

ROOT = Path(__file__).resolve().parents[2]
_HATCHERY = multiprocessing.get_context("forkserver")
_HATCHERY.set_forkserver_preload(["spark_tui.simulator.server"])


class Simulator(msgspec.Struct, frozen=True):
    base_url: str
    ws_url: str
    ws_api_url: str
    api_key: str
    api_secret: str


def _simulate(words: tuple[str, ...]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    parser = argparse.ArgumentParser()
    server.add_arguments(parser)
    with brief_past():
        sys.exit(server.run(parser.parse_args(words)))


def start_simulator(folder: Path, *flags: str) -> tuple[BaseProcess, Simulator]:
    """A simulator that serves, in a process of its own: forked from one that has imported everything, for it
    is not what the crash tests are about."""
    ready = folder / "simulator.json"
    ready.unlink(missing_ok=True)
    words = ("--ready-file", str(ready), "--seed", "7", *flags)
    process = _HATCHERY.Process(target=_simulate, args=(words,), daemon=True)
    process.start()
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert process.is_alive(), "the simulator did not start"
        assert time.monotonic() < deadline, "the simulator does not serve"
        time.sleep(0.02)  # a file appears: there is nothing else to wait on
    return process, msgspec.json.decode(ready.read_bytes(), type=Simulator)


def end(process: BaseProcess) -> None:
    process.terminate()
    process.join()


async def run_engine(
    folder: Path, sim: Simulator, *requests: dict[str, Any], die_at: str = ""
) -> dict[str, Any]:
    """Run `engine_runner.py` to its end; its report, or the signal that ended it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("engine_runner.py")),
        json.dumps({"folder": str(folder), "base_url": sim.base_url, "die_at": die_at, "requests": requests}),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    if process.returncode:
        return {"signal": -process.returncode}
    found: dict[str, Any] = json.loads(output)
    return found
