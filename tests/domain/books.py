"""A venue's own book beside ours: what it truly is after every update, and its diffs and snapshots."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import msgspec

from spark_tui.domain import book_levels
from spark_tui.domain.book import OrderBook, Quote, Sync, Unusable
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level

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


def diff(
    first_id: int, last_id: int, bids: list[Level] | None = None, asks: list[Level] | None = None
) -> DepthDiff:
    return DepthDiff(SYMBOL, first_id, last_id, bids or [(99.0, 5.0)], asks or [], 0)


def snapshot(last_id: int, bids: list[Level] | None = None, asks: list[Level] | None = None) -> DepthSnapshot:
    return DepthSnapshot(SYMBOL, last_id, bids or [(99.0, 1.0)], asks or [(101.0, 1.0)])
