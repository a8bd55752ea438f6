"""A canary's row, its sealed evidence, and its record in the ledger."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.order import OrderRequest
from spark_tui.engine.canary.archive import Archive
from spark_tui.engine.canary.build import build, config_hash
from spark_tui.engine.canary.needed import needed
from spark_tui.engine.canary.probe import Section
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import CanaryTried, Decision
from spark_tui.link.messages import CanaryCheck, CanaryKind, CanaryRow, CanaryVerdict
from spark_tui.store.evidence import Bundle, EvidenceError
from spark_tui.wire.clock import NS_PER_MS, Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class Papers:
    """`config`: everything that decides what may leave and where to."""

    def __init__(
        self,
        engine: "Engine",
        settings: EngineSettings,
        clock: Clock,
        config: Callable[[], dict[str, object]],
    ) -> None:
        self.archive = Archive(settings.data_dir, settings.evidence_bytes)
        self._engine = engine
        self._hosts = settings.hosts
        self._clock = clock
        self._config = config

    def row(
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
            at_ms=self.now_ms(),
            config_hash=config_hash(self._config()),
            order_type=request.type,
            quantity=request.quantity,
            price=request.price,
        )

    async def begin(self, row: CanaryRow) -> Bundle:
        """With what stands in every bundle: what is tried, by which program, under which configuration."""
        bundle, facts = Bundle(), self._config()
        bundle.add("run", _about(row, self._hosts.get(row.venue, "")))
        bundle.add("build", await asyncio.to_thread(build))
        bundle.add("config", {"hash": row.config_hash, "facts": facts})
        return bundle

    async def conclude(self, row: CanaryRow, sections: Iterable[Section]) -> CanaryRow:
        bundle = await self.begin(row)
        for name, body in sections:
            bundle.add(name, body)
        return await self.end(row, bundle)

    async def end(self, row: CanaryRow, bundle: Bundle) -> CanaryRow:
        """Seal what was seen, then record the verdict with the seal's hash. What cannot be kept as evidence
        is on record all the same, and never green: its order may have been real."""
        bundle.add("verdict", {"verdict": row.verdict, "reasons": row.reasons, "checks": row.checks})
        try:
            path, digest = await self.archive.keep(row.run_id, bundle)
        except EvidenceError as error:
            reasons = (*row.reasons, f"EVIDENCE: {error}")
            return await self.record(msgspec.structs.replace(row, verdict=CanaryVerdict.RED, reasons=reasons))
        row = await self.record(msgspec.structs.replace(row, bundle=path, bundle_sha256=digest))
        await self.make_room()
        return row

    async def make_room(self) -> None:
        """What is removed is on record. What cannot be is tried again with the next bundle."""
        engine = self._engine
        kept = needed(engine.journal.state, self.now_ms(), config_hash(self._config()))
        try:
            removed = await self.archive.bound(kept)
        except EvidenceError as error:
            engine.notices("warn", str(error))
            return
        if removed.count:
            text = f"{removed.count} old bundles of evidence were removed, {removed.size >> 20} MiB are left"
            engine.journal.note(
                Decision(action="evidence-removed", operator="engine", text=text, at_ms=self.now_ms())
            )
            engine.notices("info", f"{text} (evidence.max_megabytes).")

    async def record(self, row: CanaryRow) -> CanaryRow:
        engine = self._engine
        engine.journal.note(CanaryTried(row=row))
        await engine.journal.durable()
        level = "good" if row.verdict is CanaryVerdict.GREEN else "bad"
        why = f": {row.reasons[0]}" if row.reasons else ""
        engine.notices(level, f"Canary {row.kind} {row.run_id} is {row.verdict}{why}.")
        engine.hub.publish(row)
        return row

    def now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS


def reasons_of(checks: Iterable[CanaryCheck]) -> tuple[str, ...]:
    return tuple(f"{check.code}: {check.text}" for check in checks if not check.ok)


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
