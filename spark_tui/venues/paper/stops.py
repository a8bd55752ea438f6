"""When a waiting order starts to work: held against every last price in the order it traded."""

from spark_tui.domain.filter_rules import ABOVE
from spark_tui.venues.paper.orders import PaperOrder

_BASIS = 10_000


def triggered_by(order: PaperOrder, price: float) -> bool:
    """Whether this last price starts the order. A trailing one follows the price from here on, or from its
    stop price on, and starts when the price comes back from the best it followed."""
    delta = order.request.trailing_delta
    if delta is None:
        return reached(order, price)
    if not order.trailing:
        if order.request.stop_price is None or reached(order, price):
            order.trailing, order.extreme = True, price
        return False
    if order.buys:
        order.extreme = min(order.extreme, price)
        return price * _BASIS >= order.extreme * (_BASIS + delta)
    order.extreme = max(order.extreme, price)
    return price * _BASIS <= order.extreme * (_BASIS - delta)


def reached(order: PaperOrder, price: float) -> bool:
    stop = order.request.stop_price
    if stop is None:
        return False
    rises = (order.request.type, order.request.side) in ABOVE
    return price >= float(stop) if rises else price <= float(stop)
