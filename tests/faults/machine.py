"""The state machine: hypothesis chooses the steps of `steps.py` and the faults of `faults.py`, looks at the
eight invariants after each, and shortens a run that fails as far as it can. What it prints is that run as
code.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.faults import VERBS, Verb
from tests.faults.invariants import INVARIANTS, CheckedWorld
from tests.faults.steps import STEPS, Step, disturb, take
from tests.faults.virtual import stage

SEED = 1  # of ids and of the engine's own jitter; everything else is hypothesis' choice


class Stage(RuleBasedStateMachine):
    """Engine and venue, at rest between two rules. The rules and invariants are in `EngineAndVenue`."""

    def __init__(self) -> None:
        super().__init__()
        self.world = CheckedWorld(SEED)
        self._sound = True
        self._stage = stage()
        self._stage.run(self.world.start())

    def play(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            self._stage.run(story)
        except Exception:
            self._sound = False
            raise

    def judge(self, holds: Callable[[CheckedWorld], None]) -> None:
        try:
            holds(self.world)
        except Exception:
            self._sound = False
            raise

    def teardown(self) -> None:
        """When all went well so far, everything has to be found out, and here and there to be one."""
        try:
            if self._sound:
                self._stage.run(self.world.settle())
        finally:
            self._stage.run(self.world.crash())
            self._stage.close()


def _drawn(choices: dict[str, tuple[Any, ...]]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.sampled_from(values) for name, values in choices.items()}


def _step(step: Step) -> Callable[..., None]:
    def act(self: Stage, **chosen: Any) -> None:
        self.play(take(self.world, step.name, **chosen))

    act.__name__ = step.name
    return precondition(lambda self: step.possible(self.world))(rule(**_drawn(step.choices))(act))


def _fault(verb: Verb, name: str) -> Callable[..., None]:
    def act(self: Stage, **chosen: Any) -> None:
        self.play(disturb(self.world, verb.name, **chosen))

    act.__name__ = name
    return rule(**_drawn(verb.choices))(act)


def _invariant(holds: Callable[[CheckedWorld], None]) -> Callable[..., None]:
    def judged(self: Stage) -> None:
        self.judge(holds)

    judged.__name__ = holds.__name__
    return invariant()(judged)


def _members() -> dict[str, Callable[..., None]]:
    """A step that weighs more is there more often, under one name."""
    members = {holds.__name__: _invariant(holds) for holds in INVARIANTS}
    for step in STEPS.values():
        act = _step(step)
        members[step.name] = act
        members |= {f"{step.name}, {copy}": act for copy in range(1, 2 * step.weight)}
    for number, verb in enumerate(VERBS):
        name = verb.name.replace("-", "_")
        if name in members:
            name = f"{name}_{number}"
        members[name] = _fault(verb, name)
    return members


EngineAndVenue: type[Stage] = type("EngineAndVenue", (Stage,), _members())
"""Every step and every fault verb is a rule."""


def drive(examples: int, steps: int, *, machine: type[Stage] = EngineAndVenue, fixed: bool = True) -> None:
    """`fixed`: the same examples every time. Raises Violation, with the shortest run found in its notes."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=fixed,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)
