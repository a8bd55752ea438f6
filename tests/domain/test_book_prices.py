"""What of a book may be read as a price, for how long, and how much of it is held."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.book import TRUST_S, Depth, OrderBook, Quote, Sync, Unusable
from spark_tui.domain.market import DepthDiff, Level, Top
from tests.domain.books import (
    AGE,
    SYMBOL,
    diff,
    live_book,
    market,
    small_windows,
    snapshot,
)

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
