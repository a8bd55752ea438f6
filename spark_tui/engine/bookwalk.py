"""An order walked through the real book: one way to look, for the rule that judges it and for its cost."""

from spark_tui.domain.book import Unusable
from spark_tui.domain.market import Level
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.slippage import Taken, decided, take
from spark_tui.domain.values import Side
from spark_tui.engine.market import Market

WALK_LEVELS = 500
_NEAR_LEVELS = 50  # kept sorted by the book; more are sorted for the asking, at 100 times the cost


def walked(request: OrderRequest, market: Market) -> Taken | None:
    """What it would take at once; None while the book cannot be read."""
    near = _others(request, market, _NEAR_LEVELS)
    if near is None or decided(request, near):
        return None if near is None else take(request, near)
    deep = _others(request, market, WALK_LEVELS)
    return None if deep is None else take(request, deep)


def _others(request: OrderRequest, market: Market, count: int) -> list[Level] | None:
    """The other side of the book, best first."""
    depth = market.depth(request.symbol, count)
    if isinstance(depth, Unusable):
        return None
    return depth.asks if request.side is Side.BUY else depth.bids
