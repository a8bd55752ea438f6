"""What an order would take from the book at once. Books are float; each level that is touched becomes Decimal
first, so that no sum carries a float's noise."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import takewhile

import msgspec

from spark_tui.domain.decimals import EXACT, ONE, ZERO, divide_down, from_float, multiply, usable
from spark_tui.domain.market import Level
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side

_DUST = Decimal("1e-9")  # what divisions of a purse by prices may fall short by


class Taken(msgspec.Struct, frozen=True):
    """`average`: price of what would trade at once; None when nothing would. `short`: the known book holds
    less than a market order needs, so its price cannot be told."""

    average: Decimal | None = None
    short: bool = False


NOTHING_TAKEN = Taken()


def takes(request: OrderRequest) -> bool:
    """Whether the order may trade the moment it arrives."""
    return request.type in (OrderType.MARKET, OrderType.LIMIT)


def take(request: OrderRequest, levels: Iterable[Level]) -> Taken:
    """`levels`: the other side of the book, best first; read no further than the order reaches."""
    if not takes(request) or not _sized(request):
        return NOTHING_TAKEN
    if request.price is not None and request.type is OrderType.LIMIT:
        limit, buys = float(request.price), request.side is Side.BUY
        levels = takewhile(lambda level: level[0] <= limit if buys else level[0] >= limit, levels)
    quantity, money = _sum(request, levels)
    if request.type is OrderType.MARKET and not _covers(request, quantity, money):
        return Taken(short=True)
    return Taken(divide_down(money, quantity).normalize(EXACT)) if quantity > 0 else NOTHING_TAKEN


def slippage_bp(request: OrderRequest, average: Decimal, mid: Decimal) -> Decimal:
    """How much worse than the middle that is, in basis points; below zero when better. `mid` is above 0."""
    worse = EXACT.subtract(average, mid) if request.side is Side.BUY else EXACT.subtract(mid, average)
    return EXACT.divide(multiply(worse, Decimal(10_000)), mid)


def _sized(request: OrderRequest) -> bool:
    numbers = (request.quantity, request.quote_quantity, request.price)
    return all(number is None or usable(number) for number in numbers)


def _sum(request: OrderRequest, levels: Iterable[Level]) -> tuple[Decimal, Decimal]:
    """Base quantity and quote money that `levels` give the order."""
    quantity = money = ZERO
    for level in levels:
        price, available = from_float(level[0]), from_float(level[1])
        part = available
        if request.quantity is not None:
            part = min(part, EXACT.subtract(request.quantity, quantity))
        if request.quote_quantity is not None:
            part = min(part, divide_down(EXACT.subtract(request.quote_quantity, money), price))
        quantity = EXACT.add(quantity, part)
        money = EXACT.add(money, multiply(part, price))
        if part < available:
            break
    return quantity, money


def _covers(request: OrderRequest, quantity: Decimal, money: Decimal) -> bool:
    if request.quantity is not None:
        return quantity >= request.quantity
    return money >= multiply(request.quote_quantity or ZERO, ONE - _DUST)
