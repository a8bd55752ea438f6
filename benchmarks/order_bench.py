"""An order, from `handle(SubmitOrder)` to the socket and to its answer, against the simulator's process.

Run: python -m benchmarks.order_bench [--orders 500] [--load 5000] [--only "engine under load"]

The engine is the shipped one with ledger, tape and metrics, in a process of its own; market data comes from
the sender, orders go to the simulator. Each order is a resting LIMIT far below the market, 9 a second (the
venue's limit is 10), and is cancelled before the next; only the placing is timed. "to socket" ends when the
frame was handed to the socket with its write-ahead durable, "to answer" when the engine has read the venue's.
CPU is of the whole process between call and answer, so under load it holds market frames too.

python-binance signs and sends the same order and keeps no ledger, no rules and no book. "REST" is our
fallback when the WebSocket API is down: there the instant of sending is not known.
"""

import argparse
import asyncio
import json
import random
import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import uvloop

from benchmarks.frames import SYMBOL
from benchmarks.hosting import Fed, freeze, hosted
from benchmarks.processes import measured, sender, simulator
from benchmarks.table import machine, percentiles, show
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import CancelOrder, OrderUpdate, SubmitOrder
from spark_tui.venues.binance.spot.endpoints import Discovery, discover, get
from spark_tui.venues.binance.spot.trading import Trading
from spark_tui.wire.clock import SystemClock

WARM_UP = 20  # orders that are not counted: connections, caches
EVERY_S = 0.112  # the venue takes 100 new orders in 10 s
PREPARE_S = 25  # a stream goes on this long beyond the orders
IDLE_RATE = 20.0  # frames a second that keep the book fresh and no core busy
QUANTITY = Decimal("0.001")
PRICE = Decimal("60000.00")
COLUMNS = ("ms", "", "min", "median", "P95", "P99", "max", "orders", "CPU us an order (median)")


class Timing(msgspec.Struct):
    """Of one order, in ns from the call; `sent` and `durable` None where they cannot be known."""

    answered: int
    cpu: int
    sent: int | None = None
    durable: int | None = None


Place = Callable[[], Awaitable[Timing]]


class RestOnly(Fed):
    """The shipped adapter whose orders find no WebSocket API, as while that connection is down."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._trading = Trading(self._account, self._rest, lambda: None, self._lists)


@asynccontextmanager
async def engine(found: Discovery, *, adapter: type[Fed]) -> AsyncIterator[Place]:
    clock, rng = SystemClock(), random.Random(1)
    marks: dict[str, int] = {}

    def reached(name: str) -> None:
        marks[name] = time.perf_counter_ns()

    venue = adapter(found.endpoints, found.credentials, clock=clock, rng=rng)
    async with hosted(venue, clock, rng, reached) as host:
        await host.engine.ready()
        while not host.market.symbols[SYMBOL].book.live:  # noqa: ASYNC110 - before anything is measured
            await asyncio.sleep(0.01)
        freeze()
        request = SubmitOrder(
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=QUANTITY,
            price=PRICE,
            time_in_force=TimeInForce.GTC,
        )

        async def place() -> Timing:
            marks.clear()
            cpu, called = time.process_time_ns(), time.perf_counter_ns()
            update = await host.service.handle(request, "benchmark", None)
            answered, cpu = time.perf_counter_ns() - called, time.process_time_ns() - cpu
            assert isinstance(update, OrderUpdate)
            order = update.order
            if order.state is not OrderState.ACCEPTED:
                raise SystemExit(f"the order is {order.state}: {order.code} {order.text}")
            sent = None if adapter is RestOnly else marks["order.sent"] - called
            await host.service.handle(CancelOrder(client_order_id=order.client_order_id), "benchmark", None)
            return Timing(answered, cpu, sent, marks["order.durable"] - called)

        yield place


@asynccontextmanager
async def python_binance(found: Discovery, *, rest: bool) -> AsyncIterator[Place]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own
        import binance  # type: ignore[import-untyped]
    import aiohttp

    left = 0

    async def chunk_left(*_: object) -> None:
        nonlocal left
        left = time.perf_counter_ns()

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(chunk_left)
    trace.on_request_headers_sent.append(chunk_left)
    info = json.loads(await get(f"{found.endpoints.rest}/sim/v1/info"))
    client = binance.AsyncClient(
        info["api_key"], info["api_secret"], session_params={"trace_configs": [trace]}
    )
    client.API_URL = f"{found.endpoints.rest}/api"
    client.ws_api._url = found.endpoints.ws_api
    send = client.create_order if rest else client.ws_create_order
    words = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}

    async def place() -> Timing:
        cpu, called = time.process_time_ns(), time.perf_counter_ns()
        order = await send(**words, quantity=str(QUANTITY), price=str(PRICE))
        answered, cpu = time.perf_counter_ns() - called, time.process_time_ns() - cpu
        sent = left - called if rest else None
        await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
        return Timing(answered, cpu, sent)

    yield place
    await client.close_connection()


Caller = Callable[[Discovery], Any]
CALLERS: dict[str, Caller] = {
    "engine": partial(engine, adapter=Fed),
    "engine over REST": partial(engine, adapter=RestOnly),
    "python-binance WS API": partial(python_binance, rest=False),
    "python-binance REST": partial(python_binance, rest=True),
}
LOADED = "engine under load"


async def measure(caller: str, base: str, stream: str, orders: int) -> list[dict[str, int | None]]:
    """In a process of its own."""
    found = await discover(base, stream)
    rng = random.Random(7)
    timings: list[Timing] = []
    async with CALLERS[caller](found) as place:
        for number in range(WARM_UP + orders):
            began = time.perf_counter()
            timing = await place()
            if number >= WARM_UP:
                timings.append(timing)
            pause = EVERY_S * rng.uniform(0.9, 1.1) - (time.perf_counter() - began)
            await asyncio.sleep(max(0.0, pause))
    return [msgspec.to_builtins(timing) for timing in timings]


def run(name: str, base: str, orders: int, load: float) -> list[tuple[object, ...]]:
    rate = load if name == LOADED else IDLE_RATE
    count = int(((WARM_UP + orders) * EVERY_S * 1.1 + PREPARE_S) * rate)
    caller = "engine" if name == LOADED else name
    with sender(count, rate, "mix") as stream:
        words = ["benchmarks.order_bench", "--measure", caller, base, stream, str(orders)]
        timings: list[Timing] = msgspec.convert(measured(words), list[Timing])
    cpu = percentiles([timing.cpu / 1e3 for timing in timings])[1]
    title = f"{name}, {load:,.0f} frames/s" if name == LOADED else name
    rows: list[tuple[object, ...]] = []
    for step, ns in (
        ("durable", [timing.durable for timing in timings]),
        ("to socket", [timing.sent for timing in timings]),
        ("to answer", [timing.answered for timing in timings]),
    ):
        known = [value / 1e6 for value in ns if value is not None]
        if known:
            last = step == "to answer"
            rows.append((title, step, *percentiles(known), len(known), cpu if last else ""))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["engine", LOADED, *(name for name in CALLERS if name != "engine")]
    parser.add_argument("--orders", type=int, default=500, help="of each row (default 500)")
    parser.add_argument("--load", type=float, default=5_000, help="market frames a second under load")
    parser.add_argument("--only", choices=names, action="append", help="one row; may be repeated")
    parser.add_argument(
        "--measure", nargs=4, metavar=("CALLER", "BASE", "STREAM", "ORDERS"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.measure:
        caller, base, stream, orders = options.measure
        json.dump(uvloop.run(measure(caller, base, stream, int(orders))), sys.stdout)
        return
    print(machine())
    rows = []
    with simulator() as exchange:
        for name in options.only or names:
            rows += run(name, exchange["base_url"], options.orders, options.load)
    show("An order from the call", COLUMNS, rows)


if __name__ == "__main__":
    main()
