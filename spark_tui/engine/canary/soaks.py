"""What a soak asked for: its checks carried out one by one, told as they come, and its row in the end."""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.order import OrderRequest
from spark_tui.engine.canary.confirm import Confirmation
from spark_tui.engine.canary.dry import DryRun
from spark_tui.engine.canary.figures import Figures
from spark_tui.engine.canary.growing import Growing
from spark_tui.engine.canary.papers import Papers, reasons_of
from spark_tui.engine.canary.probe import exchanges_of, probe
from spark_tui.engine.canary.soak import Round, Soak, due, shown
from spark_tui.engine.canary.soak import reasons_of as soak_reasons
from spark_tui.link.messages import (
    CanaryCheck,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    SoakCanary,
    Soaking,
)
from spark_tui.wire.clock import Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class Soaks:
    """One at a time; `stop` ends it after the check it is at."""

    def __init__(
        self, engine: "Engine", papers: Papers, clock: Clock, dry: DryRun, confirmation: Confirmation
    ) -> None:
        self._engine = engine
        self._papers = papers
        self._clock = clock
        self._dry = dry
        self._confirmation = confirmation
        self._stop = asyncio.Event()
        self._begun: Soaking | None = None
        self._figures = Figures()

    def stop(self) -> None:
        self._stop.set()

    def view(self) -> Soaking | None:
        """As far as it has come."""
        if self._begun is None:
            return None
        figures = self._figures
        return msgspec.structs.replace(self._begun, figures=figures.told(), latest=figures.latest)

    async def soak(self, run_id: str, ask: SoakCanary, request: OrderRequest, operator: str) -> CanaryRow:
        """Checks until the time is over, somebody stops it or, when orders are placed, one is not green."""
        self._figures = Figures()
        self._begun = self._soaking(run_id, ask, request)
        try:
            return await self._soaked(run_id, ask, request, operator)
        finally:
            self._begun = None
            self._stop.clear()  # not at the beginning: it may be stopped before that

    def _soaking(self, run_id: str, ask: SoakCanary, request: OrderRequest) -> Soaking:
        return Soaking(
            run_id=run_id,
            venue=request.venue,
            symbol=request.symbol,
            side=request.side,
            dry=ask.dry,
            began_ms=self._papers.now_ms(),
            duration_s=ask.duration_s,
            planned=len(due(ask.duration_s)),
            figures=self._figures.told(),
        )

    async def _soaked(self, run_id: str, ask: SoakCanary, request: OrderRequest, operator: str) -> CanaryRow:
        def tell(check: CanaryCheck) -> None:
            self._figures.add(check)
            text = f"Canary soak {run_id}: check {check.name}: {check.text}."
            self._engine.notices("info" if check.ok else "bad", text)

        papers, began = self._papers, self._dry.config_hash()
        row = papers.row(run_id, CanaryKind.SOAK, request, operator, ())
        growing = await Growing.begin(papers, row)
        await growing.add("soak", {"duration_s": ask.duration_s, "dry": ask.dry})
        look = self._look if ask.dry else self._place
        found = await Soak(self._clock, self._stop, tell, growing.add).run(
            ask.duration_s,
            lambda number: look(f"{run_id}-{number}", ask, request, operator),
            ends_at_red=not ask.dry,
        )
        checks, changed = shown(found.checks), self._dry.changed_since(began)
        reasons = (*soak_reasons(checks), *reasons_of(changed))
        row = papers.row(run_id, CanaryKind.SOAK, request, operator, reasons)
        row = msgspec.structs.replace(
            row,
            checks=(*checks, *changed),
            latencies_s=found.latencies_s,
            figures=self._figures.told(),
        )
        return await growing.end(row)

    async def _look(self, round_id: str, ask: SoakCanary, request: OrderRequest, operator: str) -> Round:
        seen = await probe(self._engine, self._clock, request, f"sp{round_id}-test")
        return Round(
            reasons=seen.reasons,
            latencies_s=() if seen.latency_s is None else (seen.latency_s,),
            facts={"checks": seen.checks, "seen": dict(seen.sections)},
            exchanges=exchanges_of(seen),
            measured=seen.measured,
        )

    async def _place(self, round_id: str, ask: SoakCanary, request: OrderRequest, operator: str) -> Round:
        """A run and its confirm, each with a bundle of its own."""
        run, measured = await self._dry.run(f"{round_id}r", request, operator)
        if run.verdict is not CanaryVerdict.GREEN:
            facts: dict[str, object] = {"run": run.run_id, "sha256": run.bundle_sha256}
            return Round(reasons=run.reasons, latencies_s=run.latencies_s, facts=facts, measured=measured)
        confirm = ConfirmCanary(
            symbol=ask.symbol,
            typed=ask.typed,
            side=ask.side,
            venue=request.venue,
            quantity=request.quantity,
        )
        done = await self._confirmation.confirm(f"{round_id}c", confirm, request.venue, operator)
        facts = {"confirm": done.run_id, "sha256": done.bundle_sha256}
        return Round(
            reasons=done.reasons,
            latencies_s=done.latencies_s,
            facts=facts,
            measured=msgspec.structs.replace(measured, order_latency_s=max(done.latencies_s, default=None)),
        )
