"""Changing a resting order: shrink it in its place (amend), or trade it for another in one call (replace)."""

from collections.abc import Mapping
from decimal import Decimal

from spark_tui.domain import lifecycle
from spark_tui.domain.order import (
    WORKING,
    AmendRequested,
    Order,
    OrderRequest,
    OrderState,
    ReplaceFailed,
    ReplaceRequested,
)
from spark_tui.domain.risk import Verdict
from spark_tui.engine.activity import NOT_PLACED, strategy_of
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Assessment, Gate, Scenario
from spark_tui.engine.journal import Journal
from spark_tui.engine.orders import denial_of, key_owner, key_reused
from spark_tui.engine.outbox import LEDGER_UNAVAILABLE, Answered, Lost, Outbox
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Supervisor, describe
from spark_tui.link.messages import OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.port import (
    HalfOutcome,
    OrderReport,
    Reaction,
    ReplaceHalf,
    ReplaceMode,
    ReplaceOutcome,
    Venue,
    VenueError,
)


class ReplaceDesk:
    """Both say what became of the order; neither is repeated by itself."""

    def __init__(
        self,
        books: Bookkeeper,
        journal: Journal,
        gate: Gate,
        resolver: Resolver,
        outbox: Outbox,
        venues: Mapping[str, Venue],
        supervisor: Supervisor,
    ) -> None:
        self._books = books
        self._journal = journal
        self._gate = gate
        self._resolver = resolver
        self._outbox = outbox
        self._venues = venues
        self._supervisor = supervisor

    # --- amend ---------------------------------------------------------------------------------------------

    async def amend(self, client_id: str, quantity: Decimal) -> OrderUpdate:
        """The order after the venue's answer; PENDING_REPLACE while the answer is lost. Raises LinkError:
        NO_SUCH_ORDER, NOT_OPEN, NOT_WORKING, AMEND_REFUSED, or the code of the rule that refuses it."""
        order, verdicts = self.judge_amend(client_id, quantity)
        if refusal := _refusal(verdicts):
            raise LinkError(*refusal)
        await self._supervisor.ask(f"amend {client_id}", self._amend(order, quantity))
        return OrderUpdate(order=self._books.state.orders[client_id])

    def judge_amend(self, client_id: str, quantity: Decimal) -> tuple[Order, tuple[Verdict, ...]]:
        """The order to be shrunk, and what the gate says. Raises LinkError for one that cannot be changed."""
        order = self._working(client_id)
        return order, self._gate.assess_amend(order, quantity)

    async def _amend(self, order: Order, quantity: Decimal) -> None:
        client_id, books = order.client_order_id, self._books
        books.record(client_id, AmendRequested(quantity=quantity, at_ms=books.now_ms()))
        try:
            await self._journal.durable()
        except LedgerError as error:
            self._failed(client_id, LEDGER_UNAVAILABLE, f"Not recorded, so not sent: {error}")
            raise LinkError(LEDGER_UNAVAILABLE, f"Not recorded, so not sent: {error}") from None
        self._outbox.checkpoint("amend.durable")
        if refusal := _refusal(self._gate.assess_amend(books.state.orders[client_id], quantity)):
            self._failed(client_id, *refusal)
            raise LinkError(*refusal)
        venue = self._venues[order.request.venue]
        try:
            report = await venue.amend(order.request.symbol, client_id, quantity)
        except VenueError as error:
            if error.reaction is Reaction.UNKNOWN:
                self._resolver.confirm_replace(client_id)
                return
            self._failed(client_id, error.code, error.text)
            await self._resolver.ask(client_id)
            raise LinkError("AMEND_REFUSED", f"The venue did not amend {client_id}: {error.text}") from None
        except Exception as error:  # a defect in the adapter says nothing about the order: look
            self._resolver.confirm_replace(client_id)
            raise LinkError("INTERNAL", f"The answer could not be understood: {describe(error)}.") from error
        self._outbox.checkpoint("amend.replied")
        books.on_report(report)
        if books.state.orders[client_id].state is OrderState.PENDING_REPLACE:
            self._resolver.confirm_replace(client_id)

    # --- replace -------------------------------------------------------------------------------------------

    async def replace(
        self, old_id: str, request: OrderRequest, operator: str, key: str = "", *, allow_failure: bool = False
    ) -> OrderUpdate:
        """The new order once its fate is known, or known to be unknown. Raises LinkError as `submit`, and
        NO_SUCH_ORDER, NOT_OPEN, NOT_WORKING, LIST_LEG, OTHER_SYMBOL."""
        known = key_owner(self._books.state, key)
        if known is not None:
            first = (known.request, known.replaces, known.allow_failure)
            if first != (request, old_id, allow_failure):
                raise key_reused(key, known.client_order_id)
            await self._outbox.landing(known.client_order_id)
            return OrderUpdate(order=self._books.state.orders[known.client_order_id], replayed=True)
        old, assessment = self.judge(old_id, request, allow_failure=allow_failure)
        new_id = self._outbox.next_id()
        denial = denial_of(assessment)
        self._outbox.intend(
            new_id,
            request,
            assessment,
            operator,
            key,
            replaces=old_id,
            allow_failure=allow_failure,
            parent=old.parent,
            denial=denial,
        )
        if denial is None:
            self._books.record(old_id, ReplaceRequested(by=new_id, at_ms=self._books.now_ms()))
        mode = ReplaceMode.ALLOW_FAILURE if allow_failure else ReplaceMode.STOP_ON_FAILURE
        work = self._replace(old_id, new_id, request, mode)
        await self._outbox.run((new_id,), f"replace {old_id}", work)
        return OrderUpdate(order=self._books.state.orders[new_id])

    def judge(
        self, old_id: str, request: OrderRequest, *, allow_failure: bool = False
    ) -> tuple[Order, Assessment]:
        """The order to be replaced, and what the gate says to the one in its place. Raises LinkError for an
        order that cannot be replaced by this one."""
        old = self._working(old_id)
        _fit_for_replace(old, request)
        # what may stay counts: with `allow_failure` both may be live
        strategy = strategy_of(self._books.state, old.parent)
        scenario = Scenario(gone=None if allow_failure else old, strategy=strategy)
        return old, self._gate.assess(request, scenario)

    async def _replace(self, old_id: str, new_id: str, request: OrderRequest, mode: ReplaceMode) -> None:
        if not await self._outbox.recorded("replace", (new_id,)):
            new = self._books.state.orders[new_id]
            if self._books.state.orders[old_id].replaced_by == new_id:
                self._failed(old_id, new.code, f"The order to replace it was not sent: {new.text}")
            return
        venue = self._venues[request.venue]
        answer = await self._outbox.send(
            "replace",
            (new_id,),
            venue,
            lambda on_sent: venue.replace(request.symbol, old_id, new_id, request, mode, on_sent),
        )
        if isinstance(answer, Answered):
            self._read_new(new_id, answer.result)
            await self._read_cancel(old_id, answer.result.cancel)
        elif isinstance(answer, Lost):
            self._resolver.confirm_replace(old_id)
        else:
            self._failed(old_id, answer.error.code, answer.error.text)
            await self._resolver.ask(old_id)

    def _read_new(self, new_id: str, outcome: ReplaceOutcome) -> None:
        half = outcome.new
        if half.outcome is HalfOutcome.SUCCESS:
            self._take(new_id, half.report)
        elif half.outcome is HalfOutcome.FAILURE:
            self._outbox.reject(new_id, half.code, half.text)
            self._outbox.refusal_counts(new_id, VenueError(Reaction.DEFINITE_REJECT, half.code, half.text))
        else:
            why = outcome.cancel.text or "the old order was not cancelled"
            self._outbox.reject(new_id, outcome.cancel.code or "NOT_ATTEMPTED", NOT_PLACED + why)

    async def _read_cancel(self, old_id: str, half: ReplaceHalf) -> None:
        """A cancel that failed says nothing about the order: it is asked for."""
        if half.outcome is HalfOutcome.SUCCESS:
            self._take(old_id, half.report)
            if lifecycle.is_open(self._books.state.orders[old_id].state):
                self._resolver.confirm_replace(old_id)
            return
        code, text = half.code or "NOT_ATTEMPTED", half.text or "The venue did not try to cancel it."
        self._failed(old_id, code, text)
        await self._resolver.ask(old_id)

    def _take(self, client_id: str, report: OrderReport | None) -> None:
        if report is None:
            self._resolver.query(client_id)
        else:
            self._books.on_report(report)

    # --- both ----------------------------------------------------------------------------------------------

    def _working(self, client_id: str) -> Order:
        """Raises LinkError for an order that cannot be changed."""
        order = self._books.state.orders.get(client_id)
        if order is None:
            raise LinkError("NO_SUCH_ORDER", f"There is no order {client_id} of this engine's.")
        if not lifecycle.is_open(order.state):
            raise LinkError("NOT_OPEN", f"Order {client_id} is {order.state}; there is nothing to change.")
        if order.state not in WORKING:
            raise LinkError(
                "NOT_WORKING", f"Order {client_id} is {order.state}; change it once the venue has answered."
            )
        return order

    def _failed(self, client_id: str, code: str, text: str) -> None:
        failed = ReplaceFailed(code=code, text=text, at_ms=self._books.now_ms())
        self._books.record(client_id, failed, ask=False)


def _refusal(verdicts: tuple[Verdict, ...]) -> tuple[str, str] | None:
    """Code and text of the first that refuses."""
    return next(((verdict.code, verdict.text) for verdict in verdicts if not verdict.ok), None)


def _fit_for_replace(old: Order, request: OrderRequest) -> None:
    """Raises LinkError."""
    asked, was = (request.venue, request.symbol), (old.request.venue, old.request.symbol)
    if asked != was:
        raise LinkError("OTHER_SYMBOL", f"Order {old.client_order_id} is in {was[1]}, not in {asked[1]}.")
    if old.part is not None:
        raise LinkError(
            "LIST_LEG",
            f"Order {old.client_order_id} is a leg of {old.part.kind} {old.part.list_id}, which would be"
            " cancelled with it; cancel the list and place a new one.",
        )
