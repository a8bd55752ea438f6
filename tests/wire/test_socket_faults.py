"""Rows F17 to F25 of the fault plan, as far as a connection can see them."""

import asyncio
import itertools
import random
import socket as sockets
import struct

import pytest
from websockets.asyncio.server import ServerConnection

from spark_tui.wire.clock import ManualClock
from spark_tui.wire.limiter import ConnectionBudget
from spark_tui.wire.session import Session, SocketDown
from spark_tui.wire.transport import Transport, open_websocket

from .fakes import FakeTransport, Watch, live, make_socket, quick_backoff, running, until
from .peers import websocket_peer


class Odd(Exception):
    """An exception no library documents."""


ERRORS = [
    RuntimeError("1011 mid-pong"),
    Odd("odd"),
    TimeoutError(),
    EOFError(),
    asyncio.CancelledError(),
    OSError(9),
]
VERBS = ["recv", "ping", "pong", "send", "close", "abort"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("verb", VERBS)
async def test_f18_any_exception_from_any_verb_of_the_connection_reconnects(verb, error):
    clock = ManualClock()
    transports: list[FakeTransport] = []

    async def connect(_: str) -> FakeTransport:
        transports.append(FakeTransport(fail_in=() if transports else (verb,), error=error))
        return transports[-1]

    watch = Watch()
    socket = make_socket(watch, clock=clock, connect=connect, heartbeat_s=10)
    async with running(socket):
        await clock.run_for(1)
        if verb in ("ping", "pong"):
            await clock.run_for(10)
        elif verb == "send":
            with pytest.raises(SocketDown):
                await socket.send("x")
        elif verb in ("close", "abort"):
            socket.reconnect("test")
        await clock.run_for(3)
        assert len(transports) == 2
        assert socket.session is watch.opened[-1]
        transports[1].feed(b"well again")
        await watch.until(lambda: [raw for raw, _ in watch.messages] == [b"well again"])


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
async def test_f18_any_exception_from_connect_url_or_a_callback_reconnects(error):
    clock = ManualClock()
    faults = iter(["url", "connect", "open", "message", "down", "close"])
    fault: list[str] = [next(faults)]
    hit: list[str] = []
    transports: list[FakeTransport] = []
    watch = Watch()

    def strike(where: str) -> None:
        if fault[0] == where:
            hit.append(where)
            fault[0] = next(faults, "none")
            raise error

    def url() -> str:
        strike("url")
        return "ws://nowhere"

    async def connect(_: str) -> FakeTransport:
        strike("connect")
        transports.append(FakeTransport())
        return transports[-1]

    async def on_open(session: Session) -> None:
        strike("open")
        await watch.on_open(session)

    def on_message(raw: bytes, receipt_ns: int) -> None:
        strike("message")
        watch.on_message(raw, receipt_ns)

    socket = make_socket(
        watch,
        clock=clock,
        connect=connect,
        on_open=on_open,
        on_message=on_message,
        on_down=lambda _reason: strike("down"),
        on_close=lambda _session, _reason: strike("close"),
    )
    socket._url = url
    async with running(socket):
        for _ in range(6):
            await clock.run_for(60)
            transports[-1].feed(b"x")
            await clock.run_for(60)
            transports[-1].hang_up()
        await clock.run_for(60)
        assert hit == ["url", "connect", "open", "message", "down", "close"]
        assert socket.session is not None
        transports[-1].feed(b"well again")
        await watch.until(lambda: watch.messages[-1][0] == b"well again")


async def test_f18_the_real_library_failing_in_its_own_send_reconnects(monkeypatch):
    from websockets.asyncio.client import ClientConnection

    watch = Watch()
    async with websocket_peer() as peer:
        socket = make_socket(watch, peer.url, backoff=quick_backoff())
        async with running(socket):
            await live(socket)
            with monkeypatch.context() as patched:
                patched.setattr(ClientConnection, "send", lambda *_: 1 / 0)
                with pytest.raises(SocketDown, match="ZeroDivisionError") as broken:
                    await socket.send("x")
            assert broken.value.sent is True
            await live(socket, 2)
            await socket.send("again")
            await peer.until(lambda: peer.received == [(2, "again")])


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


async def raw_websocket(handler) -> tuple[asyncio.AbstractServer, str]:
    """A server that answers the handshake and leaves the rest to `handler(reader, writer, number)`."""
    import base64
    import hashlib

    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        number = count
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(
            hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        ).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        try:
            await handler(reader, writer, number)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def frame(payload: bytes, *, declared: int | None = None, opcode: int = 1) -> bytes:
    length = len(payload) if declared is None else declared
    return bytes([0x80 | opcode, length]) + payload


MISDEEDS = {
    "close mid-frame": frame(b"half", declared=100),
    "garbage": b"\xff\xff\xff\xffnot a frame at all",
    "a masked frame from the server": b"\x81\x81\x00\x00\x00\x00x",
    "a reserved opcode": frame(b"x", opcode=5),
    "a continuation of nothing": frame(b"x", opcode=0),
    "a control frame too long": bytes([0x89, 126]) + struct.pack("!H", 200) + b"x" * 200,
    "a message larger than any": bytes([0x82, 127]) + struct.pack("!Q", 1 << 40),
    "close without a reason": frame(b"", opcode=8),
    "close with a forbidden code": frame(struct.pack("!H", 1005), opcode=8),
    "an abrupt end": b"",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
async def test_every_misdeed_of_a_server_reconnects_and_delivers_what_was_whole(misdeed):
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(frame(b"whole %d" % number))
        if number == 1:
            writer.write(MISDEEDS[misdeed])
            await writer.drain()
            return
        await reader.read()

    watch = Watch()
    server, url = await raw_websocket(misbehave)
    async with running(make_socket(watch, url, backoff=quick_backoff(), close_timeout_s=0.05)):
        await watch.until(lambda: [raw for raw, _ in watch.messages] == [b"whole 1", b"whole 2"])
        assert len(watch.downs) <= 1  # at most: it may have ended before it was live
        assert watch.closes[0][0] == 1
    server.close()


async def test_a_reset_connection_reconnects():
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:
            sock: sockets.socket = writer.get_extra_info("socket")
            sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
            return
        await reader.read()

    watch = Watch()
    server, url = await raw_websocket(reset)
    socket = make_socket(watch, url, backoff=quick_backoff(), close_timeout_s=0.05)
    async with running(socket):
        await live(socket, 2)
    server.close()


async def test_a_random_storm_of_failures_always_ends_live_with_nothing_left_over():
    for seed in range(12):
        rng = random.Random(seed)
        clock = ManualClock()
        calm = False
        transports: list[FakeTransport] = []

        async def connect(_: str, rng=rng, transports=transports, is_calm=lambda: calm) -> FakeTransport:
            if not is_calm() and rng.random() < 0.3:
                raise rng.choice(ERRORS)
            verbs = () if is_calm() else tuple(v for v in VERBS if rng.random() < 0.2)
            transports.append(FakeTransport(fail_in=verbs, error=rng.choice(ERRORS), mute=rng.random() < 0.1))
            return transports[-1]

        watch = Watch()
        socket = make_socket(watch, clock=clock, connect=connect)
        before = asyncio.all_tasks()
        async with running(socket):
            for _ in range(60):
                await clock.run_for(rng.uniform(0, 20))
                act = rng.randrange(5)
                if act == 0:
                    socket.rotate()
                elif act == 1:
                    socket.reconnect("storm")
                elif act == 2 and transports:
                    rng.choice(transports).hang_up()
                elif act == 3 and transports:
                    transports[-1].feed(b"x")
            calm = True
            socket.reconnect("calm")
            await clock.run_for(120)
            for transport in transports:
                transport.mute = False
            await clock.run_for(120)
            assert socket.health().state == "live", f"seed {seed}"
            assert not socket.overlapping, f"seed {seed}"
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before <= watch._tasks, f"seed {seed}"
