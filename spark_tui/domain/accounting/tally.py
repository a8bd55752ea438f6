"""Sums in the account's currency, of money in many assets. What has no price is kept apart by asset: a sum
with such a part is unknown, never the part that happens to be known."""

from decimal import Decimal
from enum import StrEnum

from spark_tui.domain.decimals import ONE, ZERO, add, multiply, negate


class Measure(StrEnum):
    REALISED = "REALISED"  # all fees taken off
    FEES = "FEES"  # paid, in whatever asset
    FUNDING = "FUNDING"
    BESIDE = "BESIDE"  # what a position does not know: fees in third assets, funding
    VOLUME = "VOLUME"


class Tally:
    """Of one symbol, strategy or day."""

    def __init__(self) -> None:
        self.trades = 0
        self._known: dict[Measure, Decimal] = {}
        self._unknown: dict[Measure, dict[str, Decimal]] = {}

    def copy(self) -> "Tally":
        other = Tally()
        other.trades = self.trades
        other._known = dict(self._known)
        other._unknown = {measure: dict(parts) for measure, parts in self._unknown.items()}
        return other

    def value(self, measure: Measure) -> Decimal | None:
        """None while a part of it has no price."""
        return None if self.unknown(measure) else self._known.get(measure, ZERO)

    def known(self, measure: Measure) -> Decimal:
        """The part that has a price."""
        return self._known.get(measure, ZERO)

    def unknown(self, measure: Measure) -> dict[str, Decimal]:
        """Amounts without a price, by asset."""
        return self._unknown.get(measure, {})

    def post(self, measure: Measure, asset: str, amount: Decimal, rate: Decimal | None) -> None:
        """`rate`: one of `asset` in the account's currency; None: not known yet."""
        if not amount:
            return
        if rate is not None:
            worth = amount if rate is ONE else multiply(amount, rate)
            self._known[measure] = add(self._known.get(measure, ZERO), worth)
        else:
            self._hold(measure, asset, amount)

    def price(self, measure: Measure, asset: str, amount: Decimal, rate: Decimal) -> None:
        """What was posted without a rate has one now."""
        if amount:
            self._hold(measure, asset, negate(amount))
            self.post(measure, asset, amount, rate)

    def absorb(self, other: "Tally") -> None:
        self.trades += other.trades
        for measure, amount in other._known.items():
            self._known[measure] = add(self.known(measure), amount)
        for measure, parts in other._unknown.items():
            for asset, amount in parts.items():
                self._hold(measure, asset, amount)

    def _hold(self, measure: Measure, asset: str, amount: Decimal) -> None:
        parts = self._unknown.get(measure)
        if parts is None:
            parts = self._unknown[measure] = {}
        total = add(parts.get(asset, ZERO), amount)
        if total:
            parts[asset] = total
        else:
            parts.pop(asset, None)

    def digest(self) -> list[object]:
        """Plain data; equal tallies give equal digests."""
        unknown = [[measure, sorted(self.unknown(measure).items())] for measure in Measure]
        return [self.trades, [self.known(measure) for measure in Measure], unknown]
