"""Rules that are changed while the engine runs: who did it is in the ledger, it holds at once, and between
cockpit and configuration it is clear who has the word."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import MAX_RULES, STANDARD, Rule, RuleEffect, RuleKind, Scope
from spark_tui.domain.values import Side, TradingState
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import RuleChanged, from_body
from spark_tui.link.messages import (
    CancelOrder,
    DeleteRule,
    DisableRule,
    EnableRule,
    GetRules,
    OrderUpdate,
    Preview,
    PreviewOrder,
    PutRule,
    RuleRow,
    Rules,
)
from spark_tui.link.service import LinkError
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.engine.harness import Rig, buy, rig
from tests.engine.test_algos_engine import TWAP, pass_time
from tests.engine.test_gate import strangers

CAP = Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(100))


def configured(*rules: Rule) -> EngineSettings:
    return EngineSettings(symbols={NAME: (SYMBOL,)}, rules=rules)


async def rows(it: Rig) -> dict[str, RuleRow]:
    found = await it.ask(GetRules())
    assert isinstance(found, Rules)
    return {row.rule.id: row for row in found.rows}


async def refusal(it: Rig, ask: PutRule | EnableRule | DisableRule | DeleteRule) -> LinkError:
    with pytest.raises(LinkError) as refused:
        await it.ask(ask)
    return refused.value


def changes(it: Rig) -> list[RuleChanged]:
    records = [from_body(entry.body) for entry in it.ledger.read()]
    return [record for record in records if isinstance(record, RuleChanged)]


# --- create, edit, enable, disable, delete -----------------------------------------------------------------


async def test_a_rule_holds_at_once_and_who_made_it_is_in_the_ledger(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured()) as it:
        assert (await it.submit()).state is OrderState.ACCEPTED
        await it.ask(PutRule(rule=CAP))
        assert (await it.submit()).code == "MAX_NOTIONAL"
        [change] = changes(it)
        assert (change.rule, change.over, change.operator) == (CAP, None, "tester")
        row = (await rows(it))["cap"]
        assert (row.origin, row.changed_by, row.base) == ("cockpit", "tester", None)
        await it.ask(PutRule(rule=msgspec.structs.replace(CAP, limit=D(50_000))))
        assert (await it.submit()).state is OrderState.ACCEPTED
        assert len(await rows(it)) == 1


async def test_a_rule_survives_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured()) as it:
        await it.ask(PutRule(rule=CAP))
    async with rig(tmp_path, settings=configured()) as it:
        assert (await it.submit()).code == "MAX_NOTIONAL"


async def test_a_rule_switched_off_judges_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(CAP)) as it:
        await it.ask(DisableRule(rule_id="cap"))
        assert (await it.submit()).state is OrderState.ACCEPTED
        assert not (await rows(it))["cap"].rule.enabled
        await it.ask(EnableRule(rule_id="cap"))
        assert (await it.submit()).code == "MAX_NOTIONAL"
        assert (await rows(it))["cap"].origin == "config"  # as it says, so nothing is overridden
        await it.ask(EnableRule(rule_id="cap"))
        assert len(changes(it)) == 2  # what changes nothing is no change


async def test_a_rule_made_here_can_be_deleted(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured()) as it:
        await it.ask(PutRule(rule=CAP))
        await it.ask(DeleteRule(rule_id="cap"))
        assert (await it.submit()).state is OrderState.ACCEPTED
        assert await rows(it) == {}
    async with rig(tmp_path, settings=configured()) as it:
        assert await rows(it) == {}


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(CAP)) as it:
        bad = msgspec.structs.replace(CAP, limit=D("NaN"))
        assert (await refusal(it, PutRule(rule=bad))).code == "BAD_RULE"
        for ask in (EnableRule(rule_id="x"), DisableRule(rule_id="x"), DeleteRule(rule_id="x")):
            told = await refusal(it, ask)
            assert (told.code, "cap" in told.text) == ("NO_SUCH_RULE", True)
        assert (await refusal(it, DeleteRule(rule_id="cap"))).code == "IN_CONFIG"
        assert changes(it) == []
        for number in range(MAX_RULES - 1):
            it.engine.rulebook.put(msgspec.structs.replace(CAP, id=f"r{number}"), "tester")
        assert (
            await refusal(it, PutRule(rule=msgspec.structs.replace(CAP, id="more")))
        ).code == "TOO_MANY_RULES"
        await it.ask(PutRule(rule=msgspec.structs.replace(CAP, limit=D(7))))  # a known one may change


# --- the configuration's word ------------------------------------------------------------------------------


async def test_a_mistyped_symbol_does_not_pass_for_a_limit(tmp_path: Path) -> None:
    for scope, code in (
        (Scope(symbol="BTCUSD"), "NO_SUCH_SYMBOL"),
        (Scope(symbol="BTCUSD", venue=NAME), "NO_SUCH_SYMBOL"),
        (Scope(symbol="BTCUSD", venue="elsewhere"), ""),
        (Scope(symbol=SYMBOL), ""),
    ):
        folder = tmp_path / f"{scope.symbol}{scope.venue}"
        folder.mkdir()
        async with rig(folder) as it:
            rule = msgspec.structs.replace(CAP, scope=scope)
            if code:
                refused = await refusal(it, PutRule(rule=rule))
                assert refused.code == code
                assert refused.text.endswith(f"did you mean {SYMBOL}?")
            else:
                await it.ask(PutRule(rule=rule))
            assert ("cap" in await rows(it)) is (not code)


async def test_an_override_is_shown_as_one_and_ends_when_the_configuration_changes(tmp_path: Path) -> None:
    mine = msgspec.structs.replace(CAP, limit=D(50_000))
    async with rig(tmp_path, settings=configured(CAP)) as it:
        await it.ask(PutRule(rule=mine))
        row = (await rows(it))["cap"]
        assert (row.origin, row.rule, row.base) == ("override", mine, CAP)
    async with rig(tmp_path, settings=configured(CAP)) as it:
        assert (await rows(it))["cap"].rule == mine  # the configuration says what it said
    other = msgspec.structs.replace(CAP, limit=D(200))
    async with rig(tmp_path, settings=configured(other)) as it:
        row = (await rows(it))["cap"]
        assert (row.origin, row.rule, row.base) == ("config", other, None)
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert changes(it)[-1].rule is None
        assert any("cap" in note.text and "configuration" in note.text for note in it.engine.notices.recent)
    async with rig(tmp_path, settings=configured(other)) as it:
        assert len(changes(it)) == 2  # dropped once


async def test_deleting_an_override_gives_the_word_back(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(CAP)) as it:
        await it.ask(DisableRule(rule_id="cap"))
        await it.ask(DeleteRule(rule_id="cap"))
        row = (await rows(it))["cap"]
        assert (row.origin, row.rule) == ("config", CAP)


async def test_a_rule_that_the_configuration_begins_to_name_is_the_configurations(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured()) as it:
        await it.ask(PutRule(rule=msgspec.structs.replace(CAP, limit=D(50_000))))
    async with rig(tmp_path, settings=configured(CAP)) as it:
        assert (await rows(it))["cap"].rule == CAP


async def test_the_standard_rules_are_on_and_named_so(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(*STANDARD)) as it:
        found = await rows(it)
        assert {row.origin for row in found.values()} == {"standard"}
        assert (await it.submit(buy("0.1"))).state is OrderState.ACCEPTED
        assert found["position-share"].headroom == D(10)
        assert (await rows(it))["position-share"].used == D("0.38")
        assert (await it.submit(buy("9"))).code == "POSITION_SHARE"


# --- what is counted ---------------------------------------------------------------------------------------

POSITION = Rule(id="position", kind=RuleKind.MAX_POSITION_QUANTITY, limit=D(1))


@pytest.mark.parametrize("fate", ["rest", "dead", "lost", "hang"])
async def test_whatever_may_live_counts(tmp_path: Path, fate: str) -> None:
    """An order that was answered, one whose answer is lost, one that never lived for all we know."""
    async with rig(tmp_path, settings=configured(POSITION)) as it:
        it.venue.plan.extend(["fill", fate])
        await it.submit(buy("0.4", None))
        if fate == "hang":
            task = asyncio.create_task(it.submit(buy("0.5")))
            await it.until(lambda: len(it.venue.placed) == 2)
        else:
            await it.submit(buy("0.5"))
        assert (await it.submit(buy("0.11"))).code == "MAX_POSITION"
        assert (await it.submit(buy("0.1"))).code == ""
        if fate == "hang":
            it.venue.release.set()
            await task


async def test_fills_that_were_not_heard_count(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(POSITION)) as it:
        order = await it.submit(buy("0.9"))
        it.venue.fill(order.client_order_id, quiet=True)
        it.venue.account_trades.clear()
        report = msgspec.structs.replace(it.venue.reports[order.client_order_id], fills=())
        it.engine.books.on_report(report)
        assert it.order(order.client_order_id).state is OrderState.FILLED
        assert not it.engine.journal.state.positions
        assert (await it.submit(buy("0.11"))).code == "MAX_POSITION"


async def test_a_sale_of_what_was_held_before_is_no_position(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=configured(POSITION)) as it:
        it.venue.plan.append("fill")
        assert (await it.submit(buy("5", None, side=Side.SELL))).state is OrderState.FILLED


async def test_a_strategys_rule_is_for_its_orders_alone(tmp_path: Path) -> None:
    rule = msgspec.structs.replace(CAP, scope=Scope(strategy="twap"))
    async with rig(tmp_path, settings=configured(rule)) as it:
        assert (await it.submit()).state is OrderState.ACCEPTED
        with pytest.raises(LinkError) as refused:
            await it.ask(TWAP)
        assert refused.value.code == "MAX_NOTIONAL"


async def test_an_algos_orders_count_as_its_strategys(tmp_path: Path) -> None:
    rate = Rule(
        id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(100), window_s=600, scope=Scope(strategy="twap")
    )
    async with rig(tmp_path, settings=configured(rate)) as it:
        await it.submit()
        await it.ask(TWAP)
        await pass_time(it, 0.5)
        assert (await rows(it))["rate"].used == 1


async def test_too_many_cancels_hold_back_orders_and_no_cancel(tmp_path: Path) -> None:
    rule = Rule(id="churn", kind=RuleKind.MAX_CANCEL_RATE, limit=D(1), window_s=10)
    async with rig(tmp_path, settings=configured(rule)) as it:
        orders = [await it.submit(buy("0.01")) for _ in range(3)]
        for order in orders[:2]:
            await it.ask(CancelOrder(client_order_id=order.client_order_id))
        assert (await it.submit(buy("0.01"))).code == "CANCEL_RATE"
        last = await it.ask(CancelOrder(client_order_id=orders[2].client_order_id))
        assert isinstance(last, OrderUpdate)
        assert last.order.state is OrderState.CANCELED
    async with rig(tmp_path, settings=configured(rule)) as it:
        assert (await it.submit(buy("0.01"))).code == "CANCEL_RATE"  # known through a restart
        it.clock.advance(11)
        it.venue.tick()
        assert (await it.submit(buy("0.01"))).state is OrderState.ACCEPTED


async def test_open_orders_are_counted_with_other_peoples(tmp_path: Path) -> None:
    rule = Rule(id="few", kind=RuleKind.MAX_OPEN_ORDERS, limit=D(2))
    async with rig(tmp_path, settings=configured(rule)) as it:
        strangers(it)
        await it.submit(buy("0.01"))
        assert (await it.submit(buy("0.01"))).code == "OPEN_ORDERS"


async def test_slippage_is_told_by_the_real_book(tmp_path: Path) -> None:
    rule = Rule(id="slip", kind=RuleKind.MAX_SLIPPAGE, limit=D(1))  # the ask is 0.83 bp from mid
    async with rig(tmp_path, settings=configured(rule)) as it:
        assert (await it.submit(buy("0.5", None))).state is OrderState.ACCEPTED
        assert (await it.submit(buy("3.5", None))).code == "SLIPPAGE"  # the book holds 3
        it.venue.tick(ask=60_200.0)
        assert (await it.submit(buy("0.5", None))).code == "SLIPPAGE"
        assert (await it.submit(buy("0.5", "60100"))).state is OrderState.ACCEPTED  # rests


# --- what follows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "state"),
    [
        (RuleEffect.REFUSE, TradingState.ACTIVE),
        (RuleEffect.REDUCE_ONLY, TradingState.REDUCING),
        (RuleEffect.HALT, TradingState.HALTED),
        (RuleEffect.HALT_AND_CANCEL, TradingState.HALTED),
    ],
)
async def test_an_order_that_breaks_a_rule_has_its_effect_and_a_preview_none(
    tmp_path: Path, effect: RuleEffect, state: TradingState
) -> None:
    async with rig(tmp_path, settings=configured(msgspec.structs.replace(CAP, effect=effect))) as it:
        resting = await it.submit(buy("0.001"))
        preview = await it.ask(PreviewOrder(order=buy()))
        assert isinstance(preview, Preview)
        assert preview.code == "MAX_NOTIONAL"
        assert it.engine.guard.state is TradingState.ACTIVE
        assert (await it.submit()).code == "MAX_NOTIONAL"
        assert it.engine.guard.state is state
        assert ("cap" in it.engine.guard.reason) is (state is not TradingState.ACTIVE)
        swept = effect is RuleEffect.HALT_AND_CANCEL
        if swept:
            await it.until(lambda: it.order(resting.client_order_id).state is OrderState.CANCELED)
        assert it.engine.guard.killed is swept
    async with rig(tmp_path, settings=configured(CAP)) as it:
        assert it.engine.guard.state is state


async def test_a_rule_that_cannot_tell_its_figure_only_refuses(tmp_path: Path) -> None:
    share = Rule(id="share", kind=RuleKind.MAX_POSITION_SHARE, limit=D(10), effect=RuleEffect.HALT)
    async with rig(tmp_path, settings=configured(share)) as it:
        it.venue.skip(3)
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.tick()
        assert (await it.submit()).state is OrderState.DENIED
        assert it.engine.guard.state is TradingState.ACTIVE
