"""A price-time-priority book. Pure: no clock, no randomness, no I/O.

Prices and quantities are whole numbers of 1e-8 (fixed.py). A side keeps its levels in a dict and their
keys in a
sorted list whose last entry is the best price (ask keys are negated), so the top is O(1) and a new level one
insertion.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from spark_tui.simulator.fixed import SCALE, floor_to, notional

CROWD = 0  # owner of the agents' orders: they may trade with each other


class SelfTrade(StrEnum):
    """What happens when an account meets itself; the taker's mode decides (protocol 8.3)."""

    NONE = "NONE"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"  # between accounts of one trade group; inside one account it is DECREMENT


class Resting(msgspec.Struct, kw_only=True):
    """An order as the book sees it. An iceberg rests `leaves` of it, at most its `peak` (0 = no iceberg), and
    keeps the rest `hidden`; used up, it shows the next slice behind everything at its price."""

    id: int
    owner: int
    buy: bool
    price: int
    leaves: int
    peak: int = 0
    hidden: int = 0

    @property
    def remaining(self) -> int:
        """What may still trade, shown or not."""
        return self.leaves + self.hidden


class Level(msgspec.Struct):
    """One price: the quantity shown, its orders, oldest first, and what icebergs keep hidden."""

    quantity: int
    orders: dict[int, Resting]
    hidden: int = 0


class Execution(msgspec.Struct):
    """One meeting of a taker with a resting order. `prevented` quantities did not trade: self-trade
    prevention."""

    maker: Resting
    price: int
    quantity: int
    prevented: bool = False


class Book:
    """Both sides of one symbol. `update_id` grows by one for every level change; `dirty` collects the changed
    prices (bids, asks) until the reader of depth differences clears them."""

    def __init__(self, update_id: int = 0) -> None:
        self.update_id = update_id
        self.bids: dict[int, Level] = {}
        self.asks: dict[int, Level] = {}
        self._bid_keys: list[int] = []
        self._ask_keys: list[int] = []
        self.dirty: tuple[set[int], set[int]] = (set(), set())

    def best_bid(self) -> int | None:
        return self._bid_keys[-1] if self._bid_keys else None

    def best_ask(self) -> int | None:
        return -self._ask_keys[-1] if self._ask_keys else None

    def top(self) -> tuple[int, int, int, int]:
        """(bid, bid quantity, ask, ask quantity); zeros for an empty side."""
        bid = ask = bid_quantity = ask_quantity = 0
        if self._bid_keys:
            bid = self._bid_keys[-1]
            bid_quantity = self.bids[bid].quantity
        if self._ask_keys:
            ask = -self._ask_keys[-1]
            ask_quantity = self.asks[ask].quantity
        return bid, bid_quantity, ask, ask_quantity

    def levels(self, *, bids: bool, limit: int) -> list[tuple[int, int]]:
        """(price, quantity) pairs, best first."""
        if bids:
            return [(key, self.bids[key].quantity) for key in self._bid_keys[: -limit - 1 : -1]]
        return [(-key, self.asks[-key].quantity) for key in self._ask_keys[: -limit - 1 : -1]]

    def quantity_at(self, *, bids: bool, price: int) -> int:
        level = (self.bids if bids else self.asks).get(price)
        return level.quantity if level is not None else 0

    def crosses(self, *, buy: bool, price: int) -> bool:
        """Whether a limit order at `price` would trade at once."""
        if buy:
            return bool(self._ask_keys) and price >= -self._ask_keys[-1]
        return bool(self._bid_keys) and price <= self._bid_keys[-1]

    def add(self, order: Resting) -> None:
        """Rest an order behind everything at its price. The caller has taken what it could take."""
        if order.peak and order.leaves > order.peak:
            order.hidden += order.leaves - order.peak
            order.leaves = order.peak
        side = self.bids if order.buy else self.asks
        level = side.get(order.price)
        if level is None:
            side[order.price] = Level(order.leaves, {order.id: order}, order.hidden)
            if order.buy:
                insort(self._bid_keys, order.price)
            else:
                insort(self._ask_keys, -order.price)
        else:
            level.quantity += order.leaves
            level.hidden += order.hidden
            level.orders[order.id] = order
        self._touch(order.buy, order.price)

    def remove(self, order: Resting) -> None:
        """Take a resting order out; KeyError when it does not rest here."""
        level = (self.bids if order.buy else self.asks)[order.price]
        del level.orders[order.id]
        level.quantity -= order.leaves
        level.hidden -= order.hidden
        if not level.orders:
            self._drop_level(order.buy, order.price)
        self._touch(order.buy, order.price)

    def reduce(self, order: Resting, quantity: int) -> None:
        """Shrink what a resting order shows, keeping its priority. At zero it leaves the book; an iceberg
        shows its next slice instead, which loses priority."""
        level = (self.bids if order.buy else self.asks)[order.price]
        order.leaves -= quantity
        level.quantity -= quantity
        if order.leaves == 0:
            del level.orders[order.id]
            if order.hidden:
                order.leaves = min(order.peak, order.hidden)
                order.hidden -= order.leaves
                level.quantity += order.leaves
                level.hidden -= order.leaves
                level.orders[order.id] = order
            elif not level.orders:
                self._drop_level(order.buy, order.price)
        self._touch(order.buy, order.price)

    def shrink(self, order: Resting, quantity: int) -> None:
        """Take `quantity`, less than what remains, off a resting order, keeping its priority: first off
        what it hides."""
        level = (self.bids if order.buy else self.asks)[order.price]
        unseen = min(quantity, order.hidden)
        order.hidden -= unseen
        level.hidden -= unseen
        if quantity > unseen:
            self.reduce(order, quantity - unseen)

    def take(self, taker: Resting, *, limit: int | None, mode: SelfTrade = SelfTrade.NONE) -> list[Execution]:
        """Match `taker` against the other side down to its limit price (None = any), oldest first at
        each price.

        `taker.leaves` falls by what traded or was prevented. Makers that are used up have left the book.
        """
        executions: list[Execution] = []
        keys = self._ask_keys if taker.buy else self._bid_keys
        side = self.asks if taker.buy else self.bids
        while taker.leaves and keys:
            price = -keys[-1] if taker.buy else keys[-1]
            if limit is not None and (price > limit if taker.buy else price < limit):
                break
            for maker in list(side[price].orders.values()):
                if taker.owner == maker.owner != CROWD and mode is not SelfTrade.NONE:
                    if self._prevent(taker, maker, mode, executions):
                        return executions
                else:
                    quantity = min(taker.leaves, maker.leaves)
                    taker.leaves -= quantity
                    self.reduce(maker, quantity)
                    executions.append(Execution(maker, price, quantity))
                if not taker.leaves:
                    break
        return executions

    def _prevent(self, taker: Resting, maker: Resting, mode: SelfTrade, executions: list[Execution]) -> bool:
        """Apply the taker's self-trade mode to one meeting; True when the taker ends here."""
        if mode is SelfTrade.EXPIRE_TAKER:
            executions.append(Execution(maker, maker.price, 0, prevented=True))
            return True
        if mode in (SelfTrade.DECREMENT, SelfTrade.TRANSFER):
            quantity = min(taker.leaves, maker.leaves)
            taker.leaves -= quantity
            self.reduce(maker, quantity)
            executions.append(Execution(maker, maker.price, quantity, prevented=True))
            return taker.leaves == 0
        self.remove(maker)
        executions.append(Execution(maker, maker.price, maker.remaining, prevented=True))
        return mode is SelfTrade.EXPIRE_BOTH

    def fillable(self, *, buy: bool, limit: int, quantity: int, but: int = CROWD) -> bool:
        """Whether `quantity` could trade at once within `limit` (fill-or-kill). `but` names an owner
        whose orders do not count (CROWD = all count); so in the two questions below."""
        for price, available in self._opposite(buy, but):
            if price > limit if buy else price < limit:
                return False
            quantity -= available
            if quantity <= 0:
                return True
        return False

    def sweep_cost(self, *, buy: bool, quantity: int, but: int = CROWD) -> int:
        """Quote amount that taking `quantity` now would move (all there is, when the book is thinner)."""
        total = 0
        for price, available in self._opposite(buy, but):
            used = min(quantity, available)
            total += notional(price, used)
            quantity -= used
            if not quantity:
                break
        return total

    def quantity_for_quote(self, *, buy: bool, quote: int, step: int, but: int = CROWD) -> int:
        """Base quantity, a multiple of `step`, that `quote` buys (or that must be sold to receive it) now."""
        total = 0
        for price, available in self._opposite(buy, but):
            wanted = floor_to(quote * SCALE // price, step)
            used = min(wanted, available)
            total += used
            quote -= notional(price, used)
            if used == wanted:
                break
        return total

    def _opposite(self, buy: bool, but: int) -> Iterator[tuple[int, int]]:
        """(price, quantity) a taker would meet, hidden slices too, best first."""
        keys, side, sign = (self._ask_keys, self.asks, -1) if buy else (self._bid_keys, self.bids, 1)
        for key in reversed(keys):
            level = side[sign * key]
            if but == CROWD:
                yield sign * key, level.quantity + level.hidden
            else:
                others = (order.remaining for order in level.orders.values() if order.owner != but)
                yield sign * key, sum(others)

    def _drop_level(self, buy: bool, price: int) -> None:
        if buy:
            del self.bids[price]
            keys, key = self._bid_keys, price
        else:
            del self.asks[price]
            keys, key = self._ask_keys, -price
        del keys[bisect_left(keys, key)]

    def _touch(self, buy: bool, price: int) -> None:
        self.update_id += 1
        self.dirty[0 if buy else 1].add(price)
