"""More seeds than the suite runs.

`python -m tests.faults.seeds --seeds N [--first K] [--steps S]` walks; `--lost-replies` loses the reply of
one order a seed instead; `--machine` has hypothesis choose N runs of up to S steps, others each time. Prints
every seed that fails, or the shortest run found that does; exits with 1 if any did."""

import argparse
import asyncio
import hashlib
import logging
import os
import sys
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from spark_tui.domain.order import OrderState
from spark_tui.simulator.fixed import show
from tests.faults.invariants import CheckedWorld
from tests.faults.machine import drive
from tests.faults.virtual import play
from tests.faults.walk import walk
from tests.faults.world import Violation

ROOT = Path(__file__).resolve().parents[2]
_LOSSES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("accept-drop-reply", {}),
    ("accept-drop-reply", {"cut": True}),
    ("error-reply", {"code": -1007}),
    ("error-reply", {"code": -1006}),
    ("error-reply", {"code": -1007, "done": False}),
    ("error-reply", {"code": 503}),
)
_PER_WORLD = 25  # orders, one after the other, in one engine's life


class Outcome(msgspec.Struct):
    """`unlike`: intents whose end here is not what the venue knows."""

    intents: int = 0
    most_per_intent: int = 0
    unlike: int = 0


async def lost_replies(seeds: Iterable[int]) -> Outcome:
    """Lose the reply of one order a seed, in six ways, and of half of them the stream's word too; wait until
    its fate is decided; count the venue's orders."""
    outcome = Outcome()
    todo = list(seeds)
    for first in range(0, len(todo), _PER_WORLD):
        world = CheckedWorld(todo[first])
        await world.start()
        for seed in todo[first : first + _PER_WORLD]:
            await _lose_one(world, seed, outcome)
        await world.crash()
    return outcome


async def _lose_one(world: CheckedWorld, seed: int, outcome: Outcome) -> None:
    faults = world.simulation.faults
    faults.clear()
    world.dice.seed(f"lost/{seed}")
    verb, args = _LOSSES[seed % len(_LOSSES)]
    faults.arm(verb, args, seed=seed)
    if world.dice.random() < 0.5:
        faults.arm("drop-event", {"times": 0})
    if world.dice.random() < 0.3:
        faults.arm("replica-lag", {"ms": 2_000})
    world.pulse()
    await world.until(world.usable, 60.0)
    known = set(world.state.orders)
    await world.ask(world.order(), 30.0)
    decided = await world.until(
        lambda: (
            world.usable() and not any(o.state is OrderState.UNKNOWN for o in world.state.orders.values())
        ),
        120.0,
    )
    faults.clear()
    await world.live(10.0)
    world.check()
    (new,) = set(world.state.orders) - known
    order, theirs = world.state.orders[new], [one for one in world.store.all() if one.client_id == new]
    outcome.intents += 1
    outcome.most_per_intent = max(outcome.most_per_intent, len(theirs))
    filled = Decimal(show(theirs[0].filled)) if theirs else Decimal(0)
    proved = order.state in (OrderState.DEAD, OrderState.REJECTED) if not theirs else order.filled == filled
    outcome.unlike += not (decided and proved)


async def digest(seeds: Iterable[int], steps: int, *, hash_seed: int) -> str:
    """Of the ledgers these seeds make in another process, whose sets iterate in another order."""
    numbers = list(seeds)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.seeds",
        "--digest",
        *("--first", str(numbers[0]), "--seeds", str(len(numbers)), "--steps", str(steps)),
        cwd=ROOT,
        env={"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="K")
    parser.add_argument("--steps", type=int, default=60, metavar="S")
    parser.add_argument("--lost-replies", action="store_true")
    parser.add_argument("--machine", action="store_true")
    parser.add_argument("--digest", action="store_true", help="print a digest of the ledgers")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(options.first, options.first + options.seeds)
    began = time.monotonic()
    if options.machine:
        drive(options.seeds, options.steps, fixed=False)
        print(f"{options.seeds} runs of up to {options.steps} steps, {time.monotonic() - began:.0f} s")
        return 0
    if options.lost_replies:
        outcome = play(lost_replies(seeds))
        print(
            f"{outcome.intents} intents, at most {outcome.most_per_intent} venue order(s) for one, "
            f"{outcome.unlike} decided wrongly, {time.monotonic() - began:.0f} s"
        )
        return int(outcome.most_per_intent > 1 or outcome.unlike > 0)
    failed = 0
    ledgers = hashlib.sha256()
    for seed in seeds:
        try:
            ledgers.update(play(walk(seed, options.steps)).ledger.bytes())
        except Violation as violation:
            failed += 1
            print(violation, flush=True)
    if options.digest:
        print(ledgers.hexdigest())
    else:
        print(
            f"{len(seeds)} seeds of {options.steps} steps, {failed} failed, {time.monotonic() - began:.0f} s"
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
