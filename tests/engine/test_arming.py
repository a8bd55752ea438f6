"""Live trading: three keys, the most restrictive wins, and each is asked anew for every order."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.rules import STANDARD, Rule, RuleKind
from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.engine.arming import CANARY_AGE_MS, MAX_MINUTES, phrase
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import (
    ArmLive,
    Canaries,
    CanaryRow,
    CanaryVerdict,
    DisarmLive,
    GetCanaries,
    GetStatus,
    Kill,
    PutRule,
    RunCanary,
    SoakCanary,
    Status,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.store import evidence
from spark_tui.store.evidence import Checked, check, check_file
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, REJECTED, SYMBOL, FakeVenue
from tests.engine.harness import Rig, buy, rig

ARM = ArmLive(symbols=(SYMBOL,), cap=D(500), minutes=30, phrase="ARM LIVE BTCUSDT CAP 500 USDT FOR 30 MIN")
SMALL = buy("0.001")  # 59 USDT
CAP = Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(1_000))


class LiveVenue(FakeVenue):
    environment = Environment.LIVE


class Live:
    """An engine whose venue is real money, as far as it can tell."""

    def __init__(self, tmp_path: Path, clock: ManualClock | None = None, **changes: object) -> None:
        self.clock = clock or ManualClock()
        self.venue = LiveVenue(self.clock, (SYMBOL, "ETHUSDT"))
        settings = EngineSettings(
            symbols={NAME: (SYMBOL,)},
            data_dir=str(tmp_path),
            live_allowed=True,
            book_max_age_s=100_000,
        )
        self.rig = rig(
            tmp_path,
            venue=self.venue,
            clock=self.clock,
            settings=msgspec.structs.replace(settings, **changes),
        )


async def canary(it: Rig) -> CanaryRow:
    row = await it.ask(RunCanary(symbol=SYMBOL, quantity=D("0.001")))
    assert isinstance(row, CanaryRow)
    return row


async def refusal(it: Rig, ask: ArmLive) -> LinkError:
    with pytest.raises(LinkError) as refused:
        await it.ask(ask)
    return refused.value


async def denied(it: Rig, submit: SubmitOrder) -> Order:
    order = await it.submit(submit)
    assert (order.state, order.code) == (OrderState.DENIED, "LIVE_NOT_ARMED")
    return order


async def lacks(it: Rig) -> str:
    view = await it.ask(GetCanaries())
    assert isinstance(view, Canaries)
    return view.not_armable


async def status(it: Rig) -> Status:
    found = await it.ask(GetStatus())
    assert isinstance(found, Status)
    return found


async def test_an_armed_engine_sends_and_says_so(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await denied(it, SMALL)
        assert (await canary(it)).verdict == "green"
        view = await it.ask(ARM)
        assert isinstance(view, Canaries)
        assert view.arming is not None
        order = await it.submit(SMALL)
        assert order.state is OrderState.ACCEPTED
        arming = (await status(it)).arming
        assert arming is not None
        assert (arming.symbols, arming.cap, arming.used, arming.lapsed) == ((SYMBOL,), D(500), D(59), "")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (msgspec.structs.replace(ARM, phrase=""), "PHRASE"),
        (msgspec.structs.replace(ARM, phrase=ARM.phrase.lower()), "PHRASE"),
        (msgspec.structs.replace(ARM, cap=D(501)), "PHRASE"),  # the phrase says another cap
        (msgspec.structs.replace(ARM, minutes=31), "PHRASE"),
        (msgspec.structs.replace(ARM, symbols=(SYMBOL, "ETHUSDT")), "PHRASE"),
        (msgspec.structs.replace(ARM, symbols=()), "SCOPE"),
        (msgspec.structs.replace(ARM, cap=D(0)), "CAP"),
        (msgspec.structs.replace(ARM, cap=D("NaN")), "CAP"),
        (msgspec.structs.replace(ARM, minutes=0), "EXPIRY"),
        (msgspec.structs.replace(ARM, minutes=MAX_MINUTES + 1), "EXPIRY"),
    ],
)
async def test_only_the_typed_phrase_arms(tmp_path: Path, ask: ArmLive, code: str) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        assert (await refusal(it, ask)).code == code
        await denied(it, SMALL)


async def test_the_settings_come_first(tmp_path: Path) -> None:
    async with Live(tmp_path, live_allowed=False).rig as it:
        await canary(it)
        assert (await refusal(it, ARM)).code == "LIVE_NOT_ENABLED"
        order = await denied(it, SMALL)
        assert "LIVE_ENABLED" in order.text
        view = await it.ask(GetCanaries())
        assert isinstance(view, Canaries)
        assert "LIVE_ENABLED" in view.not_armable


async def test_an_arming_from_before_counts_for_nothing_once_live_is_not_enabled(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
    async with Live(tmp_path, live_allowed=False).rig as it:
        await denied(it, SMALL)
        arming = (await status(it)).arming
        assert arming is not None
        assert arming.lapsed


async def test_arming_needs_a_green_canary(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        assert (await refusal(it, ARM)).code == "NO_CANARY"
        it.venue.failing["test_order"] = REJECTED
        await canary(it)
        assert (await refusal(it, ARM)).code == "NO_CANARY"


async def test_arming_needs_a_canary_of_the_last_day(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        canaries = it.engine.journal.state.canaries
        now = it.clock.wall_ns() // 1_000_000
        canaries[row.run_id] = msgspec.structs.replace(row, at_ms=now - CANARY_AGE_MS)
        assert (await refusal(it, ARM)).code == "NO_CANARY"
        canaries[row.run_id] = msgspec.structs.replace(row, at_ms=now - CANARY_AGE_MS + 1)
        await it.ask(ARM)


async def test_arming_needs_a_canary_of_this_configuration(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
    async with Live(tmp_path, rules=(*STANDARD, CAP)).rig as it:
        assert (await refusal(it, ARM)).code == "NO_CANARY"


async def test_arming_needs_evidence_that_holds(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        path = Path(row.bundle)
        path.write_bytes(path.read_bytes().replace(b"green", b"greem", 1))
        refused = await refusal(it, ARM)
        assert (refused.code, "does not match" in refused.text) == ("NO_CANARY", True)


async def test_arming_needs_evidence_that_is_there(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        assert await lacks(it) == ""
        Path(row.bundle).unlink()
        assert "cannot be read" in await lacks(it)
        assert (await refusal(it, ARM)).code == "NO_CANARY"


async def test_evidence_is_judged_again_when_its_file_was_touched(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        path = Path(row.bundle)
        good = path.read_bytes()
        for content, why in ((good + b" ", "canonical form"), (good, "")):
            path.write_bytes(content)
            assert "being checked" in it.engine.canary.view().not_armable
            assert why in (said := await lacks(it))
            assert bool(why) is bool(said)


class Held:
    """Evidence is judged when `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        self.judged = 0
        monkeypatch.setattr(evidence, "check_file", self._check)
        self._really = check_file

    def _check(self, path: Path, known: Mapping[str, Checked] | None = None) -> Checked:
        self.judged += 1
        self.began.set()
        assert self.go.wait(10)
        return self._really(path, known)


async def armed_meanwhile(
    it: Rig, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Awaitable[object]]
) -> str:
    """What came of an arming while whose evidence was judged something else was done."""
    await canary(it)
    held = Held(monkeypatch)
    asked = asyncio.ensure_future(it.ask(ARM))
    assert await asyncio.to_thread(held.began.wait, 10)
    await do()  # the engine goes on, or this hangs
    held.go.set()
    try:
        await asked
    except LinkError as error:
        return error.code
    return "armed"


async def test_while_evidence_is_judged_nothing_waits_and_a_kill_forbids_the_arming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Live(tmp_path).rig as it:
        assert await armed_meanwhile(it, monkeypatch, lambda: it.ask(Kill())) == "HALTED"
        assert it.engine.journal.state.armed is None


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("nothing", "armed"),
        ("rule", "NO_CANARY"),
        ("red", "NO_CANARY"),
        ("green", "CANARY_CHANGED"),
        ("disarm", "DISARMED"),
        ("a day", "NO_CANARY"),
        ("touched", "NO_CANARY"),
    ],
)
async def test_an_arming_rests_on_what_holds_when_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, code: str
) -> None:
    async with Live(tmp_path).rig as it:
        canaries = it.engine.journal.state.canaries

        async def do() -> None:
            (row,) = canaries.values()
            match what:
                case "rule":
                    await it.ask(PutRule(rule=CAP))
                case "red" | "green":
                    newer = msgspec.structs.replace(row, run_id="newer", verdict=CanaryVerdict(what))
                    canaries["newer"] = msgspec.structs.replace(newer, reasons=("SLOW: it was",))
                case "disarm":
                    await it.ask(DisarmLive())
                case "a day":
                    it.clock.step_wall(24 * 3_600)
                case "touched":
                    Path(row.bundle).write_bytes(b"{}")

        assert await armed_meanwhile(it, monkeypatch, do) == code
        assert (it.engine.journal.state.armed is not None) is (code == "armed")


async def test_of_two_armings_the_later_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        held = Held(monkeypatch)
        first = asyncio.ensure_future(it.ask(ARM))
        assert await asyncio.to_thread(held.began.wait, 10)
        less = msgspec.structs.replace(ARM, cap=D(100), phrase=ARM.phrase.replace("500", "100"))
        second = asyncio.ensure_future(it.ask(less))
        held.go.set()
        await asyncio.gather(first, second)
        armed = it.engine.journal.state.armed
        assert armed is not None
        assert armed.cap == D(100)


@pytest.mark.parametrize(("against", "code"), [(DisarmLive(), "DISARMED"), (Kill(), "HALTED")])
async def test_an_arming_that_waits_its_turn_comes_to_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, against: DisarmLive | Kill, code: str
) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        held = Held(monkeypatch)
        first = asyncio.ensure_future(it.ask(ARM))
        assert await asyncio.to_thread(held.began.wait, 10)
        second = asyncio.ensure_future(it.ask(ARM))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await it.ask(against)
        held.go.set()
        refused = await asyncio.gather(first, second, return_exceptions=True)
        assert [one.code if isinstance(one, LinkError) else one for one in refused] == [code, code]
        assert it.engine.journal.state.armed is None


async def test_an_arming_that_waits_for_what_an_engine_before_left_can_be_disarmed(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        it.engine.canary._settled.clear()
        asked = asyncio.ensure_future(it.ask(ARM))
        for _ in range(3):
            await asyncio.sleep(0)
        await it.ask(DisarmLive())
        it.engine.canary._settled.set()
        with pytest.raises(LinkError) as refused:
            await asked
        assert refused.value.code == "DISARMED"
        assert it.engine.journal.state.armed is None


async def test_faces_that_ask_meanwhile_are_answered_and_take_no_thread_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        held = Held(monkeypatch)
        first = asyncio.ensure_future(it.ask(GetCanaries()))
        assert await asyncio.to_thread(held.began.wait, 10)
        for _ in range(20):
            assert "being checked" in await lacks(it)
        held.go.set()
        await first
        assert held.judged == 1
        assert await lacks(it) == ""


async def test_the_same_bytes_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        parsed = list[bytes]()
        monkeypatch.setattr(evidence, "check", lambda content: (parsed.append(content), check(content))[1])
        for _ in range(3):
            os.utime(row.bundle)
            assert await lacks(it) == ""
        await it.ask(ARM)
        assert len(parsed) == 1


async def test_evidence_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        Path(row.bundle).unlink()
        os.mkfifo(row.bundle)
        assert "no plain file" in await lacks(it)
        assert (await refusal(it, ARM)).code == "NO_CANARY"


async def test_a_red_canary_takes_back_the_word_of_the_green_one_before(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        it.venue.failing["test_order"] = REJECTED
        red = await canary(it)
        refused = await refusal(it, ARM)
        assert (refused.code, red.run_id in refused.text) == ("NO_CANARY", True)
        it.venue.failing.clear()
        await canary(it)
        await it.ask(ARM)


async def test_a_canary_that_did_not_look_at_the_live_host_arms_nothing(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        row = await canary(it)
        elsewhere = msgspec.structs.replace(row, environment=Environment.TESTNET)
        it.engine.journal.state.canaries[row.run_id] = elsewhere
        assert (await refusal(it, ARM)).code == "NO_CANARY"


async def test_a_dry_soak_is_a_canary_to_arm_on(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        asked = asyncio.ensure_future(
            it.ask(SoakCanary(symbol=SYMBOL, duration_s=10, quantity=D("0.001"), dry=True))
        )
        await it.until(asked.done)
        row = await asked
        assert isinstance(row, CanaryRow)
        assert row.verdict == "green"
        await it.ask(ARM)


@pytest.mark.parametrize(("how", "state"), [("hang", OrderState.SENT), ("lost", OrderState.UNKNOWN)])
async def test_orders_in_flight_at_once_share_the_cap(tmp_path: Path, how: str, state: OrderState) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(msgspec.structs.replace(ARM, cap=D(118), phrase=ARM.phrase.replace("500", "118")))
        it.venue.plan.extend([how] * 4)
        it.venue.failing["query"] = REJECTED  # so an unknown one stays unknown
        asked = [asyncio.ensure_future(it.submit(SMALL)) for _ in range(4)]
        await it.until(lambda: len(it.venue.placed) == 2 and sum(one.done() for one in asked) >= 2)
        orders = list(it.engine.journal.state.orders.values())
        assert sorted(order.state for order in orders) == sorted([OrderState.DENIED] * 2 + [state] * 2)
        assert {order.code for order in orders if order.state is OrderState.DENIED} == {"LIVE_NOT_ARMED"}
        it.venue.release.set()
        await it.until(lambda: all(one.done() for one in asked))
        await denied(it, SMALL)


async def test_a_sell_in_flight_counts_what_it_can_bring(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(msgspec.structs.replace(ARM, cap=D(110), phrase=ARM.phrase.replace("500", "110")))
        it.venue.plan.append("lost")
        it.venue.failing["query"] = REJECTED
        sold = await it.submit(buy("0.001", "40000", side=Side.SELL))  # 60 at the bid
        assert sold.state is OrderState.UNKNOWN
        await denied(it, SMALL)  # 59


async def test_an_arming_ends_at_its_expiry_to_the_millisecond(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        armed = it.engine.journal.state.armed
        assert armed is not None
        it.clock.advance((armed.expires_ms - it.clock.wall_ns() // 1_000_000 - 1) / 1_000)
        assert it.engine.arming.keeps_home() == ""
        it.clock.advance(0.001)
        order = await denied(it, SMALL)
        assert "expired" in order.text
        assert (await status(it)).arming is None


async def test_what_expires_between_gate_and_wire_stays_home(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        it.venue.plan.append("slow")
        asked = asyncio.ensure_future(it.submit(SMALL))
        await it.until(lambda: not it.venue.plan)
        it.clock.advance(ARM.minutes * 60)
        it.venue.release.set()
        await it.until(asked.done)
        assert (await asked).state is OrderState.DENIED
        assert it.venue.placed == []


async def test_an_arming_is_for_its_symbols_only(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        ask = msgspec.structs.replace(
            ARM, symbols=("ETHUSDT",), phrase=phrase(("ETHUSDT",), ARM.cap, ARM.minutes)
        )
        await it.ask(ask)
        order = await denied(it, SMALL)
        assert "not for BTCUSDT" in order.text


async def test_the_cap_is_for_everything_sent_under_the_arming(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(msgspec.structs.replace(ARM, cap=D(118), phrase=ARM.phrase.replace("500", "118")))
        first = await it.submit(SMALL)
        assert first.state is OrderState.ACCEPTED
        await denied(it, buy("0.0011"))  # 59 + 64.9
        assert (await it.submit(SMALL)).state is OrderState.ACCEPTED  # 118 of 118
        await denied(it, SMALL)
        it.venue.fill(first.client_order_id)
        await denied(it, SMALL)  # what was traded stays used


async def test_a_cancelled_order_gives_its_share_back(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(msgspec.structs.replace(ARM, cap=D(100), phrase=ARM.phrase.replace("500", "100")))
        order = await it.submit(SMALL)
        await denied(it, SMALL)
        await it.engine.cancels.cancel(order.client_order_id)
        assert (await it.submit(SMALL)).state is OrderState.ACCEPTED


async def test_a_sell_counts_what_it_can_bring_not_its_limit(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(msgspec.structs.replace(ARM, cap=D(50), phrase=ARM.phrase.replace("500", "50")))
        await denied(it, buy("0.001", "40000", side=Side.SELL))  # fills at 60 000


async def test_an_order_that_cannot_be_valued_does_not_leave(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        for quantity in (D("NaN"), None):
            submit = SubmitOrder(symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET, quantity=quantity)
            assert (await it.submit(submit)).state is OrderState.DENIED
        assert it.venue.placed == []


async def test_disarmed_is_disarmed_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        clock = it.clock
    async with Live(tmp_path, clock).rig as it:
        assert (await it.submit(SMALL)).state is OrderState.ACCEPTED
        await it.ask(DisarmLive(reason="done"))
        await denied(it, SMALL)
        with pytest.raises(LinkError):
            await it.ask(DisarmLive())
    async with Live(tmp_path, clock).rig as it:
        await denied(it, SMALL)


async def test_an_arming_is_for_one_configuration(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        clock = it.clock
    async with Live(tmp_path, clock, reconcile_every_s=30.0).rig as it:
        assert "configuration" in (await denied(it, SMALL)).text
    async with Live(tmp_path, clock).rig as it:
        assert (await it.submit(SMALL)).state is OrderState.ACCEPTED


async def test_a_clock_that_was_set_back_lengthens_no_arming(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        it.clock.step_wall(-3_600)
        assert "clock" in (await denied(it, SMALL)).text


async def test_a_halt_is_stronger_than_an_arming(tmp_path: Path) -> None:
    async with Live(tmp_path).rig as it:
        await canary(it)
        await it.ask(ARM)
        it.engine.guard.halt("drill")
        assert (await it.submit(SMALL)).code == "HALTED"


async def test_elsewhere_nothing_needs_arming(tmp_path: Path) -> None:
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, live_allowed=True)
    async with rig(tmp_path, settings=settings) as it:
        assert (await it.submit(SMALL)).state is OrderState.ACCEPTED
        assert (await refusal(it, ARM)).code == "LIVE_NOT_ENABLED"
