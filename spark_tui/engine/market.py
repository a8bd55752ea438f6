"""Feeds of one venue -> books, tickers, trades and candles. The hot path: decoded events arrive here one by
one."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

from spark_tui.domain.book import Depth, OrderBook, Quote, Sync, Unusable
from spark_tui.domain.market import (
    BookTicker,
    Candle,
    DepthDiff,
    DepthRestart,
    DepthSnapshot,
    Level,
    MarketEvent,
    Ticker,
    Top,
    Trade,
)
from spark_tui.engine.candles import CandleSeries, Spark
from spark_tui.engine.resync import ResyncQueue
from spark_tui.wire.clock import NS_PER_S, Clock

TRADES_KEPT = 50
_PATIENCE = 3  # diffs after which a top that was contradicted is not waited for any longer
_CONTRADICTED = "its top is not what the venue's own ticker says"
MAX_SERIES = 16  # candle intervals of one symbol that are kept


class SymbolMarket:
    """What is known of one symbol. The `*_version` counters let each face send only what changed."""

    __slots__ = (
        "best",
        "best_resyncs",
        "book",
        "candles",
        "depth_version",
        "doubts",
        "heard_ns",
        "mismatches",
        "spark",
        "symbol",
        "ticker",
        "ticker_version",
        "trades",
        "trades_version",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.book = OrderBook(symbol)
        self.ticker: Ticker | None = None
        self.best: BookTicker | None = None
        self.best_resyncs = 0  # the book's, when `best` came
        self.doubts = 0  # above 0: a ticker contradicted the top, so many diffs ago; not a price meanwhile
        self.mismatches = 0  # tops of the book that the venue's ticker contradicted
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.candles: OrderedDict[str, CandleSeries] = OrderedDict()  # by interval
        self.spark = Spark()
        self.heard_ns = 0  # monotonic; 0 = never
        self.ticker_version = 0
        self.depth_version = 0
        self.trades_version = 0

    def age_s(self, now_ns: int) -> float:
        """Seconds since anything was heard; infinity when nothing ever was."""
        return (now_ns - self.heard_ns) / NS_PER_S if self.heard_ns else float("inf")

    def series(self, interval: str) -> CandleSeries:
        found = self.candles.get(interval)
        if found is None:
            found = self.candles[interval] = CandleSeries()
            if len(self.candles) > MAX_SERIES:
                self.candles.popitem(last=False)
        return found

    def close_at(self, time_ms: int) -> float | None:
        """What the minute of `time_ms` closed at, as far back as it is known."""
        close = self.spark.close_at(time_ms)
        if close is not None or "1m" not in self.candles:
            return close
        return self.candles["1m"].close_at(time_ms, 60_000)

    def last_price(self) -> float | None:
        """The newest trade, or the day's ticker where no trades are streamed."""
        if self.trades:
            return self.trades[-1].price
        return self.ticker.last if self.ticker else None


class Market:
    """All symbols of one venue. `on_event` is the venue's market sink and must stay cheap."""

    def __init__(
        self,
        venue: str,
        symbols: tuple[str, ...],
        clock: Clock,
        resync: ResyncQueue,
        *,
        max_age_s: float,
    ) -> None:
        self.venue = venue
        self.symbols = {symbol: SymbolMarket(symbol) for symbol in symbols}
        self.events = 0
        self.holes: set[tuple[str, str]] = set()  # (symbol, interval) whose history wants fetching again
        self.strangers = 0  # events of symbols nobody asked for
        self.listener: Callable[[MarketEvent], None] = _nobody  # told once a book has taken the event
        self._clock = clock
        self._resync = resync
        self._max_age_ns = round(max_age_s * NS_PER_S)
        self._mono_ns = clock.mono_ns
        self._handlers: dict[type, Callable[[SymbolMarket, Any, int], None]] = {
            DepthDiff: self._on_diff,
            Trade: self._on_trade,
            BookTicker: self._on_best,
            Ticker: self._on_ticker,
            Candle: self._on_candle,
            DepthRestart: self._on_restart,
            DepthSnapshot: self._on_snapshot,
        }

    def on_event(self, event: MarketEvent, receipt_ns: int) -> None:
        """One decoded frame. `receipt_ns` is for the tape; ages here are monotonic."""
        self.events += 1
        market = self.symbols.get(event.symbol)
        if market is None:
            self.strangers += 1
            return
        now, kind = self._mono_ns(), type(event)
        if kind is not DepthRestart:  # which is our own word
            market.heard_ns = now
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(market, event, now)
        self.listener(event)

    def on_snapshot(self, snapshot: DepthSnapshot) -> bool:
        """A fetched snapshot; False when it came too late and another one is needed."""
        market = self.symbols[snapshot.symbol]
        market.depth_version += 1
        usable = market.book.on_snapshot(snapshot, self._mono_ns()) is not Sync.NEED_SNAPSHOT
        self.listener(snapshot)
        return usable

    def quote(self, symbol: str) -> Quote | Unusable:
        """The price that may enter a decision, or why there is none."""
        book = self._undoubted(symbol)
        return book if isinstance(book, Unusable) else book.read(self._mono_ns(), self._max_age_ns)

    def depth(self, symbol: str, count: int) -> Depth | Unusable:
        book = self._undoubted(symbol)
        if isinstance(book, Unusable):
            return book
        return book.levels(count, self._mono_ns(), self._max_age_ns)

    def best_first(self, symbol: str, count: int, *, bids: bool) -> Iterator[Level] | Unusable:
        """One side's levels, looked up as they are read; see `OrderBook.best_first`."""
        book = self._undoubted(symbol)
        if isinstance(book, Unusable):
            return book
        return book.best_first(count, self._mono_ns(), self._max_age_ns, bids=bids)

    def _undoubted(self, symbol: str) -> OrderBook | Unusable:
        market = self.symbols.get(symbol)
        if market is None:
            return Unusable(f"{symbol} is not streamed")
        return Unusable(_CONTRADICTED) if market.doubts else market.book

    @property
    def soon_s(self) -> float:
        """A book of this age will soon be no price, unless it is renewed."""
        return self._max_age_ns / 2 / NS_PER_S

    def aging(self) -> set[str]:
        """Symbols whose book will soon be no price, or is none."""
        now, age_ns = self._mono_ns(), self._max_age_ns // 2
        return {symbol for symbol, market in self.symbols.items() if market.book.older_than(age_ns, now)}

    def unproved(self) -> dict[str, float]:
        """For how many seconds no update and no number of the venue proved each book that is there; infinite
        where nothing ever did."""
        now, found = self._mono_ns(), {}
        for symbol, market in self.symbols.items():
            unproved_ns = market.book.unproved_ns(now)
            if market.book.live or market.book.bridging:
                found[symbol] = inf if unproved_ns is None else unproved_ns / NS_PER_S
        return found

    def confirmed(self, symbol: str) -> bool:
        """Whether its book is right as of a moment ago, by an update or by the venue's word."""
        market = self.symbols.get(symbol)
        return market is not None and not market.book.older_than(self._max_age_ns, self._mono_ns())

    def confirm(self, symbol: str, last_id: int, asked_ns: int) -> bool:
        """The venue stands at `last_id`, asked at `asked_ns`; see `OrderBook.confirm`."""
        market = self.symbols[symbol]
        market.depth_version += 1
        return market.book.confirm(last_id, asked_ns)

    def confirm_top(self, top: Top, asked_ns: int) -> bool:
        """The venue has this top, asked at `asked_ns`; see `OrderBook.confirm_top`."""
        market = self.symbols[top.symbol]
        market.depth_version += 1
        return market.book.confirm_top(top, asked_ns)

    def reload(self, symbol: str, why: str) -> None:
        """Its book is wrong: begin again from a snapshot."""
        market = self.symbols[symbol]
        market.doubts = 0
        market.depth_version += 1
        market.book.invalidate(why)
        self._resync.want(symbol)

    def last_price(self, symbol: str) -> float | None:
        market = self.symbols.get(symbol)
        return market.last_price() if market else None

    def gaps(self) -> int:
        return sum(market.book.gaps for market in self.symbols.values())

    def _on_diff(self, market: SymbolMarket, diff: DepthDiff, now: int) -> None:
        market.depth_version += 1
        if market.doubts:  # the next ticker decides; where none comes, a snapshot does
            market.doubts += 1
            if market.doubts > _PATIENCE:
                self._discard(market)
        if market.book.on_diff(diff, now) is Sync.NEED_SNAPSHOT:
            self._resync.want(market.symbol)

    def _on_restart(self, market: SymbolMarket, restart: DepthRestart, now: int) -> None:
        market.book.restart(now)

    def _on_trade(self, market: SymbolMarket, trade: Trade, now: int) -> None:
        market.trades.append(trade)
        market.trades_version += 1
        market.spark.price(trade.time_ms, trade.price)

    def _on_best(self, market: SymbolMarket, best: BookTicker, now: int) -> None:
        """The ticker before told the top at the book's update id, if this one is the first beyond that."""
        before, book = market.best, market.book
        if before is not None and before.update_id <= book.update_id < best.update_id:
            self._compare(market, before)
        market.best = best
        market.best_resyncs = book.resyncs
        market.ticker_version += 1

    def _compare(self, market: SymbolMarket, told: BookTicker) -> None:
        """A top that is not what the venue's other stream says is no price: nobody knows which of them is
        right (a changed digit on a plain line). Once may be a ticker that was never sent, so it is the second
        time that discards the book. Not across a resync: tickers may be missing then, too."""
        book = market.book
        if book.resyncs != market.best_resyncs:
            return
        top = book.top()
        if top is None or top == (told.bid, told.bid_quantity, told.ask, told.ask_quantity):
            market.doubts = 0
            return
        market.mismatches += 1
        if market.doubts:
            self._discard(market)
        else:
            market.doubts = 1
        market.depth_version += 1

    def _discard(self, market: SymbolMarket) -> None:
        market.doubts = 0
        market.book.invalidate(_CONTRADICTED)  # the next diff asks for a snapshot

    def _on_ticker(self, market: SymbolMarket, ticker: Ticker, now: int) -> None:
        market.ticker = ticker
        market.ticker_version += 1
        market.spark.price(ticker.time_ms, ticker.last)

    def _on_candle(self, market: SymbolMarket, candle: Candle, now: int) -> None:
        series = market.series(candle.interval)
        if series.merge(candle):
            self.holes.add((market.symbol, candle.interval))

    def _on_snapshot(self, market: SymbolMarket, snapshot: DepthSnapshot, now: int) -> None:
        if not self.on_snapshot(snapshot):
            self._resync.want(market.symbol)


def _nobody(event: MarketEvent) -> None:
    """Nobody listens."""
