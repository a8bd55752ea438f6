"""Rows F17 and F19 to F25 of the fault plan, as far as a connection can see them."""

import asyncio
import itertools

import pytest
from websockets.asyncio.server import ServerConnection

from spark_tui.wire.clock import ManualClock
from spark_tui.wire.limiter import ConnectionBudget
from spark_tui.wire.session import Session, SocketDown
from spark_tui.wire.transport import Transport, open_websocket

from .fakes import FakeTransport, Watch, live, make_socket, quick_backoff, running, until
from .peers import raw_websocket, websocket_peer


async def test_f17_every_task_killed_in_turn_is_replaced():
    watch = Watch()
    async with websocket_peer() as peer:
        before = asyncio.all_tasks()
        socket = make_socket(watch, peer.url, backoff=quick_backoff())
        async with running(socket) as runner:
            session = await live(socket)
            for kind in ("deliver", "_beat", "Session.run"):
                victims = [
                    task
                    for task in asyncio.all_tasks() - before - {runner}
                    if kind in task.get_coro().__qualname__  # type: ignore[union-attr]
                ]
                assert victims, kind
                for task in victims:
                    task.cancel()
                session = await live(socket, session.number + 1)
            assert session.number == 4
            await socket.send("alive")
            await peer.until(lambda: peer.received == [(4, "alive")])


async def test_f19_a_connection_that_answers_pings_but_says_nothing_is_replaced():
    clock = ManualClock()
    transports: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport())
        return transports[-1]

    watch = Watch()
    async with running(make_socket(watch, clock=clock, connect=connect, silence_s=30)):
        await clock.run_for(25)
        transports[0].feed(b"x")
        await clock.run_for(30)
        assert len(transports) == 1
        await clock.run_for(11)
        assert watch.downs == ["no message for 30 s"]
        assert transports[0].pings > 3
        assert len(transports) == 2


class BlackHole:
    """A TCP proxy that can stop passing bytes both ways without closing (a half-open peer)."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.swallow = False

    async def start(self) -> int:
        self.server = await asyncio.start_server(self._proxy, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        await asyncio.gather(self._pump(reader, upstream_writer), self._pump(upstream_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self.swallow:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


async def test_f20_a_half_open_peer_is_found_within_interval_plus_timeout():
    clock = ManualClock()
    watch = Watch()
    async with websocket_peer() as peer:
        hole = BlackHole(peer.port)
        port = await hole.start()
        socket = make_socket(watch, f"ws://127.0.0.1:{port}", clock=clock, heartbeat_s=10, pong_timeout_s=5)
        async with running(socket):
            session = await live(socket)
            await clock.asleep(10)
            clock.advance(10)
            await until(lambda: session.ping_ms is not None)  # a ping that was answered
            hole.swallow = True
            silent_since = clock.mono_ns()
            await peer.connections[0].send("lost on the way")
            await clock.asleep(10)
            clock.advance(10)
            await clock.asleep(5)
            assert session.alive
            clock.advance(5)
            await watch.until(lambda: watch.downs == ["no pong within 5 s"])
            assert clock.mono_ns() - silent_since == 15 * 10**9
            hole.swallow = False
            await clock.asleep(0.2)
            clock.advance(0.2)
            await live(socket, 2)
        hole.server.close()


async def test_f20_data_proves_a_peer_alive_whose_pongs_are_late_but_not_for_ever():
    clock = ManualClock()
    transports: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport(mute=True))
        return transports[-1]

    watch = Watch()
    async with running(make_socket(watch, clock=clock, connect=connect)):
        for _ in range(58):
            transports[-1].feed(b"x") if transports else None
            await clock.run_for(1)
        assert watch.downs == []
        transports[-1].feed(b"x")
        await clock.run_for(5)
        assert watch.downs == ["no pong within 5 s"]


async def test_f20_a_send_stuck_on_a_full_buffer_ends_with_the_connection():
    clock = ManualClock()
    leave = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _number: int) -> None:
        await leave.wait()

    server, url = await raw_websocket(deaf)
    socket = make_socket(Watch(), url, clock=clock)
    async with running(socket):
        await live(socket)
        sending = asyncio.create_task(socket.send(b"x" * 30_000_000))
        for wait_s in (10, 5, 5):  # ping, its timeout, the closing handshake's
            await clock.asleep(wait_s)
            clock.advance(wait_s)
        with pytest.raises(SocketDown) as down:
            await sending
        assert down.value.sent is True
    leave.set()
    server.close()


async def test_f21_a_consumer_that_stalls_loses_nothing_and_the_reader_lives():
    count = 20_000
    seen: list[bytes] = []
    done, stalled = asyncio.Event(), asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        for n in range(count):
            await connection.send(str(n))
        await connection.wait_closed()

    def on_message(raw: bytes, _: int) -> None:
        seen.append(raw)
        if len(seen) == 100:
            stalled.set()
        if len(seen) == count:
            done.set()

    class Stalling:
        """The real transport, but the consumer holds the reader up until told."""

        def __init__(self, inner: Transport) -> None:
            self.inner = inner

        async def deliver(self, handler, now_ns):
            await go_on.wait()
            return await self.inner.deliver(handler, now_ns)

        def __getattr__(self, name: str):
            return getattr(self.inner, name)

    go_on = asyncio.Event()

    async def connect(url: str) -> Transport:
        return Stalling(await open_websocket(url))

    watch = Watch()
    async with websocket_peer(flood) as peer:
        socket = make_socket(watch, peer.url, connect=connect, on_message=on_message)
        async with running(socket):
            session = await live(socket)
            inner = session._transport.inner._connection
            await until(lambda: inner.recv_messages.paused)  # back-pressure: our buffer is bounded
            assert len(inner.recv_messages.frames) < count
            go_on.set()
            await done.wait()
            assert socket.health().reconnects == 0
    assert seen == [str(n).encode() for n in range(count)]


async def test_f22_a_server_that_closes_right_after_open_is_not_hammered_for_an_hour():
    clock = ManualClock()
    budget = ConnectionBudget(clock=clock)
    attempts: list[float] = []

    async def connect(_: str) -> FakeTransport:
        attempts.append(clock.mono_ns() / 1e9)
        transport = FakeTransport()
        transport.hang_up()
        return transport

    watches = [Watch() for _ in range(3)]
    runs = [running(make_socket(watch, clock=clock, connect=connect, budget=budget)) for watch in watches]
    for run in runs:
        await run.__aenter__()
    await clock.run_for(3600)
    for run in runs:
        await run.__aexit__()
    assert 3 * 180 <= len(attempts) <= 3 * (3600 / (0.8 * 16) + 6)
    assert all(later - earlier > 300 for earlier, later in zip(attempts, attempts[300:], strict=False))


async def test_f22_a_small_shared_budget_holds_every_socket_back():
    clock = ManualClock()
    budget = ConnectionBudget(clock=clock, attempts=4, per_s=300)
    attempts = 0

    async def connect(_: str) -> FakeTransport:
        nonlocal attempts
        attempts += 1
        raise OSError("no route")

    one, two = (make_socket(Watch(), clock=clock, connect=connect, budget=budget) for _ in range(2))
    async with running(one), running(two):
        await clock.run_for(299)
        assert attempts == 4
        await clock.run_for(300)
        assert attempts == 8


async def test_f22_a_server_that_asks_for_a_replacement_at_once_and_always_is_not_hammered():
    clock = ManualClock()
    attempts = 0

    async def connect(_: str) -> FakeTransport:
        nonlocal attempts
        attempts += 1
        transport = FakeTransport()
        transport.feed(b"serverShutdown")
        return transport

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect, on_message=lambda _raw, _ns: socket.rotate())
    async with running(socket):
        for _ in range(360):
            await clock.run_for(10)
            socket.rotate()
    assert 100 < attempts < 3600 / (0.8 * 16) + 6


async def test_f23_an_outage_longer_than_every_step_is_recovered_from():
    clock = ManualClock()
    up = False
    attempts: list[float] = []

    async def connect(_: str) -> FakeTransport:
        attempts.append(clock.mono_ns() / 1e9)
        if not up:
            raise ConnectionRefusedError("closed port")
        return FakeTransport()

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect)
    async with running(socket):
        await clock.run_for(2 * 3600)
        gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]
        assert gaps[0] <= 0.2
        for gap, step in zip(gaps[1:], [1, 2, 4, 8, *[16] * len(gaps)], strict=False):
            assert 0.8 * step <= gap <= 1.2 * step
        assert "closed port" in socket.health().detail
        up = True
        await clock.run_for(20)
        assert socket.health().state == "live"


async def test_f24_what_waited_to_be_sent_dies_with_its_connection_and_desired_state_is_sent_once():
    clock = ManualClock()
    transports: list[FakeTransport] = []
    wanted = {"a"}

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport())
        return transports[-1]

    async def subscribe(session: Session) -> None:
        await session.send("SUBSCRIBE " + ",".join(sorted(wanted)))

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect, on_open=subscribe)
    async with running(socket):
        await live(socket)
        pending = [asyncio.create_task(socket.send(f"SUBSCRIBE stale{n}")) for n in range(20)]
        await until(lambda: len(transports[0].sent) == 4)
        wanted = {"b", "c"}
        transports[0].hang_up()
        await until(lambda: socket.session is None)
        results = await asyncio.gather(*pending, return_exceptions=True)
        refused = [r for r in results if isinstance(r, SocketDown)]
        assert len(refused) == 17
        assert not any(r.sent for r in refused)
        await clock.run_for(10)
        assert transports[1].sent == ["SUBSCRIBE b,c"]


async def test_f25_a_server_shutdown_notice_is_answered_by_a_replacement_without_a_gap():
    watch = Watch()
    number = 0

    async def server(connection: ServerConnection) -> None:
        nonlocal number
        number += 1
        mine = number
        await connection.send(f"{mine}: hello")
        if mine == 1:
            await connection.send("serverShutdown")
            async for _ in connection:  # goes on until the client leaves
                pass
        else:
            await connection.wait_closed()

    def on_message(raw: bytes, receipt_ns: int) -> None:
        watch.on_message(raw, receipt_ns)
        if raw == b"serverShutdown":
            asyncio.get_running_loop().call_soon(socket.rotate)

    async with websocket_peer(server) as peer:
        socket = make_socket(
            watch, peer.url, on_message=on_message, on_open=None, backoff=quick_backoff(), overlap_s=0.01
        )
        async with running(socket):
            await live(socket, 2)
            await watch.until(lambda: watch.closes == [(1, "replaced by a newer connection")])
            assert watch.downs == []
            assert socket.health().rotations == 1
        assert number == 2
