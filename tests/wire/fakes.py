"""A connection that does what a test says, and a socket wired to it."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock, SystemClock
from spark_tui.wire.limiter import ConnectionBudget
from spark_tui.wire.socket import Session, SupervisedSocket


class FakeTransport:
    """Delivers what `feed` is given; `fail_in` names the verbs that raise `error`; pongs come at once unless
    `mute`. `hang_up()` is the peer's close."""

    def __init__(
        self, *, fail_in: tuple[str, ...] = (), error: BaseException | None = None, mute: bool = False
    ):
        self.fail_in = fail_in
        self.error = error or RuntimeError("injected")
        self.mute = mute
        self.sent: list[str | bytes] = []
        self.pings = 0
        self.closed: list[tuple[int, str]] = []
        self.aborted = 0
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()

    def _maybe_fail(self, verb: str) -> None:
        if verb in self.fail_in:
            raise self.error

    def feed(self, raw: bytes) -> None:
        self._incoming.put_nowait(raw)

    def hang_up(self) -> None:
        self._incoming.put_nowait(None)

    async def deliver(self, handler: Callable[[bytes, int], None], now_ns: Callable[[], int]) -> str:
        self._maybe_fail("recv")
        while (raw := await self._incoming.get()) is not None:
            handler(raw, now_ns())
        return "the peer hung up"

    async def send(self, data: str | bytes) -> None:
        self._maybe_fail("send")
        self.sent.append(data)

    async def ping(self) -> Awaitable[object]:
        self._maybe_fail("ping")
        self.pings += 1
        pong = asyncio.get_running_loop().create_future()
        if "pong" in self.fail_in:
            pong.set_exception(self.error)
        elif not self.mute:
            pong.set_result(None)
        return pong

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        self._maybe_fail("close")

    def abort(self) -> None:
        self.aborted += 1
        self._maybe_fail("abort")


class Watch:
    """What a socket told its owner, with events to wait for."""

    def __init__(self) -> None:
        self.opened: list[Session] = []
        self.messages: list[tuple[bytes, int]] = []
        self.downs: list[str] = []
        self.closes: list[tuple[int, str]] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def on_open(self, session: Session) -> None:
        self.opened.append(session)
        self._notify()

    def on_message(self, raw: bytes, receipt_ns: int) -> None:
        self.messages.append((raw, receipt_ns))
        self._notify()

    def on_down(self, reason: str) -> None:
        self.downs.append(reason)
        self._notify()

    def on_close(self, session: Session, reason: str) -> None:
        self.closes.append((session.number, reason))
        self._notify()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    def _notify(self) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.get_running_loop().create_task(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def quick_backoff() -> Backoff:
    """Delays too short to notice, for tests that are not about them."""
    return Backoff(random.Random(1), fast_s=0.0, steps_s=(0.001,))


def make_socket(
    watch: Watch, url: str = "ws://nowhere", *, clock: Clock | None = None, **settings
) -> SupervisedSocket:
    clock = clock or SystemClock()
    callbacks = {
        "on_open": watch.on_open,
        "on_message": watch.on_message,
        "on_down": watch.on_down,
        "on_close": watch.on_close,
    }
    return SupervisedSocket(
        "test",
        lambda: url,
        clock=clock,
        rng=random.Random(1),
        budget=settings.pop("budget", None) or ConnectionBudget(clock=clock),
        **{**callbacks, **settings},
    )


class running:
    """`async with running(socket):` runs it and, at the end, stops it and checks that nothing is left."""

    def __init__(self, socket: SupervisedSocket) -> None:
        self.socket = socket

    async def __aenter__(self) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self.socket.run())
        return self.task

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=10)
        assert self.task.done(), "the socket did not stop"
        assert self.task.cancelled(), self.task.exception()


async def live(socket: SupervisedSocket, number: int = 1) -> Session:
    """Wait until connection `number` or a later one is the live one."""
    await until(lambda: socket.session is not None and socket.session.number >= number)
    assert socket.session is not None
    return socket.session


async def until(condition: Callable[[], bool]) -> None:
    """Wait for state that announces itself by no event; the loop runs on meanwhile."""
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)
