"""Delays between attempts (F23: there is no last attempt)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.wire.backoff import STEPS_S, Backoff


@given(seed=st.integers())
def test_a_fast_retry_then_growing_steps_with_jitter_then_the_last_one_for_ever(seed):
    backoff = Backoff(random.Random(seed))
    assert 0 < backoff.next() <= 0.2
    for step in (*STEPS_S, *[STEPS_S[-1]] * 100):
        assert 0.8 * step <= backoff.next() <= 1.2 * step


def test_jitter_spreads_sockets_that_were_cut_together():
    delays = set()
    for seed in range(20):
        backoff = Backoff(random.Random(seed))
        backoff.next()
        delays.add(round(backoff.next(), 3))
    assert len(delays) > 15


def test_the_same_seed_gives_the_same_delays():
    one, two = Backoff(random.Random(7)), Backoff(random.Random(7))
    assert [one.next() for _ in range(8)] == [two.next() for _ in range(8)]


def test_reset_makes_the_next_retry_fast_again():
    backoff = Backoff(random.Random(1))
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 0.2


@pytest.mark.parametrize("wrong", [{"steps_s": ()}, {"steps_s": (0.0,)}, {"jitter": 1.0}, {"fast_s": -1.0}])
def test_settings_that_would_spin_are_refused(wrong):
    with pytest.raises(ValueError, match="backoff"):
        Backoff(random.Random(1), **wrong)
