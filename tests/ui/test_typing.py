"""Typing: a line of text, and bursts of keys that must act in the order they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.link.messages import SubmitOrder
from spark_tui.ui.entry import MAX_TEXT, Entry
from spark_tui.ui.keys import key_name, spoken
from tests.ui.cockpit import cockpit

KEYS = st.sampled_from(["left", "right", "backspace", "ctrl+u", "ctrl+w", "a", "b", " ", "é"])


@given(st.lists(KEYS, max_size=60))
def test_the_caret_never_leaves_the_text(keys: list[str]) -> None:
    entry = Entry()
    for key in keys:
        entry.press(key, key if len(key) == 1 else None)
        assert 0 <= entry.at <= len(entry.text)
        assert entry.shown().replace("▏", "") == entry.text


@given(st.text(max_size=500))
def test_pasted_text_is_bounded_and_printable(text: str) -> None:
    entry = Entry()
    entry.insert(text)
    assert len(entry.text) <= MAX_TEXT
    assert entry.text.isprintable()


def test_editing_in_the_middle() -> None:
    entry = Entry()
    entry.insert("resume now")
    entry.press("ctrl+w", None)
    assert entry.text == "resume "
    entry.press("left", None)
    entry.press("x", "x")
    assert entry.text == "resumex "


def test_keys_are_named_as_the_table_names_them() -> None:
    assert key_name("question_mark", "?") == "?"
    assert key_name("X", "X") == "X"
    assert key_name("ctrl+k", "\x0b") == "ctrl+k"
    assert key_name("space", " ") == "space"
    assert key_name("f1", None) == "f1"
    assert [spoken(key) for key in ("escape", "f2", "X")] == ["Esc", "F2", "X"]


async def test_a_burst_acts_in_its_order() -> None:
    """As tmux send-keys or a fast hand delivers it: the ticket has the focus before the digits come."""
    async with cockpit(orders=False) as face:
        await face.press("b", "0", ".", "0", "1", "tab", *"66000", "s", *"0.02")
        draft = face.trade.ticket.draft
        assert (draft.side.value, draft.texts["quantity"]) == ("SELL", "0.02")


@pytest.mark.parametrize(
    "typed", ["1e-9", "1x", "0.5X", "2R", "1a", "1.2.3", "7 ", "-5", "+5", "1-9", "1+9", "1e+9"]
)
async def test_what_is_no_number_is_no_other_number_and_no_command_about_orders(typed: str) -> None:
    async with cockpit() as face:
        before = dict(face.app.model.orders)
        await face.press("b", *(key if key != " " else "space" for key in typed))
        assert face.trade.ticket.draft.texts["quantity"] == ""
        assert "is no part of a number" in " ".join(face.pane("ticket").split())
        assert not face.trade.ticket.draft.replaces
        assert len(face.app.screen_stack) == 1, "no dialog was opened"
        assert face.app.model.orders == before
        await face.press("ctrl+o")
        assert not any(isinstance(asked, SubmitOrder) for asked in face.engine.asked)
        await face.press("backspace", *"0.25")
        assert face.trade.ticket.draft.texts["quantity"] == "0.25"


async def test_a_sign_nudges_a_number_that_stands_there_and_spoils_one_being_typed() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b", "tab")
        texts = face.trade.ticket.draft.texts
        assert texts["price"] == "67012.3"  # of the book, not typed
        await face.press("-", "-", "+")
        assert texts["price"] == "67012.2"
        await face.press(*"66000")
        assert texts["price"] == "66000"
        await face.press("tab", "shift+tab", "+")  # left and come back to: it stands there
        assert texts["price"] == "66000.1"
        await face.press(*"66000", "escape", "+")
        assert texts["price"] == "66000.1"
        await face.press("1", "shift+tab")
        await face.press(*"66000", "-")
        assert texts["price"] == ""
        await face.press("9")
        assert texts["price"] == "", "66000-9 is not 9"


async def test_after_the_number_the_keys_are_the_orders_again() -> None:
    """The documented flow: a number, Tab or sending, then one key."""
    async with cockpit() as face:
        await face.press("1", "j", "b", *"0.01", "tab", *"66000", "tab", "escape", "e")
        assert face.trade.ticket.draft.replaces


@pytest.mark.parametrize(
    "text", ["1e-9", "66,000", "66,000.5", "1.2.3", "-5", "٣", "0.1\n0.2", "1" * 17, "1\x1b[2J", "", "0x10"]
)
async def test_half_a_pasted_number_is_not_taken(text: str) -> None:
    async with cockpit() as face:
        await face.press("b", *"0.5")
        face.app.take_paste(text)
        assert face.trade.ticket.draft.texts["quantity"] == "0.5"
        assert "no plain number" in " ".join(face.pane("ticket").split())


@pytest.mark.parametrize(("text", "taken"), [(" 0.25\n", "0.25"), ("0,25", "0.25"), ("12", "12")])
async def test_a_pasted_number_takes_the_place_of_what_was_typed(text: str, taken: str) -> None:
    async with cockpit() as face:
        await face.press("b", *"0.5")
        face.app.take_paste(text)
        assert face.trade.ticket.draft.texts["quantity"] == taken


async def test_a_burst_into_the_palette_runs_no_key_on_the_way() -> None:
    async with cockpit() as face:
        await face.press(":", *"health", "enter")
        await face.until(lambda: face.app.cockpit_screen.screen_name == "health")
        assert face.engine.state.value == "ACTIVE"
        assert len(face.app.screen_stack) == 2


async def test_finding_a_symbol() -> None:
    async with cockpit() as face:
        await face.press("/", *"eth", "enter")
        await face.until(lambda: face.engine.focus.symbol == "ETHUSDT")
        assert "ETHUSDT" in face.pane("candles")
        assert "BTCUSDT" in face.pane("watch"), "the search is over, all rows are back"
        assert "3 412" in face.pane("ladder")


async def test_moving_in_the_watchlist_takes_everything_along() -> None:
    async with cockpit() as face:
        await face.press("b", *"0.5", "escape", "]")
        await face.until(lambda: face.engine.focus.symbol == "ETHUSDT")
        assert "ETHUSDT" in face.pane("ticket")
        assert "0.5" not in face.pane("ticket"), "an amount typed for another instrument is gone"


async def test_the_interval_goes_round() -> None:
    async with cockpit() as face:
        await face.press("i")
        await face.until(lambda: face.engine.focus.interval == "5m" and face.app.model.candles)
        assert face.app.model.candles_of[2] == "5m"
