"""A full disk: appends fail with a sentence, nothing acknowledged is lost, and with room it works again."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from spark_tui.store.ledger import Entry, Ledger, LedgerError, verify
from tests.store.disks import fill, small_disk
from tests.store.ledgers import ticking

BIG = bytes(20_000)


async def append_until_refused(ledger: Ledger, acknowledged: dict[int, bytes]) -> str:
    for number in range(10_000):
        body = str(number).encode() + BIG
        try:
            acknowledged[await ledger.append(Entry("test", body))] = body
        except LedgerError as error:
            return error.text
    pytest.fail("the disk never filled up")


async def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        ledger = Ledger.open(disk / "ledger.sqlite", ticking())
        acknowledged: dict[int, bytes] = {}
        for _ in range(3):
            ballast = fill(disk)
            text = await append_until_refused(ledger, acknowledged)
            assert "disk is full" in text
            ballast.unlink()
            acknowledged[await ledger.append(Entry("test", b"room again"))] = b"room again"
        assert {row.seq: row.body for row in ledger.read()} == acknowledged
        ledger.close()
        assert verify(ledger.path).ok


async def test_a_disk_that_fills_up_under_concurrent_appends(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        ledger = Ledger.open(disk / "ledger.sqlite", ticking())
        acknowledged: dict[int, bytes] = {}
        texts = await asyncio.gather(*(append_until_refused(ledger, acknowledged) for _ in range(8)))
        assert all("disk is full" in text for text in texts)
        assert len(acknowledged) > 8
        assert {row.seq: row.body for row in ledger.read()} == acknowledged
        ledger.close()
        assert verify(ledger.path).ok


def test_a_full_disk_at_the_start_is_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        ballast = fill(disk)
        with pytest.raises(LedgerError, match="cannot be opened"):
            Ledger.open(disk / "ledger.sqlite", ticking())
        ballast.unlink()
        Ledger.open(disk / "ledger.sqlite", ticking()).close()


LIMITED = """
import asyncio, pathlib, resource, sys
from spark_tui.store.ledger import Entry, Ledger, LedgerError, verify

async def main(path):
    ledger = Ledger.open(path, lambda: 0)
    acknowledged = 0
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        while True:
            await ledger.append(Entry("test", bytes(20_000)))
            acknowledged += 1
    except LedgerError as error:
        assert "cannot be written" in error.text, error.text
    assert acknowledged > 3
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert await ledger.append(Entry("test", b"room again")) == acknowledged + 1
    ledger.close()
    assert verify(path).entries == acknowledged + 1 and verify(path).ok, verify(path)
    print("survived")

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def test_a_write_that_the_system_refuses_is_survived(tmp_path: Path) -> None:
    """The same without a mount: a file size limit, in a process of its own."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "ledger.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "survived\n", done.stderr
