"""What became of orders, counted where it becomes known, whoever asked: a face, an algo, a canary, a rule."""

from collections import Counter

from spark_tui.domain.order import NEVER_LIVED, UNCONFIRMED, Order, OrderState
from spark_tui.domain.values import OrderType
from spark_tui.link.messages import CancelAllResult


class Tally:
    """Counts since the start of the process; the metrics fold them in."""

    def __init__(self) -> None:
        self.orders: Counter[str] = Counter()  # by their state when answered
        self.denials: Counter[str] = Counter()  # by code
        self.violations: Counter[str] = Counter()  # by code: refused orders and standing rules that broke
        self.replaces: Counter[bool] = Counter()  # by whether the new order was placed
        self.cancel_alls: Counter[bool] = Counter()  # by whether nothing was left open
        self.maker_rejects = 0

    def on_order(self, before: OrderState, order: Order) -> None:
        """After each change of an order."""
        if before is order.state:
            return
        if order.state is OrderState.DENIED:
            self.denials[order.code] += 1
            self.violations[order.code] += 1
        if order.state is OrderState.REJECTED and order.request.type is OrderType.LIMIT_MAKER:
            self.maker_rejects += 1
        if order.replaces and before in UNCONFIRMED and order.state not in UNCONFIRMED:
            self.replaces[order.state not in NEVER_LIVED] += 1

    def on_answered(self, order: Order) -> None:
        """The venue answered, or will not: once an order."""
        self.orders[order.state] += 1

    def broken(self, code: str) -> None:
        """A standing rule broke."""
        self.violations[code] += 1

    def swept(self, result: CancelAllResult) -> None:
        """A cancel-all or a kill ended."""
        self.cancel_alls[not result.left and not result.errors] += 1
