"""What a venue charges an account for trading, as fractions of what an order receives."""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import ZERO, add
from spark_tui.domain.values import Side


class FeeRates(msgspec.Struct, frozen=True, kw_only=True):
    """`buyer` and `seller` come on top of `maker` or `taker`. No discount is taken off."""

    maker: Decimal
    taker: Decimal
    buyer: Decimal = ZERO
    seller: Decimal = ZERO

    def worst(self, side: Side) -> Decimal:
        """Whether it rests first or trades at once."""
        return add(max(self.maker, self.taker), self.buyer if side is Side.BUY else self.seller)
