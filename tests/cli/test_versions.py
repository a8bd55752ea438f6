"""An engine outlives its faces through an update: old and new say so, and how to go on."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from spark_tui.cli import main
from spark_tui.commands import stop
from spark_tui.commands.errors import CommandError
from spark_tui.commands.plain import follow
from spark_tui.link import server
from spark_tui.link.messages import PROTOCOL
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import ENGINE_FILE, EngineFile, lock_owner, write_engine_file
from spark_tui.link.server import serve
from tests.link.conftest import service, socket_dir
from tests.link.fake import FakeService

__all__ = ["service", "socket_dir"]  # fixtures

OTHERS = pytest.mark.parametrize("other", [PROTOCOL - 1, PROTOCOL + 1], ids=["older", "newer"])
UNTIL_TOLD = """
import pathlib, signal, sys
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import DataDirLock
lock = DataDirLock.acquire(pathlib.Path(sys.argv[1]))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(flush=True)
signal.sigwait([signal.SIGTERM])
"""


Process = subprocess.Popen[bytes]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """Holds `tmp_path`, and ends as an engine does when it is told to."""
    with subprocess.Popen([sys.executable, "-c", UNTIL_TOLD, str(tmp_path)], stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None
        begun.stdout.readline()
        yield begun
        begun.kill()


@pytest.fixture
def stranger() -> Iterator[Process]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as begun:
        yield begun
        begun.kill()


@pytest.fixture
async def engine(
    process: Process, service: FakeService, socket_dir: Path, tmp_path: Path
) -> AsyncIterator[Process]:
    """The process, and a line that answers in its name."""
    found = EngineFile(socket=str(socket_dir / "s"), pid=process.pid, data_dir=str(tmp_path))
    write_engine_file(tmp_path / ENGINE_FILE, found)
    async with serve(service, socket_dir / "s"):
        yield process


@OTHERS
@pytest.mark.parametrize("words", [["show", "pnl"], ["do", "order.cancel-all"]], ids=" ".join)
async def test_an_engine_of_another_version_is_one_sentence_with_the_cure(
    words: list[str],
    other: int,
    engine: Process,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "PROTOCOL", other)
    assert await asyncio.to_thread(main, [*words, "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"speaks link protocol {other}, this face {PROTOCOL}" in said
    assert "spark-tui stop" in said
    assert f"kill {os.getpid()}" in said  # an older face's own stop is refused as well


async def test_lines_end_with_that_sentence(
    service: FakeService, socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PROTOCOL", PROTOCOL + 1)
    async with serve(service, socket_dir / "s"):
        link = RemoteLink(socket_dir / "s", face="plain", operator="ada")
        with pytest.raises(CommandError, match="spark-tui stop") as ended:
            await follow(link)
        assert ended.value.exit_code == 1
        await link.close()


@OTHERS
async def test_stop_ends_an_engine_of_another_version(
    other: int,
    engine: Process,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "PROTOCOL", other)
    assert await asyncio.to_thread(main, ["stop", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"The engine (pid {engine.pid}) has ended.\n"
    assert engine.wait() == 0


@pytest.mark.parametrize("handle", [True, False], ids=["handle", "number"])
@pytest.mark.parametrize("found", [True, False], ids=["after it was found", "before"])
async def test_an_engine_that_ended_by_itself_is_ended(
    found: bool,
    handle: bool,
    engine: Process,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def owner(data_dir: Path) -> int | None:
        engine.terminate()
        engine.wait()
        return engine.pid if found else lock_owner(data_dir)

    monkeypatch.setattr(server, "PROTOCOL", PROTOCOL + 1)
    monkeypatch.setattr(stop, "lock_owner", owner)
    if not handle:
        monkeypatch.setattr(stop, "_open_process", lambda pid: None)
    assert await asyncio.to_thread(main, ["stop", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"The engine (pid {engine.pid}) has ended.\n"


async def test_stop_ends_nobody_who_does_not_hold_the_directory(
    engine: Process, stranger: Process, socket_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that an engine before it left behind may be anybody's by now."""
    monkeypatch.setattr(server, "PROTOCOL", PROTOCOL + 1)
    found = EngineFile(socket=str(socket_dir / "s"), pid=stranger.pid, data_dir=str(tmp_path))
    write_engine_file(tmp_path / ENGINE_FILE, found)
    assert await asyncio.to_thread(main, ["stop", "--data-dir", str(tmp_path)]) == 1
    stranger.communicate(b"\n")
    assert stranger.returncode == 0
