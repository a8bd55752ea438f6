"""What a 50-level depth diff costs the book, its top read each time. Prints a table; asserts nothing.

Run: python -m benchmarks.book_bench [seconds]
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator

from benchmarks.table import PERCENTILES, machine, percentiles, show
from spark_tui.domain.book import OrderBook
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level

TICK = 0.01
LEVELS = 1000
CHANGES = 25  # a side, so 50 a diff
MAX_AGE_NS = 10**12


def _side(rng: random.Random, touch: int, away: int, count: int) -> list[Level]:
    """Changes as seen on BTCUSDT: half of them near the touch, a third of them deletions, some far out."""
    changes: list[Level] = []
    for _ in range(count):
        steps = min(int(rng.expovariate(1 / 120)), 20_000)
        quantity = 0.0 if rng.random() < 0.35 else round(rng.random(), 5) + 0.00001
        changes.append(((touch + away * steps) * TICK, quantity))
    return changes


def _diffs(rng: random.Random, first_id: int) -> Iterator[DepthDiff]:
    """A walking market: the touch moves a few ticks a diff and sweeps what it walks over."""
    middle, update_id = 6_700_000, first_id
    while True:
        before = middle
        middle += rng.randint(-3, 3)
        bids: list[Level] = [(price * TICK, 0.0) for price in range(middle, before)]
        asks: list[Level] = [(price * TICK, 0.0) for price in range(before + 1, middle + 1)]
        bids.append(((middle - 1) * TICK, 1.0))
        asks.append(((middle + 1) * TICK, 1.0))
        bids += _side(rng, middle - 1, -1, CHANGES - len(bids))
        asks += _side(rng, middle + 1, 1, CHANGES - len(asks))
        yield DepthDiff("BTCUSDT", update_id + 1, update_id + 40, bids, asks, 0)
        update_id += 40


def _snapshot() -> DepthSnapshot:
    bids = [((6_700_000 - 1 - k) * TICK, 0.5) for k in range(LEVELS)]
    asks = [((6_700_000 + 1 + k) * TICK, 0.5) for k in range(LEVELS)]
    return DepthSnapshot("BTCUSDT", 1000, bids, asks)


def _measure(seconds: float, read: Callable[[OrderBook], object]) -> tuple[list[int], int]:
    book, diffs = OrderBook("BTCUSDT"), _diffs(random.Random(7), 1000)
    samples: list[int] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        batch = [next(diffs) for _ in range(500)]
        if not book.live:
            book.invalidate("start")
            snapshot = _snapshot()
            snapshot = DepthSnapshot("BTCUSDT", batch[0].first_id - 1, snapshot.bids, snapshot.asks)
            book.on_snapshot(snapshot, 0)
        for diff in batch:
            started = time.perf_counter_ns()
            book.on_diff(diff, 0)
            read(book)
            samples.append(time.perf_counter_ns() - started)
    return samples, book.resyncs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=3.0, help="of every case")
    seconds = parser.parse_args().seconds
    cases: dict[str, Callable[[OrderBook], object]] = {
        "apply": lambda book: None,
        "apply + best bid and ask": lambda book: book.read(0, MAX_AGE_NS),
        "apply + 10 levels a side": lambda book: book.levels(10, 0, MAX_AGE_NS),
        "apply + 20 levels a side": lambda book: book.levels(20, 0, MAX_AGE_NS),
    }
    rows = []
    for name, read in cases.items():
        samples, resyncs = _measure(seconds, read)
        rows.append((name, *percentiles([ns / 1e3 for ns in samples]), len(samples), resyncs))
    print(machine())
    show("A 50-level diff on the book, us", ("", *PERCENTILES, "diffs", "resyncs"), rows)


if __name__ == "__main__":
    main()
