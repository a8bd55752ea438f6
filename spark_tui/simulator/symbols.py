"""What the venue lists: symbols with their filters, as exchangeInfo prints them and as the rules read
them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from spark_tui.simulator import fixed

TRADING = "TRADING"
HALT = "HALT"
BREAK = "BREAK"
CANCEL_ONLY = "CANCEL_ONLY"
STATUSES = (TRADING, "END_OF_DAY", HALT, BREAK, CANCEL_ONLY)
_ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
_SELF_TRADE_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")


class Symbol(msgspec.Struct):
    """One listed symbol. `info` is its exchangeInfo entry; `filters` the same filters by type, numbers
    in 1e-8."""

    name: str
    base: str
    quote: str
    status: str
    info: dict[str, Any]
    filters: dict[str, dict[str, int]]

    @property
    def tick(self) -> int:
        return self.filters.get("PRICE_FILTER", {}).get("tickSize", 0) or 1

    @property
    def step(self) -> int:
        return self.filters.get("LOT_SIZE", {}).get("stepSize", 0) or 1

    def set_status(self, status: str) -> None:
        self.status = status
        self.info["status"] = status


def from_info(info: dict[str, Any]) -> Symbol:
    """A symbol from an exchangeInfo entry (ours or a recorded one); KeyError when a needed field is
    absent."""
    filters = {entry["filterType"]: _numbers(entry) for entry in info["filters"]}
    return Symbol(info["symbol"], info["baseAsset"], info["quoteAsset"], info["status"], info, filters)


def _numbers(entry: Mapping[str, Any]) -> dict[str, int]:
    """Decimal texts as units of 1e-8; counts, minutes and flags stay whole numbers."""
    numbers: dict[str, int] = {}
    for name, value in entry.items():
        if name == "filterType":
            continue
        numbers[name] = fixed.parse(value) if isinstance(value, str) else int(value)
    return numbers


def describe(
    name: str,
    base: str,
    quote: str,
    *,
    tick: str,
    max_price: str,
    step: str,
    max_quantity: str,
    max_market_quantity: str,
    min_notional: str,
    max_notional: str,
    status: str = TRADING,
) -> dict[str, Any]:
    """An exchangeInfo entry with the venue's usual filters. The flags say what this simulator supports."""
    show = _eight_places
    return {
        "symbol": name,
        "status": status,
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(_ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": show(tick),
                "maxPrice": show(max_price),
                "tickSize": show(tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": show(step),
                "maxQty": show(max_quantity),
                "stepSize": show(step),
            },
            {"filterType": "ICEBERG_PARTS", "limit": 100},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": show(max_market_quantity),
                "stepSize": "0.00000000",
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": show(min_notional),
                "applyMinToMarket": True,
                "maxNotional": show(max_notional),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 10},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(_SELF_TRADE_MODES),
    }


def _eight_places(text: str) -> str:
    return fixed.show(fixed.parse(text))


def listed() -> list[Symbol]:
    """The simulated venue's own listing. What is at its end is there to be left out, as on a real venue:
    one symbol that nobody trades, one that is halted, one that a Spot account may not trade, and one under
    a non-ASCII name in a break, as the real testnet lists it on purpose."""
    usdt = {"min_notional": "5", "max_notional": "9000000"}
    entries = [
        describe(
            "BTCUSDT", "BTC", "USDT", tick="0.01", max_price="1000000", step="0.00001", max_quantity="9000",
            max_market_quantity="83.7657243", **usdt,
        ),
        describe(
            "ETHUSDT", "ETH", "USDT", tick="0.01", max_price="1000000", step="0.0001", max_quantity="9000",
            max_market_quantity="1612.08347333", **usdt,
        ),
        describe(
            "BNBUSDT", "BNB", "USDT", tick="0.01", max_price="100000", step="0.001", max_quantity="900000",
            max_market_quantity="2240.68212083", **usdt,
        ),
        describe(
            "BTCTRY", "BTC", "TRY", tick="1", max_price="40000000", step="0.00001", max_quantity="1000",
            max_market_quantity="3.95167775", min_notional="10", max_notional="90000000",
        ),
        describe(
            "LTCUSDT", "LTC", "USDT", tick="0.01", max_price="100000", step="0.001", max_quantity="90000",
            max_market_quantity="1000", **usdt,
        ),
        describe(
            "XRPUSDT", "XRP", "USDT", tick="0.0001", max_price="10000", step="0.1", max_quantity="9000000",
            max_market_quantity="100000", **usdt, status=HALT,
        ),
        describe(
            "XMRUSDT", "XMR", "USDT", tick="0.01", max_price="100000", step="0.001", max_quantity="90000",
            max_market_quantity="1000", **usdt,
        ) | {"isSpotTradingAllowed": False, "permissionSets": [["LEVERAGED"]]},
        describe(
            "这是测试币456", "这是测试币", "456", tick="0.0001", max_price="10000", step="0.1",
            max_quantity="900000", max_market_quantity="5000", min_notional="5", max_notional="9000000",
            status=BREAK,
        ),
    ]  # fmt: skip
    return [from_info(entry) for entry in entries]
