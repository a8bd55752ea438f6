"""An order walked through the real book: one way to look, for the rule that judges it and for its cost."""

from spark_tui.domain.book import Unusable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.slippage import Taken, take
from spark_tui.domain.values import Side
from spark_tui.engine.market import Market

WALK_LEVELS = 500


def walked(request: OrderRequest, market: Market) -> Taken | None:
    """What it would take at once; None while the book cannot be read."""
    others = market.best_first(request.symbol, WALK_LEVELS, bids=request.side is Side.SELL)
    return None if isinstance(others, Unusable) else take(request, others)
