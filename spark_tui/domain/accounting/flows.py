"""What moves a balance: every change of an asset is one flow of a kind, and they sum to the change."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.decimals import ZERO, add, multiply, negate
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side


class FlowKind(StrEnum):
    BOUGHT = "BOUGHT"
    SOLD = "SOLD"
    FEE = "FEE"
    FUNDING = "FUNDING"
    REALISED = "REALISED"  # futures settle profit in the margin asset
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    ADJUSTMENT = "ADJUSTMENT"  # an operator's word for what nothing else explains

    @property
    def external(self) -> bool:
        """Money that came or went; it is neither gain nor loss."""
        return self in (FlowKind.DEPOSIT, FlowKind.WITHDRAWAL, FlowKind.ADJUSTMENT)


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    asset: str
    kind: FlowKind
    amount: Decimal  # signed: what the balance gained


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One execution on the account and whose it was. `strategy`: `twap:<algo id>`, `manual:<operator>`, or
    `external` for an order that was placed elsewhere."""

    venue: str
    symbol: str
    base: str
    quote: str
    strategy: str
    side: Side
    fill: Fill
    client_order_id: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.venue, self.symbol, self.fill.trade_id)

    @property
    def value(self) -> Decimal:
        """Quote money that changed hands."""
        return multiply(self.fill.price, self.fill.quantity)


def parted(strategy: str) -> tuple[str, str]:
    """A trade's strategy as (what it is, whose it is): `manual` and an operator, `twap` and an algo's id."""
    name, _, whose = strategy.partition(":")
    return name, whose


def flows_of(trade: Trade) -> tuple[Flow, ...]:
    """A spot trade's: base one way, quote money the other, and the commission in whatever asset it took."""
    fill, buy = trade.fill, trade.side is Side.BUY
    quantity, value = fill.quantity, trade.value
    came, went = (trade.base, quantity), (trade.quote, value)
    if not buy:
        came, went = went, came
    flows = [
        Flow(asset=came[0], kind=FlowKind.BOUGHT if buy else FlowKind.SOLD, amount=came[1]),
        Flow(asset=went[0], kind=FlowKind.BOUGHT if buy else FlowKind.SOLD, amount=negate(went[1])),
    ]
    if fill.commission:
        fee = negate(fill.commission)
        flows.append(Flow(asset=fill.commission_asset, kind=FlowKind.FEE, amount=fee))
    return tuple(flows)


def net(flows: tuple[Flow, ...]) -> dict[str, Decimal]:
    """By asset."""
    total: dict[str, Decimal] = {}
    for flow in flows:
        total[flow.asset] = add(total.get(flow.asset, ZERO), flow.amount)
    return total
