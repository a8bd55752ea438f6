"""A terminal that goes away while the cockpit writes to it."""

import asyncio
import io
import os
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from textual.drivers._writer_thread import WriterThread
from textual.drivers.headless_driver import HeadlessDriver

from spark_tui.ui.terminal import EnduringFile, metered
from tests.ui.cockpit import STUCK_S, Cockpit, cockpit


class GoneTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_keeps_nobody_waiting() -> None:
    writer = WriterThread(EnduringFile(GoneTerminal()))  # type: ignore[arg-type]  # all it needs of a file
    writer.start()

    def leave() -> None:
        for _ in range(100):  # more than the queue holds
            writer.write("x")
        writer.stop()

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(5)
    assert not leaving.is_alive()


def test_a_terminal_that_is_there_gets_everything() -> None:
    there = io.BytesIO()
    enduring = EnduringFile(io.TextIOWrapper(there, encoding="utf-8"))
    assert enduring.write("abc") == 3
    enduring.flush()
    assert there.getvalue() == b"abc"
    assert enduring.isatty() is False


def listening(face: Cockpit, fileno: int, over: threading.Event) -> Callable[[], None]:
    """What the driver's thread does, reading `fileno`."""
    driver: Any = metered(HeadlessDriver, face.app.meter)(face.app)
    driver.fileno, driver.exit_event = fileno, over
    return cast("Callable[[], None]", driver._run_input_thread)


@pytest.mark.parametrize("gone", [0, 1], ids=["nothing more comes", "an error"])
async def test_a_terminal_that_goes_without_a_signal_ends_the_cockpit(
    gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cockpit() as face:
        left = asyncio.Event()
        monkeypatch.setattr(face.app, "exit", left.set)
        ends = os.openpty()
        os.close(ends[gone])
        await asyncio.to_thread(listening(face, ends[1 - gone], threading.Event()))
        async with asyncio.timeout(STUCK_S):
            await left.wait()
        os.close(ends[1 - gone])


async def test_a_cockpit_that_stops_listening_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is suspended, say."""
    async with cockpit() as face:
        left = asyncio.Event()
        monkeypatch.setattr(face.app, "exit", left.set)
        over = threading.Event()
        over.set()
        await asyncio.to_thread(listening(face, 0, over))
        await face.settle()
        assert not left.is_set()
