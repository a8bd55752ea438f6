"""Status and health: the engine's condition in words and figures."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.values import Environment
from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.notices import Notices
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.venue_runner import VenueRunner
from spark_tui.link.messages import Arming, Health, Status, VenueRow, Venues
from spark_tui.store.ledger import Ledger
from spark_tui.store.tape import Tape
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

_STATM = Path("/proc/self/statm")
_ORDER = [Environment.SIM, Environment.PAPER, Environment.TESTNET, Environment.LIVE]


class Condition:
    """Looks, never changes. `loop_lag_ms` is fed by the engine's heart."""

    def __init__(
        self,
        settings: EngineSettings,
        runners: Mapping[str, VenueRunner],
        guard: Guard,
        journal: Journal,
        ledger: Ledger,
        tape: Tape | None,
        portfolio: Portfolio,
        notices: Notices,
        clock: Clock,
        *,
        run: Callable[[], str],
        counts: Callable[[], tuple[int, int]],
        faces: Callable[[], int],
        arming: Callable[[], Arming | None],
    ) -> None:
        self.loop_lag_ms = 0.0
        self._settings = settings
        self._runners = runners
        self._guard = guard
        self._journal = journal
        self._ledger = ledger
        self._tape = tape
        self._portfolio = portfolio
        self._notices = notices
        self._clock = clock
        self._run = run
        self._counts = counts
        self._faces = faces
        self._arming = arming
        self._started_ns = clock.mono_ns()

    def status(self) -> Status:
        open_orders, unknown = self._counts()
        venues = self.venues().rows
        return Status(
            environment=max((row.environment for row in venues), key=_ORDER.index, default=Environment.SIM),
            data_badge=self._settings.data_badge,
            trading_state=self._guard.state,
            halt_reason=self._guard.reason,
            reconciling=any(runner.desk.reconciling for runner in self._runners.values()),
            venues=venues,
            open_orders=open_orders,
            unknown_orders=unknown,
            day_pnl=self._portfolio.day_pnl(),
            equity=self._portfolio.equity(),
            time_ms=self._venue_time_ms(),
            pid=os.getpid(),
            data_dir=self._settings.data_dir,
            run=self._run(),
            uptime_s=(self._clock.mono_ns() - self._started_ns) / NS_PER_S,
            faces=self._faces(),
            metrics_port=self._settings.metrics_port,
            notes=tuple(self._notices.standing.values()),
            arming=self._arming(),
        )

    def venues(self) -> Venues:
        return Venues(rows=tuple(self._venue(runner) for runner in self._runners.values()))

    def health(self) -> Health:
        tape = self._tape.stats() if self._tape else None
        notes = [f"tape: {tape.trouble}"] if tape and tape.trouble else []
        if unpriced := self._portfolio.unpriced():
            notes.append(f"equity leaves out what has no price here: {', '.join(sorted(unpriced)[:20])}")
        if self._journal.waiting > 1:
            notes.append(f"ledger: {self._journal.waiting} entries wait to be written")
        return Health(
            streams=tuple(stream for runner in self._runners.values() for stream in runner.venue.health()),
            weights={name: runner.venue.weight() for name, runner in self._runners.items()},
            ledger_entries=self._ledger.entries,
            ledger_lag_ms=self._ledger.lag_ms,
            tape_frames=tape.frames if tape else 0,
            tape_lag_ms=tape.lag_ms if tape else 0.0,
            tape_queue=tape.queue if tape else 0,
            tape_dropped=tape.dropped if tape else 0,
            tape_bytes=tape.bytes if tape else 0,
            rss_bytes=_rss_bytes(),
            loop_lag_ms=self.loop_lag_ms,
            notes=tuple(notes),
        )

    def _venue(self, runner: VenueRunner) -> VenueRow:
        venue = runner.venue
        streams = venue.health()
        ages = [stream.age_s for stream in streams if stream.age_s is not None]
        offset = venue.server_time_ms() - self._clock.wall_ns() / NS_PER_MS if runner.started else None
        asleep = _asleep(runner, streams)
        states = {stream.state for stream in streams if stream.symbol not in asleep}
        state, detail = _state(runner, states)
        return VenueRow(
            name=venue.name,
            environment=venue.environment,
            state=state,
            age_s=min(ages, default=None),
            clock_offset_ms=offset,
            weight=venue.weight() if runner.started else WeightGauge(used=0, limit=0),
            detail=detail,
        )

    def _venue_time_ms(self) -> int:
        for runner in self._runners.values():
            if runner.started:
                return runner.venue.server_time_ms()
        return self._clock.wall_ns() // NS_PER_MS


def _asleep(runner: VenueRunner, streams: tuple[StreamHealth, ...]) -> set[str]:
    """Symbols whose book is silent and which the venue confirmed all the same: nothing is wrong with their
    streams, nothing happens there."""
    silent = {one.symbol for one in streams if one.state == "stale" and one.kind == "depth"}
    return {symbol for symbol in silent if runner.market.confirmed(symbol)}


def _state(runner: VenueRunner, streams: set[str]) -> tuple[str, str]:
    if not runner.started:
        return ("down", runner.trouble) if runner.trouble else ("connecting", "starting")
    if streams and streams <= {"down", "connecting"}:
        return "connecting" if "connecting" in streams else "down", "no stream is up"
    if "down" in streams or "stale" in streams:
        return "degraded", "some streams are down or stale"
    if runner.desk.reconciling:
        return "degraded", runner.reconciler.why
    return "up", ""


def _rss_bytes() -> int:
    """Resident memory; 0 where the system does not tell it this way."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
