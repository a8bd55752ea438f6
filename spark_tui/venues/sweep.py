"""Cancel everything at a venue: the engine's kill switch and the kill process do it by the same code, which
needs nothing but the venue."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from spark_tui.venues.port import OrderReport, Venue, VenueError

ROUNDS = 3


class Sweep(msgspec.Struct, frozen=True):
    """What one pass cancelled, what is still open, and what went wrong. `known`: the venue said what is
    open, so an empty `left` means nothing."""

    canceled: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    known: bool = True


def merged(parts: Iterable[Sweep]) -> Sweep:
    """The passes over several venues as one."""
    passes = tuple(parts)
    return Sweep(
        canceled=tuple(dict.fromkeys(client_id for part in passes for client_id in part.canceled)),
        left=tuple(client_id for part in passes for client_id in part.left),
        errors=tuple(text for part in passes for text in part.errors),
        known=all(part.known for part in passes),
    )


async def sweep(venue: Venue, symbols: Iterable[str], on_report: Callable[[OrderReport], None]) -> Sweep:
    """Cancel by symbol what is known of at once, then ask the venue what is left and cancel that too.

    Never raises: whatever the adapter or `on_report` does ends in `errors`.
    """
    canceled: dict[str, None] = {}
    errors: list[str] = []
    left: tuple[str, ...] = ()
    wanted = sorted(set(symbols))
    for round_number in range(ROUNDS):
        errors.clear()
        await asyncio.gather(*(_cancel(venue, symbol, canceled, errors, on_report) for symbol in wanted))
        try:
            reports = await venue.open_orders()
        except Exception as error:  # whatever the adapter raises: cancelling what we knew was done before
            errors.append(f"{venue.name} did not say what is still open: {text_of(error)}")
            return Sweep(tuple(canceled), left, tuple(errors), known=False)
        left = tuple(report.client_order_id for report in reports)
        wanted = sorted({report.symbol for report in reports})
        if not left:
            break
        if round_number == ROUNDS - 1:
            errors.append(f"{len(left)} orders are still open at {venue.name}.")
    return Sweep(tuple(canceled), left, tuple(errors))


async def _cancel(
    venue: Venue,
    symbol: str,
    canceled: dict[str, None],
    errors: list[str],
    on_report: Callable[[OrderReport], None],
) -> None:
    try:
        reports = await venue.cancel_all(symbol)
    except Exception as error:  # one symbol's failure must not keep the others from being cancelled
        errors.append(f"{symbol} at {venue.name}: {text_of(error)}")
        return
    for report in reports:
        canceled.setdefault(report.client_order_id)
        try:
            on_report(report)
        except Exception as error:  # bookkeeping, screen or log in trouble: the cancel itself is done
            errors.append(f"{report.client_order_id} is cancelled but not booked: {text_of(error)}.")


def text_of(error: Exception) -> str:
    """One line for an operator."""
    if isinstance(error, VenueError):
        return f"{error.code}: {error.text}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
