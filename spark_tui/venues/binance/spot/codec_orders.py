"""Orders: placements, queries and cancels to reports. No I/O.

REST and the WebSocket API answer with the same objects. Decimal comes from the venue's own text.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from spark_tui.domain.order import Fill, OrderRequest
from spark_tui.domain.values import OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.venues.binance.spot.numbers import VENUE, Id, amount, positive, read
from spark_tui.venues.port import OrderReport, OrderStatus

NameOfList = Callable[[int], str]
"""From an order list's number to its client id, "" when that is not known (`ListIds.name`)."""

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


# --- wire shapes ---------------------------------------------------------------------


class _Fill(msgspec.Struct):
    price: str
    qty: str
    commission: str
    commissionAsset: str
    tradeId: int


class OrderObject(msgspec.Struct):
    """Any order object: placement (ACK, RESULT, FULL), query, cancel."""

    symbol: str
    orderId: Id
    clientOrderId: str
    orderListId: int = -1
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
    selfTradePreventionMode: str = ""
    transactTime: int | None = None
    updateTime: int | None = None
    time: int | None = None
    fills: list[_Fill] = []
    expiryReason: str = ""


ORDER: msgspec.json.Decoder[OrderObject] = msgspec.json.Decoder(OrderObject)
_orders: msgspec.json.Decoder[list[OrderObject]] = msgspec.json.Decoder(list[OrderObject])


def unnamed(number: int) -> str:
    """The `NameOfList` that knows none."""
    return ""


# --- single orders ---------------------------------------------------------------------


def decode_order(raw: bytes, name_of: NameOfList = unnamed) -> OrderReport:
    """The answer to a placement or a query. Raises CodecError."""
    return report_of(read_answer(ORDER, raw, "an order"), name_of)


def decode_orders(raw: bytes, name_of: NameOfList = unnamed) -> tuple[OrderReport, ...]:
    """openOrders, allOrders. Raises CodecError."""
    return tuple(report_of(order, name_of) for order in read_answer(_orders, raw, "a list of orders"))


# --- shared with the other codecs ---------------------------------------------------------------------


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
    self_trade_prevention: str,
) -> OrderRequest | None:
    """What the venue says was asked; None for a side or type we do not know. Raises CodecError."""
    if side not in Side.__members__ or type_ not in OrderType.__members__:
        return None
    order_type = OrderType(type_)
    quote = positive(quote_quantity, "quoteOrderQty")
    tif = time_in_force if order_type in _TAKES_TIME_IN_FORCE else ""
    stp = self_trade_prevention
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
        self_trade_prevention=SelfTradePrevention(stp) if stp in SelfTradePrevention.__members__ else None,
    )


def report_of(order: OrderObject, name_of: NameOfList, *, canceled: bool = False) -> OrderReport:
    """The report of one decoded object. Raises CodecError."""
    time_ms = order.transactTime or order.updateTime or order.time or 0
    reason = "" if order.expiryReason == "NONE" else order.expiryReason
    if not reason and order.status == "EXPIRED_IN_MATCH":
        reason = order.status
    request = order_request(
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
        self_trade_prevention=order.selfTradePreventionMode,
    )
    return OrderReport(
        venue=VENUE,
        symbol=order.symbol,
        client_order_id=(order.origClientOrderId if canceled else "") or order.clientOrderId,
        venue_order_id=str(order.orderId),
        # an ACK says only that the order was taken
        status=status_of(order.status) if order.status else OrderStatus.NEW,
        filled=amount(order.executedQty, "executedQty"),
        filled_quote=quote_sum(order.cummulativeQuoteQty),
        time_ms=time_ms,
        fills=tuple(_fill(fill, time_ms) for fill in order.fills),
        reason=reason,
        request=request,
        list_id=list_name(order.orderListId, name_of),
        quantity=request.quantity if request else None,
    )


def list_name(number: int, name_of: NameOfList) -> str:
    """The client id of an order's list; the venue says -1 for none."""
    return name_of(number) if number >= 0 else ""


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


def quote_sum(text: str) -> Decimal:
    """Very old orders carry a negative sum, which means "not available" (protocol section 9)."""
    return amount("0" if text.startswith("-") else text, "cummulativeQuoteQty")


def read_answer(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw, what: str) -> Any:
    """Raises CodecError."""
    return read(decoder, raw, f"Binance's answer ({what})")
