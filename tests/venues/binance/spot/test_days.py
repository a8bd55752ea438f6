"""24-hour figures: exact, and all of them or none."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.venues.binance.spot.codec_days import decode_days
from spark_tui.venues.binance.spot.numbers import CodecError

GOOD = {"symbol": "BTCUSDT", "quoteVolume": "15.30000000", "lastPrice": "4.00000200"}


def test_figures_are_the_venues_own_text() -> None:
    (one,) = decode_days(msgspec.json.encode([GOOD | {"count": 76}]))
    assert (one.symbol, one.quote_volume, one.last) == (
        "BTCUSDT",
        Decimal("15.30000000"),
        Decimal("4.000002"),
    )


@pytest.mark.parametrize(
    "body",
    [
        [GOOD, GOOD],
        [GOOD | {"quoteVolume": "NaN"}],
        [GOOD | {"quoteVolume": "-1"}],
        [GOOD | {"quoteVolume": "1e9"}],
        [GOOD | {"quoteVolume": 15.3}],
        [{"symbol": "BTCUSDT", "lastPrice": "4"}],
        [GOOD | {"lastPrice": "Infinity"}],
        {"code": -1000, "msg": "?"},
        GOOD,
    ],
)
def test_one_doubtful_figure_spoils_all(body: object) -> None:
    other = [GOOD | {"symbol": "ETHUSDT"}]
    with pytest.raises(CodecError):
        decode_days(msgspec.json.encode(other + body if isinstance(body, list) else body))


@given(st.integers(0, 120))
def test_a_cut_answer_is_none(length: int) -> None:
    whole = msgspec.json.encode([GOOD, GOOD | {"symbol": "ETHUSDT"}])
    with pytest.raises(CodecError):
        decode_days(whole[: min(length, len(whole) - 1)])
