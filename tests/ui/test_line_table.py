"""Tables: the cursor belongs to a row, not to a place, and only what changed is painted."""

from collections.abc import Callable
from decimal import Decimal

from textual.geometry import Region

from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import SubmitOrder
from spark_tui.ui.widgets.pane import Pane, _changed_width
from tests.ui.cockpit import Cockpit, cockpit


async def test_the_cursor_stays_on_its_order_when_new_ones_come() -> None:
    async with cockpit() as face:
        table = face.trade.orders
        await face.press("1", "j")
        chosen = table.cursor
        await face.press("b", *"0.01", "tab", *"66000", "ctrl+o")
        await face.until(lambda: "46" in face.pane("orders"))
        table.go(chosen)  # sending put the cursor on the new order; back to the old one
        line = next(line for line in face.pane("orders").split("\n") if " 44 " in line)
        assert table._keys.index(chosen) > 1
        assert line


async def test_when_its_row_leaves_the_cursor_takes_the_next_one_in_its_place() -> None:
    async with cockpit() as face:
        table = face.trade.orders
        await face.press("1", "j")
        at = table._keys.index(table.cursor)
        del face.app.model.orders[table.cursor[0]]
        table.pull()
        assert table._keys.index(table.cursor) == at


async def test_a_long_table_scrolls_with_its_cursor() -> None:
    async with cockpit((80, 24), orders=False) as face:
        for number in range(30):
            face.engine.clock.advance(1)
            ask = SubmitOrder(
                symbol="BTCUSDT",
                side=Side.BUY,
                type=OrderType.LIMIT,
                quantity=Decimal("0.01"),
                price=Decimal(60_000 + number),
            )
            await face.engine.call(ask)
        await face.until(lambda: len(face.app.model.orders) == 30)
        await face.press("1", "G")
        assert "60 000.0" in face.pane("orders")
        await face.press("g")
        assert "60 029.0" in face.pane("orders")


async def _orders(face: Cockpit, prices: range) -> None:
    for price in prices:
        face.engine.clock.advance(1)
        ask = SubmitOrder(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=Decimal("0.01"),
            price=Decimal(price),
        )
        await face.engine.call(ask)
    newest = Decimal(prices[-1])
    await face.until(lambda: any(row.order.request.price == newest for row in face.app.model.orders.values()))
    await face.settle()


async def test_a_cursor_left_on_the_newest_order_keeps_the_view_on_top() -> None:
    async with cockpit((80, 24), orders=False) as face:
        await _orders(face, range(60_000, 60_002))
        first = face.trade.orders.cursor
        await _orders(face, range(60_002, 60_030))
        assert "60 029.0" in face.pane("orders")
        assert face.trade.orders.cursor != first
        await face.press("1", "G", "g")  # looked at the oldest, and came back
        await _orders(face, range(60_030, 60_060))
        assert "60 059.0" in face.pane("orders")


async def test_a_chosen_order_stays_under_the_cursor_however_many_come() -> None:
    async with cockpit((80, 24), orders=False) as face:
        await _orders(face, range(60_000, 60_003))
        await face.press("1", "j")
        chosen = face.trade.orders.cursor
        await _orders(face, range(60_003, 60_030))
        assert face.trade.orders.cursor == chosen
        assert "60 001.0" in face.pane("orders")
        assert "60 029.0" not in face.pane("orders")


async def _refreshed(face: Cockpit, name: str, act: Callable[[], None]) -> list[Region]:
    pane = face.app.cockpit_screen.query_one(f"#{name}", Pane)
    regions: list[Region] = []
    original = pane.refresh

    def refresh(*given: Region, **options: bool) -> Pane:
        regions.extend(given)
        return original(*given, **options)

    pane.refresh = refresh  # type: ignore[method-assign, assignment]
    act()
    await face.settle()
    return regions


async def test_one_changed_price_paints_one_row_up_to_where_it_changed() -> None:
    async with cockpit() as face:

        def act() -> None:
            face.engine.prices["BNBUSDT"] += 0.1
            face.engine.push(face.engine.snapshot()[-4])

        regions = await _refreshed(face, "watch", act)
        assert {region.y for region in regions} == {3}
        assert max(region.right for region in regions) < face.trade.watch_pane.size.width


async def test_an_event_that_changes_no_text_paints_nothing() -> None:
    async with cockpit() as face:
        await face.settle()
        regions = await _refreshed(face, "watch", lambda: face.engine.push(face.engine.snapshot()[-4]))
        assert regions == []


def test_what_lies_right_of_the_last_change_is_not_sent_again() -> None:
    old = (("abc", "dim"), ("12", "ink"), ("   tail", "dim"))
    new = (("abc", "dim"), ("13", "ink"), ("   tail", "dim"))
    assert _changed_width(old, new, 12) == 5
    assert _changed_width(old, (*new, ("x", "dim")), 13) == 13
    assert _changed_width((), new, 12) == 12
