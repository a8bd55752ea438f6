"""Balances, positions, PnL and equity: what the fills and the venue's balances are worth through usable
books."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from spark_tui.domain import account
from spark_tui.domain.account import Balance, Position
from spark_tui.domain.accounting import ACCOUNT_CURRENCY, Measure, Point, Window
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.instrument import Instrument
from spark_tui.engine.journal import Journal
from spark_tui.engine.market import Market
from spark_tui.engine.portfolio import views
from spark_tui.engine.portfolio.balances import BalanceBook
from spark_tui.engine.portfolio.keeper import Keeper
from spark_tui.engine.portfolio.valuation import Valuation
from spark_tui.engine.records import DayStarted
from spark_tui.link.messages import (
    Balances,
    EquityCurve,
    Explanation,
    Pnl,
    PositionRow,
    Positions,
    PriceFills,
    RecordFlow,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import BalancesReport

__all__ = ["ACCOUNT_CURRENCY", "Portfolio"]


class Portfolio:
    """Balances are the venue's word, absolute. Positions come from fills alone and are never bent to
    balances."""

    def __init__(
        self,
        journal: Journal,
        markets: Mapping[str, Market],
        utc_day: Callable[[], str],
        now_ms: Callable[[], int],
        venue_ms: Callable[[str], int],
    ) -> None:
        self.version = 0  # grows with every change of balances or positions
        self.valuation = Valuation(markets)
        self.fees: dict[str, FeeRates] = {}  # by venue, as it told last
        self._book = BalanceBook()
        self.keeper = Keeper(journal, self._book, self.valuation, now_ms, venue_ms)
        self._journal = journal
        self._venues = tuple(markets)
        self._utc_day = utc_day
        self._now_ms = now_ms
        self._instruments: dict[tuple[str, str], Instrument] = {}

    @property
    def balances(self) -> dict[str, dict[str, Balance]]:
        """By venue and asset."""
        return self._book.held

    def set_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        known = tuple(instruments)
        self._instruments |= {(venue, one.symbol): one for one in known}
        self.valuation.set_instruments(venue, known)

    def on_balances(self, report: BalancesReport) -> bool:
        """Take the venue's figures. True: they contradict what is known, so ask for the whole."""
        doubts = self._book.take(report)
        if report.fees is not None:
            self.fees[report.venue] = report.fees
        self.keeper.on_balances(report)
        self.version += 1
        return doubts

    def on_fills(self) -> None:
        self.keeper.price_fresh()
        self.version += 1

    def free(self, venue: str) -> dict[str, Decimal]:
        """Free balance by asset; empty until the venue told."""
        return self._book.free(venue)

    # --- worth ---------------------------------------------------------------------------------------------

    def mark(self, venue: str, symbol: str) -> Decimal | None:
        """Middle of a usable book, else None."""
        return self.valuation.mark(venue, symbol)

    def worth(self, venue: str, asset: str, amount: Decimal) -> Decimal | None:
        """`amount` in USDT terms; None while a price on the way is unusable, or when there is no way at
        all."""
        return self.valuation.worth(venue, asset, amount)

    def equity(self) -> Decimal | None:
        """All balances in USDT terms. Assets that no streamed instrument can price are left out
        (`unpriced`)."""
        total = Decimal(0)
        for venue, balances in self.balances.items():
            for balance in balances.values():
                if balance.total == 0 or not self.valuation.reachable(venue, balance.asset):
                    continue
                value = self.worth(venue, balance.asset, balance.total)
                if value is None:
                    return None
                total += value
        return total if self.balances else None

    def unpriced(self) -> tuple[str, ...]:
        """Assets held that have no price route, so that equity leaves them out."""
        return tuple(
            balance.asset
            for venue, balances in self.balances.items()
            for balance in balances.values()
            if balance.total != 0 and not self.valuation.reachable(venue, balance.asset)
        )

    def left_out(self) -> tuple[str, ...]:
        """What equity does not hold: such assets, and venues that did not tell their balances yet."""
        silent = (f"venue {venue}" for venue in self._venues if venue not in self.balances)
        return tuple(sorted({*self.unpriced(), *silent}))

    def curve_now(self) -> Point | None:
        """Equity, gain and drawdown as they are; None while a price is missing."""
        equity = self.equity()
        if equity is None:
            return None
        return self._journal.state.accounts.curve.now(self._now_ms(), equity, self.left_out())

    def drawdown(self) -> Decimal | None:
        """The share of the peak that is gone, 0.05 = 5 %: money that came or went from outside left out, and
        remembered over restarts. None while a price is missing."""
        point = self.curve_now()
        return None if point is None else point.fall

    def total_pnl(self) -> Decimal | None:
        """Realised and unrealised of every position since the ledger began, fees and funding included, in
        USDT terms. What was never priced counts at the price of today."""
        total = Decimal(0)
        for (venue, symbol), position in self._journal.state.positions.items():
            _, quote = self._journal.state.assets[venue, symbol]
            gain = position.realised
            if position.quantity != 0:
                mark = self.mark(venue, symbol)
                if mark is None:
                    return None
                gain += account.unrealised(position, mark)
            parts = [self.worth(venue, quote, gain), self._beside(venue, symbol)]
            for part in parts:
                if part is None:
                    return None
                total += part
        return total

    def _beside(self, venue: str, symbol: str) -> Decimal | None:
        """Fees in third assets and funding of a symbol: money that its position does not know."""
        sheet = self._journal.state.accounts.pnl.symbols.get((venue, symbol))
        if sheet is None:
            return Decimal(0)
        total = sheet.tally.known(Measure.BESIDE)
        for asset, amount in sheet.tally.unknown(Measure.BESIDE).items():
            value = self.worth(venue, asset, amount)
            if value is None:
                return None
            total += value
        return total

    def day_pnl(self) -> Decimal | None:
        """Since 00:00 UTC, or since the engine first saw this day with usable prices."""
        day = self._journal.state.day
        total = self.total_pnl()
        return None if total is None or day.day != self._utc_day() else total - day.baseline

    def beat(self) -> None:
        """Fix the day's baseline once prices are usable, and sample equity; call it about once a second."""
        self.keeper.sample(self.equity(), self.left_out())
        today = self._utc_day()
        if self._journal.state.day.day == today:
            return
        total = self.total_pnl()
        if total is not None:
            self._journal.note(DayStarted(day=today, baseline=total))

    # --- an operator's word --------------------------------------------------------------------------------

    async def record_flow(self, ask: RecordFlow, operator: str) -> Explanation:
        """Raises LinkError; LedgerError when it could not be recorded."""
        venue = ask.venue or (next(iter(self.balances)) if len(self.balances) == 1 else "")
        if venue not in self.balances:
            known = ", ".join(self.balances) or "none yet"
            raise LinkError("VENUE_UNCLEAR", f"Name the venue with venue=; balances are known of: {known}.")
        self.keeper.record(ask, venue, operator)
        await self._journal.durable()
        return self.explanation()

    async def price_fills(self, ask: PriceFills) -> Pnl:
        """Raises LinkError; LedgerError when it could not be recorded."""
        if not self.keeper.price_by_hand(ask):
            raise LinkError("NOTHING_WAITS", f"No trade lacks a price of {ask.asset}.")
        await self._journal.durable()
        return self.pnl_view()

    # --- for the faces -------------------------------------------------------------------------------------

    def positions_view(self) -> Positions:
        rows = [self._position_row(position) for position in self._journal.state.positions.values()]
        return Positions(rows=tuple(rows))

    def balances_view(self) -> Balances:
        return Balances(
            rows={venue: tuple(balances.values()) for venue, balances in self.balances.items()},
            equity=self.equity(),
            day_pnl=self.day_pnl(),
            worth={
                venue: tuple(self.worth(venue, one.asset, one.total) for one in balances.values())
                for venue, balances in self.balances.items()
            },
        )

    def pnl_view(self) -> Pnl:
        return views.pnl(self._journal.state.accounts, self.valuation.kept(), self._instruments)

    def equity_view(self, window: Window) -> EquityCurve:
        curve, now = self._journal.state.accounts.curve, self.curve_now()
        known = [point for point in (curve.deepest, now) if point is not None]
        return EquityCurve(
            window=window,
            currency=ACCOUNT_CURRENCY,
            points=tuple(curve.points[window]),
            now=now,
            deepest=max(known, key=lambda point: point.fall, default=None),
            unpriced=self.left_out(),
        )

    def explanation(self) -> Explanation:
        return views.explanation(self._journal.state.accounts.cash, self._book, self.valuation.kept())

    def _position_row(self, position: Position) -> PositionRow:
        mark = self.mark(position.venue, position.symbol)
        return PositionRow(
            position=position,
            mark=None if mark is None else float(mark),
            unrealised=None if mark is None else account.unrealised(position, mark),
            quote=self._journal.state.assets[position.venue, position.symbol][1],
        )
