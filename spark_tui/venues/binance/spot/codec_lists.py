"""Order lists: the answers to placing, cancelling and asking for them. No I/O."""

import msgspec

from spark_tui.venues.binance.spot.codec_orders import (
    ORDER,
    NameOfList,
    OrderObject,
    read_answer,
    report_of,
    unnamed,
)
from spark_tui.venues.binance.spot.numbers import Id
from spark_tui.venues.port import OrderReport


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """An order list as one answer tells it; `number` is the venue's, `reports` are its legs."""

    number: int
    client_id: str
    reports: tuple[OrderReport, ...] = ()


# --- wire shapes ---------------------------------------------------------------------


class _List(msgspec.Struct):
    """`orderReports` comes with placements and cancels, not with queries."""

    orderListId: Id
    listClientOrderId: str
    orderReports: list[OrderObject] = []


class _ListEntry(msgspec.Struct):
    """What a cancel returns: an order, or an order list with its reports inside."""

    orderReports: list[OrderObject] | None = None


class _ListNumber(msgspec.Struct):
    orderListId: int = -1


_raws: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_entry: msgspec.json.Decoder[_ListEntry] = msgspec.json.Decoder(_ListEntry)
_list: msgspec.json.Decoder[_List] = msgspec.json.Decoder(_List)
_lists: msgspec.json.Decoder[list[_List]] = msgspec.json.Decoder(list[_List])
_numbers: msgspec.json.Decoder[list[_ListNumber]] = msgspec.json.Decoder(list[_ListNumber])


# --- decoders ---------------------------------------------------------------------


def decode_cancel(raw: bytes | msgspec.Raw, name_of: NameOfList = unnamed) -> tuple[OrderReport, ...]:
    """The answer to a cancel: the order, or all legs when it was one of a list, which goes as a whole.

    `origClientOrderId` is an order's id, `clientOrderId` the request's. Raises CodecError.
    """
    if read_answer(_entry, raw, "a cancel's answer").orderReports is None:
        return (report_of(read_answer(ORDER, raw, "a cancel's answer"), name_of, canceled=True),)
    return _order_list(read_answer(_list, raw, "a canceled order list"), canceled=True).reports


def decode_cancel_all(raw: bytes) -> tuple[OrderReport, ...]:
    """`DELETE openOrders`: canceled orders, those inside order lists included. Raises CodecError."""
    items = read_answer(_raws, raw, "the canceled orders")
    return tuple(report for item in items for report in decode_cancel(item))


def decode_list(raw: bytes) -> OrderList:
    """The answer to the placement of an order list. Raises CodecError."""
    return _order_list(read_answer(_list, raw, "an order list"), canceled=False)


def decode_list_cancel(raw: bytes) -> OrderList:
    """The answer to the cancel of an order list. Raises CodecError."""
    return _order_list(read_answer(_list, raw, "a canceled order list"), canceled=True)


def decode_lists(raw: bytes) -> tuple[OrderList, ...]:
    """openOrderList, allOrderList: their names; the legs are told by the order queries. Raises CodecError."""
    return tuple(_order_list(one, canceled=False) for one in read_answer(_lists, raw, "the order lists"))


def decode_list_numbers(raw: bytes) -> frozenset[int]:
    """Numbers of the lists that the orders of a query's answer belong to. Raises CodecError."""
    rows: list[_ListNumber] = read_answer(_numbers, raw, "a list of orders")
    return frozenset(row.orderListId for row in rows if row.orderListId >= 0)


def _order_list(order_list: _List, *, canceled: bool) -> OrderList:
    client_id = order_list.listClientOrderId
    return OrderList(
        number=order_list.orderListId,
        client_id=client_id,
        reports=tuple(
            report_of(order, lambda number: client_id, canceled=canceled) for order in order_list.orderReports
        ),
    )
