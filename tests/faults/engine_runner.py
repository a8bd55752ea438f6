"""A process with one real engine against one simulator. It makes the requests it is given, waits until the
fate of every order is decided, and prints what it knows as JSON. With `die_at` it kills itself at that step.

A request is one of `link.messages` as JSON; the client order id "@0" in it is that of the first order.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from spark_tui.domain.order import Order, OrderState
from spark_tui.engine.engine import Engine
from spark_tui.engine.hub import Face
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import AnyRequest
from spark_tui.store.ledger import Ledger
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import discover
from spark_tui.wire.clock import SystemClock

# A short window, so that "proved never to have lived" takes seconds.
SETTINGS = SpotSettings(recv_window_ms=800, engine_timeout_ms=100, margin_ms=100)
UNDECIDED = {
    OrderState.NEW,
    OrderState.SENT,
    OrderState.UNKNOWN,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_REPLACE,
}


async def main(task: dict[str, Any]) -> None:
    def checkpoint(name: str) -> None:
        if name == task["die_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = SystemClock()
    rng = random.SystemRandom()
    found = await discover(task["base_url"])
    venue = BinanceSpot(found.endpoints, found.credentials, clock=clock, rng=rng, settings=SETTINGS)
    ledger = Ledger.open(Path(task["folder"]) / "ledger.db", clock.wall_ns)
    symbols = ("BTCUSDT",)
    engine = Engine(
        (venue,), ledger, None, EngineSettings(symbols={venue.name: symbols}), clock, checkpoint, rng=rng
    )
    running = asyncio.create_task(engine.run())
    await engine.ready()
    state = engine.journal.state
    face = engine.attach("runner", "test", 20.0)
    await _until(face, lambda: engine.views.usable(venue.name, "BTCUSDT"))
    for words in task["requests"]:
        if words.get("client_order_id") == "@0":
            words["client_order_id"] = next(iter(state.orders))
        await engine.handle(msgspec.convert(words, AnyRequest, strict=False), "test", None)
    await _until(face, lambda: all(_decided(order) for order in state.orders.values()))
    report = {
        "orders": [msgspec.to_builtins(order) for order in state.orders.values()],
        "positions": [msgspec.to_builtins(position) for position in state.positions.values()],
    }
    await engine.stop()
    await running
    ledger.close()
    print(json.dumps(report))


async def _until(face: Face, condition: Callable[[], bool]) -> None:
    """Look again at every batch of news."""
    async for _ in face.batches():
        if condition():
            return


def _decided(order: Order) -> bool:
    return order.state not in UNDECIDED and order.filled == (order.venue_filled or order.filled)


def run(words: list[str]) -> int:
    asyncio.run(main(json.loads(words[0])))
    return 0
