"""A small recorded market, made from a seed: diffs, the bookTickers that belong to them, and snapshots."""

import random
from pathlib import Path

import msgspec

from spark_tui.store.check import Codec
from spark_tui.store.recordings import snapshot_stream
from spark_tui.store.tape import Tape
from spark_tui.venues.binance.spot.codec_market import decode_depth_snapshot, decode_frame
from spark_tui.venues.binance.spot.numbers import CodecError

SPOT = Codec(decode_frame, decode_depth_snapshot, CodecError)
Line = tuple[int, str, bytes]  # receipt time in ns, stream, raw


class Market:
    """A book that moves by itself; `step` is one diff and the bookTickers of its updates."""

    def __init__(self, symbol: str, seed: int) -> None:
        self.symbol = symbol
        self._rng = random.Random(seed)
        self._update_id = 1000
        self._now_ns = 1_723_161_600_000_000_000
        self._mid = 5_000
        self._bids = {self._mid - n: n + 1 for n in range(1, 40)}
        self._asks = {self._mid + n: n + 1 for n in range(1, 40)}

    def step(self) -> list[Line]:
        """The tickers of some updates, the diff over all of them, and perhaps a late ticker."""
        first = self._update_id + 1
        changed: dict[bool, dict[int, int]] = {True: {}, False: {}}
        tickers: list[Line] = []
        for _ in range(self._rng.randrange(1, 6)):
            self._update_id += 1
            before = self._top()
            is_bid = self._rng.random() < 0.5
            price, quantity = self._change(is_bid)
            changed[is_bid][price] = quantity
            if self._top() != before:
                tickers.append(self._ticker())
        self._now_ns += 100_000_000
        data = {
            "e": "depthUpdate",
            "E": self._now_ns // 1_000_000,
            "s": self.symbol,
            "U": first,
            "u": self._update_id,
            "b": [_level(price, quantity) for price, quantity in changed[True].items()],
            "a": [_level(price, quantity) for price, quantity in changed[False].items()],
        }
        lines = [*tickers, self._line("depth@100ms", data)]
        if tickers and self._rng.random() < 0.3:
            lines[-1], lines[-2] = lines[-2], lines[-1]
        return lines

    def snapshot(self) -> Line:
        body = {
            "lastUpdateId": self._update_id,
            "bids": [_level(price, self._bids[price]) for price in sorted(self._bids)[::-1]],
            "asks": [_level(price, self._asks[price]) for price in sorted(self._asks)],
        }
        return (self._now_ns, snapshot_stream(self.symbol), msgspec.json.encode(body))

    def _change(self, is_bid: bool) -> tuple[int, int]:
        """A level set or taken away, never across the other side, never the last ones."""
        side, away = (self._bids, -1) if is_bid else (self._asks, 1)
        best = max(side) if is_bid else min(side)
        other = min(self._asks) if is_bid else max(self._bids)
        if self._rng.random() < 0.3 and len(side) > 30:
            del side[best]
            return best, 0
        price = best + away * self._rng.randrange(-2, 8)
        if (price - other) * away <= 0:
            price = best
        side[price] = self._rng.randrange(1, 1000)
        return price, side[price]

    def _top(self) -> tuple[int, int, int, int]:
        bid, ask = max(self._bids), min(self._asks)
        return bid, self._bids[bid], ask, self._asks[ask]

    def _ticker(self) -> Line:
        bid, bid_quantity, ask, ask_quantity = self._top()
        (b, bq), (a, aq) = _level(bid, bid_quantity), _level(ask, ask_quantity)
        data = {"u": self._update_id, "s": self.symbol, "b": b, "B": bq, "a": a, "A": aq}
        return self._line("bookTicker", data)

    def _line(self, kind: str, data: dict[str, object]) -> Line:
        stream = f"{self.symbol.lower()}@{kind}"
        return (self._now_ns, stream, msgspec.json.encode({"stream": stream, "data": data}))


def _level(price: int, quantity: int) -> list[str]:
    return [f"{price / 100:.8f}", f"{quantity / 1000:.8f}"]


def recording(seed: int, steps: int = 300, snapshot_every: int = 60, symbol: str = "BTCUSDT") -> list[Line]:
    """A few diffs, the first snapshot, and more of them on the way, as an engine that resyncs records."""
    market = Market(symbol, seed)
    lines: list[Line] = []
    for number in range(steps):
        lines += market.step()
        if number % snapshot_every == 5:
            lines.append(market.snapshot())
    return lines


def diffs(lines: list[Line]) -> list[int]:
    """Where in `lines` the diffs are."""
    return [at for at, line in enumerate(lines) if "@depth" in line[1]]


def taped(directory: Path, lines: list[Line]) -> list[Path]:
    tape = Tape.open(directory)
    for receipt_ns, stream, raw in lines:
        tape.record(stream, receipt_ns, raw)
    tape.close()
    return sorted(directory.glob("tape-*.sqlite"))
