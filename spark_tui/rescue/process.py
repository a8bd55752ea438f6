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
from collections.abc import Iterator
from pathlib import Path

import msgspec

from spark_tui.domain.values import Environment
from spark_tui.link.messages import CancelAllResult, Kill
from spark_tui.link.remote import RemoteLink
from spark_tui.link.rendezvous import find_engine, is_locked, lock_owner
from spark_tui.link.service import LinkError
from spark_tui.rescue.door import open_venue
from spark_tui.rescue.flatten import Flattener, Residue
from spark_tui.rescue.paper import paper_residue, sweep_paper
from spark_tui.rescue.turn import Turn
from spark_tui.venues.kill_plan import KillPlan, Mark, PlanError, VenuePlan, remove_mark, write_mark
from spark_tui.venues.port import OrderReport, Venue
from spark_tui.venues.sweep import Sweep, merged, sweep, text_of
from spark_tui.wire.clock import Clock

ENGINE_PATIENCE_S = 4.0
VENUE_PATIENCE_S = 45.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a kill did. `engine`: none | answered | hung. `left`: orders still open; `residue`: positions
    still held, of a kill that flattens. `confirmed`: every venue said what is open. `marked`: the next engine
    starts halted."""

    engine: str
    canceled: tuple[str, ...]
    left: tuple[str, ...]
    flattened: tuple[str, ...]
    residue: tuple[Residue, ...]
    errors: tuple[str, ...]
    confirmed: bool
    marked: bool = True

    @property
    def green(self) -> bool:
        return self.confirmed and not self.left and not any(not one.dust for one in self.residue)


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's share."""

    swept: Sweep
    flattened: tuple[str, ...] = ()
    residue: tuple[Residue, ...] = ()


class Rescue:
    """`operator` and `reason` go into the mark, and from there into the next engine's ledger."""

    def __init__(self, data_dir: Path, clock: Clock, *, operator: str, reason: str) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._operator = operator
        self._reason = reason
        self._canceled: list[str] = []
        self._errors: list[str] = []
        self._said: CancelAllResult | None = None
        self._turn = Turn(data_dir, clock)

    async def kill(self, plan: KillPlan, *, flatten: bool, doubt: str = "") -> Outcome:
        """Never raises: what goes wrong is in `errors`. `doubt`: why the plan may not name every venue; then
        only an engine that answered can confirm."""
        marked = self._mark()
        if doubt:
            self._errors.append(doubt)
        engine = await self._ask_engine()
        try:
            with _held_still(lock_owner(self._data_dir) if engine == "hung" else None) as troubles:
                parts = await asyncio.gather(*(self._at(venue, flatten, engine) for venue in plan.venues))
        finally:
            self._turn.release()
        self._errors += troubles
        if engine == "answered":
            remove_mark(self._data_dir)  # it stands in the ledger
        swept = merged(part.swept for part in parts)
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
        )

    def _mark(self) -> bool:
        mark = Mark(reason=self._reason, operator=self._operator, at_ms=self._clock.wall_ns() // 1_000_000)
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_mark(self._data_dir, mark)
        except OSError as error:  # a full disk: cancelling matters more
            self._errors.append(
                f"The kill could not be marked in {self._data_dir} ({error.strerror}): the next engine will"
                " not start halted; do not start one before that is mended."
            )
            return False
        return True

    async def _ask_engine(self) -> str:
        """none | answered | hung."""
        if not is_locked(self._data_dir):
            return "none"
        found = find_engine(self._data_dir)
        if found is None:
            return "hung"  # it holds the directory and does not serve
        try:
            async with asyncio.timeout(ENGINE_PATIENCE_S):
                link = await RemoteLink.connect(
                    Path(found.socket), face="kill", operator=self._operator, rate_hz=0
                )
                try:
                    result = await link.call(Kill(reason=self._reason))
                finally:
                    await link.close()
        except (TimeoutError, LinkError, OSError):
            return "hung" if is_locked(self._data_dir) else "none"
        if isinstance(result, CancelAllResult):
            self._said = result
            self._canceled += result.canceled
            self._errors += result.errors
        return "answered"

    async def _at(self, plan: VenuePlan, flatten: bool, engine: str) -> _Part:
        try:
            if plan.environment is Environment.PAPER:
                swept = sweep_paper(self._data_dir, self._clock, engine)
                return _Part(
                    swept=swept, residue=await paper_residue(self._data_dir, plan) if flatten else ()
                )
            async with asyncio.timeout(VENUE_PATIENCE_S):
                venue = await open_venue(plan, self._clock)
                if venue is None:
                    return _Part(swept=Sweep())
                try:
                    return await self._cancel(venue, plan, flatten)
                finally:
                    await venue.close()
        except TimeoutError:
            text = f"{plan.venue} did not answer within {VENUE_PATIENCE_S:g} s; kill again."
        except PlanError as error:
            text = f"{plan.venue}: {error}"
        except Exception as error:  # one venue's trouble must not keep the others from being cancelled
            text = f"{plan.venue}: {text_of(error)}"
        return _Part(swept=Sweep(errors=(text,), known=False))

    async def _cancel(self, venue: Venue, plan: VenuePlan, flatten: bool) -> _Part:
        swept = await sweep(venue, (one.symbol for one in plan.held), _no_book)
        if not flatten:
            return _Part(swept=swept)
        if not await self._turn.take():
            text = "Another kill is closing positions; kill again when it has ended."
            return _Part(swept=Sweep(swept.canceled, swept.left, (*swept.errors, text), known=False))
        flattener = Flattener(venue, self._clock, secrets.token_hex(4))
        done = await flattener.flatten(plan.held)
        again = await sweep(venue, (), _no_book)
        whole = Sweep(
            canceled=(*swept.canceled, *again.canceled),
            left=again.left,
            errors=tuple(dict.fromkeys((*swept.errors, *again.errors))),
            known=again.known,
        )
        return _Part(swept=whole, flattened=done.orders, residue=done.residue)


def _no_book(report: OrderReport) -> None:
    """No engine, no books: the next one learns it from the venue."""


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
