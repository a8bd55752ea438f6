"""kill -9 of a real engine process at each step of the order path, against a real simulator process.

After the restart each intent is at the simulator exactly once, or proved never to have lived, and the ledger
is whole.
"""

import random
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.store.ledger import verify
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.port import OrderReport
from spark_tui.wire.clock import SystemClock
from tests.faults.processes import Simulator, end, run_engine, start_simulator

RESTING = {"side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}
FILLING = {"side": "BUY", "type": "MARKET", "quantity": "0.01"}


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One for all: each test looks for its own ids only."""
    process, found = start_simulator(tmp_path_factory.mktemp("simulator"))
    yield found
    end(process)


async def orders_at(sim: Simulator) -> tuple[OrderReport, ...]:
    """What the simulator holds for the account, asked without the engine."""
    key = HmacKey(sim.api_key, sim.api_secret)
    endpoints = Endpoints(sim.base_url, sim.ws_url, sim.ws_api_url)
    venue = BinanceSpot(endpoints, key, clock=SystemClock(), rng=random.Random(1))
    await venue.start()
    try:
        return await venue.all_orders("BTCUSDT")
    finally:
        await venue.close()


@pytest.mark.parametrize(
    ("die_at", "order", "fate"),
    [
        ("order.durable", RESTING, "DEAD"),
        ("order.sent", RESTING, "ACCEPTED"),
        ("order.replied", RESTING, "ACCEPTED"),
        ("order.sent", FILLING, "FILLED"),
        ("order.replied", FILLING, "FILLED"),
    ],
)
async def test_killed_at_any_step_each_intent_lives_once_or_is_proved_dead(
    tmp_path: Path, sim: Simulator, die_at: str, order: dict[str, str], fate: str
) -> None:
    before = Counter(found.client_order_id for found in await orders_at(sim))
    assert await run_engine(tmp_path, sim, order, die_at=die_at) == {"signal": signal.SIGKILL}
    assert verify(tmp_path / "ledger.db").ok

    report = await run_engine(tmp_path, sim)

    (known,) = report["orders"]
    assert known["state"] == fate
    at_venue = Counter(found.client_order_id for found in await orders_at(sim)) - before
    assert at_venue == ({} if fate == "DEAD" else {known["client_order_id"]: 1})
    assert verify(tmp_path / "ledger.db").ok

    filled = Decimal(known["filled"])
    assert filled == (Decimal("0.01") if fate == "FILLED" else 0)
    bought = sum(Decimal(fill["quantity"]) - Decimal(fill["commission"]) for fill in known["fills"])
    assert sum(Decimal(position["quantity"]) for position in report["positions"]) == bought


async def test_a_third_start_finds_nothing_new_and_loses_nothing(tmp_path: Path, sim: Simulator) -> None:
    """F47, F49: restarting changes neither orders nor positions, and repeats no record."""
    await run_engine(tmp_path, sim, FILLING, RESTING, die_at="order.replied")
    second = await run_engine(tmp_path, sim, RESTING)
    third = await run_engine(tmp_path, sim)
    assert third["orders"] == second["orders"]
    assert third["positions"] == second["positions"]
    assert len(third["orders"]) == 2
