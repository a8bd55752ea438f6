"""F18: whatever is raised, wherever, the socket comes back."""

import asyncio
import random

import pytest
from websockets.asyncio.client import ClientConnection

from spark_tui.wire.clock import ManualClock
from spark_tui.wire.session import Session, SocketDown

from .fakes import FakeTransport, Watch, live, make_socket, quick_backoff, running
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
