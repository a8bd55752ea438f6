"""What no rule of ours refuses and the venue would, as the market is now: a warning, for it may move."""

from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float, short
from spark_tui.domain.filter_rules import ABOVE
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.parameters import ALGO
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.market import Market


def warnings(request: OrderRequest, market: Market) -> tuple[str, ...]:
    """Short, so that the cure is read in the narrowest ticket."""
    if request.type is OrderType.LIMIT_MAKER:
        return _crossing(request, market)
    if request.type in ALGO:
        return _reached(request, market)
    return ()


def _crossing(request: OrderRequest, market: Market) -> tuple[str, ...]:
    quote, price = market.quote(request.symbol), request.price
    if isinstance(quote, Unusable) or price is None or not price.is_finite():
        return ()
    buys = request.side is Side.BUY
    best = from_float(quote.ask if buys else quote.bid)
    if price < best if buys else price > best:
        return ()
    side, where = ("ask", "below") if buys else ("bid", "above")
    return (f"crosses the {side}: price it {where} {short(best)}",)


def _reached(request: OrderRequest, market: Market) -> tuple[str, ...]:
    traded, stop = market.last_price(request.symbol), request.stop_price
    if traded is None or stop is None or not stop.is_finite():
        return ()
    last, rises = from_float(traded), (request.type, request.side) in ABOVE
    if stop > last if rises else stop < last:
        return ()
    where = "above" if rises else "below"
    return (f"already reached: put the stop {where} {short(last)}",)
