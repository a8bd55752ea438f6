"""The venue's filters over one new order (protocol section 7). All numbers in 1e-8."""

from typing import NamedTuple

from spark_tui.simulator.errors import ApiError, filter_failure
from spark_tui.simulator.fixed import SCALE, notional
from spark_tui.simulator.orders import MARKET_LIKE, STOPS, NewOrder
from spark_tui.simulator.symbols import Symbol


class Standing(NamedTuple):
    """What the account already has on the symbol, and the symbol's reference for relative filters."""

    average_price: int
    open_orders: int
    open_stops: int
    open_icebergs: int
    base_total: int  # free + locked
    open_buy_quantity: int

    def after(self, order: NewOrder) -> "Standing":
        """As it would be with this order placed too."""
        return self._replace(
            open_orders=self.open_orders + 1,
            open_stops=self.open_stops + (order.type in STOPS),
            open_icebergs=self.open_icebergs + bool(order.iceberg),
            open_buy_quantity=self.open_buy_quantity + (order.quantity if order.buy else 0),
        )


def check(symbol: Symbol, order: NewOrder, standing: Standing) -> None:
    """ApiError -1013 "Filter failure: NAME" for the first filter the order does not pass."""
    for name in _ORDER:
        rule = symbol.filters.get(name)
        if rule is not None and not _RULES[name](rule, order, standing):
            raise filter_failure(name)


def check_amended(symbol: Symbol, order: NewOrder, standing: Standing) -> None:
    """ApiError -1013 for the first filter on size that an order of a new quantity does not pass."""
    for name in _SIZES:
        rule = symbol.filters.get(name)
        if rule is not None and not _RULES[name](rule, order, standing):
            raise filter_failure(name)


def check_lists(symbol: Symbol, executing: int) -> None:
    """ApiError -1013 when one more list on the symbol would be too many."""
    rule = symbol.filters.get("MAX_NUM_ORDER_LISTS")
    if rule is not None and executing >= rule["maxNumOrderLists"]:
        raise filter_failure("MAX_NUM_ORDER_LISTS")


def _price(rule: dict[str, int], order: NewOrder, _: Standing) -> bool:
    return all(
        _within(rule, "minPrice", "maxPrice", "tickSize", value)
        for value in (order.price, order.stop_price)
        if value
    )


def _lot(rule: dict[str, int], order: NewOrder, _: Standing) -> bool:
    return all(
        _within(rule, "minQty", "maxQty", "stepSize", value)
        for value in (order.quantity, order.iceberg)
        if value
    )


def _market_lot(rule: dict[str, int], order: NewOrder, _: Standing) -> bool:
    if order.type not in MARKET_LIKE or not order.quantity:
        return True
    return _within(rule, "minQty", "maxQty", "stepSize", order.quantity)


def _within(rule: dict[str, int], low: str, high: str, step: str, value: int) -> bool:
    """Bounds and multiples; a bound or step of 0 is no rule."""
    if rule[low] and value < rule[low]:
        return False
    if rule[high] and value > rule[high]:
        return False
    return not rule[step] or value % rule[step] == 0


def _percent_price(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    return _percent(order, standing, rule["multiplierUp"], rule["multiplierDown"])


def _percent_price_by_side(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    if order.buy:
        return _percent(order, standing, rule["bidMultiplierUp"], rule["bidMultiplierDown"])
    return _percent(order, standing, rule["askMultiplierUp"], rule["askMultiplierDown"])


def _percent(order: NewOrder, standing: Standing, up: int, down: int) -> bool:
    if not order.price or not standing.average_price:
        return True
    scaled = order.price * SCALE
    return standing.average_price * down <= scaled <= standing.average_price * up


def _worth(order: NewOrder, standing: Standing) -> int:
    """Quote amount the notional filters judge: at the limit price, else at the average price."""
    if order.quote_quantity:
        return order.quote_quantity
    return notional(order.price or standing.average_price, order.quantity)


def _min_notional(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    if order.type in MARKET_LIKE and not rule["applyToMarket"]:
        return True
    return _worth(order, standing) >= rule["minNotional"]


def _notional(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    market = order.type in MARKET_LIKE
    worth = _worth(order, standing)
    if (not market or rule["applyMinToMarket"]) and worth < rule["minNotional"]:
        return False
    return not (
        (not market or rule["applyMaxToMarket"]) and rule["maxNotional"] and worth > rule["maxNotional"]
    )


def _max_orders(rule: dict[str, int], _: NewOrder, standing: Standing) -> bool:
    return standing.open_orders < rule["maxNumOrders"]


def _max_stops(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    return order.type not in STOPS or standing.open_stops < rule["maxNumAlgoOrders"]


def _max_icebergs(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    return not order.iceberg or standing.open_icebergs < rule["maxNumIcebergOrders"]


def _iceberg_parts(rule: dict[str, int], order: NewOrder, _: Standing) -> bool:
    return not order.iceberg or -(-order.quantity // order.iceberg) <= rule["limit"]


def _trailing(rule: dict[str, int], order: NewOrder, _: Standing) -> bool:
    """Stops that wait for a rise are judged by the upper range, those that wait for a fall by the lower."""
    if not order.trailing_delta:
        return True
    way = "Above" if order.buy == order.type.startswith("STOP_LOSS") else "Below"
    return rule[f"minTrailing{way}Delta"] <= order.trailing_delta <= rule[f"maxTrailing{way}Delta"]


def _max_position(rule: dict[str, int], order: NewOrder, standing: Standing) -> bool:
    if not order.buy:
        return True
    return standing.base_total + standing.open_buy_quantity + order.quantity <= rule["maxPosition"]


_RULES = {
    "PRICE_FILTER": _price,
    "PERCENT_PRICE": _percent_price,
    "PERCENT_PRICE_BY_SIDE": _percent_price_by_side,
    "LOT_SIZE": _lot,
    "MARKET_LOT_SIZE": _market_lot,
    "MIN_NOTIONAL": _min_notional,
    "NOTIONAL": _notional,
    "ICEBERG_PARTS": _iceberg_parts,
    "TRAILING_DELTA": _trailing,
    "MAX_NUM_ORDERS": _max_orders,
    "MAX_NUM_ALGO_ORDERS": _max_stops,
    "MAX_NUM_ICEBERG_ORDERS": _max_icebergs,
    "MAX_POSITION": _max_position,
}
_SIZES = ("LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL", "NOTIONAL", "ICEBERG_PARTS")
_ORDER = tuple(_RULES)


def liquidity_refusal(symbol: Symbol, quantity: int) -> ApiError | None:
    """For a quote-quantity order: what to answer when the book gives less than the smallest lot."""
    lot = symbol.filters.get("LOT_SIZE", {})
    if quantity < max(lot.get("minQty", 0), 1):
        return ApiError(400, -2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")
    market = symbol.filters.get("MARKET_LOT_SIZE", {})
    if quantity < market.get("minQty", 0):
        return ApiError(
            400, -2010, "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity."
        )
    if market.get("maxQty") and quantity > market["maxQty"]:
        return filter_failure("MARKET_LOT_SIZE")
    return None
