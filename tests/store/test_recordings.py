"""Every format of recording is told by its content and read alike; a bad file is one sentence."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from spark_tui.store.recordings import EXCHANGE_INFO_STREAM, Frame, RecordingError, read_recording
from tests.shared_data import shared
from tests.store.markets import recording, taped

TRADE = b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT"}}'
BOOK = b'{"lastUpdateId":7,"bids":[],"asks":[]}'


def packed(content: bytes) -> bytes:
    """Without the hour in it: what is tested, and so what a test is called, is the same in every process."""
    return gzip.compress(content, mtime=0)


def gz(path: Path, *lines: bytes) -> Path:
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    return path


@pytest.mark.parametrize(
    ("time", "receipt_ns"),
    [(b"1723161253937085768", 1723161253937085768), (b"1680652800004107", 1680652800004107000)],
)
def test_hftbacktest_in_nano_and_microseconds(tmp_path: Path, time: bytes, receipt_ns: int) -> None:
    path = gz(tmp_path / "r", time + b" " + TRADE, time + b" " + BOOK)
    assert list(read_recording(path)) == [
        Frame(receipt_ns, "btcusdt@trade", TRADE, "frame", "BTCUSDT"),
        Frame(receipt_ns, "btcusdt@snapshot", BOOK, "snapshot", "BTCUSDT"),
    ]


def test_a_snapshot_before_any_frame_takes_the_symbol_of_the_first(tmp_path: Path) -> None:
    path = gz(tmp_path / "r", b"1723161253937085768 " + BOOK, b"1723161253937085769 " + TRADE)
    assert [(frame.kind, frame.symbol) for frame in read_recording(path)] == [
        ("snapshot", "BTCUSDT"),
        ("frame", "BTCUSDT"),
    ]


def test_a_snapshot_among_several_symbols_is_refused(tmp_path: Path) -> None:
    other = TRADE.replace(b"btcusdt", b"ethusdt")
    path = gz(tmp_path / "r", *(b"1723161253937085768 " + raw for raw in (TRADE, other, BOOK)))
    with pytest.raises(RecordingError, match="any of 2 symbols"):
        list(read_recording(path))


def test_cryptofeed_puts_rest_answers_back_in_time(tmp_path: Path) -> None:
    book = BOOK.decode()
    lines: list[dict[str, object]] = [
        {"t": "header", "format": 2},
        {"t": "http", "ts": 3.5, "url": "https://x/api/v3/depth?symbol=BTCUSDT&limit=1000", "data": book},
        {"t": "http", "ts": 1.0, "url": "https://x/api/v3/exchangeInfo", "data": "{}"},
        {"t": "connect", "ts": 2.0, "addr": "wss://x"},
        {"t": "recv", "ts": 3.0, "data": TRADE.decode()},
        {"t": "recv", "ts": 4.000001, "data": TRADE.decode()},
    ]
    path = gz(tmp_path / "r", *(json.dumps(line).encode() for line in lines))
    assert list(read_recording(path)) == [
        Frame(1_000_000_000, EXCHANGE_INFO_STREAM, b"{}", "exchange-info", ""),
        Frame(3_000_000_000, "btcusdt@trade", TRADE, "frame", "BTCUSDT"),
        Frame(3_500_000_000, "btcusdt@snapshot", BOOK, "snapshot", "BTCUSDT"),
        Frame(4_000_001_000, "btcusdt@trade", TRADE, "frame", "BTCUSDT"),
    ]


def test_our_own_tape(tmp_path: Path) -> None:
    lines = recording(seed=1, steps=20)
    (path,) = taped(tmp_path, lines)
    frames = list(read_recording(path))
    assert [(frame.receipt_ns, frame.stream, frame.raw) for frame in frames] == lines
    assert {frame.symbol for frame in frames} == {"BTCUSDT"}
    assert [frame.kind for frame in frames].count("snapshot") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a recording"),
        (b"time,open,high\n", "is not a recording"),
        (packed(b"time,open,high\n1,2,3\n"), "in no known format"),
        (packed(b""), "in no known format"),
        (packed(b"1723161253937085768 " + TRADE + b"\n17231612539 " + TRADE + b"\n"), "line 2"),
        (packed(b'1723161253937085768 {"e":"trade"}\n'), "line 1"),
        (packed(b"1723161253937085768 " + TRADE + b"\n")[:-9], "damaged after"),
        (packed(b'{"t":"header"}\n{"t":"recv","ts":"x"}\n'), "line 2"),
        (packed(b'{"t":"recv","ts":1e308,"data":"{}"}\n'), "line 1"),
        (b"SQLite format 3\0" + bytes(84), "cannot be read as a tape"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        list(read_recording(path))
    assert sentence in caught.value.text
    assert "\n" not in caught.value.text


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be opened"):
        read_recording(tmp_path / "absent")
    with pytest.raises(RecordingError, match="cannot be opened"):
        read_recording(tmp_path)


def test_the_shared_recordings_hold_what_their_readme_says() -> None:
    counted: Counter[str] = Counter()
    for name in ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"):
        for frame in read_recording(shared("data", "hftbacktest-binance", name)):
            counted[frame.kind if frame.kind == "snapshot" else frame.stream] += 1
    assert counted == {
        "btcusdt@depth@100ms": 6_495,
        "btcusdt@bookTicker": 73_174,
        "btcusdt@trade": 19_904,
        "snapshot": 1,
    }
    kinds = Counter(
        frame.kind for frame in read_recording(shared("data", "cryptofeed-binance", "BINANCE.jsonl.gz"))
    )
    assert kinds == {"frame": 265, "snapshot": 4, "exchange-info": 1}
