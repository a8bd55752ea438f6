"""Order lists as the exchange keeps them: OCO, OTO, OTOCO, and the rules their legs must keep (protocol 8.4).

An OCO is a pair of which one leg may act. An OTO has a working leg and a pending one, an OTOCO a working leg
and a pending pair. A list executes as long as one of its orders may still end or start another; what is left
of it then is an order like any other, and the list is ALL_DONE.
"""

from collections import deque

import msgspec

from spark_tui.simulator.errors import ApiError, new_order_rejected
from spark_tui.simulator.orders import NewOrder

EXECUTING = "EXECUTING"
ALL_DONE = "ALL_DONE"
_LIMITS = frozenset({"LIMIT_MAKER"})
_PROFITS = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_LOSSES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})
_ENDED_KEPT = 1_000


class NewList(msgspec.Struct, frozen=True, kw_only=True):
    """A request to place a list. `pair` legs exclude each other; without one, `pending` waits alone. With a
    `working` leg the others wait for its fill."""

    symbol: str
    client_id: str
    response: str
    working: NewOrder | None = None
    pending: NewOrder | None = None
    pair: tuple[NewOrder, NewOrder] | None = None  # (above, below)

    @property
    def legs(self) -> list[NewOrder]:
        """In the order of their ids: working first, and of a pair the stop leg first, as in the venue's own
        examples."""
        legs = [leg for leg in (self.working, self.pending) if leg is not None]
        if self.pair is not None:
            legs += sorted(self.pair, key=lambda leg: leg.type not in _LOSSES)
        return legs


class OrderList(msgspec.Struct, kw_only=True):
    """A list and its legs by order id. `working_id` is 0 once the working leg is done, and for an OCO."""

    id: int
    owner: int
    symbol: str
    contingency: str  # OCO or OTO
    client_id: str
    order_ids: list[int]
    working_id: int
    updated_ms: int
    status: str = EXECUTING

    @property
    def executing(self) -> bool:
        return self.status == EXECUTING

    @property
    def kind(self) -> str:
        """`listStatusType` of the list as it stands."""
        return "EXEC_STARTED" if self.executing else ALL_DONE


class ListStore:
    """Every list of one account; executing ones are all kept, done ones only the newest."""

    def __init__(self) -> None:
        self._lists: dict[int, OrderList] = {}
        self._by_client: dict[str, OrderList] = {}
        self._done: deque[OrderList] = deque()

    def add(self, found: OrderList) -> None:
        self._lists[found.id] = found
        self._by_client[found.client_id] = found
        if not found.executing:
            self.done(found)

    def done(self, found: OrderList) -> None:
        """Note that a list has ended; the oldest ended one beyond the bound is forgotten."""
        self._done.append(found)
        if len(self._done) > _ENDED_KEPT:
            oldest = self._done.popleft()
            self._lists.pop(oldest.id, None)
            if self._by_client.get(oldest.client_id) is oldest:
                del self._by_client[oldest.client_id]

    def by_id(self, list_id: int) -> OrderList | None:
        return self._lists.get(list_id)

    def by_client_id(self, client_id: str) -> OrderList | None:
        return self._by_client.get(client_id)

    def executing(self, symbol: str | None = None) -> list[OrderList]:
        return [
            found
            for found in self._lists.values()
            if found.executing and (symbol is None or found.symbol == symbol)
        ]

    def all(self) -> list[OrderList]:
        """Oldest first."""
        return sorted(self._lists.values(), key=lambda found: found.id)


def check_pair(above: NewOrder, below: NewOrder) -> None:
    """ApiError -1158 .. -1199 when the legs' types cannot make an OCO."""
    for leg in (above, below):
        if leg.type not in _LIMITS | _PROFITS | _LOSSES:
            raise ApiError(400, -1158, "Order type not supported in OCO.")
    if above.type in _LIMITS and below.type in _LIMITS:
        raise ApiError(400, -1168, "At least one OCO order must be contingent.")
    if above.buy:
        _place_of(above, _LIMITS, -1165, "A limit order in a buy OCO must be below.")
        _place_of(above, _PROFITS, -1198, "A take profit order in a buy OCO must be below.")
        _place_of(below, _LOSSES, -1196, "A stop loss order in a buy OCO must be above.")
    else:
        _place_of(below, _LIMITS, -1166, "A limit order in a sell OCO must be above.")
        _place_of(below, _PROFITS, -1199, "A take profit order in a sell OCO must be above.")
        _place_of(above, _LOSSES, -1197, "A stop loss order in a sell OCO must be below.")


def _place_of(leg: NewOrder, kinds: frozenset[str], code: int, text: str) -> None:
    if leg.type in kinds:
        raise ApiError(400, code, text)


def check_relation(above: NewOrder, below: NewOrder, last_price: int) -> None:
    """ApiError -2010 unless the upper leg acts above the last price and the lower leg below it. `last_price`
    0 = not known: only the legs are compared. A leg that only trails has no price to compare."""
    upper, lower = _acts_at(above), _acts_at(below)
    bad = (
        (upper and lower and upper <= lower)
        or (upper and last_price and upper <= last_price)
        or (lower and last_price and lower >= last_price)
    )
    if bad:
        raise new_order_rejected("The relationship of the prices for the orders is not correct.")


def _acts_at(leg: NewOrder) -> int:
    return leg.price if leg.type in _LIMITS else leg.stop_price
