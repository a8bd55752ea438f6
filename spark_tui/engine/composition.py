"""An Engine and what it stands on, made from settings: ledger, tape, venue, meters."""

import contextlib
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from spark_tui.domain.values import Environment
from spark_tui.engine.engine import Engine
from spark_tui.engine.fault_door import fault_door
from spark_tui.engine.measure import MeasuredService, checkpoint, healthz, sample
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.paper import open_paper
from spark_tui.engine.place import StartError
from spark_tui.engine.plan_keeper import PlanKeeper, venue_plan
from spark_tui.link.rendezvous import LEDGER_FILE
from spark_tui.link.service import Service
from spark_tui.settings import Settings, TradeMode
from spark_tui.store.ledger import Ledger, LedgerError
from spark_tui.store.tape import RecordingError, Tape, TapeSettings
from spark_tui.telemetry.metrics import Metrics
from spark_tui.telemetry.server import TelemetryServer
from spark_tui.venues.bans import Bans
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery
from spark_tui.venues.kill_marks import Mark
from spark_tui.venues.port import Venue
from spark_tui.wire.clock import Clock

MAX_WATCHED = 8  # symbols of a recording

log = logging.getLogger(__name__)


class Composition:
    """`open`, then `build`; `stack` closes what was opened."""

    def __init__(
        self, settings: Settings, data_dir: Path, clock: Clock, on_checkpoint: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._clock = clock
        self._on_checkpoint = on_checkpoint
        self._metrics = Metrics()
        self._telemetry = TelemetryServer(self._metrics)

    @property
    def metrics_port(self) -> int:
        """0: off."""
        return self._telemetry.port

    def open_store(self, stack: contextlib.AsyncExitStack) -> tuple[Ledger, Tape]:
        """Raises StartError: damaged, held by another engine, no room."""
        tape = self._settings.tape
        try:
            ledger = Ledger.open(self._data_dir / LEDGER_FILE, self._clock.wall_ns)
            stack.callback(ledger.close)
            frames = Tape.open(
                self._data_dir / "tape",
                settings=TapeSettings(
                    max_bytes=int(tape.max_gigabytes * (1 << 30)), max_age_s=tape.max_days * 86_400
                ),
                clock_ns=self._clock.wall_ns,
                on_notice=log.warning,
            )
            stack.callback(frames.close)
        except (LedgerError, RecordingError) as error:
            raise StartError(error.text) from None
        return ledger, frames

    async def start_telemetry(self, stack: contextlib.AsyncExitStack) -> str:
        """What is wrong, or nothing. A taken port must not keep an engine from guarding orders."""
        port = self._settings.executor_port
        if not port:
            return ""
        try:
            await self._telemetry.start(port)
        except OSError as error:
            return (
                f"/metrics and /healthz are off: port {port} cannot be used"
                f" ({os.strerror(error.errno or 0)}); set EXECUTOR_PORT to a free one, or 0."
            )
        stack.push_async_callback(self._telemetry.close)
        return ""

    def build(self, found: Discovery, ledger: Ledger, tape: Tape, marks: tuple[Mark, ...] = ()) -> Engine:
        """`marks`: kills without an engine, oldest first."""
        settings = self._settings
        rng = random.SystemRandom()
        venue = self._venue(found, rng)
        venue.on_call = self._metrics.call
        timed = checkpoint(self._metrics)

        def reached(name: str) -> None:
            timed(name)
            self._on_checkpoint(name)

        return Engine(
            (venue,),
            ledger,
            tape,
            EngineSettings(
                symbols={venue.name: watched_symbols(settings, found)},
                rules=settings.risk.in_force(),
                data_badge=found.data,
                live_allowed=settings.trade_mode is TradeMode.LIVE and settings.live_enabled,
                hosts={venue.name: _host(venue, found)},
                config=decisive(settings, found),
                data_dir=str(self._data_dir),
                evidence_bytes=settings.evidence.max_megabytes << 20,
                metrics_port=self.metrics_port,
                marks=marks,
            ),
            self._clock,
            reached,
            rng=rng,
            fault_door=fault_door(found.endpoints.rest) if venue.environment is Environment.SIM else None,
        )

    def _venue(self, found: Discovery, rng: random.Random) -> Venue:
        exchange = BinanceSpot(
            found.endpoints,
            found.credentials,
            clock=self._clock,
            rng=rng,
            settings=SpotSettings(recv_window_ms=self._settings.binance.recv_window_ms),
            bans=Bans(self._data_dir, urlsplit(found.endpoints.rest).netloc, self._clock, background=True),
        )
        if found.environment is not Environment.PAPER:
            return exchange
        return open_paper(exchange, self._settings.paper, self._data_dir, self._clock, rng)

    def keeper(self, engine: Engine, found: Discovery, *, bundled: bool) -> PlanKeeper:
        """What `spark-tui kill` needs should this process be gone."""
        return PlanKeeper(
            self._data_dir,
            tuple(venue_plan(name, found, self._settings, bundled=bundled) for name in engine.runners),
            engine.journal.state,
            engine.cancels.open_symbols,
            engine.books.assets,
            lambda name: engine.runners[name].reconciler.compared_ns,
            self._clock,
            engine.notices,
        )

    def observed(self, engine: Engine, simulator_restarts: Callable[[], int]) -> Service:
        """The engine for its faces, measured; from now on /metrics and /healthz tell of it."""
        self._telemetry.sample = lambda: sample(engine, simulator_restarts())
        self._telemetry.health = lambda: healthz(engine)
        return MeasuredService(engine, self._metrics)


def watched_symbols(settings: Settings, found: Discovery) -> tuple[str, ...]:
    """The symbols asked for. With none asked for, a simulator that trades others (a recording) says which."""
    usual = settings.symbols
    if "symbols" in settings.model_fields_set or not found.symbols:
        return usual
    return tuple(symbol for symbol in usual if symbol in found.symbols) or found.symbols[:MAX_WATCHED]


def _host(venue: Venue, found: Discovery) -> str:
    """Where orders go."""
    if venue.environment is Environment.PAPER:
        return "the paper account on this machine"
    return urlsplit(found.endpoints.rest).hostname or ""


def decisive(settings: Settings, found: Discovery) -> dict[str, str]:
    """What else decides about orders, for the hash that canaries and arming rest on: no key, no secret. Hosts
    without their ports, which on loopback are others at every start."""
    bases = (found.endpoints.rest, found.endpoints.streams, found.endpoints.ws_api)
    return {
        "hosts": " ".join(urlsplit(base).hostname or "" for base in bases),
        "trade_mode": str(settings.trade_mode or ""),
        "live_enabled": str(settings.live_enabled),
        "venues": " ".join(settings.venues),
        "recv_window_ms": str(settings.binance.recv_window_ms),
    }
