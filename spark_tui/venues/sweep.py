"""Cancel everything at a venue: the engine's kill switch and the kill process do it by the same code, which
needs nothing but the venue."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from spark_tui.venues.port import OrderReport, Venue, VenueError

ROUNDS = 3
AT_ONCE = 4  # cancels of single orders: a storm of them must not spend the budget it runs on


class Sweep(msgspec.Struct, frozen=True):
    """What one pass cancelled, what is still open, and what went wrong. `known`: the venue said what is
    open, so an empty `left` means nothing. `wait_s`: how long the venue wants to be left alone (a ban); only
    where it is not known."""

    canceled: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    known: bool = True
    wait_s: float = 0.0


def merged(parts: Iterable[Sweep]) -> Sweep:
    """The passes over several venues as one."""
    passes = tuple(parts)
    return Sweep(
        canceled=tuple(dict.fromkeys(client_id for part in passes for client_id in part.canceled)),
        left=tuple(client_id for part in passes for client_id in part.left),
        errors=tuple(text for part in passes for text in part.errors),
        known=all(part.known for part in passes),
        wait_s=max((part.wait_s for part in passes), default=0.0),
    )


async def sweep(venue: Venue, symbols: Iterable[str], on_report: Callable[[OrderReport], None]) -> Sweep:
    """Cancel by symbol what is known of at once, then ask the venue what is left and cancel that too; what
    no cancel of a whole symbol moves, one by one.

    Never raises: whatever the adapter or `on_report` does ends in `errors`.
    """
    return await _Pass(venue, on_report).run(symbols)


class _Pass:
    """One pass over one venue."""

    def __init__(self, venue: Venue, on_report: Callable[[OrderReport], None]) -> None:
        self._venue = venue
        self._on_report = on_report
        self._canceled: dict[str, None] = {}
        self._errors: list[str] = []
        self._refused: dict[str, str] = {}  # by the venue's order id
        self._wait_s = 0.0
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, symbols: Iterable[str]) -> Sweep:
        left: tuple[OrderReport, ...] = ()
        wanted = sorted(set(symbols))
        for round_number in range(ROUNDS):
            self._errors.clear()
            self._wait_s = 0.0
            if round_number < ROUNDS - 1:
                await asyncio.gather(*(self._cancel_all(symbol) for symbol in wanted))
            else:
                await asyncio.gather(*(self._cancel_one(report) for report in left))
            try:
                left = await self._venue.open_orders()
            except Exception as error:  # whatever the adapter raises: cancelling what we knew was done before
                self._failed(f"{self._venue.name} did not say what is still open", error)
                return self._done(left, known=False)
            wanted = sorted({report.symbol for report in left})
            if not left:
                return self._done(left, known=True)
        self._errors += [
            self._refused[one.venue_order_id] for one in left if one.venue_order_id in self._refused
        ]
        self._errors.append(f"{len(left)} orders are still open at {self._venue.name}.")
        return self._done(left, known=True)

    async def _cancel_all(self, symbol: str) -> None:
        try:
            reports = await self._venue.cancel_all(symbol)
        except Exception as error:  # one symbol's failure must not keep the others from being cancelled
            self._failed(f"{symbol} at {self._venue.name}", error)
            return
        for report in reports:
            self._book(report)

    async def _cancel_one(self, order: OrderReport) -> None:
        """By the venue's own number: other people's names may be carried by several orders."""
        async with self._turns:
            try:
                report = await self._venue.cancel_by_venue_id(order.symbol, order.venue_order_id)
            except Exception as error:  # the same; a leg may be gone with its list, so look before it counts
                self._refused[order.venue_order_id] = f"{order.client_order_id}: {text_of(error)}"
                return
        self._book(report)

    def _book(self, report: OrderReport) -> None:
        self._canceled.setdefault(report.client_order_id)
        try:
            self._on_report(report)
        except Exception as error:  # bookkeeping, screen or log in trouble: the cancel itself is done
            self._errors.append(f"{report.client_order_id} is cancelled but not booked: {text_of(error)}.")

    def _failed(self, what: str, error: Exception) -> None:
        self._errors.append(f"{what}: {text_of(error)}")
        if isinstance(error, VenueError) and error.retry_after_s is not None:
            self._wait_s = max(self._wait_s, error.retry_after_s)

    def _done(self, left: tuple[OrderReport, ...], *, known: bool) -> Sweep:
        return Sweep(
            canceled=tuple(self._canceled),
            left=tuple(report.client_order_id for report in left),
            errors=tuple(self._errors),
            known=known,
            wait_s=0.0 if known else self._wait_s,  # whoever says what is open bans nobody any more
        )


def text_of(error: Exception) -> str:
    """One line for an operator."""
    if isinstance(error, VenueError):
        return f"{error.code}: {error.text}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
