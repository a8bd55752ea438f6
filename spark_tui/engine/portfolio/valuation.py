"""What an asset is worth in the account's currency, now and a while ago, through the instruments that are
streamed. A price that is missing makes a worth unknown, never 0."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from spark_tui.domain.accounting import ACCOUNT_CURRENCY
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import ONE, from_float
from spark_tui.domain.instrument import Instrument
from spark_tui.engine.market import Market

MAX_HOPS = 3
FRESH_MS = 5_000  # a moment so recent is valued at the book as it is

Hop = tuple[str, bool]  # (symbol, True: multiply by its price, False: divide)


class Valuation:
    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        self._pairs: dict[str, dict[str, tuple[str, str]]] = {}  # venue -> symbol -> (base, quote)
        self._routes: dict[tuple[str, str], tuple[Hop, ...] | None] = {}
        self._kept: dict[tuple[str, str], Decimal | None] | None = None

    def kept(self) -> "Valuation":
        """For one view: every price is looked up once and stays as it was then."""
        still = Valuation(self._markets)
        still._pairs, still._routes, still._kept = self._pairs, self._routes, {}
        return still

    def set_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        """Prices between assets go through the instruments that are streamed."""
        streamed = self._markets[venue].symbols
        self._pairs[venue] = {
            one.symbol: (one.base, one.quote) for one in instruments if one.symbol in streamed
        }
        self._routes.clear()

    def mark(self, venue: str, symbol: str) -> Decimal | None:
        """Middle of a usable book, else None."""
        if self._kept is None:
            return self._middle(venue, symbol)
        key = (venue, symbol)
        if key not in self._kept:
            self._kept[key] = self._middle(venue, symbol)
        return self._kept[key]

    def _middle(self, venue: str, symbol: str) -> Decimal | None:
        market = self._markets.get(venue)
        if market is None:
            return None
        quote = market.quote(symbol)
        if isinstance(quote, Unusable):
            return None
        return (from_float(quote.bid) + from_float(quote.ask)) / 2

    def reachable(self, venue: str, asset: str) -> bool:
        """Whether there is any way from `asset` to the account's currency."""
        return self._route(venue, asset) is not None

    def worth(self, venue: str, asset: str, amount: Decimal) -> Decimal | None:
        """`amount` in the account's currency; None while a price on the way is unusable, or when there is no
        way at all."""
        return self._along(venue, asset, amount, lambda symbol: self.mark(venue, symbol))

    def rate_at(self, venue: str, asset: str, time_ms: int, now_ms: int) -> Decimal | None:
        """What one of `asset` was worth at `time_ms`: the book's middle when that is just now, else the close
        of that minute, as far back as it is known."""
        if now_ms - time_ms <= FRESH_MS:
            return self.worth(venue, asset, ONE)
        return self._along(venue, asset, ONE, lambda symbol: self._close(venue, symbol, time_ms))

    def _along(
        self, venue: str, asset: str, amount: Decimal, price_of: Callable[[str], Decimal | None]
    ) -> Decimal | None:
        if amount == 0:
            return Decimal(0)
        route = self._route(venue, asset)
        if route is None:
            return None
        for symbol, multiply in route:
            price = price_of(symbol)
            if not price:
                return None
            amount = amount * price if multiply else amount / price
        return amount

    def _close(self, venue: str, symbol: str, time_ms: int) -> Decimal | None:
        market = self._markets[venue].symbols.get(symbol)
        close = market.close_at(time_ms) if market is not None else None
        return None if close is None else from_float(close)

    def _route(self, venue: str, asset: str) -> tuple[Hop, ...] | None:
        """The shortest chain of streamed instruments from `asset` to the account's currency."""
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
