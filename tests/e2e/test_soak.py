"""Ten minutes of trading: simulator, engine, a plain face, and an operator who never rests. The campaign's.

SOAK_SECONDS shortens or lengthens it. What it measured is printed (`-s`).
"""

import asyncio
import contextlib
import json
import os
import random
import re
import time
from collections import Counter
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import pytest

from spark_tui.domain.order import TERMINAL
from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import (
    CancelOrder,
    Event,
    Kill,
    OrderUpdate,
    Resume,
    SubmitOrder,
    TickerRow,
    Tickers,
)
from spark_tui.link.remote import RemoteLink
from tests.cli.support import children
from tests.e2e.processes import Desk

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
WARM_UP_S = 60.0
SAMPLE_S = 5.0
ORDERS_PER_S = 3.0
KILL_EVERY_S = 120.0
SIZE = {"BTCUSDT": Decimal("0.001"), "ETHUSDT": Decimal("0.01"), "BNBUSDT": Decimal("0.05")}
TICK = Decimal("0.01")
MAX_GROWTH_MB_PER_H = 30.0  # ten minutes measure no better; a leak that matters is far above


class Operator:
    """Buys and sells a little of everything near the touch, cancels half of what rests."""

    def __init__(self, link: RemoteLink, rng: random.Random) -> None:
        self.answers: Counter[str] = Counter()
        self._link = link
        self._rng = rng
        self._rows: dict[str, TickerRow] = {}
        self._open: dict[str, None] = {}

    async def watch(self) -> None:
        async for batch in self._link.events():
            for event in batch:
                self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Tickers(rows=rows):
                self._rows |= {row.symbol: row for row in rows}
            case OrderUpdate(order=order) if order.state in TERMINAL:
                self._open.pop(order.client_order_id, None)

    async def trade(self) -> None:
        begun = time.monotonic()
        kill_at = begun + KILL_EVERY_S
        while (now := time.monotonic()) < begun + SECONDS:
            await asyncio.sleep(self._rng.expovariate(ORDERS_PER_S))
            if now > kill_at:
                kill_at = now + KILL_EVERY_S
                await self._link.call(Kill(reason="soak"))
                await self._submit()
                await self._link.call(Resume(reason="soak goes on"))
            elif self._open and self._rng.random() < 0.5:
                chosen = self._rng.choice(list(self._open))
                self._open.pop(chosen)
                with contextlib.suppress(Exception):  # filled meanwhile: the fill is told by an event
                    await self._link.call(CancelOrder(client_order_id=chosen))
                    self.answers["cancel"] += 1
            else:
                await self._submit()

    async def _submit(self) -> None:
        symbol = self._rng.choice(list(SIZE))
        row = self._rows.get(symbol)
        if row is None or not row.last:
            return
        kind = self._rng.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET))
        price = (Decimal(row.last) * Decimal(self._rng.gauss(1, 0.0005))).quantize(TICK, ROUND_DOWN)
        answer = await self._link.call(
            SubmitOrder(
                symbol=symbol,
                side=self._rng.choice((Side.BUY, Side.SELL)),
                type=kind,
                quantity=SIZE[symbol],
                price=price if kind is OrderType.LIMIT else None,
            )
        )
        assert isinstance(answer, OrderUpdate)
        order = answer.order
        self.answers[f"{order.state} {order.code}".strip()] += 1
        if order.state not in TERMINAL:
            self._open[order.client_order_id] = None


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope_per_h(points: list[tuple[float, float]]) -> float:
    """Least squares, of what came after the warm-up."""
    late = [(at, value) for at, value in points if at > min(WARM_UP_S, SECONDS / 3)]
    mean_x = sum(x for x, _ in late) / len(late)
    mean_y = sum(y for _, y in late) / len(late)
    return 3600 * (
        sum((x - mean_x) * (y - mean_y) for x, y in late) / sum((x - mean_x) ** 2 for x, _ in late)
    )


async def sample(pids: dict[str, int], into: dict[str, list[tuple[float, float]]]) -> None:
    begun = time.monotonic()
    while True:
        for name, pid in pids.items():
            into.setdefault(name, []).append((time.monotonic() - begun, rss_mb(pid)))
        await asyncio.sleep(SAMPLE_S)


def shape(line: str) -> str:
    """A log line without what differs from one time to the next."""
    return re.sub(r"\b[0-9a-f-]*\d[\w.:-]*", "#", line.partition(" ")[2].partition(" ")[2])


@pytest.mark.campaign
async def test_an_operator_who_never_rests(desk: Desk) -> None:
    engine = desk.engine()
    (simulator,) = children(engine.pid)
    face = desk.begin_unheard("attach", "--plain", "--data-dir", str(desk.data))
    socket = json.loads((desk.data / "engine.json").read_bytes())["socket"]
    link = await RemoteLink.connect(Path(socket), face="soak", operator="soak", rate_hz=5.0)
    operator = Operator(link, random.Random(11))
    memory: dict[str, list[tuple[float, float]]] = {}
    helpers = [
        asyncio.create_task(operator.watch()),
        asyncio.create_task(sample({"engine": engine.pid, "simulator": simulator, "face": face.pid}, memory)),
    ]
    await operator.trade()
    for helper in helpers:
        helper.cancel()
    await asyncio.gather(*helpers, return_exceptions=True)
    await link.close()
    health = desk.show("health")
    status = desk.show("status")
    face.end()
    assert engine.end() == 0
    verified = desk.run("ledger", "verify", "--data-dir", str(desk.data))
    slopes = {name: round(slope_per_h(points), 2) for name, points in memory.items()}
    report = {
        "seconds": SECONDS,
        "answers": operator.answers,
        "rss_mb": {name: [points[0][1], points[-1][1]] for name, points in memory.items()},
        "slope_mb_per_h": slopes,
        "log": Counter(shape(line) for line in desk.logs().splitlines()),
        "ledger": verified.stdout.strip(),
        "health": {name: value for name, value in health.items() if not isinstance(value, list)},
        "streams": {stream["name"]: _brief(stream) for stream in health["streams"]},
        "status": {name: value for name, value in status.items() if name != "venues"},
    }
    print(json.dumps(report, indent=1, default=str))
    assert verified.returncode == 0
    assert [line for line in desk.logs().splitlines() if _needs_explaining(line)] == []
    assert {stream["name"]: stream["gaps"] for stream in health["streams"] if stream["gaps"]} == {}
    if SECONDS >= 300:
        assert {name: slope for name, slope in slopes.items() if slope > MAX_GROWTH_MB_PER_H} == {}


def _needs_explaining(line: str) -> bool:
    """Whatever is worse than information, but for the kills this test asks for."""
    if " ERROR " in line and "Trading is HALTED: soak" in line:
        return False
    return " WARNING " in line or " ERROR " in line or "Traceback" in line


def _brief(stream: dict[str, Any]) -> str:
    return "{state}, {messages} messages, {gaps} gaps, {reconnects} reconnects".format(**stream)
