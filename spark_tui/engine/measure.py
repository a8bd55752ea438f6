"""Between the engine and its meters: what each order took, and a sample of everything else."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar

from spark_tui.domain.health import StreamHealth
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.engine.engine import Engine
from spark_tui.link.messages import (
    AnyRequest,
    CanaryRow,
    CancelAll,
    CancelAllResult,
    Kill,
    ReportDiff,
    Result,
    SubmitOrder,
)
from spark_tui.link.service import Attachment
from spark_tui.telemetry.metrics import BookCounts, Metrics, Sample

# When the call that the current task works for came in. A task inherits it from whoever started it: so a
# checkpoint deep on the order path knows which order it belongs to.
_called_ns: ContextVar[int] = ContextVar("called_ns")


USER_STREAM = "user"  # its name in StreamHealth, at every venue


class MeasuredService:
    """A Service that times orders and counts their outcomes, and is otherwise the engine."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    async def handle(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        if isinstance(request, SubmitOrder):
            _called_ns.set(time.perf_counter_ns())
        result = await self._engine.handle(request, operator, attachment)
        if isinstance(request, CancelAll | Kill) and isinstance(result, CancelAllResult):
            self._engine.tally.swept(result)
        if isinstance(request, ReportDiff):  # what fails raises
            self._metrics.diff_reports.inc()
        if isinstance(result, CanaryRow):
            for seconds in result.latencies_s:
                self._metrics.canary_latency.observe(seconds)
        return result

    def attach(self, face: str, operator: str, rate_hz: float) -> Attachment:
        return self._engine.attach(face, operator, rate_hz)


def checkpoint(metrics: Metrics) -> Callable[[str], None]:
    """For `Engine(checkpoint=...)`: observes how long after the call each step of an order was reached."""
    steps = {
        "order.durable": metrics.order_durable,
        "order.sent": metrics.order_sent,
        "order.replied": metrics.order_answered,
    }

    def reached(name: str) -> None:
        called = _called_ns.get(0)
        step = steps.get(name)  # lists and replacements have steps of their own, which are not timed
        if called and step is not None:
            step.observe((time.perf_counter_ns() - called) / 1e9)

    return reached


def sample(engine: Engine, simulator_restarts: int) -> Sample:
    """Cheap: figures that exist anyway."""
    status = engine.condition.status()
    health = engine.condition.health()
    return Sample(
        streams=health.streams,
        weights=health.weights,
        books=tuple(
            BookCounts(
                venue=venue,
                symbol=symbol,
                gaps=one.book.gaps,
                resyncs=one.book.resyncs,
                mismatches=one.mismatches,
            )
            for venue, market in engine.markets.items()
            for symbol, one in market.symbols.items()
        ),
        snapshots_waiting={name: runner.resync.waiting for name, runner in engine.runners.items()},
        environment=status.environment,
        trading_state=status.trading_state,
        open_orders=status.open_orders,
        unknown_orders=status.unknown_orders,
        ledger_entries=health.ledger_entries,
        ledger_lag_s=health.ledger_lag_ms / 1e3,
        ledger_queue=engine.journal.waiting,
        tape_frames=health.tape_frames,
        tape_bytes=health.tape_bytes,
        evidence_bytes=engine.canary.archive.size or 0,
        tape_queue=health.tape_queue,
        tape_dropped=health.tape_dropped,
        tape_lag_s=health.tape_lag_ms / 1e3,
        faces=status.faces,
        faces_cut_off=engine.hub.cut_off,
        task_restarts=engine.supervisor.restarts,
        simulator_restarts=simulator_restarts,
        loop_lag_s=health.loop_lag_ms / 1e3,
        rss_bytes=health.rss_bytes,
        uptime_s=status.uptime_s,
        user_streams=_user_streams(health.streams),
        instruments=_instruments(engine),
        orders=dict(engine.tally.orders),
        denials=dict(engine.tally.denials),
        violations=dict(engine.tally.violations),
        replaces=dict(engine.tally.replaces),
        cancel_alls=dict(engine.tally.cancel_alls),
        maker_rejects=engine.tally.maker_rejects,
        pnl_accuracy=engine.portfolio.explanation().accuracy,
    )


def _user_streams(streams: Iterable[StreamHealth]) -> dict[str, bool]:
    return {one.venue: one.state == "live" for one in streams if one.name == USER_STREAM}


def _instruments(engine: Engine) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    for venue, known in engine.instruments().items():
        counts.update((venue, one.quote) for one in known.values() if one.status is SymbolStatus.TRADING)
    return dict(counts)


def healthz(engine: Engine) -> Mapping[str, object]:
    """Answered at all means alive; the words are for people and for alerts."""
    status = engine.condition.status()
    return {
        "status": "ok" if all(venue.state == "up" for venue in status.venues) else "degraded",
        "environment": status.environment,
        "trading_state": status.trading_state,
        "venues": {venue.name: venue.state for venue in status.venues},
        "notes": status.notes,
        "pid": status.pid,
    }
