"""A defect in a screen ends the cockpit with a sentence and an exit code; the traceback is for a file."""

import argparse
import asyncio
import threading
import traceback
from typing import cast

import pytest
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.worker import WorkerFailed

from spark_tui.commands import cockpit as command
from spark_tui.link.remote import RemoteLink
from spark_tui.ui import app as app_module
from spark_tui.ui import terminal
from spark_tui.ui.context import Context
from spark_tui.ui.screens.base import CockpitScreen
from tests.ui.cockpit import STUCK_S, cockpit


class Defect(Exception):
    """Not ours."""


def broken(context: Context) -> CockpitScreen:
    raise Defect("a screen that cannot be made")


async def _press_f8(apps: list[app_module.CockpitApp]) -> None:
    async with cockpit() as face:
        apps.append(face.app)
        face.app.post_message(events.Key("f8", None))
        async with asyncio.timeout(STUCK_S):
            await face.app._exception_event.wait()


async def test_nothing_of_a_defect_is_printed_and_it_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(app_module.SCREENS, "log", broken)
    apps: list[app_module.CockpitApp] = []
    with pytest.raises(Defect):
        await _press_f8(apps)
    assert isinstance(apps[0].failure, Defect)
    assert apps[0].return_code == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "Defect" not in said.out + said.err


async def _run_a_worker_that_fails(apps: list[app_module.CockpitApp]) -> None:
    async def gone_wrong() -> None:
        raise Defect("in a worker")

    async with cockpit() as face:
        apps.append(face.app)
        face.app.run_worker(gone_wrong(), exit_on_error=True)
        async with asyncio.timeout(STUCK_S):
            await face.app._exception_event.wait()


async def test_of_a_defect_in_a_worker_the_place_is_kept() -> None:
    apps: list[app_module.CockpitApp] = []
    with pytest.raises(WorkerFailed):
        await _run_a_worker_that_fails(apps)
    failure = apps[0].failure
    assert isinstance(failure, Defect)
    assert "gone_wrong" in "".join(traceback.format_exception(failure))


async def _listen_brokenly(apps: list[app_module.CockpitApp]) -> None:
    async with cockpit() as face:
        apps.append(face.app)
        driver = terminal.metered(HeadlessDriver, face.app.meter)(face.app)
        await asyncio.to_thread(driver._run_input_thread)  # type: ignore[attr-defined]
        async with asyncio.timeout(STUCK_S):
            await face.app._exception_event.wait()


async def test_a_defect_of_the_listener_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deaf(*_: object) -> None:
        raise Defect("a key that cannot be read")

    monkeypatch.setattr(terminal, "listen", deaf)
    monkeypatch.setattr(HeadlessDriver, "fileno", 0, raising=False)
    monkeypatch.setattr(HeadlessDriver, "exit_event", threading.Event(), raising=False)
    apps: list[app_module.CockpitApp] = []
    with pytest.raises(Defect):
        await _listen_brokenly(apps)
    assert isinstance(apps[0].failure, Defect)
    assert apps[0].return_code == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


async def test_who_ran_the_cockpit_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        failure: Exception | None = None

        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def run_async(self) -> None:
            self.failure = Defect("while it ran")

    monkeypatch.setattr(app_module, "CockpitApp", Failing)
    with pytest.raises(Defect):
        await command._screens(argparse.Namespace(), cast("RemoteLink", None), owns_engine=False)
