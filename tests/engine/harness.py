"""An engine on a venue of our own, a real ledger and a clock driven by hand."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

from spark_tui.domain.order import Order
from spark_tui.domain.rules import STANDARD
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.engine import Engine
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import AnyRequest, OrderUpdate, Result, SubmitOrder
from spark_tui.store.ledger import Ledger
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, FakeVenue

D = Decimal
LOUD = ("position-share", "order-rate")  # the tests' orders are large, and many
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


class Rig:
    """The engine under test, with short ways to ask it."""

    def __init__(self, engine: Engine, venue: FakeVenue, clock: ManualClock, ledger: Ledger) -> None:
        self.engine = engine
        self.venue = venue
        self.clock = clock
        self.ledger = ledger

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
        """Let everything that is ready run, the ledger's thread included."""
        for _ in range(5):
            await asyncio.sleep(0)
        if self.engine.journal.waiting:
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
    found = Rig(engine, venue, clock, ledger)
    try:
        if wait:
            await engine.ready()
            await found.until(lambda: engine.markets[NAME].symbols[SYMBOL].book.live)
        yield found
    finally:
        await engine.stop()
        await asyncio.wait_for(running, 10)
        ledger.close()
