"""An order that was on its way when the engine ended comes alive after everything was cancelled."""

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.rescue import late, process
from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.kill_plan import KillPlan, LastOrder, LastOrders, write_plan
from spark_tui.venues.port import TRADES_LAG_S
from spark_tui.wire.clock import NS_PER_MS, ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D, FakeVenue
from tests.rescue.plans import plan
from tests.rescue.waits import only_waits

PLAN = plan(D(0))
BUY = OrderRequest(
    venue=NAME,
    symbol=SYMBOL,
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    price=D("40000"),
    quantity=D("0.1"),
)
WINDOW_S = 19.0  # the fake venue's, and the slack


class Scene:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.venue = FakeVenue(self.clock)
        self.folder = folder
        self.said: list[str] = []
        self.known: list[LastOrder] = []
        self.whole = True

    def sent(self, client_id: str, seconds_ago: float = 0.0) -> None:
        """Written ahead by the engine that is dead now."""
        at_ms = self.clock.wall_ns() // NS_PER_MS - round(seconds_ago * 1000)
        self.known.append(LastOrder(client_order_id=client_id, venue=NAME, symbol=SYMBOL, at_ms=at_ms))

    def kill(
        self, read: late.Read | None = None, *, flatten: bool = False, of: KillPlan = PLAN
    ) -> "asyncio.Task[Outcome]":
        write_plan(self.folder, of)
        self.rescue = Rescue(
            self.folder,
            self.clock,
            operator="me",
            reason="storm",
            say=self.said.append,
            last_orders=read or (lambda: LastOrders(orders=tuple(self.known), whole=self.whole)),
        )
        self.killing = asyncio.create_task(asyncio.wait_for(self.rescue.kill(of, flatten=flatten), 10))
        return self.killing

    async def waits(self, seconds: float) -> None:
        await only_waits(self.clock, self.killing, seconds)

    async def ended(self, killing: "asyncio.Task[Outcome]") -> Outcome:
        """Every wait of it passes."""
        async with asyncio.timeout(10):
            while not killing.done():
                waits = asyncio.ensure_future(self.clock.asleep(3_600))
                await asyncio.wait({waits, killing}, return_when=asyncio.FIRST_COMPLETED)
                waits.cancel()
                if self.sleeps():
                    self.clock.advance(self.sleeps()[0])
        return killing.result()

    def sleeps(self) -> list[float]:
        return self.clock.sleeping()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    found = Scene(tmp_path)

    async def door(*_: object) -> FakeVenue:
        return found.venue

    monkeypatch.setattr(process, "open_venue", door)
    return found


async def test_what_comes_alive_after_the_cancel_is_cancelled_too(scene: Scene) -> None:
    scene.sent("sp-late", seconds_ago=4)
    killing = scene.kill()
    await scene.waits(WINDOW_S - 4)
    assert "1 order was on the way" in scene.said[0]
    scene.venue.external("sp-late", BUY)
    scene.clock.advance(WINDOW_S - 4)
    done = await killing
    assert (done.canceled, done.left, done.green) == (("sp-late",), (), True)


async def test_one_that_never_lived_is_waited_for_and_nothing_more(scene: Scene) -> None:
    scene.sent("sp-dead")
    killing = scene.kill()
    await scene.waits(WINDOW_S)
    scene.clock.advance(WINDOW_S)
    done = await killing
    assert (done.canceled, done.green) == ((), True)


async def test_one_that_the_sweep_cancelled_is_not_waited_for(scene: Scene) -> None:
    scene.sent("sp-there")
    scene.venue.external("sp-there", BUY)
    done = await scene.kill()
    assert (done.canceled, done.green, scene.said) == (("sp-there",), True, [])


async def test_one_that_arrived_between_is_cancelled_at_once(scene: Scene) -> None:
    """The venue knows it by the time it is asked."""
    scene.sent("sp-there")
    asked = scene.venue.query

    async def query(symbol: str, client_order_id: str) -> object:
        scene.venue.external("sp-there", BUY)
        return await asked(symbol, client_order_id)

    scene.venue.query = query  # type: ignore[assignment, method-assign]
    done = await scene.kill()
    assert (done.canceled, done.green, scene.said) == (("sp-there",), True, [])


async def test_what_is_decided_by_its_age_is_not_waited_for(scene: Scene) -> None:
    scene.sent("sp-old", seconds_ago=WINDOW_S)
    done = await scene.kill()
    assert (done.green, scene.said, scene.venue.queries) == (True, [], [])


async def test_a_clock_that_was_put_back_makes_no_wait_longer(scene: Scene) -> None:
    scene.sent("sp-late")
    scene.clock.step_wall(-3_600)
    killing = scene.kill()
    await scene.waits(WINDOW_S)
    scene.clock.advance(WINDOW_S)
    assert (await killing).green


async def test_what_it_bought_is_flattened_as_well(scene: Scene) -> None:
    scene.sent("sp-late")
    killing = scene.kill(flatten=True)
    await scene.waits(WINDOW_S)
    scene.venue.external("sp-late", BUY)
    scene.venue.fill("sp-late", quiet=True)
    scene.venue.plan.append("fill")
    scene.clock.advance(WINDOW_S)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_more_than_can_be_asked_about_is_simply_waited_for(scene: Scene) -> None:
    for number in range(late.MAX_ASKED + 1):
        scene.sent(f"sp-{number}")
    killing = scene.kill()
    await scene.waits(WINDOW_S)
    assert scene.venue.queries == []
    scene.clock.advance(WINDOW_S)
    assert (await killing).green


def unreadable() -> LastOrders:
    raise LedgerError("damaged")


async def test_a_ledger_that_does_not_say_is_waited_out_and_that_is_told(scene: Scene) -> None:
    """An order may have left a moment before: what comes of it is cancelled as well."""
    scene.venue.external("web-1", BUY)
    killing = scene.kill(unreadable)
    await scene.waits(WINDOW_S)
    assert "the ledger does not say" in scene.said[0]
    scene.venue.external("sp-late", BUY)
    scene.clock.advance(WINDOW_S)
    done = await killing
    assert (done.canceled, done.green) == (("web-1", "sp-late"), True)
    assert done.errors == (late.UNREAD_LOOKED,)


async def test_a_ledger_on_a_disk_that_hangs_keeps_no_kill_from_its_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "PATIENCE_S", 0.01)
    released = threading.Event()

    def hanging() -> LastOrders:
        released.wait()
        return LastOrders()

    try:
        scene.venue.external("web-1", BUY)
        killing = scene.kill(hanging)
        await scene.waits(WINDOW_S)
        scene.clock.advance(WINDOW_S)
        done = await killing
        assert (done.canceled, done.green, done.errors) == (("web-1",), True, (late.UNREAD_LOOKED,))
    finally:
        released.set()


async def test_who_does_not_wait_for_what_a_ledger_does_not_say_is_not_told_that_all_is_well(
    scene: Scene,
) -> None:
    scene.venue.external("web-1", BUY)
    killing = scene.kill(unreadable)
    await scene.waits(WINDOW_S)
    scene.rescue.hurry()
    done = await killing
    assert (done.canceled, done.confirmed, done.green) == (("web-1",), False, False)
    assert done.errors == (late.UNREAD_UNWAITED,)
    assert done.cures[0].startswith("Kill again at ")


async def test_what_is_held_is_not_known_where_the_ledger_does_not_say(scene: Scene) -> None:
    """A late order may have bought in an instrument that the plan does not name."""
    done = await scene.ended(scene.kill(unreadable, flatten=True))
    assert (done.confirmed, done.green) == (True, False)  # nothing is open
    assert done.errors == (late.UNREAD_LOOKED,)
    assert [(one.symbol, one.dust, late.UNREAD_HELD in one.text) for one in done.residue] == [
        ("", False, True)
    ]
    assert done.cures == (late.REPAIR,)


async def test_another_venues_order_holds_nobody_up(scene: Scene) -> None:
    scene.sent("sp-late")
    scene.known = [msgspec.structs.replace(one, venue="elsewhere") for one in scene.known]
    assert (await scene.kill()).green
    assert scene.said == []


async def test_who_hurries_is_told_what_is_not_known(scene: Scene) -> None:
    scene.venue.external("web-1", BUY)
    scene.sent("sp-late")
    killing = scene.kill()
    await scene.waits(WINDOW_S)
    scene.rescue.hurry()
    done = await killing
    assert (done.canceled, done.confirmed, done.green) == (("web-1",), False, False)
    assert "nobody waited" in done.errors[0]
    assert done.cures[0].startswith("Kill again at ")


async def test_who_does_not_wait_for_what_a_ledger_does_not_say_has_nothing_sold(scene: Scene) -> None:
    """The engine may have sold the same just now."""
    killing = scene.kill(unreadable, flatten=True, of=plan(D("0.5")))
    await scene.waits(WINDOW_S)
    assert "before it closes a position" in scene.said[0]
    scene.rescue.hurry()
    done = await killing
    assert (done.flattened, scene.venue.placed, done.confirmed, done.green) == ((), [], False, False)
    assert [one.dust for one in done.residue] == [False]


@pytest.mark.parametrize("counted_to", [None, 100])
async def test_an_unread_ledger_sells_nothing_that_may_be_sold_already(
    scene: Scene, counted_to: int | None
) -> None:
    """The engine's order came alive at the end of the wait, and is listed seconds later."""
    whole = plan(D("0.5"))
    held = msgspec.structs.replace(whole.venues[0].held[0], counted_to=counted_to)
    of = msgspec.structs.replace(whole, venues=(msgspec.structs.replace(whole.venues[0], held=(held,)),))
    killing = scene.kill(unreadable, flatten=True, of=of)
    await scene.waits(WINDOW_S)
    request = OrderRequest(
        venue=NAME, symbol=SYMBOL, side=Side.SELL, type=OrderType.MARKET, quantity=D("0.5")
    )
    scene.venue.external("sp-late", request)
    scene.venue.fill("sp-late", quiet=True)
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    scene.clock.advance(WINDOW_S)
    await scene.waits(TRADES_LAG_S)
    scene.venue.account_trades += trades
    done = await scene.ended(killing)
    assert (scene.venue.placed, done.flattened, done.green) == ([], (), False)


async def test_what_the_plan_names_is_closed_although_the_ledger_does_not_say(scene: Scene) -> None:
    scene.venue.plan.append("fill")
    done = await scene.ended(scene.kill(unreadable, flatten=True, of=plan(D("0.5"))))
    assert (len(done.flattened), done.green) == (1, False)
