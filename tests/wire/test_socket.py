"""The supervised socket on real connections: life, order, budget, rotation."""

import asyncio
import http
import random

import pytest
from websockets.asyncio.server import serve

from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_S, ManualClock, SystemClock
from spark_tui.wire.limiter import WeightLimiter
from spark_tui.wire.socket import Session, SocketDown

from .fakes import FakeTransport, Watch, live, make_socket, quick_backoff, running, until
from .peers import websocket_peer


async def test_it_connects_opens_delivers_bytes_with_receipt_time_and_sends():
    watch = Watch()
    async with websocket_peer() as peer:
        socket = make_socket(watch, peer.url)
        assert socket.health().state == "down"
        async with running(socket):
            await live(socket)
            await peer.connections[0].send("text ç")
            await peer.connections[0].send(b"\x00binary")
            await watch.until(lambda: len(watch.messages) == 2)
            await socket.send("hello")
            await peer.until(lambda: peer.received == [(1, "hello")])
            health = socket.health()
    assert [raw for raw, _ in watch.messages] == ["text ç".encode(), b"\x00binary"]
    assert abs(watch.messages[0][1] - SystemClock().wall_ns()) < 10 * NS_PER_S
    assert (health.state, health.messages, health.attempts, health.reconnects) == ("live", 2, 1, 0)
    assert health.age_s is not None
    assert health.detail == ""
    assert watch.closes == [(1, "stopped by us")]
    assert watch.downs == []  # stopping is no outage
    assert socket.health().state == "down"


async def test_messages_flow_while_on_open_waits_for_an_answer():
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    watch = Watch()

    async def log_on(session: Session) -> None:
        await session.send("logon")
        assert await answers.get() == b"welcome"
        assert socket.session is None  # not live before it is useful
        await watch.on_open(session)

    async def echo(connection) -> None:
        async for _ in connection:
            await connection.send("welcome")

    async with websocket_peer(echo) as peer:
        socket = make_socket(
            watch, peer.url, on_open=log_on, on_message=lambda raw, _: answers.put_nowait(raw)
        )
        async with running(socket):
            await live(socket)


async def test_a_burst_arrives_whole_in_order_and_others_get_their_turn():
    count, turns = 5_000, 0

    async def burst(connection) -> None:
        for n in range(count):
            await connection.send(str(n))
        await connection.wait_closed()

    async def bystander() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    watch = Watch()
    seen: list[bytes] = []
    done = asyncio.Event()

    def on_message(raw: bytes, _: int) -> None:
        seen.append(raw)
        if len(seen) == count:
            done.set()

    async with websocket_peer(burst) as peer, running(make_socket(watch, peer.url, on_message=on_message)):
        other = asyncio.create_task(bystander())
        await done.wait()
        other.cancel()
    assert seen == [str(n).encode() for n in range(count)]
    assert turns >= count // 64


async def test_sending_without_a_connection_is_refused_as_not_sent():
    with pytest.raises(SocketDown, match="not connected") as refused:
        await make_socket(Watch()).send("x")
    assert refused.value.sent is False


async def test_outgoing_messages_keep_the_servers_rate_with_pings_counted():
    clock = ManualClock()
    transport = FakeTransport()
    times: list[int] = []
    send = transport.send

    async def timed_send(data: str | bytes) -> None:
        times.append(clock.mono_ns())
        await send(data)

    transport.send = timed_send

    async def connect(_: str) -> FakeTransport:
        return transport

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect, heartbeat_s=1, messages_per_second=5)
    async with running(socket):
        await live(socket)
        sends = [asyncio.create_task(socket.send(str(n))) for n in range(20)]
        await clock.run_for(10)
        await asyncio.gather(*sends)
    assert transport.sent == [str(n) for n in range(20)]
    assert transport.pings == 10  # none was starved by the burst
    assert max(sum(t <= u < t + NS_PER_S for u in times) for t in times) <= 4


async def test_a_socket_without_a_message_limit_sends_at_once():
    clock = ManualClock()
    transport = FakeTransport()

    async def connect(_: str) -> FakeTransport:
        return transport

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect, messages_per_second=None)
    async with running(socket):
        await live(socket)
        for n in range(50):
            await socket.send(str(n))
    assert len(transport.sent) == 50


async def test_reconnect_on_demand_says_why():
    watch = Watch()
    async with websocket_peer() as peer:
        socket = make_socket(watch, peer.url, backoff=quick_backoff())
        async with running(socket):
            await live(socket)
            socket.reconnect("the stream is stale")
            await live(socket, 2)
            await watch.until(lambda: watch.downs == ["the stream is stale"])
            assert socket.health().reconnects == 1


async def test_rotation_has_the_new_connection_live_before_the_old_one_closes():
    clock = ManualClock()
    watch = Watch()
    async with websocket_peer() as peer:
        socket = make_socket(
            watch, peer.url, clock=clock, rotate_after_s=23 * 3600, overlap_s=2, heartbeat_s=10**6
        )
        async with running(socket):
            await live(socket)
            await clock.asleep(23 * 3600)
            clock.advance(23 * 3600)
            await clock.asleep(0.2)  # the fast delay before an attempt
            clock.advance(0.2)
            await live(socket, 2)
            await clock.asleep(2)
            assert socket.session is watch.opened[1]
            assert socket.overlapping
            assert watch.closes == []
            await peer.connections[0].send("from the old one")
            await peer.connections[1].send("from the new one")
            await watch.until(lambda: len(watch.messages) == 2)
            clock.advance(2)
            await watch.until(lambda: watch.closes == [(1, "replaced by a newer connection")])
            await peer.connections[0].wait_closed()
            assert not socket.overlapping
            health = socket.health()
    assert (health.rotations, health.reconnects) == (1, 0)
    assert watch.downs == []


async def test_each_connection_may_have_its_own_handler():
    watch = Watch()
    by_session: list[tuple[int, bytes]] = []

    async def own_handler(session: Session) -> None:
        session.on_message = lambda raw, _: by_session.append((session.number, raw))
        await watch.on_open(session)

    async with websocket_peer() as peer:
        socket = make_socket(watch, peer.url, on_open=own_handler, overlap_s=60, backoff=quick_backoff())
        async with running(socket):
            await live(socket)
            socket.rotate()
            await live(socket, 2)
            for connection in peer.connections:
                await connection.send("hi")
                await (await connection.ping())  # its pong comes after the message was delivered
    assert by_session == [(1, b"hi"), (2, b"hi")]


async def test_a_rotation_that_fails_keeps_the_old_connection_and_tries_again():
    clock = ManualClock()
    transports = [FakeTransport(), OSError("no route"), OSError("no route"), FakeTransport()]
    made: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transport = transports.pop(0)
        if isinstance(transport, OSError):
            raise transport
        made.append(transport)
        return transport

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect)
    async with running(socket):
        await live(socket)
        socket.rotate()
        await clock.run_for(1)
        assert socket.session is watch.opened[0]
        made[0].feed(b"still here")
        await watch.until(lambda: len(watch.messages) == 1)
        assert "no route" in socket.health().detail
        await clock.run_for(10)
        assert socket.session is watch.opened[1]
        assert watch.downs == []
        assert socket.health().detail == ""


async def test_the_old_connection_dying_during_a_rotation_is_an_outage_told_once():
    clock = ManualClock()
    transports = [FakeTransport(), FakeTransport()]
    first = transports[0]
    gate = asyncio.Event()

    async def connect(_: str) -> FakeTransport:
        if len(transports) == 1:
            await gate.wait()
        return transports.pop(0)

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect)
    async with running(socket):
        await live(socket)
        socket.rotate()
        await clock.run_for(1)
        first.hang_up()
        await watch.until(lambda: watch.downs == ["the peer hung up"])
        assert socket.session is None
        gate.set()
        await live(socket, 2)
        await clock.run_for(5)
        assert watch.closes == [(1, "the peer hung up")]
        assert (socket.health().rotations, socket.health().reconnects) == (0, 1)


async def test_a_connection_that_is_over_delivers_nothing_more():
    clock = ManualClock()
    transports: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport())
        return transports[-1]

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect)
    async with running(socket):
        await live(socket)
        socket.reconnect("test")
        transports[0].feed(b"late")
        await clock.run_for(1)
        assert len(watch.opened) == 2
    assert watch.messages == []


async def test_a_refused_handshake_holds_back_everyone_who_shares_the_weight():
    clock = ManualClock()
    limiter = WeightLimiter(6000, clock=clock)
    refusals = 0

    def refuse(connection, _request):
        nonlocal refusals
        refusals += 1
        response = connection.respond(http.HTTPStatus.TOO_MANY_REQUESTS, "slow down")
        response.headers["Retry-After"] = "90"
        return response

    watch = Watch()
    async with serve(watch.on_open, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = make_socket(
            watch, f"ws://127.0.0.1:{port}", clock=clock, limiter=limiter, connect_weight=2, heartbeat_s=10**6
        )
        async with running(socket):
            await until(lambda: limiter.paused_s > 0)
            assert limiter.used == 2
            assert limiter.paused_s == 90
            assert "429" in socket.health().detail
            await clock.run_for(89)
            assert refusals == 1


async def test_a_handshake_that_does_not_answer_is_given_up_after_the_connect_timeout():
    clock = ManualClock()
    accepted, dropped = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        dropped.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    socket = make_socket(Watch(), f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", clock=clock)
    async with running(socket):
        await accepted.wait()
        await clock.asleep(30)
        clock.advance(29.9)
        assert not dropped.is_set()
        clock.advance(0.1)
        await dropped.wait()
        await clock.asleep(0.2)
        assert "30 s" in socket.health().detail
        assert socket.health().state == "down"
    server.close()


async def test_stopping_while_connecting_leaves_no_connection_behind():
    clock = ManualClock()
    transport = FakeTransport()
    connecting, let = asyncio.Event(), asyncio.Event()

    async def stubborn(_: str) -> FakeTransport:
        connecting.set()
        try:
            await let.wait()
        except asyncio.CancelledError:
            return transport  # it was open already when the cancellation came
        return transport

    async with running(make_socket(Watch(), clock=clock, connect=stubborn)):
        await connecting.wait()
    await asyncio.sleep(0)
    assert transport.aborted == 1


async def test_backoff_starts_over_only_after_a_stable_connection():
    clock = ManualClock()
    transports: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport())
        return transports[-1]

    watch = Watch()
    backoff = Backoff(random.Random(1))
    async with running(make_socket(watch, clock=clock, connect=connect, backoff=backoff, stable_after_s=30)):
        await clock.run_for(1)
        for _ in range(3):
            transports[-1].hang_up()
            await clock.run_for(10)
        assert backoff.attempt == 3
        await clock.run_for(31)
        transports[-1].hang_up()
        await clock.run_for(1)
        assert backoff.attempt == 1
        assert len(transports) == 5
