"""A canary's latency: `canary_order_latency_seconds` of runs (order/test) and of confirms (a real order).

Run: python -m benchmarks.canary_bench [--confirms 30]

The shipped engine with the bundled simulator, each a process of its own; asked over the unix socket as
`spark-tui canary` asks, one after the other within the request budget. The latency is from the engine's call
until it has read the venue's answer: gate, durable write-ahead, signature and the exchange's own time lie
within. "confirm, in all" is what the operator waits for: order, end, comparison with the venue and the sealed
evidence.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

from benchmarks.processes import settle
from benchmarks.start_bench import Home, home
from benchmarks.table import PERCENTILES, machine, percentiles, show
from spark_tui.link.messages import AnyRequest, CanaryRow, CanaryVerdict, ConfirmCanary, RunCanary
from spark_tui.link.remote import RemoteLink
from spark_tui.link.service import LinkError

SYMBOL = "BTCUSDT"
PATIENCE_S = 30.0  # an engine serves before its market spoke
ASK_EVERY_S = 0.1
PACE_S = 3.0  # a run and its confirm take some 210 of the request weight, of which 4 800 a minute are ours


async def green(link: RemoteLink, request: AnyRequest) -> CanaryRow:
    row = await link.call(request)
    assert isinstance(row, CanaryRow)  # what these requests are answered with
    if row.verdict is not CanaryVerdict.GREEN:
        raise SystemExit(f"{row.kind} {row.run_id} is {row.verdict}: {'; '.join(row.reasons)}")
    return row


async def first_price(link: RemoteLink) -> None:
    """Wait until a canary finds one. Raises LinkError where none comes."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            await link.call(RunCanary(symbol=SYMBOL))
            return
        except LinkError as error:
            if error.code != "NO_PRICE" or time.monotonic() > until:
                raise
        await asyncio.sleep(ASK_EVERY_S)


async def confirms(place: Home, count: int) -> dict[str, list[float]]:
    """ms"""
    socket = Path(json.loads((place.data_dir / "engine.json").read_bytes())["socket"])
    link = await RemoteLink.connect(socket, face="benchmark", operator="benchmark", rate_hz=0)
    found: dict[str, list[float]] = {"run, order/test": [], "confirm, its order": [], "confirm, in all": []}
    try:
        await first_price(link)
        for _ in range(count):
            await asyncio.sleep(PACE_S)
            run = await green(link, RunCanary(symbol=SYMBOL))
            began = time.perf_counter()
            row = await green(link, ConfirmCanary(symbol=SYMBOL, typed=SYMBOL))
            found["confirm, in all"].append((time.perf_counter() - began) * 1e3)
            found["run, order/test"] += [seconds * 1e3 for seconds in run.latencies_s]
            found["confirm, its order"] += [seconds * 1e3 for seconds in row.latencies_s]
    finally:
        await link.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a canary's order takes.")
    parser.add_argument("--confirms", type=int, default=30)
    count = parser.parse_args().confirms
    settle()
    print(machine())
    with home() as place:
        try:
            found = asyncio.run(confirms(place, count))
        except LinkError as error:
            raise SystemExit(f"the engine answered {error.code}: {error.text}") from None
    rows = [(name, *percentiles(times), len(times)) for name, times in found.items()]
    show("ms", ("", *PERCENTILES, "canaries"), rows)


if __name__ == "__main__":
    main()
