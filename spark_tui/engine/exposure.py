"""What open orders may still do at the worst: what of an order list can execute together counts together, and
of two legs that cancel each other only the larger one counts."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import ZERO, add, ceil_to, divide_down, multiply, total, usable
from spark_tui.domain.order import UNCONFIRMED, Order, OrderRequest, OrderState
from spark_tui.domain.values import LegRole, Side
from spark_tui.engine.state import State

UNTOLD = Decimal("NaN")  # an amount that cannot be told; every rule that meets it refuses
EITHER = frozenset({LegRole.ABOVE, LegRole.BELOW, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW})
WAITING = frozenset({LegRole.PENDING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW})

_SMALLEST = Decimal("1e-8")


def open_exposure(orders: Iterable[Order], side: Side, price: Decimal | None) -> Decimal:
    """Base quantity that may still trade on `side`. `price` turns what is sized in quote money into base;
    UNTOLD where there is such an order and no price."""
    return worst(orders, lambda order: _exposure(order, price) if order.request.side is side else ZERO)


def ahead(first: OrderRequest | None, side: Side) -> Decimal:
    """What an order that executes before adds to the exposure of `side`."""
    if first is None or first.side is not side:
        return ZERO
    return UNTOLD if first.quantity is None else first.quantity


def worst(orders: Iterable[Order], measure: Callable[[Order], Decimal | None]) -> Decimal:
    """The sum of `measure`, with the larger of two legs that exclude each other; UNTOLD when one is None."""
    amounts = []
    either: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        amount = measure(order)
        if amount is None:
            return UNTOLD
        if order.part is not None and order.part.role in EITHER:
            either[order.part.list_id] = max(either[order.part.list_id], amount)
        else:
            amounts.append(amount)
    return total((*amounts, *either.values()))


def waits(order: Order, legs: Iterable[Order]) -> bool:
    """Whether it is a pending leg whose working order is not done: nothing is in the book nor locked."""
    if order.part is None or order.part.role not in WAITING:
        return False
    return not any(
        leg.part is not None and leg.part.role is LegRole.WORKING and leg.state is OrderState.FILLED
        for leg in legs
    )


def locks(
    orders: Iterable[Order], state: State, assets: Callable[[str, str], tuple[str, str] | None]
) -> tuple[dict[str, Decimal], set[str]]:
    """What open orders hold locked at the venue, by asset; and the assets of which that cannot be told: an
    order is unconfirmed, has no price to tell it by, or the venue's rule for two legs is not known."""
    by_asset: dict[str, list[Order]] = {}
    unclear: set[str] = set()
    for order in orders:
        request = order.request
        names = state.assets.get((request.venue, request.symbol)) or assets(request.venue, request.symbol)
        if names is None or waits(order, state.legs(order.part.list_id) if order.part else ()):
            continue
        asset = names[0] if request.side is Side.SELL else names[1]
        by_asset.setdefault(asset, []).append(order)
        if order.state in UNCONFIRMED or _lock(order) is None:
            unclear.add(asset)
    amounts = {asset: worst(some, lambda order: _lock(order) or ZERO) for asset, some in by_asset.items()}
    return amounts, unclear


def claim(order: Order, price: Decimal | None) -> Decimal | None:
    """What an unconfirmed order will lock, of base when it sells and of quote when it buys. `price`: what it
    would meet, for one without a price of its own; None where that is needed and not known."""
    request = order.request
    amount, money, own = lifecycle.leaves(order), lifecycle.leaves_quote(order), _price(request, price)
    if request.side is Side.SELL:
        return amount if request.quote_quantity is None else _in_base(money, own)
    if request.quote_quantity is not None:
        return money
    return ZERO if amount == 0 else None if own is None else multiply(amount, own)


def _price(request: OrderRequest, met: Decimal | None) -> Decimal | None:
    told = next((one for one in (request.price, request.stop_price, met) if one is not None), None)
    return told if told is not None and usable(told) and told > 0 else None


def _lock(order: Order) -> Decimal | None:
    request = order.request
    if request.quote_quantity is not None:
        return None
    if request.side is Side.SELL:
        return lifecycle.leaves(order)
    if request.price is None or (order.part is not None and order.part.role in EITHER):
        return None
    return multiply(lifecycle.leaves(order), request.price)


def _exposure(order: Order, price: Decimal | None) -> Decimal | None:
    quote = lifecycle.leaves_quote(order) if lifecycle.is_open(order.state) else ZERO
    in_base = _in_base(quote, price)
    return None if in_base is None else add(lifecycle.exposure(order), in_base)


def _in_base(money: Decimal, price: Decimal | None) -> Decimal | None:
    if money <= 0:
        return ZERO
    if price is None or not usable(price) or price <= 0:
        return None
    return ceil_to(divide_down(money, price), _SMALLEST)
