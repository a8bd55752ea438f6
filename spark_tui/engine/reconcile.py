"""Local against venue, after every silence: open orders, our unfinished orders, trades, balances.

A pass that fails concludes nothing and is repeated; until one succeeds new orders are refused (RECONCILING).
A second pass over an unchanged account records nothing (F47).
"""

import asyncio
import contextlib
import random
from collections.abc import Callable

from spark_tui.domain import lifecycle
from spark_tui.domain.order import Expired, Filled, Order, OrderState, Uncertain
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import TradesReconciled
from spark_tui.engine.reports import could_be
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Notify
from spark_tui.venues.port import BalancesReport, TradeReport, Venue, VenueError
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock, within

PAGE = 1_000
MAX_PAGES = 50  # of trades of one symbol in one pass; the next pass goes on from there
FORGOTTEN = 3  # passes that do not find an order the venue once acknowledged
_UNCONFIRMED = frozenset({OrderState.SENT, OrderState.UNKNOWN})


class Reconciler:
    """One venue's. The user stream's ups and downs are told; `run` is a service."""

    def __init__(
        self,
        venue: Venue,
        books: Bookkeeper,
        journal: Journal,
        resolver: Resolver,
        clock: Clock,
        rng: random.Random,
        notify: Notify,
        *,
        watched: tuple[str, ...],
        traded: Callable[[], set[str]],
        on_balances: Callable[[BalancesReport], None],
        on_done: Callable[[], None],
        every_s: float,
    ) -> None:
        self.done = asyncio.Event()  # set while nothing waits to be reconciled
        self.passes = 0
        self.why = "the user stream is not up yet"
        self._venue = venue
        self._books = books
        self._journal = journal
        self._resolver = resolver
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._watched = watched
        self._traded = traded
        self._on_balances = on_balances
        self._on_done = on_done
        self._every_s = every_s
        self._wanted = asyncio.Event()
        self._listening = False  # the user stream is up
        self._epoch = 0
        self._missing: dict[str, tuple[int, int]] = {}  # id -> (times not found, since when)

    @property
    def running(self) -> bool:
        """New entries are refused."""
        return not self.done.is_set()

    def stream_down(self, reason: str) -> None:
        """What happens now is not heard, so nothing new may be entered."""
        self._interrupt(f"the user stream is down: {reason}", listening=False)

    def stream_up(self) -> None:
        """User events flow; what happened before must be asked for."""
        self._interrupt("orders and trades are compared with the venue", listening=True)
        self._wanted.set()

    def look_again(self) -> None:
        """Reconcile soon, without refusing entries meanwhile."""
        self._wanted.set()

    async def run(self) -> None:
        """Pass after pass: when asked, and every `every_s` seconds. Runs until cancelled."""
        backoff = Backoff(self._rng)
        while True:
            await self._next()
            epoch = self._epoch
            self._wanted.clear()
            try:
                await self._pass()
            except VenueError as error:
                if backoff.attempt == 0:
                    self._notify("warn", f"{self._venue.name} cannot be reconciled yet: {error.text}")
                self._wanted.set()
                await self._clock.sleep(backoff.next())
                continue
            backoff.reset()
            self.passes += 1
            if self._listening and epoch == self._epoch and self.running:
                self.why = ""
                self.done.set()
                self._on_done()

    def _interrupt(self, why: str, *, listening: bool) -> None:
        self.why = why
        self.done.clear()
        self._listening = listening
        self._epoch += 1

    async def _next(self) -> None:
        """Wait for a request, or for the time of a regular pass."""
        if not self._wanted.is_set():
            with contextlib.suppress(TimeoutError):
                await within(self._clock, self._every_s, self._wanted.wait())

    async def _pass(self) -> None:
        """Raises VenueError from any question that got no answer: a failed query is never "flat" (F50)."""
        venue = self._venue
        # a regular pass looks where something can have happened to us; after a silence, everywhere
        symbols = self._traded() | set(self._watched if self.running else ())
        reports = await venue.open_orders()
        for report in reports:
            self._books.on_report(report, answer=True)
        open_ids = {report.client_order_id for report in reports}
        for order in self._books.state.open_orders(venue.name):
            if order.client_order_id not in open_ids and order.state is not OrderState.NEW:
                await self._ask(order)
        await self._ask_externals(open_ids)
        for symbol in sorted(symbols):
            await self._trades(symbol)
        self._on_balances(await venue.balances())

    async def _ask(self, order: Order) -> None:
        """An order of ours the venue does not list as open: where did it end?"""
        client_id = order.client_order_id
        report = await self._venue.query(order.request.symbol, client_id)
        if report is not None:
            self._missing.pop(client_id, None)
            self._books.on_report(report, answer=True)
        elif order.venue_order_id:
            self._not_found(order)
        elif order.state is OrderState.UNKNOWN:
            self._resolver.watch(client_id)

    def _not_found(self, order: Order) -> None:
        """The venue once knew it. Once not found is a replica's lag (F53); for good is forgotten (F13)."""
        now = self._venue.server_time_ms()
        times, since = self._missing.get(order.client_order_id, (0, now))
        times += 1
        self._missing[order.client_order_id] = (times, since)
        if times < FORGOTTEN or now - since <= self._venue.decision_window_ms:
            return
        del self._missing[order.client_order_id]
        if lifecycle.is_open(self._books.state.orders[order.client_order_id].state):
            reason = "VENUE_FORGOT"
            self._books.record(order.client_order_id, Expired(reason=reason, at_ms=self._books.now_ms()))
            self._notify("warn", f"The venue no longer knows order {order.client_order_id}; it is closed.")

    async def _ask_externals(self, open_ids: set[str]) -> None:
        """Orders of others that were open and are not listed any more: how did they end?"""
        for order in list(self._books.external.values()):
            request = order.request
            if request.venue != self._venue.name or order.client_order_id in open_ids:
                continue
            if lifecycle.is_open(order.state):
                report = await self._venue.query(request.symbol, order.client_order_id)
                if report is None:
                    self._books.forget_external(order)
                else:
                    self._books.on_report(report, answer=True)

    async def _trades(self, symbol: str) -> None:
        """Book every account trade after the last accounted one. The first pass ever only marks where to
        begin: what was traded before this ledger is not its business, and orders of ours are fetched by
        order."""
        venue = self._venue
        cursor = self._books.state.reconciled.get((venue.name, symbol))
        if cursor is None:
            latest = await venue.trades(symbol, limit=1)
            self._advance(symbol, max((int(trade.fill.trade_id) for trade in latest), default=-1))
            return
        for _ in range(MAX_PAGES):
            page = await venue.trades(symbol, from_id=cursor + 1, limit=PAGE)
            for trade in sorted(page, key=lambda trade: int(trade.fill.trade_id)):
                if not self._account_for(trade):
                    self._advance(symbol, cursor)
                    return
                cursor = int(trade.fill.trade_id)
            if len(page) < PAGE:
                break
        self._advance(symbol, cursor)

    def _account_for(self, trade: TradeReport) -> bool:
        """False while the trade might belong to an order whose fate is open: it waits for that order's
        proof."""
        state = self._books.state
        client_id = state.by_venue_id.get((trade.venue, trade.symbol, trade.venue_order_id))
        if client_id is not None:
            known = {fill.trade_id for fill in state.orders[client_id].fills}
            if trade.fill.trade_id not in known:
                event = Filled(fill=trade.fill, venue_order_id=trade.venue_order_id)
                self._books.record(client_id, event, ask=False)
            return True
        suspects = state.open_orders(trade.venue, trade.symbol)
        if (trade.venue, trade.symbol, trade.venue_order_id) not in self._books.external and any(
            order.state in _UNCONFIRMED and could_be(order, trade) for order in suspects
        ):
            return False
        self._books.on_external_trade(trade)
        return True

    def _advance(self, symbol: str, cursor: int) -> None:
        if self._books.state.reconciled.get((self._venue.name, symbol)) != cursor:
            self._journal.note(TradesReconciled(venue=self._venue.name, symbol=symbol, last_trade_id=cursor))


def revive(books: Bookkeeper, resolver: Resolver, venue: Venue) -> None:
    """After a restart: an order whose write-ahead is there but not its answer may or may not live. Call once
    the venue's clock is known."""
    now = books.now_ms()
    window_end = venue.server_time_ms() + venue.decision_window_ms
    for order in books.state.open_orders(venue.name):
        client_id = order.client_order_id
        if order.state in (OrderState.NEW, OrderState.SENT):
            decidable_at = order.decidable_at_ms or window_end
            reason = "the engine stopped before the answer was recorded"
            books.record(client_id, Uncertain(reason=reason, at_ms=now, decidable_at_ms=decidable_at))
        if books.state.orders[client_id].state is OrderState.UNKNOWN:
            resolver.watch(client_id)
        elif order.state is OrderState.PENDING_CANCEL:
            resolver.confirm_cancel(client_id)
