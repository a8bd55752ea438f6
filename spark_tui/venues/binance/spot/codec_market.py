"""Market data: stream frames and REST bodies to domain values (protocol sections 6 and 10). No I/O.

Frames of a combined connection are `{"stream":NAME,"data":{...}}`. bookTicker and depth5 carry no event type
and depth5 not even a symbol, so the stream's name decides how data is read. Prices and sizes become float.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from spark_tui.domain.market import (
    BookTicker,
    Candle,
    DepthDiff,
    DepthSnapshot,
    MarketEvent,
    PartialDepth,
    Ticker,
    Trade,
)
from spark_tui.venues.binance.spot.numbers import CodecError, Id, Price, Quantity, Signed

Decode = Callable[[bytes], MarketEvent]

_PREFIX = b'{"stream":"'
_START = len(_PREFIX)
_MAX_ROUTES = 4096
_KIND = re.compile(
    r"(?P<trade>trade)|(?P<ticker>ticker)|(?P<book>bookTicker)|(?P<diff>depth(?:@\d+ms)?)"
    r"|(?P<partial>depth(?:5|10|20)(?:@\d+ms)?)|(?P<kline>kline_\w+(?:@[+-]\d\d:\d\d)?)"
)


class Shutdown(msgspec.Struct, frozen=True):
    """The server is going away: open a replacement connection at once."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to SUBSCRIBE and its kin; `code` is None on success."""

    id: int | str | None
    code: int | None = None
    text: str = ""


Frame = MarketEvent | Shutdown | Reply | None  # None: a stream we do not read


# --- wire shapes ---------------------------------------------------------------------

_Levels = list[tuple[Price, Quantity]]


class _Trade(msgspec.Struct):
    t: Id
    p: Price
    q: Quantity
    T: Id
    m: bool


class _BookTicker(msgspec.Struct):
    u: Id
    b: Price
    B: Quantity
    a: Price
    A: Quantity


class _Diff(msgspec.Struct):
    E: Id
    U: Id
    u: Id
    b: _Levels
    a: _Levels


class _Book(msgspec.Struct):
    lastUpdateId: Id
    bids: _Levels
    asks: _Levels


class _Ticker(msgspec.Struct):
    E: Id
    P: Signed
    c: Price
    o: Price
    h: Price
    l: Price  # noqa: E741 - the wire's own letter
    v: Quantity
    q: Quantity


class _Kline(msgspec.Struct):
    t: Id
    i: str
    o: Price
    h: Price
    l: Price  # noqa: E741 - the wire's own letter
    c: Price
    v: Quantity
    x: bool


class _KlineEvent(msgspec.Struct):
    k: _Kline


class _Envelope(msgspec.Struct):
    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    e: str | None = None
    result: msgspec.Raw = msgspec.Raw()
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: msgspec.Raw = msgspec.Raw()


class _Fault(msgspec.Struct):
    code: int
    msg: str = ""


_KlineRow = tuple[Id, Price, Price, Price, Price, Quantity, Id, Quantity, Id, Any, Any, Any]


# --- one reader per kind of stream ---------------------------------------------------------------------


def _trade(symbol: str, d: _Trade) -> Trade:
    return Trade(symbol, d.t, d.p, d.q, d.T, d.m)


def _book_ticker(symbol: str, d: _BookTicker) -> BookTicker:
    return BookTicker(symbol, d.u, d.b, d.B, d.a, d.A)


def _diff(symbol: str, d: _Diff) -> DepthDiff:
    return DepthDiff(symbol, d.U, d.u, d.b, d.a, d.E)


def _partial(symbol: str, d: _Book) -> PartialDepth:
    return PartialDepth(symbol, d.lastUpdateId, d.bids, d.asks)


def _ticker(symbol: str, d: _Ticker) -> Ticker:
    return Ticker(symbol, d.c, d.P, d.o, d.h, d.l, d.v, d.q, d.E)


def _candle(symbol: str, d: _KlineEvent) -> Candle:
    k = d.k
    return Candle(symbol, k.i, k.t, k.o, k.h, k.l, k.c, k.v, k.x)


_SHAPES: dict[str, tuple[type, Callable[[str, Any], MarketEvent]]] = {
    "trade": (_Trade, _trade),
    "book": (_BookTicker, _book_ticker),
    "diff": (_Diff, _diff),
    "partial": (_Book, _partial),
    "ticker": (_Ticker, _ticker),
    "kline": (_KlineEvent, _candle),
}
_BAD_BYTES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _decoders() -> dict[str, tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]]:
    """Per kind: a decoder of the wrapped frame and one of the bare data."""
    made: dict[str, tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]] = {}
    for kind, (shape, _) in _SHAPES.items():
        frame = msgspec.defstruct(f"_{kind}_frame", [("data", shape)])
        made[kind] = (msgspec.json.Decoder(frame, strict=False), msgspec.json.Decoder(shape, strict=False))
    return made


_DECODERS = _decoders()
_envelope: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_fault: msgspec.json.Decoder[_Fault] = msgspec.json.Decoder(_Fault)
_depth: msgspec.json.Decoder[_Book] = msgspec.json.Decoder(_Book, strict=False)
_klines: msgspec.json.Decoder[list[_KlineRow]] = msgspec.json.Decoder(list[_KlineRow], strict=False)
_memo: dict[bytes, Decode | None] = {}  # of the pure function `decoder_for`, bounded


# --- public ---------------------------------------------------------------------


def stream_name(raw: bytes) -> bytes:
    """The stream's name of a combined frame as it stands on the wire, b"" when this is not plainly one."""
    if raw.startswith(_PREFIX):
        end = raw.find(b'"', _START)
        name = raw[_START:end]
        if end > 0 and b"\\" not in name:
            return name
    return b""


def split_name(name: str) -> tuple[str, str]:
    """`btcusdt@depth@100ms` -> ("BTCUSDT", "depth@100ms")."""
    symbol, _, kind = name.partition("@")
    return symbol.upper(), kind


def decoder_for(name: str) -> Decode | None:
    """What reads the combined frames of this stream; None for a stream we do not read."""
    return _reader(name, bare=False)


def decode_data(name: str, raw: bytes) -> MarketEvent | None:
    """Bare data (no combined wrapper) of the named stream. Raises CodecError."""
    reader = _reader(name, bare=True)
    return None if reader is None else reader(raw)


def decode_frame(raw: bytes) -> Frame:
    """Any text frame of a market connection, combined or control. Raises CodecError."""
    name = stream_name(raw)
    if not name:
        return _other(raw)
    reader = _memo[name] if name in _memo else _remember(name)
    return _other(raw) if reader is None else reader(raw)


def decode_depth_snapshot(raw: bytes, symbol: str) -> DepthSnapshot:
    """Body of `GET /api/v3/depth`. Raises CodecError."""
    try:
        book = _depth.decode(raw)
    except _BAD_BYTES as error:
        raise CodecError(f"Binance's depth snapshot of {symbol} cannot be read: {_short(error)}") from None
    return DepthSnapshot(symbol, book.lastUpdateId, book.bids, book.asks)


def decode_klines(raw: bytes, symbol: str, interval: str, now_ms: int) -> tuple[Candle, ...]:
    """Body of `GET /api/v3/klines`; a row that closes after `now_ms` is still open. Raises CodecError."""
    try:
        rows = _klines.decode(raw)
    except _BAD_BYTES as error:
        raise CodecError(f"Binance's klines of {symbol} cannot be read: {_short(error)}") from None
    return tuple(
        Candle(symbol, interval, r[0], r[1], r[2], r[3], r[4], r[5], closed=r[6] < now_ms) for r in rows
    )


# --- inside ---------------------------------------------------------------------


def _reader(name: str, *, bare: bool) -> Decode | None:
    symbol, kind_text = split_name(name)
    match = _KIND.fullmatch(kind_text)
    if match is None or not symbol:
        return None
    kind = str(match.lastgroup)
    build = _SHAPES[kind][1]
    frame, data = _DECODERS[kind]

    def read_frame(raw: bytes) -> MarketEvent:
        try:
            return build(symbol, frame.decode(raw).data)
        except _BAD_BYTES as error:
            raise CodecError(f"A frame of {name} cannot be read: {_short(error)}") from None

    def read_data(raw: bytes) -> MarketEvent:
        try:
            return build(symbol, data.decode(raw))
        except _BAD_BYTES as error:
            raise CodecError(f"Data of {name} cannot be read: {_short(error)}") from None

    return read_data if bare else read_frame


def _remember(name: bytes) -> Decode | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise CodecError("A frame's stream name is not UTF-8.") from None
    if len(_memo) >= _MAX_ROUTES:
        _memo.clear()
    reader = _memo[name] = decoder_for(text)
    return reader


def _other(raw: bytes) -> Frame:
    """The rare frames: control replies, shutdown notices, unusual spelling of a combined frame."""
    try:
        envelope = _envelope.decode(raw)
    except _BAD_BYTES as error:
        raise CodecError(f"A frame cannot be read: {_short(error)}") from None
    if envelope.stream == "!serverShutdown" or envelope.e == "serverShutdown":
        return Shutdown()
    if envelope.stream is not None:
        return decode_data(envelope.stream, bytes(envelope.data))
    if envelope.code is not None:
        return Reply(id=envelope.id, code=envelope.code, text=envelope.msg)
    if bytes(envelope.error):
        return _error_reply(envelope)
    if bytes(envelope.result):
        return Reply(id=envelope.id)
    return None


def _error_reply(envelope: _Envelope) -> Reply:
    """Some answers nest the error: `{"error":{"code":2,"msg":"..."},"id":1}`."""
    try:
        fault = _fault.decode(envelope.error)
    except _BAD_BYTES as error:
        raise CodecError(f"A control reply cannot be read: {_short(error)}") from None
    return Reply(id=envelope.id, code=fault.code, text=fault.msg)


def _short(error: Exception) -> str:
    return str(error)[:120].rstrip(".") + "."
