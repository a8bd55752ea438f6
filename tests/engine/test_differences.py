"""Reconciliation as a list to review: what applied itself says so, what asks waits, nothing comes twice."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine import differences
from spark_tui.engine.differences import Found
from spark_tui.engine.reconcile import Reconciler
from spark_tui.engine.submission import to_request
from spark_tui.link.messages import (
    Difference,
    Differences,
    GetDifferences,
    GetStatus,
    Reconcile,
    ResolveDifference,
    Status,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus, UserStreamDown, UserStreamUp
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, buy, rig

REQUEST = to_request(buy("0.5"), NAME)


def reconciler(it: Rig) -> Reconciler:
    return it.engine.runners[NAME].reconciler


async def compare(it: Rig) -> dict[str, Difference]:
    """One pass on request; its rows by kind."""
    result = await it.ask(Reconcile())
    assert isinstance(result, Differences)
    return {row.kind: row for row in result.rows}


def recorded(it: Rig) -> int:
    """Ledger entries but for the audit's, which has one for each request of ours."""
    return sum(entry.kind != "acted" for entry in it.ledger.read())


async def shown(it: Rig) -> tuple[Difference, ...]:
    result = await it.ask(GetDifferences())
    assert isinstance(result, Differences)
    return result.rows


async def test_an_account_in_step_has_no_differences(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit()
        assert await compare(it) == {}


async def test_a_missed_fill_is_booked_and_says_so_once(tmp_path: Path) -> None:
    """F47: the second pass finds nothing, and records nothing."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.fill(order.client_order_id, D("0.2"), quiet=True)
        row = (await compare(it))["MISSED_FILL"]
        assert (row.client_order_id, row.applied, row.choices) == (order.client_order_id, "booked", ())
        assert it.order(order.client_order_id).filled == D("0.2")
        await it.until(lambda: it.engine.journal.waiting == 0)
        entries = recorded(it)
        assert await compare(it) == {}
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert recorded(it) == entries


@pytest.mark.parametrize(
    ("status", "kind"), [(OrderStatus.CANCELED, "EXTERNAL_CLOSE"), (OrderStatus.EXPIRED, "ENDED_AT_VENUE")]
)
async def test_an_order_that_ended_without_us_is_named_by_who_ended_it(
    tmp_path: Path, status: OrderStatus, kind: str
) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue._change(order.client_order_id, status)
        row = (await compare(it))[kind]
        assert row.local.startswith("ACCEPTED")
        assert row.remote.startswith(status.value)


async def test_an_unconfirmed_order_that_is_found_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        order = await it.submit()
        assert (await compare(it))["UNCONFIRMED_FOUND"].client_order_id == order.client_order_id


async def test_orders_and_trades_of_others_are_shown_marked_and_counted(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.external("web-1", REQUEST)
        assert (await compare(it))["EXTERNAL_ORDER"].client_order_id == "web-1"
        assert it.engine.views.counts() == (1, 0)
        it.venue.fill("web-1", quiet=True)
        found = await compare(it)
        assert set(found) == {"EXTERNAL_ENDED", "EXTERNAL_TRADE"}
        assert await compare(it) == {}
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_an_older_report_revives_nobodys_ended_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        old = it.venue.external("web-1", REQUEST)
        it.venue.user(old)
        it.venue.fill("web-1")
        assert it.engine.views.counts() == (0, 0)
        it.venue.user(old)
        assert it.engine.views.counts() == (0, 0)


async def test_a_comparison_that_is_cut_short_says_so(tmp_path: Path) -> None:
    """F17: whoever waits for it is not left waiting."""
    async with rig(tmp_path) as it:
        it.venue.failing["open_orders"] = RuntimeError("a defect")  # type: ignore[assignment]
        with pytest.raises(LinkError) as refused:
            await compare(it)
        assert refused.value.code == "CUT_SHORT"


async def test_the_same_difference_has_the_same_id_in_every_run(tmp_path: Path) -> None:
    """F48."""
    ids = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        async with rig(tmp_path / folder) as it:
            it.venue.external("web-1", REQUEST)
            ids.append([row.difference_id for row in (await compare(it)).values()])
    assert ids[0] == ids[1] == [f"EXTERNAL_ORDER/{NAME}/{SYMBOL}/web-1"]


async def test_a_pass_without_an_answer_concludes_nothing_and_says_so(tmp_path: Path) -> None:
    """F50."""
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing["open_orders"] = UNREACHABLE
        passes = reconciler(it).passes
        with pytest.raises(LinkError) as refused:
            await compare(it)
        assert refused.value.code == "NOT_SENT"
        assert reconciler(it).passes == passes
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED
        assert not it.engine.differences.view().running


async def test_regular_passes_come_every_45_seconds_and_refuse_no_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        before = reconciler(it).passes
        await it.clock.run_for(46)
        await it.until(lambda: reconciler(it).passes == before + 1)
        it.venue.tick()
        status = await it.ask(GetStatus())
        assert isinstance(status, Status)
        assert not status.reconciling
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_every_reconnect_of_the_user_stream_compares(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        before = reconciler(it).passes
        for turn in range(1, 4):
            it.venue.user(UserStreamDown(venue=NAME, reason="cut"))
            it.venue.user(UserStreamUp(venue=NAME))
            await it.until(lambda want=before + turn: reconciler(it).passes >= want)
            await it.until(lambda: not reconciler(it).running)


# --- what asks -----------------------------------------------------------------------------------------


async def test_a_lock_no_order_explains_asks_until_it_is_accepted(tmp_path: Path) -> None:
    """And the answer holds through a restart, for that very amount."""
    async with rig(tmp_path) as it:
        await it.submit()
        it.venue.extra_locked["USDT"] = D(7)
        assert await compare(it) == {}  # an order may just be on its way: two passes must agree
        row = (await compare(it))["BALANCE"]
        assert (row.choices, row.applied) == (("accept",), "")
        assert await shown(it) == (row,)
        with pytest.raises(LinkError) as refused:
            await it.ask(ResolveDifference(difference_id=row.difference_id, choice="ignore"))
        assert refused.value.code == "NO_SUCH_CHOICE"
        answered = await it.ask(ResolveDifference(difference_id=row.difference_id, choice="accept"))
        assert isinstance(answered, Differences)
        assert [(one.choices, one.applied) for one in answered.rows] == [((), "accept (tester)")]
        assert await compare(it) == {}
        with pytest.raises(LinkError) as refused:
            await it.ask(ResolveDifference(difference_id=row.difference_id, choice="accept"))
        assert refused.value.code == "NO_SUCH_DIFFERENCE"
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        await compare(it)
        assert await compare(it) == {}
        it.venue.extra_locked["USDT"] = D(8)
        await compare(it)
        assert "BALANCE" in await compare(it)


async def test_a_question_that_answered_itself_is_gone(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.extra_locked["USDT"] = D(7)
        await compare(it)
        assert "BALANCE" in await compare(it)
        it.venue.extra_locked.clear()
        assert await compare(it) == {}


async def test_a_trade_nobody_owns_waits_for_the_operator_not_for_ever(tmp_path: Path) -> None:
    """The venue does not say whose trade it is, and it could be an UNKNOWN order's."""
    async with rig(tmp_path) as it:
        it.venue.external("web-1", REQUEST)
        it.venue.hidden.add("web-1")
        it.venue.nameless.add("web-1")
        it.venue.plan.append("dead")
        order = await it.submit()
        it.venue.fill("web-1", quiet=True)
        await compare(it)
        await compare(it)
        row = (await compare(it))["UNEXPLAINED_TRADE"]
        assert row.choices == ("external",)
        assert it.engine.journal.state.positions == {}
        await it.ask(ResolveDifference(difference_id=row.difference_id, choice="external"))
        assert "EXTERNAL_TRADE" in await compare(it)
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD)


async def test_a_foreign_trade_beside_an_unknown_order_is_told_apart_by_the_venues_id(tmp_path: Path) -> None:
    """The weak spot of guessing: the venue is asked whose it is, and neither waits for the other."""
    async with rig(tmp_path) as it:
        it.venue.external("web-1", REQUEST)
        it.venue.plan.append("dead")
        order = await it.submit()
        it.venue.fill("web-1", quiet=True)
        assert "EXTERNAL_TRADE" in await compare(it)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD)


# --- stand-ins -----------------------------------------------------------------------------------------


async def test_fills_that_cannot_be_had_get_a_marked_stand_in_that_yields(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.fill(order.client_order_id, D("0.2"), quiet=True)
        hidden, it.venue.account_trades = it.venue.account_trades, []
        await it.until(lambda: it.order(order.client_order_id).filled > 0, seconds=300)
        fill = it.order(order.client_order_id).fills[0]
        assert (fill.synthetic, fill.quantity, fill.price) == (True, D("0.2"), D(59000))
        assert [row.kind for row in await shown(it)] == ["SYNTHETIC_FILL"]
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.2")
        await it.until(lambda: it.engine.journal.waiting == 0)
        entries = recorded(it)
        assert await compare(it) == {}
        assert recorded(it) == entries

        it.venue.account_trades = hidden
        await compare(it)
        assert [one.synthetic for one in it.order(order.client_order_id).fills] == [False]
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.2")


async def test_the_stand_in_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """F48: no random ids, no second stand-in."""
    clock = ManualClock()
    venue = FakeVenue(clock)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        order = await it.submit()
        venue.fill(order.client_order_id, D("0.2"), quiet=True)
        venue.account_trades.clear()
        await it.until(lambda: it.order(order.client_order_id).filled > 0, seconds=300)
        fills = it.order(order.client_order_id).fills
    for _ in range(3):
        async with rig(tmp_path, clock=clock, venue=venue) as it:
            await it.clock.run_for(300)
            assert it.order(order.client_order_id).fills == fills


@pytest.mark.parametrize("priced", [True, False])
async def test_a_market_order_whose_fills_cannot_be_had(tmp_path: Path, priced: bool) -> None:
    """It has no price of its own: the venue's total tells, and where there is none the operator is asked.
    Either way the comparison goes on."""
    async with rig(tmp_path) as it:
        order = await it.submit(buy("0.2", None))
        report = it.venue.fill(order.client_order_id, quiet=True)
        it.venue.account_trades.clear()
        if not priced:
            it.venue.reports[order.client_order_id] = msgspec.structs.replace(report, filled_quote=D(-1))
        wanted = "SYNTHETIC_FILL" if priced else "UNPRICED_FILL"
        for _ in range(5):
            await it.clock.run_for(10)
            found = await compare(it)
            if wanted in found:
                break
        assert wanted in found
        fills = it.order(order.client_order_id).fills
        assert [(one.synthetic, one.price) for one in fills] == ([(True, D(60010))] if priced else [])
        assert it.engine.supervisor.restarts == 0
        if not priced:
            await it.ask(ResolveDifference(difference_id=found[wanted].difference_id, choice="accept"))
            assert await compare(it) == {}


async def test_an_answer_given_while_a_pass_runs_is_not_asked_for_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.extra_locked["USDT"] = D(100)
        await compare(it)
        row = (await compare(it))["BALANCE"]
        book = it.engine.differences
        settle = book._asks[row.difference_id]
        book.begin(NAME)
        again = book.ask(NAME, found_of(row), row.choices)
        assert again is not None
        await it.ask(ResolveDifference(difference_id=row.difference_id, choice="accept"))
        book.end(NAME, [(again, settle)])
        with pytest.raises(LinkError) as refused:
            await it.ask(ResolveDifference(difference_id=row.difference_id, choice="accept"))
        assert refused.value.code == "NO_SUCH_DIFFERENCE"
        assert [one.choices for one in await shown(it)] == []


def found_of(row: Difference) -> Found:
    subject = row.difference_id.rpartition("/")[2]
    return Found(kind=row.kind, symbol=row.symbol, subject=subject, local=row.local, remote=row.remote)


async def test_what_asks_is_listed_before_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much a pass put right, its questions are not cut off the list."""
    monkeypatch.setattr(differences, "MAX_ROWS", 3)
    async with rig(tmp_path) as it:
        await it.submit()
        it.venue.extra_locked["USDT"] = D(100)
        await compare(it)
        for number in range(6):
            it.venue.external(f"web-{number}", REQUEST)
            it.venue.fill(f"web-{number}", quiet=True)
        assert "BALANCE" in await compare(it)
        assert len(await shown(it)) == 3


async def test_a_comparison_that_breaks_is_begun_again_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        passes = reconciler(it).passes
        it.venue.failing["open_orders"] = RuntimeError("a defect")  # type: ignore[assignment]
        it.venue.user(UserStreamDown(venue=NAME, reason="cut"))
        it.venue.user(UserStreamUp(venue=NAME))
        await it.until(lambda: it.engine.supervisor.restarts > 0)
        it.venue.failing.clear()
        await it.until(lambda: reconciler(it).passes > passes, seconds=20)
        assert (await it.submit()).state is OrderState.ACCEPTED
