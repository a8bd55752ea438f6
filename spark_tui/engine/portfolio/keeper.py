"""What of the account's money is put on record: prices at the moment of a fill, the first balances, money
from outside, a sample of equity a minute. The rest follows from these by folding."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from itertools import islice

from spark_tui.domain.accounting import FlowKind
from spark_tui.domain.accounting.pnl import TradeKey
from spark_tui.domain.decimals import usable
from spark_tui.engine.accounts import Accounts
from spark_tui.engine.journal import Journal
from spark_tui.engine.money_records import (
    AccountBegun,
    BalancesAnchored,
    CashMoved,
    EquitySampled,
    FillPriced,
)
from spark_tui.engine.portfolio.balances import BalanceBook
from spark_tui.engine.portfolio.valuation import FRESH_MS, Valuation
from spark_tui.link.messages import PriceFills, RecordFlow
from spark_tui.link.service import LinkError
from spark_tui.venues.port import BalancesReport, CashReport

MIN_NOTE = 3
MAX_NOTE = 200
MAX_AT_ONCE = 50  # trades to price before the loop goes on


class Keeper:
    """`now_ms`: our clock; `venue_ms`: a venue's, which stamps fills and balances."""

    def __init__(
        self,
        journal: Journal,
        balances: BalanceBook,
        valuation: Valuation,
        now_ms: Callable[[], int],
        venue_ms: Callable[[str], int],
    ) -> None:
        self._journal = journal
        self._balances = balances
        self._valuation = valuation
        self._now_ms = now_ms
        self._venue_ms = venue_ms
        self._to_price: deque[TradeKey] = deque()  # of those that wait: whose turn is still to come

    @property
    def _accounts(self) -> Accounts:
        return self._journal.state.accounts

    def on_balances(self, report: BalancesReport) -> None:
        """The first whole answer is where the explanation begins: what was before is in it."""
        if not report.complete:
            return
        anchored = self._accounts.cash.anchored(report.venue)
        if not anchored:
            totals = {balance.asset: balance.total for balance in report.balances if balance.total}
            self._journal.note(BalancesAnchored(venue=report.venue, totals=totals, time_ms=report.time_ms))
        for one in report.begun:
            if one.number > self._accounts.begun.get(report.venue, 0):
                self._journal.note(
                    AccountBegun(
                        venue=report.venue,
                        number=one.number,
                        changes=one.changes if anchored else {},
                        operator=one.operator,
                        time_ms=report.time_ms,
                    )
                )

    def price_fresh(self) -> None:
        """Trades just booked, at the books as they are."""
        waiting = self._accounts.pnl.awaiting
        for key in list(islice(reversed(waiting), MAX_AT_ONCE)):
            if self._venue_ms(key[0]) - waiting[key].time_ms > FRESH_MS:
                return
            self._price(key)

    def on_cash(self, report: CashReport) -> None:
        """A deposit, a withdrawal or a transfer, as the venue told it."""
        kind = FlowKind.DEPOSIT if report.amount > 0 else FlowKind.WITHDRAWAL
        self._journal.note(
            CashMoved(
                venue=report.venue,
                flow_id=f"{report.venue}-{report.asset}-{report.amount}-{report.time_ms}",
                asset=report.asset,
                kind=kind,
                amount=report.amount,
                time_ms=report.time_ms,
                rate=self._valuation.rate_at(
                    report.venue, report.asset, report.time_ms, self._venue_ms(report.venue)
                ),
            )
        )

    def record(self, ask: RecordFlow, venue: str, operator: str) -> None:
        """An operator's word. Raises LinkError."""
        if not usable(ask.amount) or not ask.amount:
            raise LinkError("BAD_NUMBER", "Say how much came (above 0) or went (below 0), like amount=-100.")
        if not ask.kind.external:
            raise LinkError("BAD_KIND", f"{ask.kind} is for trades; use DEPOSIT, WITHDRAWAL or ADJUSTMENT.")
        if len(ask.note.strip()) < MIN_NOTE:
            raise LinkError("REASON_NEEDED", f"Say what it was, in {MIN_NOTE} letters or more: note=gift.")
        if len(ask.note) > MAX_NOTE:
            raise LinkError("TOO_LONG", f"Say what it was in {MAX_NOTE} letters or fewer.")
        if ask.asset not in self._balances.held.get(venue, {}) and not self._known(venue, ask.asset):
            raise LinkError("NO_SUCH_ASSET", f"{venue} never told of a balance in {ask.asset}.")
        at_ms = self._venue_ms(venue)
        self._journal.note(
            CashMoved(
                venue=venue,
                flow_id=f"{operator}-{ask.asset}-{ask.amount}-{at_ms}",
                asset=ask.asset,
                kind=ask.kind,
                amount=ask.amount,
                time_ms=at_ms,
                rate=self._valuation.rate_at(venue, ask.asset, at_ms, at_ms),
                operator=operator,
                note=ask.note.strip(),
            )
        )

    def price_by_hand(self, ask: PriceFills) -> int:
        """How many trades were given that price. Raises LinkError."""
        if not usable(ask.price) or ask.price <= 0:
            raise LinkError("BAD_NUMBER", "A price is a number above 0, like price=612.5.")
        waiting = self._accounts.pnl.awaiting
        keys = [key for key, one in waiting.items() if ask.asset in one.assets]
        for venue, symbol, trade_id in keys:
            rates = {ask.asset: ask.price}
            self._journal.note(FillPriced(venue=venue, symbol=symbol, trade_id=trade_id, rates=rates))
        return len(keys)

    def price_what_waits(self) -> None:
        """Trades whose prices were missing: a minute's close may be known by now. A few at a time, as nobody
        else's turn comes meanwhile; call it about once a second."""
        for _ in range(min(MAX_AT_ONCE, len(self._to_price))):
            self._price(self._to_price.popleft())

    def sample(self, equity: Decimal | None, unpriced: tuple[str, ...]) -> None:
        """Once a minute, where there is something to sample."""
        at_ms = self._now_ms()
        if equity is not None and self._accounts.curve.due(at_ms):
            self._journal.note(EquitySampled(at_ms=at_ms, equity=equity, unpriced=unpriced))
            if not self._to_price:
                self._to_price.extend(self._accounts.pnl.awaiting)
        self.price_what_waits()

    def _price(self, key: TradeKey) -> None:
        waiting = self._accounts.pnl.awaiting.get(key)
        if waiting is None:
            return
        venue, symbol, trade_id = key
        now_ms = self._venue_ms(venue)
        found = {
            asset: self._valuation.rate_at(venue, asset, waiting.time_ms, now_ms) for asset in waiting.assets
        }
        rates = {asset: rate for asset, rate in sorted(found.items()) if rate is not None}
        if rates:
            self._journal.note(FillPriced(venue=venue, symbol=symbol, trade_id=trade_id, rates=rates))

    def _known(self, venue: str, asset: str) -> bool:
        return any(row.asset == asset for row in self._accounts.cash.explain(venue, {}, {}))
