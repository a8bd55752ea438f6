"""What may be closed: the plan's positions and what an engine's last orders traded beside them, once nothing
of that is unsettled.

The plan may be a second older than an order, and more where the disk was full; and what was traded just now
may not be listed yet, for a copy that answers may lag behind (F54). The ledger names the orders; what came of
them is the venue's word, once it does not contradict itself. Before anything is sold in an instrument, every
order of ours that could have traded there since the list of trades was surely whole is asked about: it has
ended, and its trades are listed. Where that is not known, nothing is sold: what is sold twice is worse.
"""

from collections.abc import Container, Iterable

import msgspec

from spark_tui.domain.decimals import ZERO, plain
from spark_tui.rescue import late
from spark_tui.rescue.flatten import ENDED, Residue
from spark_tui.rescue.patience import Patience
from spark_tui.venues.kill_plan import Held, LastOrder
from spark_tui.venues.port import TRADES_LAG_S, Venue
from spark_tui.venues.sweep import text_of
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

MAX_ASKED = 50  # orders of one instrument, one by one; with more it is simply waited, where that helps
_FIRST_PAUSE_S = 1.0  # each is twice the one before: the sale needs request weight too
MIXED = "its trades cannot be told from those the plan counts"
_PAGE = 1_000


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: what may be closed. `residue`: instruments of which it is not known what is held, and why."""

    held: tuple[Held, ...] = ()
    residue: tuple[Residue, ...] = ()


class _Word(msgspec.Struct, frozen=True):
    """On one order: the first of its trades, if any, and what the venue does not tell (yet)."""

    first: int | None = None
    missing: str = ""


class _Asked(msgspec.Struct, frozen=True):
    """Of one instrument: what the plan says, and the orders in question, oldest first."""

    planned: Held | None
    orders: list[LastOrder]

    @property
    def listed(self) -> bool:
        """Whether the venue's list says what was traded since the plan."""
        return self.planned is not None and self.planned.counted_to is not None

    @property
    def counted(self) -> bool:
        return self.planned is not None and uncertain(self.planned)

    @property
    def crowded(self) -> bool:
        return len(self.orders) > MAX_ASKED


def uncertain(planned: Held) -> bool:
    """Whether the plan has a position, and cannot tell which trades are in it."""
    return planned.counted_to is None and planned.quantity != 0


async def positions(
    orders: Iterable[LastOrder],
    planned: Iterable[Held],
    still_open: Container[str],
    venue: Venue,
    clock: Clock,
    patience: Patience,
) -> Positions:
    """`orders`: of this venue, oldest first; `still_open`: those that could not be cancelled. Takes at most
    TRADES_LAG_S, and never raises: what goes wrong is residue."""
    asked = _asked(orders, planned, clock)
    wanted = [
        one
        for symbol in asked.values()
        if not (symbol.listed and symbol.crowded)
        for one in symbol.orders[-MAX_ASKED:]
    ]
    until_ns = clock.mono_ns() + int(TRADES_LAG_S * NS_PER_S)
    words = await _Asking(venue, clock, patience, still_open, until_ns).all_of(wanted)
    whole = True
    if any(one.listed and one.crowded for one in asked.values()):
        whole = await patience.waited((until_ns - clock.mono_ns()) / NS_PER_S)
    held, residue = list[Held](), list[Residue]()
    for symbol, one in asked.items():
        told = [words[order.client_order_id] for order in one.orders if order.client_order_id in words]
        why = _not_told(one, told, whole=whole)
        first = min((word.first for word in told if word.first is not None), default=None)
        try:
            if why:
                residue.append(not_known(venue, symbol, why))
            elif one.planned is not None and (one.listed or one.counted):
                held.append(one.planned)
            elif first is not None:
                held.append(await _held_from(symbol, first, venue))
        except Exception as error:  # the same
            residue.append(not_known(venue, symbol, text_of(error)))
    return Positions(held=tuple(held), residue=tuple(residue))


def _asked(orders: Iterable[LastOrder], planned: Iterable[Held], clock: Clock) -> dict[str, _Asked]:
    """Of what the plan counts, the orders that may have traded in the last TRADES_LAG_S; of the rest, all
    that may have traded at all."""
    asked = {one.symbol: _Asked(one, []) for one in planned}
    just_now_ms = clock.wall_ns() // NS_PER_MS - int(TRADES_LAG_S * 1_000)
    for order in orders:
        one = asked.setdefault(order.symbol, _Asked(None, []))
        just_now = order.ended_ms is None or order.ended_ms > just_now_ms
        if just_now or (order.traded and not (one.listed or one.counted)):
            one.orders.append(order)
    return asked


def _not_told(one: _Asked, told: list[_Word], *, whole: bool) -> str:
    """Why it is not known what is held; empty when it is."""
    if missing := next((word.missing for word in told if word.missing), ""):
        return missing
    if one.counted and any(word.first is not None for word in told):
        return MIXED
    if not one.crowded:
        return ""
    if not one.listed:
        return f"only the latest {MAX_ASKED} of {len(one.orders)} orders were looked at"
    return "" if whole else f"{len(one.orders)} orders may have traded just now, and nobody waited for that"


class _Asking:
    """About orders one by one, again while the venue contradicts itself, somebody waits and there is time."""

    def __init__(
        self, venue: Venue, clock: Clock, patience: Patience, still_open: Container[str], until_ns: int
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._patience = patience
        self._still_open = still_open
        self._until_ns = until_ns

    async def all_of(self, orders: list[LastOrder]) -> dict[str, _Word]:
        """By client order id."""
        words = {
            one.client_order_id: _Word(missing=f"there was no time to ask for {one.client_order_id}")
            for one in orders
        }
        pause_s = _FIRST_PAUSE_S
        while orders and self._left_s > 0:
            for one in orders:
                if self._left_s > 0:
                    words[one.client_order_id] = await self._word_on(one)
            orders = [one for one in orders if words[one.client_order_id].missing]
            if not orders or not await self._patience.waited(max(0.0, min(pause_s, self._left_s))):
                break
            pause_s *= 2
        return words

    @property
    def _left_s(self) -> float:
        return (self._until_ns - self._clock.mono_ns()) / NS_PER_S

    async def _word_on(self, order: LastOrder) -> _Word:
        try:
            return await self._asked_for(order)
        except Exception as error:  # one reply that nobody can read must not keep the rest from being closed
            return _Word(missing=text_of(error))

    async def _asked_for(self, order: LastOrder) -> _Word:
        """Raises VenueError."""
        name = order.client_order_id
        report = await self._venue.query(order.symbol, name)
        if report is None:
            if order.heard:
                return _Word(missing=f"the venue had a word on {name} and does not know it now")
            on_its_way = late.wait_s((order,), self._venue, self._clock) > 0
            return _Word(missing=f"{name} can still come alive" if on_its_way else "")
        first, listed = None, ZERO
        if report.filled:
            trades = await self._venue.trades(order.symbol, venue_order_id=report.venue_order_id, limit=_PAGE)
            first = min((int(one.fill.trade_id) for one in trades), default=None)
            listed = sum((one.fill.quantity for one in trades), ZERO)
        if listed < report.filled:
            text = f"{name} traded {plain(report.filled)}, and the venue lists {plain(listed)} of it"
            return _Word(first, text)
        if report.status not in ENDED and name not in self._still_open:
            return _Word(first, f"{name} is open no more, and the venue does not say yet how it ended")
        return _Word(first)


async def _held_from(symbol: str, first: int, venue: Venue) -> Held:
    """Nothing of ours was traded before: what lies further back is not the engine's. Raises VenueError."""
    known = next((one for one in await venue.instruments() if one.symbol == symbol), None)
    base, quote = (known.base, known.quote) if known is not None else ("", "")
    return Held(symbol=symbol, base=base, quote=quote, quantity=ZERO, counted_to=first - 1)


def not_known(venue: Venue, symbol: str, why: str) -> Residue:
    """`symbol` empty: nor in which."""
    text = f"what the engine's last orders traded is not known: {why}"
    return Residue(venue=venue.name, symbol=symbol, quantity=ZERO, dust=False, text=text)
