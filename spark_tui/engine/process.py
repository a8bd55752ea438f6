"""The engine as a process: serve its faces, and end cleanly.

Owns what surrounds the engine: the data directory's lock, the log, the bundled simulator, the socket, the
engine file and the ready file.
"""

import asyncio
import contextlib
import gc
import logging
import logging.handlers
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spark_tui.domain.values import Environment
from spark_tui.engine.child import SimulatorChild
from spark_tui.engine.exchange import discover, wanted_base
from spark_tui.engine.place import Place, StartError
from spark_tui.link.rendezvous import (
    ENGINE_FILE,
    LOG_FILE,
    DataDirLock,
    EngineFile,
    RendezvousError,
    socket_path,
    write_engine_file,
    write_private,
)
from spark_tui.settings import Settings
from spark_tui.venues.kill_marks import read_marks
from spark_tui.wire.clock import SystemClock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine
    from spark_tui.engine.kill_marks import MarkFiles
    from spark_tui.engine.plan_keeper import PlanKeeper
    from spark_tui.link.service import Service

ENVIRONMENT_FILE = "environment"
LOG_BYTES = 5 << 20
LOG_FILES = 3
_PARENT_POLL_S = 0.5

log = logging.getLogger(__name__)


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
        self._ended = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(name, self._ended.set)
        async with contextlib.AsyncExitStack() as stack:
            base = wanted_base(self._settings)
            child = None if base else await self._begin_child(stack)
            # half a second of imports, while the simulator does its own on the other core
            from spark_tui.engine.composition import Composition
            from spark_tui.engine.kill_marks import MarkFiles

            composition = Composition(self._settings, self._place.data_dir, self._clock, self._on_checkpoint)
            ledger, tape = composition.open_store(stack)
            if child is not None:
                base = await child.serving()
                await stack.enter_async_context(_background(child.watch()))
            found = await discover(self._settings, base)
            _bind(self._place.data_dir, found.environment)
            trouble = await composition.start_telemetry(stack)
            marks = read_marks(self._place.data_dir)
            engine = composition.build(found, ledger, tape, tuple(marks.values()))
            keeper = composition.keeper(engine, found, bundled=child is not None)
            await keeper.keep()  # before anything trades
            await stack.enter_async_context(_background(keeper.run()))
            if trouble:
                engine.notices.begin("telemetry", trouble)
            if child is not None:
                child.notify = engine.notices
            service = composition.observed(engine, lambda: child.restarts if child else 0)
            where = "the bundled simulator" if child else base
            window_ms = max(runner.venue.decision_window_ms for runner in engine.runners.values())
            files = MarkFiles(
                self._place.data_dir, marks, engine.journal.has_mark, window_ms / 1_000, self._clock
            )
            await self._serve(engine, service, keeper, files, composition.metrics_port, where)

    async def _begin_child(self, stack: contextlib.AsyncExitStack) -> SimulatorChild:
        child = SimulatorChild(
            self._settings.simulator, self._place.data_dir / "simulator", self._clock, _to_log
        )
        stack.push_async_callback(child.stop)
        await child.begin()
        return child

    async def _serve(
        self,
        engine: "Engine",
        service: "Service",
        keeper: "PlanKeeper",
        files: "MarkFiles",
        metrics_port: int,
        where: str,
    ) -> None:
        from spark_tui.link.server import serve as serve_link
        from spark_tui.store.ledger import LedgerError

        running = asyncio.create_task(engine.run(), name="engine")
        running.add_done_callback(lambda _: self._ended.set())
        try:
            await self._until_ended(engine.ready())  # the first attempt at every venue was made
            await keeper.keep()  # with what the venue counts from: a face may order from here on
            if files.begun_with:
                await engine.journal.durable()  # what they tell of stands in the ledger now
                await files.look(keeper.compared_ns)
            path = socket_path(self._place.data_dir)
            async with serve_link(service, path), _background(files.run(lambda: keeper.compared_ns)):
                with self._announced(path, metrics_port):
                    self._say(_hello(engine, where))
                    gc.collect()
                    gc.freeze()  # what lives as long as the process is never walked again: no 40 ms pauses
                    await self._until_ended(engine.priced())
                    if not self._ended.is_set():
                        self._tell_ready(path, metrics_port)
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

    async def _until_ended(self, work: Coroutine[object, None, object]) -> None:
        """Until `work` is done, or the end came."""
        async with _background(work) as done, _background(self._ended.wait()) as ended:
            await asyncio.wait({done, ended}, return_when=asyncio.FIRST_COMPLETED)

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
    def _announced(self, path: Path, metrics_port: int) -> Iterator[None]:
        """The engine file exists exactly while faces are served."""
        file = self._place.data_dir / ENGINE_FILE
        write_engine_file(file, self._about(path, metrics_port))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def _tell_ready(self, path: Path, metrics_port: int) -> None:
        """Later than the engine file: a face wants to see what goes wrong, a script wants to trade."""
        if self._place.ready_file is not None:
            write_engine_file(self._place.ready_file, self._about(path, metrics_port))

    def _about(self, path: Path, metrics_port: int) -> EngineFile:
        return EngineFile(
            socket=str(path), pid=os.getpid(), data_dir=str(self._place.data_dir), metrics_port=metrics_port
        )


def _hello(engine: "Engine", where: str) -> str:
    status = engine.condition.status()
    port = status.metrics_port
    metrics = f"metrics at http://127.0.0.1:{port}/metrics" if port else "metrics off"
    head = f"{status.environment} on {where}, data {status.data_badge}, in {status.data_dir}; {metrics}"
    return "\n".join((head, *status.notes))


def require_place(data_dir: Path, environment: Environment) -> bool:
    """One data directory, one environment: the simulator's positions must never stand beside real ones.

    Answers whether it is bound already. Raises StartError.
    """
    mark = data_dir / ENVIRONMENT_FILE
    known = mark.read_text("ascii").strip() if mark.exists() else ""
    if known and known != environment:
        raise StartError(
            f"{data_dir} belongs to {known}, but the exchange is {environment}: orders and positions must not"
            " mix. Give this one a place of its own with --data-dir."
        )
    return bool(known)


def _bind(data_dir: Path, environment: Environment) -> None:
    """Raises StartError."""
    if require_place(data_dir, environment):
        return
    try:
        write_private(data_dir / ENVIRONMENT_FILE, f"{environment}\n".encode())
    except OSError as error:
        raise StartError(f"The data directory {data_dir} cannot be used: {error.strerror}.") from None


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
        (data_dir / ENGINE_FILE).unlink(missing_ok=True)  # a killed engine's word is not ours
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
        with contextlib.suppress(OSError):  # a full disk: the last lines are lost, nothing else
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
