"""Canaries as a face asks for them: run, confirm, soak; one at a time, each with evidence and a record."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain import filters
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float, usable
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.engine.canary.admission import CAP_USDT, FRESH_MS, Case, Scope, judge, latest_run
from spark_tui.engine.canary.archive import Archive
from spark_tui.engine.canary.build import build, config_hash
from spark_tui.engine.canary.follow import Follower, failed
from spark_tui.engine.canary.probe import Probe, Section, probe, smallest
from spark_tui.engine.cost import cost_of
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import CanaryTried
from spark_tui.engine.submission import refuse_long
from spark_tui.link.messages import (
    Canaries,
    CanaryCheck,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    RunCanary,
    SoakCanary,
)
from spark_tui.link.service import LinkError
from spark_tui.store.evidence import Bundle, EvidenceError
from spark_tui.wire.clock import NS_PER_MS, Clock, within

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

SOAK_EVERY_S = 10.0
MAX_SOAK_S = 24 * 3_600.0


class CanaryDesk:
    """`run`, `confirm` and `soak` answer a row whatever comes of it, and raise LinkError only for what cannot
    be tried at all."""

    def __init__(self, engine: "Engine", settings: EngineSettings, clock: Clock) -> None:
        self.archive = Archive(settings.data_dir)
        self.follower = Follower(engine, clock)
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._running = ""
        self._last = 0
        self._stop = asyncio.Event()

    # --- what is asked -------------------------------------------------------------------------------------

    async def run(self, ask: RunCanary, venue: str, operator: str) -> CanaryRow:
        request = self._request(ask, venue)
        return await self._alone("run", lambda run_id: self._run(run_id, request, operator))

    async def confirm(self, ask: ConfirmCanary, venue: str, operator: str) -> CanaryRow:
        return await self._alone("confirm", lambda run_id: self._confirm(run_id, ask, venue, operator))

    async def soak(self, ask: SoakCanary, venue: str, operator: str) -> CanaryRow:
        if not 0 < ask.duration_s <= MAX_SOAK_S:
            raise LinkError("DURATION", f"A soak takes 1 to {MAX_SOAK_S:g} seconds.")
        if not ask.dry and ask.typed != ask.symbol:
            raise LinkError("NOT_TYPED", f"A soak that places orders is confirmed by typing {ask.symbol}.")
        request = self._request(ask, venue)
        return await self._alone("soak", lambda run_id: self._soak(run_id, ask, request, operator))

    def stop(self) -> None:
        """Raises LinkError NO_SOAK."""
        if not self._running.startswith("soak"):
            raise LinkError("NO_SOAK", "No soak is running.")
        self._stop.set()

    def view(self) -> Canaries:
        engine = self._engine
        return Canaries(
            rows=tuple(reversed(engine.journal.state.canaries.values())),
            config_hash=self.config_hash(),
            signer=self.archive.signer,
            fresh_s=FRESH_MS / 1_000,
            cap_usdt=CAP_USDT,
            running=self._running,
            not_armable=engine.arming.lacks(),
            arming=engine.arming.view(),
            time_ms=self._now_ms(),
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
        seen = await probe(self._engine, self._clock, request, f"sp{run_id}-test")
        row = self._row(run_id, CanaryKind.RUN, request, operator, seen.reasons)
        row = msgspec.structs.replace(
            row,
            checks=seen.checks,
            expected=seen.expected,
            notional_usdt=seen.worth,
            latencies_s=() if seen.latency_s is None else (seen.latency_s,),
        )
        return await self._conclude(row, seen.sections)

    # --- confirm -------------------------------------------------------------------------------------------

    async def _confirm(self, run_id: str, ask: ConfirmCanary, venue: str, operator: str) -> CanaryRow:
        scope = Scope(
            venue=venue,
            symbol=ask.symbol,
            side=ask.side,
            quantity=ask.quantity,
            config_hash=self.config_hash(),
        )
        rows = list(self._engine.journal.state.canaries.values())
        run = latest_run(rows, scope)
        request = _order_of(run) if run is not None else None
        environment = self._engine.runners[venue].venue.environment
        worth = self._worth(request) if request is not None else None
        checks = judge(
            Case(
                scope=scope,
                typed=ask.typed,
                environment=environment,
                host=self._settings.hosts.get(venue, venue),
                run=run,
                now_ms=self._now_ms(),
                worth=worth,
                evidence=self.archive.trouble(run) if run is not None else "",
                used=run is not None and any(row.rests_on == run.run_id for row in rows),
            )
        )
        refusals = _reasons(checks)
        if request is None or run is None or refusals:
            blank = request or OrderRequest(
                venue=venue, symbol=ask.symbol, side=ask.side, type=OrderType.MARKET, quantity=ask.quantity
            )
            row = self._row(run_id, CanaryKind.CONFIRM, blank, operator, refusals)
            refused = msgspec.structs.replace(
                row, verdict=CanaryVerdict.REFUSED, checks=checks, notional_usdt=worth
            )
            return await self._record(refused)
        row = self._row(run_id, CanaryKind.CONFIRM, request, operator, ())
        row = msgspec.structs.replace(row, checks=checks, notional_usdt=worth, rests_on=run.run_id)
        return await self._place(row, run, request, operator)

    async def _place(self, row: CanaryRow, run: CanaryRow, request: OrderRequest, operator: str) -> CanaryRow:
        done = await self.follower.place(request, operator, f"canary/{run.run_id}")
        failure = failed(done.order)
        reasons = (*([failure] if failure else []), *(f"RESIDUE: {text}" for text in done.residue))
        row = msgspec.structs.replace(
            row,
            verdict=CanaryVerdict.RED if reasons else CanaryVerdict.GREEN,
            reasons=reasons,
            expected=done.expected,
            actual=done.actual,
            latencies_s=() if done.actual.latency_s is None else (done.actual.latency_s,),
            client_order_id=done.order.client_order_id,
            state=done.order.state,
            residue=done.residue,
        )
        sections = (
            ("rests_on", {"run_id": run.run_id, "bundle_sha256": run.bundle_sha256}),
            ("order", {"order": done.order}),
            ("outcome", {"expected": done.expected, "actual": done.actual, "residue": done.residue}),
            ("exchanges", {"exchanges": done.exchanges}),
        )
        return await self._conclude(row, sections)

    def _worth(self, request: OrderRequest) -> Decimal | None:
        """In USDT, now: the most it can take."""
        assessment = self._engine.gate.assess(request)
        cost = cost_of(request, assessment, self._engine.markets[request.venue])
        if cost.notional is None or not usable(cost.notional) or not assessment.assets[1]:
            return None
        return self._engine.portfolio.worth(request.venue, assessment.assets[1], cost.notional)

    # --- soak ----------------------------------------------------------------------------------------------

    async def _soak(self, run_id: str, ask: SoakCanary, request: OrderRequest, operator: str) -> CanaryRow:
        """Checks until the time is over, somebody stops it or, when orders are placed, one is not green."""
        self._stop.clear()
        count = int(ask.duration_s // SOAK_EVERY_S) + 1
        rounds: list[dict[str, object]] = []
        checks: list[CanaryCheck] = []
        latencies: list[float] = []
        for number in range(1, count + 1):
            if number > 1 and await self._stopped_within(SOAK_EVERY_S):
                checks.append(
                    CanaryCheck(name="ended", ok=False, code="STOPPED", text=f"stopped before {number}")
                )
                break
            at_ms = self._now_ms()
            reasons, took_s, facts = await self._round(f"{run_id}-{number}", ask, request, operator)
            latencies += took_s
            check = _round_check(number, count, reasons)
            checks.append(check)
            rounds.append({"number": number, "at_ms": at_ms, "reasons": reasons, **facts})
            self._engine.notices("info" if check.ok else "bad", f"Canary soak {run_id}: {check.text}.")
            if reasons and not ask.dry:
                break
        row = self._row(run_id, CanaryKind.SOAK, request, operator, _reasons(checks))
        row = msgspec.structs.replace(row, checks=tuple(checks), latencies_s=tuple(latencies))
        about: dict[str, object] = {"duration_s": ask.duration_s, "dry": ask.dry, "rounds": rounds}
        return await self._conclude(row, (("rounds", about),))

    async def _round(
        self, round_id: str, ask: SoakCanary, request: OrderRequest, operator: str
    ) -> tuple[tuple[str, ...], tuple[float, ...], dict[str, object]]:
        """Reasons, latencies and what the evidence keeps of one check."""
        if ask.dry:
            seen: Probe = await probe(self._engine, self._clock, request, f"sp{round_id}-test")
            took = () if seen.latency_s is None else (seen.latency_s,)
            return seen.reasons, took, {"checks": seen.checks, "seen": dict(seen.sections)}
        run = await self._run(f"{round_id}r", request, operator)
        if run.verdict is not CanaryVerdict.GREEN:
            return run.reasons, run.latencies_s, {"run": run.run_id, "sha256": run.bundle_sha256}
        confirm = ConfirmCanary(
            symbol=ask.symbol,
            typed=ask.typed,
            side=ask.side,
            venue=request.venue,
            quantity=request.quantity,
        )
        done = await self._confirm(f"{round_id}c", confirm, request.venue, operator)
        facts: dict[str, object] = {"confirm": done.run_id, "sha256": done.bundle_sha256}
        return done.reasons, done.latencies_s, facts

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await within(self._clock, seconds, self._stop.wait())
        return self._stop.is_set()

    # --- what they share -----------------------------------------------------------------------------------

    async def _alone(self, what: str, work: Callable[[str], Coroutine[None, None, CanaryRow]]) -> CanaryRow:
        """As the engine's own task, however long the one who asked stays."""
        if self._running:
            raise LinkError("CANARY_RUNNING", f"A canary is on its way ({self._running}); wait for it.")
        self._last += 1
        run_id = f"c{self._engine.identities.run}-{self._last}"
        self._running = f"{what} {run_id}"

        async def carried() -> CanaryRow:
            try:
                return await work(run_id)
            finally:
                self._running = ""

        try:
            return await asyncio.shield(self._engine.supervisor.ask(f"canary {run_id}", carried()))
        except EvidenceError as error:
            raise LinkError("EVIDENCE", str(error)) from None

    def _row(
        self,
        run_id: str,
        kind: CanaryKind,
        request: OrderRequest,
        operator: str,
        reasons: tuple[str, ...],
    ) -> CanaryRow:
        return CanaryRow(
            run_id=run_id,
            kind=kind,
            verdict=CanaryVerdict.RED if reasons else CanaryVerdict.GREEN,
            reasons=reasons,
            venue=request.venue,
            environment=self._engine.runners[request.venue].venue.environment,
            symbol=request.symbol,
            side=request.side,
            operator=operator,
            at_ms=self._now_ms(),
            config_hash=self.config_hash(),
            order_type=request.type,
            quantity=request.quantity,
            price=request.price,
        )

    async def _conclude(self, row: CanaryRow, sections: Iterable[Section]) -> CanaryRow:
        """Seal what was seen, then record the verdict with the seal's hash."""
        bundle = Bundle()
        bundle.add("run", _about(row, self._settings.hosts.get(row.venue, "")))
        bundle.add("build", await asyncio.to_thread(build))
        bundle.add("config", {"hash": row.config_hash, "facts": self.config()})
        for name, body in sections:
            bundle.add(name, body)
        bundle.add("verdict", {"verdict": row.verdict, "reasons": row.reasons, "checks": row.checks})
        path, digest = await self.archive.keep(f"canary-{row.run_id}", bundle)
        return await self._record(msgspec.structs.replace(row, bundle=path, bundle_sha256=digest))

    async def _record(self, row: CanaryRow) -> CanaryRow:
        engine = self._engine
        engine.journal.note(CanaryTried(row=row))
        await engine.journal.durable()
        level = "good" if row.verdict is CanaryVerdict.GREEN else "bad"
        why = f": {row.reasons[0]}" if row.reasons else ""
        engine.notices(level, f"Canary {row.kind} {row.run_id} is {row.verdict}{why}.")
        engine.hub.publish(row)
        return row

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS


def _order_of(run: CanaryRow) -> OrderRequest:
    """The very order the run looked at."""
    return OrderRequest(
        venue=run.venue,
        symbol=run.symbol,
        side=run.side,
        type=run.order_type,
        quantity=run.quantity,
        price=run.price,
        time_in_force=None if run.price is None else TimeInForce.GTC,
    )


def _reasons(checks: Iterable[CanaryCheck]) -> tuple[str, ...]:
    return tuple(f"{check.code}: {check.text}" for check in checks if not check.ok)


def _round_check(number: int, count: int, reasons: tuple[str, ...]) -> CanaryCheck:
    name = f"check {number} of {count}"
    if reasons:
        code, _, text = reasons[0].partition(": ")
        return CanaryCheck(name=name, ok=False, code=code, text=f"{name}: {text}")
    return CanaryCheck(name=name, ok=True, text=f"{name} is green")


def _about(row: CanaryRow, host: str) -> dict[str, object]:
    return {
        "run_id": row.run_id,
        "kind": row.kind,
        "at_ms": row.at_ms,
        "operator": row.operator,
        "venue": row.venue,
        "environment": row.environment,
        "host": host,
        "symbol": row.symbol,
        "side": row.side,
        "order_type": row.order_type,
        "quantity": row.quantity,
        "price": row.price,
    }
