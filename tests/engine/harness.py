"""An engine on a venue of our own, a real ledger and a clock driven by hand."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from spark_tui.domain.order import Order
from spark_tui.domain.rules import STANDARD
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.engine import Engine
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import AnyRequest, OrderUpdate, Result, SubmitOrder
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import Ledger
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, FakeVenue

D = Decimal
LOUD = ("position-share", "order-rate")  # the tests' orders are large, and many
MOST_MS = 1_000  # that a thread is waited for before virtual time goes on
T = TypeVar("T")
RULES = tuple(rule for rule in STANDARD if rule.id not in LOUD)


def buy(
    quantity: str = "0.5", price: str | None = "59000", *, side: Side = Side.BUY, key: str = ""
) -> SubmitOrder:
    return SubmitOrder(
        symbol=SYMBOL,
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=D(quantity),
        price=None if price is None else D(price),
        key=key,
    )


class Threads(ThreadPoolExecutor):
    """What `asyncio.to_thread` runs on; knows how much is still at work."""

    busy = 0

    def submit(self, fn: Callable[..., T], /, *args: object, **kwargs: object) -> "Future[T]":
        self.busy += 1
        done = super().submit(fn, *args, **kwargs)
        done.add_done_callback(lambda _: setattr(self, "busy", self.busy - 1))
        return done


class Rig:
    """The engine under test, with short ways to ask it."""

    def __init__(
        self, engine: Engine, venue: FakeVenue, clock: ManualClock, ledger: Ledger, threads: Threads
    ) -> None:
        self.engine = engine
        self.venue = venue
        self.clock = clock
        self.ledger = ledger
        self._threads = threads

    async def ask(self, request: AnyRequest) -> Result:
        return await self.engine.handle(request, "tester", None)

    async def submit(self, request: SubmitOrder | None = None) -> Order:
        result = await self.ask(request or buy())
        assert isinstance(result, OrderUpdate)
        return result.order

    def order(self, client_order_id: str) -> Order:
        return self.engine.journal.state.orders[client_order_id]

    async def until(self, condition: Callable[[], bool], *, seconds: float = 120.0) -> None:
        """Let virtual time pass until `condition` holds."""
        end = self.clock.mono_ns() + int(seconds * 1e9)
        while not condition():
            assert self.clock.mono_ns() < end, "it never happened"
            await self.turn()
            if not condition():
                self.clock.advance(0.05)

    async def turn(self) -> None:
        """Let everything that is ready run, threads included: virtual time must not run away from them."""
        for _ in range(5):
            await asyncio.sleep(0)
        if self.engine.journal.waiting:
            await asyncio.sleep(0.001)
        for _ in range(MOST_MS):
            if not self._threads.busy:
                break
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def rig(
    tmp_path: Path,
    *,
    venue: FakeVenue | None = None,
    clock: ManualClock | None = None,
    settings: EngineSettings | None = None,
    checkpoint: Callable[[str], None] = lambda name: None,
    wait: bool = True,
    others: tuple[FakeVenue, ...] = (),
) -> AsyncIterator[Rig]:
    clock = clock or ManualClock()
    venue = venue or FakeVenue(clock)
    ledger = Ledger.open(tmp_path / "ledger.db", clock.wall_ns)
    settings = settings or EngineSettings(symbols={NAME: (SYMBOL,)}, rules=RULES)
    engine = Engine((venue, *others), ledger, None, settings, clock, checkpoint, rng=random.Random(7))
    running = asyncio.create_task(engine.run())
    threads = Threads()
    asyncio.get_running_loop().set_default_executor(threads)
    found = Rig(engine, venue, clock, ledger, threads)
    try:
        if wait:
            await engine.ready()
            await found.until(lambda: engine.markets[NAME].symbols[SYMBOL].book.live)
        yield found
    finally:
        await engine.stop()
        await asyncio.wait_for(running, 10)
        ledger.close()


async def answer(it: Rig, request: AnyRequest) -> Result | tuple[str, str]:
    """What the engine says, or code and text of its refusal."""
    try:
        return await it.ask(request)
    except LinkError as error:
        if error.code == "INTERNAL":  # a defect is no verdict
            raise
        return error.code, error.text
