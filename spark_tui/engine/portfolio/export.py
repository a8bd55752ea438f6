"""Tables of money for a spreadsheet, out of the ledger alone: no engine, no price of today, everything there
ever was. What is not known is an empty cell."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from spark_tui.domain.account import Position
from spark_tui.domain.accounting import ACCOUNT_CURRENCY, FlowKind, Measure, Tally, Trade, parted
from spark_tui.domain.accounting.pnl import TradeKey
from spark_tui.domain.decimals import ONE, multiply, plain
from spark_tui.engine.money_records import AccountBegun, CashMoved, EquitySampled, FillPriced
from spark_tui.engine.records import Record
from spark_tui.engine.state import State

Row = dict[str, str]

# in the order scripts may count on: a new one comes last
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "fills": (
        "time_utc", "venue", "symbol", "strategy", "side", "quantity", "price", "value", "quote",
        "commission", "commission_asset", "realised_quote", "fifo_realised_quote", "quote_rate",
        "commission_rate", "maker", "synthetic", "trade_id", "client_order_id", "whose",
    ),
    "pnl": (
        "by", "name", "trades", "realised", "fees", "funding", "volume", "unpriced", "quote",
        "quantity", "average_cost", "realised_quote", "fifo_average", "fifo_realised_quote", "whose",
    ),
    "equity": ("time_utc", "equity", "gain", "drawdown", "unpriced"),
    "flows": ("time_utc", "venue", "asset", "kind", "amount", "rate", "operator", "note"),
}  # fmt: skip


def table(what: str, records: Iterable[Record]) -> Iterator[Row]:
    """The rows of `what`, a key of COLUMNS."""
    match what:
        case "fills":
            return _fills(records)
        case "equity":
            return _equity(records)
        case "flows":
            return _flows(records)
    return _pnl(records)


def _fills(records: Iterable[Record]) -> Iterator[Row]:
    """One row a fill in the order they were booked, each once neither it nor one before it waits for
    a price; what a synthetic one covers for good comes last."""
    state = State()
    book = state.accounts.pnl
    heard: deque[tuple[Trade, Decimal, Decimal]] = deque()
    book.heard = lambda trade, gained, by_fifo: heard.append((trade, gained, by_fifo))
    rates: dict[TradeKey, dict[str, Decimal]] = {}
    for record in records:
        state.apply(record)
        if isinstance(record, FillPriced):
            rates.setdefault((record.venue, record.symbol, record.trade_id), {}).update(record.rates)
        while heard and heard[0][0].key not in book.awaiting:
            yield _fill(*heard.popleft(), rates)
    book.settle_all()
    while heard:
        yield _fill(*heard.popleft(), rates)


def _fill(trade: Trade, gained: Decimal, by_fifo: Decimal, rates: dict[TradeKey, dict[str, Decimal]]) -> Row:
    fill, (strategy, whose) = trade.fill, parted(trade.strategy)
    known = {**rates.pop(trade.key, {}), ACCOUNT_CURRENCY: ONE}
    if trade.quote in known:  # base asset that a fee took was worth the fill's own price
        known.setdefault(trade.base, multiply(fill.price, known[trade.quote]))
    return {
        "time_utc": _time(fill.time_ms),
        "venue": trade.venue,
        "symbol": trade.symbol,
        "strategy": strategy,
        "side": trade.side,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "value": plain(trade.value),
        "quote": trade.quote,
        "commission": plain(fill.commission),
        "commission_asset": fill.commission_asset,
        "realised_quote": plain(gained),
        "fifo_realised_quote": plain(by_fifo),
        "quote_rate": _text(known.get(trade.quote)),
        "commission_rate": _text(known.get(fill.commission_asset)),
        "maker": _yes(fill.maker),
        "synthetic": _yes(fill.synthetic),
        "trade_id": fill.trade_id,
        "client_order_id": trade.client_order_id,
        "whose": whose,
    }


def _pnl(records: Iterable[Record]) -> Iterator[Row]:
    """By symbol, by strategy, by day; what prices of today would add is left out."""
    state = State()
    for record in records:
        state.apply(record)
    book = state.accounts.pnl
    book.settle_all()
    for (venue, symbol), sheet in book.symbols.items():
        row = _sums("symbol", f"{venue} {symbol}", sheet.tally)
        row["quote"] = sheet.quote
        row |= _position(sheet.position)
        row["fifo_average"] = plain(sheet.lots.average_price)
        row["fifo_realised_quote"] = plain(sheet.lots.realised)
        yield row
    for strategy, own in book.strategies.items():
        name, whose = parted(strategy)
        yield {**_sums("strategy", name, own.tally), "whose": whose}
    for day in sorted(book.days):
        yield _sums("day", day, book.days[day])


def _equity(records: Iterable[Record]) -> Iterator[Row]:
    """Every sample there is, also those the curve has thinned out."""
    state = State()
    for record in records:
        state.apply(record)
        point = state.accounts.curve.last
        if isinstance(record, EquitySampled) and point is not None:
            yield {
                "time_utc": _time(point.at_ms),
                "equity": plain(point.equity),
                "gain": plain(point.gain),
                "drawdown": plain(point.fall),
                "unpriced": " ".join(record.unpriced),
            }


def _flows(records: Iterable[Record]) -> Iterator[Row]:
    """Money that came or went outside trades."""
    for record in records:
        if isinstance(record, AccountBegun):
            for asset, amount in record.changes.items():
                yield {
                    "time_utc": _time(record.time_ms),
                    "venue": record.venue,
                    "asset": asset,
                    "kind": FlowKind.ADJUSTMENT,
                    "amount": plain(amount),
                    "rate": "",
                    "operator": record.operator,
                    "note": f"account begun anew by {record.operator}",
                }
        if isinstance(record, CashMoved):
            yield {
                "time_utc": _time(record.time_ms),
                "venue": record.venue,
                "asset": record.asset,
                "kind": record.kind,
                "amount": plain(record.amount),
                "rate": _text(record.rate),
                "operator": record.operator,
                "note": record.note,
            }


def _sums(by: str, name: str, tally: Tally) -> Row:
    unpriced = {**tally.unknown(Measure.FUNDING), **tally.unknown(Measure.REALISED)}
    return {
        "by": by,
        "name": name,
        "trades": str(tally.trades),
        "realised": _text(tally.value(Measure.REALISED)),
        "fees": _text(tally.value(Measure.FEES)),
        "funding": _text(tally.value(Measure.FUNDING)),
        "volume": _text(tally.value(Measure.VOLUME)),
        "unpriced": " ".join(f"{asset}={plain(amount)}" for asset, amount in sorted(unpriced.items())),
    }


def _position(position: Position) -> Row:
    return {
        "quantity": plain(position.quantity),
        "average_cost": plain(position.average_price),
        "realised_quote": plain(position.realised),
    }


def _time(at_ms: int) -> str:
    return (
        datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _text(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
