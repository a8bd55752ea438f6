"""Instruments and the venue's order filters, as data. Validation lives in `filters.py`."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.values import OrderType, SelfTradePrevention


class SymbolStatus(StrEnum):
    TRADING = "TRADING"
    END_OF_DAY = "END_OF_DAY"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"
    UNKNOWN = "UNKNOWN"


class PriceFilter(msgspec.Struct, frozen=True, kw_only=True, tag="PRICE_FILTER"):
    min_price: Decimal
    max_price: Decimal
    tick_size: Decimal


class PercentPrice(msgspec.Struct, frozen=True, kw_only=True, tag="PERCENT_PRICE"):
    multiplier_up: Decimal
    multiplier_down: Decimal
    avg_price_mins: int


class PercentPriceBySide(msgspec.Struct, frozen=True, kw_only=True, tag="PERCENT_PRICE_BY_SIDE"):
    bid_multiplier_up: Decimal
    bid_multiplier_down: Decimal
    ask_multiplier_up: Decimal
    ask_multiplier_down: Decimal
    avg_price_mins: int


class LotSize(msgspec.Struct, frozen=True, kw_only=True, tag="LOT_SIZE"):
    min_quantity: Decimal
    max_quantity: Decimal
    step_size: Decimal


class MarketLotSize(msgspec.Struct, frozen=True, kw_only=True, tag="MARKET_LOT_SIZE"):
    min_quantity: Decimal
    max_quantity: Decimal
    step_size: Decimal


class MinNotional(msgspec.Struct, frozen=True, kw_only=True, tag="MIN_NOTIONAL"):
    min_notional: Decimal
    apply_to_market: bool
    avg_price_mins: int


class Notional(msgspec.Struct, frozen=True, kw_only=True, tag="NOTIONAL"):
    min_notional: Decimal
    apply_min_to_market: bool
    max_notional: Decimal
    apply_max_to_market: bool
    avg_price_mins: int


class IcebergParts(msgspec.Struct, frozen=True, kw_only=True, tag="ICEBERG_PARTS"):
    limit: int


class TrailingDelta(msgspec.Struct, frozen=True, kw_only=True, tag="TRAILING_DELTA"):
    min_trailing_above_delta: int
    max_trailing_above_delta: int
    min_trailing_below_delta: int
    max_trailing_below_delta: int


class MaxPosition(msgspec.Struct, frozen=True, kw_only=True, tag="MAX_POSITION"):
    max_position: Decimal


class CountLimit(msgspec.Struct, frozen=True, kw_only=True, tag="COUNT_LIMIT"):
    """The MAX_NUM_* and EXCHANGE_MAX_NUM_* family: `name` is the venue's own filter name."""

    name: str
    limit: int


class MaxAsset(msgspec.Struct, frozen=True, kw_only=True, tag="MAX_ASSET"):
    asset: str
    limit: Decimal


Filter = (
    PriceFilter
    | PercentPrice
    | PercentPriceBySide
    | LotSize
    | MarketLotSize
    | MinNotional
    | Notional
    | IcebergParts
    | TrailingDelta
    | MaxPosition
    | CountLimit
    | MaxAsset
)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable pair. `base_precision` / `quote_precision` are the assets' decimals. No
    `allowed_stp_modes`: not known, the venue decides. `permitted`: an account of this kind may trade it."""

    venue: str
    symbol: str
    base: str
    quote: str
    status: SymbolStatus
    base_precision: int
    quote_precision: int
    order_types: frozenset[OrderType]
    filters: tuple[Filter, ...]
    quote_quantity_market_allowed: bool = True
    iceberg_allowed: bool = True
    trailing_stop_allowed: bool = True
    oco_allowed: bool = True
    oto_allowed: bool = True
    amend_allowed: bool = True
    cancel_replace_allowed: bool = True
    allowed_stp_modes: frozenset[SelfTradePrevention] = frozenset()
    permitted: bool = True
