"""The book equals a reference or is unusable (DESIGN 3.4, F26-F29, F31, F32), for generated streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.book import Depth, OrderBook, Sync, Unusable
from spark_tui.domain.market import DepthDiff, DepthSnapshot
from tests.domain.books import (
    AGE,
    SYMBOL,
    assert_true_or_unusable,
    diff,
    live_book,
    market,
    small_windows,
    snapshot,
)


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_an_orderly_stream_gives_the_reference_after_every_diff(seed: int, window: int) -> None:
    truth = market(seed)
    with small_windows(window):
        book = live_book(truth)
        for diff in truth.diffs:
            assert book.on_diff(diff, 0) is Sync.APPLIED
            assert book.update_id == diff.last_id
            assert_true_or_unusable(book, truth)
    assert (book.resyncs, book.gaps) == (0, 0)


FAULTS = st.lists(
    st.tuples(st.sampled_from(["drop", "repeat", "swap", "late"]), st.integers(0, 13)), max_size=3
)


@given(st.integers(0, 10**6), FAULTS, st.integers(0, 6), st.integers(1, 8))
def test_a_disordered_stream_is_never_read_wrongly_and_heals(
    seed: int, faults: list[tuple[str, int]], delay: int, window: int
) -> None:
    """Snapshots come `delay` messages after they are asked for, and are as old as that."""
    truth = market(seed, diffs=20)
    stream = list(truth.diffs)
    for kind, at in faults:
        disorder(stream, kind, at)
    with small_windows(window):
        book = OrderBook(SYMBOL)
        due: list[tuple[int, DepthSnapshot]] = []
        newest = truth.start
        for number, diff in enumerate(stream):
            newest = max(newest, diff.last_id)
            if book.on_diff(diff, 0) is Sync.NEED_SNAPSHOT:
                due.append((number + delay, truth.snapshot(newest)))
            assert_true_or_unusable(book, truth)
            while due and due[0][0] <= number:
                if book.on_snapshot(due.pop(0)[1], 0) is Sync.NEED_SNAPSHOT:
                    due.append((number + delay + 1, truth.snapshot(newest)))
                assert_true_or_unusable(book, truth)
        if not book.live:  # however it went, one fresh snapshot heals
            book.on_snapshot(truth.snapshot(newest), 0)
            assert book.live or book.update_id == newest
        assert_true_or_unusable(book, truth)


def disorder(stream: list[DepthDiff], kind: str, at: int) -> None:
    at = min(at, len(stream) - 2)
    if kind == "drop":
        del stream[at]
    elif kind == "repeat":
        stream.insert(at + 1, stream[at])
    elif kind == "swap":
        stream[at], stream[at + 1] = stream[at + 1], stream[at]
    else:
        stream.insert(min(at + 4, len(stream)), stream.pop(at))


@pytest.mark.parametrize("kind", ["drop", "repeat", "swap", "late"])
@pytest.mark.parametrize("at", range(1, 12))
def test_each_single_fault_in_a_live_book_is_reported_at_once(kind: str, at: int) -> None:
    truth = market(at)
    stream = list(truth.diffs)
    disorder(stream, kind, at)
    book = live_book(truth)
    outcomes = [book.on_diff(diff, 0) for diff in stream]
    proof = at + 1 if kind == "repeat" else at
    assert outcomes[:proof] == [Sync.APPLIED] * proof
    assert outcomes[proof:] == [Sync.NEED_SNAPSHOT] + [Sync.BUFFERED] * (len(outcomes) - proof - 1)
    assert book.resyncs == 1
    assert book.gaps == (0 if kind == "repeat" else 1)
    assert isinstance(book.read(0, AGE), Unusable)


# --- the sync rule, step by step (protocol 10.6) ---------------------------------------------------------


def test_the_first_diff_asks_for_a_snapshot_once_and_the_rest_waits() -> None:
    book = OrderBook(SYMBOL)
    assert [book.on_diff(diff(n, n), 0) for n in (5, 6, 7)] == [
        Sync.NEED_SNAPSHOT,
        Sync.BUFFERED,
        Sync.BUFFERED,
    ]
    assert isinstance(book.read(0, AGE), Unusable)
    assert book.on_snapshot(snapshot(5), 0) is Sync.APPLIED
    assert book.update_id == 7
    assert book.live
    assert book.resyncs == 0


def test_a_snapshot_older_than_the_buffer_is_refused_and_the_buffer_kept() -> None:
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 6), 0)
    assert book.on_snapshot(snapshot(3), 0) is Sync.NEED_SNAPSHOT
    assert (book.resyncs, book.gaps) == (0, 0)
    assert book.on_diff(diff(7, 7), 0) is Sync.BUFFERED
    assert book.on_snapshot(snapshot(4), 0) is Sync.APPLIED
    assert book.update_id == 7


def test_a_snapshot_inside_a_diff_is_bridged_by_it() -> None:
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 9), 0)
    assert book.on_snapshot(snapshot(7), 0) is Sync.APPLIED
    assert (book.live, book.update_id) == (True, 9)


def test_a_snapshot_ahead_of_the_stream_waits_for_its_bridge() -> None:
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 6), 0)
    assert book.on_snapshot(snapshot(8), 0) is Sync.APPLIED
    assert not book.live
    assert isinstance(book.read(0, AGE), Unusable)
    assert book.on_diff(diff(7, 8), 0) is Sync.IGNORED
    assert book.on_diff(diff(9, 10), 0) is Sync.APPLIED
    assert book.live


def test_a_stream_that_ends_exactly_at_the_snapshot_is_live() -> None:
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 6), 0)
    assert book.on_snapshot(snapshot(6), 0) is Sync.APPLIED
    assert book.live


def test_a_gap_behind_the_snapshot_asks_again() -> None:
    book = OrderBook(SYMBOL)
    assert book.on_snapshot(snapshot(8), 0) is Sync.APPLIED
    assert book.on_diff(diff(10, 11), 0) is Sync.NEED_SNAPSHOT
    assert book.on_diff(diff(12, 12), 0) is Sync.BUFFERED
    assert book.on_snapshot(snapshot(11), 0) is Sync.APPLIED
    assert book.update_id == 12


def test_a_gap_inside_the_buffer_keeps_what_follows_for_the_next_snapshot() -> None:
    book = OrderBook(SYMBOL)
    for n in (5, 6, 8, 9):
        book.on_diff(diff(n, n), 0)
    assert book.on_snapshot(snapshot(5), 0) is Sync.NEED_SNAPSHOT
    assert not book.live
    assert book.on_snapshot(snapshot(7), 0) is Sync.APPLIED
    assert (book.live, book.update_id) == (True, 9)


def test_a_snapshot_nobody_waits_for_changes_nothing() -> None:
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 5), 0)
    book.on_snapshot(snapshot(5), 0)
    assert book.on_snapshot(snapshot(9, bids=[(50.0, 1.0)]), 0) is Sync.IGNORED
    assert book.top() == (99.0, 1.0, 101.0, 1.0)


def test_levels_of_before_a_reconnect_are_gone() -> None:
    """F26."""
    book = live_book(market(1))
    book.invalidate("the stream was cut")
    unusable = book.read(0, AGE)
    assert isinstance(unusable, Unusable)
    assert "the stream was cut" in unusable.why
    assert book.on_diff(diff(500, 500, bids=[(99.0, 2.0)]), 0) is Sync.NEED_SNAPSHOT
    book.on_snapshot(snapshot(500), 0)
    depth = book.levels(50, 0, AGE)
    assert isinstance(depth, Depth)
    assert (depth.bids, depth.asks) == ([(99.0, 1.0)], [(101.0, 1.0)])


def test_a_question_lost_with_the_stream_is_asked_again() -> None:
    book = OrderBook(SYMBOL)
    assert book.on_diff(diff(5, 5), 0) is Sync.NEED_SNAPSHOT
    book.invalidate("the stream was cut")
    assert book.resyncs == 0
    assert book.on_diff(diff(9, 9), 0) is Sync.NEED_SNAPSHOT
    assert book.on_snapshot(snapshot(9), 0) is Sync.APPLIED
    assert book.update_id == 9


def test_a_diff_that_ends_before_it_begins_is_disorder() -> None:
    book = live_book(market(1))
    book.on_diff(market(1).diffs[0], 0)
    assert book.on_diff(diff(book.update_id + 1, book.update_id - 3), 0) is Sync.NEED_SNAPSHOT
    assert not book.live


def test_the_buffer_is_bounded_and_what_it_lost_is_noticed() -> None:
    book = OrderBook(SYMBOL, max_buffer=3)
    for n in range(5, 11):
        book.on_diff(diff(n, n), 0)
    assert book.on_snapshot(snapshot(5), 0) is Sync.NEED_SNAPSHOT
    assert book.on_snapshot(snapshot(7), 0) is Sync.APPLIED
    assert book.update_id == 10


def test_another_instrument_is_a_mistake_of_the_caller() -> None:
    book = OrderBook(SYMBOL)
    with pytest.raises(ValueError, match="ETHUSDT"):
        book.on_diff(DepthDiff("ETHUSDT", 1, 1, [], [], 0), 0)
    with pytest.raises(ValueError, match="ETHUSDT"):
        book.on_snapshot(DepthSnapshot("ETHUSDT", 1, [], []), 0)
