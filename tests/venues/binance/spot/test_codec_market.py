"""Market frames: every sample we claim to read, refusal of bad numbers, and bytes that are anything."""

import gzip
import math
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.market import (
    BookTicker,
    Candle,
    DepthDiff,
    DepthSnapshot,
    PartialDepth,
    Ticker,
    Trade,
)
from spark_tui.venues.binance.spot.codec_market import (
    Reply,
    Shutdown,
    decode_data,
    decode_depth_snapshot,
    decode_frame,
    decode_klines,
    stream_name,
)
from spark_tui.venues.binance.spot.numbers import CodecError
from tests.shared_data import shared


def sample(name: str) -> bytes:
    return shared("protocols", "samples", "binance-spot", f"{name}.json").read_bytes()


def wrap(stream: str, data: bytes) -> bytes:
    return b'{"stream":"' + stream.encode() + b'","data":' + msgspec.json.format(data, indent=-1) + b"}"


EXPECTED = {
    ("ws-trade", "bnbbtc@trade"): Trade("BNBBTC", 12345, 0.001, 100.0, 1672515782136, True),
    ("ws-bookTicker", "bnbusdt@bookTicker"): BookTicker("BNBUSDT", 400900217, 25.3519, 31.21, 25.3652, 40.66),
    ("ws-depth-partial", "bnbbtc@depth5@100ms"): PartialDepth(
        "BNBBTC", 160, [(0.0024, 10.0)], [(0.0026, 100.0)]
    ),
    ("ws-depthUpdate", "bnbbtc@depth@100ms"): DepthDiff(
        "BNBBTC", 157, 160, [(0.0024, 10.0)], [(0.0026, 100.0)], 1672515782136
    ),
    ("ws-ticker", "bnbbtc@ticker"): Ticker(
        "BNBBTC", 0.0025, 250.0, 0.0010, 0.0025, 0.0010, 10000.0, 18.0, 1672515782136
    ),
    ("ws-kline", "bnbbtc@kline_1m"): Candle(
        "BNBBTC", "1m", 1672515780000, 0.0010, 0.0025, 0.0015, 0.0020, 1000.0, False
    ),
}


@pytest.mark.parametrize(("name", "stream"), EXPECTED)
def test_samples_read_alike_bare_wrapped_and_pretty(name: str, stream: str) -> None:
    raw = sample(name)
    expected = EXPECTED[name, stream]
    assert decode_data(stream, raw) == expected
    assert decode_frame(wrap(stream, raw)) == expected
    assert decode_frame(b'{ "data": ' + raw + b', "stream": "' + stream.encode() + b'" }') == expected


def test_the_documented_combined_frame() -> None:
    assert decode_frame(sample("ws-combined-wrapper-trade")) == EXPECTED["ws-trade", "bnbbtc@trade"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ws-serverShutdown-combined", Shutdown()),
        ("ws-serverShutdown-raw", Shutdown()),
        ("ws-subscribe-response", Reply(id=1)),
        ("ws-unsubscribe-response", Reply(id=312)),
        ("ws-listSubscriptions-response", Reply(id=3)),
        ("ws-getProperty-response", Reply(id=2)),
    ],
)
def test_control_frames(name: str, expected: object) -> None:
    assert decode_frame(sample(name)) == expected


@pytest.mark.parametrize(("name", "code"), [("ws-error-invalid-json", 3), ("ws-error-unknown-method", 2)])
def test_control_errors(name: str, code: int) -> None:
    reply = decode_frame(sample(name))
    assert isinstance(reply, Reply)
    assert reply.code == code
    assert reply.text


def test_a_nested_control_error() -> None:
    assert decode_frame(b'{"error":{"code":2,"msg":"bad"},"id":7}') == Reply(id=7, code=2, text="bad")


@pytest.mark.parametrize("name", ["ws-aggTrade", "ws-avgPrice", "ws-miniTicker", "ws-referencePrice"])
def test_streams_we_do_not_read_are_nothing(name: str) -> None:
    assert decode_frame(wrap("bnbbtc@" + name[3:], sample(name))) is None


def test_a_symbol_that_is_not_ascii_keeps_its_name() -> None:
    event = decode_frame(wrap("这是测试币456@trade", sample("ws-trade")))
    assert isinstance(event, Trade)
    assert event.symbol == "这是测试币456"
    escaped = wrap("X@trade", sample("ws-trade")).replace(b"X@", b"\\u8fd9\\u662f@")
    event = decode_frame(escaped)
    assert isinstance(event, Trade)
    assert event.symbol == "这是"


def test_depth_snapshot_and_klines() -> None:
    assert decode_depth_snapshot(sample("rest-depth"), "LTCBTC") == DepthSnapshot(
        "LTCBTC", 1027024, [(4.0, 431.0)], [(4.000002, 12.0)]
    )
    row = {"open_ms": 1499040000000, "open": 0.0163479, "high": 0.8, "low": 0.015758, "close": 0.015771}
    closed = Candle(symbol="X", interval="1w", volume=148976.11427815, closed=True, **row)
    assert decode_klines(sample("rest-klines"), "X", "1w", 1499644800000) == (closed,)
    (still_open,) = decode_klines(sample("rest-klines"), "X", "1w", 1499644799999)
    assert still_open.closed is False


TRADE = b'{"stream":"x@trade","data":{"e":"trade","E":1,"s":"X","t":5,"p":"PRICE","q":"2","T":3,"m":false}}'


@pytest.mark.parametrize(
    "text", [b"NaN", b"nan", b"inf", b"-inf", b"Infinity", b"-1", b"-0.1", b"1e400", b"", b"1,5", b"0x1"]
)
def test_a_number_that_is_none_is_refused(text: bytes) -> None:
    """F61: NaN compares false with everything, so it must not come in at all."""
    with pytest.raises(CodecError, match="x@trade"):
        decode_frame(TRADE.replace(b"PRICE", text))
    depth = b'{"stream":"x@depth@100ms","data":{"E":1,"U":1,"u":2,"b":[["1","1"],["%s","1"]],"a":[]}}'
    with pytest.raises(CodecError):
        decode_frame(depth % text)
    with pytest.raises(CodecError):
        decode_depth_snapshot(b'{"lastUpdateId":1,"bids":[["%s","1"]],"asks":[]}' % text, "X")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_codec_error(raw: bytes) -> None:
    for read in (
        decode_frame,
        lambda b: decode_data("x@depth", b),
        lambda b: decode_depth_snapshot(b, "X"),
        lambda b: decode_klines(b, "X", "1m", 0),
        lambda b: decode_frame(b'{"stream":"x@trade","data":' + b),
        lambda b: decode_frame(b'{"stream":"' + b + b'","data":{}}'),
    ):
        with suppress(CodecError):
            read(raw)


@pytest.mark.parametrize(("name", "stream"), EXPECTED)
@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_garbled_frame_is_an_event_or_a_codec_error(
    name: str, stream: str, at: int, byte: int, cut: int
) -> None:
    raw = bytearray(wrap(stream, sample(name)))
    raw[at % len(raw)] = byte
    for mangled in (bytes(raw), bytes(raw[: cut % len(raw)])):
        try:
            event = decode_frame(mangled)
        except CodecError:
            continue
        if isinstance(event, Trade):
            assert math.isfinite(event.price)
            assert event.price >= 0


def test_deep_nesting_is_a_codec_error() -> None:
    with pytest.raises(CodecError):
        decode_frame(b'{"stream":"x@trade","data":' + b"[" * 100_000)


def test_every_frame_of_a_real_recording_is_read() -> None:
    """30 s of four symbols, recorded in 2021: nothing refused, only aggTrade is not ours."""
    kinds: dict[str, int] = {}
    with gzip.open(shared("data", "cryptofeed-binance", "BINANCE.jsonl.gz")) as lines:
        for line in lines:
            entry = msgspec.json.decode(line)
            if entry["t"] != "recv":
                continue
            event = decode_frame(entry["data"].encode())
            kind = stream_name(entry["data"].encode()).decode().partition("@")[2]
            kinds[f"{kind}:{type(event).__name__}"] = kinds.get(f"{kind}:{type(event).__name__}", 0) + 1
    assert kinds.pop("aggTrade:NoneType") == 2
    assert kinds == {"depth@100ms:DepthDiff": 177, "bookTicker:BookTicker": 84, "kline_1m:Candle": 2}
