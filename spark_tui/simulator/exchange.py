"""The matching venue: accounts place and cancel, the crowd takes, money moves, events go out.

Sans I/O: time comes in with every call, events leave through the listener. One call is one engine
transaction: its execution reports go out in order (NEW, TRADE..., EXPIRED), then one balance event an account
(protocol 11.3)."""

from collections import defaultdict, deque
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

from spark_tui.simulator import reports
from spark_tui.simulator.accounts import Account, Vault
from spark_tui.simulator.errors import (
    ApiError,
    bad_symbol,
    cancel_rejected,
    insufficient_balance,
    new_order_rejected,
)
from spark_tui.simulator.filters import Standing, check, liquidity_refusal
from spark_tui.simulator.fixed import notional, share
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


class Listener(Protocol):
    """Who hears about accounts."""

    def user_event(self, account: Account, event: dict[str, Any]) -> None: ...

    def first_fill(self, account: Account, *, maker: bool) -> None:
        """An order traded for the first time: it no longer counts as unfilled (protocol 4)."""
        ...


class Placed(NamedTuple):
    order: Order
    fills: list[Fill]
    prevented: list[Prevented]


class Exchange:
    """All markets and all accounts. Order ids count per symbol, execution and prevention ids over the
    venue."""

    def __init__(self, listener: Listener) -> None:
        self.markets: dict[str, Market] = {}
        self.stores: dict[int, OrderStore] = {}
        self.accounts: dict[int, Account] = {}
        self.vault = Vault()
        self.order_ids: defaultdict[str, int] = defaultdict(lambda: _FIRST_ORDER_ID)
        self.execution_id = 1
        self.match_id = 0
        self.changes = 0  # grows with every account change: what a saver compares
        self._listener = listener
        self._stops: defaultdict[str, list[Order]] = defaultdict(list)
        self._stops_saw: dict[str, int] = {}  # last trade id the stops of a symbol were held against
        self._events: list[tuple[Account, dict[str, Any]]] = []
        self._touched: dict[int, dict[str, None]] = {}

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

    def total(self, asset: str) -> int:
        """Every unit of an asset, whoever holds it: constant over all trading."""
        held = sum(a.balance(asset).free + a.balance(asset).locked for a in self.accounts.values())
        return held + self.vault.crowd[asset] + self.vault.fees[asset]

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
        self._reserve(account, order, market)
        self.order_ids[new.symbol] = order.id
        self.stores[account.uid].add(order)
        fills: list[Fill] = []
        prevented: list[Prevented] = []
        if order.type in STOPS:
            self._stops[order.symbol].append(order)
            self._report(order, "NEW", ms)
        else:
            self._work(order, market, ms, fills, prevented)
        self._touch(account, market)
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

    def _reserve(self, account: Account, order: Order, market: Market) -> None:
        """Lock what the order may spend; ApiError -2010 when the account has less."""
        if not order.buy:
            account.lock(market.symbol.base, order.quantity)
            order.reserved = order.quantity
            return
        if order.type == "MARKET":
            but = CROWD if order.self_trade is SelfTrade.NONE else account.uid
            amount = market.book.sweep_cost(buy=True, quantity=order.quantity, but=but)
            if order.quote_quantity > account.balance(market.symbol.quote).free:
                raise insufficient_balance()
        else:
            amount = notional(order.price or order.stop_price, order.quantity)
        account.lock(market.symbol.quote, amount)
        order.reserved = amount

    def _work(
        self, order: Order, market: Market, ms: int, fills: list[Fill], prevented: list[Prevented]
    ) -> None:
        """Let an order work: take, then rest or expire. Its NEW report goes first."""
        order.working_ms = ms
        self._report(order, "NEW", ms)
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

    # matching and money

    def crowd_take(self, market: Market, taker: Resting, limit: int, ms: int) -> None:
        """An agent takes; what it does not get is dropped."""
        executions = market.book.take(taker, limit=limit)
        self._settle(taker, executions, market, ms, [], [])
        self.end_transaction(market, ms)

    def fill_resting(self, market: Market, order: Order, quantity: int, ms: int) -> None:
        """Fill a resting order at its own price against somebody outside the book (a recorded trade)."""
        quantity = min(quantity, order.leaves)
        market.book.reduce(order, quantity)
        self._settle_recorded(order, quantity, market, ms)
        self.end_transaction(market, ms)

    def _settle_recorded(self, order: Order, quantity: int, market: Market, ms: int) -> None:
        executions = [Execution(order, order.price, quantity)]
        taker = Resting(id=0, owner=CROWD, buy=not order.buy, price=order.price, leaves=0)
        self._settle(taker, executions, market, ms, [], [])

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
                    prevented.append(self._prevented(taker, maker, execution, market, ms))
                continue
            trade = next(trades)
            if isinstance(taker, Order):
                fills.append(self._fill(taker, trade, market, ms, maker=False))
            if isinstance(maker, Order):
                self._fill(maker, trade, market, ms, maker=True)

    def _fill(self, order: Order, trade: Trade, market: Market, ms: int, *, maker: bool) -> Fill:
        """Move the money of one trade for one side of it."""
        account = self.accounts[order.owner]
        symbol = market.symbol
        quantity, quote = trade.quantity, notional(trade.price, trade.quantity)
        first = not order.filled
        order.filled += quantity
        order.filled_quote += quote
        left = order.quantity - order.filled - order.prevented
        base_balance, quote_balance = account.balance(symbol.base), account.balance(symbol.quote)
        rate = account.maker_rate if maker else account.taker_rate
        if order.buy:
            still = notional(order.price, left) if order.type not in MARKET_LIKE else order.reserved - quote
            released = order.reserved - still
            order.reserved = still
            quote_balance.locked -= released
            quote_balance.free += released - quote
            fee, fee_asset = share(quantity, rate), symbol.base
            base_balance.free += quantity - fee
            self.vault.crowd[symbol.base] -= quantity
            self.vault.crowd[symbol.quote] += quote
        else:
            order.reserved -= quantity
            base_balance.locked -= quantity
            fee, fee_asset = share(quote, rate), symbol.quote
            quote_balance.free += quote - fee
            self.vault.crowd[symbol.base] += quantity
            self.vault.crowd[symbol.quote] -= quote
        self.vault.fees[fee_asset] += fee
        fill = Fill(
            trade_id=trade.id,
            order_id=order.id,
            symbol=order.symbol,
            price=trade.price,
            quantity=quantity,
            quote=quote,
            commission=fee,
            commission_asset=fee_asset,
            ms=ms,
            buyer=order.buy,
            maker=maker,
        )
        self.stores[order.owner].fills.append(fill)
        order.status = "PARTIALLY_FILLED" if left else "FILLED"
        self._touch(account, market)
        if not left:
            self._release(order, market)
        self._report(order, "TRADE", ms, fill=fill)
        if first:
            self._listener.first_fill(account, maker=maker)
        return fill

    def _prevented(
        self, taker: Order, maker: Order, execution: Execution, market: Market, ms: int
    ) -> Prevented:
        """Book-keeping and reports of one meeting with an own order."""
        self.match_id += 1
        mode = taker.self_trade
        both = mode in (SelfTrade.DECREMENT, SelfTrade.TRANSFER)
        taker_lost = execution.quantity if both else 0
        if mode in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
            taker_lost = taker.quantity - taker.filled - taker.prevented
        maker_lost = 0 if mode is SelfTrade.EXPIRE_TAKER else execution.quantity
        meeting = Prevented(
            match_id=self.match_id,
            maker_order_id=maker.id,
            price=maker.price,
            taker_quantity=taker_lost,
            maker_quantity=maker_lost,
        )
        for order, other, lost in ((maker, taker, maker_lost), (taker, maker, taker_lost)):
            if not lost:
                continue
            order.prevented += lost
            order.prevented_match_id = meeting.match_id
            ends = order.quantity == order.filled + order.prevented
            if ends:
                order.status = "EXPIRED_IN_MATCH"
                self._release(order, market)
            elif order.buy and order.type not in MARKET_LIKE:
                self._shrink_reserve(order, market)
            order.updated_ms = max(order.updated_ms, ms)
            self.execution_id += 2
            event = reports.prevention(
                order, meeting, other, execution_id=self.execution_id, ms=ms, lost=lost
            )
            self._events.append((self.accounts[order.owner], event))
        return meeting

    def _shrink_reserve(self, order: Order, market: Market) -> None:
        still = notional(order.price, order.quantity - order.filled - order.prevented)
        self.accounts[order.owner].unlock(market.symbol.quote, order.reserved - still)
        order.reserved = still

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
        self._touch(account, market)
        self.end_transaction(market, ms)

    def _expire(self, order: Order, market: Market, reason: str, ms: int) -> None:
        order.expiry_reason = reason
        self._end(order, "EXPIRED", market, ms)

    def _end(self, order: Order, status: str, market: Market, ms: int, *, request_id: str = "") -> None:
        order.status = status
        self._release(order, market)
        kind = "EXPIRED" if status == "EXPIRED_IN_MATCH" else status
        self._report(order, kind, ms, request_id=request_id)

    def _release(self, order: Order, market: Market) -> None:
        """Give back what an ended order still had locked and file it."""
        if order.reserved:
            asset = market.symbol.quote if order.buy else market.symbol.base
            self.accounts[order.owner].unlock(asset, order.reserved)
            order.reserved = 0
        self.stores[order.owner].ended(order)

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
        self._touch(account, market)
        if order.type in MARKET_LIKE and order.buy:
            cost = market.book.sweep_cost(buy=True, quantity=order.leaves, but=order.owner)
            missing = max(0, cost - order.reserved)
            if missing > account.balance(market.symbol.quote).free:
                self._expire(order, market, "REJECTED", ms)
                return
            account.lock(market.symbol.quote, missing)
            order.reserved += missing
        self._work(order, market, ms, [], [])

    # events

    def _report(
        self, order: Order, kind: str, ms: int, *, fill: Fill | None = None, request_id: str = ""
    ) -> None:
        order.updated_ms = max(order.updated_ms, ms)
        self.execution_id += 2
        event = reports.execution(
            order,
            kind=kind,
            execution_id=self.execution_id,
            ms=order.updated_ms,
            fill=fill,
            request_id=request_id,
        )
        self._events.append((self.accounts[order.owner], event))

    def _touch(self, account: Account, market: Market) -> None:
        assets = self._touched.setdefault(account.uid, {})
        assets[market.symbol.base] = None
        assets[market.symbol.quote] = None

    def end_transaction(self, market: Market, ms: int) -> None:
        """Fire stops the transaction reached, then send its events: reports first, balances last."""
        if self._stops.get(market.symbol.name):
            self._trigger_stops(market, self._stops_saw.get(market.symbol.name, market.trade_id), ms)
        self._stops_saw[market.symbol.name] = market.trade_id
        if not self._events and not self._touched:
            return
        self.changes += 1
        events, self._events = self._events, []
        touched, self._touched = self._touched, {}
        for account, event in events:
            self._listener.user_event(account, event)
        for uid, assets in touched.items():
            account = self.accounts[uid]
            account.updated_ms = ms
            self._listener.user_event(account, reports.position(account, assets, ms))
        market.moved()


def _triggered(order: Order, lowest: int, highest: int) -> bool:
    """Whether last prices between these reach a waiting stop; no price (0) reaches nothing."""
    if not highest:
        return False
    return highest >= order.stop_price if order.rises else lowest <= order.stop_price


def _newer(trades: deque[Trade], since: int) -> list[Trade]:
    return list(takewhile(lambda trade: trade.id > since, reversed(trades)))
