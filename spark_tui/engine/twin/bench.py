"""Keeps a twin beside every order that is sent. It listens to order news and the market, answers questions
about differences, and has no way to act. Whatever goes wrong here costs a twin, never an order."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level, MarketEvent, Trade
from spark_tui.domain.order import NEVER_LIVED, Order, OrderState
from spark_tui.domain.values import Environment
from spark_tui.engine.exposure import WAITING
from spark_tui.engine.journal import Journal
from spark_tui.engine.market import Market
from spark_tui.engine.twin.grade import total
from spark_tui.engine.twin.rows import row_of
from spark_tui.engine.twin.twin import Twin
from spark_tui.engine.twin_records import TwinBegan, TwinEnded, TwinMissing, TwinResults
from spark_tui.link.messages import Diff
from spark_tui.venues.paper.latency import Latency
from spark_tui.venues.paper.matching import Matcher
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

MAX_LIVE: Final = 32  # twins that are simulated at a time
PATIENCE_S: Final = 30.0  # how long a twin may go on after its order is filled
CUT: Final = "CUT OFF"
_ANSWERED: Final = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED})

log = logging.getLogger(__name__)


class Pair:
    """An order and its twin while either may still tell something."""

    def __init__(self, began: TwinBegan, order: Order, twin: Twin, sent_ns: int) -> None:
        self.began = began
        self.order = order
        self.twin = twin
        self.sent_ns = sent_ns
        self.seconds: float | None = None  # to the order's last fill; None: none yet, or it was heard late
        self.lost = False  # it was UNKNOWN: what it did is found by asking, whenever that was done
        self.ended_ns = 0  # when the order ended

    def result(self) -> TwinEnded:
        twin = self.twin
        return TwinEnded(
            client_order_id=self.began.client_order_id,
            mid=self.began.mid,
            began_ms=self.began.at_ms,
            order_filled=self.order.filled,
            order_seconds=self.seconds,
            quantity=twin.quantity,
            filled=twin.filled,
            quote=twin.quote,
            seconds=twin.seconds,
            state=twin.state,
        )


class TwinBench:
    """What ended is in the ledger and its fold; here is only what runs. `instrument` is None where a symbol
    is not known. Paper orders need no twin: they are one."""

    def __init__(
        self,
        markets: dict[str, Market],
        environments: dict[str, Environment],
        instrument: Callable[[str, str], Instrument | None],
        journal: Journal,
        clock: Clock,
        latency: Latency,
    ) -> None:
        self._markets = markets
        self._environments = environments
        self._instrument = instrument
        self._journal = journal
        self._clock = clock
        self._latency = latency
        self._waiting: deque[tuple[Order, int]] = deque()  # sent a moment ago, and when (monotonic ns)
        self._live: dict[str, Pair] = {}
        self._at: dict[tuple[str, str], dict[str, Pair]] = {}  # the live ones by venue and symbol
        self._ending: dict[str, Pair] = {}  # the live ones whose order has ended

    @property
    def _results(self) -> TwinResults:
        return self._journal.state.twins

    def restore(self) -> None:
        """Once, after the ledger was read: twins that ran when the engine stopped ended there. What their
        orders did meanwhile nobody held against the market, so they are never graded."""
        orders = self._journal.state.orders
        for client_id, began in list(self._results.running.items()):
            order = orders.get(client_id)
            if order is None or order.state in NEVER_LIVED:
                self._miss(client_id, counts=False)
                continue
            cut = TwinEnded(
                client_order_id=client_id, mid=began.mid, began_ms=began.at_ms, state=CUT, cut=True
            )
            self._journal.note(cut)

    # --- listening -----------------------------------------------------------------------------------------

    def on_order(self, order: Order) -> None:
        """News of an order of ours."""
        try:
            self._on_order(order)
        except Exception:
            self._drop(order.client_order_id)

    def on_market(self, venue: str, event: MarketEvent) -> None:
        """After the book has taken it."""
        if not self._live or not isinstance(event, DepthDiff | DepthSnapshot | Trade):
            return
        for client_id, pair in list(self._at.get((venue, event.symbol), {}).items()):
            try:
                if isinstance(event, Trade):
                    pair.twin.on_trade(event)
                else:
                    pair.twin.on_depth(event if isinstance(event, DepthDiff) else None)
            except Exception:
                self._drop(client_id)
        if self._ending:
            self._settle()

    def _on_order(self, order: Order) -> None:
        self._begin_waiting()
        client_id = order.client_order_id
        if (pair := self._live.get(client_id)) is not None:
            self._on_live(pair, order)
        elif (ended := self._results.ended.get(client_id)) is not None:
            self._on_ended(ended, order)
        elif order.state is OrderState.SENT:
            # A written frame leaves when the loop is next free, so the twin waits until it has left.
            self._waiting.append((order, self._clock.mono_ns()))
            asyncio.get_running_loop().call_soon(self._begin_waiting)

    def _on_live(self, pair: Pair, order: Order) -> None:
        before, pair.order = pair.order, order
        pair.lost = pair.lost or order.state is OrderState.UNKNOWN
        elapsed_s = self._elapsed_s(pair.sent_ns)
        if before.state is OrderState.SENT and order.state in _ANSWERED:
            self._latency.measured(elapsed_s * 1_000)
        if order.filled > before.filled:
            pair.seconds = None if pair.lost else elapsed_s
        if order.state in NEVER_LIVED:
            self._leave(order.client_order_id)
            self._miss(order.client_order_id, counts=False)
            return
        if order.amended_quantity is not None and order.amended_quantity != before.amended_quantity:
            pair.twin.amend(order.amended_quantity)
        if not lifecycle.is_open(order.state) and not pair.ended_ns:
            pair.ended_ns = self._clock.mono_ns()
            self._ending[order.client_order_id] = pair
            if order.state is not OrderState.FILLED:
                pair.twin.end()
        self._settle()

    def _on_ended(self, ended: TwinEnded, order: Order) -> None:
        """What was thought to be over, or was cut off, goes on. Its figures follow by themselves."""
        if order.state in NEVER_LIVED:
            self._miss(order.client_order_id, counts=False)
        elif order.filled != ended.order_filled and ended.order_seconds is not None:
            self._journal.note(msgspec.structs.replace(ended, order_seconds=None))

    def _begin_waiting(self) -> None:
        while self._waiting:
            order, sent_ns = self._waiting.popleft()
            try:
                self._begin(order, sent_ns)
            except Exception:
                self._drop(order.client_order_id)

    def _begin(self, order: Order, sent_ns: int) -> None:
        request = order.request
        if self._environments.get(request.venue) in (None, Environment.PAPER):
            return
        if order.part is not None and order.part.role in WAITING:
            return  # when it begins is decided by another order's fill
        instrument = self._instrument(request.venue, request.symbol)
        sight = _Sight(self._markets[request.venue], request.symbol)
        mid = Matcher(sight).mid()
        if instrument is None or mid is None or len(self._live) >= MAX_LIVE:
            self._miss(order.client_order_id)
            return
        round_trip_s = None if self._latency.median_ms is None else 2 * self._latency.draw_s()
        twin = Twin(request, instrument, sight, lambda: self._elapsed_s(sent_ns), round_trip_s)
        began = TwinBegan(client_order_id=order.client_order_id, mid=mid, at_ms=self._now_ms())
        self._journal.note(began)
        pair = Pair(began, order, twin, sent_ns)
        self._live[order.client_order_id] = pair
        self._at.setdefault((request.venue, request.symbol), {})[order.client_order_id] = pair

    def _settle(self) -> None:
        """File the pairs of which neither has more to tell."""
        for client_id, pair in list(self._ending.items()):
            if pair.twin.open and self._elapsed_s(pair.ended_ns) < PATIENCE_S:
                continue
            pair.twin.end()
            self._leave(client_id)
            self._journal.note(pair.result())

    def _drop(self, client_id: str) -> None:
        log.exception("the twin of %s failed and is given up", client_id)
        self._leave(client_id)
        self._miss(client_id)

    def _miss(self, client_id: str, *, counts: bool = True) -> None:
        self._journal.note(TwinMissing(client_order_id=client_id, at_ms=self._now_ms(), counts=counts))

    def _leave(self, client_id: str) -> None:
        pair = self._live.pop(client_id, None)
        self._ending.pop(client_id, None)
        if pair is not None:
            there = (pair.order.request.venue, pair.order.request.symbol)
            self._at[there].pop(client_id)
            if not self._at[there]:
                del self._at[there]

    def _elapsed_s(self, since_ns: int) -> float:
        return (self._clock.mono_ns() - since_ns) / NS_PER_S

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    # --- telling -------------------------------------------------------------------------------------------

    def view(self) -> Diff:
        self._begin_waiting()
        self._settle()
        orders, results = self._journal.state.orders, self._results
        ended = [(one, orders[client_id]) for client_id, one in results.ended.items() if client_id in orders]
        pairs = [(one.began_ms, row_of(order, one, running=False)) for one, order in ended]
        pairs += [
            (pair.began.at_ms, row_of(pair.order, pair.result(), running=True))
            for pair in self._live.values()
        ]
        rows = [row for _, row in sorted(pairs, key=lambda pair: pair[0])][::-1]
        paper = all(one is Environment.PAPER for one in self._environments.values())
        return Diff(
            environment=max(self._environments.values(), key=list(Environment).index),
            since_ms=results.since_ms(self._now_ms()),
            total=total(rows, len(results.missing)),
            rows=tuple(rows),
            why_not="orders here are paper already; twins stand beside orders of a simulator or an exchange"
            if paper
            else "",
        )


class _Sight:
    """Implements matching.Sight over the engine's own book."""

    def __init__(self, market: Market, symbol: str) -> None:
        self._market = market
        self._symbol = symbol

    def quote(self) -> Quote | Unusable:
        return self._market.quote(self._symbol)

    def best_first(self, count: int, *, bids: bool) -> Iterator[Level] | Unusable:
        return self._market.best_first(self._symbol, count, bids=bids)

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        one = self._market.symbols.get(self._symbol)
        return None if one is None else one.book.quantity_at(price, bids=bids)
