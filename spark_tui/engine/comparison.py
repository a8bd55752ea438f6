"""One pass of local against venue: open orders, our unfinished ones, other people's, trades, balances.

What is proven is put right at once and listed; what proves nothing is listed with the choices there are. Any
question without an answer ends the pass: a failed query is never "flat" (F50). A pass over an unchanged
account records nothing (F47).
"""

from collections.abc import Callable
from decimal import Decimal

from spark_tui.domain import executions, lifecycle
from spark_tui.domain.decimals import plain
from spark_tui.domain.order import Expired, Filled, Order, OrderState, Uncertain
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.differences import DifferenceBook, Found, Row
from spark_tui.engine.journal import Journal
from spark_tui.engine.lock_check import LockCheck
from spark_tui.engine.records import TradesReconciled
from spark_tui.engine.reports import could_be
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Notify
from spark_tui.venues.kill_marks import is_kill_order
from spark_tui.venues.port import BalancesReport, OrderReport, TradeReport, Venue

PAGE = 1_000
MAX_PAGES = 50  # of trades of one symbol in one pass; the next pass goes on from there
MAX_NAMED = 200  # orders of others asked about in an engine's life: each question costs weight
FORGOTTEN = 3  # passes that do not find an order the venue once acknowledged, or a trade's order
_IN_FLIGHT = frozenset({OrderState.SENT, OrderState.UNKNOWN})


class Comparison:
    """One venue's, pass after pass."""

    def __init__(
        self,
        venue: Venue,
        books: Bookkeeper,
        journal: Journal,
        resolver: Resolver,
        differences: DifferenceBook,
        notify: Notify,
        *,
        on_balances: Callable[[BalancesReport], None],
        by_kill: frozenset[str] = frozenset(),
    ) -> None:
        """`by_kill`: ids of orders that `spark-tui kill` cancelled while no engine heard it."""
        self._venue = venue
        self._books = books
        self._journal = journal
        self._resolver = resolver
        self._differences = differences
        self._notify = notify
        self._on_balances = on_balances
        self._by_kill = by_kill
        self._named: dict[str, str] = {}  # venue order id -> the kill's client id, empty: not the kill's
        self._missing: dict[str, tuple[int, int]] = {}  # id -> (times not found, since when)
        self._unfound: dict[str, int] = {}  # other people's orders, by symbol and venue id: times not found
        self._short: dict[str, tuple[int, int]] = {}  # id -> (passes its fills stayed away, since when)
        self._ownerless: dict[str, int] = {}  # trade id -> passes in which the venue named no order for it
        self._locks = LockCheck(venue.name, books, differences)
        self._rows: list[Row] = []  # of this pass, as are the reports on orders of ours
        self._reports: dict[str, OrderReport] = {}
        self.whole = False  # the last pass accounted for every trade it was to look for

    async def run(self, symbols: set[str]) -> None:
        """Raises VenueError from any question that got no answer."""
        self._rows, self._reports, self.whole = [], {}, False
        self._differences.begin(self._venue.name)
        try:
            await self._compare(symbols)
        except BaseException:
            self._differences.end(self._venue.name, None)
            raise
        self._differences.end(self._venue.name, self._rows)

    async def _compare(self, symbols: set[str]) -> None:
        reports = await self._venue.open_orders()
        for report in reports:
            self._take(report)
        listed = {(report.symbol, report.venue_order_id) for report in reports}
        for order in self._books.state.open_orders(self._venue.name):
            if (
                order.request.symbol,
                order.venue_order_id,
            ) not in listed and order.state is not OrderState.NEW:
                await self._ask(order)
            else:  # a change that outlived a lost cancel has nobody who asks about it any more
                watch(self._books.state.orders[order.client_order_id], self._resolver)
        unfound: dict[str, int] = {}
        for order in self._books.open_externals(self._venue.name):
            if (order.request.symbol, order.venue_order_id) not in listed:
                await self._ask_external(order, unfound)
        self._unfound = unfound
        whole = True
        for symbol in sorted(symbols):
            whole &= await self._trades(symbol)
        await self._short_of_fills()
        for client_id in self._missing.keys() - self._books.state.open.keys():
            del self._missing[client_id]
        balances = await self._venue.balances()
        self._on_balances(balances)
        self._rows += self._locks.rows(balances)
        self.whole = whole

    # --- orders --------------------------------------------------------------------------------------------

    def _take(self, report: OrderReport) -> None:
        """Book what the venue says of an order and list what was new in it."""
        before = self._books.known(report)
        key = (report.venue, report.symbol, report.venue_order_id)
        stranger = self._books.external.get(key)
        self._books.on_report(report, answer=True)
        if before is not None:
            self._reports[before.client_order_id] = report
            self._note(before, self._books.state.orders[before.client_order_id])
        elif key in self._books.external:
            self._note_external(stranger, self._books.external[key])

    def _note(self, before: Order, after: Order) -> None:
        if before.state in _IN_FLIGHT and after.state not in _IN_FLIGHT:
            self._applied("UNCONFIRMED_FOUND", before, after, "booked: the order lives at the venue")
        elif lifecycle.is_open(before.state) and not lifecycle.is_open(after.state):
            self._note_end(before, after)
        elif after.amended_quantity != before.amended_quantity:
            self._applied("AMENDED_AT_VENUE", before, after, "booked: its total quantity is smaller")
        if after.filled > before.filled:
            self._applied("MISSED_FILL", before, after, "booked", subject=f"-{plain(after.filled)}")

    def _note_end(self, before: Order, after: Order) -> None:
        kind, how = "ENDED_AT_VENUE", f"booked as {after.state}"
        if self._by_others(before, after):
            killed = after.client_order_id in self._by_kill
            kind = "KILL_CLOSE" if killed else "EXTERNAL_CLOSE"
            how += " by the kill switch" if killed else ""
        self._applied(kind, before, after, how)

    def _by_others(self, before: Order, after: Order) -> bool:
        """Cancelled, and not by us nor by its own list."""
        asked = before.cancel_requested_ms or before.replaced_by or before.part
        return after.state is OrderState.CANCELED and not asked

    def _note_external(self, before: Order | None, after: Order) -> None:
        if before is None and lifecycle.is_open(after.state):
            self._applied("EXTERNAL_ORDER", None, after, "shown and counted as somebody else's")
        elif before is not None and lifecycle.is_open(before.state) and not lifecycle.is_open(after.state):
            self._applied("EXTERNAL_ENDED", before, after, "shown as ended")

    async def _ask(self, order: Order) -> None:
        """An order of ours the venue does not list as open: where did it end?"""
        client_id = order.client_order_id
        report = await self._venue.query(order.request.symbol, client_id)
        if report is not None:
            self._missing.pop(client_id, None)
            self._take(report)
        elif order.venue_order_id:
            await self._not_found(order)
        now = self._books.state.orders[client_id]
        if now.state is OrderState.SENT and self._venue.server_time_ms() > (now.decidable_at_ms or 0):
            reason = "no answer came while it could still come alive"
            at_ms, decidable_at = self._books.now_ms(), now.decidable_at_ms or 0
            self._books.record(client_id, Uncertain(reason=reason, at_ms=at_ms, decidable_at_ms=decidable_at))
        watch(self._books.state.orders[client_id], self._resolver)

    async def _not_found(self, order: Order) -> None:
        """The venue once knew it. Once not found is a replica's lag (F53); for good, and without a trade that
        we have not booked, is forgotten (F13)."""
        client_id, symbol = order.client_order_id, order.request.symbol
        now = self._venue.server_time_ms()
        times, since = self._missing.get(client_id, (0, now))
        times += 1
        self._missing[client_id] = (times, since)
        if times < FORGOTTEN or now - since <= self._venue.decision_window_ms:
            return
        await self._fetch_trades(order)
        del self._missing[client_id]
        if lifecycle.is_open(self._books.state.orders[client_id].state):
            self._books.record(client_id, Expired(reason="VENUE_FORGOT", at_ms=self._books.now_ms()))
            after = self._books.state.orders[client_id]
            self._notify("warn", f"The venue no longer knows order {client_id} in {symbol}; it is closed.")
            self._applied("VENUE_FORGOT", order, after, f"closed after {times} passes without it")

    async def _fetch_trades(self, order: Order) -> None:
        """Book what the venue has of an order's own trades."""
        trades = await self._venue.trades(order.request.symbol, venue_order_id=order.venue_order_id)
        for trade in trades:
            self._book_ours(order.client_order_id, trade)

    async def _short_of_fills(self) -> None:
        """Orders of which the venue counts more than its trades came to us: fetch them; where there are none
        for good, the venue's total stands in for them, marked, and yields when they come."""
        short = {}
        for order in list(self._books.state.orders.values()):
            if order.request.venue != self._venue.name or not self._is_short(order.client_order_id):
                continue
            client_id = order.client_order_id
            await self._fetch_trades(order)
            if not self._is_short(client_id):
                continue
            now = self._venue.server_time_ms()
            times, since = self._short.get(client_id, (0, now))
            times += 1
            short[client_id] = (times, since)
            if times >= FORGOTTEN and now - since > self._venue.decision_window_ms:
                await self._stand_in(client_id)
        self._short = short

    def _is_short(self, client_id: str) -> bool:
        order = self._books.state.orders[client_id]
        return bool(order.venue_order_id) and self._told(order) > order.filled

    def _told(self, order: Order) -> Decimal:
        """The venue's total as far as it told us, now or when the order ended."""
        report = self._reports.get(order.client_order_id)
        return max(order.venue_filled or Decimal(0), report.filled if report else Decimal(0))

    async def _stand_in(self, client_id: str) -> None:
        if client_id not in self._reports:  # it has ended, so this pass did not ask for it: what did it cost?
            symbol = self._books.state.orders[client_id].request.symbol
            answer = await self._venue.query(symbol, client_id)
            if answer is not None:
                self._take(answer)
            if not self._is_short(client_id):
                return
        order = self._books.state.orders[client_id]
        told, report = self._told(order), self._reports.get(client_id)
        money = report.filled_quote if report is not None and report.filled == told else Decimal(0)
        try:
            fill = executions.synthetic_fill(order, told, money, time_ms=order.updated_ms)
        except ValueError:  # a market order, and not even the venue knows what it cost
            self._ask_unpriced(order, told)
            return
        after = self._books.record(client_id, Filled(fill=fill), ask=False)
        self._notify(
            "warn", f"Fills of order {client_id} cannot be had; the venue's total stands in for them."
        )
        how = f"booked as {fill.trade_id}, marked"
        self._applied("SYNTHETIC_FILL", order, after, how, subject=f"-{plain(told)}")

    def _ask_unpriced(self, order: Order, told: Decimal) -> None:
        found = Found(
            kind="UNPRICED_FILL",
            symbol=order.request.symbol,
            subject=f"{order.client_order_id}-{plain(told)}",
            client_order_id=order.client_order_id,
            local=_words(order),
            remote=f"{plain(told)} filled, neither trades nor price told",
        )
        row = self._differences.ask(self._venue.name, found, ("accept",))
        if row is not None:
            self._rows.append((row, lambda choice: None))  # its trades are asked for again in each pass

    async def _ask_external(self, order: Order, still: dict[str, int]) -> None:
        """An order of others that was open and is not listed any more: how did it end? Until that is known it
        counts as exposure: not found once or twice is a copy that lags (F53), and goes on in `still`."""
        report = await self._venue.query_by_venue_id(order.request.symbol, order.venue_order_id)
        if report is not None:
            self._take(report)
            return
        key = f"{order.request.symbol}/{order.venue_order_id}"
        times = self._unfound.get(key, 0) + 1
        if times < FORGOTTEN:
            still[key] = times
        else:
            self._books.forget_external(order)
            self._applied("VENUE_FORGOT", None, order, "shown as ended")

    # --- trades --------------------------------------------------------------------------------------------

    async def _trades(self, symbol: str) -> bool:
        """Book every account trade after the last accounted one; whether that was all. The first pass ever
        only marks where to begin: what was traded before this ledger is not its business, and orders of ours
        are fetched by order."""
        venue = self._venue
        cursor = self._books.state.reconciled.get((venue.name, symbol))
        if cursor is None:
            latest = await venue.trades(symbol, limit=1)
            self._advance(symbol, max((int(trade.fill.trade_id) for trade in latest), default=-1))
            return True
        for _ in range(MAX_PAGES):
            page = await venue.trades(symbol, from_id=cursor + 1, limit=PAGE)
            for trade in sorted(page, key=lambda trade: int(trade.fill.trade_id)):
                if not await self._account_for(trade):
                    self._advance(symbol, cursor)
                    return False
                cursor = int(trade.fill.trade_id)
            if len(page) < PAGE:
                self._advance(symbol, cursor)
                return True
        self._advance(symbol, cursor)
        return False

    async def _account_for(self, trade: TradeReport) -> bool:
        """False while the trade might belong to an order whose fate is open and the venue does not say whose
        it is: it waits for that order's proof, or for the operator's word."""
        if self._owner(trade) is None and self._doubtful(trade) and not await self._resolver.whose(trade):
            return await self._without_owner(trade)
        self._ownerless.pop(trade.fill.trade_id, None)
        owner = self._owner(trade)
        if owner is not None:
            self._book_ours(owner, trade)
            return True
        await self._book_external(trade)
        return True

    def _owner(self, trade: TradeReport) -> str | None:
        return self._books.state.by_venue_id.get((trade.venue, trade.symbol, trade.venue_order_id))

    def _doubtful(self, trade: TradeReport) -> bool:
        return any(
            order.state in _IN_FLIGHT and could_be(order, trade)
            for order in self._books.state.open_orders(trade.venue, trade.symbol)
        )

    async def _without_owner(self, trade: TradeReport) -> bool:
        trade_id = trade.fill.trade_id
        self._ownerless[trade_id] = self._ownerless.get(trade_id, 0) + 1
        if self._ownerless[trade_id] < FORGOTTEN:
            return False
        found = Found(
            kind="UNEXPLAINED_TRADE",
            symbol=trade.symbol,
            subject=trade_id,
            local="could be an UNKNOWN order's",
            remote=f"{trade.side} {plain(trade.fill.quantity)} at {plain(trade.fill.price)}, order not named",
        )
        row = self._differences.ask(self._venue.name, found, ("external",))
        if row is not None:
            self._rows.append((row, lambda choice: None))  # the next pass acts on it
            return False
        del self._ownerless[trade_id]
        await self._book_external(trade)
        return True

    def _book_ours(self, client_id: str, trade: TradeReport) -> None:
        before = self._books.state.orders[client_id]
        if trade.fill.trade_id in {fill.trade_id for fill in before.fills}:
            return
        event = Filled(fill=trade.fill, venue_order_id=trade.venue_order_id)
        after = self._books.record(client_id, event, ask=False)
        self._applied("MISSED_FILL", before, after, "booked", subject=f"-{trade.fill.trade_id}")

    async def _book_external(self, trade: TradeReport) -> None:
        pair = (trade.venue, trade.symbol)
        if trade.fill.trade_id in self._books.state.external_trades.get(pair, {}):
            return
        client_id = await self._of_a_kill(trade)
        self._books.on_external_trade(trade, client_id)
        found = Found(
            kind="KILL_TRADE" if client_id else "EXTERNAL_TRADE",
            symbol=trade.symbol,
            subject=trade.fill.trade_id,
            client_order_id=client_id,
            local="not known",
            remote=f"{trade.side} {plain(trade.fill.quantity)} at {plain(trade.fill.price)}",
        )
        how = "booked as closed by the kill switch" if client_id else "booked as somebody else's"
        self._rows.append((self._differences.applied(self._venue.name, found, how), None))

    async def _of_a_kill(self, trade: TradeReport) -> str:
        """The client id of the kill's order that traded, empty for everybody else's. A trade does not say it;
        the venue is asked where a kill is on record, and of so many orders only. Raises VenueError."""
        known = self._books.external.get((trade.venue, trade.symbol, trade.venue_order_id))
        if known is not None:
            return known.client_order_id if is_kill_order(known.client_order_id) else ""
        order_id = trade.venue_order_id
        if order_id not in self._named and self._books.state.marks and len(self._named) < MAX_NAMED:
            report = await self._venue.query_by_venue_id(trade.symbol, order_id)
            client_id = report.client_order_id if report is not None else ""
            self._named[order_id] = client_id if is_kill_order(client_id) else ""
        return self._named.get(order_id, "")

    def _advance(self, symbol: str, cursor: int) -> None:
        if self._books.state.reconciled.get((self._venue.name, symbol)) != cursor:
            self._journal.note(TradesReconciled(venue=self._venue.name, symbol=symbol, last_trade_id=cursor))

    # --- rows ----------------------------------------------------------------------------------------------

    def _applied(self, kind: str, before: Order | None, after: Order, how: str, *, subject: str = "") -> None:
        found = Found(
            kind=kind,
            symbol=after.request.symbol,
            subject=after.client_order_id + subject,
            client_order_id=after.client_order_id,
            local=_words(before) if before else "not known",
            remote=_words(after),
        )
        self._rows.append((self._differences.applied(self._venue.name, found, how), None))


def watch(order: Order, resolver: Resolver) -> None:
    """See to it that somebody finds out what is open about an order; asking twice is asking once."""
    if order.state is OrderState.UNKNOWN:
        resolver.watch(order.client_order_id)
    elif order.state is OrderState.PENDING_CANCEL:
        resolver.confirm_cancel(order.client_order_id)
    elif order.state is OrderState.PENDING_REPLACE:
        resolver.confirm_replace(order.client_order_id)


def _words(order: Order) -> str:
    asked = lifecycle.asked(order)
    of = f" of {plain(asked)}" if asked is not None else ""
    return f"{order.state}, {plain(order.filled)}{of} filled"
