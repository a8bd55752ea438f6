"""What a venue said to one process of this address is known to the next one, and no more than that."""

import os
import random
import stat
import threading
from pathlib import Path

import pytest

from spark_tui.venues import bans as bans_module
from spark_tui.venues.bans import BANS_FILE, Bans
from spark_tui.venues.binance.credentials import credentials
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.port import VenueError
from spark_tui.wire.clock import ManualClock

HOST = "127.0.0.1:1"
NOWHERE = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1")


def bans(folder: Path, clock: ManualClock, boot: str = "this", host: str = HOST) -> Bans:
    return Bans(folder, host, clock, boot=boot)


def test_the_next_process_waits_for_what_is_left(tmp_path: Path) -> None:
    clock = ManualClock()
    bans(tmp_path, clock).note(600, "banned")
    clock.advance(100)
    assert bans(tmp_path, clock).left() == (500.0, "banned")
    assert bans(tmp_path, clock, host="elsewhere").left() == (0.0, "")
    clock.advance(500)
    assert bans(tmp_path, clock).left()[0] == 0
    assert stat.S_IMODE((tmp_path / BANS_FILE).stat().st_mode) == 0o600


def test_a_wall_clock_that_steps_changes_nothing_on_the_same_machine_start(tmp_path: Path) -> None:
    clock = ManualClock()
    bans(tmp_path, clock).note(600, "banned")
    for step_s in (3_600, -7_200):
        clock.step_wall(step_s)
        assert bans(tmp_path, clock).left()[0] == 600


def test_after_another_start_the_wall_clock_counts_unless_it_lies(tmp_path: Path) -> None:
    clock = ManualClock()
    bans(tmp_path, clock).note(600, "banned")
    clock.step_wall(100)
    assert bans(tmp_path, clock, boot="next").left()[0] == 500
    assert bans(tmp_path, clock, boot="").left()[0] == 500
    clock.step_wall(-101)  # before it was noted: nobody knows how long ago that is
    assert bans(tmp_path, clock, boot="next").left()[0] == 0


def test_systems_that_do_not_say_which_start_it_is_use_the_wall_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    bans(tmp_path, clock, boot="").note(600, "banned")
    clock.step_wall(100)
    assert bans(tmp_path, clock, boot="").left()[0] == 500


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"127.0.0.1:1":{"seconds":"soon"}}',
        b'{"127.0.0.1:1":{"seconds":1e12,"reason":"","noted_ms":0,"noted_mono_ns":0,"boot":"this"}}',
        b'{"127.0.0.1:1":{"seconds":-1,"reason":"","noted_ms":0,"noted_mono_ns":0,"boot":"this"}}',
    ],
)
def test_what_cannot_be_trusted_is_no_ban(tmp_path: Path, content: bytes) -> None:
    (tmp_path / BANS_FILE).write_bytes(content)
    found = bans(tmp_path, ManualClock())
    assert found.left()[0] == 0
    found.note(60, "banned")
    assert found.left()[0] == 60


def test_a_pipe_in_its_place_makes_nobody_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / BANS_FILE)
    assert bans(tmp_path, ManualClock()).left() == (0.0, "")


def test_a_directory_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    found = bans(tmp_path / "gone", ManualClock())
    found.note(60, "banned")
    assert found.left() == (0.0, "")


def test_a_disk_that_hangs_stops_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, written = threading.Event(), threading.Event()

    def slowly(path: Path, content: bytes) -> None:
        hangs.wait()
        path.write_bytes(content)
        written.set()

    monkeypatch.setattr(bans_module, "write_private", slowly)
    found = Bans(tmp_path, HOST, ManualClock(), boot="this", background=True)
    found.note(600, "banned")
    assert found.left() == (0.0, "")
    hangs.set()
    assert written.wait(10)
    assert found.left() == (600.0, "banned")


def test_a_shorter_one_takes_nothing_off_a_longer_one(tmp_path: Path) -> None:
    clock = ManualClock()
    bans(tmp_path, clock).note(600, "banned")
    clock.advance(100)
    bans(tmp_path, clock).note(10, "too many requests")
    assert bans(tmp_path, clock).left() == (500.0, "banned")
    bans(tmp_path, clock).note(900, "banned again")
    assert bans(tmp_path, clock).left() == (900.0, "banned again")


def test_a_disk_that_hangs_stops_no_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It notes while its event loop waits, and must go on cancelling elsewhere."""
    hangs = threading.Event()
    monkeypatch.setattr(bans_module, "write_private", lambda *_: hangs.wait(20))
    monkeypatch.setattr(bans_module, "PATIENCE_S", 0.01)
    noting = threading.Thread(target=bans(tmp_path, ManualClock()).note, args=(600, "banned"), daemon=True)
    noting.start()
    noting.join(5)
    went_on = not noting.is_alive()
    hangs.set()
    assert went_on


def test_what_is_over_is_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    for number in range(5):
        bans(tmp_path, clock, host=f"host-{number}").note(10, "banned")
        clock.advance(11)
    assert (tmp_path / BANS_FILE).read_text().count("host-") == 1


async def test_a_venue_keeps_to_what_another_process_was_told(tmp_path: Path) -> None:
    """Its address leads nowhere: what it would send fails otherwise."""
    clock = ManualClock()

    def venue() -> BinanceSpot:
        key = credentials("key", "secret")
        return BinanceSpot(NOWHERE, key, clock=clock, rng=random.Random(1), bans=bans(tmp_path, clock))

    engine = venue()
    engine._account.limiter.pause(600, "banned, HTTP 418")
    clock.advance(60)
    kill = venue()
    with pytest.raises(VenueError, match="banned, HTTP 418") as refused:
        await kill.cancel_all("BTCUSDT")
    assert refused.value.retry_after_s == 540
    for one in (engine, kill):
        await one.close()
