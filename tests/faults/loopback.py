"""The real Binance adapter and the real simulator joined without sockets, on one hand-moved clock.

Only the seed sweep uses it: thousands of schedules in minutes, each the same every time. Requests are signed,
encoded, judged, answered and decoded as ever; what is left out is TCP, HTTP framing, pings and the supervisor
of sockets, which have tests of their own (`tests/wire`, `tests/simulator`) and the drills.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from spark_tui.domain.market import DepthDiff
from spark_tui.simulator.faults.fault import Fate
from spark_tui.simulator.rest import RestFace
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.ws_api import WsApiSession
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot import codec
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.binance.spot.rest import SpotRest
from spark_tui.venues.binance.spot.trading import Trading
from spark_tui.venues.binance.spot.ws_api import WsApi
from spark_tui.venues.port import FrameSink, MarketSink, UserSink, VenueError
from spark_tui.wire.clock import Clock, first_of
from spark_tui.wire.http import HttpClient, HttpReply
from spark_tui.wire.http import Phase as HttpPhase
from spark_tui.wire.limiter import ConnectionBudget
from spark_tui.wire.socket import SocketDown

ADDRESS = "127.0.0.1"
PLACES = frozenset({"order.place", "order.cancelReplace", "orderList.place.oco", "orderList.place.oto"})
_NOTICED_AFTER_S = 15.0  # a half-open connection: ping interval and timeout
_AGAIN_AFTER_S = 0.2
_ENDPOINTS = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-api/v3")


class Line:
    """One WebSocket API connection: the simulator's `Connection` at one end, the client's `Session` at the
    other."""

    def __init__(self, api: "LoopbackApi", simulation: Simulation, clock: Clock) -> None:
        self.purpose = "ws-api"
        self.combined = False
        self.on_message: Callable[[bytes, int], None] = lambda raw, receipt_ns: None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._api = api
        self._simulation = simulation
        self._clock = clock
        self._deaf = False
        self._session = WsApiSession(self, simulation, ADDRESS, show_limits=True)  # type: ignore[arg-type]
        simulation.faults.lines.add(self)

    # the client's end

    async def send(self, frame: str) -> None:
        if self.ended.done():
            raise SocketDown("The connection is down.", sent=False)
        self._api.on_sent(frame)
        if self._deaf:
            return
        reply, faults = self._session.handle(frame.encode()), self._simulation.faults
        if not faults.carry(reply, self):
            self.deliver(reply)
            faults.sent(self)

    def end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    def close(self) -> None:
        self._session.close()
        self._simulation.faults.lines.discard(self)

    # the simulator's end

    def deliver(self, frame: bytes) -> None:
        if not self._deaf and not self.ended.done():
            self.on_message(frame, self._clock.wall_ns())

    def cut(self) -> None:
        self.end("the line was cut")

    def break_frame(self) -> None:
        self.end("the connection ended in the middle of a frame")

    def mute(self) -> None:
        self._deaf = True

    async def gone(self) -> str:
        """Why it ended; a half-open one is noticed by its unanswered ping."""
        while not self._deaf:
            timer = asyncio.ensure_future(self._clock.sleep(_NOTICED_AFTER_S / 3))
            await first_of(timer, self.ended)
            timer.cancel()
            if self.ended.done():
                return self.ended.result()
        await self._clock.sleep(_NOTICED_AFTER_S)
        return "no answer to a ping"


class LoopbackApi(WsApi):
    """The real one, with a line in place of its supervised socket."""

    def __init__(self, simulation: Simulation, on_sent: Callable[[str], None], **parts: Any) -> None:
        super().__init__(_ENDPOINTS.ws_api, **parts)
        self.on_sent = on_sent
        self._simulation = simulation
        self.line: Line | None = None

    async def run(self) -> None:
        while True:
            line = self.line = Line(self, self._simulation, self._clock)
            reason = "it could not subscribe"
            try:
                await self._opened(line)  # type: ignore[arg-type]
                reason = await line.gone()
            except VenueError as error:
                reason = error.text
            finally:
                line.close()
                line.end(reason)
            self._closed(line, reason)  # type: ignore[arg-type]
            await self._clock.sleep(_AGAIN_AFTER_S)

    def _leave(self, session: Any) -> None:
        session.end("the server is shutting down")


class LoopbackHttp(HttpClient):
    """The real one, with the simulator's REST face in place of the network."""

    def __init__(self, simulation: Simulation, on_sent: Callable[[str], None], **parts: Any) -> None:
        super().__init__(_ENDPOINTS.rest, **parts)
        self._simulation = simulation
        self._face = RestFace(simulation)
        self._on_sent = on_sent

    async def _once(self, call: Any) -> HttpReply:
        path, _, query = call.target.partition(b"?")
        call.phase = HttpPhase.SENT
        self._on_sent(f"{call.method} {call.target.decode()}")
        reply = self._face.handle(call.method, path.decode(), query, call.content, call.headers, ADDRESS)
        faults = self._simulation.faults
        fate = faults.take_fate() or Fate()
        await self._clock.sleep(fate.delay_ms / 1_000)
        faults.release()
        if fate.drop or fate.cut:
            raise call.failure("the connection failed after sending")
        found = {name.lower(): value for name, value in reply.headers.items()}
        return HttpReply(reply.status, found, reply.body, self._retry_after_s(reply.status, found))


class MarketLine:
    """One market stream connection."""

    purpose = "stream"
    combined = True

    def __init__(self, on_market: MarketSink, clock: Clock) -> None:
        self._on_market = on_market
        self._clock = clock

    def deliver(self, frame: bytes) -> None:
        event = codec.decode_frame(frame)
        if isinstance(event, DepthDiff):
            self._on_market(event, self._clock.wall_ns())

    async def eased(self) -> None:
        return


class LoopbackVenue(BinanceSpot):
    """`on_sent` hears every request that leaves."""

    def __init__(
        self,
        simulation: Simulation,
        key: tuple[str, str],
        clock: Clock,
        rng: random.Random,
        on_sent: Callable[[str], None],
        settings: SpotSettings,
    ) -> None:
        super().__init__(_ENDPOINTS, HmacKey(*key), clock=clock, rng=rng, settings=settings)
        self._simulation = simulation
        self._on_sent = on_sent
        self._http = LoopbackHttp(simulation, on_sent, limiter=self._account.limiter, clock=clock, rng=rng)
        self._rest = SpotRest(self._http, self._account, self._lists)
        self._trading = Trading(self._account, self._rest, lambda: self._api, self._lists)

    async def run_streams(
        self, symbols: tuple[str, ...], on_market: MarketSink, on_user: UserSink, on_frame: FrameSink
    ) -> None:
        stale = asyncio.Event()
        api = LoopbackApi(
            self._simulation,
            self._on_sent,
            account=self._account,
            rng=self._rng,
            budget=ConnectionBudget(clock=self._clock),
            on_user=on_user,
            on_balances_stale=stale.set,
            lists=self._lists,
        )
        market = MarketLine(on_market, self._clock)
        streams = [f"{symbol.lower()}@depth@100ms" for symbol in symbols]
        for stream in streams:
            self._simulation.hub.subscribe(stream, market)
        try:
            async with asyncio.TaskGroup() as group:
                self._api = api
                group.create_task(self._keep_clock())
                group.create_task(api.run())
                group.create_task(self._refresh_balances(stale, on_user))
        finally:
            self._api = None
            for stream in streams:
                self._simulation.hub.unsubscribe(stream, market)
