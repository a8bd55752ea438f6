"""Balances, positions, PnL and equity: what the fills and the venue's balances are worth through usable
books."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from spark_tui.domain import account
from spark_tui.domain.account import Balance, Position
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.instrument import Instrument
from spark_tui.engine.journal import Journal
from spark_tui.engine.market import Market
from spark_tui.engine.records import DayStarted
from spark_tui.link.messages import Balances, PositionRow, Positions
from spark_tui.venues.port import BalancesReport

ACCOUNT_CURRENCY = "USDT"
MAX_HOPS = 3
_DAY_MS = 86_400_000

Hop = tuple[str, bool]  # (symbol, True: multiply by its price, False: divide)


class Portfolio:
    """Balances are the venue's word, absolute. Positions come from fills alone and are never bent to
    balances."""

    def __init__(self, journal: Journal, markets: Mapping[str, Market], utc_day: Callable[[], str]) -> None:
        self.version = 0  # grows with every change of balances or positions
        self.balances: dict[str, dict[str, Balance]] = {}
        self._times: dict[tuple[str, str], int] = {}
        # told whole, with an older stamp than what is known
        self._doubted: dict[tuple[str, str], Balance | None] = {}
        self._journal = journal
        self._markets = markets
        self._utc_day = utc_day
        self._pairs: dict[str, dict[str, tuple[str, str]]] = {}  # venue -> symbol -> (base, quote)
        self._routes: dict[tuple[str, str], tuple[Hop, ...] | None] = {}

    def set_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        """Prices between assets go through the instruments that are streamed."""
        streamed = self._markets[venue].symbols
        self._pairs[venue] = {
            one.symbol: (one.base, one.quote) for one in instruments if one.symbol in streamed
        }
        self._routes.clear()

    def on_balances(self, report: BalancesReport) -> bool:
        """Take the venue's figures; older news of an asset than what is known is ignored.

        Unless two whole answers in a row say the same: then it is the venue's clock that stepped back.
        True: something was ignored that says otherwise, so ask for the whole.
        """
        known = self.balances.setdefault(report.venue, {})
        news: dict[str, Balance | None] = {balance.asset: balance for balance in report.balances}
        if report.complete:
            news |= dict.fromkeys(known.keys() - news.keys())  # what is not named is not there
        doubts = False
        for asset, balance in news.items():
            key = (report.venue, asset)
            again = report.complete and key in self._doubted and self._doubted[key] == balance
            if again or report.time_ms >= self._times.get(key, 0):
                self._times[key] = report.time_ms
                self._doubted.pop(key, None)
                if balance is None:
                    del known[asset]
                else:
                    known[asset] = balance
            elif balance != known.get(asset):
                doubts = True
                if report.complete:
                    self._doubted[key] = balance
        self.version += 1
        return doubts

    def on_fills(self) -> None:
        self.version += 1

    def free(self, venue: str) -> dict[str, Decimal]:
        """Free balance by asset; empty until the venue told."""
        return {asset: balance.free for asset, balance in self.balances.get(venue, {}).items()}

    # --- worth ---------------------------------------------------------------------------------------------

    def mark(self, venue: str, symbol: str) -> Decimal | None:
        """Middle of a usable book, else None."""
        market = self._markets.get(venue)
        if market is None:
            return None
        quote = market.quote(symbol)
        if isinstance(quote, Unusable):
            return None
        return (from_float(quote.bid) + from_float(quote.ask)) / 2

    def worth(self, venue: str, asset: str, amount: Decimal) -> Decimal | None:
        """`amount` in USDT terms; None while a price on the way is unusable, or when there is no way at
        all."""
        if amount == 0:
            return Decimal(0)
        route = self._route(venue, asset)
        if route is None:
            return None
        for symbol, multiply in route:
            price = self.mark(venue, symbol)
            if price is None:
                return None
            amount = amount * price if multiply else amount / price
        return amount

    def equity(self) -> Decimal | None:
        """All balances in USDT terms. Assets that no streamed instrument can price are left out
        (`unpriced`)."""
        total = Decimal(0)
        for venue, balances in self.balances.items():
            for balance in balances.values():
                if balance.total == 0 or self._route(venue, balance.asset) is None:
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
            if balance.total != 0 and self._route(venue, balance.asset) is None
        )

    def total_pnl(self) -> Decimal | None:
        """Realised and unrealised of every position since the ledger began, fees taken off, in USDT terms."""
        total = Decimal(0)
        for (venue, symbol), position in self._journal.state.positions.items():
            base, quote = self._journal.state.assets[venue, symbol]
            gain = position.realised
            if position.quantity != 0:
                mark = self.mark(venue, symbol)
                if mark is None:
                    return None
                gain += account.unrealised(position, mark)
            parts = [self.worth(venue, quote, gain)]
            parts += [
                self.worth(venue, asset, -fee)
                for asset, fee in position.fees.items()
                if asset not in (base, quote)
            ]
            for part in parts:
                if part is None:
                    return None
                total += part
        return total

    def day_pnl(self) -> Decimal | None:
        """Since 00:00 UTC, or since the engine first saw this day with usable prices."""
        day = self._journal.state.day
        total = self.total_pnl()
        return None if total is None or day.day != self._utc_day() else total - day.baseline

    def turn_day(self) -> None:
        """Fix the day's baseline once prices are usable; call it about once a second."""
        today = self._utc_day()
        if self._journal.state.day.day == today:
            return
        total = self.total_pnl()
        if total is not None:
            self._journal.note(DayStarted(day=today, baseline=total))

    # --- for the faces -------------------------------------------------------------------------------------

    def positions_view(self) -> Positions:
        rows = [self._position_row(position) for position in self._journal.state.positions.values()]
        return Positions(rows=tuple(rows))

    def balances_view(self) -> Balances:
        return Balances(
            rows={venue: tuple(balances.values()) for venue, balances in self.balances.items()},
            equity=self.equity(),
            day_pnl=self.day_pnl(),
        )

    def _position_row(self, position: Position) -> PositionRow:
        mark = self.mark(position.venue, position.symbol)
        return PositionRow(
            position=position,
            mark=None if mark is None else float(mark),
            unrealised=None if mark is None else account.unrealised(position, mark),
            quote=self._journal.state.assets[position.venue, position.symbol][1],
        )

    def _route(self, venue: str, asset: str) -> tuple[Hop, ...] | None:
        """The shortest chain of streamed instruments from `asset` to USDT."""
        key = (venue, asset)
        if key not in self._routes:
            self._routes[key] = _shortest(self._pairs.get(venue, {}), asset)
        return self._routes[key]


def _shortest(pairs: Mapping[str, tuple[str, str]], asset: str) -> tuple[Hop, ...] | None:
    frontier: list[tuple[str, tuple[Hop, ...]]] = [(asset, ())]
    seen = {asset}
    for _ in range(MAX_HOPS + 1):
        following: list[tuple[str, tuple[Hop, ...]]] = []
        for here, hops in frontier:
            if here == ACCOUNT_CURRENCY:
                return hops
            for symbol, (base, quote) in pairs.items():
                there = quote if here == base else base if here == quote else None
                if there is not None and there not in seen:
                    seen.add(there)
                    following.append((there, (*hops, (symbol, here == base))))
        frontier = following
    return None
