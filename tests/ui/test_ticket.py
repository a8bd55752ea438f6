"""The ticket in both layouts: what it says before, while and after something is sent."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import Preview, PreviewList, PreviewOrder, SubmitList, SubmitOrder
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit

OCO = ("s", "l", *"0.01", "tab", *"68000", "tab", *"66500", "tab", *"66400")


async def sent(face: Cockpit, *keys: str) -> None:
    await face.press(*keys)
    await face.until(lambda: "passes" in face.pane("ticket"))
    await face.press("ctrl+o")
    await face.until(lambda: "ACCEPTED" in face.pane("ticket"))


async def test_a_list_is_previewed_whole_and_sent_as_previewed() -> None:
    async with cockpit() as face:
        await sent(face, *OCO)
        previews = [ask for ask in face.engine.asked if isinstance(ask, PreviewList)]
        lists = [ask for ask in face.engine.asked if isinstance(ask, SubmitList)]
        assert previews[-1].submit == lists[0]
        assert not any(isinstance(ask, PreviewOrder) for ask in face.engine.asked)
        assert "OCO 47 48 ACCEPTED" in face.pane("ticket")


async def test_the_position_after_is_shown_before_it_is_sent() -> None:
    for size in (WIDE, NARROW):
        async with cockpit(size) as face:
            await face.press("s", *"0.005", "tab", *"67100")
            await face.until(lambda face=face: "passes" in face.pane("ticket"))
            assert "0.02 → 0.015 BTC" in face.pane("ticket")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("0.0001088", "3.0001088", "held 0.0001088 → 3.0001088 BTC"),
        ("10.0001088", "13.00010881", "10.0001088 → 13.00010881 BTC"),
        ("123456.12345678", "123459.12345678", "123 459.12345678 BTC"),
    ],
)
async def test_the_unit_of_what_is_held_is_never_cut(
    before: str, after: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cockpit() as face:
        asked = face.engine.preview
        change = {"position": Decimal(before), "position_after": Decimal(after)}
        monkeypatch.setattr(
            face.engine, "preview", lambda order: msgspec.structs.replace(asked(order), **change)
        )
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        assert said in face.text


async def test_of_futures_the_distance_from_liquidation_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as face:
        asked = face.engine.preview

        def margined(order: SubmitOrder) -> Preview:
            far = {"liquidation": Decimal("54321.5"), "liquidation_distance": Decimal("18.94")}
            return msgspec.structs.replace(asked(order), **far)

        monkeypatch.setattr(face.engine, "preview", margined)
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        assert "liquidated 54 321.5, 18.9 % away" in face.pane("ticket")


async def test_what_is_no_order_any_more_is_not_judged() -> None:
    async with cockpit() as face:
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        assert "price band" in face.pane("ticket")
        await face.press(*["backspace"] * 6)
        assert "price band" not in face.pane("ticket")
        assert "type a price" in face.pane("ticket")


async def test_what_was_sent_is_not_judged_again() -> None:
    async with cockpit() as face:
        await sent(face, *OCO)
        asked = len(face.engine.asked)
        await face.later(5.0)
        assert len(face.engine.asked) == asked
        assert "ACCEPTED" in face.pane("ticket")


async def test_a_digit_after_sending_begins_another_number() -> None:
    async with cockpit() as face:
        await sent(face, "b", *"0.01", "tab", *"66000")
        await face.press(*"65000")
        assert face.trade.ticket.draft.texts["price"] == "65000"


async def test_leaving_the_iceberg_does_not_lengthen_the_quantity() -> None:
    async with cockpit() as face:
        await face.press("s", *"0.05", "v", *"0.01", "v", *"0.03")
        assert face.trade.ticket.draft.texts["quantity"] == "0.03"


async def test_a_step_up_is_typed_as_a_person_would() -> None:
    async with cockpit() as face:
        face.trade.ticket.draft.nudge(1, Decimal("0.00100000"))
        assert face.trade.ticket.draft.texts["quantity"] == "0.001"


async def test_the_narrow_ticket_says_time_in_force_and_what_it_changed() -> None:
    async with cockpit(NARROW) as face:
        await face.press("b", "f", *"0.0105", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        assert "LIMIT IOC" in face.pane("ticket")
        assert "becomes 0.010" in face.pane("ticket")


async def test_the_narrow_orders_tell_a_stop_from_a_stop_limit() -> None:
    async with cockpit(NARROW) as face:
        assert "STP_LMT" in face.pane("orders")


async def test_the_wide_orders_tell_an_unusual_time_in_force() -> None:
    async with cockpit() as face:
        put = SubmitOrder(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=Decimal("0.01"),
            price=Decimal(60_000),
            time_in_force=TimeInForce.FOK,
        )
        await face.engine.call(put)
        await face.until(lambda: "LIMIT FOK" in face.pane("orders"))
