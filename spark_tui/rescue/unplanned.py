"""What the last orders of an engine traded in instruments of which its plan says nothing.

The plan is a second younger than an order at best, and older where the disk was full. The ledger names the
orders; what came of them is the venue's word.
"""

from collections.abc import Iterable

import msgspec

from spark_tui.domain.decimals import ZERO, plain
from spark_tui.rescue.flatten import Residue
from spark_tui.venues.kill_plan import Held, LastOrder
from spark_tui.venues.port import Venue, VenueError
from spark_tui.venues.sweep import text_of

MAX_ASKED = 50  # orders of one instrument, one by one
_PAGE = 1_000


class Unplanned(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: to be closed like what the plan names. `residue`: what nobody can tell."""

    held: tuple[Held, ...] = ()
    residue: tuple[Residue, ...] = ()


async def unplanned(orders: Iterable[LastOrder], planned: Iterable[Held], venue: Venue) -> Unplanned:
    """`orders`: of this venue, oldest first. Never raises a VenueError: it is residue."""
    told = {one.symbol for one in planned if one.quantity or one.counted_to is not None}
    strange: dict[str, list[LastOrder]] = {}
    for order in orders:
        if order.symbol not in told:
            strange.setdefault(order.symbol, []).append(order)
    if not strange:
        return Unplanned()
    held, residue = list[Held](), list[Residue]()
    for symbol, sent in strange.items():
        try:
            first, missing = await _first_trade(symbol, sent, venue)
            if first is not None:
                held.append(await _held_from(symbol, first, venue))
        except VenueError as error:
            missing = text_of(error)
        if missing:
            residue.append(_left(symbol, venue, missing))
    return Unplanned(held=tuple(held), residue=tuple(residue))


async def _first_trade(symbol: str, orders: list[LastOrder], venue: Venue) -> tuple[int | None, str]:
    """The earliest trade that one of them made, if any, and what the venue does not tell. Raises
    VenueError."""
    ids = list[int]()
    missing = f"only the latest {MAX_ASKED} of {len(orders)} orders were looked at"
    missing = missing if len(orders) > MAX_ASKED else ""
    for order in orders[-MAX_ASKED:]:
        report = await venue.query(symbol, order.client_order_id)
        if report is None or not report.filled:
            continue
        trades = await venue.trades(symbol, venue_order_id=report.venue_order_id, limit=_PAGE)
        told = sum((one.fill.quantity for one in trades), ZERO)
        if told < report.filled:
            name = order.client_order_id
            missing = f"{name} traded {plain(report.filled)}, and the venue lists {plain(told)} of it"
        ids += [int(one.fill.trade_id) for one in trades]
    return min(ids, default=None), missing


async def _held_from(symbol: str, first: int, venue: Venue) -> Held:
    """Nothing of ours was traded before: what lies further back is not the engine's. Raises VenueError."""
    known = next((one for one in await venue.instruments() if one.symbol == symbol), None)
    base, quote = (known.base, known.quote) if known is not None else ("", "")
    return Held(symbol=symbol, base=base, quote=quote, quantity=ZERO, counted_to=first - 1)


def _left(symbol: str, venue: Venue, why: str) -> Residue:
    text = f"what the engine's last orders traded is not known: {why}"
    return Residue(venue=venue.name, symbol=symbol, quantity=ZERO, dust=False, text=text)
