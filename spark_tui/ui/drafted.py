"""What the ticket's draft amounts to: an order, an algo or the legs of a list. Pure.

Only meaningful while nothing is `missing` in the draft.
"""

from decimal import Decimal

from spark_tui.domain.values import LegRole, OrderType, Side, TimeInForce
from spark_tui.link.messages import AlgoKind, StartAlgo, SubmitLeg, SubmitOrder
from spark_tui.ui.draft import Draft
from spark_tui.ui.shapes import (
    ENTRY,
    JITTER,
    MINUTES,
    PRICE,
    QUANTITY,
    SHOWN,
    SLICES,
    STOP,
    TAKE,
    TRAIL,
    Shape,
    takes,
)


def order_of(draft: Draft, venue: str, symbol: str) -> SubmitOrder:
    amount, trail = draft.number(QUANTITY), draft.given(TRAIL)
    return SubmitOrder(
        venue=venue,
        symbol=symbol,
        side=draft.side,
        type=draft.type,
        quantity=None if draft.in_quote else amount,
        quote_quantity=amount if draft.in_quote else None,
        price=draft.given(PRICE),
        stop_price=draft.given(STOP),
        trailing_delta=None if trail is None else int(trail),
        iceberg_quantity=draft.given(SHOWN),
        time_in_force=draft.time_in_force if draft.timed else None,
        self_trade_prevention=draft.prevention,
        key=draft.key,
    )


def algo_of(draft: Draft, venue: str, symbol: str) -> StartAlgo:
    minutes, slices, trail = draft.given(MINUTES), draft.given(SLICES), draft.given(TRAIL)
    return StartAlgo(
        kind=AlgoKind(draft.shape.value),
        symbol=symbol,
        side=draft.side,
        quantity=draft.number(QUANTITY) or Decimal(0),
        venue=venue,
        duration_s=None if minutes is None else float(minutes * 60),
        slices=None if slices is None else int(slices),
        jitter=float((draft.given(JITTER) or Decimal(0)) / 100),
        limit_price=draft.given(PRICE),
        display=draft.given(SHOWN),
        trail_bp=None if trail is None else int(trail),
        key=draft.key,
    )


def legs_of(draft: Draft, venue: str, symbol: str) -> tuple[SubmitLeg, ...]:
    """In role order. Exits are on the other side of an entry."""

    def leg(role: LegRole, side: Side, kind: OrderType, price: str, stop: str = STOP) -> SubmitLeg:
        order = SubmitOrder(
            venue=venue,
            symbol=symbol,
            side=side,
            type=kind,
            quantity=draft.number(QUANTITY),
            price=draft.number(price) if takes(kind, "price") else None,
            stop_price=draft.number(stop) if takes(kind, "stop_price") else None,
            time_in_force=TimeInForce.GTC if takes(kind, "time_in_force") else None,
            self_trade_prevention=draft.prevention,
        )
        return SubmitLeg(role=role, order=order)

    other = Side.SELL if draft.side is Side.BUY else Side.BUY
    working = leg(LegRole.WORKING, draft.side, OrderType.LIMIT, ENTRY)
    if draft.shape is Shape.OTO:
        return (working, leg(LegRole.PENDING, other, draft.leg_type, PRICE))
    exits = draft.side if draft.shape is Shape.OCO else other
    above, below = (
        (LegRole.ABOVE, LegRole.BELOW)
        if draft.shape is Shape.OCO
        else (LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW)
    )
    # what sells takes its profit above the market and stops below; what buys, the other way round
    take_role, stop_role = (above, below) if exits is Side.SELL else (below, above)
    take = leg(take_role, exits, OrderType.LIMIT_MAKER, TAKE)
    stop = leg(stop_role, exits, draft.leg_type, PRICE)
    pair = (take, stop) if take_role is above else (stop, take)
    return pair if draft.shape is Shape.OCO else (working, *pair)
