"""What a venue says, turned into records, state and news. Every report goes through here, whoever fetched
it."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.order import (
    UNCONFIRMED,
    Accepted,
    CancelRequested,
    Intended,
    Order,
    OrderEvent,
    OrderState,
)
from spark_tui.domain.values import Side
from spark_tui.engine.activity import strategy_of
from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import ExternalFill, OrderRecord
from spark_tui.engine.reports import events_of, external_order
from spark_tui.engine.state import State
from spark_tui.engine.supervise import Notify
from spark_tui.link.messages import Event, FillRow, Fills, OrderUpdate
from spark_tui.venues.port import OrderReport, TradeReport
from spark_tui.wire.clock import NS_PER_MS, Clock

MAX_EXTERNAL = 500  # other people's orders; of these the ended ones leave first
MAX_EXTERNAL_OPEN = 5_000  # far more than a venue lets rest: each one counts as exposure


class FollowUp(Protocol):
    """Questions to the venue that an event gives rise to (the resolver answers them)."""

    def query(self, client_order_id: str) -> None:
        """Ask for the order once, in the background."""

    def fetch_fills(self, client_order_id: str) -> None:
        """The venue counts more than we have heard: fetch the order's trades, in the background."""

    def cancel_again(self, client_order_id: str) -> None:
        """An order came alive after the kill switch was pulled, or after its cancel had been asked for: that
        cancel may have passed it on the way."""


class Bookkeeper:
    """Applies and publishes. `assets` names (base, quote) of an instrument, or None while unknown."""

    def __init__(
        self,
        journal: Journal,
        guard: Guard,
        clock: Clock,
        *,
        publish: Callable[[Event], None],
        notify: Notify,
        assets: Callable[[str, str], tuple[str, str] | None],
        on_fills: Callable[[], None],
        on_order: Callable[[OrderState, Order], None],
    ) -> None:
        self.external: OrderedDict[tuple[str, str, str], Order] = OrderedDict()
        self.in_lists: set[tuple[str, str, str]] = set()  # those of `external` that are legs of a list
        self.follow_up: FollowUp | None = None  # set once by the composition root, before anything runs
        self._journal = journal
        self._guard = guard
        self._clock = clock
        self._publish = publish
        self._notify = notify
        self.assets = assets
        self._on_fills = on_fills
        self._on_order = on_order

    @property
    def state(self) -> State:
        return self._journal.state

    def now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    def intend(self, event: Intended, assets: tuple[str, str]) -> Order:
        """The write-ahead, in memory and queued; the caller waits for it to be durable."""
        base, quote = assets
        record = OrderRecord(client_order_id=event.client_order_id, event=event, base=base, quote=quote)
        effect = self._journal.note(record, awaited=True)
        assert effect.order is not None  # a fresh id: identities never repeat
        self._publish(OrderUpdate(order=effect.order))
        return effect.order

    def record(self, client_order_id: str, event: OrderEvent, *, ask: bool = True) -> Order:
        """Fold one event of a known order in and tell everyone. `ask`: follow up what the event leaves
        open."""
        before = self.state.orders[client_order_id]
        event = lifecycle.in_sequence(before, event)
        effect = self._journal.note(OrderRecord(client_order_id=client_order_id, event=event))
        order = effect.order or before
        if order != before:
            self._publish(OrderUpdate(order=order))
            self._on_order(before.state, order)
        self._announce_fills(effect.fills)
        if effect.anomaly:
            self._notify("warn", f"Order {client_order_id}: {effect.anomaly}.")
        strategy = strategy_of(self.state, order.parent)
        if isinstance(event, Accepted):
            self._guard.activity.accepted(order.request, strategy)
        elif isinstance(event, CancelRequested):
            self._guard.activity.canceled(order.request, strategy)
        if self.follow_up is not None:
            if ask and effect.query:
                self.follow_up.query(client_order_id)
            unwanted = self._guard.killed or order.state is OrderState.PENDING_CANCEL
            if unwanted and not _works(before) and _works(order):
                self.follow_up.cancel_again(client_order_id)
        return order

    def on_report(self, report: OrderReport, *, answer: bool = False) -> None:
        """A report of any origin. `answer`: it is the answer to a query, so it gives rise to no other."""
        order = self.known(report)
        if order is None:
            self._on_external(report)
            return
        client_id = order.client_order_id
        for event in events_of(order, report, self.now_ms()):
            order = self.record(client_id, event, ask=not answer)
        if self.follow_up is None:
            return
        if report.filled > order.filled:
            self.follow_up.fetch_fills(client_id)

    def known(self, report: OrderReport) -> Order | None:
        """Our order this report is about, by either id."""
        state = self.state
        order = state.orders.get(report.client_order_id)
        if order is None and report.venue_order_id:
            client_id = state.by_venue_id.get((report.venue, report.symbol, report.venue_order_id))
            order = state.orders.get(client_id) if client_id else None
        return order

    def open_externals(self, venue: str, symbol: str = "") -> list[Order]:
        """Open orders that were placed outside this engine."""
        return [
            order
            for order in self.external.values()
            if order.request.venue == venue
            and (not symbol or order.request.symbol == symbol)
            and lifecycle.is_open(order.state)
        ]

    def on_external_trade(self, trade: TradeReport, client_order_id: str = "") -> None:
        """An account trade whose order is not ours; it moves the position and is marked. `client_order_id`:
        what the venue calls that order, where it was asked."""
        known = self.external.get((trade.venue, trade.symbol, trade.venue_order_id))
        self._book_external(
            ExternalFill(
                venue=trade.venue,
                symbol=trade.symbol,
                side=Side(trade.side),
                client_order_id=client_order_id
                or (known.client_order_id if known else f"external-{trade.venue_order_id}"),
                venue_order_id=trade.venue_order_id,
                fill=trade.fill,
                base="",
                quote="",
            )
        )

    def forget_external(self, order: Order) -> None:
        """The venue no longer knows it: it is shown as ended one last time."""
        request = order.request
        key = (request.venue, request.symbol, order.venue_order_id)
        self.external.pop(key, None)
        self.in_lists.discard(key)
        ended = msgspec.structs.replace(order, state=OrderState.EXPIRED, code="VENUE_FORGOT")
        self._publish(OrderUpdate(order=ended, external=True))

    def _on_external(self, report: OrderReport) -> None:
        key = (report.venue, report.symbol, report.venue_order_id)
        before = self.external.get(key)
        request = report.request or (before.request if before else None)
        if request is None:
            return  # nothing to show it by; its trades are found by reconciliation
        order = external_order(report, request, before, self.now_ms())
        self.external[key] = order
        self.external.move_to_end(key)
        if report.list_id:
            self.in_lists.add(key)
        self._bound_externals()
        if order != before:
            self._publish(OrderUpdate(order=order, external=True))
        for fill in report.fills:
            self._book_external(
                ExternalFill(
                    venue=report.venue,
                    symbol=report.symbol,
                    side=request.side,
                    client_order_id=order.client_order_id,
                    venue_order_id=report.venue_order_id,
                    fill=fill,
                    base="",
                    quote="",
                )
            )

    def _bound_externals(self) -> None:
        """The oldest ended one leaves. One that is open must not: it would no longer be counted."""
        if len(self.external) <= MAX_EXTERNAL:
            return
        ended = (key for key, order in self.external.items() if not lifecycle.is_open(order.state))
        gone = next(ended, None)
        if gone is None and len(self.external) > MAX_EXTERNAL_OPEN:
            gone = next(iter(self.external))
        if gone is not None:
            del self.external[gone]
            self.in_lists.discard(gone)

    def _book_external(self, record: ExternalFill) -> None:
        pair = (record.venue, record.symbol)
        if record.fill.trade_id in self.state.external_trades.get(pair, {}):
            return
        if int(record.fill.trade_id) <= self.state.reconciled.get(pair, -1):
            return  # accounted for by an earlier reconciliation
        # a symbol that was delisted while something of it is held is still ours to count
        assets = self.assets(record.venue, record.symbol) or self.state.assets.get(pair)
        if assets is None:
            self._notify("warn", f"Trade {record.fill.trade_id} in {record.symbol}, an unknown instrument.")
            return
        effect = self._journal.note(msgspec.structs.replace(record, base=assets[0], quote=assets[1]))
        self._announce_fills(effect.fills)

    def _announce_fills(self, rows: tuple[FillRow, ...]) -> None:
        if rows:
            self._publish(Fills(rows=rows))
            self._on_fills()


def _works(order: Order) -> bool:
    """Known to rest at the venue."""
    return lifecycle.is_open(order.state) and order.state not in UNCONFIRMED
