"""What one transaction of the floor changed: for the disk, and for whoever listens."""

from decimal import Decimal

from spark_tui.domain.account import Balance
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.order import Fill
from spark_tui.venues.paper.levels import Level
from spark_tui.venues.paper.orders import PaperList, PaperOrder, PaperTrade
from spark_tui.venues.port import BalancesReport, Beginning, OrderReport, TradeReport, UserEvent


class Journal:
    """Filled by the floor, emptied by the venue after every transaction."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.events: list[UserEvent] = []
        self.orders: dict[int, PaperOrder] = {}
        self.trades: list[PaperTrade] = []
        self.lists: dict[str, PaperList | None] = {}  # None: has done its work
        self.taken: dict[
            tuple[str, bool, float], Decimal
        ] = {}  # by symbol, bids or not, price; 0: whole again

    def touch(self, order: PaperOrder, now_ms: int) -> None:
        order.updated_ms = now_ms
        self.orders[order.id] = order

    def report(self, order: PaperOrder, now_ms: int, trade: PaperTrade | None = None) -> None:
        """Tell what the order is now."""
        self.touch(order, now_ms)
        fills = () if trade is None else (fill_of(trade),)
        self.events.append(report_of(self.venue, order, fills))

    def traded(self, order: PaperOrder, trade: PaperTrade) -> None:
        self.trades.append(trade)
        self.report(order, trade.time_ms, trade)

    def took(self, symbol: str, level: Level, quantity: Decimal) -> None:
        """So much of a level is taken by now."""
        self.taken[symbol, *level] = quantity

    def clear(self) -> None:
        """All but what is taken, which is over only once it is on disk."""
        self.events, self.trades = [], []
        self.orders, self.lists = {}, {}


def fill_of(trade: PaperTrade) -> Fill:
    return Fill(
        trade_id=str(trade.id),
        price=trade.price,
        quantity=trade.quantity,
        commission=trade.commission,
        commission_asset=trade.commission_asset,
        maker=trade.maker,
        time_ms=trade.time_ms,
    )


def report_of(venue: str, order: PaperOrder, fills: tuple[Fill, ...] = ()) -> OrderReport:
    return OrderReport(
        venue=venue,
        symbol=order.request.symbol,
        client_order_id=order.client_id,
        venue_order_id=str(order.id),
        status=order.status,
        filled=order.filled,
        filled_quote=order.filled_quote,
        time_ms=order.updated_ms,
        fills=fills,
        reason=order.reason,
        request=order.request,
        list_id=order.list_id,
        quantity=order.quantity or None,
    )


def trade_report_of(venue: str, trade: PaperTrade) -> TradeReport:
    return TradeReport(
        venue=venue,
        symbol=trade.symbol,
        venue_order_id=str(trade.order_id),
        side=trade.side,
        fill=fill_of(trade),
    )


def balances_report(
    venue: str,
    balances: tuple[Balance, ...],
    now_ms: int,
    *,
    complete: bool,
    fees: FeeRates | None = None,
    begun: tuple[Beginning, ...] = (),
) -> BalancesReport:
    return BalancesReport(
        venue=venue, balances=balances, time_ms=now_ms, complete=complete, fees=fees, begun=begun
    )
