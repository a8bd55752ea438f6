"""An engine process whose exchange goes away, comes back, changes its clock, or lies behind a bad line."""

import asyncio
import random
import signal
from collections import Counter
from typing import Any

import pytest

from tests.e2e.processes import Desk, Simulator, wait_for
from tests.e2e.proxy import line_to


def in_step(desk: Desk) -> bool:
    """Every venue is up, agrees with us, and its books can be priced from."""
    status = desk.show("status")
    if [venue["state"] for venue in status["venues"]] != ["up"] or status["reconciling"] or status["notes"]:
        return False
    return all(row["usable"] for row in desk.show("tickers"))


def assert_one_order_per_intent(desk: Desk, sim: Simulator) -> None:
    """Neither doubled nor lost: what was accepted is at the venue once, and what is there is known here."""
    ours = {order["client_order_id"]: order for order in desk.show("orders")}
    there = Counter(order["clientOrderId"] for order in sim.orders())
    assert set(there.values()) <= {1}
    assert there.keys() <= ours.keys()
    for client_id, order in ours.items():
        alive = order["state"] in ("ACCEPTED", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED")
        assert (client_id in there) is alive, order


def test_a_clock_that_steps_costs_no_order(desk: Desk) -> None:
    """F33: three seconds either way, and back: what the venue then refuses is signed anew and sent once."""
    sim = Simulator(desk)
    sim.set_clock(3_000)
    desk.engine(sim)
    for offset_ms in (3_000, -3_000, 0):
        sim.set_clock(offset_ms)
        order = desk.submit()
        assert (order["state"], order["text"]) == ("ACCEPTED", "")
    assert len(sim.orders()) == 3
    assert_one_order_per_intent(desk, sim)
    desk.assert_spoken_well(sim.api_secret)


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)])
def test_an_exchange_that_restarts_is_found_again(desk: Desk, how: signal.Signals) -> None:
    sim = Simulator(desk)
    engine = desk.engine(sim)
    resting = desk.submit()
    saved = desk.root / "venue"
    wait_for(lambda: resting["client_order_id"] in _texts(saved), "the simulator's own record")
    sim.process.end(how)
    wait_for(lambda: not in_step(desk), "the loss")
    refused = desk.submit()
    assert refused["state"] in ("DENIED", "REJECTED", "DEAD")
    assert len(refused["text"]) > 20
    (note,) = desk.show("status")["notes"]
    assert "binance-spot" in note
    canceled = desk.run(
        *("do", "order.cancel", f"client_order_id={resting['client_order_id']}"),
        *("--data-dir", str(desk.data)),
    )
    assert canceled.returncode == 1
    assert canceled.stderr.count("\n") == 1

    sim.begin()
    begun = sim.update_id()  # a young book of before is a price until the first difference shows the gap
    wait_for(lambda: desk.show("book", "BTCUSDT")["update_id"] >= begun, "a book of the new exchange")
    wait_for(lambda: in_step(desk), "the engine's recovery")
    assert engine.runs
    assert desk.submit()["state"] == "ACCEPTED"
    states = {order["client_order_id"]: order["state"] for order in desk.show("orders")}
    assert states[resting["client_order_id"]] == "ACCEPTED"
    assert_one_order_per_intent(desk, sim)
    desk.assert_spoken_well(sim.api_secret)


def _texts(folder: Any) -> str:
    return "".join(path.read_text("utf-8", "replace") for path in folder.iterdir() if path.is_file())


async def test_stale_prices_are_refused_until_the_streams_are_back(desk: Desk) -> None:
    sim = await asyncio.to_thread(Simulator, desk)
    async with line_to(sim.port) as line:
        bases = {"BINANCE_STREAM_BASE": f"ws://127.0.0.1:{line.port}"}
        await asyncio.to_thread(lambda: desk.engine(sim, **bases))
        assert (await asyncio.to_thread(desk.submit))["state"] == "ACCEPTED"
        line.down()
        await asyncio.to_thread(wait_for, lambda: not desk.show("tickers")[0]["usable"], "a stale book")
        refused = await asyncio.to_thread(desk.submit)
        assert (refused["state"], refused["code"]) == ("DENIED", "BOOK_UNUSABLE")
        assert "stale" in refused["text"]
        book = await asyncio.to_thread(desk.show, "book", "BTCUSDT")
        assert not book["usable"]
        (kept,) = [o for o in await asyncio.to_thread(desk.show, "orders") if o["state"] == "ACCEPTED"]
        canceled = await asyncio.to_thread(
            desk.ask, "do", "order.cancel", f"client_order_id={kept['client_order_id']}"
        )
        assert canceled["state"] == "CANCELED"
        line.up()
        await asyncio.to_thread(wait_for, lambda: in_step(desk), "the streams' return")
        assert (await asyncio.to_thread(desk.submit))["state"] == "ACCEPTED"
    assert_one_order_per_intent(desk, sim)
    desk.assert_spoken_well(sim.api_secret)


@pytest.mark.parametrize(
    ("seed", "share"),
    [(17, 0.01), *(pytest.param(seed, 0.05, marks=pytest.mark.campaign) for seed in range(12))],
)
async def test_a_line_that_garbles_delays_and_cuts_doubles_and_loses_no_order(
    desk: Desk, seed: int, share: float
) -> None:
    """All three addresses through it, a byte wrong in this share of what comes back and a cut now and then;
    afterwards all is well again by itself."""
    sim = await asyncio.to_thread(Simulator, desk)
    rng = random.Random(seed)

    def garble(data: bytes) -> bytes:
        if rng.random() > share or len(data) < 3:
            return data
        at = rng.randrange(len(data))
        return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]

    async with line_to(sim.port) as rest, line_to(sim.port) as streams, line_to(sim.port) as api:
        lines = (rest, streams, api)
        bases = {
            "BINANCE_API_BASE": f"http://127.0.0.1:{rest.port}",
            "BINANCE_STREAM_BASE": f"ws://127.0.0.1:{streams.port}",
            "BINANCE_WS_API_BASE": f"ws://127.0.0.1:{api.port}",
        }
        engine = await asyncio.to_thread(lambda: desk.engine(sim, **bases))
        for line in lines:
            line.garble = garble
            line.delay_s = 0.002
        answers: Counter[str] = Counter()
        for number in range(12):
            if number % 4 == 3:
                rng.choice(lines).cut()
            answers[(await asyncio.to_thread(desk.submit))["state"]] += 1
        for line in lines:
            line.garble, line.delay_s = None, 0.0
        await asyncio.to_thread(wait_for, lambda: in_step(desk), "recovery")
        await asyncio.to_thread(wait_for, lambda: not desk.show("status")["unknown_orders"], "every fate")
        assert engine.runs
        assert sum(answers.values()) == 12
        assert (await asyncio.to_thread(desk.submit))["state"] == "ACCEPTED"
        assert_one_order_per_intent(desk, sim)
    desk.assert_spoken_well(sim.api_secret)
