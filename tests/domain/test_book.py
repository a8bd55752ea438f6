"""The book equals a reference or is unusable (DESIGN 3.4, F26-F29, F31, F32), for generated streams."""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import book_levels
from spark_tui.domain.book import TRUST_S, Depth, OrderBook, Quote, Sync, Unusable
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level, Top

SYMBOL = "BTCUSDT"
AGE = 10**9


class Truth(msgspec.Struct):
    """The venue's own book: the whole of it after every update, by a plain dict."""

    diffs: list[DepthDiff]
    books: dict[int, tuple[dict[float, float], dict[float, float]]]
    start: int

    def snapshot(self, update_id: int) -> DepthSnapshot:
        bids, asks = self.books[update_id]
        return DepthSnapshot(SYMBOL, update_id, sorted(bids.items(), reverse=True), sorted(asks.items()))

    def depth(self, update_id: int) -> tuple[list[Level], list[Level]]:
        snapshot = self.snapshot(update_id)
        return snapshot.bids, snapshot.asks


def market(seed: int, diffs: int = 14, levels: int = 12) -> Truth:
    """A walking book: each diff moves the touch and rewrites levels around it, many of them deletions."""
    rng = random.Random(seed)
    middle, update_id = 1000, 100
    bids = {float(middle - 1 - k): 1.0 for k in range(levels)}
    asks = {float(middle + 1 + k): 1.0 for k in range(levels)}
    truth = Truth([], {update_id: (dict(bids), dict(asks))}, update_id)
    for _ in range(diffs):
        middle += rng.randint(-4, 4)
        changes: tuple[dict[float, float], dict[float, float]] = ({}, {})
        for side, changed in ((bids, changes[0]), (asks, changes[1])):
            sign = -1 if side is bids else 1
            changed |= {price: 0.0 for price in side if (price - middle) * sign <= 0}
            for _ in range(rng.randint(1, 8)):
                price = float(middle + sign * rng.randint(1, levels))
                changed[price] = rng.choice([0.0, 0.0, 0.5, 1.5])
            if rng.random() < 0.9:
                changed[float(middle + sign)] = rng.choice([0.25, 2.0])
            for price, quantity in changed.items():
                side[price] = quantity
                if not quantity:
                    del side[price]
        first_id, update_id = update_id + 1, update_id + rng.randint(1, 3)
        diff = DepthDiff(SYMBOL, first_id, update_id, list(changes[0].items()), list(changes[1].items()), 0)
        truth.diffs.append(diff)
        truth.books[update_id] = (dict(bids), dict(asks))
    return truth


@contextmanager
def small_windows(size: int) -> Iterator[None]:
    """Let generated books of a dozen levels reach every path that real ones reach with thousands."""
    with mock.patch.multiple(book_levels, _WINDOW=size, _SHORT=max(size // 2, 1)):
        yield


def assert_true_or_unusable(book: OrderBook, truth: Truth) -> None:
    depth, quote = book.levels(50, 0, AGE), book.read(0, AGE)
    if isinstance(depth, Unusable):
        assert isinstance(quote, Unusable)
        assert isinstance(book.best_first(50, 0, AGE, bids=True), Unusable)
        assert book.top() is None
        return
    bids, asks = truth.depth(depth.update_id)
    assert (depth.bids, depth.asks) == (bids, asks)
    for count in (1, 3, 50):
        assert read(book.best_first(count, 0, AGE, bids=True)) == bids[:count]
        assert read(book.best_first(count, 0, AGE, bids=False)) == asks[:count]
    if bids and asks:
        assert isinstance(quote, Quote)
        assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (*bids[0], *asks[0])
        assert book.top() == (*bids[0], *asks[0])
    else:
        assert isinstance(quote, Unusable)
    assert book.level_count == len(bids) + len(asks)


def read(levels: Iterator[Level] | Unusable) -> list[Level]:
    assert not isinstance(levels, Unusable)
    return list(levels)


def live_book(truth: Truth, **bounds: int) -> OrderBook:
    book = OrderBook(SYMBOL, **bounds)
    assert book.on_snapshot(truth.snapshot(truth.start), 0) is Sync.APPLIED
    return book


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


def diff(
    first_id: int, last_id: int, bids: list[Level] | None = None, asks: list[Level] | None = None
) -> DepthDiff:
    return DepthDiff(SYMBOL, first_id, last_id, bids or [(99.0, 5.0)], asks or [], 0)


def snapshot(last_id: int, bids: list[Level] | None = None, asks: list[Level] | None = None) -> DepthSnapshot:
    return DepthSnapshot(SYMBOL, last_id, bids or [(99.0, 1.0)], asks or [(101.0, 1.0)])


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


# --- what cannot be read as a price ----------------------------------------------------------------------


@pytest.mark.parametrize("bid", [101.0, 102.5])
def test_a_crossed_or_locked_book_resyncs(bid: float) -> None:
    """F29."""
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    assert book.on_diff(diff(6, 6, bids=[(bid, 1.0)]), 0) is Sync.NEED_SNAPSHOT
    assert isinstance(book.read(0, AGE), Unusable)
    assert (book.resyncs, book.gaps) == (1, 0)


def test_a_crossed_snapshot_is_refused() -> None:
    book = OrderBook(SYMBOL)
    assert book.on_snapshot(snapshot(5, bids=[(102.0, 1.0)]), 0) is Sync.NEED_SNAPSHOT
    assert not book.live


BAD = [math.nan, math.inf, -math.inf, -1.0]


@pytest.mark.parametrize("bids", [True, False])
@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize(
    "level", [*((100.5, bad) for bad in BAD), *((bad, 1.0) for bad in BAD), *((bad, 0.0) for bad in BAD)]
)
def test_a_snapshot_with_a_level_that_is_no_number_is_refused(level: Level, far: bool, bids: bool) -> None:
    """At the top or hundreds of levels away: the rest of such a snapshot is no better. The next one heals."""
    rest = [(90.0 - step / 10, 1.0) if bids else (110.0 + step / 10, 1.0) for step in range(300)]
    side = [*rest, level] if far else [level, *rest]
    book = OrderBook(SYMBOL)
    book.on_diff(diff(6, 6), 0)
    bad = snapshot(5, bids=side) if bids else snapshot(5, asks=side)
    assert book.on_snapshot(bad, 0) is Sync.NEED_SNAPSHOT
    found = book.read(0, AGE)
    assert isinstance(found, Unusable)
    assert found.why == "resyncing: the snapshot carries a price or quantity that is no number"
    assert book.on_snapshot(snapshot(6), 0) is Sync.APPLIED


@pytest.mark.parametrize(
    "level", [*((price, 1.0) for price in [*BAD, 0.0]), *((100.0, quantity) for quantity in BAD)]
)
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_a_level_that_is_no_number_never_becomes_a_price(side: str, level: Level) -> None:
    """F61."""
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    bids, asks = ([level], []) if side == "bids" else ([], [level])
    assert book.on_diff(DepthDiff(SYMBOL, 6, 6, bids, asks, 0), 0) is Sync.NEED_SNAPSHOT
    assert isinstance(book.read(0, AGE), Unusable)


def test_age_makes_a_book_unusable_and_an_update_renews_it() -> None:
    """F28."""
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    book.on_diff(diff(6, 6), 1_000)
    fresh = book.read(1_000 + AGE, AGE)
    assert isinstance(fresh, Quote)
    assert fresh.age_ns == AGE
    stale = book.read(1_001 + AGE, AGE)
    assert isinstance(stale, Unusable)
    assert "1.0 s" in stale.why
    assert isinstance(book.levels(5, 1_001 + AGE, AGE), Unusable)
    book.on_diff(diff(7, 7), 1_001 + AGE)
    assert isinstance(book.read(1_001 + AGE, AGE), Quote)


def test_frames_whose_venue_time_stands_still_do_not_keep_a_book_young() -> None:
    """F28: a producer that repeats itself under new update ids. A time that steps back is another matter."""
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    book.on_diff(msgspec.structs.replace(diff(6, 6), time_ms=1_000), 0)
    for number in range(7, 30):
        book.on_diff(msgspec.structs.replace(diff(number, number), time_ms=1_000), (number - 6) * AGE // 10)
    assert isinstance(book.read(AGE, AGE), Quote)
    assert isinstance(book.read(AGE + 1, AGE), Unusable)
    book.on_diff(msgspec.structs.replace(diff(30, 30), time_ms=400), 3 * AGE)
    assert isinstance(book.read(3 * AGE, AGE), Quote)


def test_an_empty_side_has_no_price() -> None:
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    assert book.on_diff(diff(6, 6, bids=[(99.0, 0.0)]), 0) is Sync.APPLIED
    assert isinstance(book.read(0, AGE), Unusable)
    assert book.on_diff(diff(7, 7, bids=[(98.0, 1.0)]), 0) is Sync.APPLIED
    assert book.top() == (98.0, 1.0, 101.0, 1.0)


# --- bounds ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(3, 10))
def test_levels_are_bounded_and_a_top_that_returns_to_them_resyncs(seed: int, bound: int) -> None:
    """F31: what was let go is never mistaken for an empty book."""
    truth = market(seed, diffs=30, levels=30)
    with small_windows(2):
        book = live_book(truth, max_levels=bound)
        for change in truth.diffs:
            outcome = book.on_diff(change, 0)
            if outcome is Sync.NEED_SNAPSHOT:
                assert book.on_snapshot(truth.snapshot(change.last_id), 0) is Sync.APPLIED
            assert book.level_count <= 2 * (bound + 60)
            quote = book.read(0, AGE)
            if isinstance(quote, Quote):
                bids, asks = truth.depth(quote.update_id)
                assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (*bids[0], *asks[0])


def test_a_day_of_walking_prices_holds_a_bounded_book() -> None:
    book = OrderBook(SYMBOL, max_levels=500)
    book.on_snapshot(snapshot(0, bids=[(10_000.0, 1.0)], asks=[(10_001.0, 1.0)]), 0)
    for n in range(1, 5_000):
        touch = 10_000.0 + n
        book.on_diff(diff(n, n, bids=[(touch, 1.0)], asks=[(touch, 0.0), (touch + 1, 1.0)]), 0)
        assert book.level_count <= 2 * 501
    assert book.top() == (14_999.0, 1.0, 15_000.0, 1.0)
    assert book.resyncs == 0


def test_a_book_that_stands_where_the_venue_stands_is_young_again() -> None:
    """A quiet market sends no diffs; the venue's word on its update counts from when it was asked."""
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    assert isinstance(book.read(0, AGE), Unusable)
    assert book.confirm(5, 10)  # and it needs no diff to begin with
    assert isinstance(book.read(10 + AGE, AGE), Quote)
    assert isinstance(book.read(11 + AGE, AGE), Unusable)
    assert not book.confirm(6, 20)
    assert not book.confirm(4, 20)
    assert isinstance(book.read(20 + AGE, AGE), Unusable)
    assert book.confirm(5, 30)
    assert book.confirm(5, 20)  # an answer that was overtaken makes nothing older
    assert isinstance(book.read(30 + AGE, AGE), Quote)
    book.invalidate("the stream was lost")
    assert not book.confirm(5, 40)
    assert not book.confirm(0, 40)
    assert isinstance(book.read(40, AGE), Unusable)


def test_the_venues_top_keeps_a_book_young_while_its_whole_was_proved_lately() -> None:
    """A top tells nothing of what lies behind it: an update or the venue's number has to, now and then."""
    trust = TRUST_S * 1_000_000_000
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    bid, ask = snapshot(5).bids[0], snapshot(5).asks[0]
    same = Top(SYMBOL, *bid, *ask)
    assert not book.confirm_top(same, 5)  # nobody proved it yet
    assert book.unproved_ns(5) is None
    book.confirm(5, 10)
    assert book.confirm_top(same, 10 + trust)
    assert isinstance(book.read(10 + trust + AGE, AGE), Quote)
    assert isinstance(book.levels(5, 10 + trust + AGE, AGE), Depth)
    assert book.unproved_ns(10 + trust) == trust
    assert not book.confirm_top(same, 11 + trust)
    book.confirm(5, 11 + trust)
    for other in (Top(SYMBOL, bid[0], bid[1] + 1, *ask), Top(SYMBOL, *bid, ask[0], 0.0)):
        assert not book.confirm_top(other, 12 + trust)
    assert book.confirm_top(same, 12)  # an answer that was overtaken makes nothing older
    assert isinstance(book.read(11 + trust + AGE, AGE), Quote)
    book.invalidate("the stream was lost")
    assert not book.confirm_top(same, 13 + trust)


def test_after_its_stream_began_anew_only_an_update_or_the_number_proves_a_book() -> None:
    book = OrderBook(SYMBOL)
    book.on_snapshot(snapshot(5), 0)
    same = Top(SYMBOL, *snapshot(5).bids[0], *snapshot(5).asks[0])
    assert book.confirm(5, 10)
    book.restart(20)
    assert book.unproved_ns(21) is None
    assert not book.confirm_top(same, 21)
    assert isinstance(book.read(10 + AGE, AGE), Quote)  # as old as it is
    assert book.confirm(5, 19)  # asked before: right then, and no word on what was missed since
    assert not book.confirm_top(same, 22)
    assert book.confirm(5, 23)
    assert book.confirm_top(same, 24)
    book.restart(30)
    book.on_diff(DepthDiff(SYMBOL, 6, 6, [], [], 1), 31)  # it follows: none was missed
    assert book.confirm_top(same, 32)


def test_diffs_from_before_a_restart_continue_no_snapshot() -> None:
    """It was asked for before the line was lost: what both tell is as old, whenever the answer comes."""
    book = OrderBook(SYMBOL)
    book.on_diff(diff(5, 5), 10)
    book.restart(20)
    assert book.on_snapshot(snapshot(5), 21) is Sync.APPLIED
    assert isinstance(book.read(21, AGE), Unusable)
    assert book.unproved_ns(21) is None
    assert book.confirm(5, 19)  # asked before the restart, too
    assert isinstance(book.read(19 + AGE, AGE), Quote)
    assert isinstance(book.read(20 + AGE, AGE), Unusable)
    assert book.unproved_ns(21) is None
    assert book.confirm(5, 22)
    assert book.unproved_ns(22) == 0


def test_diffs_after_a_restart_continue_a_snapshot() -> None:
    book = OrderBook(SYMBOL)
    assert book.on_diff(diff(5, 5), 10) is Sync.NEED_SNAPSHOT
    book.restart(20)
    assert book.on_diff(diff(8, 8), 21) is Sync.BUFFERED  # the snapshot is still on its way
    assert book.on_snapshot(snapshot(5), 22) is Sync.NEED_SNAPSHOT
    assert book.on_snapshot(snapshot(8), 23) is Sync.APPLIED
    assert isinstance(book.read(23, AGE), Quote)
    assert book.unproved_ns(23) == 0
