"""exchangeInfo to instruments and budgets (protocol sections 6 and 7), and its ten-minute cache. No I/O."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from spark_tui.domain.instrument import (
    CountLimit,
    Filter,
    IcebergParts,
    Instrument,
    LotSize,
    MarketLotSize,
    MaxAsset,
    MaxPosition,
    MinNotional,
    Notional,
    PercentPrice,
    PercentPriceBySide,
    PriceFilter,
    SymbolStatus,
    TrailingDelta,
)
from spark_tui.domain.values import OrderType, SelfTradePrevention
from spark_tui.venues.binance.spot.codec_user import RateLimit
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError, amount
from spark_tui.venues.port import VenueError

CACHE_S = 600
RETRY_S = 60  # after a refresh that failed

_COUNT_FIELDS = {
    "MAX_NUM_ORDERS": "maxNumOrders",
    "MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders",
    "MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders",
    "MAX_NUM_ORDER_AMENDS": "maxNumOrderAmends",
    "MAX_NUM_ORDER_LISTS": "maxNumOrderLists",
    "EXCHANGE_MAX_NUM_ORDERS": "maxNumOrders",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders",
    "EXCHANGE_MAX_NUM_ORDER_LISTS": "maxNumOrderLists",
}


class ExchangeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`skipped` are symbols whose filters cannot be read: not knowing the rules, we do not list them."""

    server_time_ms: int
    limits: tuple[RateLimit, ...]
    instruments: tuple[Instrument, ...]
    skipped: tuple[str, ...]

    def weight_limit(self, default: int) -> int:
        """REQUEST_WEIGHT a minute."""
        return next(
            (
                limit.limit
                for limit in self.limits
                if limit.rateLimitType == "REQUEST_WEIGHT" and limit.interval == "MINUTE"
            ),
            default,
        )


class _Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    baseAssetPrecision: int
    orderTypes: list[str]
    filters: list[dict[str, Any]]
    quotePrecision: int = 8
    quoteAssetPrecision: int | None = None
    icebergAllowed: bool = True
    quoteOrderQtyMarketAllowed: bool = True
    allowTrailingStop: bool = True
    ocoAllowed: bool = True
    otoAllowed: bool = True
    amendAllowed: bool = True
    cancelReplaceAllowed: bool = True
    allowedSelfTradePreventionModes: list[str] = []
    isSpotTradingAllowed: bool = True


class _Info(msgspec.Struct):
    symbols: list[_Symbol]
    serverTime: int = 0
    rateLimits: tuple[RateLimit, ...] = ()
    exchangeFilters: list[dict[str, Any]] = []


_info: msgspec.json.Decoder[_Info] = msgspec.json.Decoder(_Info)


def decode_exchange_info(raw: bytes) -> ExchangeInfo:
    """Body of `GET /api/v3/exchangeInfo`. Raises CodecError."""
    try:
        info = _info.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"Binance's exchangeInfo cannot be read: {str(error)[:120]}") from None
    everywhere = _filters(info.exchangeFilters)
    instruments: list[Instrument] = []
    skipped: list[str] = []
    for symbol in info.symbols:
        try:
            instruments.append(_instrument(symbol, everywhere))
        except CodecError:
            skipped.append(symbol.symbol)
    return ExchangeInfo(
        server_time_ms=info.serverTime,
        limits=info.rateLimits,
        instruments=tuple(instruments),
        skipped=tuple(skipped),
    )


def decode_filter(f: dict[str, Any]) -> Filter | None:
    """One filter object; None for a kind we do not know (it may be new). Raises CodecError."""
    try:
        return _filter(f)
    except (KeyError, TypeError, ValueError) as error:
        raise CodecError(f"Filter {f.get('filterType')} cannot be read: {error}.") from None


class InstrumentCache:
    """Instruments no older than ten minutes; a failed refresh keeps the old ones.

    `fetch` asks the venue, `now_s` is monotonic. `get` raises VenueError while it has nothing.
    """

    def __init__(self, fetch: Callable[[], Awaitable[ExchangeInfo]], now_s: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now_s = now_s
        self._info: ExchangeInfo | None = None
        self._due_s = 0.0
        self._asked_s = 0.0

    def expire(self) -> None:
        """The venue refused an order by rules we do not have: ask again, but not for every refusal."""
        self._due_s = min(self._due_s, self._asked_s + RETRY_S)

    def trades(self, symbol: str) -> bool:
        """As far as we know; False for what is not listed."""
        known = self._info.instruments if self._info else ()
        return any(one.symbol == symbol and one.status is SymbolStatus.TRADING for one in known)

    def learn(self, found: tuple[Instrument, ...]) -> None:
        """Newer than the rest: what the venue said about some of them alone."""
        if self._info is None:
            return
        newer = {one.symbol: one for one in found}
        instruments = tuple(newer.get(one.symbol, one) for one in self._info.instruments)
        if instruments != self._info.instruments:
            self._info = msgspec.structs.replace(self._info, instruments=instruments)

    async def get(self) -> ExchangeInfo:
        if self._info is not None and self._now_s() < self._due_s:
            return self._info
        self._asked_s = self._now_s()
        self._due_s = self._asked_s + RETRY_S  # others do not ask while this one does
        try:
            self._info = await self._fetch()
        except VenueError:
            if self._info is None:
                raise
            return self._info
        self._due_s = self._now_s() + CACHE_S
        return self._info


# --- inside ---------------------------------------------------------------------


def _instrument(s: _Symbol, everywhere: tuple[Filter, ...]) -> Instrument:
    status = SymbolStatus(s.status) if s.status in SymbolStatus.__members__ else SymbolStatus.UNKNOWN
    if status is SymbolStatus.TRADING and not s.isSpotTradingAllowed:
        status = SymbolStatus.HALT
    quote_precision = s.quotePrecision if s.quoteAssetPrecision is None else s.quoteAssetPrecision
    return Instrument(
        venue=VENUE,
        symbol=s.symbol,
        base=s.baseAsset,
        quote=s.quoteAsset,
        status=status,
        base_precision=s.baseAssetPrecision,
        quote_precision=quote_precision,
        order_types=frozenset(OrderType(t) for t in s.orderTypes if t in OrderType.__members__),
        filters=_filters(s.filters) + everywhere,
        quote_quantity_market_allowed=s.quoteOrderQtyMarketAllowed,
        iceberg_allowed=s.icebergAllowed,
        trailing_stop_allowed=s.allowTrailingStop,
        oco_allowed=s.ocoAllowed,
        oto_allowed=s.otoAllowed,
        amend_allowed=s.amendAllowed,
        cancel_replace_allowed=s.cancelReplaceAllowed,
        allowed_stp_modes=frozenset(
            SelfTradePrevention(mode)
            for mode in s.allowedSelfTradePreventionModes
            if mode in SelfTradePrevention.__members__
        ),
        permitted=s.isSpotTradingAllowed,
    )


def _filters(raw: list[dict[str, Any]]) -> tuple[Filter, ...]:
    decoded = (decode_filter(f) for f in raw)
    return tuple(f for f in decoded if f is not None)


def _filter(f: dict[str, Any]) -> Filter | None:
    kind = f["filterType"]
    if kind in _COUNT_FIELDS:
        return CountLimit(name=kind, limit=int(f[_COUNT_FIELDS[kind]]))
    read = _READERS.get(kind)
    return None if read is None else read(f)


def _sizes(f: dict[str, Any]) -> dict[str, Any]:
    return {
        "min_quantity": amount(f["minQty"], "minQty"),
        "max_quantity": amount(f["maxQty"], "maxQty"),
        "step_size": amount(f["stepSize"], "stepSize"),
    }


_READERS: dict[str, Callable[[dict[str, Any]], Filter]] = {
    "PRICE_FILTER": lambda f: PriceFilter(
        min_price=amount(f["minPrice"], "minPrice"),
        max_price=amount(f["maxPrice"], "maxPrice"),
        tick_size=amount(f["tickSize"], "tickSize"),
    ),
    "PERCENT_PRICE": lambda f: PercentPrice(
        multiplier_up=amount(f["multiplierUp"], "multiplierUp"),
        multiplier_down=amount(f["multiplierDown"], "multiplierDown"),
        avg_price_mins=int(f["avgPriceMins"]),
    ),
    "PERCENT_PRICE_BY_SIDE": lambda f: PercentPriceBySide(
        bid_multiplier_up=amount(f["bidMultiplierUp"], "bidMultiplierUp"),
        bid_multiplier_down=amount(f["bidMultiplierDown"], "bidMultiplierDown"),
        ask_multiplier_up=amount(f["askMultiplierUp"], "askMultiplierUp"),
        ask_multiplier_down=amount(f["askMultiplierDown"], "askMultiplierDown"),
        avg_price_mins=int(f["avgPriceMins"]),
    ),
    "LOT_SIZE": lambda f: LotSize(**_sizes(f)),
    "MARKET_LOT_SIZE": lambda f: MarketLotSize(**_sizes(f)),
    "MIN_NOTIONAL": lambda f: MinNotional(
        min_notional=amount(f["minNotional"], "minNotional"),
        apply_to_market=bool(f["applyToMarket"]),
        avg_price_mins=int(f["avgPriceMins"]),
    ),
    "NOTIONAL": lambda f: Notional(
        min_notional=amount(f["minNotional"], "minNotional"),
        apply_min_to_market=bool(f["applyMinToMarket"]),
        max_notional=amount(f["maxNotional"], "maxNotional"),
        apply_max_to_market=bool(f["applyMaxToMarket"]),
        avg_price_mins=int(f["avgPriceMins"]),
    ),
    "ICEBERG_PARTS": lambda f: IcebergParts(limit=int(f["limit"])),
    "TRAILING_DELTA": lambda f: TrailingDelta(
        min_trailing_above_delta=int(f["minTrailingAboveDelta"]),
        max_trailing_above_delta=int(f["maxTrailingAboveDelta"]),
        min_trailing_below_delta=int(f["minTrailingBelowDelta"]),
        max_trailing_below_delta=int(f["maxTrailingBelowDelta"]),
    ),
    "MAX_POSITION": lambda f: MaxPosition(max_position=amount(f["maxPosition"], "maxPosition")),
    "MAX_ASSET": lambda f: MaxAsset(asset=str(f["asset"]), limit=amount(f["limit"], "limit")),
}
