"""Balance change = sum of rows, on the wire: whatever the walk did to orders, lines, copies, disks, clocks,
once it is quiet every balance of the venue is its first one and our rows, to the last digit."""

import pytest

from spark_tui.domain.accounting import FlowKind
from spark_tui.engine.records import from_body
from spark_tui.engine.state import State
from spark_tui.link.messages import Reconcile
from tests.faults.invariants import CheckedWorld
from tests.faults.virtual import play
from tests.faults.walk import act
from tests.faults.world import ASSETS, D

SEEDS, STEPS, CHUNK = 40, 60, 10


async def explained(seed: int) -> set[FlowKind]:
    """The kinds of rows there were."""
    world = CheckedWorld(seed)
    await world.start()
    try:
        for _ in range(STEPS):
            await act(world)
        await world.settle()
        found = world.engine.portfolio.explanation()
        kinds: set[FlowKind] = set()
        for row in found.rows:
            one = row.explained
            assert one.asset in ASSETS or not one.moved
            assert one.rest == 0, (seed, one, world.story)
            kinds |= one.rows.keys()
        assert list(found.accuracy.values()) == [1]
        replayed = State()
        for stored in world.ledger.rows:
            replayed.apply(from_body(stored.body))
        assert replayed.accounts.digest() == world.state.accounts.digest()
        return kinds
    finally:
        await world.crash()


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_f46_after_every_storm_the_venues_balances_are_our_rows(first: int) -> None:
    kinds: set[FlowKind] = set()
    for seed in range(first, first + CHUNK):
        kinds |= play(explained(seed))
    assert {FlowKind.BOUGHT, FlowKind.SOLD, FlowKind.FEE} <= kinds


def test_a_balance_that_nothing_explains_is_said() -> None:
    async def story() -> None:
        world = CheckedWorld(1)
        await world.start()
        world.venue_account.balance("USDT").free += 123
        await world.ask(Reconcile(), 30)
        found = {row.explained.asset: row for row in world.engine.portfolio.explanation().rows}
        assert found["USDT"].explained.rest == D("0.00000123")
        assert found["USDT"].rest_worth == D("0.00000123")
        assert list(world.engine.portfolio.explanation().accuracy.values()) == [0]
        await world.crash()

    play(story())
