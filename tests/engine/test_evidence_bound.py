"""The evidence of a long soak stays within its bound, and nothing that counts loses its own."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spark_tui.domain.values import Environment
from spark_tui.engine.canary.admission import FRESH_MS
from spark_tui.engine.canary.archive import Archive
from spark_tui.engine.canary.needed import needed
from spark_tui.engine.measure import sample
from spark_tui.engine.records import CanaryTried, LiveArmed
from spark_tui.link.messages import Audit, CanaryKind, CanaryVerdict, GetAudit, SoakCanary
from spark_tui.store import evidence_shelf
from spark_tui.store.evidence import Bundle
from spark_tui.wire.clock import NS_PER_MS, ManualClock
from tests.engine.fake_venue import SYMBOL, D, FakeVenue
from tests.engine.harness import buy, rig
from tests.engine.test_canary import CONFIRM, RESTING, SMALL, LiveVenue, bundle, row_of, told
from tests.engine.test_canary import _hashed as _hashed

MOST = 200_000
CHECKS = 15
SOAK = SoakCanary(symbol=SYMBOL, duration_s=10 * (CHECKS - 1), quantity=D("0.001"), dry=False, typed=SYMBOL)


def names(data_dir: Path) -> set[str]:
    return {one.name.removeprefix("canary-").removesuffix(".json") for one in evidence_shelf.kept(data_dir)}


async def test_a_soak_leaves_no_more_than_its_bound_and_its_own_bundle_holds(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path, evidence_bytes=MOST)) as it:
        old = await row_of(it, SMALL)
        it.venue.plan.extend(["fill"] * CHECKS)
        row = await row_of(it, SOAK)
        assert row.verdict is CanaryVerdict.GREEN, row.reasons
        assert sum(one.size for one in evidence_shelf.kept(tmp_path)) <= MOST
        left = names(tmp_path)
        assert {old.run_id, row.run_id, f"{row.run_id}-{CHECKS}c"} <= left
        assert f"{row.run_id}-1r" not in left
        said = bundle(row).sections
        assert len(said["check 1"]["sha256"]) == 64  # of what is gone
        run = await row_of(it, SMALL)
        it.venue.plan.append("fill")
        assert (await row_of(it, CONFIRM)).rests_on == run.run_id
    async with rig(tmp_path, settings=told(tmp_path, evidence_bytes=MOST)) as it:
        await it.engine.canary.settled()
        size = sum(one.size for one in evidence_shelf.kept(tmp_path))
        assert it.engine.canary.archive.size == sample(it.engine, 0).evidence_bytes == size
        await row_of(it, SMALL)
        size = sum(one.size for one in evidence_shelf.kept(tmp_path))
        assert it.engine.canary.archive.size == size <= MOST
        assert (await it.engine.canary.archive.trouble(row)) == ""


@pytest.mark.parametrize("venue", [FakeVenue, LiveVenue])
async def test_what_an_older_version_left_is_brought_within_the_bound_at_the_start(
    tmp_path: Path, venue: type[FakeVenue]
) -> None:
    """What live trading may be armed on stays."""
    clock = ManualClock()
    async with rig(tmp_path, venue=venue(clock), clock=clock, settings=told(tmp_path)) as it:
        first, last = [await row_of(it, SMALL) for _ in range(2)]
        clock.step_wall(2 * FRESH_MS / 1_000)
    small = told(tmp_path, evidence_bytes=1)
    async with rig(tmp_path, venue=venue(clock), clock=clock, settings=small) as it:
        await it.engine.canary.settled()
        assert names(tmp_path) == ({last.run_id} if venue is LiveVenue else set())
        assert first.run_id in it.engine.journal.state.canaries


async def test_that_bundles_were_removed_is_on_record(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path, evidence_bytes=1)) as it:
        first = await row_of(it, SMALL)
        await row_of(it, RESTING)  # of the same configuration, and both may still be confirmed
        it.clock.step_wall(2 * FRESH_MS / 1_000)
        last = await row_of(it, SMALL)
        assert names(tmp_path) == {last.run_id}
        assert "2 old bundles of evidence were removed" in it.engine.notices.recent[-1].text
        await it.engine.journal.durable()
        found = await it.ask(GetAudit(text="evidence-removed", all_entries=True))
        assert isinstance(found, Audit)
        assert [row.action for row in found.rows] == ["evidence-removed"]
        assert "cannot be read" in await it.engine.canary.archive.trouble(first)


async def test_what_something_rests_on_is_needed_and_nothing_else(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        state, now_ms = it.engine.journal.state, it.clock.wall_ns() // NS_PER_MS
        row = await row_of(it, SMALL)

        def tried(run_id: str, kind: CanaryKind = CanaryKind.RUN, **changes: object) -> None:
            old = {"run_id": run_id, "kind": kind, "at_ms": now_ms - 2 * FRESH_MS}
            it.engine.journal.note(CanaryTried(row=msgspec.structs.replace(row, **{**old, **changes})))

        state.canaries.clear()
        resting = (await it.submit(buy("0.001"))).client_order_id
        tried("old")
        tried("fresh", at_ms=now_ms - FRESH_MS + 1)
        tried("confirmed", at_ms=now_ms)
        tried("its-confirm", CanaryKind.CONFIRM, rests_on="confirmed", at_ms=now_ms)
        tried("rests", CanaryKind.CONFIRM, rests_on="confirmed", client_order_id=resting)
        tried("other", config_hash="other", environment=Environment.LIVE)
        tried("live-old", environment=Environment.LIVE)
        tried("live", CanaryKind.SOAK, environment=Environment.LIVE, verdict=CanaryVerdict.RED)
        tried("live-refused", environment=Environment.LIVE, verdict=CanaryVerdict.REFUSED)
        tried("newest")  # of this configuration, but arming does not look at it
        assert needed(state, now_ms, row.config_hash) == {"fresh", "rests", "live"}
        armed = LiveArmed(
            symbols=(SYMBOL,),
            cap=D(1),
            expires_ms=now_ms,
            config_hash="",
            rests_on="old",
            phrase="",
            operator="me",
            at_ms=now_ms,
        )
        it.engine.journal.note(armed)
        assert needed(state, now_ms, row.config_hash) == {"old", "fresh", "rests", "live"}


class Turn:
    """A lock that says when somebody has to wait for it."""

    def __init__(self, waited: threading.Event) -> None:
        self._lock = threading.Lock()
        self._waited = waited

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waited.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_bundle_that_is_kept_while_room_is_made_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, kept_or_waits = Archive(str(tmp_path), 1), threading.Event()
    monkeypatch.setattr(archive, "_turn", Turn(kept_or_waits))
    looked = evidence_shelf.bound

    async def keep(run_id: str) -> None:
        bundle = Bundle()
        bundle.add("run", {"run_id": run_id})
        await archive.keep(run_id, bundle)
        kept_or_waits.set()

    def late(*asked: Any) -> evidence_shelf.Removed:
        found = looked(*asked)
        kept_or_waits.clear()
        meanwhile.start()
        kept_or_waits.wait()
        return found

    meanwhile = threading.Thread(target=asyncio.run, args=(keep("second"),))
    monkeypatch.setattr(evidence_shelf, "bound", late)
    asyncio.run(keep("first"))
    asyncio.run(archive.bound(("first", "second")))
    meanwhile.join()
    assert archive.size == sum(one.size for one in evidence_shelf.kept(tmp_path)) > 0


async def test_a_folder_that_cannot_be_read_makes_no_canary_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(evidence_shelf, "bound", refuse)
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        assert (await row_of(it, SMALL)).verdict is CanaryVerdict.GREEN
        assert "cannot be removed: Permission denied" in it.engine.notices.recent[-1].text
