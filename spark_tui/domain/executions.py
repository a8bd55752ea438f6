"""The fills of one order as a set that only grows: real trades, and at most one synthetic fill that covers
what the venue counted beyond them.

A synthetic fill is a claim, "the venue counted so much in all": the greatest claim holds, and it covers what
the real trades do not explain. So a trade that turns up takes the cover's place instead of adding to it, in
whatever order they come, and no quantity is ever counted twice.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, multiply, plain
from spark_tui.domain.order import Fill, Order

_DIGITS = EXACT.copy()
_DIGITS.prec = 28  # a price out of two totals is rounded here, once


def synthetic_fill(
    order: Order,
    venue_filled: Decimal,
    venue_filled_quote: Decimal,
    *,
    time_ms: int,
    venue_order_id: str = "",
) -> Fill:
    """The fill that stands for what the venue counted and no trade explains: base `venue_filled` and quote
    money `venue_filled_quote` are its totals for the order (quote 0 or negative: not available, then the
    order's own price stands for it). Its id is a function of (venue order id, `venue_filled`), so the same
    finding is the same fill in every pass. ValueError when there is nothing to cover.
    """
    name = venue_order_id or order.venue_order_id
    if not name:
        raise ValueError(f"order {order.client_order_id} has no venue order id; ask the venue for it first")
    if not (venue_filled.is_finite() and venue_filled > order.filled):
        raise ValueError(f"the venue counts {venue_filled} of {order.client_order_id}: nothing to cover")
    claim = Fill(
        trade_id=f"synthetic-{name}-{plain(venue_filled.normalize())}",
        price=ZERO,
        quantity=ZERO,
        commission=ZERO,
        commission_asset="",
        maker=False,
        time_ms=time_ms,
        synthetic=True,
        cumulative=venue_filled,
        cumulative_quote=_quote_total(order, venue_filled, venue_filled_quote),
    )
    cover = _cover(claim, real(order.fills))
    assert cover is not None  # the venue counts more than all fills
    return cover


def real(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """The trades among an order's fills."""
    return fills if cover_of(fills) is None else fills[:-1]


def cover_of(fills: tuple[Fill, ...]) -> Fill | None:
    """The synthetic fill among an order's fills: it comes last (`join`)."""
    return fills[-1] if fills and fills[-1].synthetic else None


def quantity_of(fills: Iterable[Fill]) -> Decimal:
    total = ZERO
    for fill in fills:
        total = add(total, fill.quantity)
    return total


def quote_of(fills: Iterable[Fill]) -> Decimal:
    """Quote money the fills come to, commission aside."""
    total = ZERO
    for fill in fills:
        total = add(total, multiply(fill.price, fill.quantity))
    return total


def flaw(fill: Fill) -> str:
    """Why the fill cannot be booked; empty when it can."""
    if not (fill.quantity.is_finite() and fill.quantity > 0 and fill.price.is_finite()):
        return f"trade {fill.trade_id} carries no quantity or price that can be booked"
    if fill.synthetic and not all(
        total is not None and total.is_finite() and total > 0
        for total in (fill.cumulative, fill.cumulative_quote)
    ):
        return f"synthetic fill {fill.trade_id} does not say which totals it stands for"
    return ""


def join(fills: tuple[Fill, ...], new: Fill) -> tuple[Fill, ...]:
    """`fills` and the fill `new`, which has no flaw: real trades in id order, then the cover, if any is left
    to cover."""
    trades, claim = real(fills), cover_of(fills)
    if new.synthetic:
        claim = new if claim is None else max(claim, new, key=_strength)
    elif not trades or _trade_order(trades[-1]) < _trade_order(new):
        trades = (*trades, new)
    elif all(known.trade_id != new.trade_id for known in trades):
        trades = tuple(sorted((*trades, new), key=_trade_order))
    cover = _cover(claim, trades) if claim is not None else None
    return trades if cover is None else (*trades, cover)


def _cover(claim: Fill, trades: tuple[Fill, ...]) -> Fill | None:
    """The claim less what real trades explain of it; None when they explain it all, for ever."""
    total, money = claim.cumulative, claim.cumulative_quote
    assert total is not None  # a claim without totals is flawed
    assert money is not None
    quantity = EXACT.subtract(total, quantity_of(trades))
    if quantity <= 0:
        return None
    rest = EXACT.subtract(money, quote_of(trades))
    # totals that the trades contradict give no price for the rest: then the average of it all is used
    price = _DIGITS.divide(rest, quantity) if rest > 0 else _DIGITS.divide(money, total)
    return msgspec.structs.replace(claim, quantity=quantity, price=price)


def _quote_total(order: Order, venue_filled: Decimal, venue_filled_quote: Decimal) -> Decimal:
    """The venue's word, or the best estimate there is: what is known to be paid, then the order's price."""
    if venue_filled_quote.is_finite() and venue_filled_quote > 0:
        return venue_filled_quote
    request = order.request
    price = request.price or request.stop_price
    if price is None and order.filled > 0:
        price = _DIGITS.divide(order.filled_quote, order.filled)
    if price is None or not price > 0:
        raise ValueError(f"nothing tells at what price {order.client_order_id} was filled")
    known = real(order.fills)
    missing = EXACT.subtract(venue_filled, quantity_of(known))
    return add(quote_of(known), multiply(price, missing))


def _strength(claim: Fill) -> tuple[Decimal, Decimal, int, str]:
    """Total order of claims about one order."""
    return (claim.cumulative or ZERO, claim.cumulative_quote or ZERO, claim.time_ms, claim.trade_id)


def _trade_order(fill: Fill) -> tuple[int, str]:
    """Numeric ids in number order, without trusting that they are numbers; independent of arrival."""
    return (len(fill.trade_id), fill.trade_id)
