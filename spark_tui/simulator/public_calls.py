"""Market data calls (protocol section 6)."""

from typing import Any

from spark_tui.simulator import candles
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import ApiError, combination
from spark_tui.simulator.fixed import notional, show
from spark_tui.simulator.limits import ORDERS_10S, ORDERS_DAY, RAW, WEIGHT
from spark_tui.simulator.market import Market, Rolling, Trade, summarise
from spark_tui.simulator.marketdata import levels, percent, zone_offset_ms
from spark_tui.simulator.operations import Call, Operation, operation
from spark_tui.simulator.symbols import BREAK, STATUSES

_MOST_SYMBOLS = 100
_SPAN_UNITS = {"m": (candles.MINUTE, 59), "h": (candles.HOUR, 23), "d": (candles.DAY, 7)}


def _ping(call: Call) -> dict[str, Any]:
    return {}


def _time(call: Call) -> dict[str, int]:
    return {"serverTime": call.now_ms}


def _exchange_info(call: Call) -> dict[str, Any]:
    arguments = call.arguments
    names = arguments.symbols()
    status = arguments.optional("symbolStatus")
    if names is not None and (status is not None or arguments.has("permissions")):
        raise combination()
    _check_status(status)
    if names is not None:
        chosen = [call.simulation.exchange.market(name).symbol for name in names]
    else:
        chosen = [s for s in call.simulation.symbols if status in (None, s.status)]
    sets = arguments.optional("showPermissionSets") != "false"
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": [window.entry() for window in (WEIGHT, ORDERS_10S, ORDERS_DAY, RAW)],
        "exchangeFilters": [],
        "symbols": [
            s.info if sets else {k: v for k, v in s.info.items() if k != "permissionSets"} for s in chosen
        ],
    }


def _check_status(status: str | None) -> None:
    if status is not None and status not in STATUSES:
        raise ApiError(400, -1122, "Invalid symbolStatus.")


def _market(call: Call) -> Market:
    market = call.simulation.exchange.market(call.arguments.text("symbol"))
    status = call.arguments.optional("symbolStatus")
    _check_status(status)
    if status is not None and status != market.symbol.status:
        raise ApiError(400, -1220, "The symbol's status does not match the requested symbolStatus.")
    return market


def _markets(call: Call, *, most: int | None = None) -> tuple[list[Market], bool]:
    """(markets, whether one object instead of a list is the answer)."""
    names = call.arguments.symbols()
    status = call.arguments.optional("symbolStatus")
    _check_status(status)
    exchange = call.simulation.exchange
    if names is None:
        if most is not None:
            raise ApiError(400, -1128, "Combination of optional parameters invalid.")
        chosen = [m for m in exchange.markets.values() if m.symbol.status != BREAK]
        return [m for m in chosen if status in (None, m.symbol.status)], False
    if most is not None and len(names) > most:
        raise ApiError(400, -1101, f"Too many parameters; expected '{most}' and received '{len(names)}'.")
    if call.arguments.has("symbol"):
        return [_market(call)], True
    chosen = [exchange.market(name) for name in names]
    return [m for m in chosen if status in (None, m.symbol.status)], False


def _depth(call: Call) -> dict[str, Any]:
    market = _market(call)
    update_id, bids, asks = market.depth(call.arguments.limit(100, 5_000))
    return {"lastUpdateId": update_id, "bids": levels(bids), "asks": levels(asks)}


def _depth_weight(arguments: Arguments) -> int:
    limit = arguments.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def _trade_row(trade: Trade) -> dict[str, Any]:
    return {
        "id": trade.id,
        "price": show(trade.price),
        "qty": show(trade.quantity),
        "quoteQty": show(notional(trade.price, trade.quantity)),
        "time": trade.ms,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def _trades(call: Call) -> list[dict[str, Any]]:
    market = _market(call)
    return [_trade_row(trade) for trade in list(market.trades)[-call.arguments.limit(500, 1_000) :]]


def _historical_trades(call: Call) -> list[dict[str, Any]]:
    market = _market(call)
    limit = call.arguments.limit(500, 1_000)
    from_id = call.arguments.integer("fromId")
    if from_id is None:
        return [_trade_row(trade) for trade in list(market.trades)[-limit:]]
    return [_trade_row(trade) for trade in market.trades if trade.id >= from_id][:limit]


def _aggregate_trades(call: Call) -> list[dict[str, Any]]:
    market, arguments = _market(call), call.arguments
    limit = arguments.limit(500, 1_000)
    from_id, start, end = (arguments.integer(name) for name in ("fromId", "startTime", "endTime"))
    if from_id is not None and (start is not None or end is not None):
        raise combination()
    rows = [
        entry
        for entry in market.aggregates
        if (from_id is None or entry.id >= from_id)
        and (start is None or entry.ms >= start)
        and (end is None or entry.ms <= end)
    ]
    rows = rows[:limit] if from_id is not None or start is not None else rows[-limit:]
    return [
        {
            "a": row.id,
            "p": show(row.price),
            "q": show(row.quantity),
            "f": row.first_id,
            "l": row.last_id,
            "T": row.ms,
            "m": row.buyer_is_maker,
            "M": True,
        }
        for row in rows
    ]


def _klines(call: Call) -> list[list[Any]]:
    arguments = call.arguments
    market = _market(call)
    interval = arguments.text("interval")
    if interval not in candles.INTERVALS:
        raise ApiError(400, -1120, "Invalid interval.")
    zone = arguments.optional("timeZone")
    offset = zone_offset_ms(zone) if zone is not None else 0
    if offset is None:
        raise ApiError(400, -1130, "Data sent for parameter 'timeZone' is not valid.")
    bars = market.candles.read(
        interval,
        now_ms=call.market_ms,
        limit=arguments.limit(500, 1_000),
        start_ms=arguments.integer("startTime"),
        end_ms=arguments.integer("endTime"),
        offset_ms=offset,
    )
    return [
        [
            bar[0],
            *(show(value) for value in bar[1:6]),
            candles.close_of(bar[0], interval, offset),
            show(bar[6]),
            bar[7],
            show(bar[8]),
            show(bar[9]),
            "0",
        ]
        for bar in bars
    ]


def _average_price(call: Call) -> dict[str, Any]:
    market = _market(call)
    return {
        "mins": 5,
        "price": show(market.average_price(call.market_ms)),
        "closeTime": market.trades[-1].ms if market.trades else call.market_ms,
    }


def _statistics(market: Market, window: Rolling, *, mini: bool) -> dict[str, Any]:
    """The fields every statistics answer shares."""
    row: dict[str, Any] = {"symbol": market.symbol.name}
    if not mini:
        row |= {
            "priceChange": show(window.change),
            "priceChangePercent": percent(window.change, window.open),
            "weightedAvgPrice": show(window.average),
        }
    return row | {
        "openPrice": show(window.open),
        "highPrice": show(window.high),
        "lowPrice": show(window.low),
        "lastPrice": show(window.last),
        "volume": show(window.base),
        "quoteVolume": show(window.quote),
        "openTime": window.open_ms,
        "closeTime": window.close_ms,
        "firstId": market.trade_id - window.trades + 1 if window.trades else -1,
        "lastId": market.trade_id if window.trades else -1,
        "count": window.trades,
    }


def _mini(call: Call) -> bool:
    kind = call.arguments.optional("type")
    if kind not in (None, "FULL", "MINI"):
        raise ApiError(400, -1130, "Data sent for parameter 'type' is not valid.")
    return kind == "MINI"


def _ticker_day(call: Call) -> Any:
    mini = _mini(call)
    markets, single = _markets(call)
    rows = []
    for market in markets:
        window = market.rolling(call.market_ms, candles.DAY)
        row = _statistics(market, window, mini=mini)
        if not mini:
            bid, bid_quantity, ask, ask_quantity = market.touch()
            row |= {
                "prevClosePrice": show(window.previous_close),
                "lastQty": show(market.trades[-1].quantity if market.trades else 0),
                "bidPrice": show(bid),
                "bidQty": show(bid_quantity),
                "askPrice": show(ask),
                "askQty": show(ask_quantity),
            }
        rows.append(row)
    return rows[0] if single else rows


def _ticker_rolling(call: Call) -> Any:
    mini = _mini(call)
    span = _span(call.arguments.optional("windowSize") or "1d")
    markets, single = _markets(call, most=_MOST_SYMBOLS)
    rows = [_statistics(market, market.rolling(call.market_ms, span), mini=mini) for market in markets]
    return rows[0] if single else rows


def _span(text: str) -> int:
    unit, most = _SPAN_UNITS.get(text[-1:], (0, 0))
    if not text[:-1].isdecimal() or not 1 <= int(text[:-1]) <= most:
        raise ApiError(400, -1130, "Data sent for parameter 'windowSize' is not valid.")
    return int(text[:-1]) * unit


def _ticker_trading_day(call: Call) -> Any:
    mini = _mini(call)
    zone = call.arguments.optional("timeZone")
    offset = zone_offset_ms(zone) if zone is not None else 0
    if offset is None:
        raise ApiError(400, -1130, "Data sent for parameter 'timeZone' is not valid.")
    start = candles.open_of(call.market_ms, "1d", offset)
    markets, single = _markets(call, most=_MOST_SYMBOLS)
    rows = []
    for market in markets:
        bars = market.candles.read(
            "1m", now_ms=call.market_ms, limit=1_000_000, start_ms=start - candles.MINUTE
        )
        window = summarise(bars, market.last_price, start, start + candles.DAY - 1)
        rows.append(_statistics(market, window, mini=mini))
    return rows[0] if single else rows


def _ticker_price(call: Call) -> Any:
    markets, single = _markets(call)
    rows = [{"symbol": market.symbol.name, "price": show(market.last_price)} for market in markets]
    return rows[0] if single else rows


def _ticker_book(call: Call) -> Any:
    markets, single = _markets(call)
    rows = []
    for market in markets:
        bid, bid_quantity, ask, ask_quantity = market.touch()
        rows.append(
            {
                "symbol": market.symbol.name,
                "bidPrice": show(bid),
                "bidQty": show(bid_quantity),
                "askPrice": show(ask),
                "askQty": show(ask_quantity),
            }
        )
    return rows[0] if single else rows


def _count(arguments: Arguments) -> int | None:
    names = arguments.symbols()
    return None if names is None else len(names)


def _day_weight(arguments: Arguments) -> int:
    count = _count(arguments)
    if count is None or count > _MOST_SYMBOLS:
        return 80
    return 2 if count <= 20 else 40


def _rolling_weight(arguments: Arguments) -> int:
    return min(200, 4 * (_count(arguments) or 1))


def _price_weight(arguments: Arguments) -> int:
    return 2 if arguments.has("symbol") else 4


_TICKER = "symbol symbols symbolStatus"
_KLINES = "symbol interval startTime endTime timeZone limit"
PUBLIC: dict[str, Operation] = {
    "ping": operation(_ping, "", 1),
    "time": operation(_time, "", 1),
    "exchangeInfo": operation(
        _exchange_info, "symbol symbols permissions showPermissionSets symbolStatus", 20
    ),
    "depth": operation(_depth, "symbol limit symbolStatus", _depth_weight),
    "trades.recent": operation(_trades, "symbol limit", 25),
    "trades.historical": operation(_historical_trades, "symbol limit fromId", 25),
    "trades.aggregate": operation(_aggregate_trades, "symbol fromId startTime endTime limit", 4),
    "klines": operation(_klines, _KLINES, 2),
    "uiKlines": operation(_klines, _KLINES, 2),
    "avgPrice": operation(_average_price, "symbol", 2),
    "ticker.24hr": operation(_ticker_day, _TICKER + " type", _day_weight),
    "ticker": operation(_ticker_rolling, _TICKER + " windowSize type", _rolling_weight),
    "ticker.tradingDay": operation(_ticker_trading_day, _TICKER + " timeZone type", _rolling_weight),
    "ticker.price": operation(_ticker_price, _TICKER, _price_weight),
    "ticker.book": operation(_ticker_book, _TICKER, _price_weight),
}  # fmt: skip
