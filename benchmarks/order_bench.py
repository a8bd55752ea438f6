"""An order, from `handle(SubmitOrder)` to the socket and to its answer, against the simulator's process.

Run: python -m benchmarks.order_bench [--orders 150] [--load 5000] [--only "engine under load"]

The engine is the shipped one with ledger, tape and metrics, in a process of its own; market data comes from
the sender, orders go to the simulator. Each order is a resting LIMIT far below the market and is cancelled
before the next; only the placing is timed. The venue takes 100 in 10 s: they go out 9 a second, each finding
caches and core gone cold, or in bursts of 90, 10 ms apart. "to socket" ends when the frame was handed to the
socket with its write-ahead durable, "to answer" when the engine has read the venue's. CPU is of the whole
process between call and answer, so under load it holds market frames too.

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
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec
import uvloop

from benchmarks.frames import SYMBOL
from benchmarks.hosting import Fed, freeze, hosted
from benchmarks.processes import measured, sender, settle, simulator
from benchmarks.table import machine, percentiles, show
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import CancelOrder, OrderUpdate, SubmitOrder
from spark_tui.venues.binance.spot.endpoints import Discovery, discover, get
from spark_tui.venues.binance.spot.trading import Trading
from spark_tui.wire.clock import SystemClock

WARM_UP = 20  # orders that are not counted: connections, caches
EVERY_S = 0.112  # the venue takes 100 new orders in 10 s
BURST, BURST_EVERY_S, WINDOW_S = 90, 0.01, 10.5
PREPARE_S = 40  # a stream goes on this long beyond the orders
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


class Run(NamedTuple):
    caller: Callable[[Discovery], AbstractAsyncContextManager[Place]]
    bursts: bool = False
    loaded: bool = False


shipped = partial(engine, adapter=Fed)
RUNS = {
    "engine": Run(shipped),
    "engine, bursts": Run(shipped, bursts=True),
    "engine under load": Run(shipped, loaded=True),
    "engine under load, bursts": Run(shipped, bursts=True, loaded=True),
    "engine over REST": Run(partial(engine, adapter=RestOnly)),
    "python-binance WS API": Run(partial(python_binance, rest=False)),
    "python-binance WS API, bursts": Run(partial(python_binance, rest=False), bursts=True),
    "python-binance REST": Run(partial(python_binance, rest=True)),
    "python-binance REST, bursts": Run(partial(python_binance, rest=True), bursts=True),
}


async def measure(run: Run, base: str, stream: str, orders: int) -> list[Timing]:
    """In a process of its own."""
    timings: list[Timing] = []
    async with run.caller(await discover(base, stream)) as place:
        for _ in range(WARM_UP):
            await place()
        await asyncio.sleep(WINDOW_S)
        burst_began = time.perf_counter()
        for number in range(orders):
            began = time.perf_counter()
            if run.bursts and number and number % BURST == 0:
                await asyncio.sleep(max(0.0, burst_began + WINDOW_S - began))
                burst_began = time.perf_counter()
            timings.append(await place())
            pause = BURST_EVERY_S if run.bursts else EVERY_S + began - time.perf_counter()
            await asyncio.sleep(max(0.0, pause))
    return timings


def report(name: str, base: str, orders: int, load: float) -> list[tuple[object, ...]]:
    rate = load if RUNS[name].loaded else IDLE_RATE
    count = int(((WARM_UP + orders) * EVERY_S * 1.1 + PREPARE_S) * rate)
    time.sleep(WINDOW_S)  # the venue forgets the orders of the run before
    settle()
    with sender(count, rate, "mix") as stream:
        words = ["benchmarks.order_bench", "--measure", name, base, stream, str(orders)]
        timings = msgspec.convert(measured(words), list[Timing])
    cpu = percentiles([timing.cpu / 1e3 for timing in timings])[1]
    rows: list[tuple[object, ...]] = []
    for step, ns in (
        ("durable", [timing.durable for timing in timings]),
        ("to socket", [timing.sent for timing in timings]),
        ("to answer", [timing.answered for timing in timings]),
    ):
        known = [value / 1e6 for value in ns if value is not None]
        if known:
            shown = cpu if step == "to answer" else ""
            rows.append((name, step, *percentiles(known), len(known), shown))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=150, help="of each run (default 150)")
    parser.add_argument("--load", type=float, default=5_000, help="market frames a second under load")
    parser.add_argument("--only", choices=RUNS, action="append", help="one run; may be repeated")
    parser.add_argument(
        "--measure", nargs=4, metavar=("RUN", "BASE", "STREAM", "ORDERS"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.measure:
        name, base, stream, orders = options.measure
        timings = uvloop.run(measure(RUNS[name], base, stream, int(orders)))
        sys.stdout.buffer.write(msgspec.json.encode(timings))
        return
    print(machine())
    rows = []
    with simulator() as exchange:
        for name in options.only or RUNS:
            rows += report(name, exchange["base_url"], options.orders, options.load)
    show(f"An order from the call; load is {options.load:,.0f} frames/s", COLUMNS, rows)


if __name__ == "__main__":
    main()
