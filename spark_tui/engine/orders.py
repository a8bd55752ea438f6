"""The one way an order leaves (DESIGN 2): identity, gate, ledger, venue, and what came of it."""

import asyncio
from collections.abc import Callable, Mapping

from spark_tui.domain import lifecycle
from spark_tui.domain.order import (
    CancelFailed,
    CancelRequested,
    Denied,
    Intended,
    Order,
    OrderRequest,
    OrderState,
    Rejected,
    Sent,
    Uncertain,
)
from spark_tui.domain.values import TradingState
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Assessment, Gate
from spark_tui.engine.guard import Guard
from spark_tui.engine.identity import Identities
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import Decision
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Supervisor, describe
from spark_tui.link.messages import CancelAllResult, OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.port import Reaction, Venue, VenueError

LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"


class OrderDesk:
    """Submit and cancel. `checkpoint` is called by name at the three instants a crash must be survived at."""

    def __init__(
        self,
        books: Bookkeeper,
        journal: Journal,
        gate: Gate,
        guard: Guard,
        resolver: Resolver,
        venues: Mapping[str, Venue],
        identities: Identities,
        supervisor: Supervisor,
        checkpoint: Callable[[str], None],
    ) -> None:
        self._books = books
        self._journal = journal
        self._gate = gate
        self._guard = guard
        self._resolver = resolver
        self._venues = venues
        self._identities = identities
        self._supervisor = supervisor
        self._checkpoint = checkpoint
        self._in_flight: dict[str, asyncio.Future[Order]] = {}  # by client order id, until the venue answered
        self._withdrawn: set[str] = set()  # cancelled before they were sent
        self._closed = False

    # --- submit --------------------------------------------------------------------------------------------

    async def submit(self, request: OrderRequest, operator: str, key: str) -> OrderUpdate:
        """The order once its fate at the venue is known, or known to be unknown. Raises LinkError:
        KEY_REUSED, STOPPING, LEDGER_UNAVAILABLE (only when not even the refusal can be kept)."""
        if key and (client_id := self._books.state.keys.get(key)):
            return await self._replay(client_id, request, key)
        if self._closed:
            raise LinkError("STOPPING", "The engine is stopping; the order was not begun.")
        if self._journal.full:
            raise LinkError(LEDGER_UNAVAILABLE, f"No order can be recorded: {self._journal.failure}")
        client_id = self._identities.next()
        assessment = self._gate.assess(request)
        intended = Intended(
            client_order_id=client_id, request=request, at_ms=self._books.now_ms(), operator=operator, key=key
        )
        self._books.intend(
            intended, assessment.assets
        )  # at once: from here on it counts, and its key is taken
        if assessment.denial is None:
            self._guard.count_order()
        else:
            self._deny(client_id, assessment.denial.code, assessment.denial.text)
        pending = self._supervisor.ask(f"order {client_id}", self._carry_out(client_id, assessment))
        self._in_flight[client_id] = pending
        pending.add_done_callback(lambda _: self._landed(client_id))
        return OrderUpdate(order=await asyncio.shield(pending))

    def _landed(self, client_id: str) -> None:
        self._in_flight.pop(client_id, None)
        self._withdrawn.discard(client_id)

    async def close(self, timeout_s: float) -> None:
        """Take no more orders and wait shortly for the answers of those in flight; what stays open is
        resolved at the next start."""
        self._closed = True
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=timeout_s)

    async def _replay(self, client_id: str, request: OrderRequest, key: str) -> OrderUpdate:
        if self._books.state.orders[client_id].request != request:
            raise LinkError(
                "KEY_REUSED", f"Key {key!r} belongs to another order ({client_id}); use a new key."
            )
        pending = self._in_flight.get(client_id)
        if pending is not None:
            await asyncio.shield(pending)
        return OrderUpdate(order=self._books.state.orders[client_id], replayed=True)

    async def _carry_out(self, client_id: str, assessment: Assessment) -> Order:
        try:
            await self._journal.durable()
        except LedgerError as error:
            # A refusal stays in memory and is written when the disk allows; an intent is refused for it.
            if assessment.denial is None:
                self._deny(client_id, LEDGER_UNAVAILABLE, f"Not recorded, so not sent: {error}")
            return self._books.state.orders[client_id]
        if assessment.denial is not None:
            return self._books.state.orders[client_id]
        self._checkpoint("order.durable")
        if refusal := self._changed_meanwhile(client_id):
            self._deny(client_id, *refusal)
        else:
            await self._send(client_id, assessment.request)
        return self._books.state.orders[client_id]

    def _deny(self, client_id: str, code: str, text: str) -> None:
        self._books.record(client_id, Denied(code=code, text=text, at_ms=self._books.now_ms()))

    def _changed_meanwhile(self, client_id: str) -> tuple[str, str] | None:
        """What was pulled or withdrawn while the write-ahead was on its way to the disk."""
        if client_id in self._withdrawn:
            return "WITHDRAWN", "Cancelled before it was sent."
        if self._guard.state is TradingState.HALTED:
            return "HALTED", f"Trading was halted before it was sent: {self._guard.reason}."
        return None

    async def _send(self, client_id: str, request: OrderRequest) -> None:
        venue = self._venues[request.venue]
        books = self._books
        decidable_at_ms = 0

        def on_sent() -> None:
            nonlocal decidable_at_ms
            decidable_at_ms = venue.server_time_ms() + venue.decision_window_ms
            books.record(client_id, Sent(at_ms=books.now_ms(), decidable_at_ms=decidable_at_ms))
            self._checkpoint("order.sent")

        try:
            report = await venue.place(client_id, request, on_sent)
        except VenueError as error:
            if error.reaction is not Reaction.UNKNOWN:
                self._refused(client_id, error, sent=decidable_at_ms > 0)
                return
            reason = f"{error.code}: {error.text}"
        except Exception as error:  # a defect in the adapter says nothing about the order: it may live
            reason = f"the answer could not be understood ({describe(error)})"
        else:
            self._checkpoint("order.replied")
            books.on_report(report)
            return
        self._uncertain(
            client_id, reason, decidable_at_ms or venue.server_time_ms() + venue.decision_window_ms
        )

    def _refused(self, client_id: str, error: VenueError, *, sent: bool) -> None:
        if sent or error.reaction is Reaction.DEFINITE_REJECT:
            rejected = Rejected(code=error.code, text=error.text, at_ms=self._books.now_ms())
            self._books.record(client_id, rejected)
            self._guard.venue_rejected(error.code, error.text)
        else:
            self._deny(client_id, error.code, error.text)

    def _uncertain(self, client_id: str, reason: str, decidable_at_ms: int) -> None:
        order = self._books.state.orders[client_id]
        if order.state not in (OrderState.NEW, OrderState.SENT):
            return  # the user stream has told meanwhile (F03)
        event = Uncertain(reason=reason, at_ms=self._books.now_ms(), decidable_at_ms=decidable_at_ms)
        self._books.record(client_id, event)
        self._resolver.watch(client_id)

    # --- cancel --------------------------------------------------------------------------------------------

    async def cancel(self, client_id: str) -> OrderUpdate:
        """The order after the venue's answer; PENDING_CANCEL while the answer is lost. Raises LinkError:
        NO_SUCH_ORDER, NOT_OPEN, CANCEL_REFUSED."""
        order = self._books.state.orders.get(client_id)
        if order is None:
            return await self._supervisor.ask(f"cancel {client_id}", self._cancel_external(client_id))
        if not lifecycle.is_open(order.state):
            raise LinkError("NOT_OPEN", f"Order {client_id} is {order.state}; there is nothing to cancel.")
        if order.state is OrderState.NEW and client_id in self._in_flight:
            self._withdrawn.add(client_id)
            return OrderUpdate(order=await asyncio.shield(self._in_flight[client_id]))
        return await self._supervisor.ask(f"cancel {client_id}", self._cancel(order))

    async def _cancel(self, order: Order) -> OrderUpdate:
        client_id = order.client_order_id
        books = self._books
        books.record(client_id, CancelRequested(at_ms=books.now_ms()))
        try:
            books.on_report(await self._venues[order.request.venue].cancel(order.request.symbol, client_id))
        except VenueError as error:
            if error.reaction is Reaction.UNKNOWN:
                self._resolver.confirm_cancel(client_id)
            else:
                await self._cancel_refused(client_id, error)
        return OrderUpdate(order=books.state.orders[client_id])

    async def _cancel_refused(self, client_id: str, error: VenueError) -> None:
        """Says nothing about how the order ended (F06): exactly one query does (F12)."""
        failed = CancelFailed(code=error.code, text=error.text, at_ms=self._books.now_ms())
        self._books.record(client_id, failed, ask=False)
        await self._resolver.ask(client_id)
        if lifecycle.is_open(self._books.state.orders[client_id].state):
            raise LinkError("CANCEL_REFUSED", f"The venue did not cancel {client_id}: {error.text}")

    async def _cancel_external(self, client_id: str) -> OrderUpdate:
        order = next((o for o in self._books.external.values() if o.client_order_id == client_id), None)
        if order is None:
            raise LinkError("NO_SUCH_ORDER", f"There is no order {client_id}; see `spark-tui show orders`.")
        try:
            report = await self._venues[order.request.venue].cancel(order.request.symbol, client_id)
        except VenueError as error:
            raise LinkError("CANCEL_REFUSED", f"The venue did not cancel {client_id}: {error.text}") from None
        self._books.on_report(report)
        key = (report.venue, report.symbol, report.venue_order_id)
        return OrderUpdate(order=self._books.external.get(key, order), external=True)

    # --- cancel all ----------------------------------------------------------------------------------------

    def open_symbols(self, venue: str) -> set[str]:
        """Symbols with an order that may rest at `venue`, ours or not."""
        ours = {order.request.symbol for order in self._books.state.open_orders(venue)}
        others = {
            order.request.symbol
            for order in self._books.external.values()
            if order.request.venue == venue and lifecycle.is_open(order.state)
        }
        return ours | others

    async def cancel_all(self, venue: str, symbol: str, operator: str) -> CancelAllResult:
        """Cancel at once, symbol by symbol; reports what is left. Never raises for a venue's refusal."""
        text = symbol or "every symbol"
        self._journal.note(
            Decision(action="cancel-all", operator=operator, text=text, at_ms=self._books.now_ms())
        )
        targets = [
            (self._venues[name], one)
            for name in ([venue] if venue else self._venues)
            for one in ([symbol] if symbol else sorted(self.open_symbols(name)))
        ]
        work = asyncio.gather(*(self._cancel_symbol(*target) for target in targets))
        return _merged(await self._supervisor.ask("cancel all", _awaited(work)))

    async def _cancel_symbol(self, venue: Venue, symbol: str) -> CancelAllResult:
        books = self._books
        ours = [order.client_order_id for order in books.state.open_orders(venue.name, symbol)]
        for client_id in ours:
            if client_id in self._in_flight and books.state.orders[client_id].state is OrderState.NEW:
                self._withdrawn.add(client_id)
            books.record(client_id, CancelRequested(at_ms=books.now_ms()))
        errors: tuple[str, ...] = ()
        canceled: dict[str, None] = {}
        try:
            for report in await venue.cancel_all(symbol):
                canceled.setdefault(report.client_order_id)
                books.on_report(report)
        except VenueError as error:
            errors = (f"{symbol} at {venue.name}: {error.text}",)
            if error.reaction is not Reaction.UNKNOWN:
                self._all_refused(ours, error)
        for client_id in ours:
            if client_id not in canceled and books.state.orders[client_id].state is OrderState.PENDING_CANCEL:
                self._resolver.confirm_cancel(client_id)
        left = tuple(
            client_id for client_id in ours if lifecycle.is_open(books.state.orders[client_id].state)
        )
        return CancelAllResult(canceled=tuple(canceled), left=left, errors=errors)

    def _all_refused(self, client_ids: list[str], error: VenueError) -> None:
        for client_id in client_ids:
            failed = CancelFailed(code=error.code, text=error.text, at_ms=self._books.now_ms())
            self._books.record(client_id, failed)


async def _awaited(work: "asyncio.Future[list[CancelAllResult]]") -> list[CancelAllResult]:
    return await work


def _merged(parts: list[CancelAllResult]) -> CancelAllResult:
    return CancelAllResult(
        canceled=tuple(client_id for part in parts for client_id in part.canceled),
        left=tuple(client_id for part in parts for client_id in part.left),
        errors=tuple(text for part in parts for text in part.errors),
    )
