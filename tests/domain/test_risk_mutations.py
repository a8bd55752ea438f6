"""Each rule is broken in every way its comparisons, branches and sums can be, and the table of cases must
notice.

A mutant that survives is a rule that could be wrong without a test failing. Where breaking changes nothing
that can be told from outside, it is named in `SAME` with the reason.
"""

import importlib
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

import msgspec
import pytest

from spark_tui.domain import risk
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import (
    RiskContext,
    Verdict,
    always,
    common,
    count_rules,
    exposure_rules,
    order_rules,
    standing,
)
from spark_tui.domain.rules import KINDS, Rule, RuleKind
from tests.domain.risk_cases import CASES
from tests.mutants import broken, functions, where

check = importlib.import_module("spark_tui.domain.risk.check")  # the package exports a function of that name
MODULES = (always, common, count_rules, exposure_rules, order_rules, standing, check)
# how a rule stands and what is said of it: no order is judged by these
WORDS = {"gauge", "is_blind", "brief"}
WORDS |= {"_many", "_per", "_missing", "_is_money", "_untold", "_because"}


Answer = tuple[tuple[str, bool, str, str], ...] | str


def told() -> Iterator[Answer]:
    """What the table's cases are answered, one by one; an exception is an answer too."""
    for case in CASES:
        try:
            verdicts = risk.check(case.request, case.context, case.rules)
        except Exception as error:
            yield type(error).__name__
        else:
            yield tuple((one.rule, one.ok, one.code, str(one.used)) for one in verdicts)


ALL = [
    pytest.param(one, name, code, id=f"{where(one)}: {name}")
    for module in MODULES
    for one in functions(module)
    if one.__name__ not in WORDS
    for name, code in broken(one, arithmetic=True)
]
SAME = {
    "always.trading_state: if context.halt_reason -> False": "only the words differ",
    "always.trading_state: if context.halt_reason -> True": "only the words differ",
    "always.reconciling: if context.venue_trouble -> False": "only the words differ",
    "always.reconciling: if context.venue_trouble -> True": "only the words differ",
    "common.reducible: held > 0 -> held >= 0": "with nothing held the room is nought either way",
    "common.reducible: free > 0 -> free >= 0": "nought is nought",
    "common.reducible: without free > 0": "no quantity is below nought",
    "exposure_rules.judge: then <= most -> then > most": "only the words differ",
    "exposure_rules.judge: then <= most -> then < most": "only the words differ",
    "exposure_rules.judge: if then <= most -> False": "only the words differ",
    "exposure_rules.judge: if then <= most -> True": "only the words differ",
    "always.book: context.book_why or 'no price is known' -> "
    "context.book_why and 'no price is known'": "only the words differ",
    "exposure_rules.judge: of.used or then -> of.used and then": "only the words differ",
    "exposure_rules._shrinks: before is None or after is None -> "
    "before is None and after is None": "without the one there is no other",
    "standing.max_daily_loss_share: of.used or share -> of.used and share": "only the words differ",
    "standing.max_drawdown: of.used or fall -> of.used and fall": "only the words differ",
    "standing.streak: rule.window_s - (measure.age_s or 0.0) -> "
    "rule.window_s + (measure.age_s or 0.0)": "only the words differ",
}


@pytest.fixture(scope="module")
def healthy() -> list[Answer]:
    return list(told())


@pytest.mark.parametrize(("one", "name", "code"), ALL)
def test_the_table_notices(
    one: FunctionType,
    name: str,
    code: CodeType,
    healthy: list[Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one, "__code__", code)
    noticed = any(answer != well for answer, well in zip(told(), healthy, strict=True))
    monkeypatch.undo()
    assert noticed != (f"{where(one)}: {name}" in SAME)


@pytest.mark.parametrize("kind", RuleKind)
@pytest.mark.parametrize("ok", [True, False], ids=["never refuses", "turned"])
def test_the_table_notices_a_rule_that(
    kind: RuleKind, ok: bool, healthy: list[Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the kinds by itself, so that none hides behind a function it shares with others."""
    well = check._JUDGES[kind]

    def ill(rule: Rule, request: OrderRequest, context: RiskContext) -> Verdict:
        verdict = well(rule, request, context)
        return msgspec.structs.replace(verdict, ok=ok or not verdict.ok)

    monkeypatch.setattr(check, "_JUDGES", {**check._JUDGES, kind: ill})
    assert list(told()) != healthy


def test_no_reason_is_left_over() -> None:
    assert set(SAME) <= {str(one.id) for one in ALL}


def test_every_rule_has_mutants() -> None:
    judged: set[Callable[..., object]] = set(check._JUDGES.values())
    assert set(check._JUDGES) == set(KINDS)
    assert judged <= {param.values[0] for param in ALL}
