"""`ticker/bookTicker` to tops: market data, float, all or nothing."""

import msgspec

from spark_tui.domain.market import Top
from spark_tui.venues.binance.spot.numbers import Price, Quantity, read


class _Row(msgspec.Struct):
    symbol: str
    bidPrice: Price
    bidQty: Quantity
    askPrice: Price
    askQty: Quantity


_rows: msgspec.json.Decoder[list[_Row]] = msgspec.json.Decoder(list[_Row], strict=False)


def decode_tops(raw: bytes) -> tuple[Top, ...]:
    """Raises CodecError."""
    rows: list[_Row] = read(_rows, raw, "Binance's best prices")
    return tuple(Top(row.symbol, row.bidPrice, row.bidQty, row.askPrice, row.askQty) for row in rows)
