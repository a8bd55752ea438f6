"""F58: a protective order was taken away to be replaced, and nothing took its place."""

from spark_tui.domain.decimals import plain
from spark_tui.domain.order import NEVER_LIVED, STOPPED, WORKING, Order, OrderRequest
from spark_tui.domain.values import OrderType
from spark_tui.engine.notices import Notices
from spark_tui.engine.state import State

_STOPS = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})


class Protection:
    """The alarm stands until a protective order rests on that side again, and through restarts."""

    def __init__(self, state: State, notices: Notices) -> None:
        self._state = state
        self._notices = notices

    def on_order(self, order: Order) -> None:
        """After every change of an order."""
        if protects(order.request) and order.state in WORKING:
            self._notices.end(_subject(order.request), f"{order.request.symbol} is protected again.")
        new = self._state.orders.get(order.replaced_by) if order.replaced_by else order
        if new is not None and new.replaces:
            self._judge(new)

    def restore(self) -> None:
        """After a restart."""
        for order in self._state.orders.values():
            if order.replaces:
                self._judge(order)

    def _judge(self, new: Order) -> None:
        old = self._state.orders.get(new.replaces)
        if old is None or not protects(old.request) or old.state not in STOPPED:
            return
        if new.state in NEVER_LIVED and not self._protected(old.request):
            was = old.request
            size = f"{plain(was.quantity)} " if was.quantity is not None else ""
            self._notices.begin(
                _subject(was),
                f"UNPROTECTED: {was.side} {size}{was.symbol} {was.type} {old.client_order_id} is gone and"
                f" {new.client_order_id}, which was to take its place, is {new.state}"
                f" ({new.text or new.code}). Place a new stop, or close the position.",
                "bad",
            )

    def _protected(self, was: OrderRequest) -> bool:
        return any(
            order.state in WORKING and order.request.side is was.side and protects(order.request)
            for order in self._state.open_orders(was.venue, was.symbol)
        )


def protects(request: OrderRequest) -> bool:
    return request.type in _STOPS or request.trailing_delta is not None


def _subject(request: OrderRequest) -> str:
    return f"unprotected {request.venue} {request.symbol} {request.side}"
