"""A seeded walk: dice choose intents and faults against the real engine and the real simulator, with the
invariants after every step. One seed is one walk.
"""

import random
from typing import Any

from tests.faults.faults import VERBS
from tests.faults.invariants import CheckedWorld
from tests.faults.steps import STEPS, disturb, take

FAULT_WEIGHT = 13


async def act(world: CheckedWorld) -> None:
    """One step of those that would do anything now."""
    dice = world.dice
    if dice.random() * (FAULT_WEIGHT + sum(step.weight for step in STEPS.values())) < FAULT_WEIGHT:
        verb = dice.choice(VERBS)
        await disturb(
            world, verb.name, **{name: dice.choice(values) for name, values in verb.choices.items()}
        )
    else:
        possible = [step for step in STEPS.values() if step.possible(world)]
        (step,) = dice.choices(possible, weights=[one.weight for one in possible])
        await take(world, step.name, **_drawn(dice, step.choices))
    world.check()


def _drawn(dice: random.Random, choices: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {name: dice.choice(values) for name, values in choices.items()}


async def walk(seed: int, steps: int) -> CheckedWorld:
    """The world after `steps` random steps and its settling. Raises Violation."""
    world = CheckedWorld(seed)
    await world.start()
    try:
        for _ in range(steps):
            await act(world)
        await world.settle()
    finally:
        await world.crash()
    return world
