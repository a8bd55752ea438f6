"""Reading recordings of Binance Spot streams.

Two forms, both gzip text. "hftbacktest": `<local receipt time> <JSON>` a line, the time in ns (or us in old
files), the JSON a combined-stream frame or, once, the body of GET depth. "cryptofeed": one JSON object a line
with t = header | http | connect | recv, ts in seconds, data = the body or frame as text.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

_STREAM = re.compile(rb'\{\s*"stream"\s*:\s*"([^"]+)"\s*,\s*"data"\s*:\s*')
_SYMBOL_IN_URL = re.compile(r"[?&]symbol=([^&]+)")
_MICROSECOND_DIGITS = 16


class RecordingError(Exception):
    """The file cannot be replayed; the text says why."""


class Frame(NamedTuple):
    """One recorded frame: `combined` is the text as it came, `data` the payload inside it."""

    receipt_ns: int
    stream: str
    data: bytes
    combined: bytes


class Snapshot(NamedTuple):
    """A recorded answer of GET depth."""

    update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Entry(NamedTuple):
    """One line: a frame, a depth snapshot of a symbol ("" = not said), or an exchangeInfo answer."""

    frame: Frame | None = None
    snapshot: tuple[str, Snapshot] | None = None
    info: dict[str, Any] | None = None


class _Line(msgspec.Struct):
    """A line of the cryptofeed form."""

    t: str
    ts: float = 0.0
    url: str = ""
    data: str = ""


class _Depth(msgspec.Struct):
    lastUpdateId: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


_line = msgspec.json.Decoder(_Line)
_depth = msgspec.json.Decoder(_Depth)


def read(path: Path) -> Iterator[Entry]:
    """Entries of one file in order; RecordingError for what is no such recording."""
    try:
        with gzip.open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                text = line.strip()
                if text:
                    entry = _entry(text, path, number)
                    if entry is not None:
                        yield entry
    except (OSError, EOFError) as error:
        raise RecordingError(f"{path} cannot be read as a gzip recording ({error})") from None


def _entry(text: bytes, path: Path, number: int) -> Entry | None:
    try:
        if text.startswith(b"{"):
            return _cryptofeed(_line.decode(text))
        stamp, _, body = text.partition(b" ")
        if not stamp.isdigit():
            raise ValueError("no receipt time")
        receipt_ns = int(stamp) * (1_000 if len(stamp) <= _MICROSECOND_DIGITS else 1)
        return _body(receipt_ns, body)
    except (msgspec.DecodeError, ValueError) as error:
        raise RecordingError(f"{path} line {number} is not a recorded frame ({error})") from None


def _cryptofeed(line: _Line) -> Entry | None:
    if line.t == "recv":
        return _body(round(line.ts * 1e9), line.data.encode())
    if line.t != "http":
        return None
    if "/exchangeInfo" in line.url:
        return Entry(info=msgspec.json.decode(line.data))
    if "/depth" in line.url:
        found = _SYMBOL_IN_URL.search(line.url)
        depth = _depth.decode(line.data)
        symbol = found.group(1) if found else ""
        return Entry(snapshot=(symbol, Snapshot(depth.lastUpdateId, depth.bids, depth.asks)))
    return None


def _body(receipt_ns: int, body: bytes) -> Entry | None:
    found = _STREAM.match(body)
    if found is not None:
        frame = Frame(receipt_ns, found.group(1).decode(), body[found.end() : -1], body)
        return Entry(frame=frame)
    if b'"lastUpdateId"' in body[:64]:
        depth = _depth.decode(body)
        return Entry(snapshot=("", Snapshot(depth.lastUpdateId, depth.bids, depth.asks)))
    return None  # an answer to a control message


class SymbolTape(NamedTuple):
    """What a set of files holds of one symbol."""

    symbol: str
    streams: frozenset[str]
    snapshot: Snapshot | None
    info: dict[str, Any] | None
    paths: tuple[Path, ...]

    def frames(self) -> Iterator[Frame]:
        """Its frames, file after file."""
        prefix = self.symbol.lower() + "@"
        for path in self.paths:
            for entry in read(path):
                if entry.frame is not None and entry.frame.stream.startswith(prefix):
                    yield entry.frame


def scan(paths: Iterable[Path]) -> list[SymbolTape]:
    """Read the files once and say what can be replayed; RecordingError when nothing can."""
    chosen = tuple(paths)
    streams: dict[str, set[str]] = {}
    snapshots: dict[str, Snapshot] = {}
    infos: dict[str, dict[str, Any]] = {}
    for path in chosen:
        for entry in read(path):
            if entry.frame is not None:
                name = entry.frame.stream
                symbol = name.partition("@")[0].upper()
                if symbol not in streams or name not in streams[symbol]:
                    _refuse_futures(path, entry.frame)
                    streams.setdefault(symbol, set()).add(name)
            elif entry.snapshot is not None:
                snapshots.setdefault(*entry.snapshot)
            elif entry.info is not None:
                infos |= {listed["symbol"]: listed for listed in entry.info.get("symbols", [])}
    if not streams:
        raise RecordingError(f"no stream frames in {', '.join(map(str, chosen))}")
    if "" in snapshots and len(streams) == 1:
        snapshots.setdefault(next(iter(streams)), snapshots[""])
    return [
        SymbolTape(symbol, frozenset(names), snapshots.get(symbol), infos.get(symbol), chosen)
        for symbol, names in streams.items()
    ]


def _refuse_futures(path: Path, frame: Frame) -> None:
    if "@markPrice" in frame.stream or (frame.stream.count("@depth") and b'"pu":' in frame.data):
        raise RecordingError(
            f"{path} holds USD-M futures frames; only Binance Spot recordings can be replayed"
        )
