"""Market data as every venue's codec hands it over. Prices and sizes may be float here (DESIGN 3.5).

Times: `time_ms` is the venue's clock in epoch milliseconds (0 where the wire carries none); receipt time is
nanoseconds of our clock and travels beside the value, never inside it.
"""

import msgspec


class Trade(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    trade_id: int
    price: float
    quantity: float
    time_ms: int
    buyer_is_maker: bool


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask after book update `update_id`."""

    symbol: str
    update_id: int
    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float


class Top(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask as the venue answers when asked; 0 where a side is empty."""

    symbol: str
    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float


Level = tuple[float, float]  # (price, absolute quantity); quantity 0 deletes the level


class DepthDiff(msgspec.Struct, frozen=True):
    """Absolute quantities of the levels that changed in updates `first_id` .. `last_id`."""

    symbol: str
    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]
    time_ms: int


class DepthSnapshot(msgspec.Struct, frozen=True):
    """The book as of update `last_id`, best level first on each side."""

    symbol: str
    last_id: int
    bids: list[Level]
    asks: list[Level]


class PartialDepth(msgspec.Struct, frozen=True):
    """The top few levels, whole, as of update `last_id`; best first."""

    symbol: str
    last_id: int
    bids: list[Level]
    asks: list[Level]


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """24 hour rolling statistics. `change_percent` is 1.21 for +1.21 %."""

    symbol: str
    last: float
    change_percent: float
    open: float
    high: float
    low: float
    volume: float
    quote_volume: float
    time_ms: int


class Candle(msgspec.Struct, frozen=True, gc=False):
    """One kline; identity is (symbol, interval, open_ms)."""

    symbol: str
    interval: str
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool


class DepthRestart(msgspec.Struct, frozen=True, gc=False):
    """The stream of differences begins anew: what happened before it may be missing."""

    symbol: str


MarketEvent = Trade | BookTicker | DepthDiff | DepthRestart | DepthSnapshot | PartialDepth | Ticker | Candle
