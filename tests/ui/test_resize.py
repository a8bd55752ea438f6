"""However the terminal's size changes, the screens follow."""

from collections.abc import Callable

import pytest
from textual import events
from textual.geometry import Size
from textual.timer import Timer

from spark_tui.ui import app as app_module
from spark_tui.ui.app import CockpitApp
from tests.ui.cockpit import NARROW, WIDE, cockpit
from tests.ui.test_bytes import CountingApp


def _never_rings(app: CockpitApp, delay: float, callback: Callable[[], None], **more: object) -> Timer:
    """What becomes of a timer of 8 ms when the machine is busy for longer just as it starts."""
    return Timer(app, delay, callback=callback, pause=True)


async def test_a_dropped_timer_leaves_no_screen_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as face:
        monkeypatch.setattr(CockpitApp, "set_timer", _never_rings)
        for size, kind in ((NARROW, "narrow"), ((20, 5), "tiny"), (WIDE, "wide")):
            await face.pilot.resize_terminal(*size)
            await face.until(lambda kind=kind: face.trade.has_class(kind))
            assert face.trade.outer_size == size


async def test_a_terminal_that_comes_back_to_its_old_size_is_painted_whole() -> None:
    """It may have been tiny in between, too shortly for the cockpit to see, and have forgotten everything."""
    async with cockpit(app_class=CountingApp) as face:
        assert isinstance(face.app, CountingApp)
        face.app.sent = 0
        face.app.post_message(events.Resize(Size(*WIDE), Size(*WIDE)))
        await face.until(lambda: face.app.sent > WIDE[0] * WIDE[1])


async def test_a_change_that_nobody_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as face:
        monkeypatch.setattr(app_module, "size_now", lambda: NARROW)
        monkeypatch.setattr(CockpitApp, "is_headless", False)
        face.app.post_message(events.Resize(Size(*WIDE), Size(*WIDE)))
        await face.until(lambda: face.trade.has_class("narrow"))
        monkeypatch.undo()
