"""The matching venue: accounts place and cancel, the crowd takes, money moves, events go out.

Sans I/O: time comes in with every call, events leave through the listener. One call is one engine
transaction: its execution reports go out in order (NEW, TRADE..., EXPIRED), then one balance event an account
(protocol 11.3)."""

from collections import defaultdict, deque
from itertools import takewhile
from typing import NamedTuple

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.clearing import Clearing
from spark_tui.simulator.errors import (
    ApiError,
    bad_symbol,
    cancel_rejected,
    new_order_rejected,
)
from spark_tui.simulator.filters import Standing, check, liquidity_refusal
from spark_tui.simulator.journal import Journal, Listener
from spark_tui.simulator.market import Market, Trade
from spark_tui.simulator.matching import CROWD, Execution, Resting, SelfTrade
from spark_tui.simulator.orders import MARKET_LIKE, STOPS, Fill, NewOrder, Order, OrderStore, Prevented
from spark_tui.simulator.symbols import TRADING

_FIRST_ORDER_ID = 1_000
_UNSUPPORTED = {
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}


class Placed(NamedTuple):
    order: Order
    fills: list[Fill]
    prevented: list[Prevented]


class Exchange:
    """All markets and all accounts. Order ids count per symbol, execution and prevention ids over the
    venue."""

    def __init__(self, listener: Listener) -> None:
        self.markets: dict[str, Market] = {}
        self.journal = Journal(listener)
        self.clearing = Clearing(self.journal)
        self.accounts = self.clearing.accounts
        self.stores = self.clearing.stores
        self.order_ids: defaultdict[str, int] = defaultdict(lambda: _FIRST_ORDER_ID)
        self.changes = 0  # grows with every account change: what a saver compares
        self._stops: defaultdict[str, list[Order]] = defaultdict(list)
        self._stops_saw: dict[str, int] = {}  # last trade id the stops of a symbol were held against

    # accounts and lookups

    def open_account(self, account: Account) -> OrderStore:
        self.accounts[account.uid] = account
        store = self.stores[account.uid] = OrderStore()
        return store

    def market(self, symbol: str) -> Market:
        """ApiError -1121 when nothing is listed under this name."""
        found = self.markets.get(symbol)
        if found is None:
            raise bad_symbol()
        return found

    def restore(self, order: Order) -> None:
        """Put a saved order back; balances already hold its lock."""
        self.stores[order.owner].add(order)
        if not order.open:
            return
        if order.working_ms < 0:
            self._stops[order.symbol].append(order)
        else:
            self.market(order.symbol).book.add(order)

    # placing

    def validate(self, account: Account, new: NewOrder, ms: int) -> Market:
        """Everything that is refused before the matching engine; ApiError says what."""
        market = self.market(new.symbol)
        symbol = market.symbol
        if symbol.status != TRADING:
            raise new_order_rejected("Market is closed.")
        if new.type not in symbol.info["orderTypes"]:
            raise new_order_rejected(_UNSUPPORTED.get(new.type, "Unsupported order combination"))
        if new.quote_quantity and not symbol.info.get("quoteOrderQtyMarketAllowed", False):
            raise new_order_rejected("Quote order qty market orders are not support for this symbol.")
        modes = symbol.info.get("allowedSelfTradePreventionModes", ["NONE"])
        if new.self_trade is not None and new.self_trade.value not in modes:
            raise ApiError(400, -1013, "This symbol does not allow the specified self-trade prevention mode.")
        store = self.stores[account.uid]
        duplicate = store.by_client_id(new.symbol, new.client_id)
        if duplicate is not None and duplicate.open:
            raise new_order_rejected("Duplicate order sent.")
        opened = store.open(new.symbol)
        base = account.balance(symbol.base)
        standing = Standing(
            average_price=market.average_price(ms),
            open_orders=len(opened),
            open_stops=sum(order.type in STOPS for order in opened),
            base_total=base.free + base.locked,
            open_buy_quantity=sum(order.leaves for order in opened if order.buy),
        )
        check(symbol, new, standing)
        return market

    def place(self, account: Account, new: NewOrder, ms: int) -> Placed:
        """Run one new order through the engine; ApiError when it is refused."""
        market = self.validate(account, new, ms)
        if new.type == "LIMIT_MAKER" and market.book.crosses(buy=new.buy, price=new.price):
            raise new_order_rejected("Order would immediately match and take.")
        order = self._create(account, new, market, ms)
        if new.type in STOPS:
            self._arm(order, market)
        self.clearing.reserve(order, market)
        self.order_ids[new.symbol] = order.id
        self.stores[account.uid].add(order)
        fills: list[Fill] = []
        prevented: list[Prevented] = []
        if order.type in STOPS:
            self._stops[order.symbol].append(order)
            self.journal.report(account, order, "NEW", ms)
        else:
            self._work(order, market, ms, fills, prevented)
        self.journal.touch(account, market.symbol)
        self.end_transaction(market, ms)
        return Placed(order, fills, prevented)

    def _create(self, account: Account, new: NewOrder, market: Market, ms: int) -> Order:
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
            id=self.order_ids[new.symbol] + 1,
            owner=account.uid,
            buy=new.buy,
            price=new.price,
            leaves=quantity,
            symbol=new.symbol,
            client_id=new.client_id,
            type=new.type,
            time_in_force=new.time_in_force,
            quantity=quantity,
            quote_quantity=new.quote_quantity,
            stop_price=new.stop_price,
            self_trade=mode,
            created_ms=ms,
            updated_ms=ms,
            strategy_id=new.strategy_id,
            strategy_type=new.strategy_type,
        )

    def _arm(self, order: Order, market: Market) -> None:
        """Decide which way a stop waits; one that has already happened is refused."""
        order.rises = order.buy == order.type.startswith("STOP_LOSS")
        if _triggered(order, market.last_price, market.last_price):
            raise new_order_rejected("Order would trigger immediately.")

    def _work(
        self, order: Order, market: Market, ms: int, fills: list[Fill], prevented: list[Prevented]
    ) -> None:
        """Let an order work: take, then rest or expire. Its NEW report goes first."""
        account = self.accounts[order.owner]
        order.working_ms = ms
        self.journal.report(account, order, "NEW", ms)
        limit = None if order.type in MARKET_LIKE else order.price
        but = CROWD if order.self_trade is SelfTrade.NONE else order.owner
        if (
            order.time_in_force == "FOK"
            and limit is not None
            and not market.book.fillable(buy=order.buy, limit=limit, quantity=order.leaves, but=but)
        ):
            self._expire(order, market, "UNFILLED_FOK_ORDER_EXPIRED", ms)
            return
        executions = market.book.take(order, limit=limit, mode=order.self_trade)
        self._settle(order, executions, market, ms, fills, prevented)
        if not order.open:
            return
        if limit is None:
            self._expire(order, market, "INSUFFICIENT_LIQUIDITY", ms)
        elif order.time_in_force != "GTC":
            self._expire(order, market, "UNFILLED_IOC_QUANTITY_EXPIRED", ms)
        else:
            order.queue_ahead = market.book.quantity_at(bids=order.buy, price=order.price)
            market.book.add(order)

    # matching

    def crowd_take(self, market: Market, taker: Resting, limit: int, ms: int) -> None:
        """An agent takes; what it does not get is dropped."""
        executions = market.book.take(taker, limit=limit)
        self._settle(taker, executions, market, ms, [], [])
        self.end_transaction(market, ms)

    def fill_resting(self, market: Market, order: Order, quantity: int, ms: int) -> None:
        """Fill a resting order at its own price against somebody outside the book (a recorded trade)."""
        quantity = min(quantity, order.leaves)
        market.book.reduce(order, quantity)
        taker = Resting(id=0, owner=CROWD, buy=not order.buy, price=order.price, leaves=0)
        self._settle(taker, [Execution(order, order.price, quantity)], market, ms, [], [])
        self.end_transaction(market, ms)

    def _settle(
        self,
        taker: Resting,
        executions: list[Execution],
        market: Market,
        ms: int,
        fills: list[Fill],
        prevented: list[Prevented],
    ) -> None:
        if not executions:
            return
        trades = iter(market.record(executions, taker_buys=taker.buy, ms=ms))
        for execution in executions:
            maker = execution.maker
            if execution.prevented:
                if isinstance(taker, Order) and isinstance(maker, Order):
                    prevented.append(self.clearing.prevent(taker, maker, execution, market, ms))
                continue
            trade = next(trades)
            if isinstance(taker, Order):
                fills.append(self.clearing.fill(taker, trade, market, ms, maker=False))
            if isinstance(maker, Order):
                self.clearing.fill(maker, trade, market, ms, maker=True)

    # ending

    def cancel(
        self, account: Account, order: Order, ms: int, *, request_id: str, restriction: str = ""
    ) -> None:
        """Take an open order out; ApiError -2011 when it is not open or the restriction does not hold."""
        if not order.open:
            raise cancel_rejected("Unknown order sent.")
        wanted = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}.get(
            restriction, order.status
        )
        if order.status != wanted:
            raise cancel_rejected("Order was not canceled due to cancel restrictions.")
        market = self.market(order.symbol)
        if order.working_ms < 0:
            self._stops[order.symbol].remove(order)
        else:
            market.book.remove(order)
        self._end(order, "CANCELED", market, ms, request_id=request_id)
        self.journal.touch(account, market.symbol)
        self.end_transaction(market, ms)

    def _expire(self, order: Order, market: Market, reason: str, ms: int) -> None:
        order.expiry_reason = reason
        self._end(order, "EXPIRED", market, ms)

    def _end(self, order: Order, status: str, market: Market, ms: int, *, request_id: str = "") -> None:
        order.status = status
        self.clearing.release(order, market)
        self.journal.report(self.accounts[order.owner], order, status, ms, request_id=request_id)

    # stops

    def _trigger_stops(self, market: Market, since_trade: int, ms: int) -> None:
        """Start every waiting stop the trades since `since_trade` have reached; those may reach further
        ones."""
        waiting = self._stops.get(market.symbol.name)
        while waiting and market.trade_id > since_trade:
            prices = [trade.price for trade in _newer(market.trades, since_trade)]
            since_trade = market.trade_id
            if not prices:
                return
            due = [order for order in waiting if _triggered(order, min(prices), max(prices))]
            for order in due:
                waiting.remove(order)
                self._start_stop(order, market, ms)

    def _start_stop(self, order: Order, market: Market, ms: int) -> None:
        """A stop that fires becomes a market or limit order."""
        account = self.accounts[order.owner]
        self.journal.touch(account, market.symbol)
        if order.type in MARKET_LIKE and order.buy and not self.clearing.top_up(order, market):
            self._expire(order, market, "REJECTED", ms)
            return
        self._work(order, market, ms, [], [])

    # the end of a transaction

    def end_transaction(self, market: Market, ms: int) -> None:
        """Fire stops the transaction reached, then send its events: reports first, balances last."""
        if self._stops.get(market.symbol.name):
            self._trigger_stops(market, self._stops_saw.get(market.symbol.name, market.trade_id), ms)
        self._stops_saw[market.symbol.name] = market.trade_id
        if self.journal.flush(ms):
            self.changes += 1
            market.moved()


def _triggered(order: Order, lowest: int, highest: int) -> bool:
    """Whether last prices between these reach a waiting stop; no price (0) reaches nothing."""
    if not highest:
        return False
    return highest >= order.stop_price if order.rises else lowest <= order.stop_price


def _newer(trades: deque[Trade], since: int) -> list[Trade]:
    return list(takewhile(lambda trade: trade.id > since, reversed(trades)))
