"""Amendments and cancel-replace: what a change of a living order answers. No I/O."""

import msgspec

from spark_tui.venues.binance.spot.codec_lists import decode_cancel
from spark_tui.venues.binance.spot.codec_orders import (
    ORDER,
    NameOfList,
    list_name,
    quote_sum,
    read_answer,
    report_of,
    status_of,
    unnamed,
)
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError, Id, amount
from spark_tui.venues.port import HalfOutcome, OrderReport

_NULL = b"null"


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a cancel-replace. `reports` is set on SUCCESS: the order, or all legs of the list that went
    with a cancelled leg; `code` and `text` on FAILURE."""

    outcome: HalfOutcome
    reports: tuple[OrderReport, ...] = ()
    code: int = 0
    text: str = ""


class Halves(msgspec.Struct, frozen=True, kw_only=True):
    cancel: Half
    new: Half


# --- wire shapes ---------------------------------------------------------------------


class _AmendedOrder(msgspec.Struct):
    """The amend's answer spells the fields of an order differently (protocol section 9)."""

    symbol: str
    orderId: Id
    clientOrderId: str
    status: str
    qty: str
    executedQty: str
    cumulativeQuoteQty: str
    orderListId: int = -1
    origClientOrderId: str = ""


class _ListName(msgspec.Struct):
    orderListId: Id
    listClientOrderId: str


class _Amendment(msgspec.Struct):
    transactTime: Id
    amendedOrder: _AmendedOrder
    listStatus: _ListName | None = None


class _Halves(msgspec.Struct):
    cancelResult: HalfOutcome
    newOrderResult: HalfOutcome
    cancelResponse: msgspec.Raw = msgspec.Raw(_NULL)
    newOrderResponse: msgspec.Raw = msgspec.Raw(_NULL)


class _Refusal(msgspec.Struct):
    code: int
    msg: str = ""


_amendment: msgspec.json.Decoder[_Amendment] = msgspec.json.Decoder(_Amendment)
_halves: msgspec.json.Decoder[_Halves] = msgspec.json.Decoder(_Halves)
_refusal: msgspec.json.Decoder[_Refusal] = msgspec.json.Decoder(_Refusal)


# --- decoders ---------------------------------------------------------------------


def decode_amendment(raw: bytes, name_of: NameOfList = unnamed) -> OrderReport:
    """The answer to an amend; `quantity` is the total now. Raises CodecError."""
    amendment: _Amendment = read_answer(_amendment, raw, "an amend's answer")
    order, its_list = amendment.amendedOrder, amendment.listStatus
    return OrderReport(
        venue=VENUE,
        symbol=order.symbol,
        client_order_id=order.origClientOrderId or order.clientOrderId,
        venue_order_id=str(order.orderId),
        status=status_of(order.status),
        filled=amount(order.executedQty, "executedQty"),
        filled_quote=quote_sum(order.cumulativeQuoteQty),
        time_ms=amendment.transactTime,
        list_id=its_list.listClientOrderId if its_list else list_name(order.orderListId, name_of),
        quantity=amount(order.qty, "qty"),
    )


def decode_halves(raw: bytes, name_of: NameOfList = unnamed) -> Halves:
    """Both halves of a cancel-replace: its result, or the `data` of its error. Raises CodecError."""
    halves: _Halves = read_answer(_halves, raw, "a cancel-replace")
    return Halves(
        cancel=_half(halves.cancelResult, halves.cancelResponse, name_of, canceled=True),
        new=_half(halves.newOrderResult, halves.newOrderResponse, name_of, canceled=False),
    )


def _half(outcome: HalfOutcome, response: msgspec.Raw, name_of: NameOfList, *, canceled: bool) -> Half:
    if outcome is HalfOutcome.SUCCESS:
        if canceled:
            return Half(outcome=outcome, reports=decode_cancel(response, name_of))
        order = read_answer(ORDER, response, "half of a cancel-replace")
        return Half(outcome=outcome, reports=(report_of(order, name_of),))
    if outcome is HalfOutcome.FAILURE:
        refusal: _Refusal = read_answer(_refusal, response, "half of a cancel-replace")
        return Half(outcome=outcome, code=refusal.code, text=refusal.msg)
    if bytes(response) != _NULL:
        raise CodecError("Binance says half of a cancel-replace was not attempted, and answers for it.")
    return Half(outcome=outcome)
