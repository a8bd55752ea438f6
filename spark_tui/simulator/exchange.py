"""The matching venue: accounts place, amend and cancel, the crowd takes, money moves, events go out.

Sans I/O: time comes in with every call, events leave through the listener. One call is one engine
transaction: its execution reports go out in order (NEW, TRADE..., EXPIRED), then list statuses, then one
balance event an account (protocol 11.3)."""

import copy
from collections import defaultdict
from typing import NamedTuple

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.admission import Admission
from spark_tui.simulator.clearing import Clearing
from spark_tui.simulator.errors import cancel_rejected
from spark_tui.simulator.filters import liquidity_refusal
from spark_tui.simulator.floor import Floor, Reshape, Taken
from spark_tui.simulator.journal import Journal, Listener
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Execution, Resting, SelfTrade
from spark_tui.simulator.order_lists import ListStore, NewList, OrderList
from spark_tui.simulator.orders import (
    NO_LIST,
    PENDING,
    Amendment,
    Fill,
    NewOrder,
    Order,
    OrderStore,
    Prevented,
)

_FIRST_ORDER_ID = 1_000


class Placed(NamedTuple):
    order: Order
    fills: list[Fill]
    prevented: list[Prevented]


class PlacedList(NamedTuple):
    """A list as it was when its working orders had met the book, before what followed from that. `legs` are
    copies; `taken` is what the first of them met."""

    found: OrderList
    legs: list[Order]
    taken: Taken


class Exchange:
    """All markets and all accounts. Order ids count per symbol; list, execution and prevention ids over the
    venue."""

    def __init__(self, listener: Listener) -> None:
        self.markets: dict[str, Market] = {}
        self.journal = Journal(listener)
        self.clearing = Clearing(self.journal)
        self.accounts = self.clearing.accounts
        self.stores = self.clearing.stores
        self.lists = self.clearing.lists
        self.order_ids: defaultdict[str, int] = defaultdict(lambda: _FIRST_ORDER_ID)
        self.list_id = 0
        self.changes = 0  # grows with every account change: what a saver compares
        self._admission = Admission(self.markets, self.clearing)
        self._floor = Floor(self.journal, self.clearing)

    def reshape_executions(self, reshape: Reshape) -> None:
        """Let executions an account has a part in come in other pieces: the door for faults of matching."""
        self._floor.reshape = reshape

    # accounts and lookups

    def open_account(self, account: Account) -> OrderStore:
        self.accounts[account.uid] = account
        self.lists[account.uid] = ListStore()
        store = self.stores[account.uid] = OrderStore()
        return store

    def market(self, symbol: str) -> Market:
        """ApiError -1121 when nothing is listed under this name."""
        return self._admission.market(symbol)

    def restore(self, order: Order) -> None:
        """Put a saved order back; balances already hold its lock."""
        self.stores[order.owner].add(order)
        if not order.open or order.status == PENDING:
            return
        if order.working_ms < 0:
            self._floor.stops.add(order)
        else:
            self.market(order.symbol).book.add(order)

    def legs(self, found: OrderList) -> list[Order]:
        """A list's orders, by id; those forgotten meanwhile are left out."""
        return self._floor.legs(found)

    def list_of(self, order: Order) -> OrderList | None:
        """The list an order belongs to."""
        return self.lists[order.owner].by_id(order.list_id) if order.list_id != NO_LIST else None

    # placing

    def validate(self, account: Account, new: NewOrder, ms: int) -> Market:
        """Everything that is refused before the matching engine; ApiError says what."""
        return self._admission.check_order(account, new, ms)

    def place(self, account: Account, new: NewOrder, ms: int) -> Placed:
        """Run one new order through the engine; ApiError when it is refused."""
        market = self.validate(account, new, ms)
        order = self._create(account, new, market, ms, self.order_ids[new.symbol] + 1)
        self._floor.check_entry(order, market)
        self.clearing.reserve(order, market)
        self._file([order])
        taken = Taken([], [])
        self._floor.start(order, market, ms, taken)
        self.journal.touch(account, market.symbol)
        self.end_transaction(market, ms)
        return Placed(order, taken.fills, taken.prevented)

    def place_list(self, account: Account, new: NewList, ms: int) -> PlacedList:
        """Run a list through the engine, all of it or none; ApiError when it is refused."""
        market = self._admission.check_list(account, new, ms)
        first_id = self.order_ids[new.symbol] + 1
        legs = [
            self._create(account, leg, market, ms, order_id)
            for order_id, leg in enumerate(new.legs, first_id)
        ]
        working = legs[:1] if new.working is not None else legs
        for leg in working:
            self._floor.check_entry(leg, market)
        if new.working is not None:
            self.clearing.reserve(legs[0], market)
        else:
            self.clearing.reserve_pair(legs, market)
        self.list_id += 1
        found = OrderList(
            id=self.list_id,
            owner=account.uid,
            symbol=new.symbol,
            contingency="OTO" if new.working is not None else "OCO",
            client_id=new.client_id,
            order_ids=[leg.id for leg in legs],
            working_id=legs[0].id if new.working is not None else 0,
            updated_ms=ms,
        )
        self.lists[account.uid].add(found)
        for leg in legs:
            leg.list_id = found.id
            leg.status = "NEW" if leg in working else PENDING
        self._file(legs)
        taken = Taken([], [])
        for leg in legs:
            if leg.status == PENDING:
                self.journal.report(account, leg, "NEW", ms)
            else:
                self._floor.start(leg, market, ms, taken)
        self.journal.list_status(account, found, legs, ms)
        placed = PlacedList(copy.copy(found), [copy.copy(leg) for leg in legs], taken)
        self.journal.touch(account, market.symbol)
        self.end_transaction(market, ms)
        return placed

    def _file(self, orders: list[Order]) -> None:
        """Keep accepted orders; their numbers are used up."""
        for order in orders:
            self.order_ids[order.symbol] = order.id
            self.stores[order.owner].add(order)

    def _create(self, account: Account, new: NewOrder, market: Market, ms: int, order_id: int) -> Order:
        quantity = new.quantity
        mode = new.self_trade or SelfTrade(market.symbol.info.get("defaultSelfTradePreventionMode", "NONE"))
        if new.quote_quantity:
            but = CROWD if mode is SelfTrade.NONE else account.uid
            quantity = market.book.quantity_for_quote(
                buy=new.buy, quote=new.quote_quantity, step=market.symbol.step, but=but
            )
            refusal = liquidity_refusal(market.symbol, quantity)
            if refusal is not None:
                raise refusal
        return Order(
            id=order_id,
            owner=account.uid,
            buy=new.buy,
            price=new.price,
            leaves=quantity,
            peak=new.iceberg,
            symbol=new.symbol,
            client_id=new.client_id,
            type=new.type,
            time_in_force=new.time_in_force,
            quantity=quantity,
            quote_quantity=new.quote_quantity,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            iceberg=new.iceberg,
            self_trade=mode,
            created_ms=ms,
            updated_ms=ms,
            strategy_id=new.strategy_id,
            strategy_type=new.strategy_type,
        )

    # matching

    def crowd_take(self, market: Market, taker: Resting, limit: int, ms: int) -> None:
        """An agent takes; what it does not get is dropped."""
        executions = market.book.take(taker, limit=limit)
        self._floor.settle(taker, executions, market, ms, Taken([], []))
        self.end_transaction(market, ms)

    def fill_resting(self, market: Market, order: Order, quantity: int, ms: int) -> None:
        """Fill a resting order at its own price against somebody outside the book (a recorded trade); one
        that has ended meanwhile is left alone."""
        if not order.open:
            return
        quantity = min(quantity, order.leaves)
        market.book.reduce(order, quantity)
        taker = Resting(id=0, owner=CROWD, buy=not order.buy, price=order.price, leaves=0)
        self._floor.settle(taker, [Execution(order, order.price, quantity)], market, ms, Taken([], []))
        self.end_transaction(market, ms)

    # amending

    def amend(self, account: Account, order: Order, quantity: int, client_id: str, ms: int) -> Amendment:
        """Shrink an open order to `quantity`, keeping its place in the book; the other half of an OCO shrinks
        with it. ApiError -2038 or -1013 when that may not be."""
        pair = self._floor.pair(order)
        market = self._admission.check_amend(account, order, pair, quantity, client_id, ms)
        made = [
            self._shrink(leg, quantity, client_id if leg is order else leg.client_id, market, ms)
            for leg in sorted(pair, key=lambda leg: leg is not order)
        ]
        if order.status != PENDING:
            self.clearing.relock(pair, market)
        found = self.list_of(order)
        if found is not None and found.executing and made[0].old_client_id != client_id:
            self.journal.list_status(account, found, self.legs(found), ms, kind="UPDATED")
        self.journal.touch(account, market.symbol)
        self.end_transaction(market, ms)
        return made[0]

    def _shrink(self, order: Order, quantity: int, client_id: str, market: Market, ms: int) -> Amendment:
        less = order.quantity - quantity
        if order.working_ms >= 0:
            market.book.shrink(order, less)
        else:
            order.leaves -= less
        former, former_quantity = order.client_id, order.quantity
        order.quantity = quantity
        order.iceberg = min(order.iceberg, quantity)
        self.stores[order.owner].rename(order, client_id)
        self.journal.report(self.accounts[order.owner], order, "REPLACED", ms, former_id=former)
        amendment = Amendment(
            execution_id=self.journal.execution_id,
            old_client_id=former,
            new_client_id=client_id,
            old_quantity=former_quantity,
            new_quantity=quantity,
            ms=order.updated_ms,
        )
        order.amendments.append(amendment)
        return amendment

    # ending

    def cancel(
        self, account: Account, order: Order, ms: int, *, request_id: str, restriction: str = ""
    ) -> OrderList | None:
        """Take an open order out, and with it the list it belongs to, which is returned; ApiError -2011 when
        it is not open or the restriction does not hold."""
        if not order.open:
            raise cancel_rejected("Unknown order sent.")
        wanted = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}.get(
            restriction, order.status
        )
        if order.status != wanted:
            raise cancel_rejected("Order was not canceled due to cancel restrictions.")
        found = self.list_of(order)
        if found is not None and found.executing:
            self.cancel_list(found, ms, request_id=request_id)
            return found
        self._cancel_orders([order], ms, request_id)
        return None

    def cancel_list(self, found: OrderList, ms: int, *, request_id: str) -> None:
        """Take out what is open of an executing list; ApiError -2011 when it has ended."""
        if not found.executing:
            raise cancel_rejected("Unknown order sent.")
        self._cancel_orders([leg for leg in self.legs(found) if leg.open], ms, request_id)

    def _cancel_orders(self, orders: list[Order], ms: int, request_id: str) -> None:
        market = self.market(orders[0].symbol)
        for order in orders:
            self._floor.withdraw(order, market)
            self._floor.end(order, "CANCELED", market, ms, request_id=request_id)
        self.end_transaction(market, ms)

    # the end of a transaction

    def end_transaction(self, market: Market, ms: int) -> None:
        """Let follow what follows, then send the transaction's events: reports first, balances last."""
        self._floor.settle_all(market, ms)
        if self.journal.flush(ms):
            self.changes += 1
            market.moved()
