"""The amend dialog judges by the gate's own function, as things are when ctrl+o is pressed."""

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
