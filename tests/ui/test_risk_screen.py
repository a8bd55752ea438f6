"""The Risk screen under the fingers: every rule with its headroom, made, changed, switched and deleted."""

from decimal import Decimal as D

import msgspec
import pytest

from spark_tui.domain.rules import Rule, RuleEffect, RuleKind, Scope
from spark_tui.domain.values import Environment
from spark_tui.link.messages import (
    Audit,
    DeleteRule,
    DisableRule,
    EnableRule,
    GetAudit,
    PutRule,
    RuleRow,
    Rules,
)
from spark_tui.link.service import LinkError
from spark_tui.ui.rule_words import about, figure, figure_within, most, scope_words
from spark_tui.ui.screens.risk import RiskScreen, RuleCard
from spark_tui.ui.widgets.row_card import ALL
from tests.ui.cockpit import NARROW, VAST, WIDE, Cockpit, cockpit
from tests.ui.fake_engine import audit
from tests.ui.looks import check_picture, check_text

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


HINT = ("Enter", "all", "of", "it")


async def opened(face: Cockpit, rule_id: str = "") -> RiskScreen:
    await face.press("f4")
    await face.until(lambda: "price-band" in face.pane("rules"))
    screen = face.app.cockpit_screen
    assert isinstance(screen, RiskScreen)
    if rule_id:
        screen.table.go((rule_id,))
        await face.settle()
    return screen


def asked(face: Cockpit, kind: type) -> list[object]:
    return [one for one in face.engine.asked if isinstance(one, kind)]


@SIZES
async def test_look(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await opened(face, "btc-position")
        check_picture(face, f"risk-{name}")
        await face.press("escape", "n")
        check_text(face, f"risk-new-{name}")


async def test_the_card_tells_how_a_rule_stands_and_whose_it_is() -> None:
    async with cockpit() as face:
        screen = await opened(face, "position-share")
        assert "7.46 / 10 %, 2.54 % left" in face.pane("rule")
        assert "on from the start" in face.pane("rule")
        screen.table.go(("max-notional",))
        await face.settle()
        assert "ozan" in face.pane("rule")
        assert "instead of what the configuration says" in face.pane("rule")
        screen.table.go(("office",))
        await face.settle()
        assert "judges nothing" in face.pane("rule")
        assert "9 on  1 off  1 broken" in face.pane("rules")


@SIZES
async def test_more_rules_than_rows_are_gone_through_by_key(size: tuple[int, int], name: str) -> None:
    """Each kind once more, under names that are longer than their column, with a figure of twelve digits."""
    async with cockpit(size) as face:
        screen = await opened(face)
        first = screen.table.rows["btc-position",]
        rows = [
            msgspec.structs.replace(
                first,
                rule=msgspec.structs.replace(first.rule, id=f"{kind.replace('_', '-')}-of-mine", kind=kind),
                allowed=D("987654321012.34"),
                used=D("1.5"),
                headroom=D("987654321010.84"),
                ok=True,
            )
            for kind in RuleKind
        ]
        screen.take(Rules(rows=(*screen.table.rows.values(), *rows)))
        await face.press("G")
        last = face.pane("rules").splitlines()[-1]
        assert last.split()[1].startswith("reject-streak-o")
        assert " 987.65B " in last
        assert "reject-streak-of-mine" in face.pane("rule")
        assert all(len(line.rstrip()) <= size[0] for line in face.pane("rules").splitlines())
        await face.press("g")
        assert "price-band" in face.pane("rules").splitlines()[2]


async def test_figures_follow_once_a_second() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        before = len(face.engine.asked)
        screen.tick()
        await face.until(lambda: len(face.engine.asked) > before)
        await face.press("f1")
        before = len(face.engine.asked)
        screen.tick()
        await face.settle()
        assert len(face.engine.asked) == before  # nobody looks


async def test_a_new_rule_is_typed_and_put_by_ctrl_o_alone() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("n", *"btc-cap", "tab", "tab", *"250.5", "tab", *"btcusdt")
        await face.press("tab", "tab", "right", "tab", "right", "enter")
        assert asked(face, PutRule) == []
        await face.press("ctrl+o")
        [put] = asked(face, PutRule)
        assert isinstance(put, PutRule)
        rule = put.rule
        assert (rule.id, rule.kind, str(rule.limit)) == ("btc-cap", RuleKind.MAX_ORDER_NOTIONAL, "250.5")
        assert (rule.scope.symbol, rule.scope.strategy) == ("BTCUSDT", "manual")
        assert (rule.effect, rule.enabled) == (RuleEffect.REDUCE_ONLY, True)
        await face.until(lambda: "btc-cap" in face.pane("rules"))


async def test_a_rule_of_many_words_is_cut_on_its_card_alone() -> None:
    async with cockpit() as face:
        screen = await opened(face, "btc-position")
        row = screen.table.selected()
        assert row is not None
        wordy = msgspec.structs.replace(row, said=f"{'word ' * 100}the end of it")
        card = screen.query_one(RuleCard)
        short, whole = card.lines(wordy, 80, 7), card.lines(wordy, 80, ALL)
        assert [line[0][0].strip() for line in short] == ["says", "", "now", "broken", "from"]
        assert "…" in short[1][1][0]
        assert "the end of it" in " ".join(line[1][0] for line in whole)


async def test_a_rule_that_was_put_is_under_the_cursor() -> None:
    async with cockpit() as face:
        screen = await opened(face, "slippage")
        await face.press("n", *"btc-cap", "tab", "tab", *"250", "ctrl+o")
        await face.until(lambda: "btc-cap" in face.pane("rules"))
        assert screen.table.cursor == ("btc-cap",)
        assert "btc-cap" in face.pane("rule")


async def test_what_is_no_rule_says_why_and_stays() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("n", *"Btc Cap", "ctrl+o")
        assert "is no name" in face.text
        await face.press("ctrl+u", *"cap", "tab", "tab", *"0", "ctrl+o")
        assert "needs a limit above 0" in face.text
        await face.press("escape")
        assert asked(face, PutRule) == []


async def test_the_fields_follow_the_kind() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("n", "tab", "left")  # round to the last kind: refusals in a row
        assert "reject_streak" in face.text
        assert "seconds" in face.text
        await face.press(*["left"] * 5)
        assert "trading_hours" in face.text
        assert "mon-fri 09:00-17:30" in face.text


async def test_a_rule_is_changed_as_it_is() -> None:
    async with cockpit() as face:
        await opened(face, "order-rate")
        await face.press("e", "ctrl+u", *"20", "ctrl+o")
        [put] = asked(face, PutRule)
        assert isinstance(put, PutRule)
        assert (put.rule.id, put.rule.limit, put.rule.window_s) == ("order-rate", 20, 10)
        await face.until(lambda: "override" in face.pane("rules"))


async def test_off_and_on_again() -> None:
    async with cockpit() as face:
        await opened(face, "slippage")
        await face.press("o")
        assert asked(face, DisableRule) == [DisableRule(rule_id="slippage")]
        await face.until(lambda: "2 off" in face.pane("rules"))
        await face.press("o")
        assert asked(face, EnableRule) == [EnableRule(rule_id="slippage")]


@pytest.mark.parametrize("key", ["o", "x"])
async def test_with_money_at_stake_a_weaker_rule_is_asked_again(key: str) -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await opened(face, "btc-position")
        await face.press(key)
        await face.until(lambda: "goes into the ledger" in face.text)
        await face.press("enter", key)
        assert asked(face, DisableRule) == asked(face, DeleteRule) == []
        await face.later(1)
        await face.press("y")
        assert len(asked(face, DisableRule)) + len(asked(face, DeleteRule)) == 1


async def test_what_is_not_from_here_cannot_be_deleted_here() -> None:
    async with cockpit() as face:
        await opened(face, "price-band")
        await face.press("x")
        assert asked(face, DeleteRule) == []
        assert "o switches it off" in face.text
        screen = face.app.cockpit_screen
        assert isinstance(screen, RiskScreen)
        screen.table.go(("btc-position",))
        await face.press("x")
        assert asked(face, DeleteRule) == [DeleteRule(rule_id="btc-position")]
        await face.until(lambda: "btc-position" not in face.pane("rules"))


async def test_a_read_only_cockpit_changes_none() -> None:
    async with cockpit(read_only=True) as face:
        await opened(face, "btc-position")
        await face.press("o", "x", "n", "e")
        assert "read-only" in face.text
        assert [one for one in face.engine.asked if isinstance(one, PutRule | DisableRule | DeleteRule)] == []


async def test_a_vast_terminal_shows_what_became_of_the_rule() -> None:
    async with cockpit(VAST) as face:
        await opened(face, "btc-position")
        await face.until(lambda: "ayse" in face.pane("history"))
        told = face.pane("history")
        words = ("the position could come to", "switched on", "switched off", "20 000, BTCUSDT, reduce only")
        assert [told.index(word) for word in words] == sorted(told.index(word) for word in words)
        assert told.index("REDUCING: the position") < told.index("DENIED MAX_POSITION_NOTIONAL")
        assert "my-btc-position-2" not in told
        check_text(face, "risk-200x60")
        questions = len(asked(face, GetAudit))
        await face.press("k")  # another rule, whose history is asked for at once
        await face.until(lambda: "never changed" in face.pane("history"))
        assert "ayse" not in face.pane("history")
        assert len(asked(face, GetAudit)) > questions
        screen = face.app.cockpit_screen
        assert screen.query_one("#rule").region.x > screen.query_one("#rules").region.right


async def test_only_what_is_new_is_asked_of_the_ledger_again() -> None:
    async with cockpit(VAST) as face:
        screen = await opened(face, "btc-position")
        await face.until(lambda: "ayse" in face.pane("history"))
        before = len(asked(face, GetAudit))
        screen.reload()
        await face.until(lambda: len(asked(face, GetAudit)) == before + 2)
        again = [ask.after for ask in asked(face, GetAudit)[before:] if isinstance(ask, GetAudit)]
        assert again == [16, 16]
        assert "ayse" in face.pane("history")


@pytest.mark.parametrize("size", [(184, 40), VAST, WIDE, NARROW], ids=str)
async def test_a_cards_heading_has_a_long_name_and_no_part_of_a_word(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        screen = await opened(face, "btc-position")
        row = screen.table.rows["btc-position",]
        rule = msgspec.structs.replace(row.rule, id="x" * 32)
        screen.take(Rules(rows=(msgspec.structs.replace(row, rule=rule, text="over " * 500),)))
        await face.settle()
        heading = face.pane("rule").split("\n")[0]
        words = [word for word in heading.split() if word.strip("─")]
        assert [word for word in words if word != "max_position_notional"] == ["x" * 32, *HINT, "on"]


async def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line may be lost between the two questions: nothing is claimed, and nothing is left out later."""
    answers, lost = audit.answer, [True]

    def answer(ask: GetAudit) -> Audit:
        if ask.text == "btc-position":
            return msgspec.structs.replace(answers(ask), rows=())
        if lost:
            raise LinkError("NO_ANSWER", "The engine did not answer.")
        return answers(ask)

    monkeypatch.setattr(audit, "answer", answer)
    async with cockpit(VAST) as face:
        screen = await opened(face, "btc-position")
        await face.until(lambda: len(asked(face, GetAudit)) >= 2)
        await face.later(1)
        assert "looking into the ledger" in face.pane("history")
        lost.clear()
        before = len(asked(face, GetAudit))
        screen.reload()
        await face.until(lambda: "DENIED MAX_POSITION_NOTIONAL" in face.pane("history"))
        again = [ask.after for ask in asked(face, GetAudit)[before:] if isinstance(ask, GetAudit)]
        assert again == [0, 0]
        screen.reload()
        await face.until(lambda: len(asked(face, GetAudit)) == before + 4)
        again = [ask.after for ask in asked(face, GetAudit)[before + 2 :] if isinstance(ask, GetAudit)]
        assert again[0] == again[1] > 0


async def test_of_a_ledger_too_long_to_be_read_at_once_it_claims_no_more_than_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "answer", lambda ask: Audit(rows=(), before=0 if ask.after else 7, entries=9))
    async with cockpit(VAST) as face:
        screen = await opened(face, "drawdown")
        await face.until(lambda: "nothing of late" in face.pane("history"))
        screen.reload()
        await face.until(lambda: len(asked(face, GetAudit)) > 4)
        assert "never" not in face.pane("history")


async def test_where_there_is_no_room_nobody_is_asked_for_a_history() -> None:
    async with cockpit() as face:
        await opened(face, "btc-position")
        await face.press("j", "k")
        assert asked(face, GetAudit) == []


def test_a_rate_says_its_window_and_no_figure_is_cut() -> None:
    row = RuleRow(
        origin="standard",
        rule=Rule(id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(90), window_s=10),
        label="order rate",
        said="",
        ok=True,
        text="",
        unit="/10 s",
        used=D(3),
        allowed=D(90),
        headroom=D(87),
    )
    assert figure(row) == "3 / 90 per 10 s"
    large = msgspec.structs.replace(row, unit="USDT", used=D("66812.3456"), allowed=D(100_000))
    assert figure(large) == "66 812.3456 / 100 000 USDT"
    assert figure_within(large, 19) == "66.8k / 100.0k USDT"
    unnamed = msgspec.structs.replace(large, unit="quote asset", used=None)
    assert figure(unnamed) == "– / 100 000 quote asset"
    assert figure_within(unnamed, 19) == "– / 100 000 quote"
    assert most(unnamed) == "100.0k quote"


def test_a_scope_says_by_hand_not_manual() -> None:
    rule = Rule(id="r", kind=RuleKind.MAX_OPEN_ORDERS, limit=D(5), scope=Scope(strategy="manual"))
    assert scope_words(rule) == "by hand"
    narrow = msgspec.structs.replace(rule, scope=Scope(symbol="BTCUSDT", strategy="twap", venue="sim"))
    assert scope_words(narrow) == "BTCUSDT by twap at sim"


def test_hours_and_symbols_are_named_where_they_do_not_fit() -> None:
    row = RuleRow(
        origin="config",
        rule=Rule(id="office", kind=RuleKind.TRADING_HOURS, hours="mon-fri 07:00-19:00"),
        label="hours",
        said="",
        ok=True,
        text="",
        unit="",
        used=None,
        allowed=None,
        headroom=None,
    )
    assert about(row, 23, short=False) == "mon-fri 07:00-19:00"
    assert (about(row, 13, short=True), about(row, 13, short=False)) == ("hours", "trading hours")
    names = Rule(id="only", kind=RuleKind.SYMBOLS, symbols=("BTCUSDT", "ETHUSDT", "BNBUSDT"))
    listed = msgspec.structs.replace(row, rule=names, label="symbol")
    assert about(listed, 25, short=False) == "BTCUSDT, ETHUSDT, BNBUSDT"
    assert about(listed, 23, short=False) == "3 symbols"
