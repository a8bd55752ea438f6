"""What is watched when nobody said what: the usual symbols, or those of the recording that is played."""

import pytest

from spark_tui.domain.values import Environment
from spark_tui.engine.composition import MAX_WATCHED, watched_symbols
from spark_tui.settings import Settings
from spark_tui.venues.binance.spot.endpoints import Discovery, Endpoints

USUAL = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY")
MANY = tuple(f"S{number}USDT" for number in range(20))


def found(*symbols: str) -> Discovery:
    endpoints = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1/ws-api/v3")
    return Discovery(endpoints=endpoints, environment=Environment.SIM, data="Replay", symbols=symbols)


@pytest.mark.parametrize(
    ("settings", "trades", "watched"),
    [
        (Settings(), (), USUAL),
        (Settings(), (*USUAL, "XYZ"), USUAL),
        (Settings(), ("BTCUSDT",), ("BTCUSDT",)),
        (Settings(), MANY, MANY[:MAX_WATCHED]),
        (Settings(symbols=("ETHUSDT",)), ("BTCUSDT",), ("ETHUSDT",)),
    ],
)
def test_the_recording_decides_only_where_the_operator_did_not(
    settings: Settings, trades: tuple[str, ...], watched: tuple[str, ...]
) -> None:
    assert watched_symbols(settings, found(*trades)) == watched
