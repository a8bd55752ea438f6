"""What an order may spend: the venue's free balances, less what it cannot have locked yet for all we know."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import ZERO, add, multiply, negate, subtract, usable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import UNCONFIRMED, Order, OrderRequest
from spark_tui.domain.values import Side
from spark_tui.engine.exposure import UNTOLD, WAITING, claim, worst
from spark_tui.engine.state import State


class Funds(msgspec.Struct, frozen=True):
    """`free` by asset; `untold`: why it cannot be told of an asset, whose amount is no number then."""

    free: dict[str, Decimal]
    untold: dict[str, str]


def funds(
    venue: str,
    instrument: Instrument,
    state: State,
    told: dict[str, Decimal],
    met: Callable[[OrderRequest], Decimal | None],
    *,
    gone: Order | None = None,
    first: OrderRequest | None = None,
) -> Funds:
    """`told`: the venue's free balances. `met`: the top of the book an order would meet. `gone`: an order
    that is cancelled before, `first`: one whose fill comes before."""
    free, untold = dict(told), {}
    for asset, orders in _claims(venue, state).items():
        if asset in free:
            free[asset] = subtract(free[asset], worst(orders, lambda order: claim(order, met(order.request))))
            if free[asset].is_nan():
                unclear = next(order for order in orders if claim(order, met(order.request)) is None)
                untold[asset] = _why(asset, unclear)
    base, quote = instrument.base, instrument.quote
    if gone is not None:
        _add(free, base if gone.request.side is Side.SELL else quote, _set_free(gone))
    if first is not None and first.quantity is not None:
        price = first.price or ZERO
        known = usable(first.quantity) and usable(price)
        money = multiply(first.quantity, price) if known else UNTOLD
        quantity = first.quantity if known else UNTOLD
        buys = first.side is Side.BUY
        _add(free, base, quantity if buys else negate(quantity))
        _add(free, quote, negate(money) if buys else money)
    return Funds(free, untold)


def _claims(venue: str, state: State) -> dict[str, list[Order]]:
    """By the asset they take, orders of which the venue has not said a word."""
    claims: dict[str, list[Order]] = {}
    for order in state.open_orders(venue):
        if order.state in UNCONFIRMED and not _is_pending(order):
            base, quote = state.assets[venue, order.request.symbol]
            claims.setdefault(base if order.request.side is Side.SELL else quote, []).append(order)
    return claims


def _why(asset: str, order: Order) -> str:
    request = order.request
    return (
        f"how much {asset} is free cannot be told: {order.client_order_id} ({request.side} {request.type}"
        f" {request.symbol}) is {order.state} and its book cannot be priced from; wait for its fate,"
        " or for the book"
    )


def _is_pending(order: Order) -> bool:
    return order.part is not None and order.part.role in WAITING


def _set_free(gone: Order) -> Decimal:
    """What an order gives back that is cancelled: no more than is sure."""
    request = gone.request
    if request.side is Side.SELL:
        return lifecycle.leaves(gone)
    return multiply(lifecycle.leaves(gone), request.price or ZERO)


def _add(free: dict[str, Decimal], asset: str, amount: Decimal) -> None:
    free[asset] = add(free.get(asset, ZERO), amount)
