"""What a paper account keeps: orders, lists and trades. Money is Decimal; this is what is stored."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.parameters import ALGO
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.venues.port import OrderStatus


class Phase(StrEnum):
    """What an order that has not ended is doing."""

    PENDING = "PENDING"  # a list's leg whose working order is not done
    STOP = "STOP"  # waits for its trigger
    ARRIVING = "ARRIVING"  # may work, but there was no usable book since it came
    RESTING = "RESTING"
    ENDED = "ENDED"


class PaperOrder(msgspec.Struct, kw_only=True):
    """One order. `quantity` is the total asked in base, 0 while an order sized in quote money is not done.

    `reserved` is what is locked for it of `asset`: quote for a buy, base for a sale. Of an iceberg only
    `shown` stands in the queue. `ahead` is the size at its price that must trade before it does; None until
    its level was seen.
    """

    id: int
    client_id: str
    request: OrderRequest
    created_ms: int
    updated_ms: int
    quantity: Decimal
    phase: Phase = Phase.ARRIVING
    status: OrderStatus = OrderStatus.NEW
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    reserved: Decimal = ZERO
    asset: str = ""
    lock_price: Decimal = ZERO
    shown: Decimal = ZERO
    ahead: Decimal | None = None
    reason: str = ""
    list_id: str = ""
    role: LegRole | None = None
    trailing: bool = False  # a trailing stop that follows the price
    extreme: float = 0.0  # the best price it followed

    @property
    def open(self) -> bool:
        return self.phase is not Phase.ENDED

    @property
    def buys(self) -> bool:
        return self.request.side is Side.BUY

    @property
    def left(self) -> Decimal:
        return EXACT.subtract(self.quantity, self.filled)

    @property
    def is_stop(self) -> bool:
        return self.request.type in ALGO

    @property
    def takes_only(self) -> bool:
        """Whatever it cannot take at once is gone, at any price."""
        return self.request.type in TAKERS


TAKERS: Final = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


class PaperList(msgspec.Struct, kw_only=True):
    """An order list while a leg of it may still start or end another."""

    id: str
    kind: ListKind
    symbol: str
    order_ids: tuple[int, ...]


class PaperTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `id` is unique on the whole account."""

    id: int
    order_id: int
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int
