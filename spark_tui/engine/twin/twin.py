"""One order's twin: a paper account of its own, with more money than any order needs, and no fees."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import ZERO, add, multiply
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.clearing import Clearing, Fees
from spark_tui.venues.paper.desk import Desk
from spark_tui.venues.paper.floor import Floor
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.matching import Sight
from spark_tui.venues.paper.orders import PaperOrder
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
        self.refusal = ""
        self._elapsed_s = elapsed_s
        self._round_trip_s = round_trip_s
        self._journal = Journal(request.venue)
        pockets = (
            Balance(asset=asset, free=_POCKETS, locked=ZERO) for asset in (instrument.base, instrument.quote)
        )
        clearing = Clearing(Cash(pockets), self._journal, _FREE)
        self._floor = Floor(clearing, self._journal, lambda _: sight, lambda _: instrument)
        self._desk = Desk(self._floor)
        self._symbol = request.symbol
        self._order: PaperOrder | None = None
        alone = msgspec.structs.replace(request, self_trade_prevention=None)
        try:
            self._order = self._desk.place("twin", alone, 0)
        except VenueError as error:
            self.refusal = error.text
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
        self._floor.on_trade(trade, 0)
        self._take_now()

    def on_depth(self, diff: DepthDiff | None) -> None:
        self._floor.on_depth(self._symbol, diff, 0)
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
