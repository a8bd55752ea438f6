"""A stream's own clock (F19: a socket that answers pings may carry a dead stream)."""

import pytest

from spark_tui.wire.clock import NS_PER_S
from spark_tui.wire.staleness import Freshness, StreamClock

START = 1_000 * NS_PER_S


def at(seconds: float) -> int:
    return START + round(seconds * NS_PER_S)


def test_f19_silence_past_the_threshold_is_stale_and_one_message_cures_it():
    stream = StreamClock(3, START)
    stream.tick(at(1))
    assert stream.state(at(4)) is Freshness.LIVE
    assert stream.state(at(4.001)) is Freshness.STALE
    assert stream.age_s(at(5)) == 4
    stream.tick(at(5))
    assert stream.state(at(5)) is Freshness.LIVE


def test_f19_a_stream_that_never_speaks_goes_stale_too():
    stream = StreamClock(3, START)
    assert stream.state(at(2)) is Freshness.SILENT
    assert stream.age_s(at(2)) is None
    assert stream.state(at(3.1)) is Freshness.STALE


def test_a_new_subscription_starts_the_silence_anew_and_keeps_the_counters():
    stream = StreamClock(3, START)
    stream.tick(at(1))
    stream.restart(at(10))
    assert stream.state(at(12)) is Freshness.SILENT
    assert stream.messages == 1


def test_the_rate_counts_the_last_ten_whole_seconds():
    stream = StreamClock(3, START)
    for second in range(30):
        for n in range(5):
            stream.tick(at(second + n / 10))
    assert stream.rate(at(30)) == 5
    assert stream.rate(at(35)) == pytest.approx(2.5)
    assert stream.rate(at(41)) == 0
    assert stream.rate(at(10_000)) == 0
    assert stream.messages == 150


def test_the_rate_of_a_young_stream_is_over_its_own_life():
    stream = StreamClock(3, START)
    for _ in range(7):
        stream.tick(at(0.5))
    assert stream.rate(at(0.6)) == 7
    assert stream.rate(at(2)) == pytest.approx(3.5)
