"""First in, first out: the other way to say what was earned. Beside average cost, never instead of it: both
realise the same total once the position is flat, and share every rule about commission
(`account.apply_fill`).
"""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, multiply, negate, subtract
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side

MAX_LOTS = 2_000  # beyond these the two oldest are one: nothing is lost, only told apart less finely

_DIGITS = EXACT.copy()
_DIGITS.prec = 28  # a part of a lot's cost is rounded here, once; what stays is the rest, so sums stay exact


class Lot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came in at once: signed base, and the quote money it cost (negative: what a short brought)."""

    quantity: Decimal
    cost: Decimal
    time_ms: int = 0


class Lots(msgspec.Struct, frozen=True, kw_only=True):
    """Open lots, the oldest first, all of one sign. `realised - cost` is the cash that ever flowed.
    `quantity` and `cost` are the sums of the lots, kept beside them: there may be thousands."""

    lots: tuple[Lot, ...] = ()
    realised: Decimal = ZERO
    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Of what is open."""
        return _DIGITS.divide(self.cost, self.quantity) if self.quantity else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """What closing at `mark` would add to `realised`; quote money."""
        return subtract(multiply(self.quantity, mark), self.cost)


def apply_fill(lots: Lots, side: Side, fill: Fill, base: str, quote: str) -> Lots:
    """The lots after one execution; commission as in `account.apply_fill`."""
    traded = fill.quantity if side is Side.BUY else negate(fill.quantity)
    in_base = fill.commission if fill.commission_asset == base else ZERO
    in_quote = fill.commission if fill.commission_asset == quote else ZERO
    cash = negate(multiply(traded, fill.price))
    moved = move(lots, subtract(traded, in_base), cash, fill.time_ms)
    return msgspec.structs.replace(moved, realised=subtract(moved.realised, in_quote))


def move(lots: Lots, delta: Decimal, cash: Decimal, time_ms: int) -> Lots:
    """`delta` base came in for `cash` quote: the oldest lots close first, what is left opens one."""
    rest, money = delta, cash
    gained = lots.realised
    open_lots = lots.lots
    closed = 0
    for lot in open_lots:
        if not rest or rest.is_signed() == lot.quantity.is_signed():
            break
        closing = min(lot.quantity.copy_abs(), rest.copy_abs())
        share = money if closing == rest.copy_abs() else _share(money, closing, rest)
        if closing == lot.quantity.copy_abs():
            released = lot.cost
            closed += 1
        else:
            released = _share(lot.cost, closing, lot.quantity)
            left = Lot(
                quantity=subtract(lot.quantity, closing.copy_sign(lot.quantity)),
                cost=subtract(lot.cost, released),
                time_ms=lot.time_ms,
            )
            open_lots = (*open_lots[:closed], left, *open_lots[closed + 1 :])
        gained = add(gained, subtract(share, released))
        rest = subtract(rest, closing.copy_sign(rest))
        money = subtract(money, share)
    open_lots = open_lots[closed:]
    if rest:
        open_lots = _bounded((*open_lots, Lot(quantity=rest, cost=negate(money), time_ms=time_ms)))
    elif money:  # commission ate the trade: money without anything to hold it
        gained = add(gained, money)
    return Lots(
        lots=open_lots,
        realised=gained,
        quantity=add(lots.quantity, delta),
        # realised - cost is the cash that flowed, so what was not realised of it is cost
        cost=subtract(add(lots.cost, subtract(gained, lots.realised)), cash),
    )


def _bounded(lots: tuple[Lot, ...]) -> tuple[Lot, ...]:
    if len(lots) <= MAX_LOTS:
        return lots
    first, second = lots[:2]
    joined = Lot(
        quantity=add(first.quantity, second.quantity),
        cost=add(first.cost, second.cost),
        time_ms=first.time_ms,
    )
    return (joined, *lots[2:])


def _share(money: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return _DIGITS.divide(multiply(money, part), whole.copy_abs())
