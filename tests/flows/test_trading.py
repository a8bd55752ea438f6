"""An operator at the keyboard: buys, sees it filled, cancels, kills, is refused, resumes, leaves."""

from decimal import Decimal as D

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Environment, OrderType, Side, TradingState
from spark_tui.link.messages import CancelAll, CancelOrder, Kill, Resume, StopEngine, SubmitOrder
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x36", "80x24"])


def asked(face: Cockpit, kind: type) -> list[object]:
    return [request for request in face.engine.asked if isinstance(request, kind)]


async def buy(face: Cockpit, quantity: str, price: str) -> None:
    await face.press("b", *quantity, "tab", *price)


@SIZES
async def test_buy_is_accepted_then_filled(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        face.engine.gate.clear()
        await buy(face, "0.01", "68000")
        await face.press("ctrl+o")
        assert "checking" in face.pane("ticket") or "sending" in face.pane("ticket")
        assert "FILLED" not in face.text
        face.engine.gate.set()
        await face.until(lambda: "FILLED" in face.pane("orders"))
        assert "FILLED" in face.pane("ticket")
        states = [order.state for order in face.engine.orders.values()]
        assert states == [OrderState.FILLED]
        await face.press("escape", "3")
        assert "67 012.3" in face.pane("fills")


@pytest.mark.parametrize("key", ["s", "t", "+", "9", "]"])
async def test_what_is_typed_after_the_sending_key_is_never_sent(key: str) -> None:
    """Over a slow line both keys come in one read: the order goes out as it was, or not at all."""
    async with cockpit(orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.until(lambda: "✓" in face.pane("ticket"))
        await face.press("ctrl+o", key)
        await face.until(lambda: "changed after" in face.text or asked(face, SubmitOrder))
        await face.settle()
        sent = asked(face, SubmitOrder)
        assert all(
            isinstance(order, SubmitOrder)
            and (order.symbol, order.side, order.type) == ("BTCUSDT", Side.BUY, OrderType.LIMIT)
            and (order.quantity, order.price) == (D("0.01"), D(66000))
            for order in sent
        )


async def test_an_answer_that_is_missing_is_never_called_not_sent() -> None:
    async with cockpit(orders=False) as face:
        face.engine.mute = True
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "no answer" in face.pane("ticket"))
        assert face.engine.orders
        await face.press("escape", "4")
        assert "perhaps sent" in face.text
        assert "not sent" not in face.text


@SIZES
async def test_a_resting_order_is_shown_and_canceled_after_y(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "ACCEPTED" in face.pane("orders"))
        await face.press("escape", "x")
        assert "will cancel" in face.text
        assert "BUY 0.010 BTCUSDT LIMIT at 66 000.0" in face.text
        await face.later(0.5)
        await face.press("y")
        await face.until(lambda: "CANCELED" in face.pane("orders"))
        assert len(asked(face, CancelOrder)) == 1


async def test_enter_and_the_opening_key_cancel_nothing() -> None:
    async with cockpit() as face:
        await face.press("1", "x")
        await face.later(0.5)
        for key in ("enter", "x", "space", "X"):
            await face.press(key)
            await face.later(0.5)
        assert "will cancel" in face.text
        await face.press("escape")
        assert "will cancel" not in face.text
        assert asked(face, CancelOrder) == []


async def test_y_too_soon_is_no_decision_and_the_offer_ends_by_itself() -> None:
    async with cockpit() as face:
        await face.press("1", "x", "y")
        assert asked(face, CancelOrder) == []
        face.clock.advance(21)
        await face.until(lambda: "will cancel" not in face.text)
        assert asked(face, CancelOrder) == []
        assert "expired" in face.text


async def test_cancel_all_wants_its_code() -> None:
    async with cockpit() as face:
        await face.press("X")
        assert "3 open orders in BTCUSDT, ETHUSDT" in face.text
        await face.later(0.5)
        await face.press("y")
        await face.later(0.5)
        assert asked(face, CancelAll) == []
        code = face.text.split("type ")[1][:2]
        for digit in code:
            await face.press(digit)
            await face.later(0.2)
        await face.until(lambda: asked(face, CancelAll))
        await face.press("4")
        assert "Cancel all: 3 cancelled, 0 left" in face.text


@SIZES
async def test_kill_acts_at_once_and_the_next_order_is_refused(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        await face.press("ctrl+k")
        assert len(asked(face, Kill)) == 1
        assert "HALTED by operator: only cancels leave · 3 cancelled, 0 left · R resumes" in face.text
        await buy(face, "0.01", "68000")
        await face.press("ctrl+o")
        await face.until(lambda: "refused" in face.pane("ticket") or "refused" in face.text)
        assert asked(face, SubmitOrder) == []
        assert "halted" in face.pane("ticket")


async def test_a_halt_voids_the_preview_at_once() -> None:
    async with cockpit(orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        face.engine.gate.clear()  # no new preview comes
        face.engine.state = TradingState.HALTED
        face.engine.push(face.engine.status())
        await face.settle()
        assert "passes" not in face.pane("ticket")


async def test_what_was_refused_for_the_halt_is_not_called_so_after_it() -> None:
    async with cockpit(orders=False) as face:
        await face.press("ctrl+k")
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "halted" in face.pane("ticket"))
        face.engine.state, face.engine.halt_reason = TradingState.ACTIVE, ""
        face.engine.push(face.engine.status())
        await face.until(lambda: "passes" in face.pane("ticket"))
        assert "halted" not in face.pane("ticket")


@pytest.mark.parametrize("opener", ["?", ":", "x", "X", "q"])
async def test_kill_works_inside_every_dialog(opener: str) -> None:
    async with cockpit() as face:
        await face.press("1", opener)
        depth = len(face.app.screen_stack)
        await face.press("ctrl+k")
        assert depth == 2
        assert len(face.app.screen_stack) == 1
        assert len(asked(face, Kill)) == 1
        assert "HALTED" in face.text


async def test_kill_works_on_the_health_screen_and_while_typing_a_search() -> None:
    async with cockpit() as face:
        await face.press("f2", "ctrl+k")
        assert "HALTED" in face.text
        await face.press("f1", "/", "e", "ctrl+k")
        assert len(asked(face, Kill)) == 2


async def test_a_kill_that_does_not_reach_the_engine_says_so_loudly_and_is_repeated() -> None:
    async with cockpit() as face:
        face.engine.lose()
        await face.until(lambda: "ENGINE LOST" in face.text)
        await face.press("ctrl+k")
        assert "KILL NOT CONFIRMED, repeated when the engine is back" in face.text
        assert face.engine.state is TradingState.ACTIVE
        face.engine.restore()
        await face.until(lambda: "HALTED by operator" in face.text)
        assert "NOT CONFIRMED" not in face.text


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_kill_that_a_hung_engine_does_not_answer_names_the_way_outside(size: tuple[int, int]) -> None:
    async with cockpit(size=size) as face:
        face.engine.gate.clear()
        await face.press("ctrl+k")
        assert "KILL sent, waiting for the engine" in face.text
        assert "spark-tui kill" in face.text
        face.engine.gate.set()
        await face.until(lambda: "HALTED by operator" in face.text)
        assert "spark-tui kill" not in face.text


async def test_resume_wants_a_reason_and_enter_does_not_give_it() -> None:
    async with cockpit() as face:
        await face.press("ctrl+k")
        await face.press("R")
        assert "Trading is halted by operator" in face.text
        await face.press("ctrl+o", "enter")
        assert asked(face, Resume) == []
        await face.press(*"checked", "enter")
        assert asked(face, Resume) == []
        await face.press("ctrl+o")
        assert asked(face, Resume) == [Resume(reason="checked")]
        assert face.engine.state is TradingState.ACTIVE
        await face.until(lambda: "HALTED" not in face.text.split("\n")[0])


async def test_the_same_draft_is_never_sent_twice() -> None:
    async with cockpit(orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o", "ctrl+o", "ctrl+o")
        await face.until(lambda: "already sent" in face.pane("ticket"))
        assert len(face.engine.orders) == 1


async def test_an_order_over_the_cap_is_refused_with_the_reason() -> None:
    async with cockpit(orders=False) as face:
        await buy(face, "1", "67000")
        await face.press("ctrl+o")
        await face.until(lambda: "order cap" in face.pane("ticket"))
        assert "✗" in face.pane("ticket")
        assert face.engine.orders == {}


async def test_quantising_says_what_it_changed() -> None:
    async with cockpit(orders=False) as face:
        await buy(face, "0.0104", "66000")
        await face.until(lambda: "becomes 0.010" in " ".join(face.pane("ticket").split()))


async def test_on_testnet_an_order_is_confirmed_with_y() -> None:
    async with cockpit(environment=Environment.TESTNET, orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "will send" in face.text)
        assert "TESTNET, proved by host" in face.text
        await face.later(0.5)
        await face.press("enter")
        await face.later(0.5)
        await face.press("ctrl+o")
        assert asked(face, SubmitOrder) == []
        await face.later(0.5)
        await face.press("y")
        await face.until(lambda: asked(face, SubmitOrder))


async def test_live_looks_like_no_other_and_wants_the_symbol_typed_out() -> None:
    async with cockpit(environment=Environment.LIVE, orders=False) as face:
        assert "REAL MONEY" in face.text.split("\n")[0]
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "REAL MONEY" in face.text.split("Send order")[-1])
        await face.later(0.5)
        await face.press("y")
        for letter in "btcusd":
            await face.later(0.2)
            await face.press(letter)
        assert asked(face, SubmitOrder) == []
        await face.later(0.2)
        await face.press("t")
        await face.until(lambda: asked(face, SubmitOrder))


async def test_a_pasted_symbol_sends_nothing() -> None:
    from textual import events

    async with cockpit(environment=Environment.LIVE, orders=False) as face:
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        await face.until(lambda: "will send" in face.text)
        await face.later(0.5)
        face.app.screen.post_message(events.Paste("BTCUSDT"))
        await face.pilot.press(*"btcusdt")  # and the same as raw keys, with no time between
        await face.settle()
        assert asked(face, SubmitOrder) == []
        assert "will send" in face.text


async def test_a_lost_engine_dims_all_refuses_and_is_found_again() -> None:
    async with cockpit(orders=False) as face:
        face.engine.lose()
        await face.until(lambda: "ENGINE LOST" in face.text)
        assert face.app.context.painter.faded
        await buy(face, "0.01", "66000")
        await face.press("ctrl+o")
        assert "engine lost" in face.pane("ticket")
        face.engine.restore()
        await face.until(lambda: "ENGINE LOST" not in face.text)
        assert not face.app.context.painter.faded


async def test_read_only_trades_nothing_but_may_kill() -> None:
    async with cockpit(read_only=True) as face:
        await face.press("b")
        assert "read-only" in face.text
        await face.press("X", "1", "x")
        assert "will cancel" not in face.text
        await face.press("ctrl+k")
        assert len(asked(face, Kill)) == 1


@pytest.mark.parametrize(("key", "result", "stops"), [("l", "detached", 0), ("s", "stopped", 1)])
async def test_leaving_asks_what_becomes_of_the_engine(key: str, result: str, stops: int) -> None:
    async with cockpit() as face:
        await face.press("q")
        assert "leave the engine running" in face.text
        await face.later(0.5)
        await face.pilot.press(key)
        await face.pilot.pause()
        assert face.app.return_value == result
        assert len(asked(face, StopEngine)) == stops


async def test_the_demo_asks_once_and_takes_the_engine_with_it() -> None:
    async with cockpit(owns_engine=True) as face:
        await face.press("ctrl+c")
        assert "Quit the demo" in face.text
        await face.later(0.5)
        await face.pilot.press("y")
        await face.pilot.pause()
        assert face.app.return_value == "stopped"
