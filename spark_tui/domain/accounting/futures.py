"""Futures positions, linear contracts: one-way (one net position a symbol) and hedge (a long and a short
leg).

A position's key is (account, symbol, side): nothing of another account, symbol or leg ever moves it. Profit
is settled in the margin asset, commission in its own; funding is money alone and moves no quantity.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain import account
from spark_tui.domain.account import Position, unrealised
from spark_tui.domain.accounting.flows import Flow, FlowKind
from spark_tui.domain.decimals import EXACT, ZERO, add, negate
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side


class PositionSide(StrEnum):
    BOTH = "BOTH"  # one-way mode
    LONG = "LONG"
    SHORT = "SHORT"


PositionKey = tuple[str, str, PositionSide]  # (account, symbol, side)


class FuturesPosition(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: quantity signed (a SHORT leg's is negative), cost, realised, and fees by asset. `funding`:
    received less paid, by asset. `trouble`: why it cannot be right; empty when it can."""

    key: PositionKey
    margin_asset: str
    held: Position
    funding: dict[str, Decimal] = {}
    trouble: str = ""

    @property
    def entry_price(self) -> Decimal:
        return self.held.average_price

    def unrealised(self, mark: Decimal) -> Decimal:
        return unrealised(self.held, mark)


class FuturesBook:
    """Every position of any number of accounts. `fill` and `fund` return what they moved."""

    def __init__(self) -> None:
        self.positions: dict[PositionKey, FuturesPosition] = {}

    def fill(
        self, account_name: str, symbol: str, side: Side, position_side: PositionSide, fill: Fill, asset: str
    ) -> tuple[Flow, ...]:
        """One execution; reduce-only or not, it moves the one position of its key. What closes is realised at
        the average entry price, in `asset`, the margin asset."""
        before = self._at((account_name, symbol, position_side), asset)
        traded = fill.quantity if side is Side.BUY else negate(fill.quantity)
        cash = EXACT.minus(EXACT.multiply(traded, fill.price))
        moved = account.move(before.held, traded, cash)
        held = msgspec.structs.replace(moved, fees=account.with_fee(moved.fees, fill))
        trouble = _trouble(position_side, held.quantity) or self._mixed(before.key, held.quantity)
        self._keep(msgspec.structs.replace(before, held=held, trouble=trouble))
        flows = []
        if gained := EXACT.subtract(held.realised, before.held.realised):
            flows.append(Flow(asset=asset, kind=FlowKind.REALISED, amount=gained))
        if fill.commission:
            fee = EXACT.minus(fill.commission)
            flows.append(Flow(asset=fill.commission_asset, kind=FlowKind.FEE, amount=fee))
        return tuple(flows)

    def fund(
        self, account_name: str, symbol: str, position_side: PositionSide, asset: str, amount: Decimal
    ) -> Flow:
        """A funding payment, signed: what the balance gained."""
        before = self._at((account_name, symbol, position_side), asset)
        funding = {**before.funding, asset: add(before.funding.get(asset, ZERO), amount)}
        self._keep(msgspec.structs.replace(before, funding=funding))
        return Flow(asset=asset, kind=FlowKind.FUNDING, amount=amount)

    def of_symbol(self, account_name: str, symbol: str) -> tuple[FuturesPosition, ...]:
        """The open legs: at most one in one-way mode, at most two in hedge mode."""
        legs = (self.positions.get((account_name, symbol, side)) for side in PositionSide)
        return tuple(leg for leg in legs if leg is not None and leg.held.quantity)

    def _mixed(self, key: PositionKey, quantity: Decimal) -> str:
        """A venue changes the mode only while nothing is open: both at once means that one was assumed."""
        account_name, symbol, side = key
        others = (
            (PositionSide.LONG, PositionSide.SHORT) if side is PositionSide.BOTH else (PositionSide.BOTH,)
        )
        beside = [one for one in self.of_symbol(account_name, symbol) if one.key[2] in others]
        if not quantity or not beside:
            return ""
        return (
            f"{symbol} has a {side} and a {beside[0].key[2]} position: read the account's position mode again"
        )

    def _at(self, key: PositionKey, asset: str) -> FuturesPosition:
        known = self.positions.get(key)
        if known is not None:
            return known
        return FuturesPosition(key=key, margin_asset=asset, held=Position(venue=key[0], symbol=key[1]))

    def _keep(self, position: FuturesPosition) -> None:
        self.positions[position.key] = position


def _trouble(side: PositionSide, quantity: Decimal) -> str:
    """A leg cannot flip: when it does, a fill that opened it was missed."""
    if (side is PositionSide.LONG and quantity < 0) or (side is PositionSide.SHORT and quantity > 0):
        return f"the {side} leg closed more than it held: a fill is missing, ask the venue"
    return ""
