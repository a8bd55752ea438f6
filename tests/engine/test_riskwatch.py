"""Rules that break without an order: they act once, survive a restart, and are lifted with a reason that
forgives what was lost until then and nothing more (F36, F61)."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import MAX_COUNT, Rule, RuleEffect, RuleKind, Scope
from spark_tui.domain.values import ListKind, Side, TradingState
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.submission import to_request
from spark_tui.link.messages import GetRules, PutRule, ReplaceOrder, Resume, Rules, SubmitList
from spark_tui.link.service import LinkError
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.engine.harness import Rig, buy, rig
from tests.engine.test_lists import LISTS

LOSS = Rule(id="loss", kind=RuleKind.MAX_DAILY_LOSS, limit=D(1_000), effect=RuleEffect.HALT_AND_CANCEL)
FALL = Rule(id="fall", kind=RuleKind.MAX_DRAWDOWN, limit=D(10), effect=RuleEffect.HALT)
SLOW = EngineSettings(symbols={NAME: (SYMBOL,)}, book_max_age_s=100_000)


def watching(*rules: Rule) -> EngineSettings:
    return msgspec.structs.replace(SLOW, rules=rules)


async def bought(it: Rig, quantity: str = "1") -> None:
    """At 60 010, of which the half of the spread is lost at once."""
    it.venue.plan.append("fill")
    assert (await it.submit(buy(quantity, None))).state is OrderState.FILLED


def moves(it: Rig, price: float) -> None:
    it.venue.tick(price - 5, price + 5)


async def seconds(it: Rig, count: float) -> None:
    end = it.clock.mono_ns() + int(count * 1e9)
    await it.until(lambda: it.clock.mono_ns() >= end)
    await it.turn()


async def submit_code(it: Rig) -> str:
    return (await it.submit(buy("0.1"))).code


async def used(it: Rig, rule_id: str) -> object:
    rules = await it.ask(GetRules())
    assert isinstance(rules, Rules)
    return next(row.used for row in rules.rows if row.rule.id == rule_id)


# --- loss of the day ---------------------------------------------------------------------------------------


async def test_the_days_loss_pulls_the_kill_switch_once(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        resting = await it.submit(buy("0.1", "50000"))
        moves(it, 59_020)
        await seconds(it, 3)
        assert it.engine.guard.state is TradingState.ACTIVE
        moves(it, 59_000)  # 1 010 below what was paid
        await it.until(lambda: it.engine.guard.killed)
        await it.until(lambda: it.order(resting.client_order_id).state is OrderState.CANCELED)
        assert it.engine.guard.reason.startswith("rule loss:")
        assert it.engine.tally.violations == {"DAILY_LOSS": 1}
        await it.until(lambda: it.engine.tally.cancel_alls == {True: 1})
        sweeps = it.venue.sent_bytes.count(f"cancel-all {SYMBOL}")
        await seconds(it, 5)
        assert it.venue.sent_bytes.count(f"cancel-all {SYMBOL}") == sweeps
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        assert (it.engine.guard.state, it.engine.guard.killed) == (TradingState.HALTED, True)
        assert (await it.submit(buy("0.1"))).code == "HALTED"


async def test_a_halt_needs_a_reason_and_forgives_only_what_was_lost_until_then(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        with pytest.raises(LinkError) as refused:
            await it.ask(Resume(reason=" "))
        assert refused.value.code == "REASON_NEEDED"
        await it.ask(Resume(reason="hedged elsewhere"))
        await seconds(it, 3)
        assert it.engine.guard.state is TradingState.ACTIVE
        assert (await it.submit(buy("0.01", "50000"))).state is OrderState.ACCEPTED
        moves(it, 58_020)  # another 980
        await seconds(it, 3)
        assert await used(it, "loss") == D(980)
        assert it.engine.guard.state is TradingState.ACTIVE
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        moves(it, 58_020)
        await seconds(it, 2)
        assert it.engine.guard.state is TradingState.ACTIVE  # forgiven through a restart, and
        moves(it, 57_990)  # another 1 010 in all
        await it.until(lambda: it.engine.guard.killed)


async def test_what_was_made_good_is_not_forgiven_twice(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        await it.ask(Resume(reason="go on"))
        moves(it, 60_010)  # nothing is lost any more
        await seconds(it, 3)
        moves(it, 59_005)  # 1 005 are
        await it.until(lambda: it.engine.guard.killed)


async def test_a_changed_rule_counts_everything_again(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        await it.ask(Resume(reason="go on"))
        assert it.engine.guard.state is TradingState.ACTIVE
        await it.ask(PutRule(rule=msgspec.structs.replace(LOSS, limit=D(900))))
        await it.until(lambda: it.engine.guard.killed)


async def test_a_loss_nobody_can_tell_refuses_and_is_no_breach(tmp_path: Path) -> None:
    """F61: a figure that goes missing must neither pass nor switch the rule off for ever."""
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        await seconds(it, 2)
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.skip(3)
        it.venue.tick()
        await seconds(it, 30)
        rules = await it.ask(GetRules())
        assert isinstance(rules, Rules)
        assert rules.rows[0].ok  # for a minute it stands as it was
        await seconds(it, 40)
        codes = {
            one.code for one in it.engine.gate.assess(to_request(buy("0.1"), NAME)).verdicts if not one.ok
        }
        assert "NO_FIGURE" in codes
        assert it.engine.guard.state is TradingState.ACTIVE
        it.venue.failing.clear()
        moves(it, 58_000)
        await it.until(lambda: it.engine.guard.killed)


async def test_a_share_of_equity_can_be_lost_too(tmp_path: Path) -> None:
    share = Rule(
        id="share", kind=RuleKind.MAX_DAILY_LOSS_SHARE, limit=D("0.1"), effect=RuleEffect.REDUCE_ONLY
    )
    async with rig(tmp_path, settings=watching(share)) as it:
        await bought(it)
        moves(it, 58_000)  # 2 010 of about 1.6 million
        await it.until(lambda: it.engine.guard.state is TradingState.REDUCING)
        assert (await it.submit(buy("0.1"))).code == "REDUCING"
        assert (await it.submit(buy("1", "59000", side=Side.SELL))).state is OrderState.ACCEPTED


# --- drawdown ----------------------------------------------------------------------------------------------


async def test_a_drawdown_halts_and_counts_anew_from_the_resume(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(FALL)) as it:
        it.venue.holdings = {"USDT": D(0), "BTC": D(10)}
        it.engine.portfolio.on_balances(await it.venue.balances())
        await seconds(it, 2)
        moves(it, 55_000)
        await seconds(it, 2)
        assert it.engine.guard.state is TradingState.ACTIVE
        moves(it, 54_000)
        await it.until(lambda: it.engine.guard.halted)
        assert "fall" in it.engine.guard.reason
        await it.ask(Resume(reason="seen"))
        moves(it, 49_000)  # 9.3 % more
        await seconds(it, 2)
        assert it.engine.guard.state is TradingState.ACTIVE
        moves(it, 48_500)  # 10.2 % more
        await it.until(lambda: it.engine.guard.halted)


# --- streaks -----------------------------------------------------------------------------------------------

STREAK = Rule(id="streak", kind=RuleKind.LOSS_STREAK, limit=D(2), window_s=60)


async def lose(it: Rig) -> None:
    """There and back, for a fee each way."""
    await bought(it, "0.01")
    it.venue.plan.append("fill")
    sold = await it.submit(buy("0.01", None, side=Side.SELL))
    assert sold.state is OrderState.FILLED, sold.text


async def test_losses_in_a_row_cool_down(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(STREAK)) as it:
        await lose(it)
        assert await used(it, "streak") == 1
        await lose(it)
        denied = await it.submit(buy("0.01"))
        assert (denied.code, "cooling down" in denied.text) == ("COOL_DOWN", True)
        it.clock.advance(61)
        it.venue.tick()
        assert (await it.submit(buy("0.01"))).state is OrderState.ACCEPTED
    async with rig(tmp_path, settings=watching(STREAK)) as it:
        assert await used(it, "streak") == 2


async def test_a_gain_ends_the_streak(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(STREAK)) as it:
        await lose(it)
        await bought(it, "0.01")
        it.venue.plan.append("fill")
        await it.submit(buy("0.01", "60100", side=Side.SELL))
        assert await used(it, "streak") == 0


REJECTS = Rule(id="loop", kind=RuleKind.REJECT_STREAK, limit=D(3), window_s=60, effect=RuleEffect.REDUCE_ONLY)


async def test_equal_refusals_of_the_venue_reduce(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(REJECTS)) as it:
        it.venue.plan.extend(["reject"] * 3)
        for _ in range(3):
            assert (await it.submit()).state is OrderState.REJECTED
        assert it.engine.guard.state is TradingState.REDUCING
        assert "-2010" in it.engine.guard.reason
        assert (await it.submit()).code == "REDUCING"
        await it.ask(Resume(reason="mended"))
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_one_that_is_taken_ends_the_refusals(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(REJECTS)) as it:
        it.venue.plan.extend(["reject", "reject", "rest", "reject", "reject"])
        for _ in range(5):
            await it.submit()
        assert it.engine.guard.state is TradingState.ACTIVE
        assert await used(it, "loop") == 2


async def test_refusals_can_also_only_cool_down(tmp_path: Path) -> None:
    rule = msgspec.structs.replace(REJECTS, effect=RuleEffect.REFUSE)
    async with rig(tmp_path, settings=watching(rule)) as it:
        it.venue.plan.extend(["reject"] * 3)
        for _ in range(3):
            await it.submit()
        assert it.engine.guard.state is TradingState.ACTIVE
        assert (await it.submit()).code == "COOL_DOWN"
        it.clock.advance(61)
        it.venue.tick()
        assert (await it.submit()).state is OrderState.ACCEPTED


# --- hours -------------------------------------------------------------------------------------------------


async def test_outside_the_hours_nothing_new_begins(tmp_path: Path) -> None:
    hours = Rule(
        id="hours", kind=RuleKind.TRADING_HOURS, hours="thu 09:00-09:01", effect=RuleEffect.REDUCE_ONLY
    )
    async with rig(tmp_path, settings=watching(hours)) as it:  # the clock says Thursday, 08:53:20
        await it.until(lambda: it.engine.guard.state is TradingState.REDUCING)
        await it.ask(Resume(reason="early"))
        assert (await it.submit(buy("0.01"))).code == "TRADING_HOURS"
        it.clock.advance(400)
        it.venue.tick()
        assert (await it.submit(buy("0.01"))).state is OrderState.ACCEPTED


# --- midnight, clocks and changes --------------------------------------------------------------------------


def until_midnight(it: Rig, less_s: float) -> float:
    return 86_400 - it.clock.wall_ns() / 1e9 % 86_400 - less_s


def blind(it: Rig) -> None:
    """The book is lost and cannot be had again."""
    it.venue.failing["depth_snapshot"] = UNREACHABLE
    it.venue.skip(3)
    it.venue.tick()


async def test_what_was_forgiven_of_yesterday_is_no_loss_of_today(tmp_path: Path) -> None:
    """Prices go missing just before midnight: yesterday's loss, which stands for a minute, is not today's."""
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        it.clock.advance(until_midnight(it, 30))
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        await it.ask(Resume(reason="seen"))
        await seconds(it, 2)
        blind(it)
        await seconds(it, 30)  # midnight is over
        assert it.engine.guard.state is TradingState.ACTIVE
        assert await used(it, "loss") is None
        denied = it.engine.gate.assess(to_request(buy("0.1"), NAME)).verdicts
        assert "NO_FIGURE" in {one.code for one in denied}


async def test_at_midnight_the_days_loss_begins_anew_with_the_position_open(tmp_path: Path) -> None:
    """What the open position had lost by then was yesterday's; what it loses from then on is today's."""
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        it.clock.advance(until_midnight(it, 10))
        moves(it, 59_050)  # 960 lost
        await seconds(it, 3)
        assert await used(it, "loss") == D("960.01")
        await seconds(it, 10)  # midnight is over
        assert await used(it, "loss") == 0
        moves(it, 58_060)  # another 990
        await seconds(it, 3)
        assert (await used(it, "loss"), it.engine.guard.state) == (D(990), TradingState.ACTIVE)
    async with rig(tmp_path, settings=watching(LOSS), clock=it.clock) as it:
        moves(it, 58_060)
        await seconds(it, 3)
        assert await used(it, "loss") == D(990)
        moves(it, 58_050)
        await it.until(lambda: it.engine.guard.killed)
    async with rig(tmp_path, settings=watching(LOSS), clock=it.clock) as it:
        it.clock.advance(until_midnight(it, -5))  # a new day lifts no halt
        it.venue.tick()
        await seconds(it, 3)
        assert (await submit_code(it), it.engine.guard.killed) == ("HALTED", True)


async def test_a_clock_that_steps_back_over_midnight_forgets_no_loss(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        it.clock.advance(until_midnight(it, -1))
        it.venue.tick()
        await seconds(it, 2)
        moves(it, 59_100)  # 905 lost today
        await seconds(it, 2)
        lost = await used(it, "loss")
        assert lost == D(905)
        it.clock.step_wall(-10)
        await seconds(it, 3)
        assert await used(it, "loss") == lost
        await seconds(it, 10)
        assert await used(it, "loss") == lost


async def test_a_broken_rule_that_is_made_stricter_acts_at_once(tmp_path: Path) -> None:
    mild = msgspec.structs.replace(LOSS, effect=RuleEffect.REFUSE)
    async with rig(tmp_path, settings=watching(mild)) as it:
        await bought(it)
        moves(it, 59_000)
        await seconds(it, 3)
        assert it.engine.guard.state is TradingState.ACTIVE
        await it.ask(PutRule(rule=msgspec.structs.replace(LOSS, effect=RuleEffect.HALT)))
        assert it.engine.guard.halted


async def test_a_cool_down_survives_a_restart_and_not_a_resume(tmp_path: Path) -> None:
    settings = watching(msgspec.structs.replace(REJECTS, effect=RuleEffect.REFUSE))
    clock = ManualClock()
    async with rig(tmp_path, settings=settings, clock=clock) as it:
        it.venue.plan.extend(["reject"] * 3)
        for _ in range(3):
            await it.submit()
        clock.advance(10)
    async with rig(tmp_path, settings=settings, clock=clock) as it:
        denied = await it.submit()
        assert (denied.code, "-2010" in denied.text, "50 s" in denied.text) == ("COOL_DOWN", True, True)
        await it.ask(Resume(reason="mended"))
    async with rig(tmp_path, settings=settings, clock=clock) as it:
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_after_a_restart_the_same_refusals_are_counted(tmp_path: Path) -> None:
    """A list that was refused is one refusal; the venue's own limit (-1015) and a replacement it never
    judged are none."""
    settings = watching(msgspec.structs.replace(REJECTS, limit=D(9)))
    clock = ManualClock()
    async with rig(tmp_path, settings=settings, clock=clock) as it:
        resting = await it.submit()
        it.venue.plan.extend(["reject", "reject"])
        await it.ask(SubmitList(kind=ListKind.OCO, legs=LISTS[ListKind.OCO]))
        await it.submit()
        assert await used(it, "loop") == 2
        it.venue.plan.append("cancel-fails")
        await it.ask(ReplaceOrder(client_order_id=resting.client_order_id, order=buy(price="58000")))
        assert await used(it, "loop") == 2
        it.venue.refusal = VenueError(Reaction.THROTTLED, "-1015", "Too many new orders.", retry_after_s=1.0)
        it.venue.plan.append("refused")
        await it.submit()
        assert await used(it, "loop") == 2
    async with rig(tmp_path, settings=settings, clock=clock) as it:
        assert await used(it, "loop") == 2


async def test_a_narrow_count_that_cannot_be_told_refuses(tmp_path: Path) -> None:
    """More happened elsewhere within the window than is kept: how many were here is lost."""
    here = Rule(
        id="here",
        kind=RuleKind.MAX_ORDER_RATE,
        limit=D(2),
        window_s=3_600,
        scope=Scope(symbol=SYMBOL),
    )
    async with rig(tmp_path, settings=watching(here)) as it:
        activity = it.engine.guard.activity
        activity.ordered(to_request(buy(), NAME), "manual")
        elsewhere = msgspec.structs.replace(to_request(buy(), NAME), symbol="ETHUSDT")
        for _ in range(MAX_COUNT - 2):
            activity.ordered(elsewhere, "manual")
        assert (await it.submit()).state is OrderState.ACCEPTED  # one here is known, none was lost yet
        activity.ordered(elsewhere, "manual")
        denied = await it.submit()
        assert (denied.code, "cannot be told" in denied.text) == ("ORDER_RATE", True)
        it.clock.advance(3_600)
        it.venue.tick()
        assert (await it.submit()).state is OrderState.ACCEPTED


# --- what the mutations got past ---------------------------------------------------------------------------


async def test_a_rule_that_passes_has_no_effect_when_another_refuses(tmp_path: Path) -> None:
    cap = Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(1_000))
    size = Rule(id="size", kind=RuleKind.MAX_ORDER_QUANTITY, limit=D(5), effect=RuleEffect.HALT)
    async with rig(tmp_path, settings=watching(cap, size)) as it:
        assert (await it.submit(buy("1"))).code == "MAX_NOTIONAL"
        assert it.engine.guard.state is TradingState.ACTIVE
        assert (await it.submit(buy("6"))).code == "MAX_NOTIONAL"
        assert it.engine.guard.halted


async def test_a_rule_that_stays_broken_is_told_once(tmp_path: Path) -> None:
    mild = msgspec.structs.replace(LOSS, effect=RuleEffect.REFUSE)
    async with rig(tmp_path, settings=watching(mild)) as it:
        await bought(it)
        moves(it, 59_000)
        await seconds(it, 5)
        assert sum("by rule loss" in notice.text for notice in it.engine.notices.recent) == 1


async def test_a_resume_forgives_nothing_that_is_not_broken(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_500)  # 510 lost, of 1 000 that may be
        await seconds(it, 2)
        it.engine.guard.halt("a pause", "tester")
        await it.ask(Resume(reason="go on"))
        await seconds(it, 2)
        assert await used(it, "loss") == D("510.01")
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)


async def test_what_is_left_of_a_loss_stays_forgiven(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        await it.ask(Resume(reason="go on"))
        moves(it, 59_210)  # 800 are left of it
        await seconds(it, 3)
        moves(it, 58_300)  # and 910 more are lost
        await seconds(it, 3)
        assert await used(it, "loss") == D(910)
        assert it.engine.guard.state is TradingState.ACTIVE


async def test_a_gain_after_a_loss_is_no_debt(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=watching(LOSS)) as it:
        await bought(it)
        moves(it, 59_000)
        await it.until(lambda: it.engine.guard.killed)
        await it.ask(Resume(reason="go on"))
        moves(it, 61_000)
        await seconds(it, 3)
        moves(it, 59_100)  # 910 below what was paid
        await seconds(it, 3)
        assert await used(it, "loss") == D("910.01")
        assert it.engine.guard.state is TradingState.ACTIVE
