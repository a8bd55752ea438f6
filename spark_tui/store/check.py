"""Behind `spark-tui tape check`: recordings through codec and order book, against their own bookTicker.

At every diff that the book applied, best bid and ask, price and size, are compared with the bookTicker of the
greatest update id not above the diff's. That ticker may arrive before or after the diff, so comparisons wait.
"""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from spark_tui.domain.book import OrderBook, Quote, Sync
from spark_tui.domain.market import BookTicker, DepthDiff, DepthSnapshot
from spark_tui.store.recordings import Frame, RecordingError, read_recording

MAX_AGE_NS = 1 << 62  # a recording is checked for being right, not for being quick
MAX_WAITING = 65_536  # tickers, and comparisons, kept per symbol while the other side is awaited
MAX_SHOWN = 5


class Codec(NamedTuple):
    """A venue's decoders, handed in because the store knows no venue: of a combined frame, of the body of a
    depth snapshot (and its symbol), and what both raise for bytes they cannot read."""

    frame: Callable[[bytes], object]
    snapshot: Callable[[bytes, str], DepthSnapshot]
    error: type[Exception]


class Mismatch(msgspec.Struct, frozen=True):
    """(bid, size, ask, size) of the book and of the ticker."""

    symbol: str
    update_id: int
    book: tuple[float, float, float, float]
    ticker: tuple[float, float, float, float]


class Counts(msgspec.Struct, kw_only=True):
    """`frames` counts every record, snapshots included; `undecoded` those that the codec refused."""

    frames: int = 0
    diffs: int = 0
    snapshots: int = 0
    gaps: int = 0
    resyncs: int = 0
    compared: int = 0
    mismatches: int = 0
    undecoded: int = 0


class Report(Counts, kw_only=True):
    """The totals, the same per symbol, and the first few mismatches."""

    files: tuple[str, ...]
    symbols: dict[str, Counts]
    first_mismatches: tuple[Mismatch, ...]


def check_files(paths: Iterable[Path], codec: Codec) -> Report:
    """Read `paths` in this order as one recording. Raises RecordingError."""
    names = tuple(paths)
    checker = Checker(codec)
    for path in names:
        for frame in read_recording(path):
            checker.take(frame)
    return checker.report(tuple(str(path) for path in names))


def render(report: Report) -> str:
    """The report as lines for people."""
    fields = list(Counts.__struct_fields__)
    rows = [["symbol", *fields]]
    rows += [[symbol, *_cells(counts, fields)] for symbol, counts in sorted(report.symbols.items())]
    rows.append(["total", *_cells(report, fields)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    for miss in report.first_mismatches:
        lines.append(f"{miss.symbol} update {miss.update_id}: book {miss.book}, bookTicker {miss.ticker}")
    return "\n".join(lines)


def _cells(counts: Counts, fields: list[str]) -> list[str]:
    return [str(getattr(counts, field)) for field in fields]


Top = tuple[float, float, float, float]


class _Symbol:
    """One symbol's book, and the comparisons that wait for their ticker."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.counts = Counts()
        self.book = OrderBook(symbol)
        self._tickers: deque[tuple[int, Top]] = deque(maxlen=MAX_WAITING)  # by rising update id
        self._waiting: deque[tuple[int, Top]] = deque(maxlen=MAX_WAITING)
        self.misses: list[Mismatch] = []

    def diff(self, diff: DepthDiff, now_ns: int) -> None:
        self.counts.diffs += 1
        if self.book.on_diff(diff, now_ns) is Sync.APPLIED:
            self._await_ticker(now_ns)

    def snapshot(self, snapshot: DepthSnapshot, now_ns: int) -> None:
        self.counts.snapshots += 1
        self.book.on_snapshot(snapshot, now_ns)

    def ticker(self, ticker: BookTicker) -> None:
        if self._tickers and ticker.update_id <= self._tickers[-1][0]:
            return
        top = (ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity)
        self._tickers.append((ticker.update_id, top))
        self._settle()

    def finish(self) -> None:
        """No more tickers will come: the last ones known decide what still waits."""
        while self._waiting:
            self._compare(*self._waiting.popleft())
        self.counts.gaps = self.book.gaps
        self.counts.resyncs = self.book.resyncs

    def _await_ticker(self, now_ns: int) -> None:
        quote = self.book.read(now_ns, MAX_AGE_NS)
        if isinstance(quote, Quote):
            self._waiting.append(
                (quote.update_id, (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity))
            )
            self._settle()

    def _settle(self) -> None:
        """Compare what no later ticker can change any more."""
        while self._waiting and self._tickers and self._tickers[-1][0] >= self._waiting[0][0]:
            self._compare(*self._waiting.popleft())

    def _compare(self, update_id: int, top: Top) -> None:
        tickers = self._tickers
        while len(tickers) > 1 and tickers[1][0] <= update_id:
            tickers.popleft()
        if not tickers or tickers[0][0] > update_id:
            return
        self.counts.compared += 1
        if tickers[0][1] != top:
            self.counts.mismatches += 1
            if len(self.misses) < MAX_SHOWN:
                self.misses.append(Mismatch(self.symbol, update_id, top, tickers[0][1]))


class Checker:
    """Takes frames one by one; `report` ends it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._symbols: dict[str, _Symbol] = {}
        self._elsewhere = Counts()  # frames without a symbol

    def take(self, frame: Frame) -> None:
        """Raises RecordingError for a futures recording, whose books follow another rule."""
        if not frame.symbol:
            self._elsewhere.frames += 1
            return
        state = self._symbols.get(frame.symbol)
        if state is None:
            state = self._symbols[frame.symbol] = _Symbol(frame.symbol)
        state.counts.frames += 1
        try:
            if frame.kind == "snapshot":
                state.snapshot(self._codec.snapshot(frame.raw, frame.symbol), frame.receipt_ns)
                return
            event = self._codec.frame(frame.raw)
        except self._codec.error:
            state.counts.undecoded += 1
            return
        if isinstance(event, BookTicker):
            state.ticker(event)
        elif isinstance(event, DepthDiff):
            if not state.counts.diffs and b'"pu":' in frame.raw:
                raise RecordingError(f"This is a futures recording ({frame.stream}); tape check reads Spot.")
            state.diff(event, frame.receipt_ns)

    def report(self, files: tuple[str, ...] = ()) -> Report:
        report = Report(files=files, symbols={}, first_mismatches=())
        for state in self._symbols.values():
            state.finish()
            report.symbols[state.symbol] = state.counts
            report.first_mismatches = (*report.first_mismatches, *state.misses)[:MAX_SHOWN]
        for counts in (self._elsewhere, *report.symbols.values()):
            for field in Counts.__struct_fields__:
                setattr(report, field, getattr(report, field) + getattr(counts, field))
        return report
