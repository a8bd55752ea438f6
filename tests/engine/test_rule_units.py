"""What a rule's limit is counted in: the asset itself where the rule is about one instrument."""

from pathlib import Path

import pytest

from spark_tui.domain.rules import Rule, RuleKind, Scope
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import GetRules, PutRule, RuleRow, Rules
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import Rig, rig

HERE = Scope(symbol=SYMBOL)


async def row(it: Rig, rule: Rule) -> RuleRow:
    found = await it.ask(PutRule(rule=rule))
    assert isinstance(found, Rules)
    [one] = [one for one in found.rows if one.rule.id == rule.id]
    return one


@pytest.mark.parametrize(
    ("kind", "scope", "unit", "said"),
    [
        (RuleKind.MAX_ORDER_NOTIONAL, HERE, "USDT", "largest order 250 USDT"),
        (RuleKind.MIN_ORDER_NOTIONAL, Scope(symbol=SYMBOL, venue=NAME), "USDT", "smallest order 250 USDT"),
        (RuleKind.MAX_POSITION_NOTIONAL, HERE, "USDT", "most valuable position 250 USDT"),
        (RuleKind.MAX_ORDER_QUANTITY, HERE, "BTC", "largest quantity 250 BTC"),
        (RuleKind.MAX_POSITION_QUANTITY, HERE, "BTC", "largest position 250 BTC"),
        (RuleKind.MAX_ORDER_NOTIONAL, Scope(), "quote asset", "largest order 250 in its quote asset"),
        (RuleKind.MAX_POSITION_NOTIONAL, Scope(venue=NAME), "quote asset",
            "most valuable position 250 in its quote asset"),
        (RuleKind.MAX_ORDER_QUANTITY, Scope(strategy="twap"), "base asset",
            "largest quantity 250 in its base asset"),
        (RuleKind.MAX_ORDER_NOTIONAL, Scope(symbol="THYAO", venue="elsewhere"), "quote asset",
            "largest order 250 in its quote asset"),
        (RuleKind.MAX_GROSS_EXPOSURE, HERE, "USDT", "gross exposure 250 USDT"),
        (RuleKind.MAX_POSITION_SHARE, HERE, "%", "position of equity 250 %"),
        (RuleKind.MAX_LEVERAGE, Scope(), "x", "leverage 250 x"),
        (RuleKind.MAX_OPEN_ORDERS, HERE, "", "open orders 250"),
    ],
)  # fmt: skip
async def test_a_limit_names_its_asset(
    kind: RuleKind, scope: Scope, unit: str, said: str, tmp_path: Path
) -> None:
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=())
    async with rig(tmp_path, settings=settings) as it:
        one = await row(it, Rule(id="r", kind=kind, limit=D(250), scope=scope))
        assert (one.unit, one.said) == (unit, said)
        assert said in it.engine.notices.recent[-1].text


async def test_what_was_traded_names_it_where_the_list_of_instruments_is_gone(tmp_path: Path) -> None:
    settings = EngineSettings(
        symbols={NAME: (SYMBOL,)},
        rules=(Rule(id="r", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(9_000), scope=HERE),),
    )
    async with rig(tmp_path, settings=settings) as it:
        await it.submit()
        it.engine.instruments()[NAME].clear()
        found = await it.ask(GetRules())
        assert isinstance(found, Rules)
        assert [one.unit for one in found.rows] == ["USDT"]
