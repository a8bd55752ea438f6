"""What is asked of the paper account: every method is one transaction. What it changed is in the journal
afterwards; a VenueError says that nothing was."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import ListKind, OrderType
from spark_tui.venues.paper import checks
from spark_tui.venues.paper.checks import NOT_CANCELED, REJECTED, refused
from spark_tui.venues.paper.floor import PENDING, Floor
from spark_tui.venues.paper.orders import PaperList, PaperOrder, Phase
from spark_tui.venues.port import ListLeg, OrderStatus


class Desk:
    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, client_id: str, request: OrderRequest, now_ms: int) -> PaperOrder:
        instrument = self._floor.instrument(request.symbol)
        self.check(client_id, request)
        order = self._floor.new(client_id, request, now_ms)
        self._floor.check_entry(order)
        cost = self._floor.cost(order) if order.request.type is OrderType.MARKET else None
        self._floor.reserve(order, instrument, cost)
        self._floor.admit(order)
        self._floor.start(order, now_ms)
        self._floor.advance_lists(now_ms)
        return order

    def check(self, client_id: str, request: OrderRequest) -> None:
        """All that can be told before an order arrives. Raises VenueError."""
        instrument = self._floor.instrument(request.symbol)
        opened = list(self._floor.orders.values())
        price = self._floor.price(request.symbol)
        checks.check_order(instrument, client_id, request, opened, self._floor.clearing.cash, price)

    def place_list(
        self, list_id: str, kind: ListKind, legs: Sequence[ListLeg], now_ms: int
    ) -> list[PaperOrder]:
        symbol = legs[0].request.symbol
        instrument = self._floor.instrument(symbol)
        if list_id in self._floor.lists or len({leg.client_order_id for leg in legs}) < len(legs):
            raise refused(REJECTED, "Duplicate order sent.")
        opened = list(self._floor.orders.values())
        roles = [(leg.role, leg.request) for leg in legs]
        cash, price = self._floor.clearing.cash, self._floor.price(symbol)
        checks.check_list(instrument, kind, roles, opened, cash, price)
        for leg in legs:
            self.check(leg.client_order_id, leg.request)
        orders = [self._floor.new(leg.client_order_id, leg.request, now_ms, leg.role) for leg in legs]
        starting = [order for order in orders if order.role not in PENDING]
        for order in starting:
            self._floor.check_entry(order)
        self._floor.reserve_legs(starting, instrument)
        for order in orders:
            order.list_id = list_id
            if order.role in PENDING:
                order.phase, order.status = Phase.PENDING, OrderStatus.PENDING_NEW
            self._floor.admit(order)
        found = PaperList(id=list_id, kind=kind, symbol=symbol, order_ids=tuple(order.id for order in orders))
        self._floor.lists[list_id] = self._floor.journal.lists[list_id] = found
        for order in orders:
            if order.phase is Phase.PENDING:
                self._floor.journal.report(order, now_ms)
            elif order.open:  # a leg before it may have ended it
                self._floor.start(order, now_ms)
        self._floor.advance_lists(now_ms)
        return orders

    def cancel(self, symbol: str, client_id: str, now_ms: int) -> list[PaperOrder]:
        """The order, and the others of its list; the one asked for first."""
        order = self.find(symbol, client_id)
        if order is None:
            raise refused(NOT_CANCELED, "Unknown order sent.")
        others = (leg for leg in self._floor.legs(order.list_id) if leg is not order)
        return self._cancel([order, *others], now_ms)

    def cancel_list(self, symbol: str, list_id: str, now_ms: int) -> list[PaperOrder]:
        found = self._floor.lists.get(list_id)
        if found is None or found.symbol != symbol:
            raise refused(NOT_CANCELED, "Unknown order list sent.")
        return self._cancel(self._floor.legs(list_id), now_ms)

    def cancel_all(self, symbol: str, now_ms: int) -> list[PaperOrder]:
        return self._cancel([order for order in self._floor.of(symbol) if order.open], now_ms)

    def amend(self, symbol: str, client_id: str, quantity: Decimal, now_ms: int) -> PaperOrder:
        """Shrink, in its place in the queue; both legs of a pair at once, as they must stay the same."""
        instrument = self._floor.instrument(symbol)
        order = checks.check_amend(instrument, self.find(symbol, client_id), quantity)
        pair = [order, *self._floor.rivals(order)]
        for leg in pair:
            leg.quantity = quantity
            leg.shown = min(leg.shown, leg.left)
        if order.phase is not Phase.PENDING:
            self._floor.clearing.relock(pair, instrument)
        for leg in pair:
            self._floor.journal.report(leg, now_ms)
        return order

    def find(self, symbol: str, client_id: str) -> PaperOrder | None:
        """An open order."""
        return next((order for order in self._floor.of(symbol) if order.client_id == client_id), None)

    def _cancel(self, orders: Iterable[PaperOrder], now_ms: int) -> list[PaperOrder]:
        gone = [order for order in orders if order.open]
        for order in gone:
            self._floor.end(order, OrderStatus.CANCELED, "", now_ms)
        self._floor.advance_lists(now_ms)
        return gone
