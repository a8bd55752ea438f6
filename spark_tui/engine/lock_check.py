"""What the venue holds locked against what open orders lock."""

from decimal import Decimal

from spark_tui.domain.decimals import plain
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.differences import DifferenceBook, Found, Row
from spark_tui.engine.exposure import locks
from spark_tui.venues.port import BalancesReport


class LockCheck:
    """One venue's. An order may come or go between two questions, so only a gap that two passes find alike is
    asked about."""

    def __init__(self, venue: str, books: Bookkeeper, differences: DifferenceBook) -> None:
        self._venue = venue
        self._books = books
        self._differences = differences
        self._gaps: dict[str, Decimal] = {}  # asset -> unexplained lock of the pass before

    def rows(self, report: BalancesReport) -> list[Row]:
        """What asks, of this pass."""
        state = self._books.state
        orders = [*state.open_orders(self._venue), *self._books.open_externals(self._venue)]
        explained, unclear = locks(orders, state, self._books.assets)
        for venue, symbol, _ in self._books.in_lists:  # which leg is which is not known of other people's
            unclear.update(self._books.assets(venue, symbol) or ())
        gaps, rows = {}, []
        for balance in report.balances:
            gap = balance.locked - explained.get(balance.asset, Decimal(0))
            if gap == 0 or balance.asset in unclear:
                continue
            gaps[balance.asset] = gap
            if self._gaps.get(balance.asset) == gap:
                rows += self._ask(balance.asset, balance.locked, gap)
        self._gaps = gaps
        return rows

    def _ask(self, asset: str, locked: Decimal, gap: Decimal) -> list[Row]:
        found = Found(
            kind="BALANCE",
            symbol=asset,
            subject=plain(gap),
            local=f"open orders lock {plain(locked - gap)} {asset}",
            remote=f"{plain(locked)} {asset} are locked",
        )
        row = self._differences.ask(self._venue, found, ("accept",))
        return [] if row is None else [(row, _nothing)]


def _nothing(choice: str) -> None:
    """That it was accepted is all there is to it."""
