"""`tape check`: the book against the recording's own bookTicker, whole and with any diff edited."""

import random
from pathlib import Path

import msgspec
import pytest

from spark_tui.store.check import Checker, Report, check_files, render
from spark_tui.store.recordings import Frame, RecordingError, read_recording
from tests.shared_data import shared
from tests.store.markets import SPOT, Line, diffs, recording, taped


def checked(lines: list[Line]) -> Report:
    checker = Checker(SPOT)
    for receipt_ns, stream, raw in lines:
        kind = "snapshot" if stream.endswith("@snapshot") else "frame"
        checker.take(Frame(receipt_ns, stream, raw, kind, stream.partition("@")[0].upper()))
    return checker.report()


def edited(lines: list[Line], at: int, following: int, edit: str) -> list[Line]:
    """`lines` with the diff at `at` dropped, sent twice, or swapped with the diff at `following`."""
    copy = list(lines)
    if edit == "drop":
        del copy[at]
    elif edit == "duplicate":
        copy.insert(at, copy[at])
    else:
        copy[at], copy[following] = copy[following], copy[at]
    return copy


def test_a_sound_recording_matches_everywhere(tmp_path: Path) -> None:
    lines = recording(seed=1)
    report = check_files(taped(tmp_path, lines), SPOT)
    assert report.frames == len(lines)
    assert report.diffs == 300
    assert report.snapshots == 5
    assert (report.gaps, report.resyncs, report.mismatches, report.undecoded) == (0, 0, 0, 0)
    assert report.compared > 250
    assert report.symbols["BTCUSDT"].compared == report.compared


@pytest.mark.parametrize("edit", ["drop", "duplicate", "swap"])
@pytest.mark.parametrize("seed", range(15))
def test_an_edited_diff_is_a_resync_and_never_a_wrong_top(edit: str, seed: int) -> None:
    lines = recording(seed)
    where = diffs(lines)
    first_snapshot = next(at for at, line in enumerate(lines) if line[1].endswith("@snapshot"))
    known = [at for at in where if at > first_snapshot]
    chosen = random.Random(seed).randrange(1, len(known) - 2)
    report = checked(edited(lines, known[chosen], known[chosen + 1], edit))
    assert report.resyncs >= 1
    assert report.mismatches == 0
    assert report.compared < checked(lines).compared


def test_after_a_resync_the_next_snapshot_lets_it_go_on() -> None:
    lines = recording(seed=3, steps=300, snapshot_every=60)
    whole = checked(lines).compared
    dropped = diffs(lines)[100]
    report = checked(edited(lines, dropped, dropped, "drop"))
    assert report.resyncs == 1
    assert report.gaps == 1
    assert whole - 40 < report.compared < whole, "unusable only from the gap at 101 to the snapshot at 125"


def test_a_wrong_size_at_the_top_is_a_mismatch_and_shown() -> None:
    lines = recording(seed=5)
    tickers = [at for at, line in enumerate(lines) if "bookTicker" in line[1]]
    spoiled = list(lines)
    for at in tickers:
        receipt_ns, stream, raw = spoiled[at]
        data = msgspec.json.decode(raw)
        data["data"]["A"] = "77777.00000000"
        spoiled[at] = (receipt_ns, stream, msgspec.json.encode(data))
    report = checked(spoiled)
    assert report.mismatches == report.compared > 0
    assert len(report.first_mismatches) == 5
    assert "update" in render(report)


def test_several_symbols_are_told_apart(tmp_path: Path) -> None:
    both = sorted(recording(seed=1) + recording(seed=2, symbol="ETHUSDT"), key=lambda line: line[0])
    report = check_files(taped(tmp_path, both), SPOT)
    assert set(report.symbols) == {"BTCUSDT", "ETHUSDT"}
    assert report.mismatches == 0
    assert report.diffs == 600
    assert report.compared == sum(counts.compared for counts in report.symbols.values())
    assert [line.split()[0] for line in render(report).splitlines()] == [
        "symbol",
        "BTCUSDT",
        "ETHUSDT",
        "total",
    ]


def test_frames_that_cannot_be_read_are_counted_not_fatal() -> None:
    lines = recording(seed=1)
    at = diffs(lines)[100]
    lines[at] = (lines[at][0], lines[at][1], lines[at][2][:-20])
    report = checked(lines)
    assert report.undecoded == 1
    assert report.resyncs == 1
    assert report.mismatches == 0


def test_without_a_snapshot_nothing_is_compared() -> None:
    report = checked([line for line in recording(seed=1) if not line[1].endswith("@snapshot")])
    assert (report.compared, report.mismatches, report.resyncs) == (0, 0, 0)
    assert report.diffs == 300


def test_a_futures_recording_is_refused() -> None:
    path = shared("data", "hftbacktest-binance", "usdm_btcusdt_20240808.gz")
    with pytest.raises(RecordingError, match="futures"):
        check_files([path], SPOT)


def spot_pair() -> list[Path]:
    return [
        shared("data", "hftbacktest-binance", f"spot_btcusdt_{day}.gz") for day in ("20240808", "20240809")
    ]


def test_the_shared_pair_matches_but_for_the_two_tickers_that_were_never_sent() -> None:
    report = check_files(spot_pair(), SPOT)
    assert (report.frames, report.diffs, report.snapshots) == (99_574, 6_495, 1)
    assert (report.gaps, report.resyncs, report.undecoded) == (0, 0, 0)
    assert (report.compared, report.mismatches) == (6_492, 2)
    assert [miss.update_id for miss in report.first_mismatches] == [50093478174, 50093480542]


def test_the_shared_many_symbol_recording_matches_everywhere() -> None:
    report = check_files([shared("data", "cryptofeed-binance", "BINANCE.jsonl.gz")], SPOT)
    assert (report.diffs, report.gaps, report.resyncs) == (177, 0, 0)
    assert (report.compared, report.mismatches) == (159, 0)


def test_any_single_edit_of_the_shared_recording_is_seen_and_never_shows_a_wrong_top() -> None:
    frames = [frame for frame in read_recording(spot_pair()[0]) if frame.stream != "btcusdt@trade"][:6_000]
    lines = [(frame.receipt_ns, frame.stream, frame.raw) for frame in frames]
    where = diffs(lines)
    assert checked(lines).mismatches == 0
    rng = random.Random(8)
    for _ in range(40):
        edit = rng.choice(("drop", "duplicate", "swap"))
        chosen = rng.randrange(4, len(where) - 2)  # the first four are older than the snapshot
        report = checked(edited(lines, where[chosen], where[chosen + 1], edit))
        assert report.resyncs >= 1, (edit, chosen)
        assert report.mismatches == 0, (edit, chosen)
