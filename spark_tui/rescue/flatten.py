"""Close what is held, at market, and say what could not be closed.

The one order path belongs to the engine (DESIGN 2); here no engine is alive. So that nothing goes wrong
without it, an order never opens risk: it closes at most what is held, is sent once, and one whose fate is not
known is asked about and never sent again.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

import msgspec

from spark_tui.domain import filters
from spark_tui.domain.decimals import ZERO, from_float, plain
from spark_tui.domain.instrument import Instrument, LotSize, MarketLotSize, MinNotional, Notional
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.rescue.patience import Patience
from spark_tui.rescue.positions import held_now
from spark_tui.venues.kill_marks import kill_order_id
from spark_tui.venues.kill_plan import Held
from spark_tui.venues.port import TRADES_LAG_S, OrderReport, OrderStatus, Reaction, Venue, VenueError
from spark_tui.venues.sweep import text_of

ROUNDS = 5  # a market order may fill in part only, and a big one goes in several
ASK_EVERY_S = 1.0
UNLISTED = "what another kill sold just now may not be listed yet, and nobody waited for that"
CLOSED_SINCE = (
    "not closed: another kill may have closed it already, and the plan cannot tell;"
    " an engine finds out within a minute of its start"
)
UNNOTED = "a sale could not be noted on disk, and the plan cannot tell trades apart; free some space"
A_FILTER = "-1013"
ROOM = Decimal("1.1")  # the venue compares with an average price, we with the best one
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


class Residue(msgspec.Struct, frozen=True, kw_only=True):
    """What is still held. `dust`: too small for the venue to take, so that nothing more can be done. A
    `quantity` of zero: how much is not known; an empty `symbol`: nor in which instrument."""

    venue: str
    symbol: str
    quantity: Decimal
    dust: bool
    text: str


class Flattened(msgspec.Struct, frozen=True, kw_only=True):
    """Client ids of the orders that were sent, and what they left."""

    orders: tuple[str, ...] = ()
    residue: tuple[Residue, ...] = ()


class Others(Protocol):
    """The kills that close positions beside this one."""

    async def unlisted_s(self, lag_s: float, window_s: float) -> float:
        """Until what they closed is `lag_s` old; an order whose fate they did not know may have traded until
        `window_s` after it was sent."""

    async def may_have_closed(self, venue: str, held: Held) -> bool:
        """Whether they closed what the plan still has, as far as anybody can tell."""

    async def closing(self) -> bool:
        """Tell them that this one does, before it does; whether they will hear it."""

    async def answered(self, *, sold: bool) -> None:
        """Tell them that the fate of what it sent is known, and whether that traded."""


class Flattener:
    """`run` distinguishes this kill's client order ids from every other's."""

    def __init__(self, venue: Venue, patience: Patience, run: str, others: Others) -> None:
        self._venue = venue
        self._patience = patience
        self._run = run
        self._others = others
        self._alone = False
        self._orders: list[str] = []
        self._undecided: dict[str, str] = {}  # by symbol: why nothing more is sent there
        self._sent = 0
        self._own: set[str] = set()  # the venue's numbers of its orders
        self._moved: dict[str, Decimal] = {}  # by symbol, signed base: what they did to the position

    @property
    def orders(self) -> tuple[str, ...]:
        return tuple(self._orders)

    async def flatten(self, positions: Iterable[Held]) -> Flattened:
        """Never raises; a position that cannot be closed is residue, with why. May be called again: it names
        all orders so far."""
        try:
            known = {one.symbol: one for one in await self._venue.instruments()}
        except VenueError as error:
            why = f"not closed: {text_of(error)}"
            may_be_held = [one for one in positions if one.quantity or one.counted_to is not None]
            residue = tuple(self._left(self._less_own(one), why) for one in may_be_held)
            return Flattened(orders=self.orders, residue=residue)
        left = [await self._close(one, known.get(one.symbol)) for one in positions]
        return Flattened(orders=self.orders, residue=tuple(one for one in left if one is not None))

    async def _close(self, planned: Held, instrument: Instrument | None) -> Residue | None:
        why, listed = "the venue lists it no more", planned
        held = self._less_own(listed)
        if planned.symbol in self._undecided:
            return self._left(held, f"not closed: {self._undecided[planned.symbol]}")
        mixed = planned.counted_to is None and planned.symbol not in self._moved  # what it sold it knows
        if planned.quantity and mixed and await self._others.may_have_closed(self._venue.name, planned):
            return self._left(held, CLOSED_SINCE)
        for _ in range(ROUNDS):
            try:
                listed = await held_now(self._venue, listed, self._own)
                held = self._less_own(listed)
                if held.quantity == 0:
                    return None
                if instrument is None:
                    break
                if await self._after_others():
                    continue  # what they closed is listed now
                free = await self._free(held)
                if free <= 0:
                    return self._left(held, f"not closed: no {held.base} is free")
                request = _closing(held, min(held.quantity.copy_abs(), free), instrument)
                failures = filters.check(instrument, request, filters.FilterContext())
                if failures:
                    return self._stays(held, failures[0].text, dust=_below_a_lot(held, instrument))
                report = await self._send(request, held)
            except VenueError as error:
                if error.code == A_FILTER and instrument is not None:
                    return self._stays(held, error.text, dust=await self._is_dust(held, instrument))
                return self._left(held, f"not closed: {text_of(error)}")
            why = f"{report.client_order_id} filled {plain(report.filled)} only"
        return self._left(held, why)

    async def _after_others(self) -> bool:
        """Whether it had to wait: what another kill sold may not be listed yet, and would be sold again.
        Raises VenueError where nobody waits for that."""
        if self._alone:
            return False
        wait_s = await self._others.unlisted_s(TRADES_LAG_S, self._venue.decision_window_ms / 1_000)
        if wait_s > 0 and not await self._patience.waited(wait_s):
            raise VenueError(Reaction.RETRY_SAFE, "NOT_SENT", UNLISTED)
        self._alone = True  # the others wait for this one now
        return wait_s > 0

    def _less_own(self, listed: Held) -> Held:
        """What its own orders closed it was told by their replies: the list of trades may lag behind (F54),
        and what is sold must not be sold again."""
        moved = self._moved.get(listed.symbol, ZERO)
        return msgspec.structs.replace(listed, quantity=listed.quantity + moved)

    async def _free(self, held: Held) -> Decimal:
        """Base that may be sold; what may be bought back is the venue's to judge. Raises VenueError."""
        if held.quantity < 0:
            return held.quantity.copy_abs()
        report = await self._venue.balances()
        return next((one.free for one in report.balances if one.asset == held.base), Decimal(0))

    async def _send(self, request: OrderRequest, held: Held) -> OrderReport:
        """Once; what is not known is found out. Raises VenueError."""
        noted = await self._others.closing()
        if not noted and held.counted_to is None:  # nothing else would tell the next kill
            await self._others.answered(sold=False)
            raise VenueError(Reaction.RETRY_SAFE, "NOT_SENT", UNNOTED)
        self._sent += 1
        client_id = kill_order_id(self._run, self._sent)
        self._orders.append(client_id)
        try:
            report = await self._venue.place(client_id, request, lambda: None)
        except VenueError as error:
            if error.reaction is not Reaction.UNKNOWN:
                self._orders.remove(client_id)
                await self._others.answered(sold=False)
                raise
            report = await self._fate(request.symbol, client_id, error)
        await self._others.answered(sold=report.filled > 0)
        self._own.add(report.venue_order_id)
        moved = report.filled if request.side is Side.BUY else -report.filled
        fees = sum((one.commission for one in report.fills if one.commission_asset == held.base), ZERO)
        self._moved[request.symbol] = self._moved.get(request.symbol, ZERO) + moved - fees
        return report

    async def _fate(self, symbol: str, client_id: str, doubt: VenueError) -> OrderReport:
        """The venue's word on an order, asked for until it could not come alive any more or nobody waits.
        Without one nothing more is sent there."""
        until_ms = self._venue.server_time_ms() + self._venue.decision_window_ms
        while self._venue.server_time_ms() <= until_ms and await self._patience.waited(ASK_EVERY_S):
            try:
                report = await self._venue.query(symbol, client_id)
            except VenueError:
                continue
            if report is not None and report.status in ENDED:
                return report
        text = f"the fate of {client_id} is not known; look at the exchange's own site"
        self._undecided[symbol] = text
        raise VenueError(Reaction.UNKNOWN, doubt.code, text)

    async def _is_dust(self, held: Held, instrument: Instrument) -> bool:
        """Whether what is held is worth less than the venue takes: a filter may also say that it is too much,
        and a position that large must not pass for dust. Without a price it is none."""
        if _below_a_lot(held, instrument):
            return True
        least = max(
            (rule.min_notional for rule in instrument.filters if isinstance(rule, MinNotional | Notional)),
            default=Decimal(0),
        )
        try:
            book = await self._venue.depth_snapshot(held.symbol, 5)
        except VenueError:
            return False
        levels = book.bids if held.quantity > 0 else book.asks
        return bool(levels) and held.quantity.copy_abs() * from_float(levels[0][0]) < least * ROOM

    def _stays(self, held: Held, text: str, *, dust: bool) -> Residue:
        return self._left(held, f"{'dust' if dust else 'not closed'}: {text}", dust=dust)

    def _left(self, held: Held, text: str, *, dust: bool = False) -> Residue:
        return Residue(
            venue=self._venue.name, symbol=held.symbol, quantity=held.quantity, dust=dust, text=text
        )


def _below_a_lot(held: Held, instrument: Instrument) -> bool:
    """Of what is held, not of what is free: the rest of it may only be locked."""
    return any(
        held.quantity.copy_abs() < max(rule.min_quantity, rule.step_size)
        for rule in instrument.filters
        if isinstance(rule, LotSize | MarketLotSize)
    )


def _closing(held: Held, quantity: Decimal, instrument: Instrument) -> OrderRequest:
    """At most `quantity` and what one market order may carry, on the step."""
    for rule in instrument.filters:
        if isinstance(rule, LotSize | MarketLotSize) and rule.max_quantity > 0:
            quantity = min(quantity, rule.max_quantity)
    request = OrderRequest(
        venue=instrument.venue,
        symbol=held.symbol,
        side=Side.SELL if held.quantity > 0 else Side.BUY,
        type=OrderType.MARKET,
        quantity=quantity,
    )
    return filters.quantise(instrument, request)[0]
