"""One symbol's public state: book, trades, candles, prices. No sockets, no accounts."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from spark_tui.simulator.candles import MINUTE, Bar, Candles
from spark_tui.simulator.fixed import SCALE, notional
from spark_tui.simulator.matching import Book, Execution
from spark_tui.simulator.symbols import Symbol

_TRADES_KEPT = 1_000
_AVERAGE_MINUTES = 5


class Trade(NamedTuple):
    id: int
    price: int
    quantity: int
    ms: int
    buyer_is_maker: bool


class AggTrade(NamedTuple):
    """All fills of one taker at one price."""

    id: int
    price: int
    quantity: int
    first_id: int
    last_id: int
    ms: int
    buyer_is_maker: bool


class MarketSink(Protocol):
    """Who is told about changes, at the end of each engine transaction."""

    def traded(self, market: "Market", trades: Sequence[Trade], aggregates: Sequence[AggTrade]) -> None: ...

    def moved(self, market: "Market") -> None:
        """The book may have another top."""
        ...


class Rolling(NamedTuple):
    """A window's statistics; prices and volumes in 1e-8."""

    open: int
    high: int
    low: int
    last: int
    previous_close: int
    base: int
    quote: int
    trades: int
    open_ms: int
    close_ms: int

    @property
    def average(self) -> int:
        return self.quote * SCALE // self.base if self.base else self.last

    @property
    def change(self) -> int:
        return self.last - self.open


class Market:
    """Trades are recorded here and nowhere else, so ids, candles, averages and the last price agree."""

    def __init__(
        self, symbol: Symbol, sink: MarketSink, *, update_id: int, trade_id: int, agg_id: int
    ) -> None:
        self.symbol = symbol
        self.book = Book(update_id)
        self.candles = Candles()
        self.trades: deque[Trade] = deque(maxlen=_TRADES_KEPT)
        self.aggregates: deque[AggTrade] = deque(maxlen=_TRADES_KEPT)
        self.last_price = 0
        self.trade_id = trade_id
        self.agg_id = agg_id
        self._sink = sink
        self._minutes: deque[tuple[int, int, int]] = deque(maxlen=_AVERAGE_MINUTES)

    def record(self, executions: Sequence[Execution], *, taker_buys: bool, ms: int) -> list[Trade]:
        """Turn one taker's executions into trades with ids; prevented ones print nothing. One trade is
        returned for each execution that traded, in order."""
        trades: list[Trade] = []
        for execution in executions:
            if execution.prevented:
                continue
            self.trade_id += 1
            trades.append(Trade(self.trade_id, execution.price, execution.quantity, ms, not taker_buys))
        if trades:
            self.observe(trades)
        return trades

    def observe(self, trades: Sequence[Trade]) -> None:
        """Take in trades of one taker, made here or recorded elsewhere."""
        aggregates: list[AggTrade] = []
        for trade in trades:
            self.trades.append(trade)
            self.candles.trade(trade.ms, trade.price, trade.quantity, taker_buys=not trade.buyer_is_maker)
            self._average_in(trade)
            before = aggregates[-1] if aggregates else None
            if before is not None and before.price == trade.price:
                aggregates[-1] = before._replace(quantity=before.quantity + trade.quantity, last_id=trade.id)
            else:
                self.agg_id += 1
                aggregates.append(
                    AggTrade(self.agg_id, trade.price, trade.quantity, trade.id, trade.id, *trade[3:])
                )
        self.trade_id = trades[-1].id
        self.last_price = trades[-1].price
        self.aggregates.extend(aggregates)
        self._sink.traded(self, trades, aggregates)

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """(update id, bids, asks) as the public sees them, best first."""
        book = self.book
        return book.update_id, book.levels(bids=True, limit=limit), book.levels(bids=False, limit=limit)

    def touch(self) -> tuple[int, int, int, int]:
        """(bid, bid quantity, ask, ask quantity) as the public sees them; zeros for an empty side."""
        return self.book.top()

    def moved(self) -> None:
        """Say that a transaction that may have changed the book has ended."""
        self._sink.moved(self)

    def _average_in(self, trade: Trade) -> None:
        minute = trade.ms // MINUTE
        quote = notional(trade.price, trade.quantity)
        if self._minutes and self._minutes[-1][0] == minute:
            _, base, total = self._minutes[-1]
            self._minutes[-1] = (minute, base + trade.quantity, total + quote)
        else:
            self._minutes.append((minute, trade.quantity, quote))

    def average_price(self, now_ms: int) -> int:
        """Volume-weighted over the last five minutes; the last price when nothing traded (0 = no price
        at all)."""
        oldest = now_ms // MINUTE - _AVERAGE_MINUTES
        base = sum(entry[1] for entry in self._minutes if entry[0] > oldest)
        quote = sum(entry[2] for entry in self._minutes if entry[0] > oldest)
        return quote * SCALE // base if base else self.last_price

    def rolling(self, now_ms: int, window_ms: int) -> Rolling:
        """Statistics over the last `window_ms`, from minute candles."""
        count = max(1, window_ms // MINUTE)
        bars = self.candles.read("1m", now_ms=now_ms, limit=count + 1)
        return summarise(bars, self.last_price, now_ms - window_ms, now_ms)


def summarise(bars: Sequence[Bar], last: int, open_ms: int, close_ms: int) -> Rolling:
    """Fold candles into one window; the first bar only lends its close as the previous one."""
    if not bars:
        return Rolling(last, last, last, last, last, 0, 0, 0, open_ms, close_ms)
    before, window = bars[0], bars[1:] or bars
    return Rolling(
        window[0][1],
        max(bar[2] for bar in window),
        min(bar[3] for bar in window),
        window[-1][4],
        before[4],
        sum(bar[5] for bar in window),
        sum(bar[6] for bar in window),
        sum(bar[7] for bar in window),
        open_ms,
        close_ms,
    )
