"""Margin of linear futures, a function of positions and marks alone: however many fills made a position, the
margin is the same."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, multiply

_DIGITS = EXACT.copy()
_DIGITS.prec = 28


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance rate of positions worth up to `cap`; `relief` is what the lower brackets charge less."""

    cap: Decimal
    rate: Decimal
    relief: Decimal = ZERO


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """An open position as margin sees it."""

    quantity: Decimal  # signed
    entry_price: Decimal
    leverage: Decimal
    brackets: tuple[Bracket, ...]  # by rising cap

    def unrealised(self, mark: Decimal) -> Decimal:
        return multiply(self.quantity, EXACT.subtract(mark, self.entry_price))

    def notional(self, mark: Decimal) -> Decimal:
        return multiply(self.quantity.copy_abs(), mark)

    def initial(self, mark: Decimal) -> Decimal:
        return _DIGITS.divide(self.notional(mark), self.leverage)

    def maintenance(self, mark: Decimal) -> Decimal:
        bracket = self.bracket(mark)
        return EXACT.subtract(multiply(self.notional(mark), bracket.rate), bracket.relief)

    def bracket(self, mark: Decimal) -> Bracket:
        notional = self.notional(mark)
        return next((one for one in self.brackets if notional <= one.cap), self.brackets[-1])


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """`balance` = wallet + unrealised; `available` = balance less what positions need to be open."""

    balance: Decimal
    initial: Decimal
    maintenance: Decimal
    available: Decimal

    @property
    def ratio(self) -> Decimal | None:
        """Maintenance over balance: 1 is liquidation. None without a balance to measure against."""
        return _DIGITS.divide(self.maintenance, self.balance) if self.balance > 0 else None


def margin(wallet: Decimal, legs: Iterable[tuple[Leg, Decimal | None]]) -> Margin | None:
    """Cross margin of `legs` at their marks; None while a mark is not known."""
    balance, initial, maintenance = wallet, ZERO, ZERO
    for leg, mark in legs:
        if mark is None:
            return None
        balance = add(balance, leg.unrealised(mark))
        initial = add(initial, leg.initial(mark))
        maintenance = add(maintenance, leg.maintenance(mark))
    available = max(EXACT.subtract(balance, initial), ZERO)
    return Margin(balance=balance, initial=initial, maintenance=maintenance, available=available)


def liquidation_price(
    leg: Leg, wallet: Decimal, *, others_maintenance: Decimal = ZERO, others_unrealised: Decimal = ZERO
) -> Decimal | None:
    """The mark at which the margin balance meets the maintenance margin, with the others as they are. An
    isolated position is its own wallet with no others. None: no price above 0 does it."""
    for bracket in leg.brackets:
        price = _meets(leg, bracket, wallet, others_maintenance, others_unrealised)
        if price is not None and price > 0 and leg.bracket(price) == bracket:
            return price
    return None


def _meets(
    leg: Leg, bracket: Bracket, wallet: Decimal, others_maintenance: Decimal, others_unrealised: Decimal
) -> Decimal | None:
    """wallet + others' unrealised + q (p - entry) = |q| p rate - relief + others' maintenance, for p."""
    size = leg.quantity.copy_abs()
    slope = EXACT.subtract(multiply(size, bracket.rate), leg.quantity)
    if not slope:
        return None
    money = EXACT.subtract(add(wallet, others_unrealised), others_maintenance)
    money = EXACT.subtract(add(money, bracket.relief), multiply(leg.quantity, leg.entry_price))
    return _DIGITS.divide(money, slope)
