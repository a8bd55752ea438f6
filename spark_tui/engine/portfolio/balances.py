"""Balances are the venue's word, absolute; older news than what is known is ignored."""

from decimal import Decimal

from spark_tui.domain.account import Balance
from spark_tui.venues.port import BalancesReport


class BalanceBook:
    """By venue and asset."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Balance]] = {}
        self._times: dict[tuple[str, str], int] = {}
        # told whole, with an older stamp than what is known
        self._doubted: dict[tuple[str, str], Balance | None] = {}

    def take(self, report: BalancesReport) -> bool:
        """Older news of an asset than what is known is ignored, unless two whole answers in a row say the
        same: then it is the venue's clock that stepped back.

        True: something was ignored that says otherwise, so ask for the whole.
        """
        known = self.held.setdefault(report.venue, {})
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
        return doubts

    def free(self, venue: str) -> dict[str, Decimal]:
        """Free balance by asset; empty until the venue told."""
        return {asset: balance.free for asset, balance in self.held.get(venue, {}).items()}

    def totals(self, venue: str) -> dict[str, Decimal]:
        return {asset: balance.total for asset, balance in self.held.get(venue, {}).items()}

    def as_of(self, venue: str) -> dict[str, int]:
        """When the venue changed each balance last, also of assets that are gone."""
        return {asset: at_ms for (where, asset), at_ms in self._times.items() if where == venue}
