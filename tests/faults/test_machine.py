"""Hypothesis drives engine and simulator; longer: python -m tests.faults.seeds --machine N."""

from tests.faults.machine import drive


def test_the_invariants_hold_after_every_rule() -> None:
    drive(60, 40)
