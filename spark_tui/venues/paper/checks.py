"""What the paper venue refuses, in the real venue's words and codes where it has them."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from spark_tui.domain import filters, lists
from spark_tui.domain.filter_subject import FilterContext
from spark_tui.domain.instrument import Instrument, SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, ListKind, SelfTradePrevention
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.orders import PaperOrder
from spark_tui.venues.port import Reaction, VenueError

REJECTED = "-2010"
NOT_CANCELED = "-2011"
NOT_AMENDED = "-2038"
_FILTER = "-1013"


def refused(code: str, text: str) -> VenueError:
    return VenueError(Reaction.DEFINITE_REJECT, code, text)


def insufficient() -> VenueError:
    return refused(REJECTED, "Account has insufficient balance for requested action.")


def check_order(
    instrument: Instrument,
    client_id: str,
    request: OrderRequest,
    opened: Sequence[PaperOrder],
    cash: Cash,
    price: Decimal | None,
) -> None:
    """One order alone. `opened`: all open orders; `price`: what filters compare with. Raises VenueError."""
    check_trading(instrument)
    if any(order.client_id == client_id for order in of(opened, instrument)):
        raise refused(REJECTED, "Duplicate order sent.")
    if request.self_trade_prevention not in (None, SelfTradePrevention.EXPIRE_TAKER):
        raise refused(_FILTER, "Paper orders know one self-trade prevention, EXPIRE_TAKER; leave it out.")
    failures = filters.check(instrument, request, context(instrument, opened, cash, price))
    if failures:
        raise refused(_FILTER, f"Filter failure: {failures[0].text}")


def check_list(
    instrument: Instrument,
    kind: ListKind,
    legs: Sequence[tuple[LegRole, OrderRequest]],
    opened: Sequence[PaperOrder],
    cash: Cash,
    price: Decimal | None,
) -> None:
    """The list as a whole. Raises VenueError."""
    failures = lists.check_list(instrument, kind, legs, context(instrument, opened, cash, price))
    if failures:
        raise refused(_FILTER, f"Filter failure: {failures[0].text}")


def check_amend(instrument: Instrument, order: PaperOrder | None, quantity: Decimal) -> PaperOrder:
    """The open order that may shrink to `quantity`. Raises VenueError."""
    if order is None or not order.open:
        raise refused(NOT_AMENDED, "Unknown order sent.")
    check_trading(instrument)
    if quantity >= order.quantity:
        raise refused(NOT_AMENDED, "Order amend (quantity increase) is not supported.")
    if quantity <= order.filled:
        text = "Order amend (quantity not above what is already executed) is not supported."
        raise refused(NOT_AMENDED, text)
    step = filters.quantity_step(instrument)
    if step and quantity % step:
        raise refused(_FILTER, "Filter failure: LOT_SIZE")
    return order


def check_trading(instrument: Instrument) -> None:
    if instrument.status is not SymbolStatus.TRADING:
        raise refused(REJECTED, "Market is closed.")


def context(
    instrument: Instrument, opened: Sequence[PaperOrder], cash: Cash, price: Decimal | None
) -> FilterContext:
    own = of(opened, instrument)
    base = cash.balance(instrument.base)
    lists_open = {order.list_id for order in opened if order.list_id}
    return FilterContext(
        average_price=price,
        last_price=price,
        open_lists=len({order.list_id for order in own if order.list_id}),
        account_open_lists=len(lists_open),
        open_orders=len(own),
        open_algo_orders=sum(order.is_stop for order in own),
        open_iceberg_orders=sum(order.request.iceberg_quantity is not None for order in own),
        account_open_orders=len(opened),
        account_open_algo_orders=sum(order.is_stop for order in opened),
        account_open_iceberg_orders=sum(order.request.iceberg_quantity is not None for order in opened),
        base_free=base.free,
        base_locked=base.locked,
        open_buy_quantity=sum((order.left for order in own if order.buys), Decimal(0)),
    )


def of(opened: Iterable[PaperOrder], instrument: Instrument) -> list[PaperOrder]:
    return [order for order in opened if order.request.symbol == instrument.symbol]
