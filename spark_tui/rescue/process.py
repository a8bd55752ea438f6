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
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages import CancelAllResult, GetStatus, Kill, Status
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import find_engine, is_locked, lock_owner
from spark_tui.rescue import late
from spark_tui.rescue.account import Account, Part, unknown
from spark_tui.rescue.beside import beside, result_within
from spark_tui.rescue.door import open_venue
from spark_tui.rescue.flatten import Residue
from spark_tui.rescue.paper import paper_residue, sweep_paper
from spark_tui.rescue.patience import Patience
from spark_tui.rescue.turn import Turn
from spark_tui.venues.kill_marks import Mark, mark_id, read_marks, remove_mark, write_mark
from spark_tui.venues.kill_plan import (
    KILL_AGAIN,
    Held,
    KillPlan,
    LastOrders,
    PlanError,
    VenuePlan,
    read_plan,
)
from spark_tui.venues.sweep import Sweep, merged, text_of
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

ENGINE_PATIENCE_S = 4.0
STATUS_PATIENCE_S = 1.0
OPEN_PATIENCE_S = 20.0
MARK_PATIENCE_S = 2.0  # after the cancels; the mark may still come to be
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


class Rescue:
    """`operator`, `reason` and `drill` go into the mark, and from there into the next engine's ledger. `say`
    is told what a wait is for. `last_orders` reads those at the end of the engine's ledger; it may raise."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        *,
        operator: str,
        reason: str,
        drill: bool = False,
        say: Callable[[str], None] = lambda text: None,
        last_orders: late.Read = LastOrders,
    ) -> None:
        self.data_dir = data_dir
        self._clock = clock
        at_ms = clock.wall_ns() // NS_PER_MS
        self._mark = Mark(
            id=mark_id(at_ms, secrets.token_hex(4)),
            reason=reason,
            operator=operator,
            at_ms=at_ms,
            drill=drill,
        )
        self._writing = threading.Lock()
        self._patience = Patience(clock, say)
        self._last_orders = last_orders
        self._reading: asyncio.Task[LastOrders | None] | None = None
        self._marking: asyncio.Future[bool] | None = None
        self._canceled: list[str] = []
        self._errors: list[str] = []
        self._said: CancelAllResult | None = None
        self._turn = Turn(data_dir, clock, self._patience)
        self._unanswered = 0  # orders of its own

    async def kill(self, plan: KillPlan, *, flatten: bool, doubt: str = "") -> Outcome:
        """Never raises: what goes wrong is in `errors`. `doubt`: why the plan may not name every venue; then
        only an engine that answered can confirm."""
        self._mark = msgspec.structs.replace(self._mark, flatten=flatten)
        self._marking = marking = beside(self._write_mark)
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
        await asyncio.wait({marking}, timeout=MARK_PATIENCE_S)
        marked = self._is_marked(marking)
        if engine == "answered" and self._said is not None and self._said.recorded:
            self._unmark()
        elif marked:
            # so that the next engine knows whose cancels these were
            await self._tell_mark(canceled=(*self._canceled, *swept.canceled))
        whole = bool(plan.venues) and not doubt
        said = self._said
        return Outcome(
            engine=engine,
            canceled=tuple(dict.fromkeys((*self._canceled, *swept.canceled))),
            left=swept.left if whole or said is None else tuple(dict.fromkeys((*said.left, *swept.left))),
            flattened=tuple(one for part in parts for one in part.flattened),
            residue=tuple(one for part in parts for one in part.residue),
            errors=tuple(dict.fromkeys((*self._errors, *swept.errors))),
            confirmed=swept.known and (whole or (said is not None and not said.errors and not flatten)),
            marked=marked,
            cures=tuple(dict.fromkeys(part.cure for part in parts if not part.done)),
        )

    def hurry(self) -> None:
        """Wait for nothing any more: neither a ban nor an order on its way. What is known by then is told."""
        self._patience.hurry()

    def _write_mark(self) -> bool:
        """As it is by then: one that a slow disk held up must not overwrite what came later. Raises
        OSError."""
        with self._writing:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_mark(self.data_dir, self._mark)
        return True

    def _is_marked(self, marking: "asyncio.Future[bool]") -> bool:
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

    async def _tell_mark(self, **more: object) -> bool:
        """Whether it is on disk; the halt does not hang on it."""
        self._mark = msgspec.structs.replace(self._mark, **more)
        return await result_within(self._write_mark, MARK_PATIENCE_S) is not None

    async def closing(self) -> bool:
        """As flatten.Others."""
        self._unanswered += 1
        return await self._tell_mark(unanswered_ms=self._now_ms())

    async def answered(self, *, sold: bool) -> None:
        """As flatten.Others. At several venues some may be undecided still."""
        self._unanswered -= 1
        await self._tell_mark(
            closed_ms=self._now_ms() if sold else self._mark.closed_ms,
            unanswered_ms=self._mark.unanswered_ms if self._unanswered else 0,
        )

    async def unlisted_s(self, lag_s: float, window_s: float) -> float:
        """As flatten.Others."""
        others = await self._others()
        if others is None:  # it may have been a moment ago
            return window_s + lag_s
        return max(
            self._left_s(max((mark.closed_ms for mark in others), default=0), lag_s),
            self._left_s(max((mark.unanswered_ms for mark in others), default=0), window_s + lag_s),
        )

    async def may_have_closed(self, venue: str, held: Held) -> bool:
        """As flatten.Others. An engine that has a sale in its plan removes the mark that tells of it: without
        one, the plan on disk has them all, and only that one counts."""
        others = await self._others()
        if others is None or any(mark.sold for mark in others):
            return True
        plan = await result_within(lambda: read_plan(self.data_dir), MARK_PATIENCE_S)
        if plan is None:
            return True
        return held not in (one for planned in plan.venues if planned.venue == venue for one in planned.held)

    async def _others(self) -> list[Mark] | None:
        """None where the disk does not tell."""
        marks = await result_within(lambda: read_marks(self.data_dir), MARK_PATIENCE_S)
        return None if marks is None else [mark for mark in marks.values() if mark.id != self._mark.id]

    def _left_s(self, since_ms: int, seconds: float) -> float:
        """What lies in the future counts as of now: the clock was put back."""
        left_s = (since_ms - self._now_ms()) / 1_000 + seconds
        return min(seconds, max(0.0, left_s))

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    def _unmark(self) -> None:
        """It stands in the ledger, so that one which cannot be removed halts nobody; nor does one that stays,
        for the next kill to see what was sold."""
        if self._mark.closed_ms or self._mark.unanswered_ms:
            return
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

    async def _at(self, plan: VenuePlan, flatten: bool, engine: str) -> Part:
        """Never raises: one venue's trouble must not keep the others from being cancelled."""
        try:
            if plan.environment is Environment.PAPER:
                return await self._at_paper(plan, flatten, engine)
            async with asyncio.timeout(OPEN_PATIENCE_S):
                venue = await open_venue(plan, self._clock, self.data_dir)
        except TimeoutError:
            return unknown(f"{plan.venue} did not answer within {OPEN_PATIENCE_S:g} s.")
        except PlanError as error:
            return unknown(f"{plan.venue}: {error}", error.cure)
        except Exception as error:
            return unknown(f"{plan.venue}: {text_of(error)}")
        if venue is None:
            return Part(swept=Sweep())
        account = Account(
            venue,
            plan,
            self._clock,
            turn=self._turn,
            others=self,
            patience=self._patience,
            last_orders=self._read_once,
        )
        try:
            return await account.kill(flatten=flatten, engine_sees_to_it=engine == "answered")
        finally:
            await account.close()

    async def _read_once(self) -> LastOrders | None:
        """Several venues of one kill read the ledger once."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await self._reading

    async def _read(self) -> LastOrders | None:
        """After the cancels, and before a sale, which needs the data directory."""
        if self._marking is not None:
            await asyncio.wait({self._marking}, timeout=MARK_PATIENCE_S)
        return await late.read_within(self._last_orders)

    async def _at_paper(self, plan: VenuePlan, flatten: bool, engine: str) -> Part:
        swept = sweep_paper(self.data_dir, self._clock, engine)
        if not flatten:
            return Part(swept=swept)
        residue = await paper_residue(self.data_dir, plan) if swept.known else ()
        cure = "Start an engine, resume, and close the position there." if residue else KILL_AGAIN
        return Part(swept=swept, residue=residue, cure=cure)


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
