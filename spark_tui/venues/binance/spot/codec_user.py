"""Frames of a WebSocket API connection: replies and user data events (protocol section 11). No I/O."""

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.order import Fill
from spark_tui.venues.binance.spot.codec_orders import (
    NameOfList,
    list_name,
    order_request,
    status_of,
    unnamed,
)
from spark_tui.venues.binance.spot.numbers import VENUE, CodecError, Id, amount, read, signed
from spark_tui.venues.port import BalancesReport, CashReport, OrderReport

_FRAME = "A WebSocket API frame"


class RateLimit(msgspec.Struct, frozen=True):
    """One budget as the server counts it; in exchangeInfo `count` is 0."""

    rateLimitType: str
    interval: str
    intervalNum: int
    limit: int
    count: int = 0


class Retry(msgspec.Struct, frozen=True):
    """Epoch milliseconds of the server's clock."""

    serverTime: int = 0
    retryAfter: int = 0


class ApiReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one request. `result` is JSON yet to be decoded; `code`, `text` and `data` (JSON too) are
    set on errors."""

    id: int | str | None
    status: int
    result: bytes = b""
    code: int | None = None
    text: str = ""
    data: bytes = b""
    retry_after_s: float | None = None
    limits: tuple[RateLimit, ...] = ()


class SubscriptionEnded(msgspec.Struct, frozen=True):
    """User events stop on this connection; the subscription must be made again (F15)."""


class BalancesStale(msgspec.Struct, frozen=True):
    """A deposit, transfer or outside lock: the event carries a delta, so the balances are to be fetched.
    `cash`: what came or went; None for a lock."""

    cash: CashReport | None = None


class ServerShutdown(msgspec.Struct, frozen=True):
    """The server is going away: open a replacement connection at once."""


class ListStatus(msgspec.Struct, frozen=True):
    """An order list lives under this number and client id. What became of its legs, the execution reports
    beside this event say."""

    number: int
    client_id: str


ApiFrame = (
    ApiReply
    | OrderReport
    | BalancesReport
    | SubscriptionEnded
    | BalancesStale
    | ServerShutdown
    | ListStatus
    | None
)


# --- wire shapes ---------------------------------------------------------------------


class _Error(msgspec.Struct):
    code: int | None = None
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Frame(msgspec.Struct):
    id: int | str | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None
    rateLimits: tuple[RateLimit, ...] = ()
    event: msgspec.Raw = msgspec.Raw()


class _Head(msgspec.Struct):
    e: str = ""


class _Execution(msgspec.Struct):
    s: str
    c: str
    S: str
    o: str
    f: str
    q: str
    p: str
    P: str
    F: str
    x: str
    X: str
    r: str
    i: Id
    l: str  # noqa: E741 - the wire's own letter
    z: str
    L: str
    T: Id
    t: int
    m: bool
    Z: str
    C: str = ""
    g: int = -1
    V: str = ""
    n: str | None = None
    N: str | None = None
    Q: str | None = None
    d: int | None = None
    eR: str = ""


class _ListStatus(msgspec.Struct):
    g: int
    C: str


class _Asset(msgspec.Struct):
    a: str
    f: str
    l: str  # noqa: E741 - the wire's own letter


class _Position(msgspec.Struct):
    u: Id
    B: list[_Asset]


class _Balance(msgspec.Struct):
    a: str
    d: str
    T: Id


_frame: msgspec.json.Decoder[_Frame] = msgspec.json.Decoder(_Frame)
_head: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)
_execution: msgspec.json.Decoder[_Execution] = msgspec.json.Decoder(_Execution)
_list_status: msgspec.json.Decoder[_ListStatus] = msgspec.json.Decoder(_ListStatus)
_position: msgspec.json.Decoder[_Position] = msgspec.json.Decoder(_Position)
_balance: msgspec.json.Decoder[_Balance] = msgspec.json.Decoder(_Balance)
_retry: msgspec.json.Decoder[Retry] = msgspec.json.Decoder(Retry)


# --- public ---------------------------------------------------------------------


def decode_api_frame(raw: bytes, name_of: NameOfList = unnamed) -> ApiFrame:
    """Any frame of a WebSocket API connection; None for an event of no use to us. Raises CodecError."""
    frame = read(_frame, raw, _FRAME)
    if frame.status is not None:
        return _reply(frame)
    event = bytes(frame.event)
    if not event:
        raise CodecError("A WebSocket API frame is neither a reply nor an event.")
    return decode_user_event(event, name_of)


def decode_user_event(event: bytes, name_of: NameOfList = unnamed) -> ApiFrame:
    """The `event` object of a user data frame. Raises CodecError."""
    kind = read(_head, event, _FRAME).e
    if kind == "executionReport":
        return _execution_report(read(_execution, event, _FRAME), name_of)
    if kind == "outboundAccountPosition":
        return _balances(read(_position, event, _FRAME))
    if kind == "balanceUpdate":
        return BalancesStale(_cash(read(_balance, event, _FRAME)))
    if kind == "externalLockUpdate":
        return BalancesStale()
    if kind == "eventStreamTerminated":
        return SubscriptionEnded()
    if kind == "serverShutdown":
        return ServerShutdown()
    if kind == "listStatus":
        status: _ListStatus = read(_list_status, event, _FRAME)
        return ListStatus(status.g, status.C)
    return None  # new kinds are not ours yet


# --- inside ---------------------------------------------------------------------


def _reply(frame: _Frame) -> ApiReply:
    error = frame.error
    return ApiReply(
        id=frame.id,
        status=frame.status or 0,
        result=bytes(frame.result),
        code=error.code if error else None,
        text=error.msg if error else "",
        data=bytes(error.data) if error else b"",
        retry_after_s=_retry_after_s(error) if error else None,
        limits=frame.rateLimits,
    )


def _retry_after_s(error: _Error) -> float | None:
    """Seconds from the server's now to its `retryAfter`; None where the error names neither."""
    try:
        data: Retry = read(_retry, error.data, _FRAME)
    except CodecError:
        return None  # other errors carry other data; only the limits' one is ours here
    if not data.retryAfter or not data.serverTime:
        return None
    return max(0.0, (data.retryAfter - data.serverTime) / 1000)


def _execution_report(e: _Execution, name_of: NameOfList) -> OrderReport:
    """On cancel and replace events `C` is the order's id and `c` the request's (section 11.3)."""
    request = order_request(
        symbol=e.s,
        side=e.S,
        type_=e.o,
        quantity=e.q,
        quote_quantity=e.Q,
        price=e.p,
        stop_price=e.P,
        iceberg_quantity=e.F,
        trailing_delta=e.d,
        time_in_force=e.f,
        self_trade_prevention=e.V,
    )
    reason = e.r if e.r != "NONE" else ""
    if not reason and e.eR not in ("", "NONE"):
        reason = e.eR
    if not reason and e.X == "EXPIRED_IN_MATCH":
        reason = e.X
    return OrderReport(
        venue=VENUE,
        symbol=e.s,
        client_order_id=e.C or e.c,
        venue_order_id=str(e.i),
        status=status_of(e.X),
        filled=amount(e.z, "z"),
        filled_quote=amount(e.Z, "Z"),
        time_ms=e.T,
        fills=_fills(e),
        reason=reason,
        request=request,
        list_id=list_name(e.g, name_of),
        quantity=request.quantity if request else None,
    )


def _fills(e: _Execution) -> tuple[Fill, ...]:
    """One fill of a TRADE with a trade id; no other execution type moves quantity (F42)."""
    if e.x != "TRADE" or e.t < 0:
        return ()
    fill = Fill(
        trade_id=str(e.t),
        price=amount(e.L, "L"),
        quantity=amount(e.l, "l"),
        commission=amount(e.n or "0", "n"),
        commission_asset=e.N or "",
        maker=e.m,
        time_ms=e.T,
    )
    return (fill,)


def _cash(moved: _Balance) -> CashReport:
    return CashReport(venue=VENUE, asset=moved.a, amount=signed(moved.d, "d"), time_ms=moved.T)


def _balances(position: _Position) -> BalancesReport:
    return BalancesReport(
        venue=VENUE,
        balances=tuple(
            Balance(asset=b.a, free=amount(b.f, "f"), locked=amount(b.l, "l")) for b in position.B
        ),
        time_ms=position.u,
        complete=False,
    )
