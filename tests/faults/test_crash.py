"""kill -9 of a real engine process at each step of the order path, against a real simulator process.

After the restart each intent is at the simulator exactly once, or proved never to have lived, and the ledger
is whole.
"""

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spark_tui.store.ledger import verify
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.port import OrderReport
from spark_tui.wire.clock import SystemClock
from tests.faults.processes import Simulator, end, run_engine, start_simulator

TERMS = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01"}
RESTING = {"op": "order.submit", **TERMS, "type": "LIMIT", "price": "50000"}
FILLING = {"op": "order.submit", **TERMS, "type": "MARKET"}
REPLACING = {
    "op": "order.replace",
    "client_order_id": "@0",
    "order": {"op": "order.submit", **TERMS, "type": "LIMIT", "price": "49000"},
}
CANCELING = {"op": "order.cancel", "client_order_id": "@0"}
AMENDING = {"op": "order.amend", "client_order_id": "@0", "quantity": "0.005"}
LISTING = {
    "op": "list.submit",
    "kind": "OTOCO",
    "legs": [
        {"role": "WORKING", "order": {"op": "order.submit", **TERMS, "type": "LIMIT", "price": "50000"}},
        {
            "role": "PENDING_ABOVE",
            "order": {"op": "order.submit", **TERMS, "side": "SELL", "type": "LIMIT_MAKER", "price": "90000"},
        },
        {
            "role": "PENDING_BELOW",
            "order": {
                "op": "order.submit",
                **TERMS,
                "side": "SELL",
                "type": "STOP_LOSS_LIMIT",
                "price": "40000",
                "stop_price": "41000",
            },
        },
    ],
}


PER_SIMULATOR = 4  # tests: with more starts of an engine the address' weight of the minute would be used up


class Simulators:
    """One for several tests; each test looks for its own ids only."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._left = 0
        self._end: Callable[[], None] = lambda: None

    def next(self) -> Simulator:
        if not self._left:
            self.end()
            process, self._found = start_simulator(self._folders.mktemp("simulator"))
            self._left, self._end = PER_SIMULATOR, lambda: end(process)
        self._left -= 1
        return self._found

    def end(self) -> None:
        self._end()


@pytest.fixture(scope="module")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    found = Simulators(tmp_path_factory)
    yield found
    found.end()


@pytest.fixture
def sim(simulators: Simulators) -> Simulator:
    return simulators.next()


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
    tmp_path: Path, sim: Simulator, die_at: str, order: dict[str, Any], fate: str
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


@pytest.mark.parametrize(
    ("die_at", "request_", "fates"),
    [
        ("replace.durable", REPLACING, "ACCEPTED DEAD"),
        ("replace.sent", REPLACING, "CANCELED ACCEPTED"),
        ("list.sent", LISTING, "ACCEPTED ACCEPTED ACCEPTED"),
        ("amend.replied", AMENDING, "ACCEPTED"),
        ("cancel.asked", CANCELING, "ACCEPTED"),
        ("cancel.replied", CANCELING, "CANCELED"),
        # the same matrix is walked in one process by tests/engine/test_power_cut.py
        pytest.param("replace.replied", REPLACING, "CANCELED ACCEPTED", marks=pytest.mark.campaign),
        pytest.param("list.durable", LISTING, "DEAD DEAD DEAD", marks=pytest.mark.campaign),
        pytest.param("list.replied", LISTING, "ACCEPTED ACCEPTED ACCEPTED", marks=pytest.mark.campaign),
        pytest.param("amend.durable", AMENDING, "ACCEPTED", marks=pytest.mark.campaign),
    ],
)
async def test_killed_over_a_replace_a_list_or_an_amend_every_part_is_found_again(
    tmp_path: Path, sim: Simulator, die_at: str, request_: dict[str, Any], fates: str
) -> None:
    before = Counter(found.client_order_id for found in await orders_at(sim))
    if request_ is not LISTING:
        await run_engine(tmp_path, sim, RESTING)
    assert await run_engine(tmp_path, sim, request_, die_at=die_at) == {"signal": signal.SIGKILL}
    assert verify(tmp_path / "ledger.db").ok

    report = await run_engine(tmp_path, sim)

    assert [known["state"] for known in report["orders"]] == fates.split()
    living = {known["client_order_id"]: 1 for known in report["orders"] if known["state"] != "DEAD"}
    assert Counter(found.client_order_id for found in await orders_at(sim)) - before == living
    if request_ is AMENDING:
        amended = Decimal(report["orders"][0]["amended_quantity"] or "0.01")
        assert amended == Decimal("0.01" if die_at == "amend.durable" else "0.005")
    assert verify(tmp_path / "ledger.db").ok


async def test_a_third_start_finds_nothing_new_and_loses_nothing(tmp_path: Path, sim: Simulator) -> None:
    """F47, F49: restarting changes neither orders nor positions, and repeats no record."""
    await run_engine(tmp_path, sim, FILLING, RESTING, die_at="order.replied")
    second = await run_engine(tmp_path, sim, RESTING)
    third = await run_engine(tmp_path, sim)
    assert third["orders"] == second["orders"]
    assert third["positions"] == second["positions"]
    assert len(third["orders"]) == 2
