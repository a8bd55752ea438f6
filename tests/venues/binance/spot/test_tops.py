"""Best prices of many symbols in one answer."""

from typing import Any

import msgspec
import pytest

from spark_tui.domain.market import Top
from spark_tui.venues.binance.spot.codec_tops import decode_tops
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.port import Reaction, VenueError
from tests.venues.binance.spot.conftest import adapter
from tests.venues.binance.spot.peer import Peer, ok

ROW = {"symbol": "BTCUSDT", "bidPrice": "4.00", "bidQty": "431", "askPrice": "4.01", "askQty": "9.5"}


def test_tops_are_read_as_the_market_streams_are() -> None:
    empty = ROW | {"symbol": "ETHUSDT", "askPrice": "0.00000000", "askQty": "0.00000000"}
    assert decode_tops(msgspec.json.encode([ROW, empty])) == (
        Top("BTCUSDT", 4.0, 431.0, 4.01, 9.5),
        Top("ETHUSDT", 4.0, 431.0, 0.0, 0.0),
    )


@pytest.mark.parametrize(
    "body",
    [ROW, [ROW | {"bidPrice": "NaN"}], [ROW | {"askQty": "-1"}], [{"symbol": "BTCUSDT"}], ["x"], "<html>"],
)
def test_what_is_no_price_spoils_all(body: Any) -> None:
    with pytest.raises(CodecError):
        decode_tops(msgspec.json.encode(body))


async def test_all_of_them_are_one_call_of_weight_four(peer: Peer) -> None:
    peer.rest["GET", "/api/v3/ticker/bookTicker"] = lambda q: ok([ROW])
    venue = adapter(peer, key=False)
    assert await venue.tops(("BTCUSDT", "ETHUSDT")) == (Top("BTCUSDT", 4.0, 431.0, 4.01, 9.5),)
    assert peer.rest_calls("GET", "/api/v3/ticker/bookTicker") == [{"symbols": '["BTCUSDT","ETHUSDT"]'}]
    assert venue.weight().used == 4
    await venue.close()


async def test_a_symbol_that_is_not_listed_is_refused_for_good(peer: Peer) -> None:
    body = {"code": -1121, "msg": "Invalid symbol."}
    peer.rest["GET", "/api/v3/ticker/bookTicker"] = lambda q: (400, msgspec.json.encode(body))
    venue = adapter(peer, key=False)
    with pytest.raises(VenueError) as refused:
        await venue.tops(("BTCUSDT", "GONEUSDT"))
    assert (refused.value.reaction, refused.value.code) == (Reaction.DEFINITE_REJECT, "-1121")
    await venue.close()
