"""The engine as a process: compose it from settings, serve its faces, and end it cleanly.

Owns what surrounds the engine: the data directory's lock, the log, the bundled simulator, the socket,
/metrics, the engine file and the ready file.
"""

import asyncio
import contextlib
import gc
import logging
import logging.handlers
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path

import msgspec

from spark_tui.domain.risk import RiskLimits
from spark_tui.domain.values import Environment
from spark_tui.engine.child import ChildError, SimulatorChild
from spark_tui.engine.engine import Engine
from spark_tui.engine.exchange import discover, wanted_base
from spark_tui.engine.measure import MeasuredService, checkpoint, healthz, sample
from spark_tui.engine.options import EngineSettings
from spark_tui.link.rendezvous import (
    ENGINE_FILE,
    LEDGER_FILE,
    LOG_FILE,
    DataDirLock,
    EngineFile,
    RendezvousError,
    socket_path,
    write_engine_file,
    write_private,
)
from spark_tui.link.server import serve as serve_link
from spark_tui.settings import Settings
from spark_tui.store.ledger import Ledger, LedgerError
from spark_tui.store.tape import RecordingError, Tape, TapeSettings
from spark_tui.telemetry.metrics import Metrics
from spark_tui.telemetry.server import HOST, TelemetryServer
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery
from spark_tui.wire.clock import SystemClock

ENVIRONMENT_FILE = "environment"
LOG_BYTES = 5 << 20
LOG_FILES = 3
_PARENT_POLL_S = 0.5

log = logging.getLogger(__name__)


class StartError(Exception):
    """The engine cannot run here and now; one sentence."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an engine runs and for whom. `exit_with`: a process whose end is ours too."""

    data_dir: Path
    ready_file: Path | None = None
    exit_with: int | None = None


def run(
    settings: Settings,
    place: Place,
    say: Callable[[str], None],
    on_checkpoint: Callable[[str], None] = lambda name: None,
) -> None:
    """Run until a signal or a face ends it. `say` gets one line once it serves.

    Raises SettingsError, RendezvousError or StartError; each is one sentence.
    """
    os.umask(0o077)
    with (
        _held(place.data_dir),
        _logging(place.data_dir),
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        runner.run(_Process(settings, place, say, on_checkpoint).run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not offered on every platform
        return None
    return uvloop.new_event_loop


class _Process:
    def __init__(
        self,
        settings: Settings,
        place: Place,
        say: Callable[[str], None],
        on_checkpoint: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._place = place
        self._say = say
        self._on_checkpoint = on_checkpoint
        self._clock = SystemClock()
        self._metrics = Metrics()
        self._telemetry = TelemetryServer(self._metrics)
        self._ended = asyncio.Event()
        self._child: SimulatorChild | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(name, self._ended.set)
        async with contextlib.AsyncExitStack() as stack:
            base = wanted_base(self._settings)
            ledger, tape = self._open_store(stack)
            if not base:
                base = await self._start_child(stack)
            found = await discover(self._settings, base)
            _bind(self._place.data_dir, found.environment)
            trouble = await self._start_telemetry(stack)
            engine = self._compose(found, ledger, tape)
            if trouble:
                engine.notices.begin("telemetry", trouble)
            if self._child is not None:
                self._child.notify = engine.notices
            await self._serve(engine, base, trouble)

    async def _start_child(self, stack: contextlib.AsyncExitStack) -> str:
        data_dir = self._place.data_dir / "simulator"
        child = SimulatorChild(self._settings.simulator, data_dir, self._clock, _to_log)
        self._child = child
        stack.push_async_callback(child.stop)
        try:
            await child.start()
        except ChildError as error:
            raise StartError(str(error)) from None
        await stack.enter_async_context(_background(child.watch()))
        return child.base_url

    async def _start_telemetry(self, stack: contextlib.AsyncExitStack) -> str:
        """A taken port must not keep an engine from guarding orders: the sentence is a note, not an error."""
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

    def _open_store(self, stack: contextlib.AsyncExitStack) -> tuple[Ledger, Tape]:
        settings = self._settings
        try:
            ledger = Ledger.open(self._place.data_dir / LEDGER_FILE, self._clock.wall_ns)
            stack.callback(ledger.close)
            tape = Tape.open(
                self._place.data_dir / "tape",
                settings=TapeSettings(
                    max_bytes=int(settings.tape.max_gigabytes * (1 << 30)),
                    max_age_s=settings.tape.max_days * 86_400,
                ),
                clock_ns=self._clock.wall_ns,
                on_notice=log.warning,
            )
            stack.callback(tape.close)
        except (LedgerError, RecordingError) as error:
            raise StartError(error.text) from None
        return ledger, tape

    def _compose(self, found: Discovery, ledger: Ledger, tape: Tape) -> Engine:
        settings = self._settings
        rng = random.SystemRandom()
        venue = BinanceSpot(
            found.endpoints,
            found.credentials,
            clock=self._clock,
            rng=rng,
            settings=SpotSettings(recv_window_ms=settings.binance.recv_window_ms),
        )
        timed = checkpoint(self._metrics)

        def reached(name: str) -> None:
            timed(name)
            self._on_checkpoint(name)

        return Engine(
            (venue,),
            ledger,
            tape,
            EngineSettings(
                symbols={venue.name: settings.symbols},
                limits=_limits(settings),
                data_badge=found.data,
                data_dir=str(self._place.data_dir),
                metrics_port=self._telemetry.port,
            ),
            self._clock,
            reached,
            rng=rng,
        )

    async def _serve(self, engine: Engine, base: str, trouble: str) -> None:
        child = self._child
        self._telemetry.sample = lambda: sample(engine, child.restarts if child else 0)
        self._telemetry.health = lambda: healthz(engine)
        running = asyncio.create_task(engine.run(), name="engine")
        running.add_done_callback(lambda _: self._ended.set())
        try:
            await self._until_ready(engine)
            path = socket_path(self._place.data_dir)
            async with serve_link(MeasuredService(engine, self._metrics), path):
                with self._announced(path):
                    self._say_hello(engine, base, trouble)
                    gc.collect()
                    gc.freeze()  # what lives as long as the process is never walked again: no 40 ms pauses
                    await self._wait_for_the_end()
                    await engine.stop()
                    await running
        except LedgerError as error:
            raise StartError(error.text) from None
        except OSError as error:
            raise StartError(f"The engine cannot serve: {error.strerror or error}.") from None
        finally:
            if not running.done():
                await engine.stop()
                await asyncio.wait({running})

    async def _until_ready(self, engine: Engine) -> None:
        """The first attempt at every venue was made, or the end came."""
        async with _background(engine.ready()) as ready, _background(self._ended.wait()) as ended:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)

    async def _wait_for_the_end(self) -> None:
        if self._place.exit_with is None:
            await self._ended.wait()
            return
        while not self._ended.is_set():
            if not _is_alive(self._place.exit_with):
                log.info("process %d is gone, so the engine ends too", self._place.exit_with)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _PARENT_POLL_S)

    @contextlib.contextmanager
    def _announced(self, path: Path) -> Iterator[None]:
        """The engine file exists exactly while faces are served."""
        place = self._place
        engine = EngineFile(
            socket=str(path),
            pid=os.getpid(),
            data_dir=str(place.data_dir),
            metrics_port=self._telemetry.port,
        )
        file = place.data_dir / ENGINE_FILE
        write_engine_file(file, engine)
        try:
            if place.ready_file is not None:
                write_engine_file(place.ready_file, engine)
            yield
        finally:
            file.unlink(missing_ok=True)

    def _say_hello(self, engine: Engine, base: str, trouble: str) -> None:
        status = engine.condition.status()
        where = "the bundled simulator" if self._child else base
        port = self._telemetry.port
        self._say(
            f"{status.environment} on {where}, data {status.data_badge}, in {self._place.data_dir};"
            + (f" metrics at http://{HOST}:{port}/metrics" if port else " metrics off")
        )
        for note in status.notes:
            self._say(note)


def _bind(data_dir: Path, environment: Environment) -> None:
    """One data directory serves one environment: positions of the simulator must never stand beside real ones.

    Raises StartError.
    """
    mark = data_dir / ENVIRONMENT_FILE
    known = mark.read_text("ascii").strip() if mark.exists() else ""
    if known and known != environment:
        raise StartError(
            f"{data_dir} belongs to {known}, but the exchange is {environment}: orders and positions must not"
            " mix. Give this one a place of its own with --data-dir."
        )
    if not known:
        write_private(mark, f"{environment}\n".encode())


def _limits(settings: Settings) -> RiskLimits:
    risk = settings.risk
    return RiskLimits(
        symbols=frozenset(risk.symbols),
        min_notional=risk.min_notional,
        max_notional=risk.max_notional,
        price_band_percent=risk.price_band_percent,
        orders_per_10s=risk.orders_per_10s,
    )


@contextlib.asynccontextmanager
async def _background(work: Coroutine[object, None, object]) -> AsyncIterator["asyncio.Task[object]"]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@contextlib.contextmanager
def _held(data_dir: Path) -> Iterator[None]:
    lock = DataDirLock.acquire(data_dir)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _logging(data_dir: Path) -> Iterator[None]:
    """Everything this process logs goes to a rotating file; nothing to the terminal, and no request's
    address, which carries a signature."""
    logging.raiseExceptions = False  # a full disk must not print tracebacks
    try:
        handler = logging.handlers.RotatingFileHandler(
            data_dir / LOG_FILE, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
        )
    except OSError as error:
        raise RendezvousError(f"The log in {data_dir} cannot be written: {error.strerror}.") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("spark_tui").setLevel(logging.INFO)
    logging.getLogger("spark_tui.link.websockets").setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _to_log(level: str, text: str) -> None:
    log.warning("%s", text)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
