"""What was earned, what the account is worth, and whether every change of a balance is explained.

Money is in the account's currency (USDT) unless a name says otherwise. None: a price is not known, so neither
is the figure; it is never 0 for that reason.
"""

from decimal import Decimal

import msgspec

from spark_tui.domain.account import Position
from spark_tui.domain.accounting import Explained, FlowKind, Point, Window
from spark_tui.link.messages.base import Request


class GetPnl(Request, frozen=True, tag="pnl"):
    pass


class GetEquity(Request, frozen=True, tag="equity"):
    window: Window = Window.DAY


class GetExplanation(Request, frozen=True, tag="explain"):
    pass


class RecordFlow(Request, frozen=True, tag="flow.record"):
    """An operator's word for money that came or went and nothing told of: it becomes a row. `amount` signed:
    what the balance gained."""

    asset: str
    amount: Decimal
    note: str
    kind: FlowKind = FlowKind.ADJUSTMENT
    venue: str = ""


class PriceFills(Request, frozen=True, tag="flow.price"):
    """An operator's word for what one of `asset` was worth, for trades that have no price for it."""

    asset: str
    price: Decimal


class PnlRow(msgspec.Struct, frozen=True, kw_only=True):
    """`realised`: all fees taken off, each valued at the time of its fill. `fees`: how much that was.
    `total` = realised + unrealised + funding. `unpriced`: amounts without a price, by asset."""

    name: str
    trades: int
    realised: Decimal | None
    unrealised: Decimal | None
    funding: Decimal | None
    total: Decimal | None
    fees: Decimal | None
    volume: Decimal | None
    unpriced: dict[str, Decimal] = {}


class StrategyPnl(PnlRow, frozen=True, kw_only=True):
    """`name`: manual, an algo's kind, external, kill or older. `whose`: the operator of orders by hand, the
    id of an algo, else empty."""

    whose: str


class SymbolPnl(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's, with the position by average cost and by FIFO side by side, in quote money. `mark`:
    None while the book is unusable. `dust`: what is left is too little for any order."""

    row: PnlRow
    base: str
    quote: str
    position: Position
    mark: Decimal | None
    unrealised: Decimal | None
    fifo_average: Decimal
    fifo_realised: Decimal
    fifo_unrealised: Decimal | None
    lots: int
    dust: bool | None


class DayPnl(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC day's. `equity`: the last sample of the day; `gain`: what it changed by, money from outside
    left out. None: there is no sample."""

    row: PnlRow
    equity: Decimal | None
    gain: Decimal | None


class Pnl(msgspec.Struct, frozen=True, kw_only=True, tag="pnl"):
    """`strategies`: the latest active first; `days`: the latest first."""

    currency: str
    total: PnlRow
    symbols: tuple[SymbolPnl, ...]
    strategies: tuple[StrategyPnl, ...]
    days: tuple[DayPnl, ...]


class EquityCurve(msgspec.Struct, frozen=True, kw_only=True, tag="equity"):
    """Oldest first. `now`: as it is, None while a price is missing. `unpriced`: what it leaves out."""

    window: Window
    currency: str
    points: tuple[Point, ...]
    now: Point | None
    deepest: Point | None
    unpriced: tuple[str, ...]


class ExplainedRow(msgspec.Struct, frozen=True, kw_only=True):
    """`worth`: of what is there now; `rest_worth`: of what nobody explained."""

    explained: Explained
    worth: Decimal | None
    rest_worth: Decimal | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True, tag="explanation"):
    """`accuracy` by venue: 1 less the share of all the money that moved which nothing explains."""

    currency: str
    rows: tuple[ExplainedRow, ...]
    rest_worth: Decimal | None
    accuracy: dict[str, Decimal | None]
