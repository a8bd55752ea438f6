"""One order's twin: a paper account of its own, with more money than any order needs, and no fees."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import ZERO, add, multiply
from spark_tui.domain.instrument import Instrument, MaxPosition
from spark_tui.domain.market import DepthDiff, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.clearing import Clearing, Fees
from spark_tui.venues.paper.desk import Desk
from spark_tui.venues.paper.floor import Floor
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.matching import Sight
from spark_tui.venues.paper.orders import PaperOrder, Phase
from spark_tui.venues.port import VenueError

_POCKETS: Final = Decimal(10) ** 15
_FREE: Final = Fees(maker=ZERO, taker=ZERO)


class Twin:
    """It begins from the book as it is seen when the order is sent: later the order itself is in it.
    `elapsed_s` is the time since then; `round_trip_s` is None while none was measured."""

    def __init__(
        self,
        request: OrderRequest,
        instrument: Instrument,
        sight: Sight,
        elapsed_s: Callable[[], float],
        round_trip_s: float | None,
    ) -> None:
        self.filled = ZERO
        self.quote = ZERO
        self.seconds: float | None = None
        self._elapsed_s = elapsed_s
        self._round_trip_s = round_trip_s
        self._journal = Journal(request.venue)
        pockets = (
            Balance(asset=asset, free=_POCKETS, locked=ZERO) for asset in (instrument.base, instrument.quote)
        )
        clearing = Clearing(Cash(pockets), self._journal, _FREE)
        ruled = _for_any_pocket(instrument)
        self._floor = Floor(clearing, self._journal, lambda _: sight, lambda _: ruled)
        self._desk = Desk(self._floor)
        self._symbol = request.symbol
        self._limit = 0.0 if request.price is None else float(request.price)
        self._sight = sight
        self._unseen = True  # when the book last changed it could not be read at the twin's price, or at all
        self._order: PaperOrder | None = None
        alone = msgspec.structs.replace(request, self_trade_prevention=None)
        with suppress(VenueError):  # refused: there is no order
            self._order = self._desk.place("twin", alone, 0)
        self._take(round_trip_s)

    @property
    def open(self) -> bool:
        return self._order is not None and self._order.open

    @property
    def quantity(self) -> Decimal:
        """In base; of an order sized in quote money, what it came to."""
        return ZERO if self._order is None else self._order.quantity

    @property
    def state(self) -> str:
        if self._order is None:
            return "REFUSED"
        return self._order.reason or self._order.status.value

    def on_trade(self, trade: Trade) -> None:
        if self._beyond_trade(trade):
            return
        self._floor.on_trade(trade, 0)
        self._take_now()

    def on_depth(self, diff: DepthDiff | None) -> None:
        if self._beyond_diff(diff):
            return
        self._floor.on_depth(self._symbol, diff, 0)
        self._unseen = self._dark()
        self._take_now()

    def amend(self, quantity: Decimal) -> None:
        """The order was shrunk. A twin that has filled more already stays as it is."""
        if self.open and self.filled < quantity < self.quantity:
            self._desk.amend(self._symbol, "twin", quantity, 0)
            self._take_now()

    def end(self) -> None:
        """The order was cancelled, so the twin is."""
        if self.open:
            self._desk.cancel(self._symbol, "twin", 0)
            self._take_now()

    def _dark(self) -> bool:
        order = self._order
        if order is None or self._floor.matcher(self._symbol).trouble():
            return True
        return self._sight.quantity_at(self._limit, bids=order.buys) is None

    def _beyond_trade(self, trade: Trade) -> bool:
        """Whether it cannot concern the twin. Most cannot, and asking is far cheaper than the floor's way."""
        order = self._order
        if order is None or not order.open:
            return True
        if order.phase is not Phase.RESTING:
            return False
        if order.buys:
            return not trade.buyer_is_maker or trade.price > self._limit
        return trade.buyer_is_maker or trade.price < self._limit

    def _beyond_diff(self, diff: DepthDiff | None) -> bool:
        """As for a trade: neither the queue at the twin's price changed, nor did the other side come near."""
        order = self._order
        if order is None or not order.open:
            return True
        if diff is None or self._unseen or order.phase is not Phase.RESTING:
            return False
        limit = self._limit
        own, other = (diff.bids, diff.asks) if order.buys else (diff.asks, diff.bids)
        if any(price == limit for price, _ in own):
            return False
        if order.buys:
            return not any(price <= limit for price, _ in other)
        return not any(price >= limit for price, _ in other)

    def _take_now(self) -> None:
        if self._journal.trades:
            self._take(self._elapsed_s() + (self._round_trip_s or 0.0) / 2)
        self._journal.clear()

    def _take(self, at_s: float | None) -> None:
        """Count what was traded and let it go."""
        for trade in self._journal.trades:
            self.filled = add(self.filled, trade.quantity)
            self.quote = add(self.quote, multiply(trade.price, trade.quantity))
            self.seconds = at_s
        self._journal.clear()


def _for_any_pocket(instrument: Instrument) -> Instrument:
    """Without the rule on what may be held: a twin holds more of everything than anybody has."""
    rules = tuple(one for one in instrument.filters if not isinstance(one, MaxPosition))
    return msgspec.structs.replace(instrument, filters=rules)
