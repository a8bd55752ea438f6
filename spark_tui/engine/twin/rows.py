"""An order and its twin as one row of figures. Pure."""

from decimal import Decimal
from typing import Final

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import EXACT
from spark_tui.domain.order import Order
from spark_tui.engine.twin.grade import grade, worse_bp
from spark_tui.engine.twin_records import TwinEnded
from spark_tui.link.messages import DiffGrade, DiffRow, DiffSide, Ungraded

_PRICE: Final = Decimal("1e-8")
_RATIO: Final = Decimal("0.0001")


def row_of(order: Order, twin: TwinEnded, *, running: bool) -> DiffRow:
    """`twin` of a running pair: what it would be if it ended now."""
    request = order.request
    quantity = lifecycle.asked(order) or max(order.filled, twin.quantity)
    ours, theirs = _average(order.filled_quote, order.filled), _average(twin.quote, twin.filled)
    fill_difference = None
    if quantity and not twin.cut:
        fill_difference = EXACT.divide(order.filled - twin.filled, quantity).quantize(_RATIO)
    price_error = worse_bp(request.side, ours, theirs)
    apart_s = None
    if twin.order_seconds is not None and twin.seconds is not None:
        apart_s = twin.order_seconds - twin.seconds
    why_not = Ungraded.NO if running else _ungraded(order, twin)
    earned = grade(price_error, None if running else fill_difference, apart_s)
    return DiffRow(
        client_order_id=order.client_order_id,
        venue=request.venue,
        symbol=request.symbol,
        side=request.side,
        order_type=request.type,
        quantity=quantity,
        at_ms=order.created_ms,
        running=running,
        order=DiffSide(
            filled=order.filled,
            average_price=ours,
            slippage_bp=worse_bp(request.side, ours, twin.mid),
            seconds=twin.order_seconds,
            state=order.state.value,
        ),
        twin=DiffSide(
            filled=twin.filled,
            average_price=theirs,
            slippage_bp=worse_bp(request.side, theirs, twin.mid),
            seconds=twin.seconds,
            state=twin.state,
        ),
        fill_difference=fill_difference,
        price_error_bp=price_error,
        time_difference_s=apart_s,
        grade=DiffGrade.NONE if why_not else earned,
        price_grade=grade(price_error, None, None),
        ungraded=why_not,
    )


def _ungraded(order: Order, twin: TwinEnded) -> Ungraded:
    if twin.cut:
        return Ungraded.CUT
    return Ungraded.NO if order.filled or twin.filled else Ungraded.NOTHING


def _average(quote: Decimal, base: Decimal) -> Decimal | None:
    return EXACT.divide(quote, base).quantize(_PRICE) if base else None
