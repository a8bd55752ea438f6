"""kill -9 at random moments: every acknowledged entry is there afterwards."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spark_tui.store.ledger import Ledger, verify


def append_until_killed(path: Path, rng: random.Random) -> dict[int, str]:
    """Start the appender, kill it after a random number of acknowledgements; all that it acknowledged."""
    command = [sys.executable, "-m", "tests.store.appender", str(path), str(rng.choice((1, 3, 16)))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(rng.randrange(1, 150))]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    acknowledged = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return {int(seq): body for seq, body in acknowledged}


def campaign(path: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: dict[int, str] = {}
    for kill in range(kills):
        acknowledged |= append_until_killed(path, rng)
        found = verify(path)
        assert found.ok, f"seed {seed}, kill {kill}: {found.text}"
        ledger = Ledger.open(path, lambda: 0)
        stored = {row.seq: row.body.decode() for row in ledger.read()}
        ledger.close()
        lost = {seq for seq, body in acknowledged.items() if stored.get(seq) != body}
        assert not lost, f"seed {seed}, kill {kill}: acknowledged and lost {lost}"
    assert len(acknowledged) >= kills


def test_twenty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    campaign(tmp_path / "ledger.sqlite", kills=20, seed=2)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_many_kills_lose_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    campaign(tmp_path / "ledger.sqlite", kills=50, seed=100 + seed)


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    append_until_killed(tmp_path / "ledger.sqlite", random.Random(1))
    Ledger.open(tmp_path / "ledger.sqlite", lambda: 0).close()
