"""Starting, failing and stopping: a venue that refuses, a service that breaks, requests nobody can answer."""

import asyncio
import random
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine.life import PRICED_PATIENCE_S
from spark_tui.engine.supervise import Supervisor
from spark_tui.link.messages import (
    Focus,
    GetBook,
    GetInstruments,
    GetOrder,
    GetRules,
    GetVenues,
    Instruments,
    PreviewOrder,
    Rules,
    StopEngine,
    SubmitOrder,
    Venues,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, FakeVenue
from tests.engine.harness import Rig, buy, rig

BAD_KEY = VenueError(Reaction.AUTH, "-2015", "Binance refuses this API key; check BINANCE_API_KEY.")


async def venues(it: Rig) -> Venues:
    found = await it.ask(GetVenues())
    assert isinstance(found, Venues)
    return found


async def test_a_refused_key_is_said_once_and_orders_are_denied_meanwhile(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["start"] = BAD_KEY
    async with rig(tmp_path, clock=clock, venue=venue, wait=False) as it:
        await it.engine.ready()
        row = (await venues(it)).rows[0]
        assert (row.state, row.detail) == ("down", BAD_KEY.text)
        order = await it.submit()
        assert order.state is OrderState.DENIED
        assert order.code == "VENUE_DOWN"
        assert BAD_KEY.text in order.text
        await it.clock.run_for(300)
        assert sum(BAD_KEY.text in notice.text for notice in it.engine.notices.recent) == 1
        venue.failing.clear()
        await it.until(lambda: it.engine.runners[NAME].started)
        await it.until(lambda: it.engine.views.usable(NAME, SYMBOL))
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_a_closed_port_heals_by_itself(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["start"] = UNREACHABLE
    async with rig(tmp_path, clock=clock, venue=venue, wait=False) as it:
        await it.engine.ready()
        assert it.engine.notices.standing == {NAME: f"{NAME}: {UNREACHABLE.text}"}
        venue.failing.clear()
        await it.until(lambda: it.engine.runners[NAME].started)
        await it.until(lambda: it.engine.notices.standing == {})


async def test_books_are_awaited_until_they_are_prices(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["depth_snapshot"] = UNREACHABLE
    async with rig(tmp_path, clock=clock, venue=venue, wait=False) as it:
        await it.engine.ready()
        priced = asyncio.create_task(it.engine.priced())
        await it.clock.run_for(PRICED_PATIENCE_S / 2)
        assert not priced.done()
        venue.failing.clear()
        await it.until(priced.done, seconds=PRICED_PATIENCE_S / 2)
        assert it.engine.views.usable(NAME, SYMBOL)
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_books_that_do_not_come_are_not_awaited_for_ever(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["depth_snapshot"] = UNREACHABLE
    async with rig(tmp_path, clock=clock, venue=venue, wait=False) as it:
        await it.engine.ready()
        priced = asyncio.create_task(it.engine.priced())
        await it.until(priced.done, seconds=PRICED_PATIENCE_S + 0.1)
        assert not it.engine.views.usable(NAME, SYMBOL)


async def test_books_of_a_venue_that_lets_nobody_in_are_not_awaited(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["start"] = BAD_KEY
    async with rig(tmp_path, clock=clock, venue=venue, wait=False) as it:
        await it.engine.ready()
        priced = asyncio.create_task(it.engine.priced())
        await it.turn()
        assert priced.done()


async def test_every_request_that_cannot_be_answered_says_why(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for request, code in (
            (Focus(symbol="NOSUCH"), "NOT_WATCHED"),
            (GetBook(symbol="NOSUCH"), "NOT_WATCHED"),
            (GetOrder(client_order_id="nobody"), "NO_SUCH_ORDER"),
            (SubmitOrder(symbol=SYMBOL, side=buy().side, type=buy().type, venue="nowhere"), "NO_SUCH_VENUE"),
        ):
            with pytest.raises(LinkError) as refused:
                await it.ask(request)
            assert refused.value.code == code
            assert refused.value.text.endswith(".")


async def test_a_defect_in_a_handler_reaches_the_face_as_one_sentence(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.engine.gate.assess = None  # type: ignore[assignment,method-assign]
        with pytest.raises(LinkError) as refused:
            await it.ask(PreviewOrder(order=buy()))
        assert refused.value.code == "INTERNAL"
        assert "\n" not in refused.value.text


async def test_instruments_and_rules_can_be_read(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        instruments = await it.ask(GetInstruments())
        assert isinstance(instruments, Instruments)
        assert [row.symbol for row in instruments.rows] == [SYMBOL]
        rules = await it.ask(GetRules())
        assert isinstance(rules, Rules)
        assert {row.rule.id for row in rules.rows} >= {"price-band", "slippage", "reject-streak"}


async def test_an_order_of_a_caller_who_goes_away_is_still_carried_out(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        asked = asyncio.create_task(it.submit())
        await asyncio.sleep(0)
        asked.cancel()
        await it.until(lambda: bool(it.venue.placed))
        await it.until(lambda: it.order(it.venue.placed[0]).state is OrderState.ACCEPTED)


async def test_stop_waits_for_the_answer_of_an_order_in_flight(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")
        asked = asyncio.create_task(it.submit())
        await it.until(lambda: bool(it.venue.placed))
        asyncio.get_running_loop().call_later(0.05, it.venue.release.set)
    order = await asked
    assert order.state is OrderState.UNKNOWN  # the venue said so, and it was recorded before the end


async def test_a_face_may_stop_the_engine(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(StopEngine())
        await asyncio.wait_for(it.engine._life.stopping.wait(), 5)


async def test_a_service_that_keeps_failing_is_reported_once_a_while_and_never_given_up() -> None:
    clock = ManualClock()
    said: list[str] = []
    repeated: list[str] = []
    supervisor = Supervisor(clock, random.Random(1), lambda level, text: said.append(text), repeated.append)
    runs = 0

    async def service() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("boom\nwith a second line")

    async def engine() -> None:
        async with asyncio.TaskGroup() as group:
            supervisor.enter(group)
            supervisor.service("the feed", service)
            supervisor.job("a job", service())
            await asyncio.Event().wait()

    running = asyncio.create_task(engine())
    await clock.run_for(20)
    assert runs >= 5
    assert len(repeated) >= 1
    assert all("\n" not in text for text in said)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
