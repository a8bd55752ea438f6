"""Canaries: dry runs with their evidence, real ones with a typed word, and every refusal with its reason."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest, OrderState
from spark_tui.domain.rules import Rule, RuleKind
from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.engine.canary.admission import FRESH_MS
from spark_tui.engine.canary.build import build
from spark_tui.engine.canary.follow import RESTS_S
from spark_tui.engine.canary.soak import ROW_CHECKS
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import CanaryTried
from spark_tui.engine.state import MAX_CANARIES
from spark_tui.link.messages import (
    AnyRequest,
    Canaries,
    CanaryCheck,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    GetCanaries,
    Kill,
    PutRule,
    RunCanary,
    SoakCanary,
    StopCanary,
)
from spark_tui.link.service import LinkError
from spark_tui.store.evidence import Checked, check_file
from spark_tui.venues.port import OrderReport, OrderStatus, TradeReport
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, REJECTED, SYMBOL, UNREACHABLE, FakeVenue
from tests.engine.harness import Rig, rig

SMALL = RunCanary(symbol=SYMBOL, quantity=D("0.001"))  # about 60 USDT
CONFIRM = ConfirmCanary(symbol=SYMBOL, typed=SYMBOL)


def told(tmp_path: Path, **changes: object) -> EngineSettings:
    plain = EngineSettings(
        symbols={NAME: (SYMBOL,)},
        data_dir=str(tmp_path),
        hosts={NAME: "127.0.0.1"},
        book_max_age_s=100_000,  # the book stands still while virtual time runs
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.fixture(autouse=True, scope="module")
def _hashed() -> None:
    """The program is hashed once a process, in real time; virtual time must not run out meanwhile."""
    build()


async def row_of(it: Rig, request: AnyRequest) -> CanaryRow:
    """Its answer, however much virtual time it takes; a run takes none."""
    asked = asyncio.ensure_future(it.ask(request))
    if not isinstance(request, RunCanary):
        await it.until(asked.done, seconds=10_000)
    result = await asked
    assert isinstance(result, CanaryRow)
    return result


def bundle(row: CanaryRow) -> Checked:
    found = check_file(Path(row.bundle))
    assert found.ok, found.problems
    assert found.digest == row.bundle_sha256
    return found


def capped(most: int) -> Rule:
    return Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(most))


def codes(row: CanaryRow) -> list[str]:
    return [reason.partition(":")[0] for reason in row.reasons]


# --- run ------------------------------------------------------------------------------------------------


async def test_a_run_is_green_places_nothing_and_leaves_evidence(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await row_of(it, SMALL)
        assert (row.verdict, row.reasons) == (CanaryVerdict.GREEN, ())
        assert it.venue.placed == []
        assert [one.partition(" ")[0] for one in it.venue.sent_bytes] == ["test"]
        said = bundle(row).sections
        assert said["run"]["environment"] == "SIM"
        assert said["run"]["host"] == "127.0.0.1"
        assert said["expected"]["execution"]["price"] == "60010"
        assert said["verdict"]["verdict"] == "green"
        assert said["config"]["hash"] == row.config_hash
        assert {"build", "clock", "filters", "risk", "book", "exchanges"} <= said.keys()
        assert row.notional_usdt == D("60.01")
        assert row.expected is not None
        assert row.expected.fees == {"BTC": D("0.000001")}


async def test_without_a_size_it_is_the_smallest_the_venue_takes(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await row_of(it, RunCanary(symbol=SYMBOL))
        assert row.verdict is CanaryVerdict.GREEN
        assert row.quantity == D("0.00011")  # 5 USDT and a quarter, up to the step


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("halted", "HALTED"),
        ("book", "BOOK_UNUSABLE"),
        ("validation", "-2010"),
        ("snapshot", "NOT_SENT"),
        ("elsewhere", "BOOKS_DIFFER"),
        ("cap", "MAX_NOTIONAL"),
    ],
)
async def test_a_run_is_red_for_a_reason(tmp_path: Path, trouble: str, code: str) -> None:
    rules = (capped(20),) if trouble == "cap" else ()
    async with rig(tmp_path, settings=told(tmp_path, rules=rules)) as it:
        match trouble:
            case "halted":
                it.engine.guard.halt("drill")
            case "book":
                it.venue.skip(3)
                it.venue.failing["depth_snapshot"] = UNREACHABLE
                it.venue.tick()
            case "validation":
                it.venue.failing["test_order"] = REJECTED
            case "snapshot":
                it.venue.failing["depth_snapshot"] = UNREACHABLE
            case "elsewhere":
                it.venue._top = (61_000.0, 61_010.0)
        row = await row_of(it, SMALL)
        assert row.verdict is CanaryVerdict.RED
        assert code in codes(row)
        assert bundle(row).sections["verdict"]["reasons"] == list(row.reasons)


async def test_the_configuration_has_one_hash_that_every_rule_is_part_of(tmp_path: Path) -> None:
    hashes = []
    for number, rules in enumerate(((), (), (capped(500),))):
        place = tmp_path / str(number)
        place.mkdir()
        async with rig(place, settings=told(place, rules=rules)) as it:
            hashes.append(it.engine.canary.config_hash())
    assert hashes[0] == hashes[1] != hashes[2]


# --- confirm --------------------------------------------------------------------------------------------


async def test_a_confirm_places_the_runs_order_and_reconciles_it_to_nothing_left(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        run = await row_of(it, SMALL)
        it.venue.plan.append("fill")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.reasons, row.residue) == (CanaryVerdict.GREEN, (), ())
        assert (row.state, row.rests_on) == (OrderState.FILLED, run.run_id)
        assert it.venue.placed == [row.client_order_id]
        order = it.order(row.client_order_id)
        assert (order.request.type, order.request.quantity) == (OrderType.MARKET, D("0.001"))
        assert row.actual is not None
        assert row.actual.price == D("60010")
        assert row.actual.fees == {"USDT": D("0.01")}
        assert row.actual.slippage_bp == D("0.83")
        said = bundle(row).sections
        assert said["rests_on"] == {"run_id": run.run_id, "bundle_sha256": run.bundle_sha256}
        assert said["outcome"]["residue"] == []


async def test_what_rests_is_cancelled_and_nothing_is_left(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RunCanary(symbol=SYMBOL, quantity=D("0.001"), price=D("59000")))
        began = it.clock.mono_ns()
        row = await row_of(it, CONFIRM)
        assert it.clock.mono_ns() - began >= RESTS_S * 1e9
        assert (row.verdict, row.state) == (CanaryVerdict.GREEN, OrderState.CANCELED)
        assert it.venue.cancels == [row.client_order_id]
        assert row.actual is not None
        assert row.actual.quantity == 0


async def test_an_answer_that_is_lost_is_followed_until_it_is_proved(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("dead")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state) == (CanaryVerdict.RED, OrderState.DEAD)
        assert it.venue.placed == [row.client_order_id]  # and never again


async def test_an_order_whose_answer_was_lost_is_cancelled_once_it_turns_out_to_rest(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RunCanary(symbol=SYMBOL, quantity=D("0.001"), price=D("59000")))
        it.venue.plan.append("lost")
        it.venue.failing["query"] = UNREACHABLE  # so its fate is not known when its time to rest is over
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        it.clock.advance(RESTS_S + 1)
        await it.until(lambda: it.order(it.venue.placed[0]).state is OrderState.UNKNOWN)
        it.venue.failing.clear()
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert (row.verdict, row.state, row.residue) == (CanaryVerdict.GREEN, OrderState.CANCELED, ())
        assert it.venue.cancels == it.venue.placed == [row.client_order_id]


@pytest.mark.parametrize("filled", ["0", "0.0004"])
async def test_a_refused_cancel_is_asked_again_until_nothing_rests(tmp_path: Path, filled: str) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RunCanary(symbol=SYMBOL, quantity=D("0.001"), price=D("59000")))
        it.venue.failing["cancel"] = REJECTED
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        if D(filled):
            it.venue.fill(it.venue.placed[0], D(filled))
        await it.until(lambda: bool(it.venue.cancels))
        it.venue.failing.clear()
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert (row.verdict, row.state, row.residue) == (CanaryVerdict.GREEN, OrderState.CANCELED, ())
        assert row.actual is not None
        assert row.actual.quantity == D(filled)


async def test_a_venues_refusal_is_red(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("reject")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state, codes(row)) == (CanaryVerdict.RED, OrderState.REJECTED, ["-2010"])


RESTING = RunCanary(symbol=SYMBOL, quantity=D("0.001"), price=D("59000"))


class At:
    """A checkpoint of the order path where something happens once."""

    def __init__(self, name: str, do: Callable[[], object]) -> None:
        self._name = name
        self._do: Callable[[], object] | None = do

    def __call__(self, name: str) -> None:
        if name == self._name and self._do is not None:
            do, self._do = self._do, None
            do()


@pytest.mark.parametrize("how", ["rest", "lost", "dead", "fill"])
async def test_a_confirm_that_was_killed_is_finished_at_the_next_start(tmp_path: Path, how: str) -> None:
    left = tmp_path.parent / f"{tmp_path.name}-killed"  # the data directory as a kill -9 would leave it
    kill = At("order.sent", lambda: shutil.copytree(tmp_path, left))
    async with rig(tmp_path, settings=told(tmp_path), checkpoint=kill) as it:
        run = await row_of(it, SMALL if how == "fill" else RESTING)
        it.venue.plan.append(how)
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        reports, trades = dict(it.venue.reports), list(it.venue.account_trades)
        await it.until(asked.done, seconds=10_000)  # the first engine's own end is another story
    venue, clock = FakeVenue(it.clock), it.clock
    venue.reports, venue.account_trades = reports, trades
    async with rig(left, venue=venue, clock=clock, settings=told(left)) as it:
        client_id = it.engine.journal.state.keys[f"canary/{run.run_id}"]
        view = await it.ask(GetCanaries())
        assert isinstance(view, Canaries)
        assert (view.rows[0].verdict, view.rows[0].client_order_id) == (CanaryVerdict.RED, client_id)
        await it.until(lambda: it.engine.canary.view().running == "", seconds=1_000)
        row = it.engine.canary.view().rows[0]
        ends = {"rest": "CANCELED", "lost": "CANCELED", "dead": "DEAD", "fill": "FILLED"}
        assert (row.state, row.residue) == (ends[how], ())
        assert (row.verdict, row.rests_on) == (CanaryVerdict.RED, run.run_id)
        assert codes(row)[0] == "CUT_SHORT"
        assert bundle(row).sections["outcome"]["residue"] == []
        assert venue.placed == []  # and never again
        assert "RUN_USED" in codes(await row_of(it, CONFIRM))
    async with rig(left, venue=venue, clock=clock, settings=told(left)) as it:
        assert it.engine.canary.view().running == ""  # once


async def test_a_confirm_of_a_venue_that_is_not_here_waits_for_an_engine_that_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = tmp_path.parent / f"{tmp_path.name}-killed"
    kill = At("order.sent", lambda: shutil.copytree(tmp_path, left))
    async with rig(tmp_path, settings=told(tmp_path), checkpoint=kill) as it:
        run = await row_of(it, SMALL)
        await row_of(it, CONFIRM)
    caplog.clear()
    elsewhere = FakeVenue(it.clock)
    elsewhere.name = "elsewhere"
    settings = told(left, symbols={"elsewhere": (SYMBOL,)}, hosts={"elsewhere": "127.0.0.1"})
    async with rig(left, venue=elsewhere, clock=it.clock, settings=settings, wait=False) as other:
        await other.engine.ready()
        await other.turn()
        assert "cut short failed" not in caplog.text
        assert other.engine.canary.view().running == ""  # other canaries may be sung meanwhile
    async with rig(left, clock=it.clock, settings=told(left)) as back:
        await back.until(lambda: back.engine.canary.view().running == "", seconds=1_000)
        assert back.engine.canary.view().rows[0].rests_on == run.run_id


async def killed_in_mid_confirm(tmp_path: Path) -> tuple[Path, FakeVenue, ManualClock, str]:
    """The data directory as a kill -9 left it, its venue, the time, and the order that rests there."""
    left = tmp_path.parent / f"{tmp_path.name}-killed"
    kill = At("order.sent", lambda: shutil.copytree(tmp_path, left))
    async with rig(tmp_path, settings=told(tmp_path), checkpoint=kill) as it:
        await row_of(it, RESTING)
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        reports, (client_id,) = dict(it.venue.reports), it.venue.placed
        await it.until(asked.done, seconds=10_000)
    venue = FakeVenue(it.clock)
    venue.reports = reports
    return left, venue, it.clock, client_id


async def test_a_confirm_that_waits_for_its_venue_keeps_no_other_canary_waiting(tmp_path: Path) -> None:
    left, down, clock, client_id = await killed_in_mid_confirm(tmp_path)
    down.failing["start"] = UNREACHABLE
    up = FakeVenue(clock)
    up.name = "elsewhere"
    settings = told(
        left,
        symbols={NAME: (SYMBOL,), "elsewhere": (SYMBOL,)},
        hosts={NAME: "127.0.0.1", "elsewhere": "127.0.0.1"},
    )
    async with rig(left, venue=down, others=(up,), clock=clock, settings=settings, wait=False) as it:
        await it.engine.ready()
        await it.until(lambda: it.engine.markets["elsewhere"].symbols[SYMBOL].book.live)
        await it.until(lambda: "elsewhere" in it.engine.portfolio.balances)
        assert "waits for" in it.engine.canary.view().running
        real = SoakCanary(symbol=SYMBOL, duration_s=10, quantity=D("0.001"), dry=False, typed=SYMBOL)
        for ask in (CONFIRM, real):
            with pytest.raises(LinkError) as refused:
                await it.ask(msgspec.structs.replace(ask, venue=NAME))
            assert refused.value.code == "CONFIRM_UNFINISHED"
            assert client_id in refused.value.text
            assert "is not up" in refused.value.text
        dry = await row_of(it, msgspec.structs.replace(SMALL, venue="elsewhere"))
        assert dry.verdict is CanaryVerdict.GREEN, dry.reasons
        up.plan.append("fill")
        done = await row_of(it, msgspec.structs.replace(CONFIRM, venue="elsewhere"))
        assert done.verdict is CanaryVerdict.GREEN, done.reasons
        down.failing.clear()
        await it.until(lambda: it.engine.canary.view().running == "", seconds=1_000)
        ended = it.engine.canary.view().rows[0]
        assert (ended.client_order_id, ended.state, ended.residue) == (client_id, OrderState.CANCELED, ())
        assert (ended.verdict, codes(ended)) == (CanaryVerdict.RED, ["CUT_SHORT"])
        assert down.placed == []


async def test_an_engine_whose_cut_short_confirm_waits_for_its_venue_stops_at_once(tmp_path: Path) -> None:
    left, down, clock, client_id = await killed_in_mid_confirm(tmp_path)
    down.failing["start"] = UNREACHABLE
    async with rig(left, venue=down, clock=clock, settings=told(left), wait=False) as it:
        await it.engine.ready()
        await it.turn()
        assert "waits for" in it.engine.canary.view().running
        began = it.clock.mono_ns()
    assert it.clock.mono_ns() == began  # no virtual time went by
    down.failing.clear()
    async with rig(left, venue=down, clock=clock, settings=told(left)) as it:
        await it.until(lambda: it.engine.canary.view().running == "", seconds=1_000)
        assert it.engine.canary.view().rows[0].client_order_id == client_id


async def test_a_confirm_is_brought_to_its_end_before_the_engine_stops(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RESTING)
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        began = it.clock.mono_ns()
    row = await asked
    assert isinstance(row, CanaryRow)
    assert (row.verdict, row.state) == (CanaryVerdict.GREEN, OrderState.CANCELED)
    assert it.clock.mono_ns() - began < RESTS_S * 1e9
    assert it.venue.cancels == [row.client_order_id]


async def test_an_order_whose_evidence_cannot_be_kept_is_on_record_and_red(tmp_path: Path) -> None:
    def fill_the_place() -> None:
        shutil.move(tmp_path / "evidence", tmp_path / "elsewhere")
        (tmp_path / "evidence").write_text("in the way")

    taken = At("order.sent", fill_the_place)
    async with rig(tmp_path, settings=told(tmp_path), checkpoint=taken) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("fill")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state, row.bundle) == (CanaryVerdict.RED, OrderState.FILLED, "")
        assert codes(row) == ["EVIDENCE"]
        assert it.engine.journal.state.canaries[row.run_id] == row


async def test_an_order_that_the_gate_keeps_home_says_nothing_about_latency(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.engine.guard.reduce("drill")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state, row.latencies_s) == (CanaryVerdict.RED, OrderState.DENIED, ())


class Slow(FakeVenue):
    """It validates an order when `answer` is set."""

    answer: asyncio.Event

    async def test_order(self, client_order_id: str, request: OrderRequest) -> None:
        await super().test_order(client_order_id, request)
        await self.answer.wait()


async def test_a_run_under_two_configurations_is_green_under_none(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = Slow(clock)
    venue.answer = asyncio.Event()
    async with rig(tmp_path, venue=venue, clock=clock, settings=told(tmp_path)) as it:
        asked = asyncio.ensure_future(it.ask(SMALL))
        await it.until(lambda: bool(venue.sent_bytes))
        await it.ask(PutRule(rule=capped(500)))
        venue.answer.set()
        row = await asked
        assert isinstance(row, CanaryRow)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["CONFIG_CHANGED"])


class Miscounting(FakeVenue):
    """Asked for an order, it tells of more than was filled."""

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        report = await super().query(symbol, client_order_id)
        return None if report is None else msgspec.structs.replace(report, filled=report.filled * 2)


class Forgetful(FakeVenue):
    """Asked for the trades of an order, it has none."""

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        found = await super().trades(symbol, venue_order_id=venue_order_id, from_id=from_id, limit=limit)
        return found if venue_order_id is None else ()


@pytest.mark.parametrize(
    ("kind", "said"), [(Miscounting, "says 0.002"), (Forgetful, "trades are 0, ours 0.001")]
)
async def test_a_venue_that_tells_it_otherwise_is_residue(
    tmp_path: Path, kind: type[FakeVenue], said: str
) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=kind(clock), clock=clock, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("fill")
        row = await row_of(it, CONFIRM)
        assert row.verdict is CanaryVerdict.RED
        assert any(said in text for text in row.residue), row.residue


class Liar(FakeVenue):
    """It fills an order otherwise than it should, and stands by it."""

    def __init__(self, clock: ManualClock, lie: str) -> None:
        super().__init__(clock)
        self._lie = lie

    def fill(self, client_order_id: str, quantity: D | None = None, *, quiet: bool = False) -> OrderReport:
        traded = {"too much": D("0.002"), "too little": D("0.0004")}.get(self._lie, quantity)
        told_ = super().fill(client_order_id, traded, quiet=True)
        trade = self.account_trades[-1]
        match self._lie:
            case "dear":
                fill = msgspec.structs.replace(told_.fills[0], price=D(61_000))
            case "cheap":
                fill = msgspec.structs.replace(told_.fills[0], price=D(59_000))
            case "fee":
                fill = msgspec.structs.replace(told_.fills[0], commission=D("0.61"))
            case _:
                fill = told_.fills[0]
        self.account_trades[-1] = msgspec.structs.replace(trade, fill=fill)
        report = msgspec.structs.replace(
            told_,
            status=OrderStatus.EXPIRED if self._lie == "too little" else OrderStatus.FILLED,
            fills=(fill,),
            filled_quote=fill.price * fill.quantity,
        )
        self.reports[client_order_id] = report
        return report


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ("too much", "OVERFILLED"),
        ("too little", "PARTLY_FILLED"),
        ("dear", "PRICE"),
        ("cheap", "PRICE"),
        ("fee", "FEE"),
    ],
)
async def test_an_order_that_did_otherwise_than_expected_is_red(tmp_path: Path, lie: str, code: str) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=Liar(clock, lie), clock=clock, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("fill")
        row = await row_of(it, CONFIRM)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, [code]), row.reasons
        assert bundle(row).sections["verdict"]["reasons"] == list(row.reasons)


async def test_a_quantity_of_sixty_digits_is_a_red_row_and_no_defect(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await row_of(it, msgspec.structs.replace(SMALL, quantity=D("1" * 60)))
        assert row.verdict == "red"


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity", "1E+400"])
async def test_what_is_no_quantity_confirms_nothing(tmp_path: Path, quantity: str) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        with pytest.raises(LinkError) as refusal:
            await it.ask(msgspec.structs.replace(CONFIRM, quantity=D(quantity)))
        assert refusal.value.code == "BAD_NUMBER"


async def refused(it: Rig, confirm: ConfirmCanary, code: str) -> CanaryRow:
    row = await row_of(it, confirm)
    assert row.verdict is CanaryVerdict.REFUSED
    assert code in codes(row), row.reasons
    assert it.venue.placed == []
    return row


async def test_a_stale_run_cannot_be_confirmed(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        run = await row_of(it, SMALL)
        state = it.engine.journal.state
        state.canaries[run.run_id] = msgspec.structs.replace(run, at_ms=run.at_ms - FRESH_MS)
        row = await refused(it, CONFIRM, "STALE_RUN")
        assert codes(row) == ["STALE_RUN"]


async def test_a_clock_that_was_set_back_makes_no_run_fresh(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.clock.step_wall(-60)
        row = await refused(it, CONFIRM, "STALE_RUN")
        assert "set back" in row.reasons[0]


async def test_one_run_is_confirmed_once_however_many_ask_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.plan.append("fill")
        asked = [asyncio.ensure_future(it.ask(CONFIRM)) for _ in range(5)]
        await it.until(lambda: all(one.done() for one in asked), seconds=10_000)
        found = await asyncio.gather(*asked, return_exceptions=True)
        busy = [one for one in found if isinstance(one, LinkError)]
        assert [one.code for one in busy] == ["CANARY_RUNNING"] * 4
        assert len(it.venue.placed) == 1


@pytest.mark.parametrize(
    ("confirm", "word"),
    [
        (ConfirmCanary(symbol=SYMBOL, typed=SYMBOL, side=Side.SELL), "side"),
        (ConfirmCanary(symbol=SYMBOL, typed=SYMBOL, quantity=D("0.0011")), "size"),
        (ConfirmCanary(symbol="ETHUSDT", typed="ETHUSDT"), "symbol"),
    ],
)
async def test_a_run_of_another_scope_cannot_be_confirmed(
    tmp_path: Path, confirm: ConfirmCanary, word: str
) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        row = await refused(it, confirm, "FOREIGN_SCOPE")
        assert word in row.reasons[0]
        assert (row.symbol, row.side, row.quantity) == (confirm.symbol, confirm.side, confirm.quantity)


async def test_a_run_of_another_configuration_cannot_be_confirmed(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
    async with rig(tmp_path, settings=told(tmp_path, rules=(capped(500),))) as it:
        row = await refused(it, CONFIRM, "FOREIGN_SCOPE")
        assert "configuration" in row.reasons[0]


class LiveVenue(FakeVenue):
    environment = Environment.LIVE


async def test_a_live_host_is_never_confirmed_on(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = LiveVenue(clock)
    async with rig(tmp_path, venue=venue, clock=clock, settings=told(tmp_path)) as it:
        run = await row_of(it, SMALL)
        assert run.verdict is CanaryVerdict.GREEN  # a dry run may look at a live venue
        row = await refused(it, CONFIRM, "LIVE_HOST")
        assert codes(row) == ["LIVE_HOST"]


async def test_a_soak_that_places_orders_places_none_on_a_live_host(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = LiveVenue(clock)
    async with rig(tmp_path, venue=venue, clock=clock, settings=told(tmp_path)) as it:
        row = await row_of(
            it, SoakCanary(symbol=SYMBOL, duration_s=60, quantity=D("0.001"), dry=False, typed=SYMBOL)
        )
        assert (row.verdict, codes(row), venue.placed) == (CanaryVerdict.RED, ["LIVE_HOST"], [])


async def test_more_than_the_cap_is_never_confirmed(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, RunCanary(symbol=SYMBOL, quantity=D("0.00167")))  # 100.22 USDT
        assert codes(await refused(it, CONFIRM, "OVER_CAP")) == ["OVER_CAP"]


async def test_without_a_price_nothing_is_confirmed(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        it.venue.skip(3)
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.tick()
        await refused(it, CONFIRM, "NO_WORTH")


async def test_only_the_typed_symbol_confirms(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        for typed in ("", "y", "btcusdt", "BTCUSD"):
            await refused(it, ConfirmCanary(symbol=SYMBOL, typed=typed), "NOT_TYPED")


async def test_a_run_that_is_red_used_or_missing_confirms_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await refused(it, CONFIRM, "NO_RUN")
        it.venue.failing["test_order"] = REJECTED
        await row_of(it, SMALL)
        await refused(it, CONFIRM, "RUN_NOT_GREEN")
        it.venue.failing.clear()
        await row_of(it, SMALL)
        it.venue.plan.append("fill")
        assert (await row_of(it, CONFIRM)).verdict is CanaryVerdict.GREEN
        assert codes(await row_of(it, CONFIRM)) == ["RUN_USED"]
        assert len(it.venue.placed) == 1


async def test_a_run_whose_evidence_was_touched_confirms_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        run = await row_of(it, SMALL)
        path = Path(run.bundle)
        told_ = json.loads(path.read_bytes())
        told_["sections"][0]["body"]["operator"] = "somebody"
        path.write_text(json.dumps(told_))
        await refused(it, CONFIRM, "EVIDENCE")


async def test_the_evidence_of_another_run_is_not_this_ones(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        other = await row_of(it, SMALL)
        run = await row_of(it, SMALL)
        Path(run.bundle).write_bytes(Path(other.bundle).read_bytes())
        assert "not the bundle the ledger speaks of" in (await refused(it, CONFIRM, "EVIDENCE")).reasons[0]


async def test_a_halt_between_run_and_confirm_is_obeyed(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        await it.ask(Kill())
        row = await row_of(it, CONFIRM)
        assert (row.verdict, row.state) == (CanaryVerdict.RED, OrderState.DENIED)
        assert it.venue.placed == []


async def test_a_run_whose_confirm_is_unfinished_is_not_forgotten(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        run = await row_of(it, RESTING)
        asked = asyncio.ensure_future(it.ask(CONFIRM))
        await it.until(lambda: bool(it.venue.placed))
        state = it.engine.journal.state
        for number in range(MAX_CANARIES):
            other = msgspec.structs.replace(run, run_id=f"other-{number}")
            it.engine.journal.note(CanaryTried(row=other))
        assert len(state.canaries) == MAX_CANARIES
        assert run.run_id in state.canaries
        await it.until(asked.done, seconds=10_000)
        it.engine.journal.note(CanaryTried(row=msgspec.structs.replace(run, run_id="one-more")))
        assert run.run_id not in state.canaries  # now its outcome is on record


# --- soak -----------------------------------------------------------------------------------------------


async def test_a_dry_soak_looks_every_ten_seconds_and_places_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        began = it.clock.mono_ns()
        row = await row_of(it, SoakCanary(symbol=SYMBOL, duration_s=30, quantity=D("0.001")))
        assert row.verdict is CanaryVerdict.GREEN
        assert len(row.checks) == len(row.latencies_s) == 4
        assert it.clock.mono_ns() - began >= 30e9
        assert it.venue.placed == []
        assert {f"check {number}" for number in (1, 2, 3, 4)} <= bundle(row).sections.keys()
        assert not list(tmp_path.rglob("*.journal"))
        names = [one.removeprefix("test ") for one in it.venue.sent_bytes]
        assert all(re.fullmatch("[A-Za-z0-9_-]{1,36}", name) for name in names)
        assert len(set(names)) == 4


async def test_a_soak_tells_its_figures_while_it_goes_on_and_in_the_end(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        it.venue.plan.extend(["fill"] * 3)
        real = SoakCanary(symbol=SYMBOL, duration_s=20, quantity=D("0.001"), dry=False, typed=SYMBOL)
        asked = asyncio.ensure_future(it.ask(real))
        await it.until(lambda: len(it.venue.placed) == 2)
        going = it.engine.canary.view().soaking
        assert going is not None
        assert (going.symbol, going.dry, going.planned, going.figures.checks) == (SYMBOL, False, 3, 1)
        assert going.latest is not None
        assert going.latest.name == "1 of 3"
        it.clock.step_wall(-3_600)  # the venue's clock is the test's: no offset comes of it
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert row.verdict is CanaryVerdict.GREEN, row.reasons
        assert it.engine.canary.view().soaking is None
        seen = row.figures
        assert seen is not None
        assert (seen.checks, seen.healthy, seen.orders, seen.clock_offset_worst_ms) == (3, 3, 3, 0)
        assert seen.feed_age_worst_s is not None
        assert [check.measured.order_latency_s for check in row.checks if check.measured] == list(
            row.latencies_s
        )
        said = bundle(row).sections
        assert said["figures"]["figures"]["healthy"] == 3
        assert said["check 3"]["check"]["measured"]["clock_offset_ms"] == 0


def test_a_row_from_before_there_were_figures_is_still_read() -> None:
    row = CanaryRow(
        run_id="c1",
        kind=CanaryKind.SOAK,
        verdict=CanaryVerdict.GREEN,
        reasons=(),
        venue=NAME,
        environment=Environment.SIM,
        symbol=SYMBOL,
        side=Side.BUY,
        operator="tester",
        at_ms=1,
        config_hash="",
        checks=(CanaryCheck(name="1 of 1", ok=True, text="green"),),
    )
    old = msgspec.to_builtins(row)
    del old["figures"], old["checks"][0]["measured"]
    assert msgspec.convert(old, CanaryRow) == row


async def test_thousands_of_latencies_are_not_told_to_who_asks_every_few_seconds(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        row = await row_of(it, SMALL)
        long = msgspec.structs.replace(row, latencies_s=(0.001,) * 8_641)
        it.engine.journal.state.canaries[row.run_id] = long
        assert len(it.engine.canary.view().rows[0].latencies_s) == ROW_CHECKS


async def test_a_dry_soak_goes_on_over_a_red_check_and_ends_red(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        asked = asyncio.ensure_future(it.ask(SoakCanary(symbol=SYMBOL, duration_s=20, quantity=D("0.001"))))
        await it.until(lambda: len(it.venue.sent_bytes) == 1)
        it.venue.failing["test_order"] = REJECTED
        await it.until(lambda: len(it.venue.sent_bytes) == 2)
        it.venue.failing.clear()
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert [check.ok for check in row.checks] == [True, False, True]
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["-2010"])


async def test_a_soak_that_places_orders_is_typed_and_ends_at_the_first_red_one(tmp_path: Path) -> None:
    real = SoakCanary(symbol=SYMBOL, duration_s=60, quantity=D("0.001"), dry=False)
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        with pytest.raises(LinkError) as untyped:
            await it.ask(real)
        assert untyped.value.code == "NOT_TYPED"
        it.venue.plan.extend(["fill", "fill", "reject", "fill"])
        row = await row_of(it, msgspec.structs.replace(real, typed=SYMBOL))
        assert [check.ok for check in row.checks] == [True, True, False]
        assert len(it.venue.placed) == 3
        assert row.verdict is CanaryVerdict.RED


async def test_a_soak_can_be_stopped_and_is_then_not_green(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        with pytest.raises(LinkError):
            await it.ask(StopCanary())
        asked = asyncio.ensure_future(it.ask(SoakCanary(symbol=SYMBOL, duration_s=600)))
        await it.until(lambda: len(it.venue.sent_bytes) == 1)
        with pytest.raises(LinkError) as busy:
            await it.ask(SMALL)
        assert busy.value.code == "CANARY_RUNNING"
        await it.ask(StopCanary())
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["STOPPED"])


async def soak_killed(tmp_path: Path, checks: int) -> tuple[Path, ManualClock]:
    """The data directory as a kill -9 leaves it after so many checks of a dry soak."""
    left = tmp_path.parent / f"{tmp_path.name}-killed"
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        asked = asyncio.ensure_future(it.ask(SoakCanary(symbol=SYMBOL, duration_s=600)))
        await it.until(lambda: len(it.venue.sent_bytes) == 1 + checks)
        await it.until(lambda: it.clock.sleeping() != [] and len(_lines(tmp_path)) == 4 + checks)
        shutil.copytree(tmp_path, left)
        await it.ask(StopCanary())
        await it.until(asked.done, seconds=10_000)
        assert not list(tmp_path.rglob("*.journal"))
    return left, it.clock


def _lines(data_dir: Path) -> list[bytes]:
    return [line for path in data_dir.rglob("*.journal") for line in path.read_bytes().splitlines()]


async def cut_off_row(it: Rig) -> CanaryRow:
    await it.until(lambda: it.engine.canary.view().rows[0].kind is CanaryKind.SOAK)
    await it.until(lambda: not _lines(Path(it.engine.canary.view().rows[0].bundle).parent))
    return it.engine.canary.view().rows[0]


async def test_a_soak_that_was_killed_is_sealed_by_the_next_engine_and_red(tmp_path: Path) -> None:
    left, clock = await soak_killed(tmp_path, 2)
    async with rig(left, clock=clock, settings=told(left)) as it:
        row = await cut_off_row(it)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["CUT_OFF"])
        assert "after check 2 of 61" in row.reasons[0]
        assert (row.symbol, row.config_hash) == (SYMBOL, it.engine.canary.config_hash())
        assert [check.ok for check in row.checks] == [True, True]
        assert row.figures is not None
        assert (row.figures.checks, row.figures.healthy, row.figures.feed_age_worst_s is None) == (
            2,
            2,
            False,
        )
        said = bundle(row).sections
        assert {"run", "build", "config", "soak", "check 1", "check 2", "cut off", "verdict"} == said.keys()
        assert said["check 2"]["checks"]
        assert said["verdict"]["verdict"] == "red"
        assert not list(left.rglob("*.journal"))
    async with rig(left, clock=clock, settings=told(left)) as it:
        assert [one.kind for one in it.engine.canary.view().rows] == [CanaryKind.SOAK, CanaryKind.RUN]  # once


async def test_what_was_touched_in_the_journal_is_not_sealed_and_that_is_told(tmp_path: Path) -> None:
    left, clock = await soak_killed(tmp_path, 2)
    (path,) = left.rglob("*.journal")
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":3', 1))
    async with rig(left, clock=clock, settings=told(left)) as it:
        row = await cut_off_row(it)
        assert "after check 1 of 61" in row.reasons[0]
        assert "line 6 of 6 is not as it was written" in row.reasons[0]
        assert "check 2" not in bundle(row).sections


@pytest.mark.parametrize("content", [b"", b"nonsense\n"])
async def test_a_journal_that_holds_nothing_is_told_and_harms_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evidence").mkdir()
    path = tmp_path / "evidence" / "canary-c1-1.journal"
    path.write_bytes(content)
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await it.engine.canary.settled()
        assert any(str(path) in notice.text for notice in it.engine.notices.recent)
        assert (await row_of(it, SMALL)).verdict is CanaryVerdict.GREEN


async def test_a_soak_whose_evidence_finds_no_place_goes_on_and_is_red(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        await row_of(it, SMALL)
        shutil.move(tmp_path / "evidence", tmp_path / "elsewhere")
        (tmp_path / "evidence").write_text("in the way")
        asked = asyncio.ensure_future(it.ask(SoakCanary(symbol=SYMBOL, duration_s=20)))
        await it.until(lambda: len(it.venue.sent_bytes) == 3)
        (tmp_path / "evidence").unlink()  # and now there is room again
        await it.until(asked.done, seconds=10_000)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["EVIDENCE"])
        assert row.figures is not None
        assert (row.figures.checks, row.figures.healthy) == (3, 3)
        assert {"check 1", "check 2", "check 3"} <= bundle(row).sections.keys()


# --- status ---------------------------------------------------------------------------------------------


async def test_the_status_survives_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        run = await row_of(it, SMALL)
        refusal = await row_of(it, ConfirmCanary(symbol=SYMBOL, typed=""))
        before = it.engine.journal.state.digest()
    async with rig(tmp_path, settings=told(tmp_path)) as it:
        view = await it.ask(GetCanaries())
        assert isinstance(view, Canaries)
        assert [row.run_id for row in view.rows] == [refusal.run_id, run.run_id]
        assert view.rows[1] == run
        assert len(view.signer) == 16
        assert b"canaries" in before


async def test_without_a_data_directory_there_is_no_evidence_and_nothing_green(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=told(tmp_path, data_dir="")) as it:
        row = await row_of(it, SMALL)
        assert (row.verdict, codes(row)) == (CanaryVerdict.RED, ["EVIDENCE"])
