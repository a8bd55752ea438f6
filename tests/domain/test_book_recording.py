"""The book against Binance's own recording: its ticker is an independent oracle for the best bid and ask."""

import gzip
from bisect import bisect_right
from collections.abc import Iterator

import msgspec
import pytest

from spark_tui.domain.book import Depth, OrderBook, Sync, Unusable
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level
from tests.shared_data import shared

SYMBOL = "BTCUSDT"
AGE = 10**9
FILES = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")
KNOWN_MISSES = 2  # the venue never sent these two tickers (README of the recording)
Top = tuple[float, float, float, float]


class _Data(msgspec.Struct):
    """A depth update, a ticker or a snapshot, whichever the line is; fields of others stay empty."""

    first_id: int = msgspec.field(default=0, name="U")
    update_id: int = msgspec.field(default=0, name="u")
    snapshot_id: int = msgspec.field(default=0, name="lastUpdateId")
    bids: list[Level] = msgspec.field(default_factory=list)
    asks: list[Level] = msgspec.field(default_factory=list)
    b: list[Level] | float = 0.0
    a: list[Level] | float = 0.0
    B: float = 0.0
    A: float = 0.0


class _Line(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_lines = msgspec.json.Decoder(_Line)
_data = msgspec.json.Decoder(_Data, strict=False)


def _read() -> Iterator[DepthDiff | DepthSnapshot | tuple[int, Top]]:
    for name in FILES:
        with gzip.open(shared("data", "hftbacktest-binance", name)) as lines:
            for line in lines:
                body = line.partition(b" ")[2]
                frame = _lines.decode(body)
                if frame.stream.endswith("@trade"):
                    continue
                found = _data.decode(frame.data if frame.stream else body)
                if isinstance(found.b, list) and isinstance(found.a, list):
                    yield DepthDiff(SYMBOL, found.first_id, found.update_id, found.b, found.a, 0)
                elif found.snapshot_id:
                    yield DepthSnapshot(SYMBOL, found.snapshot_id, found.bids, found.asks)
                else:
                    assert isinstance(found.b, float)
                    assert isinstance(found.a, float)
                    yield found.update_id, (found.b, found.B, found.a, found.A)


class Recording(msgspec.Struct):
    stream: list[DepthDiff | DepthSnapshot]
    ticker_ids: list[int]
    tops: list[Top]

    def top_at(self, update_id: int) -> Top | None:
        """The last ticker up to this update; None before the first."""
        at = bisect_right(self.ticker_ids, update_id) - 1
        return self.tops[at] if at >= 0 else None


@pytest.fixture(scope="module")
def recording() -> Recording:
    events = list(_read())
    tickers = [event for event in events if isinstance(event, tuple)]
    return Recording(
        [event for event in events if not isinstance(event, tuple)],
        [update_id for update_id, _ in tickers],
        [top for _, top in tickers],
    )


def test_best_bid_and_ask_equal_the_ticker_at_every_diff(recording: Recording) -> None:
    book, compared, misses = OrderBook(SYMBOL), 0, 0
    for event in recording.stream:
        if isinstance(event, DepthSnapshot):
            assert book.on_snapshot(event, 0) is Sync.APPLIED
        elif book.on_diff(event, 0) is Sync.APPLIED and (expected := recording.top_at(event.last_id)):
            compared += 1
            misses += book.top() != expected
    assert compared == 6492
    assert misses == KNOWN_MISSES
    assert (book.resyncs, book.gaps) == (0, 0)


STEP = 29  # every 29th diff of the recording is disordered in each of three ways


def test_any_diff_dropped_repeated_or_swapped_is_reported_and_never_read(recording: Recording) -> None:
    diffs = [event for event in recording.stream if isinstance(event, DepthDiff)]
    tops: dict[int, Top | None] = {}
    snapshots: dict[int, DepthSnapshot] = {}
    book = OrderBook(SYMBOL)
    for event in recording.stream:
        if isinstance(event, DepthSnapshot):
            book.on_snapshot(event, 0)
        elif book.on_diff(event, 0) is Sync.APPLIED:
            tops[event.last_id] = book.top()
            if len(tops) % STEP == 0:
                depth = book.levels(300, 0, AGE)
                assert isinstance(depth, Depth)
                snapshots[event.last_id] = DepthSnapshot(SYMBOL, event.last_id, depth.bids, depth.asks)
    positions = [at for at, diff in enumerate(diffs[:-8]) if diff.last_id in snapshots]
    assert len(positions) > 200
    for at in positions:
        one, two, three = diffs[at + 1 : at + 4]
        for disordered in ([two], [one, one], [two, one]):
            _assert_reported(snapshots[diffs[at].last_id], [*disordered, three], tops)


def _assert_reported(start: DepthSnapshot, stream: list[DepthDiff], tops: dict[int, Top | None]) -> None:
    book = OrderBook(SYMBOL)
    book.on_snapshot(start, 0)
    book.on_diff(DepthDiff(SYMBOL, start.last_id, start.last_id, [], [], 0), 0)
    outcomes = []
    for diff in stream:
        outcomes.append(book.on_diff(diff, 0))
        if outcomes[-1] is Sync.APPLIED:
            assert book.top() == tops[book.update_id]
        else:
            assert isinstance(book.read(0, AGE), Unusable)
    assert outcomes.count(Sync.NEED_SNAPSHOT) == 1
    assert book.resyncs == 1
    assert book.top() is None
