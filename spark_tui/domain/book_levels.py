"""The price levels of one book: every level of both sides, and the best of each kept sorted.

A side is a dict of every level and a short sorted list of its best prices: exactly the dict's prices not
beyond the side's floor. Most levels of a diff fall on known prices or far away: one dict write.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import nlargest, nsmallest
from math import inf
from typing import Final

from spark_tui.domain.market import Level

_WINDOW: Final = 64  # sorted prices kept ready on each side; twice that before it is cut
_SHORT: Final = 24  # a shorter window is filled again; this many levels always read without sorting


class Levels:
    """By one writer. `most`: bound on levels a side; beyond it the worse half is let go, and a top that ever
    retreats that far is trouble. Whoever is told of trouble clears or loads before the next reading."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.clear()

    def __len__(self) -> int:
        """On both sides."""
        return len(self._bids) + len(self._asks)

    # --- writing -------------------------------------------------------------------------------------------

    def clear(self) -> None:
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_window: list[float] = []  # ascending: best last
        self._ask_window: list[float] = []  # ascending: best first
        self._bid_floor = -inf
        self._ask_floor = inf
        self._bid_horizon = -inf  # beyond it levels were let go: a top there would be a guess
        self._ask_horizon = inf

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> str | None:
        """Instead of all there was. Returns what makes the top untrustworthy, if anything."""
        self.clear()
        self._bids = {price: quantity for price, quantity in bids if quantity > 0}
        self._asks = {price: quantity for price, quantity in asks if quantity > 0}
        self._rebuild_bids()
        self._rebuild_asks()
        return self._trouble()

    def change(self, bids: list[Level], asks: list[Level]) -> str | None:
        """Absolute quantities, 0 for a level that is gone. Returns what makes the top untrustworthy, if
        anything."""
        if not (self._change_bids(bids) and self._change_asks(asks)):
            return "an update carried a price or quantity that is no number"
        best_bids, best_asks = self._bid_window, self._ask_window
        if len(best_bids) < _SHORT or len(best_asks) < _SHORT:
            self._refill()
            best_bids, best_asks = self._bid_window, self._ask_window
        if best_bids and best_asks and self._bid_horizon <= best_bids[-1] < best_asks[0] <= self._ask_horizon:
            return None
        return self._trouble()

    # --- reading -------------------------------------------------------------------------------------------

    def top(self) -> tuple[float, float, float, float] | None:
        """(bid, quantity, ask, quantity), or None while one side is empty."""
        bids, asks = self._bid_window, self._ask_window
        if not bids or not asks:
            return None
        bid, ask = bids[-1], asks[0]
        return (bid, self._bids[bid], ask, self._asks[ask])

    def best(self, count: int, *, bids: bool) -> Iterator[Level]:
        """Up to `count` of one side, best first: the window's, then the rest, whose sorting costs a hundred
        times as much. To be read before the next change."""
        levels = self._bids if bids else self._asks
        near = self._bid_window[: -count - 1 : -1] if bids else self._ask_window[:count]
        for price in near:
            yield price, levels[price]
        if len(near) < min(count, len(levels)):
            for price in (nlargest if bids else nsmallest)(count, levels)[len(near) :]:
                yield price, levels[price]

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        """What is shown at one price: 0.0 where nothing is, None beyond the levels that are known."""
        levels = self._bids if bids else self._asks
        quantity = levels.get(price)
        if quantity is not None:
            return quantity
        if not levels:
            return None
        known = price >= min(levels) if bids else price <= max(levels)
        return 0.0 if known else None

    # --- inside --------------------------------------------------------------------------------------------

    def _change_bids(self, changes: list[Level]) -> bool:
        """Hot: one pass, no calls for the usual level. False on a level no venue sends."""
        levels, window, floor = self._bids, self._bid_window, self._bid_floor
        for price, quantity in changes:
            if 0.0 < quantity < inf:
                if 0.0 < price < floor or price in levels:
                    levels[price] = quantity
                elif 0.0 < price < inf:
                    levels[price] = quantity
                    insort(window, price)
                else:
                    return False
            elif quantity == 0.0:
                if levels.pop(price, 0.0) and price >= floor:
                    del window[bisect_left(window, price)]
            else:
                return False
        if len(window) > 2 * _WINDOW:
            del window[:-_WINDOW]
            self._bid_floor = window[0]
        if len(levels) > self._most:
            self._prune_bids()
        return True

    def _change_asks(self, changes: list[Level]) -> bool:
        levels, window, floor = self._asks, self._ask_window, self._ask_floor
        for price, quantity in changes:
            if 0.0 < quantity < inf:
                if floor < price < inf or price in levels:
                    levels[price] = quantity
                elif 0.0 < price < inf:
                    levels[price] = quantity
                    insort(window, price)
                else:
                    return False
            elif quantity == 0.0:
                if levels.pop(price, 0.0) and price <= floor:
                    del window[bisect_left(window, price)]
            else:
                return False
        if len(window) > 2 * _WINDOW:
            del window[_WINDOW:]
            self._ask_floor = window[-1]
        if len(levels) > self._most:
            self._prune_asks()
        return True

    def _refill(self) -> None:
        if len(self._bid_window) < _SHORT and len(self._bid_window) < len(self._bids):
            self._rebuild_bids()
        if len(self._ask_window) < _SHORT and len(self._ask_window) < len(self._asks):
            self._rebuild_asks()

    def _rebuild_bids(self) -> None:
        self._bid_window = sorted(nlargest(_WINDOW, self._bids))
        self._bid_floor = self._bid_window[0] if len(self._bids) > _WINDOW else -inf

    def _rebuild_asks(self) -> None:
        self._ask_window = nsmallest(_WINDOW, self._asks)
        self._ask_floor = self._ask_window[-1] if len(self._asks) > _WINDOW else inf

    def _prune_bids(self) -> None:
        """Keep the better half. The horizon moves with it: what was let go is never taken for empty."""
        kept = nlargest(max(self._most // 2, _WINDOW), self._bids)
        self._bids = {price: self._bids[price] for price in kept}
        self._bid_horizon = max(self._bid_horizon, kept[-1])
        self._rebuild_bids()

    def _prune_asks(self) -> None:
        kept = nsmallest(max(self._most // 2, _WINDOW), self._asks)
        self._asks = {price: self._asks[price] for price in kept}
        self._ask_horizon = min(self._ask_horizon, kept[-1])
        self._rebuild_asks()

    def _trouble(self) -> str | None:
        """What makes the top untrustworthy, if anything. An empty side of a wholly known book does not."""
        bids, asks = self._bid_window, self._ask_window
        if not all(0.0 < price < inf for price in (*bids, *asks)):
            return "a level has a price that is no number"
        if bids and asks and bids[-1] >= asks[0]:
            return f"crossed: bid {bids[-1]} is not below ask {asks[0]}"
        best_bid, best_ask = (bids[-1] if bids else -inf), (asks[0] if asks else inf)
        if best_bid < self._bid_horizon or best_ask > self._ask_horizon:
            return "the top went back to levels that were let go"
        return None
