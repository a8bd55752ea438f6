"""The seed sweep: 200 fixed seeds of the walk, and lost replies by the hundred. More: python -m
tests.faults.seeds --seeds N."""

import pytest

from tests.faults.invariants import CheckedWorld
from tests.faults.seeds import digest, lost_replies
from tests.faults.steps import disturb
from tests.faults.virtual import play
from tests.faults.walk import walk
from tests.faults.world import D

SEEDS, STEPS, CHUNK = 200, 60, 20


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_invariants_hold_after_every_step(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play(walk(seed, STEPS))


@pytest.mark.parametrize("seed", [3, 17, 42])
def test_two_runs_of_one_seed_give_byte_equal_ledgers(seed: int) -> None:
    first, second = play(walk(seed, STEPS)), play(walk(seed, STEPS))
    assert first.ledger.entries > 20
    assert first.ledger.bytes() == second.ledger.bytes()


async def test_another_process_with_another_hash_seed_writes_the_same_ledger() -> None:
    found = {await digest(range(3), STEPS, hash_seed=hash_seed) for hash_seed in (1, 2)}
    assert len(found) == 1


def test_f01_a_lost_reply_never_makes_a_second_venue_order() -> None:
    outcome = play(lost_replies(range(300)))
    assert outcome.most_per_intent == 1
    assert outcome.intents == 300
    assert outcome.unlike == 0


def test_what_a_lagging_copy_hid_after_a_silence_is_found_later() -> None:
    """F54. Somebody else trades while the engine is down, and the copy it asks is of before that."""

    async def story() -> None:
        world = CheckedWorld(166)
        await world.start()
        await world.crash()
        await disturb(world, "external-order", kind="MARKET")
        world.pulse()
        await disturb(world, "replica-lag", ms=3_000, times=0)
        await world.start()
        assert not world.state.positions
        await world.settle()
        assert [position.quantity for position in world.state.positions.values()] == [D("0.00999")]
        await world.crash()

    play(story())
