"""Recordings of market data, ours and others', read as one kind of frame. The format is told by content.

- our tape: SQLite segments (`segment.py`);
- hftbacktest: gzip lines `<receipt time> <JSON>`, in ns (2024) or us (2023); the JSON is a combined frame or,
  once per recording and in its middle, the body of `GET depth`;
- cryptofeed: gzip lines of JSON objects; REST answers lie before the frames and carry their own times, so
  they are put back where they belong in time.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from spark_tui.store.segment import RecordingError, read_segment

__all__ = ["EXCHANGE_INFO_STREAM", "SNAPSHOT_SUFFIX", "Frame", "RecordingError", "read_recording"]

SNAPSHOT_SUFFIX = "@snapshot"
"""The stream name of a depth snapshot on our tape is the lower-case symbol and this."""
EXCHANGE_INFO_STREAM = "!exchangeInfo"

_STREAM = b'{"stream":"'
_MAX_HELD = 1_000  # REST answers waiting for their time in a cryptofeed file
_MAX_LINE = 64 << 20

Kind = Literal["frame", "snapshot", "exchange-info"]


class Frame(msgspec.Struct, frozen=True, gc=False):
    """`raw` is a combined frame or a REST body. `symbol` is upper case, "" when the stream has none."""

    receipt_ns: int
    stream: str
    raw: bytes
    kind: Kind
    symbol: str


def read_recording(path: Path) -> Iterator[Frame]:
    """Every frame of one file in order. Raises RecordingError: no such file, unknown format, damaged."""
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except OSError as error:
        raise RecordingError(f"{path} cannot be opened: {error.strerror}.") from None
    if magic.startswith(b"SQLite format 3\0"):
        return (_frame(*frame) for frame in read_segment(path))
    if magic.startswith(b"\x1f\x8b"):
        return _gzip_lines(path)
    raise RecordingError(f"{path} is not a recording: neither a tape of spark-tui nor a gzip file.")


def snapshot_stream(symbol: str) -> str:
    return symbol.lower() + SNAPSHOT_SUFFIX


def _frame(receipt_ns: int, stream: str, raw: bytes) -> Frame:
    symbol, at, _ = stream.partition("@")
    if stream == EXCHANGE_INFO_STREAM:
        return Frame(receipt_ns, stream, raw, "exchange-info", "")
    kind: Kind = "snapshot" if stream.endswith(SNAPSHOT_SUFFIX) else "frame"
    return Frame(receipt_ns, stream, raw, kind, symbol.upper() if at else "")


def _gzip_lines(path: Path) -> Iterator[Frame]:
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            first = file.readline(_MAX_LINE)
            file.seek(0)
            if first.startswith(b"{"):
                reader = _cryptofeed(path, _lines(file))
            elif first[:1].isdigit():
                reader = _hftbacktest(path, _lines(file))
            else:
                raise RecordingError(f"{path} is not a recording: its first line is in no known format.")
            for frame in reader:
                number += 1
                yield frame
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(f"{path} is damaged after {number} frames: {error}.") from None


def _lines(file: gzip.GzipFile) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        if not line.isspace():
            yield number, line


def _hftbacktest(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Frame]:
    names: dict[bytes, tuple[str, str]] = {}
    symbols: set[str] = set()
    held: list[tuple[int, bytes]] = []  # a snapshot before any frame has told the symbol
    for number, line in lines:
        time, _, raw = line.strip().partition(b" ")
        if not time.isdigit() or len(time) not in (16, 19) or not raw.startswith(b"{"):
            raise RecordingError(f"{path} is damaged: line {number} is not a receipt time and a frame.")
        receipt_ns = int(time) * (1 if len(time) == 19 else 1000)
        if not raw.startswith(_STREAM):
            if b'"lastUpdateId"' not in raw[:200] or len(held) >= _MAX_HELD:
                raise RecordingError(
                    f"{path} is damaged: line {number} is neither a frame nor a depth snapshot."
                )
            held.append((receipt_ns, raw))
        else:
            name = raw[len(_STREAM) : raw.find(b'"', len(_STREAM))]
            if name not in names:
                stream = name.decode("utf-8", "replace")
                names[name] = (stream, stream.partition("@")[0].upper())
                symbols.add(names[name][1])
            stream, symbol = names[name]
            yield from _snapshots(path, held, symbols)
            yield Frame(receipt_ns, stream, raw, "frame", symbol)
            continue
        if symbols:
            yield from _snapshots(path, held, symbols)
    yield from _snapshots(path, held, symbols)


def _snapshots(path: Path, held: list[tuple[int, bytes]], symbols: set[str]) -> Iterator[Frame]:
    """The format does not say whose snapshot it is: it must be that of the only symbol."""
    while held:
        if len(symbols) != 1:
            raise RecordingError(
                f"{path} holds a depth snapshot that could be of any of {len(symbols)} symbols."
            )
        (symbol,) = symbols
        receipt_ns, raw = held.pop(0)
        yield Frame(receipt_ns, snapshot_stream(symbol), raw, "snapshot", symbol)


class _Line(msgspec.Struct):
    t: str
    ts: float = 0.0
    url: str = ""
    data: str = ""


class _Name(msgspec.Struct):
    stream: str = ""


def _cryptofeed(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Frame]:
    line_decoder = msgspec.json.Decoder(_Line)
    name_decoder = msgspec.json.Decoder(_Name)
    held: list[Frame] = []
    for number, text in lines:
        try:
            line = line_decoder.decode(text)
            receipt_ns = round(line.ts * 1e6) * 1000  # a float of seconds is good to a microsecond
            raw = line.data.encode()
            if line.t == "http":
                held += _http(receipt_ns, line.url, raw)
                held.sort(key=lambda frame: frame.receipt_ns)
            if line.t != "recv":
                continue
            stream = name_decoder.decode(raw).stream
        except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError):
            raise RecordingError(
                f"{path} is damaged: line {number} is not a line of a cryptofeed recording."
            ) from None
        if len(held) > _MAX_HELD:
            raise RecordingError(f"{path} holds more than {_MAX_HELD} REST answers before line {number}.")
        while held and held[0].receipt_ns <= receipt_ns:
            yield held.pop(0)
        yield Frame(
            receipt_ns, stream, raw, "frame", stream.partition("@")[0].upper() if "@" in stream else ""
        )
    yield from held


def _http(receipt_ns: int, url: str, body: bytes) -> list[Frame]:
    """A REST answer worth a frame: the depth snapshot of a symbol, or exchangeInfo."""
    parts = urlsplit(url)
    if parts.path.endswith("/exchangeInfo"):
        return [Frame(receipt_ns, EXCHANGE_INFO_STREAM, body, "exchange-info", "")]
    symbol = parse_qs(parts.query).get("symbol", [""])[0].upper()
    if parts.path.endswith("/depth") and symbol:
        return [Frame(receipt_ns, snapshot_stream(symbol), body, "snapshot", symbol)]
    return []
