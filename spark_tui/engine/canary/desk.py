"""Canaries as a face asks for them: run, confirm, soak; one at a time, each with evidence and a record."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain import filters
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float, usable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.canary.admission import CAP_USDT, FRESH_MS
from spark_tui.engine.canary.build import config_hash
from spark_tui.engine.canary.confirm import Confirmation
from spark_tui.engine.canary.dry import DryRun
from spark_tui.engine.canary.follow import Follower
from spark_tui.engine.canary.growing import LeftBehind
from spark_tui.engine.canary.leftovers import Leftovers
from spark_tui.engine.canary.papers import Papers
from spark_tui.engine.canary.probe import smallest
from spark_tui.engine.canary.soak import ROW_CHECKS
from spark_tui.engine.canary.soaks import Soaks
from spark_tui.engine.canary.unfinished import Unfinished
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.submission import refuse_long
from spark_tui.link.messages import (
    Canaries,
    CanaryRow,
    ConfirmCanary,
    RunCanary,
    SoakCanary,
)
from spark_tui.link.service import LinkError
from spark_tui.wire.clock import Clock, within

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

MAX_SOAK_S = 24 * 3_600.0


class CanaryDesk:
    """`run`, `confirm` and `soak` answer a row whatever comes of it, and raise LinkError only for what cannot
    be tried at all."""

    def __init__(self, engine: "Engine", settings: EngineSettings, clock: Clock) -> None:
        self.follower = Follower(engine, clock)
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._papers = Papers(engine, settings, clock, self.config)
        self._leftovers = Leftovers(engine, self.follower, self._papers, clock)
        self._confirmation = Confirmation(
            engine, self.follower, self._papers, self._leftovers, settings.hosts, self.config_hash
        )
        self._dry = DryRun(engine, self._papers, clock, self.config_hash)
        self._soaks = Soaks(engine, self._papers, clock, self._dry, self._confirmation)
        self.archive = self._papers.archive
        self._unfinished = Unfinished(engine, self._confirmation, self._number, self._at_work)
        self._running = ""
        self._works = 0
        self._free = asyncio.Event()
        self._free.set()
        self._last = 0
        self._settled = asyncio.Event()

    # --- what is asked -------------------------------------------------------------------------------------

    async def run(self, ask: RunCanary, venue: str, operator: str) -> CanaryRow:
        request = self._request(ask, venue)
        return await self._alone("run", lambda run_id: self._run(run_id, request, operator))

    async def confirm(self, ask: ConfirmCanary, venue: str, operator: str) -> CanaryRow:
        refuse_long(ask.quantity, None)
        if ask.quantity is not None and not usable(ask.quantity):
            raise LinkError("BAD_NUMBER", f"{ask.quantity} is no quantity; write it like 0.01.")
        self._refuse_beside(venue, ask.symbol)
        return await self._alone(
            "confirm", lambda run_id: self._confirmation.confirm(run_id, ask, venue, operator)
        )

    async def soak(self, ask: SoakCanary, venue: str, operator: str) -> CanaryRow:
        if not 0 < ask.duration_s <= MAX_SOAK_S:
            raise LinkError("DURATION", f"A soak takes 1 to {MAX_SOAK_S:g} seconds.")
        if not ask.dry and ask.typed != ask.symbol:
            raise LinkError("NOT_TYPED", f"A soak that places orders is confirmed by typing {ask.symbol}.")
        if not ask.dry:
            self._refuse_beside(venue, ask.symbol)
        request = self._request(ask, venue)
        return await self._alone("soak", lambda run_id: self._soaks.soak(run_id, ask, request, operator))

    def stop(self) -> None:
        """Raises LinkError NO_SOAK."""
        if not self._running.startswith("soak"):
            raise LinkError("NO_SOAK", "No soak is running.")
        self._soaks.stop()

    async def look(self) -> Canaries:
        """`view`, once what live trading lacks can be told."""
        await self._engine.arming.look()
        return self.view()

    def view(self) -> Canaries:
        engine = self._engine
        rows = tuple(_brief(row) for row in reversed(engine.journal.state.canaries.values()))
        return Canaries(
            rows=(*self._unfinished.rows, *rows),
            config_hash=self.config_hash(),
            signer=self.archive.signer,
            fresh_s=FRESH_MS / 1_000,
            cap_usdt=CAP_USDT,
            running=self._running or self._unfinished.doing or self._leftovers.doing,
            not_armable=engine.arming.lacks(),
            arming=engine.arming.view(),
            time_ms=self._papers.now_ms(),
            soaking=self._soaks.view(),
        )

    def config_hash(self) -> str:
        return config_hash(self.config())

    def config(self) -> dict[str, object]:
        """Everything that decides what may leave and where to."""
        settings, engine = self._settings, self._engine
        return {
            "environments": {name: one.venue.environment for name, one in engine.runners.items()},
            "hosts": settings.hosts,
            "live_allowed": settings.live_allowed,
            "symbols": settings.symbols,
            "rules": engine.rulebook.rules,
            "book_max_age_s": settings.book_max_age_s,
            "reconcile_every_s": settings.reconcile_every_s,
            "settings": settings.config,
        }

    # --- the order -----------------------------------------------------------------------------------------

    def _request(self, ask: RunCanary | SoakCanary, venue: str) -> OrderRequest:
        """On the instrument's grid. Raises LinkError."""
        price = ask.price if isinstance(ask, RunCanary) else None
        refuse_long(ask.quantity, price)
        instrument = self._engine.gate.instrument(venue, ask.symbol)
        if instrument is None:
            raise LinkError("SYMBOL", f"{venue} lists no {ask.symbol}, or its rules are not known yet.")
        quantity = ask.quantity
        if quantity is None:
            quantity = smallest(instrument, price or self._touch(venue, ask.symbol, ask.side))
        request = OrderRequest(
            venue=venue,
            symbol=ask.symbol,
            side=ask.side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=quantity,
            price=price,
        )
        return filters.quantise(instrument, request)[0]

    def _touch(self, venue: str, symbol: str, side: Side) -> Decimal | None:
        quote = self._engine.markets[venue].quote(symbol)
        if isinstance(quote, Unusable):
            return None
        return from_float(quote.ask if side is Side.BUY else quote.bid)

    # --- run -----------------------------------------------------------------------------------------------

    async def _run(self, run_id: str, request: OrderRequest, operator: str) -> CanaryRow:
        row, _ = await self._dry.run(run_id, request, operator)
        return row

    # --- confirm -------------------------------------------------------------------------------------------

    def _refuse_beside(self, venue: str, symbol: str) -> None:
        """No real order beside one of the same symbol whose end is not known. Raises LinkError."""
        if why := self._unfinished.beside(venue, symbol) or self._leftovers.beside(venue, symbol):
            raise LinkError(
                "CONFIRM_UNFINISHED",
                f"{why} Dry runs and other symbols go on; see: spark-tui canary status.",
            )

    async def finish_cut_short(self) -> None:
        """What an engine before this one began and did not end."""
        try:
            self._unfinished.begin()
            self._leftovers.begin()
            await LeftBehind(self._papers, self._engine.journal.state, self._engine.notices).seal()
            await self._papers.make_room()
        finally:
            self._settled.set()

    async def settled(self) -> None:
        """What an engine before this one left is on record, so that nothing rests on what was before it."""
        await self._settled.wait()

    # --- one at a time -------------------------------------------------------------------------------------

    async def _alone(self, what: str, work: Callable[[str], Coroutine[None, None, CanaryRow]]) -> CanaryRow:
        """As the engine's own task, however long the one who asked stays."""
        if self._running:
            raise LinkError("CANARY_RUNNING", f"A canary is on its way ({self._running}); wait for it.")
        run_id = self._number()
        self._running = f"{what} {run_id}"

        async def carried() -> CanaryRow:
            try:
                with self._at_work():
                    return await work(run_id)
            finally:
                self._running = ""

        return await asyncio.shield(self._engine.supervisor.ask(f"canary {run_id}", carried()))

    def _number(self) -> str:
        self._last += 1
        return f"c{self._engine.identities.run}-{self._last}"

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """`close` waits for it."""
        self._works += 1
        self._free.clear()
        try:
            yield
        finally:
            self._works -= 1
            if not self._works:
                self._free.set()

    async def close(self, seconds: float) -> None:
        """The engine stops: a soak ends where it is, a resting order is cancelled now, and both may leave
        their evidence. What does not end in time is finished at the next start."""
        self._soaks.stop()
        self.follower.hurry()
        with contextlib.suppress(TimeoutError):
            await within(self._clock, seconds, self._free.wait())


def _brief(row: CanaryRow) -> CanaryRow:
    """For who asks every few seconds: a day's soak has thousands of latencies, and `figures` of them."""
    if len(row.latencies_s) <= ROW_CHECKS:
        return row
    return msgspec.structs.replace(row, latencies_s=row.latencies_s[-ROW_CHECKS:])
