"""Account data: REST bodies and WebSocket API results to domain values; Decimal from their text. No I/O."""

from decimal import Decimal
from typing import Any

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.order import Fill, OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError, Id, amount, positive
from spark_tui.venues.port import BalancesReport, OrderReport, OrderStatus, TradeReport

_STATUS = {
    "PENDING_NEW": OrderStatus.PENDING_NEW,
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,  # self-trade prevention; the reason keeps the word
}
# the venue answers GTC for types that take no time in force; asking again with it would be refused (-1106)
_TAKES_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_BAD_BYTES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


# --- wire shapes ---------------------------------------------------------------------


class _Fill(msgspec.Struct):
    price: str
    qty: str
    commission: str
    commissionAsset: str
    tradeId: int


class _Order(msgspec.Struct):
    """Any order object: placement (ACK, RESULT, FULL), query, cancel."""

    symbol: str
    orderId: Id
    clientOrderId: str
    origClientOrderId: str = ""
    status: str = ""
    executedQty: str = "0"
    cummulativeQuoteQty: str = "0"
    price: str | None = None
    origQty: str | None = None
    origQuoteOrderQty: str | None = None
    stopPrice: str | None = None
    icebergQty: str | None = None
    trailingDelta: int | None = None
    side: str = ""
    type: str = ""
    timeInForce: str = ""
    transactTime: int | None = None
    updateTime: int | None = None
    time: int | None = None
    fills: list[_Fill] = []
    expiryReason: str = ""


class _ListEntry(msgspec.Struct):
    """What `DELETE openOrders` returns per item: an order, or an order list with its reports inside."""

    orderReports: list[_Order] | None = None


class _Trade(msgspec.Struct):
    symbol: str
    id: Id
    orderId: Id
    price: str
    qty: str
    commission: str
    commissionAsset: str
    time: Id
    isBuyer: bool
    isMaker: bool


class _Asset(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct):
    balances: list[_Asset]
    updateTime: int = 0
    canTrade: bool = True


class _Time(msgspec.Struct):
    serverTime: Id


_order: msgspec.json.Decoder[_Order] = msgspec.json.Decoder(_Order)
_orders: msgspec.json.Decoder[list[_Order]] = msgspec.json.Decoder(list[_Order])
_raws: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_entry: msgspec.json.Decoder[_ListEntry] = msgspec.json.Decoder(_ListEntry)
_trades: msgspec.json.Decoder[list[_Trade]] = msgspec.json.Decoder(list[_Trade])
_account: msgspec.json.Decoder[_Account] = msgspec.json.Decoder(_Account)
_time: msgspec.json.Decoder[_Time] = msgspec.json.Decoder(_Time)


# --- public ---------------------------------------------------------------------


def decode_time(raw: bytes) -> int:
    """Server time in epoch milliseconds. Raises CodecError."""
    time: _Time = _read(_time, raw, "the server time")
    return time.serverTime


def decode_order(raw: bytes) -> OrderReport:
    """The answer to a placement or a query. Raises CodecError."""
    return _report(_read(_order, raw, "an order"), canceled=False)


def decode_cancel(raw: bytes) -> OrderReport:
    """The answer to a cancel: `origClientOrderId` is the order's id, `clientOrderId` the request's.

    Raises CodecError.
    """
    return _report(_read(_order, raw, "a cancel's answer"), canceled=True)


def decode_orders(raw: bytes) -> tuple[OrderReport, ...]:
    """openOrders, allOrders. Raises CodecError."""
    return tuple(_report(order, canceled=False) for order in _read(_orders, raw, "a list of orders"))


def decode_cancel_all(raw: bytes) -> tuple[OrderReport, ...]:
    """`DELETE openOrders`: canceled orders, those inside order lists included. Raises CodecError."""
    reports: list[OrderReport] = []
    for item in _read(_raws, raw, "the canceled orders"):
        members = _read(_entry, item, "a canceled order").orderReports
        if members is None:
            members = [_read(_order, item, "a canceled order")]
        reports.extend(_report(order, canceled=True) for order in members)
    return tuple(reports)


def decode_trades(raw: bytes) -> tuple[TradeReport, ...]:
    """`GET myTrades`. Raises CodecError."""
    return tuple(
        TradeReport(
            venue=VENUE,
            symbol=row.symbol,
            venue_order_id=str(row.orderId),
            side=Side.BUY if row.isBuyer else Side.SELL,
            fill=Fill(
                trade_id=str(row.id),
                price=amount(row.price, "price"),
                quantity=amount(row.qty, "qty"),
                commission=amount(row.commission, "commission"),
                commission_asset=row.commissionAsset,
                maker=row.isMaker,
                time_ms=row.time,
            ),
        )
        for row in _read(_trades, raw, "the account's trades")
    )


def decode_account(raw: bytes) -> tuple[BalancesReport, bool]:
    """Balances of `GET account` (asked without omitZeroBalances) and whether the key may trade.

    Raises CodecError.
    """
    account = _read(_account, raw, "the account")
    balances = tuple(
        Balance(asset=b.asset, free=amount(b.free, "free"), locked=amount(b.locked, "locked"))
        for b in account.balances
    )
    report = BalancesReport(venue=VENUE, balances=balances, time_ms=account.updateTime, complete=True)
    return report, account.canTrade


def status_of(word: str) -> OrderStatus:
    """The venue's order status; a word we do not know is OTHER, never a guess."""
    return _STATUS.get(word, OrderStatus.OTHER)


def order_request(
    *,
    symbol: str,
    side: str,
    type_: str,
    quantity: str | None,
    quote_quantity: str | None,
    price: str | None,
    stop_price: str | None,
    iceberg_quantity: str | None,
    trailing_delta: int | None,
    time_in_force: str,
) -> OrderRequest | None:
    """What the venue says was asked; None for a side or type we do not know. Raises CodecError."""
    if side not in Side.__members__ or type_ not in OrderType.__members__:
        return None
    order_type = OrderType(type_)
    quote = positive(quote_quantity, "quoteOrderQty")
    tif = time_in_force if order_type in _TAKES_TIME_IN_FORCE else ""
    return OrderRequest(
        venue=VENUE,
        symbol=symbol,
        side=Side(side),
        type=order_type,
        quantity=None if quote is not None else positive(quantity, "origQty"),
        quote_quantity=quote,
        price=positive(price, "price"),
        stop_price=positive(stop_price, "stopPrice"),
        trailing_delta=trailing_delta,
        iceberg_quantity=positive(iceberg_quantity, "icebergQty"),
        time_in_force=TimeInForce(tif) if tif in TimeInForce.__members__ else None,
    )


# --- inside ---------------------------------------------------------------------


def _report(order: _Order, *, canceled: bool) -> OrderReport:
    time_ms = order.transactTime or order.updateTime or order.time or 0
    reason = "" if order.expiryReason == "NONE" else order.expiryReason
    if not reason and order.status == "EXPIRED_IN_MATCH":
        reason = order.status
    return OrderReport(
        venue=VENUE,
        symbol=order.symbol,
        client_order_id=(order.origClientOrderId if canceled else "") or order.clientOrderId,
        venue_order_id=str(order.orderId),
        # an ACK says only that the order was taken
        status=status_of(order.status) if order.status else OrderStatus.NEW,
        filled=amount(order.executedQty, "executedQty"),
        filled_quote=_quote(order.cummulativeQuoteQty),
        time_ms=time_ms,
        fills=tuple(_fill(fill, time_ms) for fill in order.fills),
        reason=reason,
        request=order_request(
            symbol=order.symbol,
            side=order.side,
            type_=order.type,
            quantity=order.origQty,
            quote_quantity=order.origQuoteOrderQty,
            price=order.price,
            stop_price=order.stopPrice,
            iceberg_quantity=order.icebergQty,
            trailing_delta=order.trailingDelta,
            time_in_force=order.timeInForce,
        ),
    )


def _fill(fill: _Fill, time_ms: int) -> Fill:
    """A placement's own fills are all takers: what rests fills later and is told by the user stream."""
    return Fill(
        trade_id=str(fill.tradeId),
        price=amount(fill.price, "price"),
        quantity=amount(fill.qty, "qty"),
        commission=amount(fill.commission, "commission"),
        commission_asset=fill.commissionAsset,
        maker=False,
        time_ms=time_ms,
    )


def _quote(text: str) -> Decimal:
    # very old orders carry a negative sum, which means "not available" (protocol section 9)
    return amount("0" if text.startswith("-") else text, "cummulativeQuoteQty")


def _read(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw, what: str) -> Any:
    try:
        return decoder.decode(raw)
    except _BAD_BYTES as error:
        raise CodecError(f"Binance's answer ({what}) cannot be read: {str(error)[:120]}") from None
