"""The venue itself dies and comes back: the engine says so, refuses, reconnects, and knows every order."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.engine import Engine
from spark_tui.engine.hub import Face
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import CancelOrder, OrderUpdate, SubmitOrder
from spark_tui.store.ledger import Ledger
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.wire.clock import SystemClock
from tests.faults.processes import Simulator, end, start_simulator

SYMBOL = "BTCUSDT"


@contextlib.asynccontextmanager
async def engine_on(folder: Path, sim: Simulator) -> AsyncIterator[tuple[Engine, Face]]:
    clock, rng = SystemClock(), random.Random(5)
    found = await discover(sim.base_url)
    settings = SpotSettings(recv_window_ms=800, engine_timeout_ms=100, margin_ms=100)
    venue = BinanceSpot(found.endpoints, found.credentials, clock=clock, rng=rng, settings=settings)
    ledger = Ledger.open(folder / "ledger.db", clock.wall_ns)
    engine = Engine((venue,), ledger, None, EngineSettings(symbols={venue.name: (SYMBOL,)}), clock, rng=rng)
    running = asyncio.create_task(engine.run())
    await engine.ready()
    face = engine.attach("test", "test", 20.0)
    try:
        yield engine, face
    finally:
        await engine.stop()
        await running
        ledger.close()


async def until(face: Face, condition: Callable[[], bool]) -> None:
    """Look again at every batch of news."""
    async with asyncio.timeout(30):
        async for _ in face.batches():
            if condition():
                return


async def submit(engine: Engine, quantity: str, price: str | None) -> Order:
    request = SubmitOrder(
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
    )
    result = await engine.handle(request, "test", None)
    assert isinstance(result, OrderUpdate)
    return result.order


async def test_orders_fills_and_balances_are_in_step_after_the_venue_came_back(tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path / "sim"))
    process, sim = start_simulator(tmp_path, *flags)
    port = sim.base_url.rsplit(":", 1)[1]
    try:
        async with engine_on(tmp_path, sim) as (engine, face):
            (venue,) = engine.runners
            desk = engine.runners[venue].desk
            state = engine.journal.state
            await until(face, lambda: engine.views.usable(venue, SYMBOL))
            bought = await submit(engine, "0.01", None)
            assert bought.state is OrderState.FILLED
            resting = await submit(engine, "0.01", "50000")
            await until(face, lambda: engine.portfolio.balances[venue]["USDT"].locked == 500)
            before = engine.portfolio.balances[venue]

            end(process)
            await until(face, lambda: desk.reconciling)
            refused = await submit(engine, "0.01", "50000")
            assert refused.state is OrderState.DENIED

            process, _ = start_simulator(tmp_path, *flags, "--port", port)
            await until(face, lambda: not desk.reconciling)
            await until(face, lambda: engine.views.usable(venue, SYMBOL))
            assert state.orders[resting.client_order_id].state is OrderState.ACCEPTED
            assert engine.portfolio.balances[venue] == before
            held = state.positions[venue, SYMBOL].quantity
            assert held == Decimal("0.01") - sum(fill.commission for fill in bought.fills)

            result = await engine.handle(CancelOrder(client_order_id=resting.client_order_id), "test", None)
            assert isinstance(result, OrderUpdate)
            assert result.order.state is OrderState.CANCELED
            await until(face, lambda: engine.portfolio.balances[venue]["USDT"].locked == 0)
    finally:
        end(process)
