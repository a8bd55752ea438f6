"""What is not known is asked, and decided by proof (DESIGN 3.2): a report, or repeated absence once the
venue can no longer take the order in."""

import itertools
from collections.abc import Callable, Coroutine, Mapping

from spark_tui.domain.order import (
    CancelFailed,
    CancelRequested,
    Dead,
    Filled,
    Order,
    OrderState,
    ReplaceFailed,
)
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.reports import could_be
from spark_tui.engine.supervise import Notify, Supervisor
from spark_tui.venues.port import Reaction, TradeReport, Venue, VenueError
from spark_tui.wire.clock import Clock

EARLY_S = (
    0.5,
    1.0,
    2.0,
    4.0,
    8.0,
)  # between queries while the order may still come alive (binance-spot.md 12.1)
LATE_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # and once it cannot; the last one for ever
NOT_FOUND = 3  # answers "does not exist" after the deadline that make a proof
SKEW_MS = 60_000  # a trade this much older than the order's birth cannot be its
FETCH_S = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0)
TRADES = 1_000
PAGES = 20  # of trades looked through for a proof; with more there is none


class Resolver:
    """Implements `bookkeeper.FollowUp`. One job a kind and order at most."""

    def __init__(
        self,
        books: Bookkeeper,
        venues: Mapping[str, Venue],
        supervisor: Supervisor,
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._books = books
        self._venues = venues
        self._supervisor = supervisor
        self._clock = clock
        self._notify = notify
        self._running: set[tuple[str, str]] = set()

    def watch(self, client_order_id: str) -> None:
        """Resolve an UNKNOWN order."""
        self._start("resolve", client_order_id, self._resolve)

    def query(self, client_order_id: str) -> None:
        self._start("query", client_order_id, self._ask_once)

    def fetch_fills(self, client_order_id: str) -> None:
        self._start("fills", client_order_id, self._fetch_fills)

    def cancel_again(self, client_order_id: str) -> None:
        self._start("cancel", client_order_id, self._cancel_late)

    def confirm_cancel(self, client_order_id: str) -> None:
        """A cancel's reply was lost: find out whether it worked."""
        self._start("confirm", client_order_id, self._confirm_cancel)

    def confirm_replace(self, client_order_id: str) -> None:
        """The answer to an amend or a replace was lost: find out what the order is now."""
        self._start("replaced", client_order_id, self._confirm_replace)

    def window_end(self, order: Order) -> int:
        """Venue clock after which whatever is sent now can no longer come alive."""
        venue = self._venue(order)
        return venue.server_time_ms() + venue.decision_window_ms

    async def ask(self, client_order_id: str, *, quiet: bool = False) -> bool:
        """One query, its answer booked. False for a failed or empty one, which changes nothing:
        reconciliation comes by later."""
        order = self._order(client_order_id)
        try:
            report = await self._venue(order).query(order.request.symbol, client_order_id)
        except VenueError as error:
            if not quiet:
                self._notify("warn", f"Order {client_order_id} could not be queried: {error.text}")
            return False
        if report is None:
            return False
        self._books.on_report(report, answer=True)
        return True

    def _start(
        self, kind: str, client_order_id: str, work: Callable[[str], Coroutine[None, None, None]]
    ) -> None:
        if (kind, client_order_id) in self._running:
            return
        self._running.add((kind, client_order_id))
        self._supervisor.job(f"{kind} of order {client_order_id}", self._run(kind, client_order_id, work))

    async def _run(
        self, kind: str, client_order_id: str, work: Callable[[str], Coroutine[None, None, None]]
    ) -> None:
        try:
            await work(client_order_id)
        finally:
            self._running.discard((kind, client_order_id))

    def _order(self, client_order_id: str) -> Order:
        return self._books.state.orders[client_order_id]

    def _venue(self, order: Order) -> Venue:
        return self._venues[order.request.venue]

    async def _ask_once(self, client_order_id: str) -> None:
        await self.ask(client_order_id)

    async def _resolve(self, client_order_id: str) -> None:
        order = self._order(client_order_id)
        venue = self._venue(order)
        early, late = _delays(EARLY_S), _delays(LATE_S)
        not_found = 0
        while (order := self._order(client_order_id)).state is OrderState.UNKNOWN:
            decidable_at = order.decidable_at_ms or 0
            left_ms = decidable_at - venue.server_time_ms()
            await self._clock.sleep(min(next(early), left_ms / 1000 + 0.05) if left_ms > 0 else next(late))
            if self._order(client_order_id).state is not OrderState.UNKNOWN:
                return
            asked_at = venue.server_time_ms()
            try:
                report = await venue.query(order.request.symbol, client_order_id)
            except VenueError:
                continue  # a failed query is not "not found" (F05)
            if report is not None:
                self._books.on_report(report, answer=True)
                continue
            if asked_at <= decidable_at:
                continue  # early on, absence proves nothing (F54)
            not_found += 1
            if not_found >= NOT_FOUND and await self._nothing_at_venue(venue, order):
                self._declare_dead(order, not_found)
                return

    async def _nothing_at_venue(self, venue: Venue, order: Order) -> bool:
        """Neither an open order nor a trade that could be this order's."""
        try:
            reports = await venue.open_orders(order.request.symbol)
            trades = await self._trades_since(venue, order)
        except VenueError:
            return False
        if trades is None:
            return False
        for report in reports:
            self._books.on_report(report, answer=True)
        if self._order(order.client_order_id).state is not OrderState.UNKNOWN:
            return False
        suspects = [
            trade
            for trade in trades
            if self._unexplained(trade) and self._in_time(order, trade) and could_be(order, trade)
        ]
        for trade in suspects:
            # while nobody can tell whose it is the order stays UNKNOWN and on screen: a guess either way
            # could cost a position
            if not await self.whose(trade):
                return False
        return self._order(order.client_order_id).state is OrderState.UNKNOWN

    async def _trades_since(self, venue: Venue, order: Order) -> list[TradeReport] | None:
        """Every account trade that could be the order's; None when there are too many to tell."""
        request = order.request
        cursor = self._books.state.reconciled.get((request.venue, request.symbol))
        if cursor is None:
            newest = await venue.trades(request.symbol, limit=TRADES)
            whole = len(newest) < TRADES or not self._in_time(order, newest[0])
            return list(newest) if whole else None
        found: list[TradeReport] = []
        for _ in range(PAGES):
            page = await venue.trades(request.symbol, from_id=cursor + 1, limit=TRADES)
            found += page
            if len(page) < TRADES:
                return found
            cursor = int(page[-1].fill.trade_id)
        return None

    async def whose(self, trade: TradeReport) -> bool:
        """Ask the venue for the order behind a trade and book it; False when it does not know (yet)."""
        if not self._unexplained(trade):
            return True
        try:
            report = await self._venues[trade.venue].query_by_venue_id(trade.symbol, trade.venue_order_id)
        except VenueError:
            return False
        if report is None:
            return False
        self._books.on_report(report, answer=True)
        return not self._unexplained(trade)

    def _in_time(self, order: Order, trade: TradeReport) -> bool:
        """Trades are stamped by the venue's clock, and the order's birth by ours, which may be wrong by
        hours: of what is known about that moment the earliest counts."""
        venue = self._venue(order)
        ahead_ms = self._books.now_ms() - venue.server_time_ms()
        sent_ms = (order.decidable_at_ms or venue.server_time_ms()) - venue.decision_window_ms
        return trade.fill.time_ms >= min(order.created_ms, order.created_ms - ahead_ms, sent_ms) - SKEW_MS

    def _unexplained(self, trade: TradeReport) -> bool:
        """Belongs to no order we know the venue's id of."""
        state = self._books.state
        key = (trade.venue, trade.symbol, trade.venue_order_id)
        return (
            key not in state.by_venue_id
            and key not in self._books.external
            and trade.fill.trade_id not in state.external_trades.get((trade.venue, trade.symbol), {})
        )

    def _declare_dead(self, order: Order, not_found: int) -> None:
        client_id = order.client_order_id
        if self._order(client_id).state is not OrderState.UNKNOWN:
            return
        proof = (
            f"not found {not_found} times after the last moment it could come alive, "
            "not among the open orders, and without a trade"
        )
        self._books.record(client_id, Dead(proof=proof, at_ms=self._books.now_ms()))
        self._notify("info", f"Order {client_id} never reached the venue: {proof}.")

    async def _fetch_fills(self, client_order_id: str) -> None:
        """Fetch what the venue counts and we have not heard; the stream usually brings it first."""
        for delay in FETCH_S:
            await self._clock.sleep(delay)
            order = self._order(client_order_id)
            wanted = order.venue_filled
            if wanted is not None and order.filled >= wanted:
                return
            venue = self._venue(order)
            try:
                if wanted is None or not order.venue_order_id:
                    report = await venue.query(order.request.symbol, client_order_id)
                    if report is None or report.filled <= self._order(client_order_id).filled:
                        return
                trades = await venue.trades(order.request.symbol, venue_order_id=order.venue_order_id)
            except VenueError:
                continue
            known = {fill.trade_id for fill in self._order(client_order_id).fills}
            for trade in trades:
                if trade.fill.trade_id not in known:
                    event = Filled(fill=trade.fill, venue_order_id=trade.venue_order_id)
                    self._books.record(client_order_id, event, ask=False)
        order = self._order(client_order_id)
        if order.venue_filled is not None and order.filled < order.venue_filled:
            self._notify(
                "warn", f"Fills of order {client_order_id} are still missing; reconciliation goes on."
            )

    async def _cancel_late(self, client_order_id: str) -> None:
        """The kill switch was pulled, or everything cancelled, while this order was on its way. Nobody stands
        behind this cancel who could repeat it, so it is repeated until the order has ended."""
        said = False
        for delay in _delays(LATE_S):
            failure = await self._cancel_once(client_order_id)
            if client_order_id not in self._books.state.open:
                return
            if failure and not said:
                text = f"came alive and is not cancelled yet ({failure}); it is tried again until it is"
                self._notify("bad", f"Order {client_order_id} {text}.")
                said = True
            await self._clock.sleep(delay)
            if client_order_id not in self._books.state.open:
                return

    async def _cancel_once(self, client_order_id: str) -> str:
        """Why it failed, once that is certain; empty when the venue took it."""
        order = self._order(client_order_id)
        self._books.record(client_order_id, CancelRequested(at_ms=self._books.now_ms()))
        try:
            self._books.on_report(await self._venue(order).cancel(order.request.symbol, client_order_id))
        except VenueError as error:
            if error.reaction is Reaction.UNKNOWN:
                lost = await self._still(OrderState.PENDING_CANCEL, client_order_id)
                return self._cancel_lost(client_order_id) if lost else ""
            event = CancelFailed(code=error.code, text=error.text, at_ms=self._books.now_ms())
            self._books.record(client_order_id, event, ask=False)
            await self.ask(client_order_id, quiet=True)
            return error.text.rstrip(".")
        return ""

    async def _confirm_cancel(self, client_order_id: str) -> None:
        if await self._still(OrderState.PENDING_CANCEL, client_order_id):
            text = self._cancel_lost(client_order_id)
            self._notify("warn", f"Order {client_order_id}: {text}. Cancel it again.")

    def _cancel_lost(self, client_order_id: str) -> str:
        text = "the cancel was lost on its way; the order is still open"
        event = CancelFailed(code="CANCEL_LOST", text=text, at_ms=self._books.now_ms())
        self._books.record(client_order_id, event, ask=False)
        return text

    async def _confirm_replace(self, client_order_id: str) -> None:
        if await self._still(OrderState.PENDING_REPLACE, client_order_id):
            text = "the change was lost on its way; the order stands as it was"
            event = ReplaceFailed(code="REPLACE_LOST", text=text, at_ms=self._books.now_ms())
            self._books.record(client_order_id, event, ask=False)
            self._notify("warn", f"Order {client_order_id}: {text}.")

    async def _still(self, state: OrderState, client_order_id: str) -> bool:
        """Ask until the order has left `state`, or until what was sent can no longer arrive: then True, when
        the venue said so after that moment."""
        order = self._order(client_order_id)
        venue, asked, give_up_at = self._venue(order), _asked(order), self.window_end(order)
        for delay in _delays(EARLY_S):
            await self._clock.sleep(delay)
            order = self._order(client_order_id)
            if order.state is not state:
                return False
            if _asked(order) != asked:  # asked once more, and that one may still be on its way
                asked, give_up_at = _asked(order), self.window_end(order)
            late = venue.server_time_ms() > give_up_at
            answered = await self.ask(client_order_id, quiet=True)
            if self._order(client_order_id).state is not state:
                return False
            if late and answered:
                return True
        raise AssertionError("the delays never end")


def _asked(order: Order) -> tuple[int, int]:
    """When a cancel and a change of it were asked for last."""
    return order.cancel_requested_ms, order.replace_requested_ms


def _delays(steps: tuple[float, ...]) -> "itertools.chain[float]":
    """`steps`, then the last one for ever."""
    return itertools.chain(steps, itertools.repeat(steps[-1]))
