"""Balances, fills and average-cost positions. Decimal end to end."""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, multiply, negate, subtract
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return add(self.free, self.locked)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Average-cost position of one instrument; quantity is signed base, money is quote.

    `cost` is what the open quantity was bought for (negative: what a short was sold for), so that
    `realised - cost` is the cash that ever flowed, to the last digit, however an average was rounded.
    `fees` maps the asset in which commission was charged to its sum.
    """

    venue: str
    symbol: str
    quantity: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: dict[str, Decimal] = {}
    cost: Decimal = Decimal(0)


def closed(position: Position) -> Position:
    """Nothing of it is open any more, without a trade: what it realised stays as it was."""
    return msgspec.structs.replace(position, quantity=Decimal(0), average_price=Decimal(0), cost=Decimal(0))


def apply_fill(position: Position, side: Side, fill: Fill, base: str, quote: str) -> Position:
    """The position after one execution.

    Commission in base leaves less held (the average rises by it), in quote it lowers what was realised, in
    any other asset it stands in `fees` only. The caller sees to it that a trade is applied once.
    """
    traded = fill.quantity if side is Side.BUY else negate(fill.quantity)
    cash = negate(multiply(traded, fill.price))
    in_base = fill.commission if fill.commission_asset == base else ZERO
    quantity, cost, gained = _moved(position, subtract(traded, in_base), cash)
    in_quote = fill.commission if fill.commission_asset == quote else ZERO
    return Position(
        venue=position.venue,
        symbol=position.symbol,
        quantity=quantity,
        average_price=_average(cost, quantity),
        realised=subtract(add(position.realised, gained), in_quote),
        fees=with_fee(position.fees, fill),
        cost=cost,
    )


def unrealised(position: Position, mark: Decimal) -> Decimal:
    """What closing at `mark` would add to `realised`, fees aside; quote money."""
    return subtract(multiply(position.quantity, mark), position.cost)


def move(position: Position, delta: Decimal, cash: Decimal) -> Position:
    """`delta` base came in for `cash` quote: what closes is realised at average cost, what opens is cost."""
    quantity, cost, gained = _moved(position, delta, cash)
    return msgspec.structs.replace(
        position,
        quantity=quantity,
        cost=cost,
        average_price=_average(cost, quantity),
        realised=add(position.realised, gained),
    )


def _moved(position: Position, delta: Decimal, cash: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity and cost then, and what was gained."""
    held, moved = position.quantity.copy_abs(), delta.copy_abs()
    opposite = held and moved and position.quantity.is_signed() != delta.is_signed()
    closing = min(held, moved) if opposite else ZERO
    closing_cash = cash if closing == moved else _share(cash, closing, moved)
    released = position.cost if closing == held else _share(position.cost, closing, held)
    cost = subtract(subtract(position.cost, released), subtract(cash, closing_cash))
    return add(position.quantity, delta), cost, subtract(closing_cash, released)


_DIGITS = EXACT.copy()
_DIGITS.prec = 28  # a share or an average is rounded here, once; sums stay exact


def _average(cost: Decimal, quantity: Decimal) -> Decimal:
    return _DIGITS.divide(cost, quantity) if quantity else ZERO


def _share(money: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return _DIGITS.divide(multiply(money, part), whole) if part else ZERO


def with_fee(fees: dict[str, Decimal], fill: Fill) -> dict[str, Decimal]:
    """`fees` and the fill's commission."""
    if not fill.commission:
        return fees
    return {**fees, fill.commission_asset: add(fees.get(fill.commission_asset, ZERO), fill.commission)}
