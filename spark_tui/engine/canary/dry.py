"""A run: the dry look, its row and its evidence."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.order import OrderRequest
from spark_tui.engine.canary.papers import Papers, reasons_of
from spark_tui.engine.canary.probe import probe
from spark_tui.link.messages import CanaryCheck, CanaryKind, CanaryRow, Measured
from spark_tui.wire.clock import Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class DryRun:
    def __init__(
        self, engine: "Engine", papers: Papers, clock: Clock, config_hash: Callable[[], str]
    ) -> None:
        self._engine = engine
        self._papers = papers
        self._clock = clock
        self.config_hash = config_hash

    async def run(self, run_id: str, request: OrderRequest, operator: str) -> tuple[CanaryRow, Measured]:
        began = self.config_hash()
        seen = await probe(self._engine, self._clock, request, f"sp{run_id}-test")
        checks = (*seen.checks, *self.changed_since(began))
        row = self._papers.row(run_id, CanaryKind.RUN, request, operator, reasons_of(checks))
        row = msgspec.structs.replace(
            row,
            checks=checks,
            expected=seen.expected,
            notional_usdt=seen.worth,
            latencies_s=() if seen.latency_s is None else (seen.latency_s,),
        )
        return await self._papers.conclude(row, seen.sections), seen.measured

    def changed_since(self, config_hash: str) -> tuple[CanaryCheck, ...]:
        """What was looked at under one configuration says nothing about another."""
        if self.config_hash() == config_hash:
            return ()
        text = "the configuration changed meanwhile; run it again"
        return (CanaryCheck(name="config", ok=False, code="CONFIG_CHANGED", text=text),)
