"""A recording as the market: its frames go out as they came in, and the operator trades against its book.

The recorded book is what the public sees and is never touched by the operator. Beside it stands the book the
operator matches against: one crowd order a recorded level, shrunk by what the operator has taken until the
recording says something new about that level.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from heapq import nlargest, nsmallest

import msgspec

from spark_tui.simulator import fixed
from spark_tui.simulator.exchange import Exchange
from spark_tui.simulator.hub import Hub
from spark_tui.simulator.market import Market, MarketSink, Trade
from spark_tui.simulator.matching import CROWD, Execution, Resting
from spark_tui.simulator.orders import Order
from spark_tui.simulator.recordings import Frame, Snapshot, SymbolTape
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.symbols import Symbol, describe, from_info, listed

_OWN_TRADES_FROM = 9_000_000_000_000_000  # ids of fills the recording knows nothing of
_YIELD_EVERY = 64  # frames between looks at slow readers, at full speed


class _Diff(msgspec.Struct):
    E: int
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Trade(msgspec.Struct):
    t: int
    p: str
    q: str
    T: int
    m: bool


class _AggTrade(msgspec.Struct):
    p: str
    q: str
    l: int  # noqa: E741 - the venue's name
    T: int
    m: bool


_diff = msgspec.json.Decoder(_Diff)
_trade = msgspec.json.Decoder(_Trade)
_agg_trade = msgspec.json.Decoder(_AggTrade)


class RecordedMarket(Market):
    """A market whose public side is a recording. `market_ms` is the recording's own time."""

    def __init__(self, symbol: Symbol, sink: MarketSink, snapshot: Snapshot | None) -> None:
        super().__init__(symbol, sink, update_id=0, trade_id=0, agg_id=0)
        self.market_ms = 0
        self.update_id = snapshot.update_id if snapshot is not None else 0
        self.broken = ""  # how the recording's differences do not fit its snapshot; "" while they do
        self._recorded: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._standing: tuple[dict[int, Resting], dict[int, Resting]] = ({}, {})
        self._next_level_id = 0
        self._own_trade_id = _OWN_TRADES_FROM
        if snapshot is not None:
            self._set_levels(0, snapshot.bids)
            self._set_levels(1, snapshot.asks)

    # what the public sees

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = self._recorded
        best_bids = [(price, bids[price]) for price in nlargest(limit, bids)]
        return self.update_id, best_bids, [(price, asks[price]) for price in nsmallest(limit, asks)]

    def touch(self) -> tuple[int, int, int, int]:
        bids, asks = self._recorded
        bid, ask = max(bids, default=0), min(asks, default=0)
        return bid, bids.get(bid, 0), ask, asks.get(ask, 0)

    def average_price(self, now_ms: int) -> int:
        average = super().average_price(self.market_ms)
        if average:
            return average
        bid, _, ask, _ = self.touch()
        return (bid + ask) // 2 if bid and ask else 0

    def record(self, executions: Sequence[Execution], *, taker_buys: bool, ms: int) -> list[Trade]:
        """The operator's trades are his alone: they get ids of their own and no public print."""
        trades: list[Trade] = []
        for execution in executions:
            if not execution.prevented:
                self._own_trade_id += 1
                trades.append(
                    Trade(self._own_trade_id, execution.price, execution.quantity, ms, not taker_buys)
                )
        return trades

    # what the recording says

    def differ(self, diff: _Diff) -> None:
        """Take in one recorded depth difference; those the snapshot already holds are skipped."""
        self.market_ms = max(self.market_ms, diff.E)
        if diff.u <= self.update_id:
            return
        if self.update_id and self.update_id + 1 < diff.U and not self.broken:
            self.broken = f"difference {diff.U} follows update {self.update_id}"
        self.update_id = diff.u
        self._set_levels(0, diff.b)
        self._set_levels(1, diff.a)

    def _set_levels(self, side: int, levels: Sequence[tuple[str, str]]) -> None:
        recorded, standing = self._recorded[side], self._standing[side]
        for price_text, quantity_text in levels:
            price, quantity = fixed.parse(price_text), fixed.parse(quantity_text)
            old = standing.pop(price, None)
            if old is not None and old.leaves:
                self.book.remove(old)
            if not quantity:
                recorded.pop(price, None)
                continue
            recorded[price] = quantity
            self._next_level_id -= 1
            level = Resting(id=self._next_level_id, owner=CROWD, buy=side == 0, price=price, leaves=quantity)
            self.book.add(level)
            standing[price] = level


class Player:
    """Plays one symbol's tape once somebody subscribes to its depth; at its end it stays quiet."""

    def __init__(
        self, simulation: Simulation, market: RecordedMarket, tape: SymbolTape, speed: float
    ) -> None:
        self._simulation = simulation
        self._exchange: Exchange = simulation.exchange
        self._hub: Hub = simulation.hub
        self._market = market
        self._tape = tape
        self._speed = speed
        self._wanted = asyncio.Event()
        self._depth = market.symbol.name.lower() + "@depth"
        self._has_trades = any(name.endswith("@trade") for name in tape.streams)
        simulation.hub.on_subscribe.append(self._subscribed)

    @property
    def symbol(self) -> str:
        return self._market.symbol.name

    def frames(self) -> Iterator[Frame]:
        """The symbol's recorded frames, in order."""
        return self._tape.frames()

    def _subscribed(self, stream: str) -> None:
        if stream.startswith(self._depth):
            self._wanted.set()

    async def run(self) -> None:
        await self._wanted.wait()
        begun = time.monotonic()
        first_ns = 0
        for number, frame in enumerate(self.frames()):
            first_ns = first_ns or frame.receipt_ns
            if self._speed:
                due = begun + (frame.receipt_ns - first_ns) / 1e9 / self._speed
                delay = due - time.monotonic()
                if delay > 0.0005:
                    await asyncio.sleep(delay)
                elif number % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            elif number % _YIELD_EVERY == 0:
                await self._let_readers_catch_up()
            self.play(frame)

    async def _let_readers_catch_up(self) -> None:
        for stream in self._tape.streams:
            for subscriber in self._hub.subscribers(stream):
                await subscriber.eased()
        await asyncio.sleep(0)

    def play(self, frame: Frame) -> None:
        """Take one recorded frame into the market, then send it on as it is."""
        kind = frame.stream.partition("@")[2]
        if kind.startswith("depth@") or kind == "depth":
            self._market.differ(_diff.decode(frame.data))
            self._fill_crossed()
        elif kind == "trade":
            trade = _trade.decode(frame.data)
            price, quantity = fixed.parse(trade.p), fixed.parse(trade.q)
            self._printed(Trade(trade.t, price, quantity, trade.T, trade.m))
        elif kind == "aggTrade" and not self._has_trades:
            print_ = _agg_trade.decode(frame.data)
            price, quantity = fixed.parse(print_.p), fixed.parse(print_.q)
            self._printed(Trade(print_.l, price, quantity, print_.T, print_.m))
        self._hub.publish(frame.stream, frame.data, frame.combined)
        self._simulation.replayed_to(self._market.market_ms)

    def _open_orders(self) -> list[Order]:
        """The operator's orders that rest on this book, best-priced and oldest first."""
        orders = [
            order
            for store in self._exchange.stores.values()
            for order in store.open(self._market.symbol.name)
            if order.working_ms >= 0
        ]
        return sorted(orders, key=lambda order: (-order.price if order.buy else order.price, order.id))

    def _fill_crossed(self) -> None:
        """Fill resting orders the recorded book has moved through, up to the quantity that crosses them."""
        orders = self._open_orders()
        if not orders:
            return
        market = self._market
        bid, _, ask, _ = market.touch()
        for order in orders:
            if not ((ask and order.price >= ask) if order.buy else (bid and order.price <= bid)):
                continue
            _, bids, asks = market.depth(1_000)
            crossing = sum(
                quantity
                for price, quantity in (asks if order.buy else bids)
                if (price <= order.price if order.buy else price >= order.price)
            )
            self._exchange.fill_resting(market, order, crossing, self._simulation.clock.now_ms())

    def _printed(self, trade: Trade) -> None:
        """A recorded trade: it fills resting orders priced better, and ours at its price once the
        quantity that stood there first is used up."""
        market = self._market
        market.market_ms = max(market.market_ms, trade.ms)
        market.observe([trade])
        now_ms = self._simulation.clock.now_ms()
        left = trade.quantity
        for order in self._open_orders():
            if order.buy != trade.buyer_is_maker or not left:
                continue
            if order.price == trade.price:
                waited = min(left, order.queue_ahead)
                order.queue_ahead -= waited
                left -= waited
            elif not (order.price > trade.price if order.buy else order.price < trade.price):
                continue
            quantity = min(left, order.leaves)
            if quantity:
                left -= quantity
                self._exchange.fill_resting(market, order, quantity, now_ms)
        self._exchange.end_transaction(market, now_ms)


def prepare(simulation: Simulation, tapes: Sequence[SymbolTape], speed: float) -> list[Player]:
    """List every recorded symbol in a simulation and return the players to run."""
    known = {symbol.name: symbol for symbol in listed()}
    recorded = frozenset(name for tape in tapes for name in tape.streams)
    simulation.replays(recorded)
    players: list[Player] = []
    for tape in tapes:
        symbol = (
            from_info(tape.info) if tape.info is not None else known.get(tape.symbol) or _guess(tape.symbol)
        )
        market = RecordedMarket(symbol, simulation.publisher, tape.snapshot)
        simulation.add_market(market)
        players.append(Player(simulation, market, tape, speed))
    return players


def _guess(name: str) -> Symbol:
    """A listing for a symbol the recording says nothing about: the finest steps, so that any price fits."""
    quotes = ("USDT", "USDC", "FDUSD", "BUSD", "BTC", "ETH", "BNB", "TRY", "EUR")
    quote = next((asset for asset in quotes if name.endswith(asset) and name != asset), name[-3:])
    return from_info(
        describe(
            name,
            name.removesuffix(quote),
            quote,
            tick="0.00000001",
            max_price="10000000",
            step="0.00000001",
            max_quantity="9000000",
            max_market_quantity="0",
            min_notional="0.0001",
            max_notional="9000000",
        )
    )
