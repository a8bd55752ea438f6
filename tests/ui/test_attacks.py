"""What a terminal may do to the cockpit: odd sizes, garbage pasted, keys held in dialogs, a lost line."""

from collections.abc import Awaitable, Callable

import pytest
from textual import events

from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages import AnyRequest
from spark_tui.ui.lines import width_of
from spark_tui.ui.safety_commands import CODES
from spark_tui.ui.screens.dialog import ConfirmScreen, DialogScreen
from spark_tui.ui.widgets.line_table import LineTable
from tests.ui.cockpit import Cockpit, cockpit

SCREENS = ("f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8")
SIZES = (
    *((40, 10), (120, 36), (79, 24), (80, 23), (170, 40), (200, 60), (1, 1), (80, 24), (184, 40), (300, 12)),
    (120, 36),
)
UNLIKE = ("too-small", "history", "terminal-facts")  # two are out of sight here; one counts what it paints
DECIDING = "BTCUSDT" + "".join(CODES)  # what would be typed in a dialog
GARBAGE = (DECIDING + "\x1b[2J\x1b]0;owned\x07\x1b[200~X y\r\n\x0b\x0f\u202e\u0000é漢") * 6_000  # above 1 MB


async def run_green(face: Cockpit) -> None:
    await face.press("f6", "r")
    await face.until(lambda: "● green" in face.pane("canaries"))


async def resized(face: Cockpit, size: tuple[int, int]) -> None:
    await face.pilot.resize_terminal(*size)
    await face.settle()


@pytest.mark.parametrize("screen", SCREENS)
async def test_any_screen_survives_any_size(screen: str) -> None:
    async with cockpit() as face:
        await face.press(screen)
        if screen == "f6":
            await run_green(face)
        panes = [pane for pane in face.app.cockpit_screen.panes if pane.id not in UNLIKE]
        before = {pane.id: pane.text for pane in panes}
        for size in SIZES:
            await resized(face, size)
            for pane in (pane for pane in panes if pane.size):  # those in sight
                assert len(pane._lines) <= pane.size.height, f"{pane.id} at {size}"
                assert all(width_of(line) <= pane.size.width for line in pane._lines), f"{pane.id} at {size}"
        assert {pane.id: pane.text for pane in panes} == before
        assert "needs 80x24" not in face.text


async def test_on_a_tiny_terminal_it_says_so_and_still_kills() -> None:
    async with cockpit() as face:
        await resized(face, (40, 10))
        assert "too small: 40x10" in face.text
        await face.press("ctrl+k")
        await face.until(lambda: face.engine.state is TradingState.HALTED)


@pytest.mark.parametrize("screen", SCREENS)
async def test_the_line_may_be_lost_on_any_screen_and_come_back(screen: str) -> None:
    async with cockpit() as face:
        await face.press(screen)
        face.engine.lose()
        await face.until(lambda: face.app.model.lost_because)
        await face.press("j", "k", "g", "G", "enter", "escape", screen)
        await face.later(5)
        assert "ENGINE LOST" in face.text.upper()
        face.engine.restore()
        await face.until(lambda: not face.app.model.lost_because)
        await face.press(screen)
        assert "ENGINE LOST" not in face.text.upper()


CHANGES = (
    *("Submit", "Cancel", "Kill", "Resume", "Put", "Enable", "Disable", "Delete", "Run", "Confirm", "Soak"),
    *("Arm", "Replace", "Amend", "Start", "Stop", "Resolve"),
)


def changes(face: Cockpit) -> list[AnyRequest]:
    return [asked for asked in face.engine.asked if type(asked).__name__.startswith(CHANGES)]


INPUTS = {
    "ticket": ("b",),
    "find": ("/",),
    "palette": (":",),
    "log search": ("f8", "/"),
    "resume": ("R",),
    "amend": ("1", "j", "a"),
    "rule": ("f4", "n"),
    "cancel all": ("X",),
    "canary": ("f6", "c"),
}


@pytest.mark.parametrize("where", INPUTS)
async def test_a_megabyte_of_garbage_is_pasted_and_does_nothing(where: str) -> None:
    async with cockpit() as face:
        if where == "resume":
            await face.press("ctrl+k")
            await face.until(lambda: face.engine.state is TradingState.HALTED)
        if where == "canary":
            await run_green(face)
        await face.press(*INPUTS[where])
        before = changes(face)
        face.app.post_message(events.Paste(GARBAGE))
        await face.settle()
        assert changes(face) == before
        assert "\x1b" not in face.text
        assert "\u202e" not in face.text
        if where == "find":
            assert face.trade.watch_pane.filter == ""
        if where == "ticket":
            assert not any(face.trade.ticket.draft.texts[field] for field in ("quantity", "stop"))
        await face.press("escape", "escape", "f2", "f1")
        assert face.app.cockpit_screen.screen_name == "trade"


# --- dialogs: neither Enter, nor a paste, nor a key held down ---------------------------------------------


async def ordered(face: Cockpit) -> None:
    await face.press("b", *"0.01", "tab", *"66000", "ctrl+o")


async def halted(face: Cockpit) -> None:
    await face.press("ctrl+k")
    await face.until(lambda: face.engine.state is TradingState.HALTED)
    await face.press("R")


async def deleting(face: Cockpit) -> None:
    await face.press("f4", "n", *"btc-cap", "tab", "tab", *"250", "ctrl+o")
    await face.until(lambda: "btc-cap" in face.pane("rules"))
    await chosen_rule(face, "btc-cap")
    face.app.act("rule.delete", {})


async def switching_off(face: Cockpit) -> None:
    await face.press("f4")
    await face.until(lambda: "slippage" in face.pane("rules"))
    await chosen_rule(face, "slippage")
    face.app.act("rule.toggle", {})


async def chosen_rule(face: Cockpit, name: str) -> None:
    table = face.app.cockpit_screen.query_one("#rules", LineTable)
    table.go((name,))
    await face.settle()


async def changing_a_rule(face: Cockpit) -> None:
    await face.press("f4")
    await face.until(lambda: "slippage" in face.pane("rules"))
    await chosen_rule(face, "slippage")
    await face.press("e")


async def confirming_a_canary(face: Cockpit) -> None:
    await run_green(face)
    await face.press("c")


async def soaking(face: Cockpit) -> None:
    face.app.act("canary.soak", {"symbol": "BTCUSDT", "dry": "no"})


async def arming(face: Cockpit) -> None:
    face.app.act("live.arm", {"symbols": "BTCUSDT", "cap": "500", "minutes": "30"})


def pressing(*keys: str) -> Callable[[Cockpit], Awaitable[None]]:
    return lambda face: face.press(*keys)


DIALOGS: dict[str, tuple[Environment, str, Callable[[Cockpit], Awaitable[None]]]] = {
    "send on the testnet": (Environment.TESTNET, "ctrl+o", ordered),
    "send live": (Environment.LIVE, "ctrl+o", ordered),
    "cancel": (Environment.LIVE, "x", pressing("1", "j", "x")),
    "cancel all": (Environment.LIVE, "X", pressing("X")),
    "amend": (Environment.LIVE, "a", pressing("1", "j", "a")),
    "resume": (Environment.LIVE, "R", halted),
    "arm": (Environment.LIVE, "enter", arming),
    "new rule": (Environment.LIVE, "n", pressing("f4", "n")),
    "change a rule": (Environment.LIVE, "e", changing_a_rule),
    "switch a rule off": (Environment.LIVE, "o", switching_off),
    "delete a rule": (Environment.LIVE, "D", deleting),
    "confirm a canary": (Environment.TESTNET, "c", confirming_a_canary),
    "soak": (Environment.TESTNET, "o", soaking),
    "quit": (Environment.LIVE, "q", pressing("q")),
    "stop the engine": (Environment.LIVE, "enter", lambda face: _act(face, "engine.stop")),
}


def test_no_key_held_down_types_the_code_of_cancel_all() -> None:
    assert all(len(set(code)) == 2 for code in CODES)


PHRASES = ("y", "BTCUSDT", "ARM LIVE BTCUSDT CAP 500 USDT FOR 30 MIN", "y\r\n", "\x0f", "STOP", "1")


async def _act(face: Cockpit, action: str) -> None:
    face.app.act(action, {})


@pytest.mark.parametrize("name", DIALOGS)
async def test_a_dialog_is_decided_by_neither_enter_nor_paste_nor_a_key_held_down(name: str) -> None:
    environment, opening, opened = DIALOGS[name]
    async with cockpit(environment=environment) as face:
        await opened(face)
        await face.until(lambda: isinstance(face.app.screen, DialogScreen))
        dialog = face.app.screen
        assert isinstance(dialog, DialogScreen)
        before = changes(face)
        keys = dialog.guard.keys if isinstance(dialog, ConfirmScreen) else ()
        for held in ("enter", "y", opening, "space", "tab", "1", "5", *keys):  # since before it opened
            for _ in range(40):
                face.clock.advance(0.033)
                face.app.take_key(held, held if len(held) == 1 else None)
        for phrase in PHRASES:
            face.app.take_paste(phrase)
        if isinstance(dialog, ConfirmScreen):
            for _ in range(2):
                for character in dialog.guard.phrase:  # all at once, as a paste that no terminal marks as one
                    face.app.take_key(character, character)
                await face.later(1.0)
        for key in keys:  # a hand that rests long enough, and then a paste that begins with what decides
            await face.later(1.0)
            for _ in range(6):
                face.app.take_key(key, key)
        await face.later(1.0)
        await face.press("enter")
        await face.later(1.0)
        await face.press("enter")
        assert changes(face) == before
        assert not dialog.answer.done(), dialog.answer
        await face.press("escape")
        assert dialog.answer.result() == ""
        assert changes(face) == before


@pytest.mark.parametrize("later", ["n", "y"])
async def test_a_key_that_came_while_the_loop_was_held_neither_confirms_nor_closes(later: str) -> None:
    """The timer of the first key has called by then, and its call waits behind the second key."""
    async with cockpit(environment=Environment.LIVE) as face:
        await face.press("1", "j", "x")
        await face.until(lambda: isinstance(face.app.screen, ConfirmScreen))
        dialog = face.app.screen
        assert isinstance(dialog, ConfirmScreen)
        await face.later(1.0)
        before = changes(face)
        dialog.take_key("y", "y")
        first = dialog._presses
        face.clock.advance(0.12)
        dialog.take_key(later, later)
        dialog._decide(first)
        assert not dialog.answer.done()
        assert changes(face) == before


FORMS: dict[str, tuple[Callable[[Cockpit], Awaitable[None]], tuple[str, ...]]] = {
    "resume": (halted, tuple("all clear")),
    "amend": (pressing("1", "j", "a"), tuple("0.005")),
    "new rule": (pressing("f4", "n"), (*"btc-cap", "tab", "tab", *"250")),
    "change a rule": (changing_a_rule, ()),
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_is_ready_is_put_by_ctrl_o_alone(name: str) -> None:
    opened, typed = FORMS[name]
    async with cockpit() as face:
        await opened(face)
        await face.until(lambda: isinstance(face.app.screen, DialogScreen))
        dialog = face.app.screen
        assert isinstance(dialog, DialogScreen)
        await face.press(*typed)
        before = changes(face)
        for _ in range(40):
            face.clock.advance(0.033)
            face.app.take_key("enter", None)
        for pasted in ("\x0f", "\r\n", "\n"):
            face.app.take_paste(pasted)
        await face.later(1.0)
        await face.press("enter")
        assert changes(face) == before
        assert not dialog.answer.done(), dialog.answer
        await face.press("ctrl+o")
        await face.until(lambda: len(changes(face)) == len(before) + 1)
