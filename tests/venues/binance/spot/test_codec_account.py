"""Orders, fills, balances and user events: every sample we claim to read, exact to the venue's text."""

from contextlib import suppress
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.venues.binance.spot import codec
from spark_tui.venues.binance.spot.codec_user import (
    ApiReply,
    BalancesStale,
    ListStatus,
    ServerShutdown,
    SubscriptionEnded,
    decode_api_frame,
)
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError
from spark_tui.venues.port import BalancesReport, CashReport, OrderReport, OrderStatus
from tests.shared_data import shared


def sample(name: str) -> bytes:
    return shared("protocols", "samples", "binance-spot", f"{name}.json").read_bytes()


def event(name: str, **changes: Any) -> Any:
    frame = msgspec.json.decode(sample(name))
    frame["event"].update(changes)
    return decode_api_frame(msgspec.json.encode(frame))


# --- replies ---------------------------------------------------------------------------------------------


def test_full_answer_carries_its_fills() -> None:
    report = codec.decode_order(sample("rest-order-post-full"))
    assert (report.symbol, report.venue_order_id, report.client_order_id) == (
        "BTCUSDT",
        "28",
        "6gCrw2kRUAF9CvJDGP16IP",
    )
    assert report.status is OrderStatus.FILLED
    assert report.filled == D(10)
    assert [fill.trade_id for fill in report.fills] == ["56", "57", "58", "59", "60"]
    assert sum(fill.quantity for fill in report.fills) == report.filled
    assert str(report.fills[1].commission) == "19.99500000"
    assert all(not fill.maker and fill.time_ms == 1507725176595 for fill in report.fills)
    assert report.request is not None
    assert report.request.time_in_force is None  # GTC on a MARKET order would be refused if sent again
    assert report.request.price is None


def test_ack_and_result_answers() -> None:
    ack = codec.decode_order(sample("rest-order-post-ack"))
    assert (ack.status, ack.filled, ack.fills, ack.request) == (OrderStatus.NEW, D(0), (), None)
    result = codec.decode_order(sample("rest-order-post-result"))
    assert (result.status, result.filled, result.fills) == (OrderStatus.FILLED, D(10), ())


def test_cancel_answers_name_the_order_not_the_request() -> None:
    (report,) = codec.decode_cancel(sample("rest-order-delete"))
    assert (report.client_order_id, report.status) == ("myOrder1", OrderStatus.CANCELED)
    reports = codec.decode_cancel_all(sample("rest-openOrders-delete"))
    assert [r.venue_order_id for r in reports] == ["11", "13", "20", "21"]
    assert reports[2].client_order_id == "CwOOIPHSmYywx6jZX77TdL"
    assert reports[2].request is not None
    assert reports[2].request.type is OrderType.STOP_LOSS_LIMIT
    assert reports[2].request.stop_price == D("0.378131")


def test_query_answers() -> None:
    report = codec.decode_order(sample("rest-order-get"))
    assert report.request is not None
    assert (report.request.side, report.request.type, report.request.price, report.request.quantity) == (
        Side.BUY,
        OrderType.LIMIT,
        D("0.1"),
        D("1.0"),
    )
    assert report.request.time_in_force is TimeInForce.GTC
    assert report.time_ms == 1499827319559
    prevented = codec.decode_order(sample("rest-order-get-stp-expired-in-match"))
    assert (prevented.status, prevented.reason) == (OrderStatus.EXPIRED, "EXPIRED_IN_MATCH")
    expired = codec.decode_order(sample("rest-order-post-market-expired"))
    assert (expired.status, expired.filled, len(expired.fills)) == (OrderStatus.EXPIRED, D(4), 2)
    for name in ("rest-openOrders-get", "rest-allOrders"):
        assert [r.client_order_id for r in codec.decode_orders(sample(name))] == ["myOrder1"]


@pytest.mark.parametrize("name", ["rest-order-post-pegged", "rest-order-post-stp-taker-transfer"])
def test_unknown_fields_and_modes_are_no_obstacle(name: str) -> None:
    assert codec.decode_order(sample(name)).filled == D(0)


def test_unknown_words_are_other_never_a_guess() -> None:
    order = msgspec.json.decode(sample("rest-order-get"))
    order.update(status="SOMETHING_NEW", type="TELEPATHY")
    report = codec.decode_order(msgspec.json.encode(order))
    assert (report.status, report.request) == (OrderStatus.OTHER, None)


def test_a_quote_sum_that_is_not_available_is_zero() -> None:
    order = msgspec.json.decode(sample("rest-order-get")) | {"cummulativeQuoteQty": "-1.0"}
    assert codec.decode_order(msgspec.json.encode(order)).filled_quote == D(0)


def test_account_trades_and_time() -> None:
    report, can_trade = codec.decode_account(sample("rest-account"))
    assert can_trade
    assert report.complete
    rates = report.fees
    assert rates is not None
    assert (rates.maker, rates.taker, rates.buyer, rates.seller) == (D("0.0015"), D("0.0015"), 0, 0)
    assert {b.asset: str(b.free) for b in report.balances} == {
        "BTC": "4723846.89208129",
        "LTC": "4763368.68006011",
    }
    (trade,) = codec.decode_trades(sample("rest-myTrades"))
    assert (trade.venue_order_id, trade.side, trade.fill.trade_id) == ("100234", Side.BUY, "28457")
    assert (str(trade.fill.price), trade.fill.commission_asset) == ("4.00000100", "BNB")
    assert codec.decode_time(sample("rest-time")) == 1499827319559


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1", "1e5", "+1", "1.", ".5", "", "1_0", "\u0661"])
def test_money_that_is_no_plain_number_is_refused(text: str) -> None:
    order = msgspec.json.decode(sample("rest-order-get")) | {"executedQty": text}
    with pytest.raises(CodecError, match="executedQty"):
        codec.decode_order(msgspec.json.encode(order))
    account = msgspec.json.decode(sample("rest-account"))
    account["balances"][0]["free"] = text
    with pytest.raises(CodecError, match="free"):
        codec.decode_account(msgspec.json.encode(account))
    with pytest.raises(CodecError, match="z="):
        event("ws-executionReport-trade-partial-constructed", z=text)


# --- WebSocket API ---------------------------------------------------------------------------------------


def test_api_replies() -> None:
    reply = decode_api_frame(sample("wsapi-order-place-response-full"))
    assert isinstance(reply, ApiReply)
    assert (reply.status, reply.code) == (200, None)
    assert sum(f.quantity for f in codec.decode_order(reply.result).fills) == D("0.00847")
    assert [(limit.interval, limit.count) for limit in reply.limits][-1] == ("MINUTE", 1)


@pytest.mark.parametrize(
    ("name", "status", "code", "retry"),
    [
        ("wsapi-error-400-insufficient-balance", 400, -2010, None),
        ("wsapi-error-401-session-revoked", 401, -2015, None),
        ("wsapi-error-409-cancelReplace-partial", 409, -2021, None),
        ("wsapi-error-418-ip-banned", 418, -1003, 3492.469),
        ("wsapi-error-429-too-many-orders", 429, -1015, None),
    ],
)
def test_api_errors(name: str, status: int, code: int, retry: float | None) -> None:
    reply = decode_api_frame(sample(name))
    assert isinstance(reply, ApiReply)
    assert (reply.status, reply.code, reply.retry_after_s) == (status, code, retry)


def test_every_documented_api_answer_is_a_reply() -> None:
    names = [p.stem for p in shared("protocols", "samples", "binance-spot").glob("wsapi-*-response*.json")]
    assert len(names) > 8
    for name in names:
        assert isinstance(decode_api_frame(sample(name)), ApiReply), name


# --- user events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "filled", "fills", "reason"),
    [
        ("new", OrderStatus.NEW, "0", 0, ""),
        ("new-docs", OrderStatus.NEW, "0", 0, ""),
        ("trade-partial-constructed", OrderStatus.PARTIALLY_FILLED, "0.4", 1, ""),
        ("trade-filled-constructed", OrderStatus.FILLED, "1", 1, ""),
        ("canceled-constructed", OrderStatus.CANCELED, "0", 0, ""),
        ("expired-ioc-constructed", OrderStatus.EXPIRED, "0", 0, "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("rejected-constructed", OrderStatus.REJECTED, "0", 0, "INSUFFICIENT_BALANCES"),
        ("replaced-constructed", OrderStatus.NEW, "0", 0, ""),
        ("trade-prevention-constructed", OrderStatus.EXPIRED, "0", 0, "EXPIRED_IN_MATCH"),
        ("market-1-new", OrderStatus.NEW, "0", 0, ""),
        ("market-2-trade", OrderStatus.PARTIALLY_FILLED, "2", 1, ""),
        ("market-3-trade", OrderStatus.PARTIALLY_FILLED, "4", 1, ""),
        ("market-4-expired", OrderStatus.EXPIRED, "4", 0, ""),
    ],
)
def test_execution_reports(name: str, status: OrderStatus, filled: str, fills: int, reason: str) -> None:
    report = event(f"ws-executionReport-{name}")
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled, len(report.fills), report.reason) == (
        status,
        D(filled),
        fills,
        reason,
    )


def test_a_fill_keeps_the_venues_text() -> None:
    (fill,) = event("ws-executionReport-trade-partial-constructed").fills
    assert (fill.trade_id, str(fill.price), str(fill.quantity)) == ("53117", "0.10264410", "0.40000000")
    assert (str(fill.commission), fill.commission_asset, fill.maker) == ("0.00040000", "ETH", True)


def test_the_orders_id_is_c_or_on_cancel_and_replace_capital_c() -> None:
    ours = "mUvoqJxFIILMdfAW5iGSOW"
    assert event("ws-executionReport-new").client_order_id == ours
    canceled = event("ws-executionReport-canceled-constructed")
    assert canceled.client_order_id == ours
    assert event("ws-executionReport-canceled-constructed", c="the-request").client_order_id == ours
    assert event("ws-executionReport-replaced-constructed").client_order_id == ours


@pytest.mark.parametrize(
    "execution", ["NEW", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION", "FUNDING", ""]
)
def test_only_a_trade_moves_quantity(execution: str) -> None:
    """F42: whatever numbers another execution type carries, it is no fill."""
    report = event("ws-executionReport-trade-partial-constructed", x=execution)
    assert report.fills == ()


def test_a_trade_without_an_id_is_no_fill_of_ours_to_count_twice() -> None:
    report = event("ws-executionReport-trade-partial-constructed", t=-1)
    assert (report.fills, report.filled) == ((), D("0.4"))


def test_balances() -> None:
    report = event("ws-executionReport-market-5-outboundAccountPosition")
    assert isinstance(report, BalancesReport)
    assert not report.complete
    assert [(b.asset, str(b.free)) for b in report.balances] == [
        ("LTC", "3011.11745670"),
        ("BNB", "996.11865670"),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "ws-balanceUpdate",
            BalancesStale(
                CashReport(venue=VENUE, asset="BTC", amount=D("100.00000000"), time_ms=1573200697068)
            ),
        ),
        ("ws-externalLockUpdate", BalancesStale()),
        ("ws-eventStreamTerminated", SubscriptionEnded()),
        ("wsapi-serverShutdown", ServerShutdown()),
        ("ws-listStatus", ListStatus(2, "F4QN4G8DlFATFlIUQ0cjdD")),
    ],
)
def test_other_events(name: str, expected: object) -> None:
    assert decode_api_frame(sample(name)) == expected


READERS = [
    codec.decode_order,
    codec.decode_cancel,
    codec.decode_orders,
    codec.decode_cancel_all,
    codec.decode_trades,
    codec.decode_account,
    codec.decode_time,
    codec.decode_exchange_info,
    decode_api_frame,
]


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_a_codec_error(raw: bytes) -> None:
    for read in READERS:
        with suppress(CodecError):
            read(raw)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("rest-order-post-full", codec.decode_order),
        ("rest-openOrders-delete", codec.decode_cancel_all),
        ("rest-account", codec.decode_account),
        ("rest-myTrades", codec.decode_trades),
        ("rest-exchangeInfo", codec.decode_exchange_info),
        ("ws-executionReport-trade-partial-constructed", decode_api_frame),
        ("wsapi-error-418-ip-banned", decode_api_frame),
    ],
)
@given(at=st.integers(0, 5000), byte=st.integers(0, 255))
def test_a_garbled_answer_is_read_or_a_codec_error(name: str, read: Any, at: int, byte: int) -> None:
    raw = bytearray(sample(name))
    raw[at % len(raw)] = byte
    for mangled in (bytes(raw), bytes(raw[: at % len(raw)])):
        with suppress(CodecError):
            read(mangled)
