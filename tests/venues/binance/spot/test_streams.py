"""The market connection: what it subscribes to, what it hands on, and what it counts."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from spark_tui.domain.health import StreamHealth
from spark_tui.domain.market import DepthDiff, DepthRestart, Trade
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.subscriptions import MAX_FOCUSES, MAX_SYMBOLS, streams_of
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.venues.binance.spot.conftest import SYMBOLS, Seen, adapter, live, running
from tests.venues.binance.spot.peer import Peer, ok

WATCHED = [name for symbol in SYMBOLS for name in streams_of(symbol)]
DEPTH = "btcusdt@depth@100ms"
SHUTDOWN = {"stream": "!serverShutdown", "data": {"e": "serverShutdown"}}


def diff(first: int, last: int) -> dict[str, Any]:
    return {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [["1", "2"]], "a": []}


def trade(number: int) -> dict[str, Any]:
    return {"e": "trade", "E": 1, "s": "BTCUSDT", "t": number, "p": "1", "q": "2", "T": 1, "m": True}


def health(venue: BinanceSpot, name: str) -> StreamHealth:
    return next(h for h in venue.health() if h.name == name)


async def test_one_message_subscribes_to_everything(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        pass
    assert [(c["method"], c["params"]) for c in peer.controls] == [("SUBSCRIBE", WATCHED)]
    assert set(streams_of("BTCUSDT")) == {
        "btcusdt@depth@100ms",
        "btcusdt@depth5@100ms",
        "btcusdt@bookTicker",
        "btcusdt@trade",
        "btcusdt@ticker",
        "btcusdt@kline_1m",
    }


async def test_frames_go_to_the_tape_as_they_came_and_to_the_engine_decoded(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5))
        await peer.stream("btcusdt@trade", trade(7))
        await seen.until(lambda: len(seen.market) == 2)
        assert isinstance(seen.market[0], DepthDiff)
        assert isinstance(seen.market[1], Trade)
        assert [name for name, _ in seen.frames] == [DEPTH, "btcusdt@trade"]
        assert msgspec.json.decode(seen.frames[0][1]) == {"stream": DEPTH, "data": diff(1, 5)}
        assert (health(venue, DEPTH).state, health(venue, DEPTH).messages) == ("live", 1)
        assert health(venue, "ethusdt@trade").state == "connecting"


async def test_gaps_are_counted_and_still_handed_on(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        for first, last in ((1, 5), (6, 9), (12, 13), (12, 13), (14, 14)):
            await peer.stream(DEPTH, diff(first, last))
        for number in (1, 2, 5):
            await peer.stream("btcusdt@trade", trade(number))
        await seen.until(lambda: len(seen.market) == 8)
        assert health(venue, DEPTH).gaps == 1
        assert health(venue, "btcusdt@trade").gaps == 1


async def test_garbage_costs_its_frame_only(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5) | {"b": [["NaN", "1"]]})
        await peer.market_sockets[-1].send_str("<html>")
        await peer.stream("btcusdt@aggTrade", {"e": "aggTrade"})
        await peer.stream(DEPTH, diff(6, 7))
        await seen.until(lambda: len(seen.market) == 1)
        found = health(venue, DEPTH)
        assert (found.gaps, found.undecoded, found.detail) == (1, 1, "1 unreadable frames")
        assert health(venue, "market").gaps == 1
        assert len(peer.market_sockets) == 1


async def test_a_new_connection_subscribes_to_what_is_wanted_then(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5))
        await seen.until(lambda: len(seen.market) == 1)
        await venue.focus("BTCUSDT", "5m")
        await venue.focus("BTCUSDT", "5m")  # idempotent
        await peer.market_sockets[0].close()
        await peer.until(lambda: len(peer.controls) == 3)
        await live(venue, "market")
        await peer.stream(DEPTH, diff(100, 105))
        await seen.until(lambda: len(seen.market) == 2)
        # what was missed in between is the reconnect's, not a gap
        assert (health(venue, DEPTH).gaps, health(venue, DEPTH).reconnects) == (0, 1)
        assert seen.restarts == [DepthRestart(symbol) for symbol in (*SYMBOLS, *SYMBOLS)]  # and it is said
    assert peer.controls[1] == {"method": "SUBSCRIBE", "params": ["btcusdt@kline_5m"], "id": 2}
    assert peer.controls[2]["params"] == [*WATCHED, "btcusdt@kline_5m"]


async def test_a_focus_outlives_the_streams_run(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    await venue.focus("BTCUSDT", "5m")
    async with running(venue, seen):
        pass
    assert peer.controls[0]["params"] == [*WATCHED, "btcusdt@kline_5m"]


async def test_a_focus_while_the_connection_opens_is_not_lost(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    focusing: list[asyncio.Task[None]] = []
    accept = peer.control_reply

    def look_elsewhere(request: dict[str, Any]) -> dict[str, Any]:
        if not focusing:
            focusing.append(asyncio.create_task(venue.focus("ETHUSDT", "1h")))
        return accept(request)

    peer.control_reply = look_elsewhere
    async with running(venue, seen):
        await peer.until(lambda: len(peer.controls) == 2)
        await focusing[0]
    assert [c["params"] for c in peer.controls] == [WATCHED, ["ethusdt@kline_1h"]]
    assert len(peer.market_sockets) == 1


async def test_the_oldest_focus_leaves(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    intervals = ["3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h"]
    assert len(intervals) == MAX_FOCUSES + 1
    async with running(venue, seen):
        for interval in intervals:
            await venue.focus("BTCUSDT", interval)
    assert peer.controls[-1]["method"] == "UNSUBSCRIBE"
    assert peer.controls[-1]["params"] == ["btcusdt@kline_3m"]


@pytest.mark.parametrize(
    ("symbol", "interval", "says"), [("BTCUSDT", "7m", "no candle interval"), ("NOPE", "1m", "lists no NOPE")]
)
async def test_a_focus_that_cannot_be_is_refused(peer: Peer, symbol: str, interval: str, says: str) -> None:
    venue = adapter(peer)
    with pytest.raises(VenueError, match=says) as failed:
        await venue.focus(symbol, interval)
    await venue.close()
    assert failed.value.reaction is Reaction.DEFINITE_REJECT


async def test_a_rotation_hands_on_each_event_once(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5))
        await peer.market_sockets[0].send_json(SHUTDOWN)
        await peer.until(lambda: len(peer.controls) == 2)
        for first, last in ((6, 7), (8, 9)):
            await peer.stream(DEPTH, diff(first, last), socket=0)
        await seen.until(lambda: len(seen.market) == 3)
        for first, last in ((6, 7), (8, 9), (10, 11)):  # the new connection brings the same, then more
            await peer.stream(DEPTH, diff(first, last), socket=1)
        await seen.until(lambda: len(seen.market) == 4)
        assert [e.last_id for e in seen.market if isinstance(e, DepthDiff)] == [5, 7, 9, 11]
        assert len(seen.frames) == 4
        assert health(venue, DEPTH).gaps == 0


async def test_a_rotation_that_lost_the_old_connection_first_is_a_restart(peer: Peer) -> None:
    """Updates were missed, and in a quiet market none will ever come to show it."""
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5))
        await seen.until(lambda: len(seen.market) == 1)
        peer.control_reply = lambda request: {}  # it is answered below
        await peer.market_sockets[0].send_json(SHUTDOWN)
        await peer.until(lambda: len(peer.controls) == 2)
        await peer.market_sockets[0].close()
        async with asyncio.timeout(10):
            while health(venue, "market").state == "live":  # noqa: ASYNC110 - the adapter tells it when asked
                await asyncio.sleep(0)
        await peer.market_sockets[1].send_json({"result": None, "id": peer.controls[1]["id"]})
        await live(venue, "market")
        assert seen.restarts == [DepthRestart(symbol) for symbol in (*SYMBOLS, *SYMBOLS)]
        await peer.stream(DEPTH, diff(100, 105))
        await seen.until(lambda: len(seen.market) == 2)
        assert health(venue, DEPTH).gaps == 0


async def test_a_replacement_that_fails_leaves_the_old_connection_in_charge(peer: Peer) -> None:
    seen, clock = Seen(), ManualClock()
    venue = BinanceSpot(peer.endpoints, None, clock=clock, rng=random.Random(1))
    async with running(venue, seen, user=False):
        accept = peer.control_reply
        await _replaced(peer, clock, 0)
        streams = venue._streams
        assert streams is not None
        replacement = streams._session
        refusal = {"code": 2, "msg": "Invalid request", "id": peer.controls[1]["id"]}
        await peer.market_sockets[1].send_json(refusal)
        async with asyncio.timeout(10):
            while streams._session is replacement:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0)
        peer.control_reply = accept
        await venue.focus("ETHUSDT", "1h")
        assert [c["params"] for c in peer.controls] == [WATCHED, WATCHED, ["ethusdt@kline_1h"]]
        assert len(peer.market_sockets) == 2


async def test_a_rotation_right_behind_another_hands_on_each_event_once(peer: Peer) -> None:
    """The first connection of three ends, and two still deliver."""
    seen, clock = Seen(), ManualClock()
    venue = BinanceSpot(peer.endpoints, None, clock=clock, rng=random.Random(1))
    async with running(venue, seen, user=False):
        await _replaced(peer, clock, 0)
        await peer.market_sockets[1].send_json({"result": None, "id": peer.controls[1]["id"]})
        async with asyncio.timeout(10):
            while venue._streams._socket.health().rotations < 1:  # type: ignore[union-attr]  # noqa: ASYNC110
                await asyncio.sleep(0)
        await _replaced(peer, clock, 1)
        async with asyncio.timeout(10):
            while not peer.market_sockets[0].closed:
                await clock.run_for(0.1)
        for socket in (1, 2):
            await peer.stream(DEPTH, diff(1, 5), socket)
        await peer.stream(DEPTH, diff(6, 7), socket=2)
        await seen.until(lambda: any(isinstance(e, DepthDiff) and e.last_id == 7 for e in seen.market))
        assert [e.last_id for e in seen.market if isinstance(e, DepthDiff)] == [5, 7]


async def _replaced(peer: Peer, clock: ManualClock, socket: int) -> None:
    """That connection is being replaced: the next one asks for its subscriptions, and hears nothing yet."""
    peer.control_reply = lambda request: {}
    asked = len(peer.controls)
    await peer.market_sockets[socket].send_json(SHUTDOWN)
    async with asyncio.timeout(10):
        while len(peer.controls) == asked:
            await clock.run_for(0.1)


@pytest.mark.parametrize("id_", [{"id": 1}, {}])
async def test_a_refused_subscription_is_no_connection(peer: Peer, id_: dict[str, int]) -> None:
    replies = [{"code": 2, "msg": "Invalid request"} | id_]
    accept = peer.control_reply
    peer.control_reply = lambda r: replies.pop() if replies else accept(r)
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.stream(DEPTH, diff(1, 5))
        await seen.until(lambda: len(seen.market) == 1)
    assert len(peer.controls) == 2
    assert len(peer.market_sockets) == 2


async def test_snapshots_and_instruments_go_to_the_tape_too(peer: Peer) -> None:
    body = {"lastUpdateId": 5, "bids": [["1", "2"]], "asks": []}
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok(body)
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        snapshot = await venue.depth_snapshot("BTCUSDT", 100)
        await venue.instruments()
    assert (snapshot.last_id, snapshot.bids) == (5, [(1.0, 2.0)])
    assert seen.frames[0] == ("btcusdt@snapshot", msgspec.json.encode(body))
    assert seen.frames[1][0] == "!exchangeInfo"
    assert peer.rest_calls("GET", "/api/v3/depth") == [{"symbol": "BTCUSDT", "limit": "100"}]


async def test_a_look_at_the_top_is_no_book_for_who_reads_the_tape(peer: Peer) -> None:
    """A replay would start from it, and miss all that lies deeper."""
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok({"lastUpdateId": 5, "bids": [["1", "2"]], "asks": []})
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        assert (await venue.depth_snapshot("BTCUSDT", 5)).last_id == 5
    assert [name for name, _ in seen.frames if name.endswith("@snapshot")] == []


async def test_snapshots_wait_for_the_budget(peer: Peer) -> None:
    """F30: many books at once never use more than the ordinary share of the budget."""
    peer.rest["GET", "/api/v3/depth"] = lambda q: ok({"lastUpdateId": 5, "bids": [], "asks": []})
    venue = adapter(peer)
    limiter = venue._account.limiter
    limiter.observe(4_750)  # 80 % of 6000 is 4800; a depth of 1000 levels weighs 50
    await venue.depth_snapshot("BTCUSDT", 1000)
    waiting = asyncio.create_task(venue.depth_snapshot("BTCUSDT", 1000))
    while not limiter.waiting:  # noqa: ASYNC110 - the limiter tells nobody who waits
        await asyncio.sleep(0)
    assert len(peer.asked) == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    limiter.set_limit(250)
    with pytest.raises(VenueError, match="ask for less"):
        await venue.depth_snapshot("BTCUSDT", 5000)
    await venue.close()


async def test_too_many_symbols_for_one_connection_are_refused(peer: Peer) -> None:
    venue = adapter(peer)
    many = tuple(f"S{n}USDT" for n in range(MAX_SYMBOLS + 1))
    with pytest.raises(ValueError, match="watch fewer"):
        await venue.run_streams(many, print, print, print)
    await venue.close()
