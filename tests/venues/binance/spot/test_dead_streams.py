"""A depth stream that dies on a live connection comes back; a quiet one is left alone."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from spark_tui.domain.health import StreamHealth
from spark_tui.domain.market import BookTicker, DepthDiff, MarketEvent
from spark_tui.simulator.server import Server
from spark_tui.simulator.simulation import Simulation
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.dead_streams import CALM_S, DEAD_AFTER_S, WAITS_S, Physician
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.venues.binance.spot.subscriptions import INTERVALS, MAX_FOCUSES
from spark_tui.wire.clock import NS_PER_S, ManualClock
from tests.simulator.brief import brief_past
from tests.venues.binance.spot.conftest import SYMBOLS, Seen, live, running
from tests.venues.binance.spot.peer import EXCHANGE_INFO, Peer, ok

DEPTH = "btcusdt@depth@100ms"
NOTHING, AGAIN, CONNECT = ([], False), (["BTCUSDT"], False), ([], True)


# --- the decision ------------------------------------------------------------------------------------------


class Ward:
    """One symbol's stream on a clock of its own; `second` is one look."""

    def __init__(self) -> None:
        self.physician = Physician()
        self.now_s = 1_000.0
        self.spoken: int | None = None
        self.told: int | None = None

    def second(self, seconds: float = 1.0) -> tuple[list[str], bool]:
        self.now_s += seconds
        now_ns = round(self.now_s * NS_PER_S)
        self.physician.look("BTCUSDT", self.spoken, [self.told, None], now_ns)
        return self.physician.treat(now_ns)

    def seconds(self, count: int) -> tuple[list[str], bool]:
        """The first thing that is done within so long, after which it is subscribed to anew."""
        for _ in range(count):
            if (done := self.second()) != NOTHING:
                self.anew()
                return done
        return NOTHING

    def anew(self) -> None:
        """As it is told once subscribed again."""
        self.spoken = None
        self.physician.restart("BTCUSDT", [self.told])


@pytest.mark.parametrize(
    ("spoken", "told"),
    [
        (100, None),  # nobody tells anything
        (100, 100),  # a quiet market
        (100, 90),  # witnesses that slept longer, or numbers begun anew
        (None, 100),  # never spoke, and nothing happened since
        (None, None),
    ],
)
def test_a_quiet_stream_is_left_alone(spoken: int | None, told: int | None) -> None:
    ward = Ward()
    ward.spoken, ward.told = spoken, told
    assert ward.seconds(60) == NOTHING


def test_a_stream_that_follows_late_but_follows_is_left_alone() -> None:
    ward = Ward()
    for number in range(100, 160):
        ward.spoken, ward.told = number, number + 50
        assert ward.second() == NOTHING


@pytest.mark.parametrize("spoken", [100, None])
def test_the_dead_is_subscribed_to_anew_at_once_and_once(spoken: int | None) -> None:
    ward = Ward()
    ward.spoken = ward.told = spoken
    ward.told = 100
    ward.seconds(2)
    ward.told = 101
    assert ward.seconds(int(DEAD_AFTER_S)) == NOTHING
    assert ward.seconds(1) == AGAIN
    assert ward.seconds(600) == NOTHING  # nothing happens there, so nothing is known


def test_what_a_new_subscription_does_not_cure_gets_a_new_connection_ever_more_seldom() -> None:
    ward = Ward()
    ward.spoken = ward.told = 100
    times: list[float] = []
    for number in range(101, 101 + 1_300):
        ward.told = number
        if (done := ward.seconds(1)) != NOTHING:
            assert done == (AGAIN if not times else CONNECT)
            times.append(ward.now_s)
    waits = [round(after - before) for before, after in pairwise(times)]
    assert waits[0] <= 2 * DEAD_AFTER_S
    assert waits[1:] == [pytest.approx(wait, abs=1) for wait in WAITS_S]


def test_one_that_was_well_for_a_while_begins_with_the_gentle_cure() -> None:
    ward = Ward()
    ward.spoken = ward.told = 100
    ward.second()
    ward.told = 101
    assert ward.seconds(5) == AGAIN
    ward.spoken = 101
    assert ward.seconds(int(CALM_S) + 1) == NOTHING
    ward.told = 102
    assert ward.seconds(5) == AGAIN


def test_what_was_heard_before_the_subscription_proves_nothing() -> None:
    """The last ticker may be hours old: the first answer after it only says where the venue stood."""
    ward = Ward()
    ward.told = 100
    ward.anew()
    ward.seconds(5)
    ward.physician.answered("BTCUSDT", 150)
    assert ward.seconds(20) == NOTHING
    ward.physician.answered("BTCUSDT", 151)
    assert ward.seconds(20) == AGAIN


# --- on the wire -------------------------------------------------------------------------------------------


class Beating(Seen):
    """The clock moves half a second with each difference of the other symbol: as time goes at the venue."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def on_market(self, event: MarketEvent, receipt_ns: int) -> None:
        if isinstance(event, DepthDiff) and event.symbol == "ETHUSDT":
            self._clock.advance(0.5)
        super().on_market(event, receipt_ns)

    def diffs(self, symbol: str = "BTCUSDT") -> list[DepthDiff]:
        return [event for event in self.market if isinstance(event, DepthDiff) and event.symbol == symbol]


@asynccontextmanager
async def simulated(clock: ManualClock) -> AsyncIterator[tuple[BinanceSpot, Simulation]]:
    simulation = Simulation(wall_ns=time.time_ns)
    with brief_past():
        simulation.populate(1, simulation.wall_ms())
    key, secret = simulation.issue_hmac_key()
    server = Server(simulation, api_key=key, api_secret=secret)
    await server.start()
    found = await discover(server.base_url)
    try:
        yield BinanceSpot(found.endpoints, None, clock=clock, rng=random.Random(1)), simulation
    finally:
        await server.stop()


def row(venue: BinanceSpot, name: str) -> StreamHealth:
    return next(one for one in venue.health() if one.name == name)


@pytest.mark.parametrize(
    ("until", "how", "replaced"), [("subscribe", "subscribed", 0), ("connect", "connected", 1)]
)
async def test_a_muted_stream_is_found_and_brought_back(until: str, how: str, replaced: int) -> None:
    clock = ManualClock()
    seen = Beating(clock)
    async with simulated(clock) as (venue, simulation), running(venue, seen, user=False):
        await seen.until(lambda: len(seen.diffs()) > 2)
        simulation.faults.arm("mute-stream", {"stream": DEPTH, "until": until})
        last = seen.diffs()[-1].last_id
        if replaced:  # a subscription is renewed at once; a connection takes its time
            await seen.until(lambda: row(venue, DEPTH).state == "down")
            assert row(venue, DEPTH).detail == "dead: the venue moved on and no update came"
        silent = len(seen.diffs())
        await seen.until(lambda: len(seen.diffs()) > silent)
        assert seen.diffs()[silent].first_id > last + 1  # the gap in it makes the book load anew
        await seen.until(lambda: row(venue, DEPTH).state == "live")
        assert row(venue, DEPTH).revivals == replaced + 1
        assert row(venue, DEPTH).detail == f"was dead: {how} anew"
        assert row(venue, "market").revivals == replaced
        others = [
            event for event in seen.market if isinstance(event, BookTicker) and event.symbol == "ETHUSDT"
        ]
        numbers = [ticker.update_id for ticker in others]
        assert numbers == sorted(set(numbers))  # what lived lost nothing and came once
        assert row(venue, "ethusdt@depth@100ms").gaps == 0
        assert row(venue, "market").reconnects == 0


async def test_a_dead_stream_of_a_still_top_is_found_by_what_the_venue_answers(peer: Peer) -> None:
    """Nothing but the answer to a depth request tells that the book moved."""
    answers = iter([5, 5, *range(6, 100)])
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok({"lastUpdateId": next(answers), "bids": [], "asks": []})
    seen, clock = Seen(), ManualClock()
    venue = BinanceSpot(peer.endpoints, None, clock=clock, rng=random.Random(1))
    async with running(venue, seen, user=False):
        while len(peer.controls) < 3:
            await venue.depth_snapshot("BTCUSDT", 5)
            await clock.run_for(1.0)
    assert [(c["method"], c["params"]) for c in peer.controls[1:]] == [
        ("UNSUBSCRIBE", [DEPTH]),
        ("SUBSCRIBE", [DEPTH]),
    ]


async def test_a_chart_that_is_left_while_its_stream_is_subscribed_anew_stays_left(peer: Peer) -> None:
    """Its symbol is not watched: once nobody looks at it, none of its streams is wanted."""
    listed = [{**EXCHANGE_INFO["symbols"][0], "symbol": symbol} for symbol in (*SYMBOLS, "SOLUSDT")]
    peer.rest["GET", "/api/v3/exchangeInfo"] = lambda q: ok({**EXCHANGE_INFO, "symbols": listed})
    answers = itertools.count(5)
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok({"lastUpdateId": next(answers), "bids": [], "asks": []})
    depth, accept, unanswered = "solusdt@depth@100ms", peer.control_reply, list[dict[str, Any]]()

    def slow(request: dict[str, Any]) -> dict[str, Any]:
        if (request["method"], request["params"]) != ("UNSUBSCRIBE", [depth]):
            return accept(request)
        unanswered.append(request)
        return {}

    async def look_at(symbol: str, interval: str) -> None:
        looking = asyncio.create_task(venue.focus(symbol, interval))
        async with asyncio.timeout(10):
            while not looking.done():
                await clock.run_for(0.05)  # so many messages a second
        await looking

    peer.control_reply = slow
    seen, clock = Seen(), ManualClock()
    venue = BinanceSpot(peer.endpoints, None, clock=clock, rng=random.Random(1))
    async with running(venue, seen, user=False):
        for symbol, interval in (
            ("SOLUSDT", "5m"),
            *(("BTCUSDT", one) for one in INTERVALS[2 : MAX_FOCUSES + 1]),
        ):
            await look_at(symbol, interval)
        while not unanswered:
            await venue.depth_snapshot("SOLUSDT", 5)
            await clock.run_for(1.0)
        await look_at("BTCUSDT", INTERVALS[MAX_FOCUSES + 1])
        assert depth in peer.controls[-1]["params"]
        asked = len(peer.controls)
        await peer.market_sockets[0].send_json(accept(unanswered[0]))
        await look_at("BTCUSDT", INTERVALS[MAX_FOCUSES + 2])
        assert not any(depth in control["params"] for control in peer.controls[asked:])


@pytest.mark.parametrize("answer", ["refused", "silence"])
async def test_a_subscription_that_fails_ends_the_connection(peer: Peer, answer: str) -> None:
    accept = peer.control_reply

    def stubborn(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "UNSUBSCRIBE":
            return {"code": 2, "msg": "Invalid request", "id": request["id"]} if answer == "refused" else {}
        return accept(request)

    peer.control_reply = stubborn
    seen, clock = Seen(), ManualClock()
    venue = BinanceSpot(peer.endpoints, None, clock=clock, rng=random.Random(1))
    async with running(venue, seen, user=False):
        for number in range(1, 6):
            ticker = {"u": number, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}
            await peer.stream("btcusdt@bookTicker", ticker)
            await seen.until(lambda number=number: len(seen.market) == number)  # type: ignore[misc]
            await clock.run_for(1.0)
        async with asyncio.timeout(10):
            while len(peer.market_sockets) < 2:
                await clock.run_for(1.0)
        await peer.until(lambda: len(peer.controls) >= 3)
        await live(venue, "market")
        assert (row(venue, "market").reconnects, row(venue, "market").revivals) == (1, 0)  # not replaced
    assert peer.controls[-1]["method"] == "SUBSCRIBE"
    assert DEPTH in peer.controls[-1]["params"]
