"""The amend dialog judges by the gate's own function, as things are when ctrl+o is pressed."""

import pytest
from textual import events

from spark_tui.domain.values import TradingState
from spark_tui.link.messages import AmendOrder
from tests.ui.cockpit import cockpit


async def test_a_halt_while_the_number_is_typed_is_seen_and_nothing_is_sent() -> None:
    async with cockpit() as face:
        await face.press("1", "j", "a", *"0.006")
        for said in ("stays open", "a smaller order opens no risk", "every filter of the venue passes"):
            assert said in face.text
        face.engine.state, face.engine.halt_reason = TradingState.HALTED, "drill"
        face.engine.push(face.engine.status())
        await face.until(lambda: "trading is halted (drill) and only cancels leave" in face.text)
        await face.press("ctrl+o")
        assert "new total" in face.text
        assert not any(isinstance(one, AmendOrder) for one in face.engine.asked)
        face.engine.state, face.engine.halt_reason = TradingState.ACTIVE, ""
        face.engine.push(face.engine.status())
        await face.until(lambda: "stays open" in face.text)
        await face.press("ctrl+o")
        await face.until(lambda: any(isinstance(one, AmendOrder) for one in face.engine.asked))


@pytest.mark.parametrize(
    "pasted", ["0.00\x1b[2J6", "1e-9", "-0.006", "NaN", "1e400", "0.006é", "６", "0.006\n0.006"]
)
async def test_a_paste_that_is_no_plain_number_leaves_the_number_as_it_was(pasted: str) -> None:
    async with cockpit() as face:
        await face.press("1", "j", "a", *"0.007")
        face.app.post_message(events.Paste(pasted))
        await face.settle()
        assert "0.007▏" in face.text
        assert "becomes 0.007;" in face.text


async def test_a_plain_number_that_is_pasted_is_the_new_total_and_sends_nothing() -> None:
    async with cockpit() as face:
        await face.press("1", "j", "a")
        face.app.post_message(events.Paste(" 0.006\n"))
        await face.settle()
        assert "becomes 0.006; " in face.text
        assert not any(isinstance(one, AmendOrder) for one in face.engine.asked)


async def test_what_is_no_part_of_a_number_makes_it_none_and_no_other_number() -> None:
    async with cockpit() as face:
        await face.press("1", "j", "a", *"0.00e6")
        assert "0.006" not in face.text.split("new total")[1].split("\n")[0]
        assert "e is no part of a number" in face.text
        await face.press("ctrl+o")
        assert not any(isinstance(one, AmendOrder) for one in face.engine.asked)
        await face.press("backspace", *"0.006")
        assert "becomes 0.006;" in face.text
