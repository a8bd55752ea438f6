"""Market data for eyes: tickers, depth, trades, candles. Float, never an order's price."""

import msgspec

from spark_tui.domain.market import Candle


class TickerRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One watchlist line. `age_s`: seconds since anything was heard of this symbol, by the engine's clock."""

    venue: str
    symbol: str
    last: float
    change_percent: float
    bid: float
    ask: float
    high: float
    low: float
    quote_volume: float
    age_s: float
    usable: bool  # the book can be priced from
    spark: tuple[float, ...] = ()  # recent one-minute closes, oldest first


class Tickers(msgspec.Struct, frozen=True, kw_only=True, tag="tickers"):
    """As an event: the rows that changed only."""

    rows: tuple[TickerRow, ...]


class DepthRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    price: float
    quantity: float
    own: float = 0.0  # our resting quantity at this price


class BookView(msgspec.Struct, frozen=True, kw_only=True, tag="book"):
    """Depth of one instrument, best first. When not `usable`, `why` says so (gap, crossed, stale, syncing)
    and the levels are empty: a wrong book cannot be shown as a price."""

    venue: str
    symbol: str
    usable: bool
    why: str
    bids: tuple[DepthRow, ...]
    asks: tuple[DepthRow, ...]
    update_id: int
    age_s: float


class TradeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    trade_id: int
    price: float
    quantity: float
    time_ms: int
    buyer_is_maker: bool


class TradesView(msgspec.Struct, frozen=True, kw_only=True, tag="trades"):
    """The last trades of the focused instrument, newest first (at most 50)."""

    venue: str
    symbol: str
    rows: tuple[TradeRow, ...]


class CandlesView(msgspec.Struct, frozen=True, kw_only=True, tag="candles"):
    """Candles of the focused instrument, oldest first. As an event: `whole` says replace, otherwise merge by
    open time."""

    venue: str
    symbol: str
    interval: str
    rows: tuple[Candle, ...]
    whole: bool
