"""What one engine transaction tells the accounts: execution reports in order, then list statuses, then
balances (protocol 11.3, 14)."""

from collections.abc import Sequence
from typing import Any, Protocol

from spark_tui.simulator import reports
from spark_tui.simulator.accounts import Account
from spark_tui.simulator.order_lists import OrderList
from spark_tui.simulator.orders import Fill, Order, Prevented
from spark_tui.simulator.symbols import Symbol

_ID_STEP = 2  # execution ids grow with gaps, as the venue's do


class Listener(Protocol):
    """Who hears about accounts."""

    def user_event(self, account: Account, event: dict[str, Any]) -> None: ...

    def first_fill(self, account: Account, *, maker: bool) -> None:
        """An order traded for the first time: it no longer counts as unfilled (protocol 4)."""
        ...


class Journal:
    """Collects the events of a transaction and sends them at its end."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.execution_id = 1
        self._events: list[tuple[Account, dict[str, Any]]] = []
        self._list_events: list[tuple[Account, dict[str, Any]]] = []
        self._touched: dict[int, tuple[Account, dict[str, None]]] = {}

    def report(
        self,
        account: Account,
        order: Order,
        kind: str,
        ms: int,
        *,
        fill: Fill | None = None,
        request_id: str = "",
        former_id: str = "",
        reject: str = "NONE",
    ) -> None:
        """An executionReport of type `kind`; an order's times never run backwards."""
        order.updated_ms = max(order.updated_ms, ms)
        self.execution_id += _ID_STEP
        event = reports.execution(
            order,
            kind=kind,
            execution_id=self.execution_id,
            ms=order.updated_ms,
            fill=fill,
            request_id=request_id,
            former_id=former_id,
            reject=reject,
        )
        self._events.append((account, event))

    def prevention(
        self, account: Account, order: Order, meeting: Prevented, other: Order, ms: int, *, lost: int
    ) -> None:
        order.updated_ms = max(order.updated_ms, ms)
        self.execution_id += _ID_STEP
        event = reports.prevention(order, meeting, other, execution_id=self.execution_id, ms=ms, lost=lost)
        self._events.append((account, event))

    def list_status(
        self, account: Account, found: OrderList, legs: Sequence[Order], ms: int, *, kind: str = ""
    ) -> None:
        """A listStatus of the list as it stands; `kind` when it is neither started nor done."""
        found.updated_ms = max(found.updated_ms, ms)
        event = reports.list_status(found, legs, kind=kind or found.kind)
        self._list_events.append((account, event))

    def touch(self, account: Account, symbol: Symbol) -> None:
        """The account's balances of this symbol's assets may have changed."""
        _, assets = self._touched.setdefault(account.uid, (account, {}))
        assets[symbol.base] = None
        assets[symbol.quote] = None

    def flush(self, ms: int) -> bool:
        """Send everything; False when there was nothing."""
        if not self._events and not self._touched:
            return False
        events, self._events = self._events + self._list_events, []
        self._list_events = []
        touched, self._touched = self._touched, {}
        for account, event in events:
            self.listener.user_event(account, event)
        for account, assets in touched.values():
            account.updated_ms = ms
            self.listener.user_event(account, reports.position(account, assets, ms))
        return True
