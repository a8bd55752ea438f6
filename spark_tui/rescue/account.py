"""One account's share of a kill: cancel what is open, close what is held, and look again where an order was
on its way."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, datetime

import msgspec

from spark_tui.rescue import late
from spark_tui.rescue.flatten import Flattener, Others, Residue
from spark_tui.rescue.patience import Patience
from spark_tui.rescue.turn import Turn
from spark_tui.rescue.unplanned import MIXED, not_known, positions, uncertain
from spark_tui.venues.kill_plan import KILL_AGAIN, Held, LastOrder, LastOrders, VenuePlan
from spark_tui.venues.port import TRADES_LAG_S, OrderReport, Venue
from spark_tui.venues.sweep import Sweep, sweep, text_of
from spark_tui.wire.clock import NS_PER_S, Clock

VENUE_PATIENCE_S = 45.0  # a ban that ends sooner is waited for

ReadOrders = Callable[[], Awaitable[LastOrders | None]]
"""Of the ledger; None where it does not say."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `cure`: what to do where that is not all."""

    swept: Sweep
    flattened: tuple[str, ...] = ()
    residue: tuple[Residue, ...] = ()
    cure: str = KILL_AGAIN

    @property
    def done(self) -> bool:
        return self.swept.known and not self.swept.left and all(one.dust for one in self.residue)


def unknown(text: str, cure: str = KILL_AGAIN) -> Part:
    return Part(swept=Sweep(errors=(text,), known=False), cure=cure)


class Account:
    """`turn`: one kill at a time closes positions."""

    def __init__(
        self,
        venue: Venue,
        plan: VenuePlan,
        clock: Clock,
        *,
        turn: Turn,
        others: Others,
        patience: Patience,
        last_orders: ReadOrders,
    ) -> None:
        self._venue = venue
        self._plan = plan
        self._clock = clock
        self._turn = turn
        self._patience = patience
        self._last_orders = last_orders
        self._flattener = Flattener(venue, patience, secrets.token_hex(4), others)

    async def kill(self, *, flatten: bool, engine_sees_to_it: bool) -> Part:
        """Never raises. `engine_sees_to_it`: to orders that are on their way; it closes no position."""
        part = await self._cancel(one.symbol for one in self._plan.held)
        if part.swept.wait_s > 0:
            return part  # still banned: nothing can be sold either, and trying makes it longer
        if not flatten and (engine_sees_to_it or not part.swept.known):
            return part
        try:
            return await self._see_out(part, flatten=flatten)
        except Exception as error:
            part = msgspec.structs.replace(part, flattened=self._flattener.orders)
            return _short(part, f"{self._plan.venue}: {text_of(error)}")

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # what was done stands, however the connection ends
            await self._venue.close()

    # --- cancel --------------------------------------------------------------------------------------------

    async def _cancel(self, symbols: Iterable[str]) -> Part:
        """A ban that ends soon is waited for: asking meanwhile would make it longer."""
        wanted = tuple(symbols)
        canceled: dict[str, None] = {}
        until_ns = self._clock.mono_ns() + int(VENUE_PATIENCE_S * NS_PER_S)
        while True:
            swept = await self._pass(wanted)
            canceled |= dict.fromkeys(swept.canceled)
            swept = msgspec.structs.replace(swept, canceled=tuple(canceled))
            if (swept.known and not swept.left) or swept.wait_s <= 0:
                return Part(swept=swept)
            if not await self._left_alone(swept.wait_s, until_ns):
                return Part(swept=swept, cure=_not_before(self._clock, swept.wait_s))

    async def _pass(self, symbols: Iterable[str]) -> Sweep:
        gone: dict[str, None] = {}  # what was cancelled until then counts although the pass is cut off

        def heard(report: OrderReport) -> None:
            gone.setdefault(report.client_order_id)

        try:
            async with asyncio.timeout(VENUE_PATIENCE_S):
                return await sweep(self._venue, symbols, heard)
        except TimeoutError:
            text = f"{self._venue.name} did not answer within {VENUE_PATIENCE_S:g} s."
            return Sweep(canceled=tuple(gone), errors=(text,), known=False)

    async def _left_alone(self, seconds: float, until_ns: int) -> bool:
        """Wait for a ban to end; False at once when it lasts longer than the kill does."""
        if self._clock.mono_ns() + int(seconds * NS_PER_S) > until_ns:
            return False
        self._patience.say(f"{self._venue.name} wants to be left alone for {seconds:.0f} s; the kill waits.")
        return await self._patience.waited(seconds)

    # --- see out -------------------------------------------------------------------------------------------

    async def _see_out(self, part: Part, *, flatten: bool) -> Part:
        """Nothing is closed before whatever was on its way has come alive or cannot any more."""
        found = await self._last_orders()
        if found is None:
            return await self._see_out_unread(part, flatten=flatten)
        named = {one.client_order_id: one for one in self._plan.open}  # of these the ledger knows better
        named |= {one.client_order_id: one for one in found.orders if one.venue == self._venue.name}
        mine = tuple(named.values())
        doubtful = [one for one in mine if self._doubtful(one, part)]
        missing = await late.unknown(doubtful, self._venue) if doubtful else ()
        waited = True
        if missing:
            seconds = late.wait_s(missing, self._venue, self._clock)
            text = late.told(len(missing), self._clock, seconds, flatten=flatten)
            self._patience.say(f"{self._venue.name}: {text}")
            waited = await self._patience.waited(seconds)
        if doubtful:
            part = await self._swept_again(part, {one.symbol for one in doubtful})
        if flatten and found.whole:
            part = await self._flatten(mine, self._plan.held, part)
        elif flatten:  # a sale may be the first that is read of, and closing that would buy
            left = not_known(self._venue, "", late.CUT_OFF)
            part = msgspec.structs.replace(part, residue=(left,), cure=late.CLOSE_THERE)
        if waited:
            return part
        left_s = late.wait_s(missing, self._venue, self._clock)
        return _short(part, late.unwaited(missing), late.again_at(self._clock, left_s))

    def _doubtful(self, order: LastOrder, part: Part) -> bool:
        """Whether it may have come alive since, or still will."""
        unanswered = not order.heard and order.client_order_id not in part.swept.canceled
        return unanswered and late.wait_s((order,), self._venue, self._clock) > 0

    async def _see_out_unread(self, part: Part, *, flatten: bool) -> Part:
        """Nobody says what was on its way, or traded just now: whatever it is, it left before now."""
        seconds = late.window_s(self._venue)
        text = late.unread(self._clock, seconds, flatten=flatten)
        self._patience.say(f"{self._venue.name}: {text}")
        if not await self._patience.waited(seconds):
            left = (not_known(self._venue, "", late.UNREAD_HELD),) if flatten else ()
            part = msgspec.structs.replace(part, residue=left)
            return _short(part, late.UNREAD_UNWAITED, late.again_at(self._clock, seconds))
        part = await self._swept_again(part, {one.symbol for one in self._plan.held})
        if flatten and not part.swept.wait_s:
            part = await self._flatten_unread(part)
        return _with_errors(part, late.UNREAD_LOOKED)

    async def _flatten_unread(self, part: Part) -> Part:
        """What is sold must be listed by then, and be told from what the plan counts."""
        planned = self._plan.held
        left = [not_known(self._venue, one.symbol, MIXED) for one in planned if uncertain(one)]
        if await self._patience.waited(TRADES_LAG_S):
            part = await self._flatten((), [one for one in planned if not uncertain(one)], part)
        left.append(not_known(self._venue, "", late.UNREAD_HELD))
        return msgspec.structs.replace(part, residue=(*part.residue, *left), cure=late.REPAIR)

    async def _swept_again(self, part: Part, symbols: Iterable[str]) -> Part:
        again = await self._cancel(symbols)
        canceled = tuple(dict.fromkeys((*part.swept.canceled, *again.swept.canceled)))
        return msgspec.structs.replace(again, swept=msgspec.structs.replace(again.swept, canceled=canceled))

    # --- close ---------------------------------------------------------------------------------------------

    async def _flatten(self, orders: Collection[LastOrder], planned: Collection[Held], part: Part) -> Part:
        """`orders`: ours at the end of the ledger."""
        swept = part.swept
        if swept.wait_s > 0:
            return part
        if not await self._turn.take():
            text = f"No position was closed: {self._turn.trouble}; kill again when that is over."
            return _short(part, text)
        canceled = dict.fromkeys(swept.canceled)
        until_ns = self._clock.mono_ns() + int(VENUE_PATIENCE_S * NS_PER_S)
        while True:
            settled = await positions(orders, planned, swept.left, self._venue, self._clock, self._patience)
            done = await self._flattener.flatten(settled.held)
            again = await self._pass(())
            canceled |= dict.fromkeys(again.canceled)
            if again.wait_s <= 0 or not await self._left_alone(again.wait_s, until_ns):
                break
        whole = Sweep(
            canceled=tuple(canceled),
            left=again.left,
            errors=again.errors if again.known else (*swept.errors, *again.errors),
            known=again.known,
            wait_s=again.wait_s,
        )
        cure = _not_before(self._clock, again.wait_s) if again.wait_s > 0 else KILL_AGAIN
        residue = (*done.residue, *settled.residue)
        return Part(swept=whole, flattened=done.orders, residue=residue, cure=cure)


def _with_errors(part: Part, *texts: str) -> Part:
    swept = msgspec.structs.replace(part.swept, errors=(*part.swept.errors, *texts))
    return msgspec.structs.replace(part, swept=swept)


def _short(part: Part, why: str, cure: str = KILL_AGAIN) -> Part:
    """Not everything was looked at."""
    part = _with_errors(part, why)
    return msgspec.structs.replace(part, swept=msgspec.structs.replace(part.swept, known=False), cure=cure)


def _not_before(clock: Clock, wait_s: float) -> str:
    then = datetime.fromtimestamp(clock.wall_ns() / NS_PER_S + wait_s, UTC)
    return (
        f"Kill again at {then:%H:%M:%S} UTC and not before: whatever is sent during a ban makes it longer."
        " Until then cancel at the exchange's own site."
    )
