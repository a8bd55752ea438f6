"""Each rule is broken in every way its comparisons and branches can be, and the table of cases must notice.

A mutant that survives is a rule that could be wrong without a test failing. Where breaking changes nothing
that can be told from outside, it is named in `SAME` with the reason.
"""

import ast
import copy
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType

import pytest

from spark_tui.domain import risk
from spark_tui.domain.risk import always, common, count_rules, exposure_rules, order_rules, standing
from spark_tui.domain.rules import KINDS
from tests.domain.risk_cases import CASES

check = importlib.import_module("spark_tui.domain.risk.check")  # the package exports a function of that name
MODULES = (always, common, count_rules, exposure_rules, order_rules, standing, check)
# how a rule stands and what is said of it: no order is judged by these
WORDS = {"gauge", "is_blind", "brief", "_per", "_missing", "_is_money", "_untold", "_because", "_unit"}

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
EDGE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def told() -> list[tuple[tuple[str, bool, str], ...] | str]:
    """What the table's cases are answered; an exception is an answer too."""
    answers: list[tuple[tuple[str, bool, str], ...] | str] = []
    for case in CASES:
        try:
            verdicts = risk.check(case.request, case.context, case.rules)
        except Exception as error:
            answers.append(type(error).__name__)
        else:
            answers.append(tuple((one.rule, one.ok, one.code) for one in verdicts))
    return answers


def functions(module: ModuleType) -> Iterator[FunctionType]:
    for name, one in vars(module).items():
        if inspect.isfunction(one) and one.__module__ == module.__name__ and name not in WORDS:
            yield one


def mutants(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every comparison flipped and moved by its edge, every branch taken never and always."""
    for index, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            for table in (FLIPPED, EDGE):
                other = table.get(type(node.ops[0]))
                if other is not None:
                    changed = copy.deepcopy(tree)
                    spot = list(ast.walk(changed))[index]
                    assert isinstance(spot, ast.Compare)
                    spot.ops = [other()]
                    yield f"{ast.unparse(node)} -> {ast.unparse(spot)}", changed
        if isinstance(node, ast.If | ast.IfExp):
            for value in (False, True):
                changed = copy.deepcopy(tree)
                spot = list(ast.walk(changed))[index]
                assert isinstance(spot, ast.If | ast.IfExp)
                spot.test = ast.Constant(value)
                yield f"if {ast.unparse(node.test)} -> {value}", changed
        if isinstance(node, ast.BoolOp):
            for drop in (index for index, value in enumerate(node.values) if decides(value)):
                changed = copy.deepcopy(tree)
                spot = list(ast.walk(changed))[index]
                assert isinstance(spot, ast.BoolOp)
                gone = spot.values.pop(drop)
                if len(spot.values) == 1:  # `a and a` is `a`
                    spot.values.append(copy.deepcopy(spot.values[0]))
                yield f"without {ast.unparse(gone)}", changed


def decides(value: ast.expr) -> bool:
    """`x is None` beside a rule that refuses None anyway is there for the type checker; a value after `or` is
    no condition."""
    if isinstance(value, ast.Compare):
        return not isinstance(value.ops[0], ast.Is | ast.IsNot)
    return not isinstance(value, ast.Name | ast.Attribute | ast.Constant)


def compiled(tree: ast.FunctionDef) -> CodeType:
    module = ast.Module(body=[tree], type_ignores=[])
    code = compile(ast.fix_missing_locations(module), "<mutant>", "exec")
    return next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == tree.name)


def where(one: FunctionType) -> str:
    return f"{one.__module__.rpartition('.')[2]}.{one.__name__}"


ALL = [
    pytest.param(one, name, compiled(tree), id=f"{where(one)}: {name}")
    for module in MODULES
    for one in functions(module)
    for name, tree in mutants(ast.parse(inspect.getsource(one)).body[0])  # type: ignore[arg-type]
]
SAME = {
    "always.trading_state: if context.halt_reason -> False": "only the words differ",
    "always.trading_state: if context.halt_reason -> True": "only the words differ",
    "always.reconciling: if context.venue_trouble -> False": "only the words differ",
    "always.reconciling: if context.venue_trouble -> True": "only the words differ",
    "common.quantity_of: if price is None -> False": "without a price there is no worth either",
    "common.reducible: held > 0 -> held >= 0": "with nothing held the room is nought either way",
    "common.reducible: free > 0 -> free >= 0": "nought is nought",
    "common.reducible: without free > 0": "no quantity is below nought",
    "exposure_rules.judge: then <= most -> then > most": "only the words differ",
    "exposure_rules.judge: then <= most -> then < most": "only the words differ",
    "exposure_rules.judge: if then <= most -> False": "only the words differ",
    "exposure_rules.judge: if then <= most -> True": "only the words differ",
    "exposure_rules.judge: if _is_money(rule) -> False": "only how the figure is rounded differs",
    "exposure_rules.judge: if _is_money(rule) -> True": "only how the figure is rounded differs",
}


@pytest.fixture(scope="module")
def healthy() -> list[tuple[tuple[str, bool, str], ...] | str]:
    return told()


@pytest.mark.parametrize(("one", "name", "code"), ALL)
def test_the_table_notices(
    one: FunctionType,
    name: str,
    code: CodeType,
    healthy: list[tuple[tuple[str, bool, str], ...] | str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one, "__code__", code)
    noticed = told() != healthy
    monkeypatch.undo()
    assert noticed != (f"{where(one)}: {name}" in SAME)


def test_no_reason_is_left_over() -> None:
    assert set(SAME) <= {str(one.id) for one in ALL}


def test_every_rule_has_mutants() -> None:
    judged: set[Callable[..., object]] = set(check._JUDGES.values())
    assert set(check._JUDGES) == set(KINDS)
    assert judged <= {param.values[0] for param in ALL}
