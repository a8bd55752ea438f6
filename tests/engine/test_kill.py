"""The kill switch depends on nothing that can break (F59)."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Side, TradingState
from spark_tui.engine import guard, life
from spark_tui.link.messages import CancelAllResult, Kill
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.port import OrderStatus, VenueError
from tests.engine.fake_venue import LOST, UNREACHABLE, D
from tests.engine.harness import Rig, buy, rig

LOGGER = logging.getLogger("spark_tui.engine")


def _break_ledger(it: Rig, broken: Callable[..., Any]) -> None:
    it.engine.journal.note = broken  # type: ignore[method-assign]  # the point of the test


def _break_portfolio(it: Rig, broken: Callable[..., Any]) -> None:
    for name in ("equity", "day_pnl", "on_fills", "positions_view"):
        setattr(it.engine.portfolio, name, broken)


def _break_hub(it: Rig, broken: Callable[..., Any]) -> None:
    it.engine.hub.publish = broken  # type: ignore[method-assign]


def _break_log(it: Rig, broken: Callable[..., Any]) -> None:
    it.engine.notices.recent = broken  # type: ignore[assignment]  # the first thing a notice touches


def _break_logger(it: Rig, broken: Callable[..., Any]) -> None:
    LOGGER.addFilter(broken)


def _break_desk(it: Rig, broken: Callable[..., Any]) -> None:
    it.engine.kill_switch._open_symbols = broken


def _break_disk(it: Rig, broken: Callable[..., Any]) -> None:
    it.ledger.append = broken  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "damage",
    [_break_ledger, _break_portfolio, _break_hub, _break_log, _break_logger, _break_desk, _break_disk],
    ids=lambda f: f.__name__[7:],
)
async def test_kill_halts_and_cancels_whatever_is_broken(
    tmp_path: Path, damage: Callable[[Rig, Callable[..., Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "RECORDED_WITHIN_S", 0.2)  # what is broken is not waited for longer
    monkeypatch.setattr(life, "STOP_PATIENCE_S", 0.2)
    async with rig(tmp_path) as it:
        orders = [await it.submit(buy("0.1")), await it.submit(buy("0.1", "61000", side=Side.SELL))]
        parts = [vars(part) for part in (it.engine.journal, it.engine.hub, it.engine.notices)]
        whole = [dict(part) for part in parts]

        def broken(*args: object, **kwargs: object) -> Any:
            raise RuntimeError("this part is broken")

        damage(it, broken)
        result = await it.ask(Kill(reason="drill"))

        assert isinstance(result, CancelAllResult)
        assert it.engine.guard.state is TradingState.HALTED
        assert all(it.venue.reports[order.client_order_id].status is OrderStatus.CANCELED for order in orders)
        for part, before in zip(parts, whole, strict=True):  # mend, so that the engine can stop in order
            part.clear()
            part.update(before)
        vars(it.ledger).pop("append", None)
        LOGGER.removeFilter(broken)


@pytest.mark.parametrize("full", [False, True])
async def test_a_kill_says_whether_a_restart_would_know_of_it(tmp_path: Path, full: bool) -> None:
    """`spark-tui kill` keeps its own mark until then."""
    async with rig(tmp_path) as it:

        async def refuse(*_: object) -> int:
            raise LedgerError("the disk is full")

        if full:
            it.ledger.append = refuse  # type: ignore[method-assign]  # the point of the test
        result = await it.ask(Kill(reason="drill"))
        vars(it.ledger).pop("append", None)
        assert isinstance(result, CancelAllResult)
        assert result.recorded is not full


async def test_a_kill_is_on_disk_and_on_every_screen_before_a_slow_venue_answers(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit()
        it.venue.cancel_gate = asyncio.Event()
        killing = asyncio.create_task(it.ask(Kill(reason="drill")))
        await it.until(lambda: bool(it.venue.sent_bytes[1:]) and not it.engine.journal.waiting)
        assert it.venue.sent_bytes[-1].startswith("cancel-all")
        assert it.engine.journal.state.trading.killed
        assert not killing.done()
        it.venue.cancel_gate.set()
        await killing


async def test_kill_cancels_orders_of_others_too(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.external("web-1", it.order(order.client_order_id).request)
        result = await it.ask(Kill(reason="drill"))
        assert isinstance(result, CancelAllResult)
        assert set(result.canceled) == {order.client_order_id, "web-1"}


async def test_an_order_that_comes_alive_after_the_kill_is_canceled(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        client_id = f"sp{it.engine.identities.run}-1"
        it.venue.hidden.add(client_id)
        await it.submit()
        report = it.venue.reports.pop(client_id)  # still on its way inside the venue
        await it.ask(Kill(reason="drill"))
        it.venue.reports[client_id] = report
        it.venue.hidden.clear()
        await it.until(lambda: it.order(client_id).state is OrderState.CANCELED)


async def test_a_kill_that_cannot_reach_the_venue_keeps_trying(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing = dict.fromkeys(("cancel_all", "open_orders"), UNREACHABLE)
        result = await it.ask(Kill(reason="drill"))
        assert isinstance(result, CancelAllResult)
        assert result.errors
        await it.clock.run_for(30)
        assert it.order(order.client_order_id).state is OrderState.ACCEPTED
        assert any("kill" in subject for subject in it.engine.notices.standing)
        it.venue.failing.clear()
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        await it.until(lambda: "kill" not in it.engine.notices.standing)


async def test_a_killed_engine_sweeps_again_after_its_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        it.venue.failing = dict.fromkeys(("cancel_all", "open_orders"), UNREACHABLE)
        await it.ask(Kill(reason="drill"))
        clock, venue = it.clock, it.venue
    venue.failing.clear()
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
        assert it.engine.guard.killed


async def test_the_fill_of_an_order_that_raced_the_kill_is_booked(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        await it.ask(Kill(reason="drill"))
        it.venue.reports[order.client_order_id] = it.venue.reports[order.client_order_id]
        it.venue.fill(order.client_order_id, D("0.2"))
        assert it.order(order.client_order_id).filled == D("0.2")


async def test_an_order_that_was_waiting_to_leave_stays_home_after_a_halt(tmp_path: Path) -> None:
    """Halted means nothing leaves but cancels: also what had passed every check and waited for its budget."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("slow")
        asking = asyncio.create_task(it.submit())
        await it.until(lambda: not it.venue.plan)
        it.engine.guard.halt("the ledger cannot be written")
        it.venue.release.set()
        order = await asking
        assert order.state is OrderState.DENIED
        assert "halted before it was sent" in order.text
        assert it.venue.placed == []


@pytest.mark.parametrize("fails", [UNREACHABLE, LOST], ids=["unreachable", "lost"])
async def test_what_comes_alive_after_a_kill_is_canceled_until_it_is_gone(
    tmp_path: Path, fails: VenueError
) -> None:
    """The sweep found nothing left and is over: nobody else would come by for this one."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")
        asked = asyncio.create_task(it.submit())
        await it.until(lambda: bool(it.venue.placed))
        (client_id,) = it.venue.placed
        late = it.venue.reports.pop(client_id)  # not in the venue's matching engine yet
        await it.ask(Kill(reason="drill"))
        it.venue.reports[client_id] = late
        it.venue.failing["cancel"] = fails
        it.venue.release.set()
        await asked
        await it.until(lambda: bool(it.venue.cancels))
        del it.venue.failing["cancel"]
        await it.until(lambda: it.venue.reports[client_id].status is OrderStatus.CANCELED)
        assert it.order(client_id).state is OrderState.CANCELED
        assert len(it.venue.cancels) == 2


async def test_an_order_called_dead_that_lives_after_a_kill_is_canceled(tmp_path: Path) -> None:
    """No proof is worth an order that rests while everything is to be cancelled."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        order = await it.submit()
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD)
        await it.ask(Kill(reason="drill"))
        it.venue.user(it.venue.external(order.client_order_id, order.request))
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.CANCELED)
