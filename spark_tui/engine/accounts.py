"""The money side of the state: profit, balances explained, equity; a fold of the ledger like the rest."""

from spark_tui.domain.accounting import CashBook, Curve, Flow, FlowKind, PnlBook, Trade
from spark_tui.domain.decimals import multiply
from spark_tui.engine.money_records import (
    AccountBegun,
    BalancesAnchored,
    CashMoved,
    EquitySampled,
    FillPriced,
    MoneyRecord,
)
from spark_tui.link.messages import FillRow

EXTERNAL = "external"  # the strategy of orders that were placed elsewhere
MANUAL = "manual"


class Accounts:
    """Read by everyone; only the state changes it."""

    def __init__(self) -> None:
        self.pnl = PnlBook()
        self.cash = CashBook()
        self.curve = Curve()
        self.begun: dict[str, int] = {}  # by venue: the last new beginning of its account that is booked

    def move(self, row: FillRow, strategy: str, assets: tuple[str, str]) -> None:
        trade = _trade(row, strategy, assets)
        self.pnl.take(trade)
        self.cash.trade(trade)

    def cover(
        self, client_order_id: str, row: FillRow | None, strategy: str, assets: tuple[str, str]
    ) -> None:
        trade = None if row is None else _trade(row, strategy, assets)
        self.pnl.cover(client_order_id, trade)
        self.cash.cover(client_order_id, trade)

    def settle(self, client_order_id: str) -> None:
        self.pnl.settle(client_order_id)
        self.cash.settle(client_order_id)

    def apply(self, record: MoneyRecord) -> None:
        match record:
            case FillPriced():
                self.pnl.price((record.venue, record.symbol, record.trade_id), record.rates)
            case BalancesAnchored():
                self.cash.anchor(record.venue, record.totals, record.time_ms)
            case CashMoved():
                self._flow(record)
            case EquitySampled():
                self.curve.sample(record.at_ms, record.equity, record.unpriced)
            case AccountBegun():
                self.begun[record.venue] = record.number
                self.cash.adjust(record.venue, record.changes)
                self.pnl.begin_again(record.venue)
                self.curve.begin_again()

    def _flow(self, record: CashMoved) -> None:
        flow = Flow(asset=record.asset, kind=record.kind, amount=record.amount)
        if not self.cash.flow(record.venue, record.flow_id, flow, record.time_ms):
            return
        if record.kind.external:
            self.curve.flow(None if record.rate is None else multiply(record.amount, record.rate))
        elif record.kind is FlowKind.FUNDING:
            self.pnl.fund(
                record.venue, record.symbol, record.asset, record.amount, record.time_ms, record.rate
            )

    def digest(self) -> dict[str, object]:
        return {
            "pnl": self.pnl.digest(),
            "cash": self.cash.digest(),
            "curve": self.curve.digest(),
            "begun": self.begun,
        }


def _trade(row: FillRow, strategy: str, assets: tuple[str, str]) -> Trade:
    return Trade(
        venue=row.venue,
        symbol=row.symbol,
        base=assets[0],
        quote=assets[1],
        strategy=strategy,
        side=row.side,
        fill=row.fill,
        client_order_id=row.client_order_id,
    )
