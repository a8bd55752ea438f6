"""A confirm whose answer is lost, against the simulator: it is followed until that is proved, and whatever
comes alive after its verdict is cancelled by the engine itself (F01, F02, F05)."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine.canary.build import build
from spark_tui.link.messages import CanaryRow, CanaryVerdict, ConfirmCanary, RunCanary
from tests.faults.virtual import play
from tests.faults.world import MIDDLE, SYMBOL, VENUE, D, World

NOBODY_TELLS = ("order.status", "openOrders.status", "myTrades")
LIVED = {"verb": "accept-drop-reply"}
NEVER_LIVED = {"verb": "error-reply", "code": -1007, "done": False}


@pytest.fixture(autouse=True, scope="module")
def _hashed() -> None:
    """The program is hashed once a process, in real time."""
    build()


class Sockets(World):
    """Its venue has none, so none of them can be down."""

    async def start(self) -> None:
        await super().start()
        self.engine.runners[VENUE].venue.health = tuple  # type: ignore[method-assign]


async def sung(data_dir: Path) -> World:
    """An engine whose latest canary is a green run of an order that would rest."""
    world = Sockets(5)
    world.settings = msgspec.structs.replace(
        world.settings, data_dir=str(data_dir), hosts={VENUE: "127.0.0.1"}, book_max_age_s=1_000
    )
    await world.start()
    run = await world.ask(RunCanary(symbol=SYMBOL, quantity=D("0.001"), price=D(MIDDLE - 400)), 30)
    assert isinstance(run, CanaryRow)
    assert run.verdict is CanaryVerdict.GREEN, run.reasons
    return world


def lose(world: World, fate: dict[str, object], *, silent: bool) -> None:
    """`silent`: nobody tells of the order, neither asked nor unasked."""
    faults = world.simulation.faults
    faults.arm(str(fate["verb"]), {name: value for name, value in fate.items() if name != "verb"})
    faults.arm("drop-event", {"times": 0})
    for method in NOBODY_TELLS if silent else ():
        faults.arm("error-reply", {"code": -1001, "method": method, "times": 0})


async def confirmed(world: World) -> CanaryRow:
    row = await world.ask(ConfirmCanary(symbol=SYMBOL, typed=SYMBOL), 180)
    assert isinstance(row, CanaryRow)
    return row


def resting(world: World) -> int:
    return sum(order.open for order in world.store.all())


ENDS = [(LIVED, OrderState.CANCELED), (NEVER_LIVED, OrderState.DEAD)]


@pytest.mark.parametrize(("fate", "end"), ENDS)
def test_it_is_followed_until_it_is_proved(tmp_path: Path, fate: dict[str, object], end: OrderState) -> None:
    async def story() -> None:
        world = await sung(tmp_path)
        try:
            lose(world, fate, silent=False)
            row = await confirmed(world)
            assert (row.state, row.residue, resting(world)) == (end, (), 0)
            assert row.verdict is (CanaryVerdict.RED if end is OrderState.DEAD else CanaryVerdict.GREEN)
        finally:
            await world.crash()

    play(story())


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(("fate", "end"), ENDS)
def test_what_is_not_proved_in_time_is_seen_out_by_whichever_engine_runs(
    tmp_path: Path, fate: dict[str, object], end: OrderState, killed: bool
) -> None:
    async def story() -> None:
        world = await sung(tmp_path)
        try:
            lose(world, fate, silent=True)
            row = await confirmed(world)
            assert (row.verdict, row.state) == (CanaryVerdict.RED, OrderState.UNKNOWN)
            assert resting(world) == (fate is LIVED)
            if killed:
                await world.crash()
            world.simulation.faults.clear()
            if killed:
                await world.start()
            assert await world.until(lambda: world.engine.canary.view().running == "", 180)
            late = world.state.canaries[row.run_id]
            assert (late.state, late.residue, resting(world)) == (end, (), 0)
            assert late.verdict is CanaryVerdict.RED
            assert len(list(world.store.all())) == (fate is LIVED)
        finally:
            await world.crash()

    play(story())
