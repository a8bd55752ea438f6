"""A ban that strikes in the middle of a kill: waited for when it ends soon, told with its end when not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.rescue import process
from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.venues.kill_plan import Held, LastOrder, LastOrders
from spark_tui.venues.port import OrderReport, Reaction, VenueError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D, FakeVenue
from tests.rescue.test_late import BUY, PLAN, WINDOW_S, Scene
from tests.rescue.test_late import scene as scene
from tests.rescue.waits import only_waits

HELD = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=D("0.5"), counted_to=100)
PLANNED = msgspec.structs.replace(
    PLAN, venues=tuple(msgspec.structs.replace(one, held=(HELD,)) for one in PLAN.venues)
)


class Banned(FakeVenue):
    """Its first order meets a ban; until that is over nothing is answered."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__(clock)
        self._seconds = seconds
        self._free_ns: int | None = None
        self.asked: list[str] = []

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        if self._free_ns is None:
            self._free_ns = self.clock.mono_ns() + int(self._seconds * NS_PER_S)
        self._maybe_fail("place")
        return await super().place(client_order_id, request, on_sent)

    def _maybe_fail(self, method: str) -> None:
        self.asked.append(method)
        left_s = ((self._free_ns or 0) - self.clock.mono_ns()) / NS_PER_S
        if left_s > 0:
            raise VenueError(Reaction.BANNED, "-1003", "IP banned.", retry_after_s=left_s)
        super()._maybe_fail(method)


class Shut(Banned):
    """It is banned already when the first cancel comes."""

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        if self._free_ns is None:
            self._free_ns = self.clock.mono_ns() + int(self._seconds * NS_PER_S)
        return await super().cancel_all(symbol)


class Asked(Banned):
    """The ban begins when it is asked about an order."""

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        if self._free_ns is None:
            self._free_ns = self.clock.mono_ns() + int(self._seconds * NS_PER_S)
        self._maybe_fail("query")
        return await super().query(symbol, client_order_id)


def kill(
    folder: Path,
    clock: ManualClock,
    venue: FakeVenue,
    patch: pytest.MonkeyPatch,
    *orders: LastOrder,
    flatten: bool = True,
) -> "asyncio.Task[Outcome]":
    async def door(*_: object) -> FakeVenue:
        return venue

    patch.setattr(process, "open_venue", door)
    rescue = Rescue(
        folder, clock, operator="me", reason="storm", last_orders=lambda: LastOrders(orders=orders)
    )
    return asyncio.create_task(asyncio.wait_for(rescue.kill(PLANNED, flatten=flatten), 10))


async def test_a_short_one_is_waited_for_and_the_position_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    venue = Banned(clock, 20)
    killing = kill(tmp_path, clock, venue, monkeypatch)
    await only_waits(clock, killing, 20)
    venue.plan.append("fill")
    clock.advance(20)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_a_long_one_is_told_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    venue = Banned(clock, 600)
    done = await kill(tmp_path, clock, venue, monkeypatch)
    assert (done.green, [one.symbol for one in done.residue]) == (False, [SYMBOL])
    assert "UTC and not before" in done.cures[0]
    assert clock.sleeping() == []


async def test_one_that_a_cancel_meets_is_waited_for_and_nothing_is_sent_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    venue = Shut(clock, 20)
    venue.external("web-1", BUY)
    killing = kill(tmp_path, clock, venue, monkeypatch, flatten=False)
    await only_waits(clock, killing, 20)
    assert venue.asked == ["cancel_all", "open_orders"]  # which told it of the ban
    clock.advance(20)
    done = await killing
    assert (done.canceled, done.green) == (("web-1",), True)


async def test_a_throttled_cancel_that_was_waited_out_still_closes_the_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue answered since: it says what is open, so nobody is banned any more."""
    clock = ManualClock()
    venue = FakeVenue(clock)
    venue.failing["cancel_all"] = VenueError(Reaction.THROTTLED, "-1003", "Too many.", retry_after_s=5)
    venue.plan.append("fill")
    done = await kill(tmp_path, clock, venue, monkeypatch)
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_a_ban_met_by_the_asking_is_waited_for_and_the_position_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    venue = Asked(clock, 20)
    venue.external("sp-1", BUY)
    venue.fill("sp-1", quiet=True)
    venue.plan.append("fill")
    order = LastOrder(
        client_order_id="sp-1", venue=NAME, symbol=SYMBOL, at_ms=clock.wall_ns() // NS_PER_MS, heard=True
    )
    killing = kill(tmp_path, clock, venue, monkeypatch, order)
    while not killing.done():
        await clock.run_for(1)
    done = killing.result()
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_a_ban_at_the_second_look_is_waited_for(scene: Scene) -> None:
    scene.sent("sp-late")
    killing = scene.kill()
    await scene.waits(WINDOW_S)
    scene.venue.external("sp-late", BUY)
    banned = VenueError(Reaction.BANNED, "-1003", "IP banned.", retry_after_s=5)
    scene.venue.failing = {"cancel_all": banned, "open_orders": banned}
    scene.clock.advance(WINDOW_S)
    await scene.waits(5)
    scene.venue.failing.clear()
    scene.clock.advance(5)
    done = await killing
    assert (done.canceled, done.left, done.green) == (("sp-late",), (), True)
