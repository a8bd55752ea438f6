"""The kill as a process of its own: it asks the engine, and does the same itself over its own connection.

Whatever is broken on our side (engine hung or dead, ledger, disk, screen), what rests at the venues is
cancelled. An engine that holds the data directory and does not answer is stopped first and ended last: the
ledger loses nothing by that (DESIGN 3.1), and a hung engine that woke up could send.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from spark_tui.domain.decimals import ZERO
from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages import CancelAllResult, GetStatus, Kill, Status
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import find_engine, is_locked, lock_owner
from spark_tui.rescue import late
from spark_tui.rescue.beside import beside
from spark_tui.rescue.door import open_venue
from spark_tui.rescue.flatten import Flattener, Residue
from spark_tui.rescue.paper import paper_residue, sweep_paper
from spark_tui.rescue.turn import Turn
from spark_tui.venues.kill_marks import Mark, mark_id, remove_mark, write_mark
from spark_tui.venues.kill_plan import KILL_AGAIN, Held, InFlight, KillPlan, PlanError, VenuePlan
from spark_tui.venues.port import OrderReport, Venue
from spark_tui.venues.sweep import Sweep, merged, sweep, text_of
from spark_tui.wire.clock import NS_PER_S, Clock

ENGINE_PATIENCE_S = 4.0
STATUS_PATIENCE_S = 1.0
OPEN_PATIENCE_S = 20.0
VENUE_PATIENCE_S = 45.0  # a ban that ends sooner is waited for
MARK_PATIENCE_S = 2.0  # then the cancels go out; the mark may still come to be
_LOOK_EVERY_S = 0.1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a kill did. `engine`: none | answered | hung. `left`: orders still open; `residue`: positions
    still held, of a kill that flattens. `confirmed`: every venue said what is open. `marked`: the next engine
    starts halted. `cures`: what to do where something is left or not known."""

    engine: str
    canceled: tuple[str, ...]
    left: tuple[str, ...]
    flattened: tuple[str, ...]
    residue: tuple[Residue, ...]
    errors: tuple[str, ...]
    confirmed: bool
    marked: bool = True
    cures: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        return self.confirmed and not self.left and not any(not one.dust for one in self.residue)


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's share."""

    swept: Sweep
    flattened: tuple[str, ...] = ()
    residue: tuple[Residue, ...] = ()
    cure: str = KILL_AGAIN

    @property
    def done(self) -> bool:
        return self.swept.known and not self.swept.left and all(one.dust for one in self.residue)


class Rescue:
    """`operator`, `reason` and `drill` go into the mark, and from there into the next engine's ledger. `say`
    is told what a wait is for. `in_flight` reads what was on its way when the engine ended; it may raise."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        *,
        operator: str,
        reason: str,
        drill: bool = False,
        say: Callable[[str], None] = lambda text: None,
        in_flight: late.Read = tuple,
    ) -> None:
        self.data_dir = data_dir
        self._clock = clock
        at_ms = clock.wall_ns() // 1_000_000
        self._mark = Mark(
            id=mark_id(at_ms, secrets.token_hex(4)),
            reason=reason,
            operator=operator,
            at_ms=at_ms,
            drill=drill,
        )
        self._say = say
        self._in_flight = in_flight
        self._hurried = asyncio.Event()
        self._late: asyncio.Task[tuple[InFlight, ...] | None] | None = None
        self._canceled: list[str] = []
        self._errors: list[str] = []
        self._said: CancelAllResult | None = None
        self._turn = Turn(data_dir, clock)

    async def kill(self, plan: KillPlan, *, flatten: bool, doubt: str = "") -> Outcome:
        """Never raises: what goes wrong is in `errors`. `doubt`: why the plan may not name every venue; then
        only an engine that answered can confirm."""
        self._mark = msgspec.structs.replace(self._mark, flatten=flatten)
        marking = beside(self._leave_mark)
        await asyncio.wait({marking}, timeout=MARK_PATIENCE_S)
        if doubt:
            self._errors.append(doubt)
        engine = await self._ask_engine()
        try:
            with _held_still(lock_owner(self.data_dir) if engine == "hung" else None) as troubles:
                parts = await asyncio.gather(*(self._at(venue, flatten, engine) for venue in plan.venues))
        finally:
            self._turn.release()
        self._errors += troubles
        swept = merged(part.swept for part in parts)
        marked = self._is_marked(marking)
        if engine == "answered" and self._said is not None and self._said.recorded:
            self._unmark()
        elif marked:
            await self._tell_mark((*self._canceled, *swept.canceled))
        whole = bool(plan.venues) and not doubt
        said = self._said
        return Outcome(
            engine=engine,
            canceled=tuple(dict.fromkeys((*self._canceled, *swept.canceled))),
            left=swept.left if whole or said is None else tuple(dict.fromkeys((*said.left, *swept.left))),
            flattened=tuple(one for part in parts for one in part.flattened),
            residue=tuple(one for part in parts for one in part.residue),
            errors=(*self._errors, *swept.errors),
            confirmed=swept.known and (whole or (said is not None and not said.errors and not flatten)),
            marked=marked,
            cures=tuple(dict.fromkeys(part.cure for part in parts if not part.done)),
        )

    def hurry(self) -> None:
        """Wait for nothing any more: neither a ban nor an order on its way. What is known by then is told."""
        self._hurried.set()

    def _leave_mark(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_mark(self.data_dir, self._mark)

    def _is_marked(self, marking: "asyncio.Future[None]") -> bool:
        """A disk that is full or hangs: cancelling mattered more."""
        why = "the disk does not answer"
        if marking.done():
            error = marking.exception()
            if error is None:
                return True
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self._errors.append(
            f"The kill could not be marked in {self.data_dir} ({why}): the next engine will"
            " not start halted; do not start one before that is mended."
        )
        return False

    async def _tell_mark(self, canceled: tuple[str, ...]) -> None:
        """So that the next engine knows whose cancels these were; the halt does not hang on it."""
        mark = msgspec.structs.replace(self._mark, canceled=canceled)
        telling = beside(lambda: write_mark(self.data_dir, mark))
        telling.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({telling}, timeout=MARK_PATIENCE_S)

    def _unmark(self) -> None:
        """It stands in the ledger, so that one which cannot be removed halts nobody."""
        with contextlib.suppress(OSError):
            remove_mark(self.data_dir, self._mark.id)

    async def _ask_engine(self) -> str:
        """none | answered | hung. One that is only just starting is given the time to serve."""
        until_ns = self._clock.mono_ns() + int(ENGINE_PATIENCE_S * NS_PER_S)
        while is_locked(self.data_dir):
            found = find_engine(self.data_dir)
            if found is not None:
                patience_s = max(STATUS_PATIENCE_S, (until_ns - self._clock.mono_ns()) / NS_PER_S)
                return await self._ask(Path(found.socket), patience_s)
            if self._clock.mono_ns() >= until_ns:
                return "hung"  # it holds the directory and does not serve
            await self._clock.sleep(_LOOK_EVERY_S)
        return "none"

    async def _ask(self, socket: Path, patience_s: float) -> str:
        """A venue that is slow makes a slow kill of a sound engine: one that says that it is halted is not
        ended, it goes on cancelling."""
        try:
            async with asyncio.timeout(patience_s):
                link = await RemoteLink.connect(socket, face="kill", operator=self._mark.operator, rate_hz=0)
            try:
                result = await self._halted(link, patience_s)
            finally:
                await link.close()
        except Exception:  # whatever is wrong with it, it did not say that it halted
            return "hung" if is_locked(self.data_dir) else "none"
        if isinstance(result, CancelAllResult):
            self._said = result
            self._canceled += result.canceled
            self._errors += result.errors
        else:
            self._errors.append(
                "The engine halted and is still cancelling; what it cancels is not listed here."
            )
        return "answered"

    async def _halted(self, link: RemoteLink, patience_s: float) -> CancelAllResult | None:
        """What it cancelled, None while it is at it. Raises what a link raises."""
        killing = asyncio.ensure_future(link.call(Kill(reason=self._mark.reason, mark=self._mark.id)))
        try:
            done, _ = await asyncio.wait({killing}, timeout=patience_s)
            if done:
                result = killing.result()
                return result if isinstance(result, CancelAllResult) else None
            async with asyncio.timeout(STATUS_PATIENCE_S):
                status = await link.call(GetStatus())
        finally:
            killing.cancel()
        if isinstance(status, Status) and status.trading_state is TradingState.HALTED:
            return None
        raise TimeoutError

    async def _at(self, plan: VenuePlan, flatten: bool, engine: str) -> _Part:
        """Never raises: one venue's trouble must not keep the others from being cancelled."""
        try:
            if plan.environment is Environment.PAPER:
                return await self._at_paper(plan, flatten, engine)
            async with asyncio.timeout(OPEN_PATIENCE_S):
                venue = await open_venue(plan, self._clock, self.data_dir)
        except TimeoutError:
            return _unknown(f"{plan.venue} did not answer within {OPEN_PATIENCE_S:g} s.")
        except PlanError as error:
            return _unknown(f"{plan.venue}: {error}", error.cure)
        except Exception as error:
            return _unknown(f"{plan.venue}: {text_of(error)}")
        if venue is None:
            return _Part(swept=Sweep())
        part = await self._cancel(venue, plan)
        try:
            if flatten:
                part = await self._flatten(venue, plan, part)
            return part if engine == "answered" else await self._look_again(venue, plan, part, flatten)
        except Exception as error:
            text = f"{plan.venue}: {text_of(error)}"
            return _Part(
                swept=Sweep(part.swept.canceled, part.swept.left, (*part.swept.errors, text), known=False)
            )
        finally:
            with contextlib.suppress(Exception):  # what was done stands, however the connection ends
                await venue.close()

    async def _at_paper(self, plan: VenuePlan, flatten: bool, engine: str) -> _Part:
        swept = sweep_paper(self.data_dir, self._clock, engine)
        if not flatten:
            return _Part(swept=swept)
        residue = await paper_residue(self.data_dir, plan) if swept.known else ()
        cure = "Start an engine, resume, and close the position there." if residue else KILL_AGAIN
        return _Part(swept=swept, residue=residue, cure=cure)

    async def _cancel(self, venue: Venue, plan: VenuePlan) -> _Part:
        """A ban that ends soon is waited for: asking meanwhile would make it longer."""
        canceled: dict[str, None] = {}
        until_ns = self._clock.mono_ns() + int(VENUE_PATIENCE_S * NS_PER_S)
        while True:
            swept = await self._pass(venue, plan)
            canceled |= dict.fromkeys(swept.canceled)
            swept = msgspec.structs.replace(swept, canceled=tuple(canceled))
            if (swept.known and not swept.left) or swept.wait_s <= 0:
                return _Part(swept=swept)
            if not await self._left_alone(venue, swept.wait_s, until_ns):
                return _Part(swept=swept, cure=_not_before(self._clock, swept.wait_s))

    async def _look_again(self, venue: Venue, plan: VenuePlan, part: _Part, flatten: bool) -> _Part:
        """Once nothing that was on its way can come alive any more."""
        if not part.swept.known or part.swept.wait_s > 0:
            return part
        if self._late is None:  # several venues of one kill ask once
            self._late = asyncio.create_task(late.read_within(self._in_flight))
        found = await self._late
        if found is None:
            self._say(late.UNREAD)
            return part
        mine = [one for one in found if one.venue == venue.name]
        mine = [one for one in mine if late.wait_s((one,), venue, self._clock)]
        doubtful = [one for one in mine if one.client_order_id not in part.swept.canceled]
        if not doubtful:
            return part
        missing = await late.unknown(doubtful, venue)
        if missing:
            seconds = late.wait_s(missing, venue, self._clock)
            self._say(f"{venue.name}: {late.told(len(missing), self._clock, seconds)}")
            if not await self._waited(seconds):
                return _unwaited(part, late.unwaited(missing), late.again_at(self._clock, seconds))
        symbols = {one.symbol: Held(symbol=one.symbol, base="", quote="", quantity=ZERO) for one in doubtful}
        swept = await self._pass(venue, msgspec.structs.replace(plan, held=tuple(symbols.values())))
        canceled = tuple(dict.fromkeys((*part.swept.canceled, *swept.canceled)))
        part = msgspec.structs.replace(part, swept=msgspec.structs.replace(swept, canceled=canceled))
        return await self._flatten(venue, plan, part) if flatten else part

    async def _pass(self, venue: Venue, plan: VenuePlan) -> Sweep:
        gone: dict[str, None] = {}  # what was cancelled until then counts although the pass is cut off

        def heard(report: OrderReport) -> None:
            gone.setdefault(report.client_order_id)

        try:
            async with asyncio.timeout(VENUE_PATIENCE_S):
                return await sweep(venue, (one.symbol for one in plan.held), heard)
        except TimeoutError:
            text = f"{venue.name} did not answer within {VENUE_PATIENCE_S:g} s."
            return Sweep(canceled=tuple(gone), errors=(text,), known=False)

    async def _flatten(self, venue: Venue, plan: VenuePlan, part: _Part) -> _Part:
        swept = part.swept
        if swept.wait_s > 0:
            return part  # still banned: nothing can be sold either, and trying makes it longer
        if not await self._turn.take():
            text = f"No position was closed: {self._turn.trouble}; kill again when that is over."
            return _Part(swept=Sweep(swept.canceled, swept.left, (*swept.errors, text), known=False))
        orders = list(part.flattened)
        canceled = dict.fromkeys(swept.canceled)
        until_ns = self._clock.mono_ns() + int(VENUE_PATIENCE_S * NS_PER_S)
        while True:
            done = await Flattener(venue, self._clock, secrets.token_hex(4)).flatten(plan.held)
            again = await self._pass(venue, msgspec.structs.replace(plan, held=()))
            orders += done.orders
            canceled |= dict.fromkeys(again.canceled)
            if again.wait_s <= 0 or not await self._left_alone(venue, again.wait_s, until_ns):
                break
        whole = Sweep(
            canceled=tuple(canceled),
            left=again.left,
            errors=again.errors if again.known else (*swept.errors, *again.errors),
            known=again.known,
            wait_s=again.wait_s,
        )
        cure = _not_before(self._clock, again.wait_s) if again.wait_s > 0 else KILL_AGAIN
        return _Part(swept=whole, flattened=tuple(orders), residue=done.residue, cure=cure)

    async def _left_alone(self, venue: Venue, seconds: float, until_ns: int) -> bool:
        """Wait for a ban to end; False at once when it lasts longer than the kill does."""
        if self._clock.mono_ns() + int(seconds * NS_PER_S) > until_ns:
            return False
        self._say(f"{venue.name} wants to be left alone for {seconds:.0f} s; the kill waits.")
        return await self._waited(seconds)

    async def _waited(self, seconds: float) -> bool:
        """Whether all of it was waited."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        hurried = asyncio.ensure_future(self._hurried.wait())
        done, rest = await asyncio.wait({sleeping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        for one in rest:
            one.cancel()
        return sleeping in done


def _unknown(text: str, cure: str = KILL_AGAIN) -> _Part:
    return _Part(swept=Sweep(errors=(text,), known=False), cure=cure)


def _unwaited(part: _Part, why: str, cure: str) -> _Part:
    swept = msgspec.structs.replace(part.swept, errors=(*part.swept.errors, why), known=False)
    return msgspec.structs.replace(part, swept=swept, cure=cure)


def _not_before(clock: Clock, wait_s: float) -> str:
    then = datetime.fromtimestamp(clock.wall_ns() / NS_PER_S + wait_s, UTC)
    return (
        f"Kill again at {then:%H:%M:%S} UTC and not before: whatever is sent during a ban makes it longer."
        " Until then cancel at the exchange's own site."
    )


@contextlib.contextmanager
def _held_still(pid: int | None) -> Iterator[list[str]]:
    """A hung process does nothing meanwhile and is ended afterwards. Stopped, not ended, at first: the
    bundled simulator would end with it."""
    troubles: list[str] = []
    if pid is None:
        yield troubles
        return
    try:
        os.kill(pid, signal.SIGSTOP)
    except OSError as error:
        troubles.append(f"The engine (pid {pid}) does not answer and cannot be stopped: {error.strerror}.")
        yield troubles
        return
    try:
        yield troubles
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
