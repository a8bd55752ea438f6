"""A dialog takes only a hand's decision: never a reflex, a burst, Enter, or the key that opened it."""

import pytest

from spark_tui.ui.confirm_guard import Answer, ConfirmGuard


def guard(*, keys: str = "y", phrase: str = "") -> ConfirmGuard:
    return ConfirmGuard(
        keys=frozenset() if phrase else frozenset(keys),
        phrase=phrase,
        opening_keys=frozenset({"x"}),
        opened_s=100.0,
        expires_s=20.0,
    )


def test_y_confirms_after_the_hand_has_settled() -> None:
    dialog = guard()
    assert dialog.press("y", "y", 100.5) is Answer.DECIDING
    assert dialog.decision == "y"


def test_nothing_counts_in_the_first_four_tenths() -> None:
    dialog = guard()
    assert dialog.press("y", "y", 100.39) is Answer.IGNORED
    assert dialog.press("y", "y", 100.8) is Answer.DECIDING


def test_a_key_held_down_never_confirms() -> None:
    dialog = guard()
    answers = {dialog.press("y", "y", 100.0 + beat * 0.033) for beat in range(1, 600)}
    assert answers == {Answer.IGNORED}


@pytest.mark.parametrize("key", ["enter", "x", "n", "space"])
def test_other_keys_do_nothing(key: str) -> None:
    assert guard().press(key, None, 101.0) is Answer.IGNORED


def test_escape_cancels_at_any_time() -> None:
    assert guard().press("escape", None, 100.01) is Answer.CANCELED


@pytest.mark.parametrize("key", ["enter", "x"])
def test_a_dialog_that_would_take_enter_or_its_opening_key_cannot_be_made(key: str) -> None:
    with pytest.raises(ValueError, match="must not confirm"):
        ConfirmGuard(
            keys=frozenset({key}), phrase="", opening_keys=frozenset({"x"}), opened_s=0.0, expires_s=20.0
        )


def test_a_phrase_typed_by_hand_confirms_with_its_last_letter() -> None:
    dialog = guard(phrase="BTC")
    answers = [dialog.press(key, key, 101 + index * 0.1) for index, key in enumerate("btc")]
    assert answers == [Answer.TYPING, Answer.TYPING, Answer.DECIDING]
    assert dialog.decision == "BTC"


def test_a_wrong_letter_is_not_taken_and_backspace_goes_back() -> None:
    dialog = guard(phrase="BTC")
    dialog.press("b", "b", 101.0)
    assert dialog.press("x", "x", 101.2) is Answer.IGNORED
    assert dialog.typed == "B"
    dialog.press("backspace", None, 101.4)
    assert dialog.typed == ""


def test_a_burst_is_thrown_away_and_the_dialog_waits_for_quiet() -> None:
    dialog = guard(phrase="BTC")
    dialog.press("b", "b", 101.0)
    assert dialog.press("t", "t", 101.001) is Answer.IGNORED
    assert dialog.press("c", "c", 101.002) is Answer.IGNORED
    assert dialog.typed == ""
    assert dialog.press("b", "b", 101.3) is Answer.IGNORED
    assert dialog.press("b", "b", 101.9) is Answer.TYPING


@pytest.mark.parametrize("gap_s", [0.0, 0.001, 0.045])
def test_a_burst_that_begins_with_the_deciding_key_decides_nothing(gap_s: float) -> None:
    dialog = guard()
    answers = [dialog.press("y", "y", 101.0 + index * gap_s) for index in range(6)]
    assert answers == [Answer.DECIDING, *[Answer.IGNORED] * 5]
    assert dialog.decision == ""


def test_a_burst_after_a_phrase_decides_nothing() -> None:
    dialog = guard(phrase="BTC")
    for index, key in enumerate("btc"):
        dialog.press(key, key, 101 + index * 0.1)
    assert dialog.press("u", "u", 101.21) is Answer.IGNORED
    assert (dialog.decision, dialog.typed) == ("", "")


def test_escape_takes_back_what_was_being_decided() -> None:
    dialog = guard()
    dialog.press("y", "y", 101.0)
    assert dialog.press("escape", None, 101.01) is Answer.CANCELED
    assert dialog.decision == ""


def test_time_runs_out_and_a_burst_does_not_give_more() -> None:
    dialog = guard()
    assert dialog.left_s(110.0) == 10.0
    dialog.press("a", "a", 112.0)
    dialog.press("a", "a", 112.001)
    assert dialog.left_s(112.001) == pytest.approx(7.999)
    assert dialog.left_s(121.0) == 0.0
