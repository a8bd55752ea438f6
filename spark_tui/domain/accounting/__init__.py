"""Where the money went: cost of what is held, realised and unrealised profit, balances explained row by row,
equity and drawdown. Pure folds of what the ledger says; Decimal end to end.

`fifo` beside average cost (`domain.account`), `flows` and `cash` (balance change = sum of rows), `tally` and
`pnl` (profit by symbol, strategy and day in the account's currency), `equity` (curve and drawdown), `dust`,
and for futures `futures` and `margin`.
"""

from spark_tui.domain.accounting.cash import CashBook, Explained
from spark_tui.domain.accounting.dust import is_dust, sellable
from spark_tui.domain.accounting.equity import Curve, Point, Window
from spark_tui.domain.accounting.fifo import Lot, Lots
from spark_tui.domain.accounting.flows import Flow, FlowKind, Trade, flows_of, parted
from spark_tui.domain.accounting.pnl import ACCOUNT_CURRENCY, PnlBook, Sheet, StrategySheet
from spark_tui.domain.accounting.tally import Measure, Tally

__all__ = [
    "ACCOUNT_CURRENCY",
    "CashBook",
    "Curve",
    "Explained",
    "Flow",
    "FlowKind",
    "Lot",
    "Lots",
    "Measure",
    "PnlBook",
    "Point",
    "Sheet",
    "StrategySheet",
    "Tally",
    "Trade",
    "Window",
    "flows_of",
    "is_dust",
    "parted",
    "sellable",
]
