"""Everything that is refused before the matching engine: symbol state and flags, ids, filters (protocol 7, 8,
12)."""

from collections.abc import Mapping, Sequence

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.clearing import Clearing
from spark_tui.simulator.errors import (
    ApiError,
    amend_rejected,
    bad_symbol,
    filter_failure,
    new_order_rejected,
)
from spark_tui.simulator.filters import Standing, check, check_amended, check_lists
from spark_tui.simulator.market import Market
from spark_tui.simulator.order_lists import NewList, check_pair, check_relation
from spark_tui.simulator.orders import STOPS, NewOrder, Order
from spark_tui.simulator.symbols import CANCEL_ONLY, TRADING, Symbol

_UNSUPPORTED = {
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
_NO_OCO = "OCO orders are not supported for this symbol"
_NO_OTO = "OTO orders are not supported for this symbol"


class Admission:
    """Judges requests against markets and accounts; changes nothing."""

    def __init__(self, markets: Mapping[str, Market], clearing: Clearing) -> None:
        self._markets = markets
        self._clearing = clearing

    def market(self, symbol: str) -> Market:
        """ApiError -1121 when nothing is listed under this name."""
        found = self._markets.get(symbol)
        if found is None:
            raise bad_symbol()
        return found

    # placing

    def check_order(self, account: Account, new: NewOrder, ms: int) -> Market:
        """ApiError says why one order is refused."""
        market = self.market(new.symbol)
        self._check_fitting(account, new, market.symbol)
        check(market.symbol, new, self._standing(account, market, ms))
        return market

    def check_list(self, account: Account, new: NewList, ms: int) -> Market:
        """ApiError says why a list is refused, as a whole, for any of its legs."""
        market = self.market(new.symbol)
        symbol = market.symbol
        if new.pair is not None and not symbol.info.get("ocoAllowed", False):
            raise new_order_rejected(_NO_OCO)
        if new.working is not None and not symbol.info.get("otoAllowed", False):
            raise new_order_rejected(_NO_OTO)
        if new.pair is not None:
            check_pair(*new.pair)
        known = self._clearing.lists[account.uid].by_client_id(new.client_id)
        ids = {leg.client_id for leg in new.legs}
        if (known is not None and known.executing) or len(ids) < len(new.legs):
            raise new_order_rejected("Duplicate order sent.")
        standing = self._standing(account, market, ms)
        for leg in new.legs:
            self._check_fitting(account, leg, symbol)
            check(symbol, leg, standing)
            standing = standing.after(leg)
        check_lists(symbol, len(self._clearing.lists[account.uid].executing(new.symbol)))
        if new.pair is not None:  # a pending pair is held against the market when it begins
            check_relation(*new.pair, last_price=0 if new.working is not None else market.last_price)
        return market

    def _check_fitting(self, account: Account, new: NewOrder, symbol: Symbol) -> None:
        """Whether the symbol takes such an order now, and its id is free."""
        if symbol.status != TRADING:
            raise new_order_rejected("Market is closed.")
        info = symbol.info
        if not info.get("isSpotTradingAllowed", True):
            raise new_order_rejected("This symbol is not permitted for this account.")
        if new.type not in info["orderTypes"]:
            raise new_order_rejected(_UNSUPPORTED.get(new.type, "Unsupported order combination"))
        if new.quote_quantity and not info.get("quoteOrderQtyMarketAllowed", False):
            raise new_order_rejected("Quote order qty market orders are not support for this symbol.")
        if new.iceberg and not info.get("icebergAllowed", False):
            raise new_order_rejected("Iceberg orders are not supported for this symbol.")
        if new.trailing_delta and not info.get("allowTrailingStop", False):
            raise new_order_rejected("Trailing stop orders are not supported for this symbol.")
        if new.iceberg > new.quantity:
            raise new_order_rejected("IcebergQty exceeds QTY.")
        modes = info.get("allowedSelfTradePreventionModes", ["NONE"])
        if new.self_trade is not None and new.self_trade.value not in modes:
            raise ApiError(400, -1013, "This symbol does not allow the specified self-trade prevention mode.")
        if self._taken(account, new.symbol, new.client_id):
            raise new_order_rejected("Duplicate order sent.")

    def _taken(self, account: Account, symbol: str, client_id: str) -> bool:
        known = self._clearing.stores[account.uid].by_client_id(symbol, client_id)
        return known is not None and known.open

    def _standing(self, account: Account, market: Market, ms: int) -> Standing:
        opened = self._clearing.stores[account.uid].open(market.symbol.name)
        base = account.balance(market.symbol.base)
        return Standing(
            average_price=market.average_price(ms),
            open_orders=len(opened),
            open_stops=sum(order.type in STOPS for order in opened),
            open_icebergs=sum(order.iceberg > 0 for order in opened),
            base_total=base.free + base.locked,
            open_buy_quantity=sum(order.remaining for order in opened if order.buy),
        )

    # amending

    def check_amend(
        self, account: Account, order: Order, pair: Sequence[Order], quantity: int, client_id: str, ms: int
    ) -> Market:
        """ApiError -2038, or -1013 for a filter, when an order, with the OCO `pair` it is of, may not shrink
        to `quantity`."""
        market = self.market(order.symbol)
        symbol = market.symbol
        if not order.open:
            raise amend_rejected("Unknown order sent.")
        if not symbol.info.get("amendAllowed", False):
            raise amend_rejected("Order amend is not supported for this symbol.")
        if symbol.status not in (TRADING, CANCEL_ONLY):
            raise amend_rejected("Market is closed.")
        if quantity == order.quantity:
            raise amend_rejected("The requested action would change no state; rejecting")
        if quantity > order.quantity:
            raise amend_rejected("Order amend (quantity increase) is not supported.")
        if quantity <= order.filled + order.prevented:
            raise amend_rejected(
                "Order amend (quantity not above what is already executed) is not supported."
            )
        most = symbol.filters.get("MAX_NUM_ORDER_AMENDS", {}).get("maxNumOrderAmends")
        if most is not None and len(order.amendments) >= most:
            raise amend_rejected(filter_failure("MAX_NUM_ORDER_AMENDS").text)
        if client_id != order.client_id and self._taken(account, order.symbol, client_id):
            raise amend_rejected("Duplicate order sent.")
        for leg in pair:
            check_amended(symbol, _as_new(leg, quantity), self._standing(account, market, ms))
        return market


def _as_new(order: Order, quantity: int) -> NewOrder:
    """The order as if it were placed with another quantity."""
    return NewOrder(
        symbol=order.symbol,
        buy=order.buy,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=quantity,
        price=order.price,
        stop_price=order.stop_price,
        iceberg=min(order.iceberg, quantity),
        client_id=order.client_id,
        response="ACK",
    )
