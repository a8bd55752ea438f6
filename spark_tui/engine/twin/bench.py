"""Keeps a twin beside every order that is sent. It listens to order news and the market, answers questions
about differences, and has no way to act. Whatever goes wrong here costs a twin, never an order."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from spark_tui.domain import lifecycle
from spark_tui.domain.book import Depth, Unusable
from spark_tui.domain.decimals import EXACT, ZERO
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, DepthSnapshot, MarketEvent, Trade
from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import Environment
from spark_tui.engine.exposure import WAITING
from spark_tui.engine.market import Market
from spark_tui.engine.twin.grade import grade, total, worse_bp
from spark_tui.engine.twin.twin import Twin
from spark_tui.link.messages import Diff, DiffRow, DiffSide
from spark_tui.venues.paper.latency import Latency
from spark_tui.venues.paper.matching import Matcher
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

MAX_LIVE: Final = 32  # twins that are simulated at a time
MAX_ENDED: Final = 500  # the oldest is forgotten
PATIENCE_S: Final = 30.0  # how long a twin may go on after its order is filled
_NEVER_LIVED: Final = frozenset({OrderState.REJECTED, OrderState.DENIED, OrderState.DEAD})
_ANSWERED: Final = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED})
_PRICE: Final = Decimal("1e-8")

log = logging.getLogger(__name__)


class Pair:
    """An order and its twin."""

    def __init__(self, number: int, order: Order, twin: Twin, mid: Decimal, sent_ns: int) -> None:
        self.number = number
        self.order = order
        self.twin = twin
        self.mid = mid
        self.sent_ns = sent_ns
        self.answered = False
        self.seconds: float | None = None  # to the order's last fill
        self.ended_ns = 0  # when the order ended


class TwinBench:
    """`instrument` is None where a symbol is not known. Paper orders need no twin: they are one."""

    def __init__(
        self,
        markets: dict[str, Market],
        environments: dict[str, Environment],
        instrument: Callable[[str, str], Instrument | None],
        clock: Clock,
        latency: Latency,
    ) -> None:
        self._markets = markets
        self._environments = environments
        self._instrument = instrument
        self._clock = clock
        self._latency = latency
        self._live: dict[str, Pair] = {}
        self._at: dict[tuple[str, str], dict[str, Pair]] = {}  # the live ones by venue and symbol
        self._ending: dict[str, Pair] = {}  # the live ones whose order has ended
        self._ended: OrderedDict[str, Pair] = OrderedDict()
        self._begun = 0
        self._skipped = 0
        self._since_ms = clock.wall_ns() // NS_PER_MS

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
        client_id = order.client_order_id
        pair = self._live.get(client_id) or self._ended.get(client_id)
        if pair is None:
            if order.state is OrderState.SENT:
                self._begin(order)
            return
        before, pair.order = pair.order, order
        elapsed_s = self._elapsed_s(pair.sent_ns)
        if not pair.answered and order.state in _ANSWERED:
            pair.answered = True
            self._latency.measured(elapsed_s * 1_000)
        if order.filled > before.filled:
            pair.seconds = elapsed_s
        if client_id not in self._live:
            return
        if order.state in _NEVER_LIVED:
            self._leave(client_id)
            return
        if order.amended_quantity is not None and order.amended_quantity != before.amended_quantity:
            pair.twin.amend(order.amended_quantity)
        if not lifecycle.is_open(order.state) and not pair.ended_ns:
            pair.ended_ns = self._clock.mono_ns()
            self._ending[client_id] = pair
            if order.state is not OrderState.FILLED:
                pair.twin.end()
        self._settle()

    def _begin(self, order: Order) -> None:
        request = order.request
        if self._environments.get(request.venue) in (None, Environment.PAPER):
            return
        if order.part is not None and order.part.role in WAITING:
            return  # when it begins is decided by another order's fill
        instrument = self._instrument(request.venue, request.symbol)
        sight = _Sight(self._markets[request.venue], request.symbol)
        mid = Matcher(sight).mid()
        if instrument is None or mid is None or len(self._live) >= MAX_LIVE:
            self._skipped += 1
            return
        sent_ns = self._clock.mono_ns()
        round_trip_s = None if self._latency.median_ms is None else 2 * self._latency.draw_s()
        self._begun += 1
        twin = Twin(request, instrument, sight, lambda: self._elapsed_s(sent_ns), round_trip_s)
        pair = Pair(self._begun, order, twin, mid, sent_ns)
        self._live[order.client_order_id] = pair
        self._at.setdefault((request.venue, request.symbol), {})[order.client_order_id] = pair

    def _settle(self) -> None:
        """File the pairs of which neither has more to tell."""
        for client_id, pair in list(self._ending.items()):
            if pair.twin.open and self._elapsed_s(pair.ended_ns) < PATIENCE_S:
                continue
            pair.twin.end()
            self._leave(client_id)
            self._ended[client_id] = pair
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)

    def _drop(self, client_id: str) -> None:
        log.exception("the twin of %s failed and is given up", client_id)
        self._leave(client_id)
        self._skipped += 1

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

    # --- telling -------------------------------------------------------------------------------------------

    def view(self) -> Diff:
        self._settle()
        ended = [(pair.number, _row(pair, running=False)) for pair in self._ended.values()]
        live = [(pair.number, _row(pair, running=True)) for pair in self._live.values()]
        rows = [row for _, row in sorted(ended + live, key=lambda one: one[0], reverse=True)]
        paper = all(one is Environment.PAPER for one in self._environments.values())
        return Diff(
            environment=max(self._environments.values(), key=list(Environment).index),
            since_ms=self._since_ms,
            total=total(rows, self._skipped),
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

    def depth(self, count: int) -> Depth | Unusable:
        return self._market.depth(self._symbol, count)

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        one = self._market.symbols.get(self._symbol)
        return None if one is None else one.book.quantity_at(price, bids=bids)


def _row(pair: Pair, *, running: bool) -> DiffRow:
    order, twin, request = pair.order, pair.twin, pair.order.request
    quantity = lifecycle.asked(order) or max(order.filled, twin.quantity)
    ours, theirs = _average(order.filled_quote, order.filled), _average(twin.quote, twin.filled)
    fill_difference = (
        EXACT.divide(order.filled - twin.filled, quantity).quantize(Decimal("0.0001")) if quantity else ZERO
    )
    price_error = worse_bp(request.side, ours, theirs)
    known = pair.seconds is not None and twin.seconds is not None
    apart_s = (pair.seconds or 0.0) - (twin.seconds or 0.0) if known else None
    earned = grade(price_error, None if running else fill_difference, apart_s)
    return DiffRow(
        client_order_id=order.client_order_id,
        venue=request.venue,
        symbol=request.symbol,
        side=request.side,
        order_type=request.type,
        quantity=quantity,
        at_ms=order.created_ms,
        running=running,
        order=DiffSide(
            filled=order.filled,
            average_price=ours,
            slippage_bp=worse_bp(request.side, ours, pair.mid),
            seconds=pair.seconds,
            state=order.state.value,
        ),
        twin=DiffSide(
            filled=twin.filled,
            average_price=theirs,
            slippage_bp=worse_bp(request.side, theirs, pair.mid),
            seconds=twin.seconds,
            state=twin.state,
        ),
        fill_difference=fill_difference,
        price_error_bp=price_error,
        time_difference_s=apart_s,
        grade=earned,
    )


def _average(quote: Decimal, base: Decimal) -> Decimal | None:
    return EXACT.divide(quote, base).quantize(_PRICE) if base else None
