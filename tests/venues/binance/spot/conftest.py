"""A scripted exchange, the simulator, and adapters whose streams run against them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spark_tui.domain.market import DepthRestart, MarketEvent
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery, discover
from spark_tui.venues.port import UserEvent, UserStreamUp
from spark_tui.wire.clock import SystemClock
from tests.venues.binance.spot.peer import Peer, serving
from tests.venues.binance.spot.simulated import Simulator, connect, key_pair

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Seen:
    """What an engine would have been told, in order; `until` waits for it."""

    def __init__(self) -> None:
        self.market: list[MarketEvent] = []  # but restarts
        self.restarts: list[MarketEvent] = []
        self.user: list[UserEvent] = []
        self.frames: list[tuple[str, bytes]] = []
        self._changed = asyncio.Event()

    def on_market(self, event: MarketEvent, receipt_ns: int) -> None:
        (self.restarts if isinstance(event, DepthRestart) else self.market).append(event)
        self._changed.set()

    def on_user(self, event: UserEvent, receipt_ns: int) -> None:
        self.user.append(event)
        self._changed.set()

    def on_frame(self, stream: str, receipt_ns: int, raw: bytes) -> None:
        self.frames.append((stream, raw))
        self._changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def ups(self) -> int:
        return sum(isinstance(event, UserStreamUp) for event in self.user)

    def words(self) -> list[str]:
        return [type(event).__name__ for event in self.user]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as peer:
        yield peer


def adapter(peer: Peer, *, key: bool = True, **settings: Any) -> BinanceSpot:
    return BinanceSpot(
        peer.endpoints,
        HmacKey("testkey", "testsecret") if key else None,
        clock=SystemClock(),
        rng=random.Random(1),
        settings=SpotSettings(**settings),
    )


async def live(venue: BinanceSpot, name: str) -> None:
    """Wait until that connection is live."""
    async with asyncio.timeout(10):
        while not any(  # noqa: ASYNC110 - the adapter tells its condition only when asked
            h.name == name and h.state == "live" for h in venue.health()
        ):
            await asyncio.sleep(0)


@asynccontextmanager
async def running(venue: BinanceSpot, seen: Seen, *, user: bool = True) -> AsyncIterator[None]:
    """The venue's streams run and are live; with `user`, the user stream is up too."""
    streams = asyncio.create_task(venue.run_streams(SYMBOLS, seen.on_market, seen.on_user, seen.on_frame))
    try:
        if user:
            await seen.until(lambda: seen.ups() == 1)
        await live(venue, "market")
        if user:
            await live(venue, "ws-api")
        yield
    finally:
        streams.cancel()
        await asyncio.gather(streams, return_exceptions=True)
        await venue.close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    directory = tmp_path_factory.mktemp("simulator")
    public = directory / "ed25519.pem"
    process = Simulator(directory, "--ed25519-public-key", str(public))
    process.ed25519_pem = key_pair(public)
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def found(simulator: Simulator) -> Discovery:
    return await discover(simulator.info["base_url"])


@pytest.fixture
async def venue(found: Discovery) -> AsyncIterator[BinanceSpot]:
    venue = connect(found.endpoints, found.credentials)
    yield venue
    await venue.close()
