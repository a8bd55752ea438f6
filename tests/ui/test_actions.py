"""The action table is the one source: keys, palette, help, docs and `spark-tui do` all agree with it."""

import runpy
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import CancelAll, Kill, Resume, SubmitOrder
from spark_tui.ui.actions import ACTIONS, BY_ID, EVERYWHERE, ActionError, build_request
from spark_tui.ui.app import SCREENS
from spark_tui.ui.keys import WORKS_EVERYWHERE
from spark_tui.ui.screens.help import HelpScreen
from spark_tui.ui.screens.palette import command, matches
from tests.ui.cockpit import cockpit

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)


@pytest.mark.parametrize("screen", sorted(SCREENS))
def test_no_key_means_two_things_on_one_screen(screen: str) -> None:
    here = [action for action in ACTIONS if {screen, EVERYWHERE} & set(action.screens)]
    counts = Counter(key for action in here for key in action.keys)
    assert [key for key, count in counts.items() if count > 1] == []


def test_actions_name_screens_that_exist() -> None:
    assert {name for action in ACTIONS for name in action.screens} <= {EVERYWHERE, *SCREENS}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_default_key_works_inside_tmux(action: "object") -> None:
    assert set(action.keys) <= WORKS_EVERYWHERE  # type: ignore[attr-defined]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_found_in_the_palette_by_its_name(action: "object") -> None:
    assert matches(action.title)[0] is action  # type: ignore[attr-defined]
    assert matches(action.id)[0] is action  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (
            "stop",
            ["ticket.trailing", "engine.stop", "canary.stop", "algo.stop"],
        ),  # what changes nothing first
        ("sto", ["ticket.trailing", "engine.stop", "canary.stop", "algo.stop"]),
        ("engine stop", ["engine.stop"]),
        ("cancel", ["order.cancel", "order.cancel-all", "list.cancel", "kill"]),
        ("c", ["ticket.clear", "screen.canary"]),  # too little said to mean an order
        ("can", ["screen.canary", "canary.side", "canary.symbol", "order.cancel", "order.cancel-all"]),
        ("live", ["live.disarm", "live.arm"]),
        ("halt", ["kill", "resume"]),  # a title before a help
        ("canary", ["screen.canary", "canary.side", "canary.symbol", "canary.run"]),
        ("", [action.id for action in ACTIONS]),
    ],
)
def test_the_palette_finds_the_best_named_first(typed: str, found: list[str]) -> None:
    assert [action.id for action in matches(typed)][: len(found)] == found


def test_one_letter_or_two_and_enter_change_nothing() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    typed = [*letters, *(first + second for first in letters for second in letters)]
    changing = {text: found[0].id for text in typed if (found := matches(text)) and found[0].changes}
    lone = {text for text in changing if all(action.changes for action in matches(text))}
    assert set(changing) == lone
    assert not lone.intersection(letters)


async def test_every_action_has_a_command_and_a_line_in_help() -> None:
    async with cockpit((120, 60)) as face:
        assert set(face.app.commands.table) == set(BY_ID)
        await face.press("?")
        text = face.text
        while "more" in face.text.split("Esc closes")[1].split("\n")[0]:
            await face.press("space")
            text += face.text
        missing = [
            action.id for action in ACTIONS if action.title not in text or action.help[:40] not in text
        ]
        assert missing == []


def test_the_page_of_keys_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "keys.py"))["page"]()
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == page, "run: python docs/keys.py"


def test_submit_is_built_from_words() -> None:
    words = {"symbol": "btcusdt", "side": "buy", "type": "limit", "quantity": "0.01", "price": "60000"}
    assert build_request("order.submit", words) == SubmitOrder(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=Decimal(60000)
    )


def test_the_other_requests_are_built_from_words() -> None:
    assert build_request("kill", {}) == Kill()
    assert build_request("resume", {"reason": "checked"}) == Resume(reason="checked")
    assert build_request("order.cancel-all", {"symbol": "ethusdt"}) == CancelAll(symbol="ETHUSDT")


@pytest.mark.parametrize(
    ("action", "words", "sentence"),
    [
        ("order.submit", {"symbo": "x"}, "did you mean symbol?"),
        ("order.submit", {"symbol": "BTCUSDT"}, "needs side, type"),
        ("order.submit", {"symbol": "A", "side": "up", "type": "LIMIT"}, "not one of BUY, SELL"),
        (
            "order.submit",
            {"symbol": "A", "side": "BUY", "type": "LIMIT", "price": "1e"},
            "not a plain number",
        ),
        (
            "order.submit",
            {"symbol": "A", "side": "BUY", "type": "LIMIT", "price": "NaN"},
            "not a plain number",
        ),
        (
            "order.submit",
            {"symbol": "A", "side": "BUY", "type": "LIMIT", "quantity": "1E+99999999"},
            "not a plain number",
        ),
        ("order.cancl", {}, "did you mean order.cancel?"),
        ("resume", {"reason": "  "}, "needs reason"),
        ("help", {}, "no action of the engine"),
    ],
)
def test_mistakes_get_a_sentence(action: str, words: dict[str, str], sentence: str) -> None:
    with pytest.raises(ActionError, match=sentence.replace("?", r"\?")):
        build_request(action, words)


def test_palette_takes_commands_with_parameters() -> None:
    assert command("order.cancel client_order_id=a1") == ("order.cancel", {"client_order_id": "a1"})
    assert command("help") == ("help", {})
    assert command("halp me") == ("", {})


@pytest.mark.parametrize("width", [76, 116])
async def test_help_cuts_no_word_short(width: int) -> None:
    async with cockpit() as face:
        lines = HelpScreen(face.app.context, "trade").every_line(width)
    shown = ["".join(text for text, _ in line) for line in lines]
    assert max(map(len, shown)) <= width
    whole = " ".join(" ".join(shown).split())
    assert [action.id for action in ACTIONS if " ".join(action.help.split()) not in whole] == []
