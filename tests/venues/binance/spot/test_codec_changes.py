"""Amendments, cancel-replace and order lists: every sample, exact to the venue's text."""

from contextlib import suppress
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.values import OrderType, SelfTradePrevention, Side
from spark_tui.venues.binance.spot import codec
from spark_tui.venues.binance.spot.codec_user import ApiReply, decode_api_frame
from spark_tui.venues.binance.spot.list_ids import ListIds
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.port import HalfOutcome, OrderReport, OrderStatus
from tests.shared_data import shared

SUCCESS, FAILURE, NOT_ATTEMPTED = HalfOutcome.SUCCESS, HalfOutcome.FAILURE, HalfOutcome.NOT_ATTEMPTED


def sample(name: str) -> bytes:
    return shared("protocols", "samples", "binance-spot", f"{name}.json").read_bytes()


def data_of(name: str) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(sample(name))["data"])


# --- lists -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number", "list_id", "legs"),
    [
        (
            "oco",
            1,
            "lH1YDkuQKWiXVXHPSKYEIp",
            [
                ("44nZvqpemY7sVYgPYbvPih", "STOP_LOSS_LIMIT", "NEW", D(5)),
                ("NuMp0nVYnciDiFmVqfpBqK", "LIMIT_MAKER", "NEW", D(5)),
            ],
        ),
        (
            "oto",
            0,
            "yl2ERtcar1o25zcWtqVBTC",
            [
                ("Bq17mn9fP6vyCn75Jw1xya", "LIMIT", "NEW", D(1)),
                ("arLFo0zGJVDE69cvGBaU0d", "MARKET", "PENDING_NEW", D(5)),
            ],
        ),
        (
            "otoco",
            1,
            "RumwQpBaDctlUu5jyG5rs0",
            [
                ("fM9Y4m23IFJVCQmIrlUmMK", "LIMIT", "NEW", D(1)),
                ("6pcQbFIzTXGZQ1e2MkGDq4", "STOP_LOSS_LIMIT", "PENDING_NEW", D(5)),
                ("r4JMv9cwAYYUwwBZfbussx", "LIMIT_MAKER", "PENDING_NEW", D(5)),
            ],
        ),
        (
            "opo",  # the pending leg's quantity is not known yet
            0,
            "H94qCqO27P74OEiO4X8HOG",
            [
                ("JX6xfdjo0wysiGumfHNmPu", "LIMIT", "NEW", D("0.0006")),
                ("2ZJCY0IjOhuYIMLGN8kU8S", "MARKET", "PENDING_NEW", None),
            ],
        ),
        (
            "opoco",
            2,
            "bcedxMpQG6nFrZUPQyshoL",
            [
                ("OLSBhMWaIlLSzZ9Zm7fnKB", "LIMIT", "NEW", D("0.0017")),
                ("mfif39yPTHsB3C0FIXznR2", "STOP_LOSS_LIMIT", "PENDING_NEW", None),
                ("yINkaXSJeoi3bU5vWMY8Z8", "LIMIT_MAKER", "PENDING_NEW", None),
            ],
        ),
    ],
)
def test_placed_lists(name: str, number: int, list_id: str, legs: list[tuple[Any, ...]]) -> None:
    placed = codec.decode_list(sample(f"rest-orderList-{name}"))
    assert (placed.number, placed.client_id) == (number, list_id)
    assert [
        (r.client_order_id, r.request.type, r.status, r.quantity) for r in placed.reports if r.request
    ] == legs
    assert {r.list_id for r in placed.reports} == {list_id}


def test_a_list_legs_terms() -> None:
    stop, maker = codec.decode_list(sample("rest-orderList-oco")).reports
    assert stop.request is not None
    assert (stop.request.side, stop.request.stop_price, stop.request.iceberg_quantity) == (
        Side.SELL,
        D("1.00000000"),
        D("1.00000000"),
    )
    assert maker.request is not None
    assert maker.request.time_in_force is None
    assert maker.request.self_trade_prevention is SelfTradePrevention.NONE


def test_a_canceled_list_names_its_legs_not_the_request() -> None:
    canceled = codec.decode_list_cancel(sample("rest-orderList-delete"))
    assert (canceled.number, canceled.client_id) == (0, "C3wyj4WVEktd7u9aVBRXcN")
    assert [(r.client_order_id, r.status, r.list_id) for r in canceled.reports] == [
        ("pO9ufTiFGg3nw2fOdgeOXa", OrderStatus.CANCELED, "C3wyj4WVEktd7u9aVBRXcN"),
        ("TXOvglzXuaubXAaENpaRCB", OrderStatus.CANCELED, "C3wyj4WVEktd7u9aVBRXcN"),
    ]


def test_a_canceled_leg_brings_its_whole_list() -> None:
    """The venue answers with the list, also inside a cancel-replace."""
    reports = codec.decode_cancel(sample("rest-orderList-delete"))
    assert [r.client_order_id for r in reports] == ["pO9ufTiFGg3nw2fOdgeOXa", "TXOvglzXuaubXAaENpaRCB"]
    halves = msgspec.json.decode(sample("rest-cancelReplace-success-200"))
    halves["cancelResponse"] = msgspec.json.decode(sample("rest-orderList-delete"))
    assert codec.decode_halves(msgspec.json.encode(halves)).cancel.reports == reports


def test_cancel_all_names_lists_too() -> None:
    reports = codec.decode_cancel_all(sample("rest-openOrders-delete"))
    assert [r.list_id for r in reports] == ["", "", "2inzWQdDvZLHbbAmAozX2N", "2inzWQdDvZLHbbAmAozX2N"]


def test_list_queries_tell_their_names() -> None:
    assert codec.decode_list(sample("rest-orderList-get")).client_id == "h2USkA5YQpaXHPIrkd96xE"
    names = [(one.number, one.client_id) for one in codec.decode_lists(sample("rest-allOrderList"))]
    assert names == [(29, "amEEAXryFzFwYF1FeRpUoZ"), (28, "hG7hFNxJV6cZy3Ze4AUT4d")]
    assert [one.number for one in codec.decode_lists(sample("rest-openOrderList"))] == [31]


def test_orders_learn_their_list_from_its_number() -> None:
    lists = ListIds()
    order = msgspec.json.decode(sample("rest-order-get")) | {"orderListId": 7}
    raw = msgspec.json.encode([order, order | {"orderListId": -1}])
    assert codec.decode_list_numbers(raw) == {7}
    assert [r.list_id for r in codec.decode_orders(raw, lists.name)] == ["", ""]
    lists.learn(7, "ours")
    assert [r.list_id for r in codec.decode_orders(raw, lists.name)] == ["ours", ""]


def test_an_execution_carries_its_list_and_the_total_asked_now() -> None:
    lists = ListIds()
    lists.learn(7, "ours")
    frame = msgspec.json.decode(sample("ws-executionReport-new"))
    frame["event"].update(g=7, V="EXPIRE_TAKER", d=150)
    report = decode_api_frame(msgspec.json.encode(frame), lists.name)
    assert isinstance(report, OrderReport)
    assert (report.list_id, report.quantity) == ("ours", D("1.00000000"))
    assert report.request is not None
    assert report.request.self_trade_prevention is SelfTradePrevention.EXPIRE_TAKER
    assert report.request.trailing_delta == 150
    unknown = decode_api_frame(msgspec.json.encode(frame))
    assert isinstance(unknown, OrderReport)
    assert unknown.list_id == ""


def test_list_names_are_bounded_and_the_used_ones_stay() -> None:
    lists = ListIds(most=3)
    for number in range(3):
        lists.learn(number, f"list-{number}")
    assert lists.name(0) == "list-0"
    lists.learn(3, "list-3")
    assert [lists.name(number) for number in range(4)] == ["list-0", "", "list-2", "list-3"]
    lists.learn(-1, "none")
    lists.learn(9, "")
    assert (lists.name(-1), lists.name(9)) == ("", "")


# --- amendments ------------------------------------------------------------------------------------------


def test_an_amended_order() -> None:
    report = codec.decode_amendment(sample("rest-order-amend-keepPriority"))
    assert (report.client_order_id, report.venue_order_id) == ("5xrgbMyg6z36NzBn2pbT8H", "33")
    assert (report.status, str(report.quantity), report.filled) == (OrderStatus.NEW, "5.00000000", D(0))
    assert (report.time_ms, report.list_id, report.fills) == (1741926410255, "", ())


def test_an_amended_leg_names_its_list() -> None:
    report = codec.decode_amendment(sample("rest-order-amend-keepPriority-in-list"))
    assert (report.client_order_id, report.status) == ("W0fJ9fiLKHOJutovPK3oJp", OrderStatus.PENDING_NEW)
    assert (report.list_id, report.quantity) == ("AT7FTxZXylVSwRoZs52mt3", D(4))


def test_the_amend_event_tells_the_new_total() -> None:
    report = decode_api_frame(sample("ws-executionReport-replaced-constructed"))
    assert isinstance(report, OrderReport)
    assert (report.quantity, report.status, report.filled) == (D("0.8"), OrderStatus.NEW, D(0))


# --- cancel and replace ----------------------------------------------------------------------------------


def test_both_halves_done() -> None:
    halves = codec.decode_halves(sample("rest-cancelReplace-success-200"))
    assert (halves.cancel.outcome, halves.new.outcome) == (SUCCESS, SUCCESS)
    (canceled,), (placed,) = halves.cancel.reports, halves.new.reports
    assert (canceled.client_order_id, canceled.status) == (
        "DnLo3vTAQcjha43lAZhZ0y",
        OrderStatus.CANCELED,
    )
    assert (placed.client_order_id, placed.status) == (
        "wOceeeOzNORyLiQfw7jd8S",
        OrderStatus.NEW,
    )
    assert placed.request is not None
    assert placed.request.type is OrderType.LIMIT


@pytest.mark.parametrize(
    ("name", "cancel", "new", "codes"),
    [
        ("both-failed-400", FAILURE, FAILURE, (-2011, -2010)),
        ("cancel-failed-400", FAILURE, NOT_ATTEMPTED, (-2011, 0)),
        ("cancel-failed-new-ok-409", FAILURE, SUCCESS, (-2011, 0)),
        ("new-failed-409", SUCCESS, FAILURE, (0, -2010)),
        ("order-limit-cancel-only", SUCCESS, FAILURE, (0, -1015)),
    ],
)
def test_halves_of_every_sample(
    name: str, cancel: HalfOutcome, new: HalfOutcome, codes: tuple[int, int]
) -> None:
    halves = codec.decode_halves(data_of(f"rest-cancelReplace-{name}"))
    assert (halves.cancel.outcome, halves.new.outcome) == (cancel, new)
    assert (halves.cancel.code, halves.new.code) == codes
    for half in (halves.cancel, halves.new):
        assert len(half.reports) == (half.outcome is SUCCESS)


def test_the_websocket_apis_error_carries_the_halves() -> None:
    reply = decode_api_frame(sample("wsapi-error-409-cancelReplace-partial"))
    assert isinstance(reply, ApiReply)
    assert (reply.status, reply.code, reply.retry_after_s) == (409, -2021, None)
    halves = codec.decode_halves(reply.data)
    (canceled,) = halves.cancel.reports
    assert (canceled.client_order_id, canceled.filled) == (
        "4d96324ff9d44481926157",
        D("0.00001"),
    )
    assert (halves.new.outcome, halves.new.code) == (FAILURE, -2010)


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelResult": "PERHAPS"},
        {"newOrderResult": None},
        {"cancelResponse": None},
        {"newOrderResponse": {"msg": "no code"}},
        {"newOrderResult": "NOT_ATTEMPTED"},
        {"cancelResult": "FAILURE"},  # with an order object for an answer
    ],
)
def test_halves_that_make_no_sense_are_a_codec_error(changes: dict[str, Any]) -> None:
    halves = msgspec.json.decode(data_of("rest-cancelReplace-new-failed-409")) | changes
    with pytest.raises(CodecError):
        codec.decode_halves(msgspec.json.encode(halves))


# --- fuzz ------------------------------------------------------------------------------------------------

READERS = [
    codec.decode_list,
    codec.decode_list_cancel,
    codec.decode_lists,
    codec.decode_list_numbers,
    codec.decode_amendment,
    codec.decode_halves,
]


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_a_codec_error(raw: bytes) -> None:
    for read in READERS:
        with suppress(CodecError):
            read(raw)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("rest-orderList-otoco", codec.decode_list),
        ("rest-orderList-delete", codec.decode_list_cancel),
        ("rest-openOrderList", codec.decode_lists),
        ("rest-openOrders-get", codec.decode_list_numbers),
        ("rest-order-amend-keepPriority-in-list", codec.decode_amendment),
        ("rest-cancelReplace-success-200", codec.decode_halves),
        ("wsapi-error-409-cancelReplace-partial", decode_api_frame),
        ("ws-listStatus", decode_api_frame),
        ("ws-executionReport-replaced-constructed", decode_api_frame),
    ],
)
@given(at=st.integers(0, 5000), byte=st.integers(0, 255))
def test_a_garbled_answer_is_read_or_a_codec_error(name: str, read: Any, at: int, byte: int) -> None:
    raw = bytearray(sample(name))
    raw[at % len(raw)] = byte
    for mangled in (bytes(raw), bytes(raw[: at % len(raw)])):
        with suppress(CodecError):
            read(mangled)
