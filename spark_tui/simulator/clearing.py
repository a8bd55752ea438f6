"""Money: what an order locks, what a trade moves, what an ended order gives back.

For every open order `reserved` is what its account has locked for it; for a resting or waiting order that is
exactly what its unfilled rest may still cost, for a leg that waits for another nothing. The legs of an OCO,
of which one may trade, share one lock: the larger need, held by one of them.
"""

from collections.abc import Sequence

from spark_tui.simulator.accounts import Account, Vault
from spark_tui.simulator.errors import insufficient_balance
from spark_tui.simulator.fixed import notional, share
from spark_tui.simulator.journal import Journal
from spark_tui.simulator.market import Market, Trade
from spark_tui.simulator.matching import CROWD, Execution, SelfTrade
from spark_tui.simulator.order_lists import ListStore
from spark_tui.simulator.orders import MARKET_LIKE, Fill, Order, OrderStore, Prevented


class Clearing:
    """All accounts with their orders, and the venue's own holdings."""

    def __init__(self, journal: Journal) -> None:
        self.accounts: dict[int, Account] = {}
        self.stores: dict[int, OrderStore] = {}
        self.lists: dict[int, ListStore] = {}
        self.vault = Vault()
        self.match_id = 0
        self._journal = journal

    def total(self, asset: str) -> int:
        """Every unit of an asset, whoever holds it: constant over all trading."""
        held = sum(a.balance(asset).free + a.balance(asset).locked for a in self.accounts.values())
        return held + self.vault.crowd[asset] + self.vault.fees[asset]

    # locks

    def reserve(self, order: Order, market: Market) -> None:
        """Lock what a new order may spend; ApiError -2010 when the account has less."""
        account = self.accounts[order.owner]
        if order.buy and order.type == "MARKET":
            if order.quote_quantity > account.balance(market.symbol.quote).free:
                raise insufficient_balance()
            but = CROWD if order.self_trade is SelfTrade.NONE else account.uid
            amount = market.book.sweep_cost(buy=True, quantity=order.quantity, but=but)
            account.lock(market.symbol.quote, amount)
            order.reserved = amount
            return
        order.lock_price = order.price or order.stop_price or market.last_price
        account.lock(_spends(order, market), need(order))
        order.reserved = need(order)

    def reserve_pair(self, legs: Sequence[Order], market: Market) -> None:
        """Lock once for legs of which one may trade: the larger need; ApiError -2010 when the account has
        less."""
        for leg in legs:
            leg.lock_price = leg.price or leg.stop_price or market.last_price
        dearest = max(legs, key=need)
        self.accounts[dearest.owner].lock(_spends(dearest, market), need(dearest))
        dearest.reserved = need(dearest)

    def hand_over(self, giver: Order, taker: Order, market: Market) -> None:
        """A leg that ends gives the pair's lock to the one that goes on, which keeps what it needs."""
        taker.reserved += giver.reserved
        giver.reserved = 0
        self.relock([taker], market)

    def relock(self, orders: Sequence[Order], market: Market) -> None:
        """Give back what resting or waiting orders that share a lock no longer need."""
        held = sum(order.reserved for order in orders)
        dearest = max(orders, key=need)
        self.accounts[dearest.owner].unlock(_spends(dearest, market), held - need(dearest))
        for order in orders:
            order.reserved = need(order) if order is dearest else 0

    def top_up(self, order: Order, market: Market) -> bool:
        """Lock what a triggered market buy costs now beyond what it locked; False when the account has
        less."""
        account = self.accounts[order.owner]
        but = CROWD if order.self_trade is SelfTrade.NONE else account.uid
        cost = market.book.sweep_cost(buy=True, quantity=order.leaves, but=but)
        missing = max(0, cost - order.reserved)
        if missing > account.balance(market.symbol.quote).free:
            return False
        account.lock(market.symbol.quote, missing)
        order.reserved += missing
        return True

    def release(self, order: Order, market: Market) -> None:
        """Give back what an ended order still had locked, and file it."""
        if order.reserved:
            self.accounts[order.owner].unlock(_spends(order, market), order.reserved)
            order.reserved = 0
        self.stores[order.owner].ended(order)

    # trades

    def fill(self, order: Order, trade: Trade, market: Market, ms: int, *, maker: bool) -> Fill:
        """Move the money of one trade for one side of it, and report it."""
        account, symbol = self.accounts[order.owner], market.symbol
        quantity, quote = trade.quantity, notional(trade.price, trade.quantity)
        first = not order.filled
        order.filled += quantity
        order.filled_quote += quote
        left = order.unfilled
        fee, fee_asset = self._move(order, account, market, quantity, quote, left, maker=maker)
        self.vault.fees[fee_asset] += fee
        fill = Fill(
            trade_id=trade.id,
            order_id=order.id,
            list_id=order.list_id,
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
        if left:
            order.status = "PARTIALLY_FILLED"
        else:  # what self-trade prevention took never counts as filled
            order.status = "EXPIRED_IN_MATCH" if order.prevented else "FILLED"
        self._journal.touch(account, symbol)
        if not left:
            self.release(order, market)
        self._journal.report(account, order, "TRADE", ms, fill=fill)
        if first:
            self._journal.listener.first_fill(account, maker=maker)
        return fill

    def _move(
        self,
        order: Order,
        account: Account,
        market: Market,
        quantity: int,
        quote: int,
        left: int,
        *,
        maker: bool,
    ) -> tuple[int, str]:
        """Balances and the crowd's counter-entry; returns the fee, taken from what the order receives.
        Between two accounts the counter-entries cancel out."""
        symbol, crowd = market.symbol, self.vault.crowd
        base, quoted = account.balance(symbol.base), account.balance(symbol.quote)
        rate = account.maker_rate if maker else account.taker_rate
        if order.buy:
            still = order.reserved - quote if order.type in MARKET_LIKE else notional(order.price, left)
            released = order.reserved - still
            order.reserved = still
            quoted.locked -= released
            quoted.free += released - quote
            fee = share(quantity, rate)
            base.free += quantity - fee
            crowd[symbol.base] -= quantity
            crowd[symbol.quote] += quote
            return fee, symbol.base
        order.reserved -= quantity
        base.locked -= quantity
        fee = share(quote, rate)
        quoted.free += quote - fee
        crowd[symbol.base] += quantity
        crowd[symbol.quote] -= quote
        return fee, symbol.quote

    def prevent(self, taker: Order, maker: Order, execution: Execution, market: Market, ms: int) -> Prevented:
        """Book-keeping and reports of one meeting with an own order."""
        self.match_id += 1
        mode = taker.self_trade
        taker_lost = execution.quantity if mode in (SelfTrade.DECREMENT, SelfTrade.TRANSFER) else 0
        if mode in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
            taker_lost = taker.unfilled
        meeting = Prevented(
            match_id=self.match_id,
            symbol=market.symbol.name,
            taker_order_id=taker.id,
            maker_order_id=maker.id,
            mode=mode.value,
            price=maker.price,
            taker_quantity=taker_lost,
            maker_quantity=execution.quantity,  # nothing of it under EXPIRE_TAKER
            ms=ms,
        )
        self.stores[taker.owner].prevented.append(meeting)
        for order, other, lost in ((maker, taker, execution.quantity), (taker, maker, taker_lost)):
            if lost:
                self._lose(order, other, meeting, market, ms, lost)
        return meeting

    def _lose(
        self, order: Order, other: Order, meeting: Prevented, market: Market, ms: int, lost: int
    ) -> None:
        order.prevented += lost
        order.prevented_match_id = meeting.match_id
        if not order.unfilled:
            order.status = "EXPIRED_IN_MATCH"
            self.release(order, market)
        elif not (order.buy and order.type in MARKET_LIKE):  # what that will cost is known when it is done
            self.relock([order], market)
        account = self.accounts[order.owner]
        self._journal.touch(account, market.symbol)
        self._journal.prevention(account, order, meeting, other, ms, lost=lost)


def need(order: Order) -> int:
    """What a resting or waiting order must have locked: quote for buys, base for sells."""
    return notional(order.lock_price, order.unfilled) if order.buy else order.unfilled


def _spends(order: Order, market: Market) -> str:
    return market.symbol.quote if order.buy else market.symbol.base
