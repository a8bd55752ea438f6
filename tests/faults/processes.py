"""Real processes for the crash tests: the simulator, and an engine that kills itself at a named step."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from tests import hatchery


class Simulator(msgspec.Struct, frozen=True):
    base_url: str
    ws_url: str
    ws_api_url: str
    api_key: str
    api_secret: str


def start_simulator(folder: Path, *flags: str) -> tuple[hatchery.Hatched, Simulator]:
    """A simulator that serves, in a process of its own."""
    ready = folder / "simulator.json"
    ready.unlink(missing_ok=True)
    words = ("simulator", "--ready-file", str(ready), "--seed", "7", *flags)
    process = hatchery.begin(words, os.environ, program="tests.simulator.brief:run")
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the simulator does not serve"
        time.sleep(0.02)  # a file appears: there is nothing else to wait on
    return process, msgspec.json.decode(ready.read_bytes(), type=Simulator)


def end(process: hatchery.Hatched) -> None:
    process.terminate()
    process.communicate()


async def run_engine(
    folder: Path, sim: Simulator, *requests: dict[str, Any], die_at: str = ""
) -> dict[str, Any]:
    """Run `engine_runner.py` to its end; its report, or the signal that ended it."""
    order = {"folder": str(folder), "base_url": sim.base_url, "die_at": die_at, "requests": requests}
    process = hatchery.begin(
        [json.dumps(order)], {"PATH": "/usr/bin:/bin"}, program="tests.faults.engine_runner:run"
    )
    output, _ = await asyncio.to_thread(process.communicate, 60)
    if process.returncode:
        return {"signal": -process.returncode}
    found: dict[str, Any] = json.loads(output)
    return found
