"""What an order would cost: its worth, the fee at most, and how much worse than the middle it would trade.

The fee is by the account's own rates, the worse of maker and taker. A discount for paying in another asset is
not taken off: whether there will be enough of that asset is known only when it is charged.
"""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import ceil_to, divide_down, multiply, rounded, usable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.slippage import NOTHING_TAKEN, slippage_bp, takes
from spark_tui.domain.values import Side
from spark_tui.engine.bookwalk import walked
from spark_tui.engine.gate import Assessment
from spark_tui.engine.market import Market

FEE_STEP = Decimal("1e-8")
MONEY_PLACES = 8  # an average over levels has no last digit


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """`price`: on average, as the book is now; else its own. `notional` in quote money, `fee` in what the
    order receives. None where it cannot be told. `rests`: the book as it is now gives it nothing."""

    notional: Decimal | None
    fee: Decimal | None
    fee_asset: str
    slippage_bp: float | None = None
    price: Decimal | None = None
    rests: bool = False


def cost_of(request: OrderRequest, assessment: Assessment, market: Market, *, later: bool = False) -> Cost:
    """`later`: it leaves at another time, so the book of now says nothing about it."""
    taken = None if later else walked(request, market)
    walk = taken.average if taken is not None else None
    price = _price(request, walk, assessment)
    notional = _notional(request, price)
    better = walk is not None and price is not None and walk > price  # a SELL's limit is only its least
    received = _notional(request, walk) if better else notional
    fee, fee_asset = _fee(request, price, received, assessment)
    return Cost(
        notional=notional,
        fee=fee,
        fee_asset=fee_asset,
        slippage_bp=_slippage_bp(request, walk, assessment),
        price=walk if walk is not None else price,
        rests=not later and (not takes(request) or taken == NOTHING_TAKEN),
    )


def _price(request: OrderRequest, walk: Decimal | None, assessment: Assessment) -> Decimal | None:
    """The price the order is worth at: its own, else what the book gives."""
    for price in (request.price, request.stop_price, walk, assessment.mid):
        if price is not None and usable(price) and price > 0:
            return price
    return None


def _notional(request: OrderRequest, price: Decimal | None) -> Decimal | None:
    if request.quote_quantity is not None:
        return request.quote_quantity if usable(request.quote_quantity) else None
    if price is None or request.quantity is None or not usable(request.quantity):
        return None
    return rounded(multiply(price, request.quantity), MONEY_PLACES)


def _fee(
    request: OrderRequest, price: Decimal | None, notional: Decimal | None, assessment: Assessment
) -> tuple[Decimal | None, str]:
    """Charged in what the order receives: base for a BUY, quote for a SELL. None until the venue told the
    account's rates."""
    base, quote = assessment.assets
    rate = None if assessment.fees is None else assessment.fees.worst(request.side)
    if request.side is Side.SELL:
        return (None if notional is None or rate is None else _cut(multiply(notional, rate))), quote
    quantity = request.quantity
    if quantity is None and notional is not None and price is not None:
        quantity = divide_down(notional, price)
    if quantity is None or not usable(quantity) or rate is None:
        return None, base
    return _cut(multiply(quantity, rate)), base


def _cut(amount: Decimal) -> Decimal:
    return ceil_to(amount, FEE_STEP)


def _slippage_bp(request: OrderRequest, walk: Decimal | None, assessment: Assessment) -> float | None:
    """Of the part that trades at once."""
    if walk is None or not assessment.mid:
        return None
    return float(slippage_bp(request, walk, assessment.mid))
