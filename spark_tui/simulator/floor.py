"""Orders at work: they take, rest, wait, trigger, start and end each other, and end.

Everything that happens inside one engine transaction. `settle_all` runs what follows from a transaction until
nothing more does: stops its trades reached, list legs its fills started or ended.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from spark_tui.simulator.clearing import Clearing
from spark_tui.simulator.errors import ApiError, new_order_rejected
from spark_tui.simulator.journal import Journal
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Execution, Resting, SelfTrade
from spark_tui.simulator.order_lists import ALL_DONE, OrderList
from spark_tui.simulator.orders import MARKET_LIKE, NO_LIST, PENDING, STOPS, Fill, Order, Prevented
from spark_tui.simulator.stops import Stops, arm

_ENTRY_REJECTS = {True: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY", False: "WOULD_MATCH_IMMEDIATELY"}


Reshape = Callable[[list[Execution], Market], list[Execution]]


class Taken(NamedTuple):
    """What an order met on its way in."""

    fills: list[Fill]
    prevented: list[Prevented]


class Floor:
    """The orders of all accounts and what they do to each other."""

    def __init__(self, journal: Journal, clearing: Clearing) -> None:
        self.stops = Stops()
        self.reshape: Reshape | None = None
        self._journal = journal
        self._clearing = clearing
        self._stirred: dict[int, OrderList] = {}  # lists a leg of which traded, triggered or ended

    # starting

    def check_entry(self, order: Order, market: Market) -> None:
        """Whether an order may start now; ApiError -2010 for a maker that would take and a stop that has
        already happened. Arms a stop."""
        if order.type == "LIMIT_MAKER" and market.book.crosses(buy=order.buy, price=order.price):
            raise new_order_rejected("Order would immediately match and take.")
        if order.type in STOPS:
            arm(order, market)

    def start(self, order: Order, market: Market, ms: int, taken: Taken) -> None:
        """Let an order that is checked and reserved begin: a stop waits, any other works."""
        if order.type not in STOPS:
            self._work(order, market, ms, taken)
            return
        self.stops.add(order)
        self._journal.report(self._clearing.accounts[order.owner], order, "NEW", ms)

    def _work(self, order: Order, market: Market, ms: int, taken: Taken) -> None:
        """Let an order work: take, then rest or expire. Its NEW report goes first."""
        order.working_ms = ms
        self._journal.report(self._clearing.accounts[order.owner], order, "NEW", ms)
        limit = None if order.type in MARKET_LIKE else order.price
        but = CROWD if order.self_trade is SelfTrade.NONE else order.owner
        if (
            order.time_in_force == "FOK"
            and limit is not None
            and not market.book.fillable(buy=order.buy, limit=limit, quantity=order.leaves, but=but)
        ):
            self.expire(order, market, "UNFILLED_FOK_ORDER_EXPIRED", ms)
            return
        executions = market.book.take(order, limit=limit, mode=order.self_trade)
        self.settle(order, executions, market, ms, taken)
        if not order.open:
            return
        if limit is None:
            self.expire(order, market, "INSUFFICIENT_LIQUIDITY", ms)
        elif order.time_in_force != "GTC":
            self.expire(order, market, "UNFILLED_IOC_QUANTITY_EXPIRED", ms)
        else:
            order.queue_ahead = market.book.quantity_at(bids=order.buy, price=order.price)
            market.book.add(order)

    # trading

    def settle(
        self, taker: Resting, executions: list[Execution], market: Market, ms: int, taken: Taken
    ) -> None:
        """Move the money of a taker's executions and report them, in order."""
        if not executions:
            return
        if self.reshape is not None and _concerns_accounts(taker, executions):
            executions = self.reshape(executions, market)
        trades = iter(market.record(executions, taker_buys=taker.buy, ms=ms))
        for execution in executions:
            maker = execution.maker
            if isinstance(maker, Order) and execution.quantity:
                self._leg_acts(maker, market, ms)
            if execution.prevented:
                if isinstance(taker, Order) and isinstance(maker, Order):
                    taken.prevented.append(self._clearing.prevent(taker, maker, execution, market, ms))
                continue
            trade = next(trades)
            if isinstance(taker, Order):
                taken.fills.append(self._clearing.fill(taker, trade, market, ms, maker=False))
            if isinstance(maker, Order):
                self._clearing.fill(maker, trade, market, ms, maker=True)
        if isinstance(taker, Order):
            self._stir(taker)

    # ending

    def withdraw(self, order: Order, market: Market) -> None:
        """Take an open order from where it rests or waits."""
        if order.status == PENDING:
            return
        if order.working_ms < 0:
            self.stops.discard(order)
        else:
            market.book.remove(order)

    def expire(self, order: Order, market: Market, reason: str, ms: int, *, reject: str = "NONE") -> None:
        order.expiry_reason = reason
        self.end(order, "EXPIRED", market, ms, reject=reject)

    def end(
        self,
        order: Order,
        status: str,
        market: Market,
        ms: int,
        *,
        request_id: str = "",
        reject: str = "NONE",
    ) -> None:
        """End an order that no longer rests or waits, give back its lock and report it."""
        account = self._clearing.accounts[order.owner]
        order.status = status
        self._clearing.release(order, market)
        self._journal.touch(account, market.symbol)
        self._journal.report(account, order, status, ms, request_id=request_id, reject=reject)
        self._stir(order)

    # what follows from a transaction

    def settle_all(self, market: Market, ms: int) -> None:
        """Fire due stops and advance stirred lists until nothing more follows."""
        while True:
            due = self.stops.due(market)
            for order in due:
                if order.open:  # a leg fired before it may have ended it
                    self._fire(order, market, ms)
            if due:
                continue
            if not self._stirred:
                return
            found = self._stirred.pop(next(iter(self._stirred)))
            if found.executing:
                self._advance(found, market, ms)

    def _fire(self, order: Order, market: Market, ms: int) -> None:
        """A stop that fires becomes a market or limit order."""
        self._leg_acts(order, market, ms)
        self._journal.touch(self._clearing.accounts[order.owner], market.symbol)
        if order.type in MARKET_LIKE and order.buy and not self._clearing.top_up(order, market):
            self.expire(order, market, "REJECTED", ms, reject="INSUFFICIENT_BALANCES")
            return
        self._work(order, market, ms, Taken([], []))

    # lists

    def legs(self, found: OrderList) -> list[Order]:
        """A list's orders that are still known, by id."""
        store = self._clearing.stores[found.owner]
        legs = (store.by_id(found.symbol, order_id) for order_id in found.order_ids)
        return [leg for leg in legs if leg is not None]

    def pair(self, order: Order) -> list[Order]:
        """The legs of which only one may act, this one among them; the order alone when it excludes none."""
        found = self._list_of(order)
        if found is None or not found.executing or order.id == found.working_id:
            return [order]
        return [leg for leg in self.legs(found) if leg.open and leg.id != found.working_id]

    def _list_of(self, order: Order) -> OrderList | None:
        if order.list_id == NO_LIST:
            return None
        return self._clearing.lists[order.owner].by_id(order.list_id)

    def _stir(self, order: Order) -> None:
        found = self._list_of(order)
        if found is not None:
            self._stirred[found.id] = found

    def _leg_acts(self, order: Order, market: Market, ms: int) -> None:
        """A leg trades or triggers: the one it excludes ends first and leaves it the pair's lock."""
        if order.list_id == NO_LIST:
            return
        for rival in self.pair(order):
            if rival is not order:
                self._clearing.hand_over(rival, order, market)
                self.withdraw(rival, market)
                self.expire(rival, market, "OCO_TRIGGER", ms)
        self._stir(order)

    def _advance(self, found: OrderList, market: Market, ms: int) -> None:
        """What a leg's fill or end means for the others."""
        legs = self.legs(found)
        waiting = [leg for leg in legs if leg.status == PENDING]
        working = next((leg for leg in legs if leg.id == found.working_id), None)
        if working is not None and working.open:
            return
        if working is not None:
            found.working_id = 0
            if working.status == "FILLED":
                self._begin(waiting, market, ms)
            else:
                for leg in waiting:
                    self.expire(leg, market, "OTO_PHASE_ONE_EXPIRED", ms)
        if sum(leg.open for leg in legs) < 2:  # what is left excludes and starts nothing
            self.finish(found, ms)

    def _begin(self, waiting: Sequence[Order], market: Market, ms: int) -> None:
        """The working leg is filled: its pending order, or pair, begins. One that may not begin is refused,
        and with it its other half."""
        for leg in waiting:
            try:
                self.check_entry(leg, market)
            except ApiError:
                self._refuse(leg, waiting, _ENTRY_REJECTS[leg.type in STOPS], market, ms)
                return
        try:
            if len(waiting) == 1:
                self._clearing.reserve(waiting[0], market)
            else:
                self._clearing.reserve_pair(waiting, market)
        except ApiError:
            self._refuse(waiting[0], waiting, "INSUFFICIENT_BALANCES", market, ms)
            return
        for leg in waiting:
            leg.status = "NEW"
        for leg in waiting:
            self._journal.touch(self._clearing.accounts[leg.owner], market.symbol)
            self.start(leg, market, ms, Taken([], []))

    def _refuse(self, refused: Order, waiting: Sequence[Order], reject: str, market: Market, ms: int) -> None:
        self.expire(refused, market, "REJECTED", ms, reject=reject)
        for leg in waiting:
            if leg is not refused:
                self.expire(leg, market, "OCO_TRIGGER", ms)

    def finish(self, found: OrderList, ms: int) -> None:
        """Say that a list has done its work."""
        account = self._clearing.accounts[found.owner]
        found.status = ALL_DONE
        self._clearing.lists[found.owner].done(found)
        self._journal.list_status(account, found, self.legs(found), ms)


def _concerns_accounts(taker: Resting, executions: Sequence[Execution]) -> bool:
    return isinstance(taker, Order) or any(isinstance(execution.maker, Order) for execution in executions)
