"""The past of a market is drawn late, and nobody can tell."""

import random

import pytest

from spark_tui.simulator.candles import BASE, DAY, HOUR, INTERVALS, Bar, Candles, Past
from spark_tui.simulator.fixed import SCALE
from tests.simulator.rig import START_MS

MIDNIGHT_MS = START_MS - START_MS % DAY
LIVED_MS = 90 * 60_000


def continued(end_ms: int) -> Candles:
    candles = Candles()
    candles.continue_from(
        Past(
            own=random.Random("own"),
            shared=random.Random("shared"),
            correlation=0.8,
            volatility=0.0001,
            tick=SCALE // 100,
            step=SCALE // 1_000,
            quote_per_second=1_000.0,
            end_ms=end_ms,
            price=600 * SCALE,
        )
    )
    return candles


def live(candles: Candles, begin_ms: int) -> None:
    rng = random.Random("trades")
    ms = begin_ms
    while ms < begin_ms + LIVED_MS:
        price, quantity = rng.randrange(590, 610) * SCALE, rng.randrange(1, 50) * SCALE // 10
        candles.trade(ms, price, quantity, taker_buys=rng.random() < 0.5)
        ms += rng.randrange(200, 20_000)


def read(candles: Candles, interval: str, now_ms: int) -> list[Bar]:
    return candles.read(interval, now_ms=now_ms, limit=10_000, start_ms=0)


@pytest.mark.parametrize("begin_ms", [MIDNIGHT_MS, MIDNIGHT_MS + 11 * HOUR + 123_456, MIDNIGHT_MS + DAY - 1])
@pytest.mark.parametrize("order", [BASE, tuple(reversed(BASE)), tuple(INTERVALS)], ids=["up", "down", "all"])
def test_the_past_is_the_same_whenever_and_in_whatever_order_it_is_first_asked_for(
    begin_ms: int, order: tuple[str, ...]
) -> None:
    early, late = continued(begin_ms), continued(begin_ms)
    for interval in BASE:
        assert read(early, interval, begin_ms)[0][5] > 0
    for candles in (early, late):
        live(candles, begin_ms)
    now_ms = begin_ms + LIVED_MS
    assert {name: read(late, name, now_ms) for name in order} == {
        name: read(early, name, now_ms) for name in order
    }
