"""An operator with every order type, lists, amends and replacements at hand."""

from decimal import Decimal

import pytest
from msgspec import structs

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.link import messages
from spark_tui.link.messages import (
    AmendOrder,
    CancelList,
    CancelOrder,
    Fills,
    OrderUpdate,
    ReplaceOrder,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from tests.flows.moves import SIZES, asked, decide, to_type
from tests.ui.cockpit import NARROW, Cockpit, cockpit

# --- the ticket --------------------------------------------------------------------------------------------


@SIZES
async def test_a_stop_that_trails_asks_for_a_distance_and_no_stop_price(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await face.press("s")
        await to_type(face, OrderType.STOP_LOSS_LIMIT)
        assert "stop" in face.pane("ticket").lower()
        await face.press("d", *"150", "shift+tab", *"66000", "shift+tab", *"0.01")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: asked(face, SubmitOrder))
        order = asked(face, SubmitOrder)[0]
        assert isinstance(order, SubmitOrder)
        assert (order.trailing_delta, order.stop_price, order.price) == (150, None, Decimal(66000))


async def test_types_the_instrument_does_not_list_are_not_offered() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b")
        seen = set()
        for _ in range(10):
            seen.add(face.trade.ticket.draft.type)
            await face.press("t")
        assert OrderType.STOP_LOSS not in seen
        assert OrderType.STOP_LOSS_LIMIT in seen


async def test_an_iceberg_shows_a_part_and_is_always_gtc() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b", *"0.01", "v", *"0.002", "f")
        assert "always GTC" in face.pane("ticket")
        await face.press("shift+tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: asked(face, SubmitOrder))
        order = asked(face, SubmitOrder)[0]
        assert isinstance(order, SubmitOrder)
        assert order.iceberg_quantity == Decimal("0.002")


async def test_what_is_sent_is_what_the_ticket_showed_on_the_grid() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b", *"0.0104", "tab", *"66000")
        await face.until(lambda: "becomes 0.010" in " ".join(face.pane("ticket").split()))
        await face.press("ctrl+o")
        await face.until(lambda: asked(face, SubmitOrder))
        order = asked(face, SubmitOrder)[0]
        assert isinstance(order, SubmitOrder)
        assert order.quantity == Decimal("0.010")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (("", ""), "the venue would take it"),
        (("-1013", "Filter failure: PRICE_FILTER"), "-1013 Filter failure"),
    ],
)
async def test_a_dry_run_says_what_the_venue_says_and_places_nothing(
    answer: tuple[str, str], words: str
) -> None:
    async with cockpit(orders=False) as face:
        face.engine.test_answer = answer
        await face.press("b", *"0.01", "tab", *"66000", "ctrl+t")
        await face.until(lambda: words in " ".join(face.pane("ticket").split()))
        assert len(asked(face, messages.TestOrder)) == 1
        assert face.engine.orders == {}


async def test_keys_that_do_nothing_for_a_type_say_so() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b", "d")
        assert "LIMIT has no stop to trail" in " ".join(face.pane("ticket").split())
        await face.press("p")
        assert "does not say which" in " ".join(face.pane("ticket").split())
        assert face.engine.orders == {}


# --- lists -------------------------------------------------------------------------------------------------


async def oco(face: Cockpit) -> None:
    await face.press("s", "l", *"0.01", "tab", *"68000", "tab", *"66500", "tab", *"66400")
    await face.until(lambda: "passes" in face.pane("ticket"))


@SIZES
async def test_an_oco_is_sent_as_one_and_shown_as_one(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await oco(face)
        await face.press("ctrl+o")
        await face.until(lambda: "┌" in face.pane("orders"))
        request = asked(face, SubmitList)[0]
        assert isinstance(request, SubmitList)
        assert request.kind is ListKind.OCO
        legs = [(leg.role, leg.order.side, leg.order.type) for leg in request.legs]
        assert legs == [
            (LegRole.ABOVE, Side.SELL, OrderType.LIMIT_MAKER),
            (LegRole.BELOW, Side.SELL, OrderType.STOP_LOSS_LIMIT),
        ]
        rows = face.pane("orders").split("\n")
        first = next(index for index, row in enumerate(rows) if row.startswith("┌"))
        assert rows[first + 1].startswith("└")


async def test_an_oco_on_the_wrong_side_of_the_market_is_refused_with_the_reason() -> None:
    async with cockpit(orders=False) as face:
        await face.press("s", "l", *"0.01", "tab", *"66000", "tab", *"65000", "tab", *"64900")
        await face.until(lambda: "not above the last price" in " ".join(face.pane("ticket").split()))
        await face.press("ctrl+o")
        assert asked(face, SubmitList) == []


async def test_an_otoco_enters_then_takes_and_stops_on_the_other_side() -> None:
    async with cockpit(orders=False) as face:
        await face.press("b", "l", "l", "l", *"0.01", "tab", *"66000")
        await face.press("tab", *"68000", "tab", *"65000", "tab", *"64900")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: asked(face, SubmitList))
        request = asked(face, SubmitList)[0]
        assert isinstance(request, SubmitList)
        legs = [(leg.role, leg.order.side) for leg in request.legs]
        assert legs == [
            (LegRole.WORKING, Side.BUY),
            (LegRole.PENDING_ABOVE, Side.SELL),
            (LegRole.PENDING_BELOW, Side.SELL),
        ]
        assert face.pane("orders").count("├") == 1


@SIZES
async def test_canceling_a_leg_says_that_it_cancels_the_list(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await oco(face)
        await face.press("ctrl+o")
        await face.until(lambda: "┌" in face.pane("orders"))
        await face.press("escape", "g", "j", "x")
        assert "and with it" in face.text
        assert "a leg never goes alone" in face.text
        await decide(face, "y")
        assert len(asked(face, CancelList)) == 1
        assert asked(face, CancelOrder) == []
        assert {order.state for order in face.engine.orders.values()} == {OrderState.CANCELED}


async def test_a_long_number_is_never_broken_in_a_dialog() -> None:
    async with cockpit(NARROW, orders=False) as face:
        await oco(face)
        await face.press("ctrl+o")
        await face.until(lambda: "┌" in face.pane("orders"))
        await face.press("escape", "g", "x")
        assert "stop 66 500.0" in face.text or "66 500.0 at" in face.text


async def test_lists_and_algos_are_one_key_from_anywhere() -> None:
    async with cockpit(orders=False) as face:
        draft = face.trade.ticket.draft
        await face.press("b", "l", "w")
        assert draft.shape == "TWAP"
        await face.press("l")
        assert draft.shape == "OCO"
        await face.press("l", "l", "l")
        assert draft.shape == "ORDER"


# --- amend and replace -------------------------------------------------------------------------------------


async def resting(face: Cockpit) -> None:
    await face.press("b", *"0.01", "tab", *"66000", "ctrl+o")
    await face.until(lambda: "ACCEPTED" in face.pane("orders"))
    await face.press("escape")


@SIZES
async def test_an_amend_only_shrinks_and_enter_does_not_send_it(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await resting(face)
        await face.press("a", *"0.02", "ctrl+o")
        assert "below the 0.01" in " ".join(face.text.replace("│", " ").split())
        assert asked(face, AmendOrder) == []
        await face.press("ctrl+u", *"0.006", "enter")
        assert asked(face, AmendOrder) == []
        assert "0.01 becomes 0.006" in face.text
        await face.press("ctrl+o")
        await face.until(lambda: "0.006" in face.pane("orders"))
        assert len(asked(face, AmendOrder)) == 1


@SIZES
async def test_a_replacement_says_both_ways_it_can_fail_and_waits_for_y(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await resting(face)
        await face.press("e", *"65900")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "will end" in face.text)
        assert "stays as it is and nothing new is sent" in face.text
        assert "is gone and nothing took its place" in face.text
        assert asked(face, ReplaceOrder) == []
        await decide(face, "y")
        await face.until(lambda: "CANCELED" in face.pane("orders"))
        request = asked(face, ReplaceOrder)[0]
        assert isinstance(request, ReplaceOrder)
        assert (request.order.price, request.allow_failure) == (Decimal(65900), False)


async def test_a_refused_replacement_keeps_its_reason_on_screen() -> None:
    async with cockpit(orders=False) as face:
        await resting(face)
        face.engine.replace_fails = LinkError(
            "REPLACE", "The venue did not cancel 41, so nothing was placed."
        )
        await face.press("e", *"65900")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "will end" in face.text)
        await decide(face, "y")
        await face.until(lambda: "nothing was placed" in " ".join(face.pane("ticket").split()))


async def test_a_leg_and_an_order_from_elsewhere_are_not_changed_in_place() -> None:
    async with cockpit(orders=False) as face:
        await oco(face)
        await face.press("ctrl+o")
        await face.until(lambda: "┌" in face.pane("orders"))
        await face.press("escape", "g", "a")
        assert "is a leg of a list" in face.text
        await face.press("e")
        assert face.trade.ticket.draft.replaces == ""


# --- marks -------------------------------------------------------------------------------------------------


@SIZES
async def test_what_is_not_ours_or_not_proved_is_marked(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        stranger = structs.replace(face.engine.orders["sprun7-43"], client_order_id="web_881", fills=())
        fill = structs.replace(face.engine.fills[0].fill, trade_id="s1", synthetic=True)
        row = structs.replace(face.engine.fills[0], fill=fill)
        face.engine.push(OrderUpdate(order=stranger, external=True), Fills(rows=(row,)))
        await face.until(lambda: "◇" in face.pane("orders"))
        assert "external" in next(line for line in face.pane("orders").split("\n") if "◇" in line)
        await face.press("3")
        assert "~67 012.3" in face.pane("fills")
