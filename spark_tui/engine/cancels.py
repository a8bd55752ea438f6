"""Cancels: one order, an order list, a symbol, everything. A refused cancel says nothing about how the order
ended; a query does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from spark_tui.domain import lifecycle
from spark_tui.domain.order import CancelFailed, CancelRequested, Order, OrderState
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.journal import Journal
from spark_tui.engine.outbox import Outbox
from spark_tui.engine.records import Decision
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Notify, Supervisor, describe
from spark_tui.link.messages import CancelAllResult, OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderReport, Reaction, Venue, VenueError

CANCEL_UNKNOWN = "CANCEL_UNKNOWN"
AT_ONCE = 4  # symbols cancelled at the same time: a storm of cancels must not spend the budget it runs on


class CancelDesk:
    """A cancel is never refused by us while the order may be open."""

    def __init__(
        self,
        books: Bookkeeper,
        journal: Journal,
        resolver: Resolver,
        outbox: Outbox,
        venues: Mapping[str, Venue],
        supervisor: Supervisor,
        notify: Notify,
    ) -> None:
        self._books = books
        self._journal = journal
        self._resolver = resolver
        self._outbox = outbox
        self._venues = venues
        self._supervisor = supervisor
        self._notify = notify
        self._turns = asyncio.Semaphore(AT_ONCE)

    # --- one order -----------------------------------------------------------------------------------------

    async def cancel(self, client_id: str) -> OrderUpdate:
        """The order after the venue's answer; PENDING_CANCEL while the answer is lost. A leg takes its whole
        list along. Raises LinkError: NO_SUCH_ORDER, NOT_OPEN, CANCEL_REFUSED."""
        order = self._books.state.orders.get(client_id)
        if order is None:
            return await self._supervisor.ask(f"cancel {client_id}", self._cancel_external(client_id))
        if not lifecycle.is_open(order.state):
            raise LinkError("NOT_OPEN", f"Order {client_id} is {order.state}; there is nothing to cancel.")
        if order.part is not None:
            kind, list_id = order.part.kind, order.part.list_id
            self._notify(
                "info", f"Order {client_id} is a leg of {kind} {list_id}: the whole list is cancelled."
            )
            await self.cancel_list(list_id)
        elif self._outbox.withdraw(client_id):
            await self._outbox.landing(client_id)
            order = self._books.state.orders[client_id]
            if lifecycle.is_open(order.state):  # too late to keep it home: it was leaving already
                await self._supervisor.ask(f"cancel {client_id}", self._cancel(order))
        else:
            await self._supervisor.ask(f"cancel {client_id}", self._cancel(order))
        return OrderUpdate(order=self._books.state.orders[client_id])

    async def _cancel(self, order: Order) -> None:
        client_id, symbol = order.client_order_id, order.request.symbol
        venue = self._venues[order.request.venue]
        await self._attempt((client_id,), _one(venue.cancel, symbol, client_id))

    async def _attempt(
        self, ids: tuple[str, ...], call: Callable[[], Awaitable[tuple[OrderReport, ...]]]
    ) -> None:
        """Cancel `ids` in one call. Raises LinkError CANCEL_REFUSED when one of them is still open and the
        venue said no."""
        books = self._books
        for client_id in ids:
            books.record(client_id, CancelRequested(at_ms=books.now_ms()))
        self._outbox.checkpoint("cancel.asked")
        try:
            reports = await call()
        except VenueError as error:
            if error.reaction is Reaction.UNKNOWN:
                self._confirm(ids)
            else:
                await self._refused(ids, error)
            return
        except Exception as error:  # a defect in the adapter says nothing about the order: look
            self._confirm(ids)
            text = f"The answer to the cancel could not be understood: {describe(error)}."
            raise LinkError("INTERNAL", text) from error
        self._outbox.checkpoint("cancel.replied")
        for report in reports:
            books.on_report(report)
        self._confirm(ids)

    def _confirm(self, ids: Iterable[str]) -> None:
        """What the answer did not speak of is asked for."""
        for client_id in ids:
            if self._books.state.orders[client_id].state is OrderState.PENDING_CANCEL:
                self._resolver.confirm_cancel(client_id)

    async def _refused(self, ids: tuple[str, ...], error: VenueError) -> None:
        """Says nothing about how the orders ended (F06): exactly one query each does (F12)."""
        for client_id in ids:
            failed = CancelFailed(code=error.code, text=error.text, at_ms=self._books.now_ms())
            self._books.record(client_id, failed, ask=False)
        for client_id in ids:
            await self._resolver.ask(client_id)
        left = [one for one in ids if lifecycle.is_open(self._books.state.orders[one].state)]
        if left:
            raise LinkError("CANCEL_REFUSED", f"The venue did not cancel {', '.join(left)}: {error.text}")

    async def _cancel_external(self, client_id: str) -> OrderUpdate:
        """By the venue's id: other people's names may be missing, or carried by several orders in turn."""
        order = self._open_external(client_id)
        venue, symbol = self._venues[order.request.venue], order.request.symbol
        try:
            report = await venue.cancel_by_venue_id(symbol, order.venue_order_id)
        except VenueError as error:
            if error.reaction is Reaction.UNKNOWN:
                text = f"Whether {client_id} was cancelled is not known yet: {error.text}"
                raise LinkError(CANCEL_UNKNOWN, text) from None
            found = await self._look_up(venue, symbol, order.venue_order_id)
            if found is None or lifecycle.is_open(found.state):
                text = f"The venue did not cancel {client_id}: {error.text}"
                raise LinkError("CANCEL_REFUSED", text) from None
            return OrderUpdate(order=found, external=True)
        self._books.on_report(report)
        key = (report.venue, report.symbol, report.venue_order_id)
        return OrderUpdate(order=self._books.external.get(key, order), external=True)

    def _open_external(self, client_id: str) -> Order:
        """Raises LinkError unless exactly one open order of others goes by that name."""
        called = [one for one in self._books.external.values() if one.client_order_id == client_id]
        found = [one for one in called if lifecycle.is_open(one.state)]
        if not called:
            raise LinkError("NO_SUCH_ORDER", f"There is no order {client_id}; see `spark-tui show orders`.")
        if not found:
            state = called[-1].state
            raise LinkError("NOT_OPEN", f"Order {client_id} is {state}; there is nothing to cancel.")
        if len(found) > 1:
            where = " and ".join(one.request.symbol for one in found)
            text = f"{client_id} is open in {where}; cancel all orders of the one you mean."
            raise LinkError("ORDER_UNCLEAR", text)
        return found[0]

    async def _look_up(self, venue: Venue, symbol: str, venue_order_id: str) -> Order | None:
        """What an order of others is now; None when the venue does not say."""
        try:
            report = await venue.query_by_venue_id(symbol, venue_order_id)
        except VenueError:
            return None
        if report is None:
            return None
        self._books.on_report(report, answer=True)
        return self._books.external.get((report.venue, report.symbol, report.venue_order_id))

    # --- an order list -------------------------------------------------------------------------------------

    async def cancel_list(self, list_id: str) -> None:
        """Cancel what is open of a list, in one call. Raises LinkError: NO_SUCH_LIST, NOT_OPEN,
        CANCEL_REFUSED."""
        legs = self._books.state.legs(list_id)
        if not legs:
            raise LinkError("NO_SUCH_LIST", f"There is no list {list_id}; see `spark-tui show lists`.")
        ids = self._open_legs(list_id)
        if not ids:
            raise LinkError("NOT_OPEN", f"List {list_id} has ended; there is nothing to cancel.")
        if self._outbox.withdraw(ids[0]):
            await self._outbox.landing(ids[0])
            ids = self._open_legs(list_id)
            if not ids:
                return  # else it was too late to keep it home: it was leaving already
        request = legs[0].request
        call = self._venues[request.venue].cancel_list
        work = self._attempt(ids, lambda: call(request.symbol, list_id))
        await self._supervisor.ask(f"cancel list {list_id}", work)

    def _open_legs(self, list_id: str) -> tuple[str, ...]:
        legs = self._books.state.legs(list_id)
        return tuple(leg.client_order_id for leg in legs if lifecycle.is_open(leg.state))

    # --- cancel all ----------------------------------------------------------------------------------------

    def open_symbols(self, venue: str) -> set[str]:
        """Symbols with an order that may rest at `venue`, ours or not."""
        ours = {order.request.symbol for order in self._books.state.open_orders(venue)}
        return ours | {order.request.symbol for order in self._books.open_externals(venue)}

    async def cancel_all(self, venue: str, symbol: str, operator: str) -> CancelAllResult:
        """Cancel symbol by symbol, a few at a time; reports what is left. Never raises for a venue's
        refusal."""
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
            self._outbox.withdraw(client_id)
            books.record(client_id, CancelRequested(at_ms=books.now_ms()))
        self._outbox.checkpoint("cancel-all.asked")
        errors: tuple[str, ...] = ()
        canceled: dict[str, None] = {}
        try:
            async with self._turns:
                reports = await venue.cancel_all(symbol)
            self._outbox.checkpoint("cancel-all.replied")
            for report in reports:
                canceled.setdefault(report.client_order_id)
                books.on_report(report)
        except VenueError as error:
            errors = (f"{symbol} at {venue.name}: {error.text}",)
            if error.reaction is not Reaction.UNKNOWN:
                self._all_refused(ours, error)
        except Exception as error:  # the others are cancelled all the same, and what is left is told
            errors = (f"{symbol} at {venue.name}: the answer could not be understood ({describe(error)}).",)
        self._confirm(one for one in ours if one not in canceled)
        left = [order.client_order_id for order in books.open_externals(venue.name, symbol)]
        left = [one for one in ours if lifecycle.is_open(books.state.orders[one].state)] + left
        return CancelAllResult(canceled=tuple(canceled), left=tuple(left), errors=errors)

    def _all_refused(self, client_ids: list[str], error: VenueError) -> None:
        """Only a refusal of the venue's own raises questions. When nothing happened, a query for each order
        would spend the very budget that the next cancel needs."""
        for client_id in client_ids:
            failed = CancelFailed(code=error.code, text=error.text, at_ms=self._books.now_ms())
            self._books.record(client_id, failed, ask=error.reaction is Reaction.DEFINITE_REJECT)


def _one(
    call: Callable[[str, str], Awaitable[OrderReport]], symbol: str, client_id: str
) -> Callable[[], Awaitable[tuple[OrderReport, ...]]]:
    async def calls() -> tuple[OrderReport, ...]:
        return (await call(symbol, client_id),)

    return calls


async def _awaited(work: "asyncio.Future[list[CancelAllResult]]") -> list[CancelAllResult]:
    return await work


def _merged(parts: list[CancelAllResult]) -> CancelAllResult:
    return CancelAllResult(
        canceled=tuple(client_id for part in parts for client_id in part.canceled),
        left=tuple(client_id for part in parts for client_id in part.left),
        errors=tuple(text for part in parts for text in part.errors),
    )
