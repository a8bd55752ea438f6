"""What would be held once an order has traded in full, and how far from liquidation that is."""

from decimal import Decimal

import msgspec

from spark_tui.domain.accounting.margin import Bracket, Leg, liquidation_price
from spark_tui.domain.decimals import EXACT, ZERO, add, multiply, usable
from spark_tui.domain.values import Side


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a futures position rests on: the money that may be lost before it is closed by force (the whole
    wallet in cross margin, the position's own in isolated), its leverage and the venue's brackets."""

    wallet: Decimal
    leverage: Decimal
    brackets: tuple[Bracket, ...]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """`position` and `after`: signed base. `liquidation`: the mark that closes it by force, `distance` to
    there in percent of the mark; None where nothing is margined, or no price above 0 does it."""

    position: Decimal
    after: Decimal
    liquidation: Decimal | None = None
    distance: Decimal | None = None


def outlook(
    position: Decimal,
    entry_price: Decimal,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    mark: Decimal | None = None,
    terms: Terms | None = None,
) -> Outlook | None:
    """`quantity` at `price` on top of `position` at `entry_price`. None where one of them is no number."""
    numbers = (position, entry_price, quantity, price)
    if not all(usable(number) for number in numbers):
        return None
    traded = quantity if side is Side.BUY else EXACT.minus(quantity)
    after = add(position, traded)
    told = Outlook(position=position, after=after)
    if terms is None or after == 0 or mark is None or not usable(mark) or mark <= 0:
        return told
    entry = _entry(position, entry_price, traded, price, after)
    leg = Leg(quantity=after, entry_price=entry, leverage=terms.leverage, brackets=terms.brackets)
    closes = liquidation_price(leg, _left(terms.wallet, position, entry_price, traded, price))
    if closes is None:
        return told
    away = EXACT.subtract(mark, closes) if after > 0 else EXACT.subtract(closes, mark)
    distance = EXACT.divide(multiply(away, Decimal(100)), mark)
    return msgspec.structs.replace(told, liquidation=closes, distance=max(distance, ZERO))


def _entry(
    position: Decimal, entry_price: Decimal, traded: Decimal, price: Decimal, after: Decimal
) -> Decimal:
    """Average cost: what adds is averaged in, what reduces leaves it, what flips begins anew."""
    if position == 0 or (position > 0) is not (after > 0):
        return price
    if (position > 0) is not (traded > 0):
        return entry_price
    cost = add(multiply(position, entry_price), multiply(traded, price))
    return EXACT.divide(cost, after)


def _left(
    wallet: Decimal, position: Decimal, entry_price: Decimal, traded: Decimal, price: Decimal
) -> Decimal:
    """The wallet once what the order closes is settled."""
    if position == 0 or (position > 0) is (traded > 0):
        return wallet
    closed = min(position.copy_abs(), traded.copy_abs())
    gain = multiply(closed, EXACT.subtract(price, entry_price))
    return add(wallet, gain if position > 0 else EXACT.minus(gain))
