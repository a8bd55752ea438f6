"""Balances, fills and average-cost positions. Decimal end to end."""

from decimal import Decimal

import msgspec


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Average-cost position of one instrument; quantity is signed base, money is quote.

    `fees` maps the asset in which commission was charged to its sum.
    """

    venue: str
    symbol: str
    quantity: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: dict[str, Decimal] = {}
