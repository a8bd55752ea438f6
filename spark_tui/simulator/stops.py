"""Stops that wait: which way each waits, what the trailing ones have followed, which are due.

Triggers are judged on every last price in the order it traded (protocol 8.1). A trailing stop with a stop
price begins to follow once that price is reached, one without at the next trade; either fires when the price
comes back from the best it followed by `trailing_delta` basis points.
"""

from collections import defaultdict, deque
from itertools import takewhile

from spark_tui.simulator.errors import new_order_rejected
from spark_tui.simulator.market import Market, Trade
from spark_tui.simulator.orders import Order

_BASIS = 10_000


class Stops:
    """Every waiting stop by symbol, oldest first."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[Order]] = defaultdict(list)
        self._saw: dict[str, int] = {}  # last trade id the stops of a symbol were held against

    def add(self, order: Order) -> None:
        self._waiting[order.symbol].append(order)

    def discard(self, order: Order) -> None:
        waiting = self._waiting[order.symbol]
        if order in waiting:
            waiting.remove(order)

    def due(self, market: Market) -> list[Order]:
        """Take out the stops that trades since the last question have reached, first reached first."""
        name = market.symbol.name
        since, self._saw[name] = self._saw.get(name, market.trade_id), market.trade_id
        waiting = self._waiting.get(name)
        if not waiting or market.trade_id <= since:
            return []
        due: list[Order] = []
        for trade in _newer(market.trades, since):
            for order in [order for order in waiting if _follows(order, trade)]:
                waiting.remove(order)
                due.append(order)
        return due


def arm(order: Order, market: Market) -> None:
    """Decide which way a stop waits; one that has already happened is ApiError -2010."""
    order.rises = order.buy == order.type.startswith("STOP_LOSS")
    if order.stop_price and _reached(order, market.last_price):
        raise new_order_rejected("Order would trigger immediately.")


def _reached(order: Order, price: int) -> bool:
    """Whether this last price reaches a stop price; no price (0) reaches nothing."""
    if not price:
        return False
    return price >= order.stop_price if order.rises else price <= order.stop_price


def _follows(order: Order, trade: Trade) -> bool:
    """Hold one waiting stop against one trade; True when it fires."""
    if not order.trailing_delta:
        return _reached(order, trade.price)
    if order.trailing_ms < 0:
        if not order.stop_price or _reached(order, trade.price):
            order.trailing_ms, order.extreme = trade.ms, trade.price
        return False
    if order.buy:
        order.extreme = min(order.extreme, trade.price)
        return trade.price * _BASIS >= order.extreme * (_BASIS + order.trailing_delta)
    order.extreme = max(order.extreme, trade.price)
    return trade.price * _BASIS <= order.extreme * (_BASIS - order.trailing_delta)


def _newer(trades: deque[Trade], since: int) -> list[Trade]:
    """Trades after `since`, oldest first."""
    newest_first = takewhile(lambda trade: trade.id > since, reversed(trades))
    return list(newest_first)[::-1]
