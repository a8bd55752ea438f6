"""Intents on their way: write-ahead, one send, and what is known after it. Every trading call that can make
an order goes through here; nothing is ever sent twice."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, TypeVar

import msgspec

from spark_tui.domain.order import (
    Denied,
    Intended,
    ListPart,
    Order,
    OrderRequest,
    OrderState,
    Rejected,
    Sent,
    Uncertain,
)
from spark_tui.domain.risk import Verdict
from spark_tui.engine.activity import ORDER_LIMIT, strategy_of
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Assessment
from spark_tui.engine.guard import Guard
from spark_tui.engine.identity import Identities
from spark_tui.engine.journal import Journal
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Supervisor, describe
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.port import Reaction, Venue, VenueError

LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"
PAUSE_S = 10.0  # the shortest window that limit is counted in, when the venue does not say how long

T = TypeVar("T")


class Answered(msgspec.Struct, Generic[T], frozen=True):
    """The venue's word."""

    result: T


class Refused(msgspec.Struct, frozen=True):
    """Nothing was done, and that is certain. `sent`: the venue itself said so."""

    error: VenueError
    sent: bool


class Lost(msgspec.Struct, frozen=True):
    """Anything may have happened; the intents are UNKNOWN and watched."""

    reason: str


class Outbox:
    """`checkpoint` is called with the instants a crash must be survived at: NAME.durable, NAME.sent and
    NAME.replied, where NAME is "order", "replace" or "list"; amend.durable and amend.replied; cancel.asked
    and cancel.replied, and the same of cancel-all, which wait for no disk."""

    def __init__(
        self,
        books: Bookkeeper,
        journal: Journal,
        guard: Guard,
        resolver: Resolver,
        identities: Identities,
        supervisor: Supervisor,
        checkpoint: Callable[[str], None],
    ) -> None:
        self.checkpoint = checkpoint
        self._books = books
        self._journal = journal
        self._guard = guard
        self._resolver = resolver
        self._identities = identities
        self._supervisor = supervisor
        self._in_flight: dict[str, asyncio.Future[None]] = {}  # by client order id, until the venue answered
        self._withdrawn: set[str] = set()  # cancelled before they were sent
        self._closed = False
        # set once by the composition root, before anything runs
        self.on_denied: Callable[[tuple[Verdict, ...]], None] = lambda verdicts: None
        self.on_rejected: Callable[[], None] = lambda: None
        self.on_answered: Callable[[Order], None] = lambda order: None

    # --- before --------------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """Raises LinkError while no intent can be recorded."""
        if self._closed:
            raise LinkError("STOPPING", "The engine is stopping; the order was not begun.")
        if self._journal.full:
            raise LinkError(LEDGER_UNAVAILABLE, f"No order can be recorded: {self._journal.failure}")
        return self._identities.next()

    def intend(
        self,
        client_id: str,
        request: OrderRequest,
        assessment: Assessment,
        operator: str,
        key: str,
        *,
        replaces: str = "",
        allow_failure: bool = False,
        parent: str = "",
        part: ListPart | None = None,
        denial: tuple[str, str] | None = None,
    ) -> None:
        """The write-ahead, in memory at once: from here on it counts and its key is taken. `denial`: code and
        text of why it may not leave."""
        self._books.intend(
            Intended(
                client_order_id=client_id,
                request=request,
                at_ms=self._books.now_ms(),
                operator=operator,
                key=key,
                replaces=replaces,
                allow_failure=allow_failure,
                parent=parent,
                part=part,
            ),
            assessment.assets,
        )
        if denial is None:
            self._guard.activity.ordered(request, strategy_of(self._books.state, parent))
        else:
            self.on_denied(assessment.verdicts)
            self.deny(client_id, *denial)

    async def run(self, ids: tuple[str, ...], what: str, work: Coroutine[None, None, None]) -> None:
        """Carry out the work as the engine's own, however long the one who asked stays."""
        pending = self._supervisor.ask(what, work)
        for client_id in ids:
            self._in_flight[client_id] = pending
        pending.add_done_callback(lambda done: self._landed(ids, done))
        await asyncio.shield(pending)

    async def landing(self, client_id: str) -> None:
        """Wait until the venue answered, if it is still to. Never raises: whoever waits here has something of
        his own to do next, and how it ended is on record."""
        pending = self._in_flight.get(client_id)
        if pending is not None:
            await asyncio.wait({pending})

    def withdraw(self, client_id: str) -> bool:
        """Keep an intent home that has not been sent yet; False when it is too late for that."""
        waits = client_id in self._in_flight and self._books.state.orders[client_id].state is OrderState.NEW
        if waits:
            self._withdrawn.add(client_id)
        return waits

    async def recorded(self, name: str, ids: tuple[str, ...]) -> bool:
        """Whether the write-ahead is durable and nothing speaks against sending it now; else the intents are
        denied."""
        denied = all(self._books.state.orders[one].state is OrderState.DENIED for one in ids)
        try:
            await self._journal.durable()
        except LedgerError as error:
            # A refusal stays in memory and is written when the disk allows; an intent is refused for it.
            if not denied:
                self.deny_all(ids, LEDGER_UNAVAILABLE, f"Not recorded, so not sent: {error}")
            return False
        if denied:
            return False
        self.checkpoint(f"{name}.durable")
        if refusal := self._changed_meanwhile(ids):
            self.deny_all(ids, *refusal)
            return False
        return True

    def _changed_meanwhile(self, ids: tuple[str, ...]) -> tuple[str, str] | None:
        """What was pulled or withdrawn while the write-ahead was on its way to the disk."""
        if self._withdrawn.intersection(ids):
            return "WITHDRAWN", "Cancelled before it was sent."
        if why := self._guard.keeps_home():
            return "HALTED", why
        return None

    # --- the send ------------------------------------------------------------------------------------------

    async def send(
        self,
        name: str,
        ids: tuple[str, ...],
        venue: Venue,
        call: Callable[[Callable[[], None]], Awaitable[T]],
    ) -> Answered[T] | Refused | Lost:
        """Call once. What a refusal or a lost answer means for the intents is recorded; an answer is the
        caller's to read."""
        books = self._books
        decidable_at_ms = 0

        def on_sent() -> None:
            nonlocal decidable_at_ms
            decidable_at_ms = venue.server_time_ms() + venue.decision_window_ms
            for client_id in ids:
                books.record(client_id, Sent(at_ms=books.now_ms(), decidable_at_ms=decidable_at_ms))
            self.checkpoint(f"{name}.sent")

        try:
            result = await call(on_sent)
        except VenueError as error:
            if error.reaction is not Reaction.UNKNOWN:
                self._refuse(ids, error, sent=decidable_at_ms > 0)
                return Refused(error, decidable_at_ms > 0)
            reason = f"{error.code}: {error.text}"
        except Exception as error:  # a defect in the adapter says nothing about the order: it may live
            reason = f"the answer could not be understood ({describe(error)})"
        else:
            self.checkpoint(f"{name}.replied")
            return Answered(result)
        decidable_at_ms = decidable_at_ms or venue.server_time_ms() + venue.decision_window_ms
        for client_id in ids:
            self._uncertain(client_id, reason, decidable_at_ms)
        return Lost(reason)

    # --- after ---------------------------------------------------------------------------------------------

    def deny(self, client_id: str, code: str, text: str) -> None:
        self._books.record(client_id, Denied(code=code, text=text, at_ms=self._books.now_ms()))

    def deny_all(self, ids: tuple[str, ...], code: str, text: str) -> None:
        for client_id in ids:
            self.deny(client_id, code, text)

    def reject(self, client_id: str, code: str, text: str) -> None:
        """The venue's refusal."""
        self._books.record(client_id, Rejected(code=code, text=text, at_ms=self._books.now_ms()))

    def refusal_counts(self, client_id: str, error: VenueError) -> None:
        """For the rules that count them; the venue's own limit on orders is waited for instead."""
        if error.code == ORDER_LIMIT:
            self._guard.pause(error.retry_after_s or PAUSE_S, error.text)
        else:
            order = self._books.state.orders[client_id]
            strategy = strategy_of(self._books.state, order.parent)
            self._guard.activity.rejected(order.request, strategy, error.code, error.text)
            self.on_rejected()

    async def close(self, timeout_s: float) -> None:
        """Take no more intents and wait shortly for the answers of those in flight; what stays open is
        resolved at the next start."""
        self._closed = True
        if self._in_flight:
            await asyncio.wait(set(self._in_flight.values()), timeout=timeout_s)

    def _refuse(self, ids: tuple[str, ...], error: VenueError, *, sent: bool) -> None:
        if error.code == ORDER_LIMIT or sent or error.reaction is Reaction.DEFINITE_REJECT:
            for client_id in ids:
                self.reject(client_id, error.code, error.text)
            self.refusal_counts(ids[0], error)
        else:
            self.deny_all(ids, error.code, error.text)

    def _uncertain(self, client_id: str, reason: str, decidable_at_ms: int) -> None:
        order = self._books.state.orders[client_id]
        if order.state not in (OrderState.NEW, OrderState.SENT):
            return  # the user stream has told meanwhile (F03)
        event = Uncertain(reason=reason, at_ms=self._books.now_ms(), decidable_at_ms=decidable_at_ms)
        self._books.record(client_id, event)
        self._resolver.watch(client_id)

    def _landed(self, ids: tuple[str, ...], done: "asyncio.Future[None]") -> None:
        for client_id in ids:
            if self._in_flight.get(client_id) is done:
                del self._in_flight[client_id]
            self._withdrawn.discard(client_id)
        if done.cancelled() or done.exception() is not None:
            self._cut_short(ids)
        for client_id in ids:
            if order := self._books.state.orders.get(client_id):
                self.on_answered(order)

    def _cut_short(self, ids: tuple[str, ...]) -> None:
        """Our own task ended without a word (F17): where it was cannot be told, so nothing is assumed."""
        for client_id in ids:
            order = self._books.state.orders.get(client_id)
            if order is not None:
                self._uncertain(client_id, "the engine's own task was cut short", self._decidable_at(order))

    def _decidable_at(self, order: Order) -> int:
        return order.decidable_at_ms or self._resolver.window_end(order)
