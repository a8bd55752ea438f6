"""Screens that ask the engine: one question at a time, troubles said once, and every action from anywhere."""

import pytest

from spark_tui.link.messages import AnyRequest, GetDiff, GetPnl, GetRules, Result
from spark_tui.link.service import LinkError
from spark_tui.ui.actions import ACTIONS, EVERYWHERE
from spark_tui.ui.screens.asking import AskingScreen
from tests.ui.cockpit import Cockpit, cockpit

ELSEWHERE = [
    action.id
    for action in ACTIONS
    if not {EVERYWHERE, "trade"}.intersection(action.screens)
    and action.id != "pnl.export"  # begins a process
]


def asking(face: Cockpit) -> AskingScreen:
    screen = face.app.cockpit_screen
    assert isinstance(screen, AskingScreen)
    return screen


def count(face: Cockpit, kind: type) -> int:
    return sum(isinstance(asked, kind) for asked in face.engine.asked)


@pytest.mark.parametrize("action", ELSEWHERE)
async def test_an_action_of_another_screen_shows_it_and_does_it(action: str) -> None:
    async with cockpit() as face:
        face.app.act(action, {})  # as the palette does
        await face.settle()
        assert face.app.cockpit_screen.screen_name == next(a for a in ACTIONS if a.id == action).screens[0]
        if action == "log.find":
            await face.press("k")
            assert "/ k" in face.text


@pytest.mark.parametrize(("key", "kind"), [("f4", GetRules), ("f5", GetPnl), ("f7", GetDiff)])
async def test_an_engine_slower_than_the_second_is_waited_for(key: str, kind: type) -> None:
    async with cockpit() as face:
        face.engine.gate.clear()
        await face.press(key)
        screen = asking(face)
        for _ in range(3):
            screen.tick()
            await face.settle()
        assert count(face, kind) == 1
        face.engine.gate.set()
        await face.until(lambda: screen.idle)
        assert "waiting for the engine" not in face.text
        screen.tick()
        await face.settle()
        assert count(face, kind) == 2


async def test_a_trouble_is_said_once_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as face:
        await face.press("f4")
        screen = asking(face)
        await face.until(lambda: screen.idle)
        answer = face.engine.call

        async def refuse(request: AnyRequest) -> Result:
            raise LinkError("NO_ANSWER", "The engine is busy.")

        def said() -> int:
            return sum("Risk screen: The engine is busy." in notice.text for notice in face.app.model.notices)

        for _ in range(3):
            monkeypatch.setattr(face.engine, "call", refuse)
            screen.tick()
            await face.until(lambda: screen.idle)
        assert said() == 1
        monkeypatch.setattr(face.engine, "call", answer)
        screen.tick()
        await face.until(lambda: screen.idle)
        monkeypatch.setattr(face.engine, "call", refuse)
        screen.tick()
        await face.until(lambda: said() == 2)
