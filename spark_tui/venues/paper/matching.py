"""How a paper order meets a market it is no part of. Pure: no clock, no randomness, no I/O.

Taking: the levels that are shown, best first, less what paper orders took of them already. What was taken
comes back only as a level grows again, or is gone and shown anew: the same size is never sold twice.

Resting, risk-averse: an order joins behind all that is shown at its price. A trade at its price brings it
forward, and fills it with what exceeds the queue. Size that disappears without trading is taken to have stood
behind it, until less is shown than stands ahead. A trade beyond its price fills it with at most that trade's
size; another side shown at or beyond its price fills it at its own price with at most what is shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.decimals import EXACT, ZERO, add, divide_down, floor_to, from_float, multiply
from spark_tui.domain.market import DepthDiff, Trade
from spark_tui.domain.market import Level as BookLevel
from spark_tui.venues.paper.levels import Level
from spark_tui.venues.paper.orders import PaperOrder

_DEEP: Final = 1_000  # levels a taker may walk
MAX_TAKEN: Final = 4_096  # levels remembered as taken from; the oldest are forgotten


class Sight(Protocol):
    """One symbol's book as it can be seen now."""

    def quote(self) -> Quote | Unusable: ...

    def best_first(self, count: int, *, bids: bool) -> Iterator[BookLevel] | Unusable:
        """As `OrderBook.best_first`."""

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        """0.0: nothing is shown there. None: that far from the top the book is not known."""


class Slice(NamedTuple):
    """Part of a level."""

    price: Decimal
    quantity: Decimal


class Met(NamedTuple):
    """A resting order traded."""

    order: PaperOrder
    quantity: Decimal


class Matcher:
    """One symbol's. It moves `ahead` and `shown` of resting orders; what they fill is the caller's. `taken`:
    of which levels paper orders took how much before; `told` of each change of that, 0 for a level that is
    whole again."""

    def __init__(
        self,
        sight: Sight,
        taken: Mapping[Level, Decimal] | None = None,
        told: Callable[[Level, Decimal], None] = lambda level, quantity: None,
    ) -> None:
        self._sight = sight
        self._taken = dict(taken or {})
        self._told = told

    # --- taking --------------------------------------------------------------------------------------------

    def trouble(self) -> str:
        """Why nothing can be filled now; empty when it can."""
        quote = self._sight.quote()
        return quote.why if isinstance(quote, Unusable) else ""

    def mid(self) -> Decimal | None:
        quote = self._sight.quote()
        if isinstance(quote, Unusable):
            return None
        return EXACT.divide(add(from_float(quote.bid), from_float(quote.ask)), Decimal(2))

    def crosses(self, *, buys: bool, price: Decimal) -> bool:
        """Whether a limit order at `price` would trade at once."""
        return next(self._others(buys, price, 1), None) is not None

    def walk(self, *, buys: bool, limit: Decimal | None, quantity: Decimal) -> list[Slice]:
        """What `quantity` would take now; less of it where less is there."""
        slices = []
        for price, there in self._others(buys, limit, _DEEP):
            used = min(quantity, there)
            slices.append(Slice(price, used))
            quantity = EXACT.subtract(quantity, used)
            if not quantity:
                break
        return slices

    def walk_quote(self, *, buys: bool, quote: Decimal, step: Decimal) -> list[Slice]:
        """What quote money buys, or what must be sold to receive it, in multiples of `step`."""
        slices = []
        for price, there in self._others(buys, None, _DEEP):
            wanted = floor_to(divide_down(quote, price), step)
            used = min(wanted, there)
            if used:
                slices.append(Slice(price, used))
            quote = EXACT.subtract(quote, multiply(price, used))
            if used == wanted:
                break
        return slices

    def take(self, slices: Iterable[Slice], *, buys: bool) -> None:
        """These are gone until the level is shown larger, or anew."""
        for price, quantity in slices:
            level = (not buys, float(price))
            self._set(level, add(self._taken.get(level, ZERO), quantity))
        while len(self._taken) > MAX_TAKEN:
            self._set(next(iter(self._taken)), ZERO)

    # --- resting -------------------------------------------------------------------------------------------

    def join(self, order: PaperOrder) -> None:
        """Stand behind everything that is shown at the order's price."""
        peak = order.request.iceberg_quantity
        order.shown = order.left if peak is None else min(peak, order.left)
        order.ahead = self._shown_at(order)

    def on_trade(self, trade: Trade, resting: Iterable[PaperOrder]) -> list[Met]:
        """Whom a trade fills, the best price first."""
        if self.trouble():
            return []
        hits_bids = trade.buyer_is_maker
        price, volume = from_float(trade.price), from_float(trade.quantity)
        met = []
        for order in _by_priority(resting, hits_bids):
            own = _price(order)
            if not volume or (own < price if hits_bids else own > price):
                break
            if own == price:
                filled = self._advance(order, volume)
            else:
                order.ahead = ZERO
                filled = self._show(order, min(order.left, volume))
            if filled:
                met.append(Met(order, filled))
                volume = EXACT.subtract(volume, filled)
        return met

    def on_depth(self, diff: DepthDiff | None, resting: Iterable[PaperOrder]) -> list[Met]:
        """Whom a changed book fills. `diff` None: the book was loaded anew."""
        if self._taken:
            self._refresh(diff)
        orders = list(resting)
        if not orders or self.trouble():
            return []
        for order in orders:
            shown = self._shown_at(order)
            if shown is not None:
                order.ahead = shown if order.ahead is None else min(order.ahead, shown)
        return [*self._crossed(orders, bids=True), *self._crossed(orders, bids=False)]

    # --- inside --------------------------------------------------------------------------------------------

    def _others(self, buys: bool, limit: Decimal | None, count: int) -> Iterator[tuple[Decimal, Decimal]]:
        """(price, quantity) a taker would meet within its limit, best first; nothing while unusable."""
        levels = self._sight.best_first(count, bids=not buys)
        if isinstance(levels, Unusable):
            return
        for price, shown in levels:
            at = from_float(price)
            if limit is not None and (at > limit if buys else at < limit):
                return
            there = EXACT.subtract(from_float(shown), self._taken.get((not buys, price), ZERO))
            if there > 0:
                yield at, there

    def _refresh(self, diff: DepthDiff | None) -> None:
        """A level that grew has that much new to take; one that shrank below what was taken has nothing."""
        if diff is None:
            if self.trouble():
                return
            changes = [
                (key, self._sight.quantity_at(key[1], bids=key[0]) or 0.0) for key in list(self._taken)
            ]
        else:
            changes = [((True, price), shown) for price, shown in diff.bids]
            changes += [((False, price), shown) for price, shown in diff.asks]
        for level, shown in changes:
            taken = self._taken.get(level)
            if taken is not None:
                self._set(level, min(taken, from_float(shown)) if shown > 0 else ZERO)

    def _set(self, level: Level, taken: Decimal) -> None:
        if taken == self._taken.get(level):
            return
        if taken:
            self._taken[level] = taken
        else:
            del self._taken[level]
        self._told(level, taken)

    def _advance(self, order: PaperOrder, volume: Decimal) -> Decimal:
        """`volume` traded at the order's own price: what of it reached the order."""
        if order.ahead is None:
            return ZERO
        beyond = EXACT.subtract(volume, order.ahead)
        if beyond <= 0:
            order.ahead = EXACT.minus(beyond)
            return ZERO
        order.ahead = ZERO
        return self._show(order, min(order.shown, beyond))

    def _crossed(self, orders: list[PaperOrder], *, bids: bool) -> Iterator[Met]:
        """Orders that the other side is shown to have reached."""
        for order in _by_priority(orders, bids):
            slices = self.walk(buys=bids, limit=_price(order), quantity=order.left)
            if not slices:
                return
            self.take(slices, buys=bids)
            order.ahead = ZERO
            yield Met(order, self._show(order, sum((one.quantity for one in slices), ZERO)))

    def _show(self, order: PaperOrder, filled: Decimal) -> Decimal:
        """Take what trades off what is shown; an iceberg's next slice queues again. `order.filled` is still
        the one of before."""
        order.shown = EXACT.subtract(order.shown, filled)
        left = EXACT.subtract(order.left, filled)
        peak = order.request.iceberg_quantity
        if peak is not None and left > 0 and order.shown <= 0:
            order.shown = min(peak, left)
            order.ahead = self._shown_at(order)
        return filled

    def _shown_at(self, order: PaperOrder) -> Decimal | None:
        shown = self._sight.quantity_at(float(_price(order)), bids=order.buys)
        return None if shown is None else from_float(shown)


def money(slices: Iterable[Slice]) -> Decimal:
    total = ZERO
    for price, quantity in slices:
        total = add(total, multiply(price, quantity))
    return total


def _by_priority(orders: Iterable[PaperOrder], bids: bool) -> list[PaperOrder]:
    """One side's, best price first, the oldest first at each."""
    own = [order for order in orders if order.buys == bids]
    return sorted(own, key=lambda order: (-_price(order) if bids else _price(order), order.id))


def _price(order: PaperOrder) -> Decimal:
    assert order.request.price is not None  # what has no price never rests
    return order.request.price
