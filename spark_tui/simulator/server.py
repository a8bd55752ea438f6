"""The running simulator: one port for REST, streams and the WebSocket API; options, ready file, clean end."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import msgspec
from aiohttp import WSCloseCode, web

from spark_tui.simulator.agents import STEP_MS
from spark_tui.simulator.compose import Composed, compose
from spark_tui.simulator.connection import Connection
from spark_tui.simulator.errors import ApiError, check_time_unit
from spark_tui.simulator.faults.door import fault_request
from spark_tui.simulator.faults.fault import Fate
from spark_tui.simulator.options import Options, OptionsError, add_arguments, read_options
from spark_tui.simulator.rest import Reply, RestFace
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.streams import StreamSession, TooManyStreams
from spark_tui.simulator.symbols import STATUSES, TRADING
from spark_tui.simulator.ws_api import OPEN_WEIGHT, WsApiSession

__all__ = ["Server", "add_arguments", "run"]

_HOST = "127.0.0.1"
_TEND_EVERY_S = 1.0
_BODY_LIMIT = 1 << 16
_SAVE_EVERY_S = 0.5
_WATCH_EVERY_S = 0.5


class Server:
    """Sockets around one Simulation."""

    def __init__(
        self, simulation: Simulation, *, api_key: str, api_secret: str, ed25519_api_key: str = ""
    ) -> None:
        self.simulation = simulation
        self.base_url = self.ws_url = self.ws_api_url = ""
        self.api_key = api_key
        self._api_secret = api_secret
        self._ed25519_api_key = ed25519_api_key
        self._rest = RestFace(simulation)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; OSError when the port is taken. 0 takes any free port."""
        self._runner = web.ServerRunner(web.Server(self._handle), handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.base_url = f"http://{_HOST}:{bound}"
        self.ws_url = f"ws://{_HOST}:{bound}"
        self.ws_api_url = f"{self.ws_url}/ws-api/v3"
        self._spawn(self._tend())
        self._spawn(self._live())

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in tuple(self._connections):
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                await asyncio.wait_for(connection.close(WSCloseCode.GOING_AWAY), 0.2)
            connection.cut()
        if self._runner is not None:
            await self._runner.cleanup()

    def ready(self) -> dict[str, str]:
        """What the ready file says."""
        return {
            "base_url": self.base_url,
            "ws_url": self.ws_url,
            "ws_api_url": self.ws_api_url,
            "api_key": self.api_key,
            "api_secret": self._api_secret,
        }

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self) -> None:
        """Move the market on as time passes."""
        while True:
            self.simulation.advance(self.simulation.wall_ms())
            await asyncio.sleep(STEP_MS / 1_000)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_TEND_EVERY_S)
            for connection in tuple(self._connections):
                await connection.tend()

    # requests

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.raw_path.encode("utf-8", "surrogateescape")
        raw_path, _, query = raw.partition(b"?")
        path = raw_path.decode("utf-8", "replace")
        address = request.remote or _HOST
        if path == "/ws-api/v3":
            return await self._ws_api(request, query, address)
        if path in ("/ws", "/stream") or path.startswith("/ws/"):
            return await self._stream(request, path, query, address)
        body = await request.content.read(_BODY_LIMIT) if request.can_read_body else b""
        if path.startswith("/sim/v1/"):
            return _response(self._own(request.method, path.removeprefix("/sim/v1/"), query, body))
        reply = self._rest.handle(request.method, path, query, body, request.headers, address)
        fate = self.simulation.faults.take_fate()
        if fate is not None:
            await self._suffer(fate, request)
        self.simulation.faults.release()
        return _response(reply)

    async def _suffer(self, fate: Fate, request: web.BaseRequest) -> None:
        """What a fault does to a reply over REST: it is late, or lost with its connection."""
        if fate.delay_ms or fate.behind_next:
            await asyncio.sleep(max(fate.delay_ms, STEP_MS) / 1_000)
        if fate.drop and request.transport is not None:
            request.transport.abort()

    def _own(self, method: str, name: str, query: bytes, body: bytes) -> Reply:
        """What a real venue does not offer: who we are, faults, our clock, and whether a symbol trades."""
        if name == "faults":
            return fault_request(self.simulation.faults, method, body)
        values = dict(parse_qsl(query.decode("utf-8", "replace")))
        if (method, name) == ("GET", "info"):
            return Reply(200, {}, msgspec.json.encode(self._info()))
        if (method, name) == ("POST", "clock"):
            offset = values.get("offset_ms", "")
            if not offset.removeprefix("-").isdecimal():
                return Reply(400, {}, b'{"error":"send offset_ms as a whole number of milliseconds"}')
            self.simulation.clock.offset_ms = int(offset)
            return Reply(200, {}, msgspec.json.encode({"offset_ms": int(offset)}))
        if (method, name) == ("POST", "symbol"):
            market = self.simulation.exchange.markets.get(values.get("symbol", ""))
            status = values.get("status", "")
            if market is None or status not in STATUSES:
                return Reply(400, {}, b'{"error":"send a listed symbol and one of its possible statuses"}')
            market.symbol.set_status(status)
            return Reply(200, {}, msgspec.json.encode({"symbol": market.symbol.name, "status": status}))
        return Reply(404, {}, b"")

    def _info(self) -> dict[str, Any]:
        return {
            "simulator": "spark-tui",
            "ws_url": self.ws_url,
            "ws_api_url": self.ws_api_url,
            "data": self.simulation.data,
            "symbols": self._trading(),
            "api_key": self.api_key,
            "api_secret": self._api_secret,
            "ed25519_api_key": self._ed25519_api_key,
        }

    def _trading(self) -> list[str]:
        """Where something can be traded."""
        markets = self.simulation.exchange.markets.values()
        return [
            market.symbol.name
            for market in markets
            if market.symbol.status == TRADING and market.symbol.info.get("isSpotTradingAllowed", True)
        ]

    async def _ws_api(self, request: web.BaseRequest, query: bytes, address: str) -> web.StreamResponse:
        connection = await self._open(request, query, address, OPEN_WEIGHT, "ws-api")
        if not isinstance(connection, Connection):
            return connection
        show = b"returnRateLimits=false" not in query.split(b"&")
        session = WsApiSession(connection, self.simulation, address, show_limits=show)
        pump = asyncio.get_running_loop().create_task(connection.pump())
        try:
            await session.run()
        finally:
            session.close()
            pump.cancel()
            self._forget(connection)
        return connection.ws

    async def _stream(
        self, request: web.BaseRequest, path: str, query: bytes, address: str
    ) -> web.StreamResponse:
        connection = await self._open(request, query, address, 0, "stream")
        if not isinstance(connection, Connection):
            return connection
        session = StreamSession(connection, self.simulation.hub)
        pump = asyncio.get_running_loop().create_task(connection.pump())
        try:
            session.open_with(path, query.decode("utf-8", "replace"))
            await session.run(time.monotonic)
        except TooManyStreams:
            await connection.close(WSCloseCode.POLICY_VIOLATION)
        finally:
            session.close()
            pump.cancel()
            self._forget(connection)
        return connection.ws

    async def _open(
        self, request: web.BaseRequest, query: bytes, address: str, weight: int, purpose: str
    ) -> Connection | web.Response:
        """Upgrade, or say why not."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=400, text="A WebSocket upgrade was expected here.")
        now_ms = self.simulation.clock.now_ms()
        try:
            check_time_unit(parse_qs(query.decode("ascii", "replace")).get("timeUnit", [None])[0])
            self.simulation.limits.connect(address, now_ms)
            if weight:
                self.simulation.limits.charge(address, weight, now_ms)
        except ApiError as error:
            headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
            return _response(Reply(error.status, headers, msgspec.json.encode(error.body())))
        connection = Connection(request, time.monotonic, purpose)
        await connection.open()
        self._connections.add(connection)
        self.simulation.faults.lines.add(connection)
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self.simulation.faults.lines.discard(connection)


def _response(reply: Reply) -> web.Response:
    kind = "application/json;charset=UTF-8" if reply.body else "text/plain"
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers | {"Content-Type": kind})


def run(arguments: argparse.Namespace) -> int:
    """Run the simulator until SIGTERM or SIGINT. 0 = clean end, 2 = wrong options or files (one line on
    stderr)."""
    try:
        options = read_options(arguments)
        return _with_loop(options)
    except OptionsError as error:
        print(f"spark-tui simulator: {error}", file=sys.stderr)
        return 2


def _with_loop(options: Options) -> int:
    try:
        import uvloop
    except ImportError:  # not offered on every platform
        return asyncio.run(serve(options))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(options))


async def serve(options: Options) -> int:
    """Compose, serve, and end cleanly on a signal or with the process of `--exit-with`."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    composed = compose(options)
    server = Server(
        composed.simulation,
        api_key=composed.api_key,
        api_secret=composed.api_secret,
        ed25519_api_key=composed.ed25519_api_key,
    )
    try:
        await server.start(options.port)
    except OSError as error:
        text = f"port {options.port} cannot be used ({error.strerror}); choose another with --port"
        raise OptionsError(text) from None
    gc.collect()
    gc.freeze()  # the past and the imports stay: no collection needs to look at them again
    work = [loop.create_task(player.run()) for player in composed.players]
    if composed.state is not None:
        work.append(loop.create_task(_keep_saved(server, composed)))
    if options.exit_with is not None:
        work.append(loop.create_task(_watch(options.exit_with, ended)))
    if options.ready_file is not None:
        try:
            write_ready(options.ready_file, server.ready())
        except OSError as error:
            text = f"--ready-file {options.ready_file} cannot be written ({error.strerror})"
            raise OptionsError(text) from None
    print(f"simulator serving at {server.base_url}", flush=True)
    await ended.wait()
    for task in work:
        task.cancel()
    await server.stop()
    if composed.state is not None:
        try:
            composed.state.write(composed.encode_state())
        except OSError as error:
            print(f"spark-tui simulator: state not saved ({error.strerror})", file=sys.stderr)
            return 1
    return 0


async def _keep_saved(server: Server, composed: Composed) -> None:
    """Write the state soon after it changes, off the loop."""
    state = composed.state
    while state is not None:
        await asyncio.sleep(_SAVE_EVERY_S)
        if state.due(composed.simulation):
            try:
                await asyncio.to_thread(state.write, composed.encode_state())
            except OSError as error:
                print(f"spark-tui simulator: state not saved ({error.strerror})", file=sys.stderr)


async def _watch(pid: int, ended: asyncio.Event) -> None:
    """End with another process. A parent that died may have left its number behind, so ours is looked at
    too."""
    child_of_it = os.getppid() == pid
    while _alive(pid) and not (child_of_it and os.getppid() != pid):  # noqa: ASYNC110 - another process has no event
        await asyncio.sleep(_WATCH_EVERY_S)
    ended.set()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_ready(path: Path, facts: dict[str, str]) -> None:
    """Appear whole or not at all: a waiting reader never sees half a file."""
    beside = path.with_name(path.name + ".part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(facts))
    beside.replace(path)
