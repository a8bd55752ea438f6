"""Local against venue: after restarts, silences and other people's trades."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine import bookkeeper, comparison, state
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import GetOrders, GetStatus, Orders, Status
from spark_tui.venues.port import OrderReport, OrderStatus, UserStreamDown, UserStreamUp
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, buy, rig


def position(it: Rig) -> object:
    return it.engine.journal.state.positions[NAME, SYMBOL].quantity


async def again(it: Rig) -> None:
    """The user stream is lost and found; wait until all is compared."""
    passes = it.engine.runners[NAME].reconciler.passes
    it.venue.user(UserStreamDown(venue=NAME, reason="cut"))
    it.venue.user(UserStreamUp(venue=NAME))
    await it.until(lambda: it.engine.runners[NAME].reconciler.passes > passes)
    await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)


async def test_entries_are_refused_while_the_user_stream_is_down(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.user(UserStreamDown(venue=NAME, reason="cut"))
        assert (await it.submit()).code == "RECONCILING"
        status = await it.ask(GetStatus())
        assert isinstance(status, Status)
        assert status.reconciling
        it.venue.user(UserStreamUp(venue=NAME))
        await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_a_watched_symbol_the_venue_does_not_list_stops_nobody(tmp_path: Path) -> None:
    settings = EngineSettings(symbols={NAME: (SYMBOL, "BTCTRY")})
    async with rig(tmp_path, settings=settings) as it:
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_a_failed_question_is_never_flat(tmp_path: Path) -> None:
    """F50, F16: while the venue answers nothing, nothing is concluded and nothing new may be entered."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing = dict.fromkeys(("open_orders", "query", "trades"), UNREACHABLE)
        it.venue.user(UserStreamDown(venue=NAME, reason="cut"))
        it.venue.user(UserStreamUp(venue=NAME))
        await it.clock.run_for(600)
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED
        assert (await it.submit()).code == "RECONCILING"
        warnings = [n for n in it.engine.notices.recent if "cannot be reconciled" in n.text]
        assert len(warnings) == 1
        it.venue.failing.clear()
        await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)


@pytest.mark.parametrize("end", [OrderStatus.CANCELED, OrderStatus.EXPIRED])
async def test_what_ended_while_nobody_listened_is_found(tmp_path: Path, end: OrderStatus) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.fill(order.client_order_id, D("0.2"), quiet=True)
        it.venue._change(order.client_order_id, end)
        await again(it)
        assert it.order(order.client_order_id).state.value == end.value
        await it.until(lambda: it.order(order.client_order_id).filled == D("0.2"))
        assert position(it) == D("0.2")


async def test_a_comparison_counts_from_when_it_began(tmp_path: Path) -> None:
    """What traded while it asked may be missing in it. One without an answer is none."""
    async with rig(tmp_path) as it:
        reconciler, began = it.engine.runners[NAME].reconciler, []
        before_ns = reconciler.compared_ns
        asked = it.venue.open_orders

        async def slow() -> tuple[OrderReport, ...]:
            began.append(it.clock.mono_ns())
            await it.clock.sleep(3)
            return await asked()

        it.venue.open_orders = slow  # type: ignore[method-assign]
        it.venue.failing["balances"] = UNREACHABLE
        reconciler.look_again()
        await it.clock.run_for(4)
        assert began
        assert reconciler.compared_ns == before_ns
        it.venue.failing.clear()
        await it.until(lambda: reconciler.compared_ns != before_ns)
        assert reconciler.compared_ns == began[-1]


async def test_a_comparison_that_leaves_a_trade_for_later_is_not_whole(tmp_path: Path) -> None:
    """It could be an order's whose fate is open; the position may not have it yet."""
    async with rig(tmp_path) as it:
        reconciler = it.engine.runners[NAME].reconciler
        it.venue.plan.append("lost")
        client_id = f"sp{it.engine.identities.run}-1"
        it.venue.hidden.add(client_id)
        it.venue.nameless.add(client_id)
        await it.submit()
        it.venue.fill(client_id, quiet=True)
        before_ns, passes = reconciler.compared_ns, reconciler.passes
        it.clock.advance(1)
        reconciler.look_again()
        await it.until(lambda: reconciler.passes > passes)
        assert reconciler.compared_ns == before_ns
        it.venue.nameless.clear()
        reconciler.look_again()
        await it.until(lambda: reconciler.compared_ns > before_ns)


async def test_a_comparison_that_did_not_come_to_the_end_of_the_trades_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PAGE", 1)
    monkeypatch.setattr(comparison, "MAX_PAGES", 1)
    async with rig(tmp_path) as it:
        reconciler = it.engine.runners[NAME].reconciler
        it.venue.external("web-1", buy_request())
        it.venue.fill("web-1", D("0.1"), quiet=True)
        it.venue.fill("web-1", D("0.1"), quiet=True)
        before_ns = reconciler.compared_ns
        it.clock.advance(1)
        await again(it)
        assert position(it) == D("0.1")
        assert reconciler.compared_ns == before_ns
        await again(it)
        assert position(it) == D("0.2")
        await again(it)
        assert reconciler.compared_ns > before_ns


async def test_a_second_pass_records_nothing(tmp_path: Path) -> None:
    """F47."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.fill(order.client_order_id, D("0.2"), quiet=True)
        it.venue.external("web-1", buy_request())
        it.venue.fill("web-1", quiet=True)
        await again(it)
        await it.clock.run_for(20)
        await it.until(lambda: it.engine.journal.waiting == 0)
        before, entries = it.engine.journal.state.digest(), it.ledger.entries
        await again(it)
        await it.clock.run_for(130)  # the regular passes, too
        assert it.engine.journal.state.digest() == before
        assert it.ledger.entries == entries


async def test_ten_restarts_change_nothing(tmp_path: Path) -> None:
    """F48, F49: same orders, same fills, same position, each time."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit()
        await it.submit()
        clock, venue, orders = it.clock, it.venue, dict(it.engine.journal.state.orders)
    for _ in range(10):
        async with rig(tmp_path, clock=clock, venue=venue) as it:
            await it.clock.run_for(5)
            assert dict(it.engine.journal.state.orders) == orders
            assert position(it) == D("0.5")


def buy_request() -> OrderRequest:
    return OrderRequest(
        venue=NAME,
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=D(1),
        price=D("59000"),
    )


async def test_orders_of_others_are_shown_marked_and_their_fills_move_the_position(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        report: OrderReport = it.venue.external("web-1", buy_request())
        it.venue.user(report)
        rows = await it.ask(GetOrders())
        assert isinstance(rows, Orders)
        assert [(row.order.client_order_id, row.external) for row in rows.rows] == [("web-1", True)]
        filled = it.venue.fill("web-1", D("0.4"))
        it.venue.user(filled)  # told twice
        await again(it)  # and found once more
        assert position(it) == D("0.4")
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        await it.clock.run_for(5)
        assert position(it) == D("0.4")


@pytest.mark.parametrize(("known", "end"), [(True, "CANCELED"), (False, "")])
async def test_an_external_order_that_ended_unheard_does_not_stay_open(
    tmp_path: Path, known: bool, end: str
) -> None:
    async with rig(tmp_path) as it:
        it.venue.user(it.venue.external("web-1", buy_request()))
        assert it.engine.views.counts() == (1, 0)
        it.venue._change("web-1", OrderStatus.CANCELED)
        if not known:
            it.venue.nameless.add("web-1")
            for _ in range(2):  # a copy that lags: it goes on counting
                await again(it)
                assert it.engine.views.counts() == (1, 0)
        await again(it)
        assert it.engine.views.counts() == (0, 0)
        rows = await it.ask(GetOrders())
        assert isinstance(rows, Orders)
        assert [row.order.state.value for row in rows.rows] == ([end] if known else [])


async def test_an_external_order_without_a_name_is_asked_for_by_the_venues_id(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        report = it.venue.external("web-1", buy_request())
        it.venue.user(msgspec.structs.replace(report, client_order_id=""))
        it.venue.hidden.add("web-1")  # not listed, and no name to ask by
        await again(it)
        await again(it)
        await again(it)
        assert it.engine.views.counts() == (1, 0)


async def test_an_open_external_order_counts_however_many_have_ended_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeper, "MAX_EXTERNAL", 5)
    async with rig(tmp_path) as it:
        it.venue.user(it.venue.external("open", buy_request()))
        for number in range(20):
            it.venue.user(it.venue.external(f"web-{number}", buy_request()))
            it.venue.user(it.venue._change(f"web-{number}", OrderStatus.CANCELED))
        assert [order.client_order_id for order in it.engine.books.open_externals(NAME)] == ["open"]
        assert len(it.engine.books.external) == 5


async def test_trades_before_the_ledger_began_are_not_its_business(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.external("old-1", buy_request())
    venue.fill("old-1", quiet=True)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert it.engine.journal.state.positions == {}
        venue.external("new-1", buy_request())
        venue.fill("new-1", quiet=True)
        await again(it)
        assert position(it) == 1


async def test_a_foreign_trade_waits_while_it_might_be_an_unknown_orders(tmp_path: Path) -> None:
    """Booked as somebody else's it would count twice once the order is found."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        client_id = f"sp{it.engine.identities.run}-1"
        it.venue.hidden.add(client_id)
        it.venue.nameless.add(client_id)
        await it.submit()
        it.venue.fill(client_id, quiet=True)
        await again(it)
        assert it.engine.journal.state.positions == {}
        it.venue.hidden.clear()
        await it.until(lambda: it.order(client_id).filled == D("0.5"))
        await again(it)
        assert position(it) == D("0.5")


async def test_once_not_found_is_lag_for_good_not_found_is_forgotten(tmp_path: Path) -> None:
    """F53, F13: an acknowledged order that the venue does not find once stays open; after several passes it
    is closed, and nobody asks any more."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.hidden.add(order.client_order_id)
        await again(it)
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.EXPIRED, seconds=400)
        assert it.order(order.client_order_id).code == "VENUE_FORGOT"
        asked = len(it.venue.queries)
        await it.clock.run_for(300)
        assert len(it.venue.queries) == asked


async def test_a_broken_stream_task_is_restarted_and_reconciled(tmp_path: Path) -> None:
    """F17, F18: the task dies of something nobody expected; it runs again, and trading goes on."""
    async with rig(tmp_path) as it:
        it.venue.break_streams.set()
        await it.until(lambda: it.venue.runs == 2)
        await it.until(lambda: not it.engine.runners[NAME].desk.reconciling)
        it.venue.tick()
        await it.until(lambda: it.engine.views.usable(NAME, SYMBOL))
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_a_task_that_keeps_failing_reduces_trading(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.failing["run_streams"] = RuntimeError("again")  # type: ignore[assignment]
        it.venue.break_streams.set()
        await it.until(lambda: it.engine.guard.state.value == "REDUCING")
        order = await it.submit()
        assert order.code == "REDUCING"


async def test_an_order_is_remembered_until_its_fills_are_reconciled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgotten sooner, its trade would come back from the venue as somebody else's and count twice."""
    monkeypatch.setattr(state, "MAX_ORDERS", 3)
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        bought = await it.submit(buy("0.5"))
        for _ in range(6):
            await it.submit(buy("0"))  # denied, and yet each takes a place
        reconciler = it.engine.runners[NAME].reconciler
        passes = reconciler.passes
        reconciler.look_again()
        await it.until(lambda: reconciler.passes > passes)
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")
        for _ in range(3):
            await it.submit(buy("0"))
        assert bought.client_order_id not in it.engine.journal.state.orders
        assert len(it.engine.journal.state.orders) <= 4
        reconciler.look_again()
        await it.until(lambda: reconciler.passes > passes + 1)
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_a_trade_in_a_symbol_that_was_delisted_still_moves_what_is_held(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5"))
        it.engine.runners[NAME].desk.instruments = {}
        it.venue.external("web-1", buy_request())
        it.venue.fill("web-1", D("0.4"), quiet=True)
        reconciler = it.engine.runners[NAME].reconciler
        passes = reconciler.passes
        reconciler.look_again()
        await it.until(lambda: reconciler.passes > passes)
        assert position(it) == D("0.9")
