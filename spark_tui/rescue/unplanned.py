"""What the last orders of an engine traded and its plan does not know of.

The plan may be a second older than an order, and more where the disk was full; and what was traded just now
may not be listed yet, for a copy that answers may lag behind (F54). The ledger names the orders; what came of
them is the venue's word, once it does not contradict itself.
"""

from collections.abc import Iterable

import msgspec

from spark_tui.domain.decimals import ZERO, plain
from spark_tui.rescue.flatten import LAG_S, Residue
from spark_tui.venues.kill_plan import Held, LastOrder
from spark_tui.venues.port import Venue, VenueError
from spark_tui.venues.sweep import text_of
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

MAX_ASKED = 50  # orders of one instrument, one by one
_ASK_EVERY_S = 1.0
_PAGE = 1_000


class Unplanned(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: to be closed like what the plan names. `traded`: more may be held than was seen before.
    `residue`: what nobody can tell."""

    held: tuple[Held, ...] = ()
    traded: bool = False
    residue: tuple[Residue, ...] = ()


class _Found(msgspec.Struct, frozen=True):
    """The earliest trade that one of the orders made, if any, and what the venue does not tell (yet)."""

    first: int | None = None
    missing: str = ""


async def unplanned(
    orders: Iterable[LastOrder], planned: Iterable[Held], venue: Venue, clock: Clock
) -> Unplanned:
    """`orders`: of this venue, oldest first. Never raises a VenueError: it is residue."""
    told = {one.symbol for one in planned if one.quantity or one.counted_to is not None}
    just_now_ms = clock.wall_ns() // NS_PER_MS - int(LAG_S * 1_000)
    asked: dict[str, list[LastOrder]] = {}
    for order in orders:
        if order.symbol not in told or order.at_ms >= just_now_ms:
            asked.setdefault(order.symbol, []).append(order)
    held, residue, traded = list[Held](), list[Residue](), False
    for symbol, sent in asked.items():
        try:
            found = await _caught_up(symbol, sent[-MAX_ASKED:], venue, clock)
            traded = traded or found.first is not None
            if found.first is not None and symbol not in told:
                held.append(await _held_from(symbol, found.first, venue))
            if len(sent) > MAX_ASKED and symbol not in told and not found.missing:
                text = f"only the latest {MAX_ASKED} of {len(sent)} orders were looked at"
                found = _Found(found.first, text)
        except VenueError as error:
            found = _Found(missing=text_of(error))
        if found.missing:
            residue.append(not_known(venue, symbol, found.missing))
    return Unplanned(held=tuple(held), traded=traded, residue=tuple(residue))


async def _caught_up(symbol: str, orders: list[LastOrder], venue: Venue, clock: Clock) -> _Found:
    """Asked again while the venue contradicts itself. Raises VenueError."""
    until_ns = clock.mono_ns() + int(LAG_S * NS_PER_S)
    while True:
        found = await _first_trade(symbol, orders, venue)
        if not found.missing or clock.mono_ns() >= until_ns:
            return found
        await clock.sleep(_ASK_EVERY_S)


async def _first_trade(symbol: str, orders: list[LastOrder], venue: Venue) -> _Found:
    """Raises VenueError."""
    ids, missing = list[int](), ""
    for order in orders:
        name = order.client_order_id
        report = await venue.query(symbol, name)
        if report is None and order.heard:
            missing = f"the venue had a word on {name} and does not know it now"
        if report is None or not report.filled:
            continue
        trades = await venue.trades(symbol, venue_order_id=report.venue_order_id, limit=_PAGE)
        told = sum((one.fill.quantity for one in trades), ZERO)
        if told < report.filled:
            missing = f"{name} traded {plain(report.filled)}, and the venue lists {plain(told)} of it"
        ids += [int(one.fill.trade_id) for one in trades]
    return _Found(min(ids, default=None), missing)


async def _held_from(symbol: str, first: int, venue: Venue) -> Held:
    """Nothing of ours was traded before: what lies further back is not the engine's. Raises VenueError."""
    known = next((one for one in await venue.instruments() if one.symbol == symbol), None)
    base, quote = (known.base, known.quote) if known is not None else ("", "")
    return Held(symbol=symbol, base=base, quote=quote, quantity=ZERO, counted_to=first - 1)


def not_known(venue: Venue, symbol: str, why: str) -> Residue:
    """`symbol` empty: nor in which."""
    text = f"what the engine's last orders traded is not known: {why}"
    return Residue(venue=venue.name, symbol=symbol, quantity=ZERO, dust=False, text=text)
