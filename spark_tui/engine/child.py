"""The bundled simulator as a child process of the engine: started, watched, started again, ended with it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from spark_tui.engine.place import StartError
from spark_tui.settings import Simulator
from spark_tui.wire.clock import NS_PER_S, Clock

START_PATIENCE_S = 20.0
STOP_PATIENCE_S = 5.0
RETRY_S = (0.2, 1.0, 5.0)  # then the last one for ever
STABLE_S = 30.0
_POLL_S = 0.02
_SECRETS = ("BINANCE_", "TRADE_MODE", "LIVE_ENABLED")


class _Ready(msgspec.Struct, frozen=True):
    base_url: str


class SimulatorChild:
    """`begin`, `serving`, then `watch` as a task until `stop`. Restarts keep the port, so that addresses
    stay good; account, orders and key lie in `data_dir` and stay too."""

    def __init__(
        self, settings: Simulator, data_dir: Path, clock: Clock, notify: Callable[[str, str], None]
    ) -> None:
        self.base_url = ""
        self.restarts = 0
        self.notify = notify
        self._settings = settings
        self._data_dir = data_dir
        self._ready = data_dir / "ready.json"
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def begin(self) -> None:
        """Start the process; it is not serving yet. Raises StartError."""
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ready.unlink(missing_ok=True)
            with (self._data_dir / "simulator.log").open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "spark_tui.simulator"),
                    *self._arguments(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the engine, which ends it in order
                    env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)},
                )
        except OSError as error:
            raise StartError(f"The bundled simulator cannot be started: {error.strerror}.") from None

    async def serving(self) -> str:
        """Its REST address, once it serves. Raises StartError."""
        process = self._process
        deadline = self._clock.mono_ns() + START_PATIENCE_S * NS_PER_S
        while process is not None and self._clock.mono_ns() < deadline:
            if self._ready.exists():
                self.base_url = msgspec.json.decode(self._ready.read_bytes(), type=_Ready).base_url
                self._ready.unlink()  # it holds the key
                return self.base_url
            if process.returncode is not None:
                raise StartError(f"The bundled simulator did not start: {self._last_words()}")
            await self._clock.sleep(_POLL_S)
        if process is not None:
            process.kill()
        raise StartError(f"The bundled simulator did not serve within {START_PATIENCE_S:g} s.")

    async def watch(self) -> None:
        """Start it again whenever it ends by itself."""
        failures = 0
        while self._process is not None:
            begun = self._clock.mono_ns()
            code = await self._process.wait()
            if self._stopping:
                return
            if self._clock.mono_ns() - begun > STABLE_S * NS_PER_S:
                failures = 0
            self.notify("warn", f"The simulator ended by itself (code {code}); it is started again.")
            while True:
                await self._clock.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                self.restarts += 1
                try:
                    await self.begin()
                    await self.serving()
                    break
                except StartError as error:
                    self.notify("bad", str(error))

    async def stop(self) -> None:
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_PATIENCE_S)
            except TimeoutError:
                process.kill()
                await process.wait()

    def _arguments(self) -> list[str]:
        settings = self._settings
        port = self.base_url.rpartition(":")[2] or str(settings.port)
        words = [
            *("--port", port),
            *("--ready-file", str(self._ready)),
            *("--data-dir", str(self._data_dir)),
            *("--exit-with", str(os.getpid())),
        ]
        if settings.seed is not None:
            words += ["--seed", str(settings.seed)]
        if settings.speed is not None:
            words += ["--speed", str(settings.speed)]
        if settings.replay:
            words += ["--replay", *(str(path.expanduser().absolute()) for path in settings.replay)]
        return words

    def _last_words(self) -> str:
        lines = (self._data_dir / "simulator.log").read_text("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix("spark-tui simulator: ") if lines else "it said nothing."
