"""The simulated market: repeatable, continuous, two-sided."""

import json
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from spark_tui.simulator.candles import INTERVALS, close_of
from spark_tui.simulator.simulation import Simulation
from tests.simulator.rig import START_MS, FakeConnection, Rig

SYMBOLS = ("btcusdt", "ethusdt", "bnbusdt", "btctry")
STREAMS = ("trade", "aggTrade", "bookTicker", "depth@100ms", "depth", "depth5@100ms", "ticker", "kline_1m")


@cache  # a finished life is only looked at
def live(seed: int, seconds: int, *, pace_ms: int = 20) -> tuple[Simulation, list[bytes]]:
    """A market that lived for a while, and every frame it sent."""
    simulation = Simulation(wall_ns=lambda: START_MS * 1_000_000)
    simulation.populate(seed, START_MS)
    listener = FakeConnection()
    listener.combined = True
    for symbol in SYMBOLS:
        for stream in STREAMS:
            simulation.hub.subscribe(f"{symbol}@{stream}", listener)
    simulation.hub.subscribe("!miniTicker@arr", listener)
    for ms in range(0, seconds * 1_000 + 1, pace_ms):
        simulation.advance(START_MS + ms)
    return simulation, listener.frames


def decoded(frames: list[bytes], stream: str) -> list[dict[str, Any]]:
    head = f'{{"stream":"{stream}"'.encode()
    return [json.loads(frame)["data"] for frame in frames if frame.startswith(head)]


def test_the_same_seed_is_the_same_market_byte_for_byte_whatever_the_pace() -> None:
    _, one = live(7, 8)
    _, two = live(7, 8, pace_ms=170)
    assert len(one) > 1_500
    assert one == two[: len(one)] or two == one[: len(two)]
    assert abs(len(one) - len(two)) < 100  # the slower pace may not have lived its last part-step yet
    assert live(8, 1)[1] != live(7, 1)[1]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_differences_rebuild_the_book(symbol: str) -> None:
    simulation, frames = live(3, 6)
    market = simulation.exchange.market(symbol.upper())
    for stream in ("depth@100ms", "depth"):
        last = None
        for diff in decoded(frames, f"{symbol}@{stream}"):
            assert last is None or diff["U"] == last + 1
            last = diff["u"]
    snapshot_simulation, _ = live(3, 0)
    snapshot_id, bids, asks = snapshot_simulation.exchange.market(symbol.upper()).depth(5_000)
    book = {"b": dict(bids), "a": dict(asks)}
    for diff in decoded(frames, f"{symbol}@depth@100ms"):
        if diff["u"] <= snapshot_id:
            continue
        for side in ("b", "a"):
            for price_text, quantity_text in diff[side]:
                price, quantity = (int(text.replace(".", "")) for text in (price_text, quantity_text))
                if quantity:
                    book[side][price] = quantity
                else:
                    book[side].pop(price, None)
    _, bids, asks = market.depth(5_000)
    assert book == {"b": dict(bids), "a": dict(asks)}
    assert max(book["b"]) < min(book["a"])


def test_the_market_is_lively_two_sided_and_plausible() -> None:
    simulation, frames = live(1, 10)
    assert 200 < len(frames) / 10 < 1_500
    for symbol, price in (("btcusdt", 67_000), ("ethusdt", 3_400), ("bnbusdt", 610), ("btctry", 2_745_000)):
        trades = decoded(frames, f"{symbol}@trade")
        assert len(trades) > 40
        assert {trade["m"] for trade in trades} == {True, False}
        assert all(0.97 < float(trade["p"]) / price < 1.03 for trade in trades)
        ids = [trade["t"] for trade in trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        _, bids, asks = simulation.exchange.market(symbol.upper()).depth(1_000)
        assert min(len(bids), len(asks)) > 40
        assert (asks[0][0] - bids[0][0]) / bids[0][0] < 0.001


def test_the_lira_market_moves_with_the_dollar_market() -> None:
    simulation, _ = live(5, 20)
    dollar, lira = (simulation.exchange.market(name).last_price for name in ("BTCUSDT", "BTCTRY"))
    assert abs(lira / dollar / (2_745_000 / 67_000) - 1) < 0.004


@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_have_a_past_without_holes(interval: str) -> None:
    simulation, _ = live(2, 1)
    rows = simulation.exchange.market("ETHUSDT").candles.read(interval, now_ms=START_MS + 1_000, limit=1_000)
    if interval in ("1m", "5m", "15m", "1h", "4h", "1d"):
        assert len(rows) >= 500
    for bar, following in pairwise(rows):
        assert following[0] == close_of(bar[0], interval) + 1
    for bar in rows:
        assert bar[3] <= min(bar[1], bar[4]) <= max(bar[1], bar[4]) <= bar[2]
        assert bar[8] <= bar[5]
        assert bar[9] <= bar[6]
        assert interval == "1s" or bar[5] > 0
    assert rows[-1][0] <= START_MS + 1_000 <= close_of(rows[-1][0], interval)


def test_coarse_candles_are_the_fold_of_fine_ones() -> None:
    simulation, _ = live(2, 3)
    candles = simulation.exchange.market("BTCUSDT").candles
    minutes = candles.read("1m", now_ms=START_MS + 3_000, limit=1_400)
    for coarse in candles.read("15m", now_ms=START_MS + 3_000, limit=80):
        inside = [bar for bar in minutes if coarse[0] <= bar[0] < coarse[0] + INTERVALS["15m"]]
        if len(inside) == 15 or coarse[0] + INTERVALS["15m"] > START_MS:
            assert coarse[2] == max(bar[2] for bar in inside)
            assert coarse[4] == inside[-1][4]
            assert coarse[5] == sum(bar[5] for bar in inside)


def test_a_long_pause_is_skipped_not_lived_through() -> None:
    simulation, _ = live(4, 1)  # no other test may use this one: it is moved on
    before = simulation.exchange.market("BTCUSDT").trade_id
    simulation.advance(START_MS + 3_600_000)
    assert simulation.exchange.market("BTCUSDT").trade_id - before < 10_000


def test_a_resting_order_of_the_operator_is_traded_by_the_crowd() -> None:
    rig = Rig(seed=1)
    bid, _, ask, _ = rig.exchange.market("BTCUSDT").touch()
    price = f"{(ask - 1_000_000) // 1_000_000 / 100:.2f}"
    assert bid < ask
    rig.limit("BUY", price, "0.001")
    for ms in range(0, 60_000, 20):
        rig.simulation.advance(START_MS + ms)
        if not rig.exchange.stores[rig.account.uid].open():
            break
    assert rig.ask("allOrders", symbol="BTCUSDT")["result"][0]["status"] == "FILLED"
    rig.check_books()
