"""What a venue lists, with the figures that decide what is worth trading there. No account is needed."""

from collections import Counter
from typing import Protocol

import msgspec

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.selection import Day


class Catalogue(Protocol):
    """The part of a venue that a discovery asks. Each method raises VenueError."""

    @property
    def name(self) -> str: ...

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def days(self) -> tuple[Day, ...]: ...


class CatalogueError(Exception):
    """The venue's answer cannot be built on; one sentence."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's instruments and their last 24 hours, each by symbol."""

    venue: str
    instruments: dict[str, Instrument]
    days: dict[str, Day]


async def listing(catalogue: Catalogue) -> Listing:
    """Raises VenueError, and CatalogueError for a list that is empty or names a symbol twice."""
    instruments, days = await catalogue.instruments(), await catalogue.days()
    for what, symbols in (
        ("instruments", [one.symbol for one in instruments]),
        ("24-hour figures", [one.symbol for one in days]),
    ):
        if not symbols:
            raise CatalogueError(f"{catalogue.name} listed no {what}; nothing can be chosen from that.")
        symbol, times = Counter(symbols).most_common(1)[0]
        if times > 1:
            raise CatalogueError(f"{catalogue.name} listed {symbol} {times} times among its {what}.")
    return Listing(
        venue=catalogue.name,
        instruments={one.symbol: one for one in instruments},
        days={one.symbol: one for one in days},
    )
