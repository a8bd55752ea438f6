"""The kill process when this machine is against it: cancels go out whatever the disk does."""

import asyncio
import contextlib
import errno
import os
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import AnyRequest, CancelAllResult, Kill, Result
from spark_tui.link.rendezvous import (
    DataDirLock,
    EngineFile,
    EngineRuns,
    is_locked,
    socket_path,
    write_engine_file,
)
from spark_tui.link.server import serve
from spark_tui.rescue import account, process
from spark_tui.rescue.flatten import Flattener
from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.venues import kill_marks
from spark_tui.venues.kill_marks import MAX_MARKS, Mark, mark_id, read_marks, write_mark
from spark_tui.venues.kill_plan import (
    PLAN_FILE,
    exposed,
    write_plan,
)
from spark_tui.venues.port import TRADES_LAG_S, OrderReport, Reaction, VenueError
from spark_tui.wire.clock import ManualClock, SystemClock
from tests.engine.fake_venue import NAME, SYMBOL, D, FakeVenue
from tests.link.fake import FakeService
from tests.rescue.plans import plan
from tests.rescue.waits import only_waits

PLAN = plan(D("0.5"))


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> FakeVenue:
    """What the plan leads to; one order rests there."""
    found = FakeVenue(SystemClock())
    request = OrderRequest(
        venue=NAME,
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=D("40000"),
        quantity=D("0.1"),
    )
    found.external("web-1", request)

    async def door(*_: object) -> FakeVenue:
        return found

    monkeypatch.setattr(process, "open_venue", door)
    return found


@pytest.fixture(autouse=True)
def own_runtime_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A short one: in place of one that is too long the machine's own would be taken."""
    with tempfile.TemporaryDirectory(prefix="st-") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def a_rescue(data_dir: Path) -> Rescue:
    return Rescue(data_dir, SystemClock(), operator="me", reason="drill")


async def test_a_full_disk_keeps_no_order_alive(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise refuse(errno.ENOSPC)

    monkeypatch.setattr(kill_marks, "write_private", full)
    venue.plan.append("fill")
    done = await a_rescue(tmp_path).kill(PLAN, flatten=True)
    assert (done.canceled, len(done.flattened), done.green, done.marked) == (("web-1",), 1, True, False)
    assert "No space left" in done.errors[0]


async def test_a_disk_that_hangs_keeps_no_order_alive(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hangs(handle: int) -> None:
        assert released.wait(30)

    monkeypatch.setattr(os, "fsync", hangs)
    monkeypatch.setattr(process, "MARK_PATIENCE_S", 0.01)
    try:
        async with asyncio.timeout(10):
            done = await a_rescue(tmp_path).kill(PLAN, flatten=False)
        assert (done.canceled, done.green, done.marked) == (("web-1",), True, False)
        assert "does not answer" in done.errors[0]
    finally:
        released.set()


async def test_a_hung_disk_delays_no_cancel(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, cancelled, real = threading.Event(), asyncio.Event(), venue.cancel_all

    def hangs(data_dir: Path, mark: Mark) -> None:
        assert released.wait(30)
        write_mark(data_dir, mark)

    async def cancel_all(symbol: str) -> tuple[OrderReport, ...]:
        cancelled.set()
        return await real(symbol)

    monkeypatch.setattr(process, "write_mark", hangs)
    monkeypatch.setattr(process, "MARK_PATIENCE_S", 30)
    monkeypatch.setattr(venue, "cancel_all", cancel_all)
    killing = asyncio.create_task(a_rescue(tmp_path).kill(PLAN, flatten=False))
    try:
        async with asyncio.timeout(2):
            await cancelled.wait()
    finally:
        released.set()
    done = await killing
    assert (done.canceled, done.green, done.marked) == (("web-1",), True, True)


async def test_a_directory_that_cannot_be_opened_keeps_no_order_alive(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """Nobody could tell whether another kill sells the same position: it is not sold, and that is said."""
    (tmp_path / "file").write_text("in the way")
    done = await a_rescue(tmp_path / "file" / "data").kill(PLAN, flatten=True)
    assert (done.canceled, done.flattened, done.green, done.marked) == (("web-1",), (), False, False)
    assert "No position was closed" in done.errors[-1]
    assert venue.placed == []


async def test_an_unforeseen_defect_while_closing_loses_no_cancel_from_the_report(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Flattener, "flatten", broken)
    done = await a_rescue(tmp_path).kill(PLAN, flatten=True)
    assert (done.canceled, done.confirmed) == (("web-1",), False)
    assert f"{NAME}: RuntimeError: a defect" in done.errors


async def test_what_was_cancelled_before_the_venue_fell_silent_is_told(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(symbol: str = "") -> tuple[OrderReport, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(venue, "open_orders", silent)
    monkeypatch.setattr(account, "VENUE_PATIENCE_S", 0.2)
    outcome = await a_rescue(tmp_path).kill(PLAN, flatten=False)
    assert outcome.canceled == ("web-1",)
    assert not outcome.confirmed
    assert any("did not answer" in text for text in outcome.errors)


async def test_a_ban_is_told_while_it_is_waited_for(tmp_path: Path, venue: FakeVenue) -> None:
    said: list[str] = []
    banned = VenueError(Reaction.BANNED, "-1003", "Banned.", retry_after_s=0.05)
    venue.failing = {"cancel_all": banned, "open_orders": banned}

    def told(text: str) -> None:
        said.append(text)
        venue.failing.clear()

    rescue = Rescue(tmp_path, SystemClock(), operator="me", reason="drill", say=told)
    done = await rescue.kill(PLAN, flatten=False)
    assert (done.canceled, done.green) == (("web-1",), True)
    assert "the kill waits" in said[0]


async def test_a_ban_that_stands_sends_no_order_to_close(tmp_path: Path, venue: FakeVenue) -> None:
    banned = VenueError(Reaction.BANNED, "-1003", "Banned.", retry_after_s=900)
    venue.failing = {"cancel_all": banned, "open_orders": banned}
    done = await a_rescue(tmp_path).kill(PLAN, flatten=True)
    assert (venue.placed, done.confirmed) == ([], False)
    assert "not before" in done.cures[0]


# --- an engine that answers --------------------------------------------------------------------------------


class Halting(FakeService):
    def __init__(self, said: CancelAllResult) -> None:
        super().__init__()
        self._said = said

    async def handle(self, request: AnyRequest, operator: str, attachment: object) -> Result:
        if isinstance(request, Kill):
            return self._said
        return await super().handle(request, operator, attachment)


@contextlib.asynccontextmanager
async def an_engine(data_dir: Path, said: CancelAllResult) -> AsyncIterator[None]:
    lock = DataDirLock.acquire(data_dir)
    path = socket_path(data_dir)
    write_engine_file(
        data_dir / "engine.json", EngineFile(socket=str(path), pid=os.getpid(), data_dir=str(data_dir))
    )
    try:
        async with serve(Halting(said), path):
            yield
    finally:
        lock.release()


async def beside_an_engine(data_dir: Path, said: CancelAllResult) -> Outcome:
    async with an_engine(data_dir, said):
        return await a_rescue(data_dir).kill(PLAN, flatten=False)


async def test_kills_beside_an_engine_that_answers_close_a_position_once(
    tmp_path: Path, venue: FakeVenue
) -> None:
    """The list of trades lags behind, and the engine has recorded the first kill already."""
    clock = venue.clock = ManualClock()
    venue.plan.extend(["fill"] * 2)

    def a_kill() -> "asyncio.Task[Outcome]":
        return asyncio.create_task(
            Rescue(tmp_path, clock, operator="me", reason="storm").kill(PLAN, flatten=True)
        )

    async with an_engine(tmp_path, CancelAllResult(canceled=(), left=(), recorded=True)), asyncio.timeout(10):
        first = await a_kill()
        trades, venue.account_trades = venue.account_trades, []
        second = a_kill()
        await only_waits(clock, second, TRADES_LAG_S)
        venue.account_trades += trades
        clock.advance(TRADES_LAG_S)
        told = await second
    assert (first.engine, len(first.flattened), first.green) == ("answered", 1, True)
    assert (told.engine, told.flattened, told.green) == ("answered", (), True)
    assert len(venue.placed) == 1


@pytest.mark.parametrize("recorded", [True, False])
async def test_the_mark_stays_until_the_ledger_has_the_kill(
    tmp_path: Path, venue: FakeVenue, recorded: bool
) -> None:
    """With a full ledger a restart would know nothing of it."""
    said = CancelAllResult(canceled=("web-1",), left=(), recorded=recorded)
    done = await beside_an_engine(tmp_path, said)
    assert (done.engine, done.green) == ("answered", True)
    assert bool(read_marks(tmp_path)) is not recorded


async def test_a_mark_that_cannot_be_removed_breaks_nothing(
    tmp_path: Path, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger has it by its id."""

    def read_only(*_: object) -> None:
        raise refuse(errno.EROFS)

    monkeypatch.setattr(process, "remove_mark", read_only)
    done = await beside_an_engine(tmp_path, CancelAllResult(canceled=(), left=()))
    assert (done.engine, done.green, done.errors) == ("answered", True, ())


def test_marks_are_bounded_and_the_first_and_the_last_stay(tmp_path: Path) -> None:
    for at in range(MAX_MARKS + 3):
        at_ms = 1_700_000_000_000 + at
        mark = Mark(id=mark_id(at_ms, "00"), reason=f"kill {at}", operator="me", at_ms=at_ms)
        write_mark(tmp_path, mark)
    reasons = [mark.reason for mark in read_marks(tmp_path).values()]
    assert len(reasons) == MAX_MARKS
    assert (reasons[0], reasons[1], reasons[-1]) == ("kill 0", "kill 4", f"kill {MAX_MARKS + 2}")


def test_the_one_mark_of_an_earlier_version_is_read_and_comes_first(tmp_path: Path) -> None:
    (tmp_path / "killed.json").write_text('{"reason":"old","operator":"me","at_ms":5}')
    write_mark(tmp_path, Mark(id=mark_id(3, "aa"), reason="new", operator="me", at_ms=3))
    (tmp_path / "killed-9.json").write_bytes(b"\xff{")
    reasons = [mark.reason for mark in read_marks(tmp_path).values()]
    assert reasons == ["old", "new", "killed without an engine"]


# --- who else is there -------------------------------------------------------------------------------------


def test_a_plan_is_exposed_only_to_those_who_may_read_it(tmp_path: Path) -> None:
    assert exposed(tmp_path) == ""
    write_plan(tmp_path, PLAN)
    path = tmp_path / "kill-plan.json"
    assert exposed(tmp_path) == ""
    for bit in (stat.S_IRGRP, stat.S_IROTH, stat.S_IWOTH):
        path.chmod(0o600 | bit)
        assert "chmod 600" in exposed(tmp_path)


def test_kills_on_one_paper_account_are_no_engine_to_each_other(tmp_path: Path) -> None:
    first = DataDirLock.keep_engines_out(tmp_path)
    second = DataDirLock.keep_engines_out(tmp_path)
    assert not is_locked(tmp_path)
    first.release()
    with pytest.raises(EngineRuns):
        DataDirLock.acquire(tmp_path)
    second.release()
    DataDirLock.acquire(tmp_path).release()


def test_mark_and_plan_are_on_the_disk_before_they_have_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the next engine must still start halted, and the next kill know where to look."""
    seen = []
    plain_sync, plain_replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        found = os.fstat(handle)
        seen.append(0 if stat.S_ISDIR(found.st_mode) else found.st_size)
        plain_sync(handle)

    def named(source: str, target: Path) -> None:
        seen.append(os.stat(source).st_size)
        plain_replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", named)
    write_mark(tmp_path, Mark(reason="storm", operator="me", at_ms=1, id=mark_id(1, "a")))
    write_plan(tmp_path, PLAN)
    marked, planned = (path.stat().st_size for path in (next(tmp_path.glob("killed*")), tmp_path / PLAN_FILE))
    assert seen == [marked, marked, 0, planned, planned, 0]  # then the folder that has the name
