"""Orders at work: they arrive, take, wait, rest, start and end each other, and end.

What the market does is one transaction with all that follows from it (a list's other legs); what is asked of
the account is in `desk.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial

from spark_tui.domain.decimals import ZERO, from_float
from spark_tui.domain.filters import quantity_step
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import DepthDiff, Trade
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, OrderType, TimeInForce
from spark_tui.venues.paper import checks
from spark_tui.venues.paper.cash import ShortOfCash
from spark_tui.venues.paper.checks import REJECTED, refused
from spark_tui.venues.paper.clearing import Clearing, spends
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.levels import Level
from spark_tui.venues.paper.matching import Matcher, Met, Sight, Slice, money
from spark_tui.venues.paper.orders import PaperList, PaperOrder, Phase
from spark_tui.venues.paper.stops import reached, triggered_by
from spark_tui.venues.port import OrderStatus, VenueError

Leg = tuple[str, LegRole | None, OrderRequest]


class Floor:
    """All open orders of the account. `sight` is how a symbol's book is seen, `instrument` raises VenueError
    for a symbol that is not listed."""

    def __init__(
        self,
        clearing: Clearing,
        journal: Journal,
        sight: Callable[[str], Sight],
        instrument: Callable[[str], Instrument],
        *,
        orders: Iterable[PaperOrder] = (),
        lists: Iterable[PaperList] = (),
        next_order: int = 1,
        taken: Mapping[str, Mapping[Level, Decimal]] | None = None,
    ) -> None:
        self.orders: dict[int, PaperOrder] = {order.id: order for order in orders}
        self.lists = {found.id: found for found in lists}
        self.clearing = clearing
        self.journal = journal
        self._sight = sight
        self.instrument = instrument
        self._matchers: dict[str, Matcher] = {}
        self._last: dict[str, float] = {}
        self._next_order = next_order
        self._taken = taken or {}
        for symbol in self._taken:  # what is taken off a level ends with the level, orders or not
            self.matcher(symbol)

    # --- what the market does ------------------------------------------------------------------------------

    def on_trade(self, trade: Trade, now_ms: int) -> None:
        """A trade of the market: fills those that rest, starts those that wait."""
        self._last[trade.symbol] = trade.price
        orders = self.of(trade.symbol)
        if not orders:
            return
        self._book(self.matcher(trade.symbol).on_trade(trade, _resting(orders)), now_ms)
        for order in [order for order in orders if order.phase is Phase.STOP]:
            if order.phase is not Phase.STOP:  # its rival fired a moment before
                continue
            followed = (order.trailing, order.extreme)
            if triggered_by(order, trade.price):
                self._fire(order, now_ms)
            elif followed != (order.trailing, order.extreme):
                self.journal.touch(order, now_ms)
        self.advance_lists(now_ms)

    def on_depth(self, symbol: str, diff: DepthDiff | None, now_ms: int) -> None:
        """The book changed; None: it was loaded anew."""
        orders = self.of(symbol)
        if not orders and symbol not in self._matchers:
            return
        matcher = self.matcher(symbol)
        self._book(matcher.on_depth(diff, _resting(orders)), now_ms)
        for order in [order for order in orders if order.phase is Phase.ARRIVING]:
            if order.phase is Phase.ARRIVING and not matcher.trouble():
                self._work(order, now_ms)
        self.advance_lists(now_ms)

    # --- starting ------------------------------------------------------------------------------------------

    def new(
        self, client_id: str, request: OrderRequest, now_ms: int, role: LegRole | None = None
    ) -> PaperOrder:
        """Not admitted yet: it has no id of the account's."""
        quantity = request.quantity or ZERO
        order = PaperOrder(
            id=0,
            client_id=client_id,
            request=request,
            created_ms=now_ms,
            updated_ms=now_ms,
            quantity=quantity,
            role=role,
            phase=Phase.STOP if request.stop_price or request.trailing_delta else Phase.ARRIVING,
        )
        order.lock_price = request.price or request.stop_price or ZERO
        return order

    def admit(self, order: PaperOrder) -> None:
        order.id = self._next_order
        self._next_order += 1
        self.orders[order.id] = order

    def check_entry(self, order: PaperOrder) -> None:
        """Whether an order may start now. Raises VenueError -2010."""
        if why := self._entry_trouble(order):
            raise refused(REJECTED, why)
        symbol = order.request.symbol
        if order.takes_only and order.phase is Phase.ARRIVING and (why := self.matcher(symbol).trouble()):
            raise refused(REJECTED, f"There is no book to fill a paper order from ({why}); nothing was done.")

    def _entry_trouble(self, order: PaperOrder) -> str:
        request = order.request
        if request.type is OrderType.LIMIT_MAKER:
            assert request.price is not None  # the filters see to it
            if self.matcher(request.symbol).crosses(buys=order.buys, price=request.price):
                return "Order would immediately match and take."
        if order.phase is Phase.STOP:
            price = self.price(request.symbol)
            if price is None:
                return "There is no price yet to hold a stop against; nothing was done."
            if request.stop_price is not None and reached(order, float(price)):
                return "Order would trigger immediately."
            order.lock_price = order.lock_price or price
        return ""

    def cost(self, order: PaperOrder) -> Decimal | None:
        """What a market buy costs now; of one sized in quote money, that money. None: it sells."""
        request = order.request
        if request.quote_quantity is not None:
            order.quantity = sum((one.quantity for one in self._slices(order)), ZERO)
            if not order.quantity:
                raise refused(REJECTED, "Order book liquidity is less than `LOT_SIZE` minimum quantity.")
        if not order.buys:
            return None
        return request.quote_quantity or money(self._slices(order))

    def reserve(self, order: PaperOrder, instrument: Instrument, amount: Decimal | None) -> None:
        try:
            self.clearing.reserve(order, instrument, amount)
        except ShortOfCash:
            raise checks.insufficient() from None

    def reserve_legs(self, legs: Sequence[PaperOrder], instrument: Instrument) -> None:
        try:
            self.clearing.reserve_pair(legs, instrument)
        except ShortOfCash:
            raise checks.insufficient() from None

    def start(self, order: PaperOrder, now_ms: int) -> None:
        self.journal.report(order, now_ms)
        if order.phase is Phase.ARRIVING and (
            order.request.time_in_force in _AT_ONCE or not self.matcher(order.request.symbol).trouble()
        ):
            self._work(order, now_ms)

    def _work(self, order: PaperOrder, now_ms: int) -> None:
        """Take what is there, then rest or expire."""
        request, instrument = order.request, self.instrument(order.request.symbol)
        matcher = self.matcher(request.symbol)
        if self._meets_own(order):
            self._expire(order, "SELF_TRADE_PREVENTION", now_ms)
            return
        if request.type is OrderType.LIMIT_MAKER and matcher.crosses(
            buys=order.buys, price=request.price or ZERO
        ):
            self._expire(order, "WOULD_MATCH_IMMEDIATELY", now_ms)
            return
        slices = self._slices(order)
        there = sum((one.quantity for one in slices), ZERO)
        if request.time_in_force is TimeInForce.FOK and there < order.left:
            self._expire(order, "UNFILLED_FOK_ORDER_EXPIRED", now_ms)
            return
        if order.is_stop and order.takes_only and order.buys:
            order.lock_price = ZERO  # from here on it is what it costs
            if not self.clearing.top_up(order, instrument, money(slices)):
                self._expire(order, "INSUFFICIENT_BALANCES", now_ms)
                return
        if slices:
            self._acts(order, now_ms)
        matcher.take(slices, buys=order.buys)
        for price, quantity in slices:
            self.clearing.fill(order, instrument, price, quantity, now_ms, maker=False)
        if not order.open:
            self._left(order)
        elif order.takes_only:
            self._expire(order, "INSUFFICIENT_LIQUIDITY", now_ms)
        elif request.time_in_force in _AT_ONCE:
            self._expire(order, "UNFILLED_IOC_QUANTITY_EXPIRED", now_ms)
        else:
            order.phase = Phase.RESTING
            matcher.join(order)
            self.journal.touch(order, now_ms)

    def _slices(self, order: PaperOrder) -> list[Slice]:
        request = order.request
        matcher = self.matcher(request.symbol)
        if request.quote_quantity is not None and not order.quantity:
            step = quantity_step(self.instrument(request.symbol)) or Decimal("1e-8")
            return matcher.walk_quote(buys=order.buys, quote=request.quote_quantity, step=step)
        limit = None if order.takes_only else request.price
        return matcher.walk(buys=order.buys, limit=limit, quantity=order.left)

    def _meets_own(self, order: PaperOrder) -> bool:
        """Whether an order of our own would be met on the way: paper orders never trade with each other."""
        slices = self._slices(order)
        reach = None if order.takes_only else order.request.price
        if slices and (reach is None or sum((one.quantity for one in slices), ZERO) >= order.left):
            reach = slices[-1].price
        if reach is None:
            return False
        own = [
            other.request.price
            for other in _resting(self.of(order.request.symbol))
            if other.buys != order.buys and other.request.price is not None
        ]
        return any(price <= reach if order.buys else price >= reach for price in own)

    # --- trading -------------------------------------------------------------------------------------------

    def _book(self, met: Sequence[Met], now_ms: int) -> None:
        for order, quantity in met:
            if not order.open:  # its rival traded a moment before
                continue
            price = order.request.price
            assert price is not None  # only what has one rests
            self._acts(order, now_ms)
            instrument = self.instrument(order.request.symbol)
            self.clearing.fill(order, instrument, price, quantity, now_ms, maker=True)
            self._left(order)

    def _fire(self, order: PaperOrder, now_ms: int) -> None:
        """A stop that is reached becomes a market or limit order. With no book to fill it from it waits."""
        self._acts(order, now_ms)
        order.phase = Phase.ARRIVING
        self.journal.touch(order, now_ms)
        if not self.matcher(order.request.symbol).trouble():
            self._work(order, now_ms)

    # --- ending --------------------------------------------------------------------------------------------

    def _expire(self, order: PaperOrder, reason: str, now_ms: int) -> None:
        self.end(order, OrderStatus.EXPIRED, reason, now_ms)

    def end(self, order: PaperOrder, status: OrderStatus, reason: str, now_ms: int) -> None:
        order.phase, order.status, order.reason = Phase.ENDED, status, reason
        if order.reserved and not order.asset:  # of a file from before orders said what they lock
            order.asset = spends(order, self.instrument(order.request.symbol))
        self.clearing.release(order)
        self.journal.report(order, now_ms)
        self._left(order)

    def _left(self, order: PaperOrder) -> None:
        if not order.open:
            self.orders.pop(order.id, None)

    # --- lists ---------------------------------------------------------------------------------------------

    def _acts(self, order: PaperOrder, now_ms: int) -> None:
        """A leg trades or is triggered: the one it excludes ends, and leaves it the pair's lock."""
        for rival in self.rivals(order):
            self.clearing.hand_over(rival, order, self.instrument(order.request.symbol))
            self._expire(rival, "OCO_TRIGGER", now_ms)

    def rivals(self, order: PaperOrder) -> list[PaperOrder]:
        """The open legs that `order` excludes."""
        if order.role is None or order.role not in _EITHER:
            return []
        return [leg for leg in self.legs(order.list_id) if leg is not order and leg.role in _EITHER]

    def advance_lists(self, now_ms: int) -> None:
        """Start or end legs whose working order is done, until nothing more follows."""
        for found in list(self.lists.values()):
            legs = self.legs(found.id)
            waiting = [leg for leg in legs if leg.phase is Phase.PENDING]
            if waiting and not any(leg.role is LegRole.WORKING for leg in legs):
                self._begin(waiting, found, now_ms)
            if len(self.legs(found.id)) < 2:  # what is left excludes and starts nothing
                del self.lists[found.id]
                self.journal.lists[found.id] = None

    def _begin(self, waiting: list[PaperOrder], found: PaperList, now_ms: int) -> None:
        if not self._working_filled(found):
            for leg in waiting:
                self._expire(leg, "OTO_PHASE_ONE_EXPIRED", now_ms)
            return
        instrument = self.instrument(found.symbol)
        for leg in waiting:
            request = leg.request
            leg.phase = Phase.STOP if request.stop_price or request.trailing_delta else Phase.ARRIVING
        try:
            for leg in waiting:
                self.check_entry(leg)
            cost = self.cost(waiting[0]) if waiting[0].request.type is OrderType.MARKET else None
            if cost is None:
                self.reserve_legs(waiting, instrument)
            else:
                self.reserve(waiting[0], instrument, cost)
        except VenueError as error:
            for leg in waiting:
                self.end(leg, OrderStatus.EXPIRED, error.text, now_ms)
            return
        for leg in waiting:
            leg.status = OrderStatus.NEW
        for leg in waiting:
            if leg.open:
                self.start(leg, now_ms)

    def _working_filled(self, found: PaperList) -> bool:
        """The working leg has left; whether it was filled is the last that was said of it, here and now."""
        return any(
            order.status is OrderStatus.FILLED and order.role is LegRole.WORKING
            for order in self.journal.orders.values()
            if order.list_id == found.id
        )

    def legs(self, list_id: str) -> list[PaperOrder]:
        """The open ones."""
        if not list_id:
            return []
        found = self.lists.get(list_id)
        return [self.orders[one] for one in found.order_ids if one in self.orders] if found else []

    # --- seen ----------------------------------------------------------------------------------------------

    def of(self, symbol: str) -> list[PaperOrder]:
        return [order for order in self.orders.values() if order.request.symbol == symbol]

    def matcher(self, symbol: str) -> Matcher:
        found = self._matchers.get(symbol)
        if found is None:
            found = self._matchers[symbol] = Matcher(
                self._sight(symbol), self._taken.get(symbol), partial(self.journal.took, symbol)
            )
        return found

    def price(self, symbol: str) -> Decimal | None:
        """The last trade's, else the middle of the book."""
        last = self._last.get(symbol)
        return from_float(last) if last is not None else self.matcher(symbol).mid()


PENDING = frozenset({LegRole.PENDING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW})
_EITHER = frozenset({LegRole.ABOVE, LegRole.BELOW, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def _resting(orders: Iterable[PaperOrder]) -> Iterator[PaperOrder]:
    return (order for order in orders if order.phase is Phase.RESTING)
