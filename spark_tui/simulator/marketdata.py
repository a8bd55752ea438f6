"""Public frames: what a market does, as the venue's streams say it (protocol section 10.3)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from spark_tui.simulator import candles
from spark_tui.simulator.fixed import show
from spark_tui.simulator.hub import Hub
from spark_tui.simulator.market import AggTrade, Market, Rolling, Trade

FAST_MS = 100
SLOW_MS = 1_000
_PARTIAL = (5, 10, 20)
_WINDOWS = {"1h": candles.HOUR, "4h": 4 * candles.HOUR, "1d": candles.DAY}
_encode = msgspec.json.Encoder().encode
Pairs = list[tuple[int, int]]


def levels(pairs: Iterable[tuple[int, int]]) -> list[list[str]]:
    return [[show(price), show(quantity)] for price, quantity in pairs]


class Feed:
    """What one market's streams need to remember between frames."""

    def __init__(self, market: Market) -> None:
        name = market.symbol.name.lower()
        self.market = market
        self.prefix = name + "@"
        self.trade = f"{name}@trade"
        self.agg_trade = f"{name}@aggTrade"
        self.book_ticker = f"{name}@bookTicker"
        self.symbol_json = _encode(market.symbol.name).decode()
        self.top = (0, 0, 0, 0)
        self.sent = {FAST_MS: market.book.update_id, SLOW_MS: market.book.update_id}
        self.slow_dirty: tuple[set[int], set[int]] = (set(), set())
        self.partial_ids: dict[str, int] = {}  # stream -> update id of its last frame


class Publisher:
    """Turns market changes into frames."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._feeds: dict[str, Feed] = {}
        self._muted: Callable[[str], bool] = lambda stream: False

    def mute(self, muted: Callable[[str], bool]) -> None:
        """Leave the streams this names to something else (a replay)."""
        self._muted = muted

    def add(self, market: Market) -> None:
        self._feeds[market.symbol.name] = Feed(market)

    def _wants(self, stream: str) -> bool:
        return self._hub.wants(stream) and not self._muted(stream)

    # engine transactions

    def traded(self, market: Market, trades: Sequence[Trade], aggregates: Sequence[AggTrade]) -> None:
        feed = self._feeds[market.symbol.name]
        if self._wants(feed.trade):
            for trade in trades:
                self._hub.publish(feed.trade, _trade(feed.symbol_json, trade))
        if self._wants(feed.agg_trade):
            for aggregate in aggregates:
                self._hub.publish(feed.agg_trade, _aggregate(feed.symbol_json, aggregate))

    def moved(self, market: Market) -> None:
        feed = self._feeds[market.symbol.name]
        if not self._wants(feed.book_ticker):
            return
        top = market.touch()
        if top == feed.top:
            return
        feed.top = top
        bid, bid_quantity, ask, ask_quantity = top
        frame = (
            f'{{"u":{market.book.update_id},"s":{feed.symbol_json},"b":"{show(bid)}","B":"{show(bid_quantity)}",'
            f'"a":"{show(ask)}","A":"{show(ask_quantity)}"}}'
        )
        self._hub.publish(feed.book_ticker, frame.encode())

    # the clock

    def fast(self, now_ms: int) -> None:
        """Every 100 ms: depth differences and partial books."""
        for feed in self._feeds.values():
            bids, asks = feed.market.book.dirty
            feed.slow_dirty[0].update(bids)
            feed.slow_dirty[1].update(asks)
            self._difference(feed, feed.prefix + "depth@100ms", FAST_MS, (bids, asks), now_ms)
            self._partial(feed, "@100ms")
            bids.clear()
            asks.clear()

    def slow(self, now_ms: int) -> None:
        """Every second: the slow twins, tickers and candles."""
        for feed in self._feeds.values():
            self._difference(feed, feed.prefix + "depth", SLOW_MS, feed.slow_dirty, now_ms)
            feed.slow_dirty[0].clear()
            feed.slow_dirty[1].clear()
            self._partial(feed, "")
            self._tickers(feed, now_ms)
        self._candles(now_ms)
        self._arrays(now_ms)

    def _difference(
        self, feed: Feed, stream: str, every: int, dirty: tuple[set[int], set[int]], now_ms: int
    ) -> None:
        book = feed.market.book
        first, feed.sent[every] = feed.sent[every] + 1, book.update_id
        if first > book.update_id or not self._wants(stream):
            return
        frame = {
            "e": "depthUpdate",
            "E": now_ms,
            "s": feed.market.symbol.name,
            "U": first,
            "u": book.update_id,
            "b": levels((p, book.quantity_at(bids=True, price=p)) for p in sorted(dirty[0], reverse=True)),
            "a": levels((p, book.quantity_at(bids=False, price=p)) for p in sorted(dirty[1])),
        }
        self._hub.publish(stream, _encode(frame))

    def _partial(self, feed: Feed, suffix: str) -> None:
        for count in _PARTIAL:
            stream = f"{feed.prefix}depth{count}{suffix}"
            if not self._wants(stream):
                continue
            update_id, bids, asks = feed.market.depth(count)
            if update_id == feed.partial_ids.get(stream):
                continue
            feed.partial_ids[stream] = update_id
            frame = {"lastUpdateId": update_id, "bids": levels(bids), "asks": levels(asks)}
            self._hub.publish(stream, _encode(frame))

    def _tickers(self, feed: Feed, now_ms: int) -> None:
        market, prefix = feed.market, feed.prefix
        if not market.last_price:
            return
        for suffix, window, build in (
            ("ticker", candles.DAY, ticker_frame),
            ("miniTicker", candles.DAY, mini_ticker_frame),
        ):
            if self._wants(prefix + suffix):
                frame = build(market, market.rolling(now_ms, window), now_ms)
                self._hub.publish(prefix + suffix, _encode(frame))
        for label, window in _WINDOWS.items():
            stream = f"{prefix}ticker_{label}"
            if self._wants(stream):
                frame = window_frame(market, label, market.rolling(now_ms, window), now_ms)
                self._hub.publish(stream, _encode(frame))
        if self._wants(prefix + "avgPrice"):
            frame = {
                "e": "avgPrice",
                "E": now_ms,
                "s": market.symbol.name,
                "i": "5m",
                "w": show(market.average_price(now_ms)),
                "T": market.trades[-1].ms if market.trades else now_ms,
            }
            self._hub.publish(prefix + "avgPrice", _encode(frame))

    def _arrays(self, now_ms: int) -> None:
        traded = [feed.market for feed in self._feeds.values() if feed.market.last_price]
        if self._wants("!miniTicker@arr"):
            frames = [mini_ticker_frame(m, m.rolling(now_ms, candles.DAY), now_ms) for m in traded]
            self._hub.publish("!miniTicker@arr", _encode(frames))
        for label, window in _WINDOWS.items():
            stream = f"!ticker_{label}@arr"
            if self._wants(stream):
                frames = [window_frame(m, label, m.rolling(now_ms, window), now_ms) for m in traded]
                self._hub.publish(stream, _encode(frames))

    def _candles(self, now_ms: int) -> None:
        by_prefix = {feed.prefix: feed.market for feed in self._feeds.values()}
        for stream in self._hub.streams():
            name, found, rest = stream.partition("@kline_")
            market = by_prefix.get(name + "@")
            if not found or market is None or self._muted(stream):
                continue
            interval, _, zone = rest.partition("@")
            if interval not in candles.INTERVALS or (interval != "1s" and now_ms // SLOW_MS % 2):
                continue
            offset = zone_offset_ms(zone) if zone else 0
            if offset is None:
                continue
            for frame in kline_frames(market, interval, now_ms, offset):
                self._hub.publish(stream, _encode(frame))


def _trade(symbol_json: str, trade: Trade) -> bytes:
    maker = "true" if trade.buyer_is_maker else "false"
    return (
        f'{{"e":"trade","E":{trade.ms},"s":{symbol_json},"t":{trade.id},"p":"{show(trade.price)}",'
        f'"q":"{show(trade.quantity)}","T":{trade.ms},"m":{maker},"M":true}}'
    ).encode()


def _aggregate(symbol_json: str, aggregate: AggTrade) -> bytes:
    maker = "true" if aggregate.buyer_is_maker else "false"
    return (
        f'{{"e":"aggTrade","E":{aggregate.ms},"s":{symbol_json},"a":{aggregate.id},"p":"{show(aggregate.price)}",'
        f'"q":"{show(aggregate.quantity)}","f":{aggregate.first_id},"l":{aggregate.last_id},"T":{aggregate.ms},'
        f'"m":{maker},"M":true}}'
    ).encode()


def percent(change: int, start: int) -> str:
    """Three places, as the venue prints a price change in per cent."""
    return f"{change / start * 100 if start else 0.0:.3f}"


def ticker_frame(market: Market, window: Rolling, now_ms: int) -> dict[str, Any]:
    bid, bid_quantity, ask, ask_quantity = market.touch()
    last_quantity = market.trades[-1].quantity if market.trades else 0
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": market.symbol.name,
        "p": show(window.change),
        "P": percent(window.change, window.open),
        "w": show(window.average),
        "x": show(window.previous_close),
        "c": show(window.last),
        "Q": show(last_quantity),
        "b": show(bid),
        "B": show(bid_quantity),
        "a": show(ask),
        "A": show(ask_quantity),
        "o": show(window.open),
        "h": show(window.high),
        "l": show(window.low),
        "v": show(window.base),
        "q": show(window.quote),
        "O": window.open_ms,
        "C": window.close_ms,
        "F": market.trade_id - window.trades + 1,
        "L": market.trade_id,
        "n": window.trades,
    }


def mini_ticker_frame(market: Market, window: Rolling, now_ms: int) -> dict[str, Any]:
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": market.symbol.name,
        "c": show(window.last),
        "o": show(window.open),
        "h": show(window.high),
        "l": show(window.low),
        "v": show(window.base),
        "q": show(window.quote),
    }


def window_frame(market: Market, label: str, window: Rolling, now_ms: int) -> dict[str, Any]:
    return {
        "e": f"{label}Ticker",
        "E": now_ms,
        "s": market.symbol.name,
        "p": show(window.change),
        "P": percent(window.change, window.open),
        "o": show(window.open),
        "h": show(window.high),
        "l": show(window.low),
        "c": show(window.last),
        "w": show(window.average),
        "v": show(window.base),
        "q": show(window.quote),
        "O": window.open_ms,
        "C": window.close_ms,
        "F": market.trade_id - window.trades + 1,
        "L": market.trade_id,
        "n": window.trades,
    }


def kline_frames(market: Market, interval: str, now_ms: int, offset_ms: int) -> list[dict[str, Any]]:
    """The current bar, and before it the one that closed since the last frame."""
    bars = market.candles.read(interval, now_ms=now_ms, limit=2, offset_ms=offset_ms)
    frames: list[dict[str, Any]] = []
    for bar in bars:
        close_ms = candles.close_of(bar[0], interval, offset_ms)
        closed = close_ms < now_ms
        if closed and now_ms - close_ms > 2 * SLOW_MS:
            continue
        frames.append(
            {
                "e": "kline",
                "E": now_ms,
                "s": market.symbol.name,
                "k": {
                    "t": bar[0],
                    "T": close_ms,
                    "s": market.symbol.name,
                    "i": interval,
                    "f": market.trade_id - bar[7] + 1 if bar[7] else -1,
                    "L": market.trade_id if bar[7] else -1,
                    "o": show(bar[1]),
                    "c": show(bar[4]),
                    "h": show(bar[2]),
                    "l": show(bar[3]),
                    "v": show(bar[5]),
                    "n": bar[7],
                    "x": closed,
                    "q": show(bar[6]),
                    "V": show(bar[8]),
                    "Q": show(bar[9]),
                    "B": "0",
                },
            }
        )
    return frames


def zone_offset_ms(text: str) -> int | None:
    """Milliseconds of a time zone such as "+08:00", "-3" or "5:45"; None when it is not one (-12:00 ..
    +14:00)."""
    sign = -1 if text.startswith("-") else 1
    hours, _, minutes = text.lstrip("+-").partition(":")
    if not (hours.isdecimal() and (not minutes or (minutes.isdecimal() and len(minutes) == 2))):
        return None
    offset = sign * (int(hours) * 60 + int(minutes or 0))
    if not -12 * 60 <= offset <= 14 * 60 or int(minutes or 0) > 59:
        return None
    return offset * candles.MINUTE
