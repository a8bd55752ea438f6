"""The scripted market: prices from a seeded random, and every view of them."""

import random

from spark_tui.domain.market import Candle
from spark_tui.link.messages import (
    BookView,
    CandlesView,
    DepthRow,
    Focus,
    TickerRow,
    Tickers,
    TradeRow,
    TradesView,
)
from tests.ui.fake_engine.line import FakeLine
from tests.ui.fake_engine.world import INTERVAL_MS, MARKET, VENUE, ManualClock


class FakeMarket(FakeLine):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.random = random.Random(7)
        self.prices = {symbol: row[0] for symbol, row in MARKET.items()}
        self.focus = Focus(symbol="BTCUSDT", venue=VENUE)
        self.book_why = ""
        self.stale: frozenset[str] = frozenset()
        self._trade_ids = 100
        self.sparks = {symbol: self._walk(symbol, 60) for symbol in MARKET}
        self.candles = {(symbol, "1m"): self._candles(symbol, "1m") for symbol in MARKET}
        self.trades = [self._trade("BTCUSDT", age_s) for age_s in range(20)]

    def own_prices(self) -> frozenset[float]:
        """At which orders of ours rest."""
        return frozenset()

    def tick(self, symbols: tuple[str, ...] = tuple(MARKET)) -> None:
        """Prices move, and everything that follows from it is pushed."""
        for symbol in symbols:
            step = float(MARKET[symbol][1])
            self.prices[symbol] = round(self.prices[symbol] + self.random.choice((-4, -1, 0, 1, 3)) * step, 8)
        if self.focus.symbol in symbols:
            self.trades.insert(0, self._trade(self.focus.symbol, 0))
            self._extend_candle()
        self.push(
            Tickers(rows=tuple(self.ticker(symbol) for symbol in symbols)),
            self.book(),
            self.trades_view(),
            self.candles_view(whole=False),
        )

    def _extend_candle(self) -> None:
        rows = self._candle_rows()
        last, price = rows[-1], self.prices[self.focus.symbol]
        rows[-1] = Candle(
            last.symbol,
            last.interval,
            last.open_ms,
            last.open,
            max(last.high, price),
            min(last.low, price),
            price,
            last.volume + 0.1,
            False,
        )

    def _candle_rows(self) -> list[Candle]:
        key = (self.focus.symbol, self.focus.interval)
        if key not in self.candles:
            self.candles[key] = self._candles(*key)
        return self.candles[key]

    def _walk(self, symbol: str, count: int) -> tuple[float, ...]:
        price, step = self.prices[symbol], float(MARKET[symbol][1])
        values = [price]
        for _ in range(count - 1):
            values.append(values[-1] + self.random.gauss(0, 60) * step)
        return tuple(reversed(values))

    def _candles(self, symbol: str, interval: str) -> list[Candle]:
        width, step = INTERVAL_MS[interval], float(MARKET[symbol][1])
        closes = self._walk(symbol, 80)
        start = self.clock.now_ms // width * width - 79 * width
        rows = []
        for index, close in enumerate(closes):
            opened = closes[index - 1] if index else close
            spread = abs(self.random.gauss(0, 40)) * step
            high, low = max(opened, close) + spread, min(opened, close) - spread
            volume = 1 + self.random.random() * 9
            rows.append(
                Candle(symbol, interval, start + index * width, opened, high, low, close, volume, index < 79)
            )
        return rows

    def _trade(self, symbol: str, age_s: int) -> TradeRow:
        self._trade_ids += 1
        return TradeRow(
            trade_id=self._trade_ids,
            price=self.prices[symbol],
            quantity=round(0.001 + self.random.random() * 0.3, 3),
            time_ms=self.clock.now_ms - age_s * 1_000,
            buyer_is_maker=self.random.random() < 0.5,
        )

    def ticker(self, symbol: str) -> TickerRow:
        price, tick = self.prices[symbol], float(MARKET[symbol][1])
        return TickerRow(
            venue=VENUE,
            symbol=symbol,
            last=price,
            change_percent=MARKET[symbol][5],
            bid=price,
            ask=price + tick,
            high=price * 1.01,
            low=price * 0.99,
            quote_volume=1e6,
            age_s=42.0 if symbol in self.stale else 0.1,
            usable=symbol not in self.stale,
            spark=self.sparks[symbol],
        )

    def book(self) -> BookView:
        symbol = self.focus.symbol
        price, tick = self.prices[symbol], float(MARKET[symbol][1])
        shape = random.Random(int(price * 10))
        asks, bids = [], []
        at_ask, at_bid = price + tick, price
        for _ in range(20):
            asks.append(DepthRow(price=round(at_ask, 8), quantity=round(0.05 + shape.random() * 2, 3)))
            own = 0.01 if round(at_bid, 8) in self.own_prices() else 0.0
            bids.append(
                DepthRow(price=round(at_bid, 8), quantity=round(0.05 + shape.random() * 2, 3), own=own)
            )
            at_ask += tick * shape.choice((1, 2, 4))
            at_bid -= tick * shape.choice((1, 2, 4))
        usable = not self.book_why
        return BookView(
            venue=VENUE,
            symbol=symbol,
            usable=usable,
            why=self.book_why,
            bids=tuple(bids) if usable else (),
            asks=tuple(asks) if usable else (),
            update_id=1,
            age_s=0.05,
        )

    def trades_view(self) -> TradesView:
        return TradesView(venue=VENUE, symbol=self.focus.symbol, rows=tuple(self.trades[:50]))

    def candles_view(self, *, whole: bool = True) -> CandlesView:
        rows = self._candle_rows()
        return CandlesView(
            venue=VENUE,
            symbol=self.focus.symbol,
            interval=self.focus.interval,
            rows=tuple(rows if whole else rows[-1:]),
            whole=whole,
        )
