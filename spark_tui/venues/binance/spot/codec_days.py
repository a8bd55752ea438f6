"""`ticker/24hr` of every symbol to 24-hour figures that decide a selection: Decimal, and all or nothing."""

import msgspec

from spark_tui.domain.selection import Day
from spark_tui.venues.binance.spot.numbers import CodecError, amount, read


class _Row(msgspec.Struct):
    symbol: str
    quoteVolume: str
    lastPrice: str


_rows: msgspec.json.Decoder[list[_Row]] = msgspec.json.Decoder(list[_Row])


def decode_days(raw: bytes) -> tuple[Day, ...]:
    """Raises CodecError: one figure that is no number, or a symbol told twice, makes all of it doubtful."""
    rows: list[_Row] = read(_rows, raw, "Binance's 24-hour figures")
    found: dict[str, Day] = {}
    for row in rows:
        if row.symbol in found:
            raise CodecError(f"Binance told the 24-hour figures of {row.symbol[:40]} twice.")
        found[row.symbol] = Day(
            symbol=row.symbol,
            quote_volume=amount(row.quoteVolume, "quoteVolume"),
            last=amount(row.lastPrice, "lastPrice"),
        )
    return tuple(found.values())
