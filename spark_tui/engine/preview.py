"""The ticket's answer before an order exists: the gate's own verdicts, and what the order would cost."""

from decimal import Decimal

from spark_tui.domain import filters, risk
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import divide_down, from_float
from spark_tui.domain.market import Level
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.gate import Assessment, Gate
from spark_tui.engine.market import Market
from spark_tui.engine.submission import to_submit
from spark_tui.link.messages import Preview

FEE_RATE = Decimal("0.001")  # Spot's standard taker and maker rate; discounts only make it less
WALK_LEVELS = 500
_FEE_STEP = Decimal("1e-8")


def preview(request: OrderRequest, key: str, gate: Gate, market: Market) -> Preview:
    """Quantise as the ticket does, then ask the gate about exactly what would be sent."""
    instrument = gate.instrument(request.venue, request.symbol)
    fitted, changes = (request, ()) if instrument is None else filters.quantise(instrument, request)
    assessment = gate.assess(fitted)
    walk = _walk(fitted, market)
    price = _price(fitted, walk, assessment)
    notional = _notional(fitted, price)
    fee, fee_asset = _fee(fitted, price, notional, assessment)
    return Preview(
        ok=risk.passes(assessment.verdicts),
        verdicts=assessment.verdicts,
        order=to_submit(fitted, key),
        changes=changes,
        notional=notional,
        fee=fee,
        fee_asset=fee_asset,
        slippage_bp=_slippage_bp(fitted, walk, assessment),
        reason=assessment.denial.text if assessment.denial else "",
    )


def _takes(request: OrderRequest) -> bool:
    return request.type in (OrderType.MARKET, OrderType.LIMIT)


def _walk(request: OrderRequest, market: Market) -> Decimal | None:
    """Average price of what the order would take from the book at once; None when it would take nothing, or
    more than the known book holds."""
    depth = market.depth(request.symbol, WALK_LEVELS)
    if isinstance(depth, Unusable) or not _takes(request):
        return None
    levels = depth.asks if request.side is Side.BUY else depth.bids
    if request.price is not None and request.type is OrderType.LIMIT:
        limit, buys = float(request.price), request.side is Side.BUY
        levels = [level for level in levels if (level[0] <= limit if buys else level[0] >= limit)]
        if not levels:
            return None
    quantity, money = _taken(request, levels)
    short = request.type is OrderType.MARKET and not _covers(request, quantity, money)
    return None if short or quantity <= 0 else divide_down(from_float(money), from_float(quantity))


def _taken(request: OrderRequest, levels: list[Level]) -> tuple[float, float]:
    """Base quantity and quote money that `levels` give the order."""
    quantity = money = 0.0
    want = float(request.quantity) if request.quantity is not None else float("inf")
    purse = float(request.quote_quantity) if request.quote_quantity is not None else float("inf")
    for price, available in levels:
        part = min(available, want - quantity, (purse - money) / price)
        quantity += part
        money += part * price
        if part < available:
            break
    return quantity, money


def _covers(request: OrderRequest, quantity: float, money: float) -> bool:
    if request.quantity is not None:
        return quantity >= float(request.quantity) * (1 - 1e-9)
    return money >= float(request.quote_quantity or 0) * (1 - 1e-9)


def _price(request: OrderRequest, walk: Decimal | None, assessment: Assessment) -> Decimal | None:
    """The price the order is worth at: its own, else what the book gives."""
    for price in (request.price, request.stop_price, walk, assessment.mid):
        if price is not None and price.is_finite() and price > 0:
            return price
    return None


def _notional(request: OrderRequest, price: Decimal | None) -> Decimal | None:
    if request.quote_quantity is not None:
        return request.quote_quantity if request.quote_quantity.is_finite() else None
    if price is None or request.quantity is None or not request.quantity.is_finite():
        return None
    return price * request.quantity


def _fee(
    request: OrderRequest, price: Decimal | None, notional: Decimal | None, assessment: Assessment
) -> tuple[Decimal | None, str]:
    """Charged in what the order receives: base for a BUY, quote for a SELL."""
    base, quote = assessment.assets
    if request.side is Side.SELL:
        return (None if notional is None else _cut(notional * FEE_RATE)), quote
    quantity = request.quantity
    if quantity is None and notional is not None and price is not None:
        quantity = divide_down(notional, price)
    known = quantity is not None and quantity.is_finite()
    return (_cut(quantity * FEE_RATE) if known and quantity is not None else None), base


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(_FEE_STEP)


def _slippage_bp(request: OrderRequest, walk: Decimal | None, assessment: Assessment) -> float | None:
    """How much worse than the middle the immediate part would trade, in basis points."""
    if walk is None or not assessment.mid:
        return None
    distance = (walk - assessment.mid) if request.side is Side.BUY else (assessment.mid - walk)
    return float(distance / assessment.mid * 10_000)
