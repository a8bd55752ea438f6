"""What is a rule and what is not."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.domain.rules import KINDS, MAX_COUNT, Rule, RuleKind, Scope, Unit, problem

D = Decimal
CAP = Rule(id="btc-cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(100))
RATE = Rule(id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(5), window_s=10)
HOURS = Rule(id="hours", kind=RuleKind.TRADING_HOURS, hours="mon-fri 09:00-17:00")
LIST = Rule(id="list", kind=RuleKind.SYMBOLS, symbols=("BTCUSDT",))
FALL = Rule(id="fall", kind=RuleKind.MAX_DRAWDOWN, limit=D(20))


@pytest.mark.parametrize("rule", [CAP, RATE, HOURS, LIST, FALL], ids=lambda rule: rule.id)
def test_rules(rule: Rule) -> None:
    assert problem(rule) == ""
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


@pytest.mark.parametrize(
    ("rule", "changes", "word"),
    [
        (CAP, {"id": ""}, "name"),
        (CAP, {"id": "Btc Cap"}, "name"),
        (CAP, {"id": "a" * 33}, "name"),
        (CAP, {"id": "a--b"}, "name"),
        (CAP, {"limit": None}, "above 0"),
        (CAP, {"limit": D(0)}, "above 0"),
        (CAP, {"limit": D(-1)}, "above 0"),
        (CAP, {"limit": D("NaN")}, "above 0"),
        (CAP, {"limit": D("sNaN")}, "above 0"),
        (CAP, {"limit": D("Infinity")}, "above 0"),
        (CAP, {"limit": D("1E+99")}, "at most 40 digits"),
        (CAP, {"limit": D("1E-99")}, "at most 40 digits"),
        (CAP, {"window_s": 5}, "no window"),
        (CAP, {"hours": "09:00-10:00"}, "no hours"),
        (CAP, {"symbols": ("BTCUSDT",)}, "no list"),
        (CAP, {"scope": Scope(symbol="BTC USDT")}, "no name"),
        (CAP, {"scope": Scope(venue="x" * 41)}, "no name"),
        (RATE, {"limit": D("1.5")}, "whole number"),
        (RATE, {"limit": D(MAX_COUNT + 1)}, "whole number"),
        (RATE, {"window_s": None}, "window"),
        (RATE, {"window_s": 0}, "window"),
        (RATE, {"window_s": 86_401}, "window"),
        (HOURS, {"hours": ""}, "mon-fri"),
        (HOURS, {"limit": D(1)}, "no limit"),
        (LIST, {"symbols": ()}, "needs the symbols"),
        (LIST, {"symbols": ("",)}, "needs the symbols"),
        (FALL, {"limit": D("100.1")}, "up to 100"),
        (FALL, {"scope": Scope(symbol="BTCUSDT")}, "whole account"),
    ],
)
def test_what_is_no_rule_is_one_sentence(rule: Rule, changes: dict[str, object], word: str) -> None:
    text = problem(msgspec.structs.replace(rule, **changes))
    assert word in text
    assert "\n" not in text


def test_every_kind_is_described() -> None:
    assert set(KINDS) == set(RuleKind)
    for kind in KINDS.values():
        assert 0 < len(kind.label) <= 11  # the ticket's column
        assert kind.code.isupper()
        assert kind.title
        assert kind.windowed <= (kind.unit is Unit.COUNT)
