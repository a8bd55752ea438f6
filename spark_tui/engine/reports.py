"""A venue's report less what we know already = the events to record. A report that says nothing new is
none."""

from decimal import Decimal

from spark_tui.domain import lifecycle
from spark_tui.domain.order import (
    UNCONFIRMED,
    Accepted,
    Amended,
    Canceled,
    Completed,
    Expired,
    Filled,
    Order,
    OrderEvent,
    OrderRequest,
    OrderState,
    Rejected,
)
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.port import OrderReport, OrderStatus, TradeReport

_LIVES = frozenset(
    {OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED}
)

EXTERNAL_STATES = {
    OrderStatus.PENDING_NEW: OrderState.ACCEPTED,
    OrderStatus.NEW: OrderState.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELED: OrderState.CANCELED,
    OrderStatus.REJECTED: OrderState.REJECTED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
    OrderStatus.OTHER: OrderState.UNKNOWN,
}


def events_of(order: Order, report: OrderReport, now_ms: int) -> list[OrderEvent]:
    """The events `report` adds to `order`, in the order they are to be applied."""
    events: list[OrderEvent] = []
    venue_order_id = report.venue_order_id
    if report.status in _LIVES and (not order.venue_order_id or order.state in UNCONFIRMED):
        events.append(Accepted(venue_order_id=venue_order_id, at_ms=now_ms))
    known = {fill.trade_id for fill in order.fills}
    events.extend(
        Filled(fill=fill, venue_order_id=venue_order_id)
        for fill in report.fills
        if fill.trade_id not in known
    )
    if report.quantity is not None and report.quantity < (lifecycle.asked(order) or 0):
        events.append(Amended(quantity=report.quantity, at_ms=now_ms, venue_order_id=venue_order_id))
    if report.status is OrderStatus.FILLED and order.state is not OrderState.FILLED:
        events.append(Completed(at_ms=now_ms, venue_order_id=venue_order_id, filled=report.filled))
    elif report.status is OrderStatus.CANCELED and order.state is not OrderState.CANCELED:
        events.append(Canceled(at_ms=now_ms, venue_order_id=venue_order_id, filled=report.filled))
    elif report.status is OrderStatus.EXPIRED and order.state is not OrderState.EXPIRED:
        events.append(
            Expired(reason=report.reason, at_ms=now_ms, venue_order_id=venue_order_id, filled=report.filled)
        )
    elif report.status is OrderStatus.REJECTED and order.state is not OrderState.REJECTED:
        events.append(Rejected(code=report.reason or "REJECTED", text=report.reason, at_ms=now_ms))
    return events


def external_order(report: OrderReport, request: OrderRequest, before: Order | None, now_ms: int) -> Order:
    """An order placed outside this engine, as far as the venue tells us about it. What has ended stays ended:
    a report that says otherwise is an older one."""
    state = EXTERNAL_STATES[report.status]
    if before is not None and not lifecycle.is_open(before.state) and lifecycle.is_open(state):
        state = before.state
    fills = before.fills if before else ()
    known = {fill.trade_id for fill in fills}
    return Order(
        client_order_id=report.client_order_id or f"external-{report.venue_order_id}",
        request=request,
        state=state,
        created_ms=before.created_ms if before else report.time_ms or now_ms,
        updated_ms=report.time_ms or now_ms,
        venue_order_id=report.venue_order_id,
        filled=max(report.filled, before.filled if before else Decimal(0)),
        filled_quote=max(report.filled_quote, before.filled_quote if before else Decimal(0)),
        fills=fills + tuple(fill for fill in report.fills if fill.trade_id not in known),
        text=report.reason,
    )


def could_be(order: Order, trade: TradeReport) -> bool:
    """Whether `trade` may be an execution of `order`, whose venue id nobody has told us. Doubt says yes."""
    request = order.request
    fill = trade.fill
    if trade.symbol != request.symbol or Side(trade.side) is not request.side:
        return False
    if request.quantity is not None and fill.quantity > request.quantity:
        return False
    if request.price is None or request.type is OrderType.MARKET:
        return True
    if request.side is Side.BUY:
        return fill.price <= request.price
    return fill.price >= request.price
