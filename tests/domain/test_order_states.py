"""The sets of order states have one name each, in `domain/order.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import spark_tui
from spark_tui.domain.order import NEVER_LIVED, STOPPED, TERMINAL, UNCONFIRMED, WORKING, OrderState
from spark_tui.domain.transitions import TABLE

_ROOT = Path(spark_tui.__file__).parent
_HOME = _ROOT / "domain" / "order.py"
_NAMED = {
    "TERMINAL": TERMINAL,
    "NEVER_LIVED": NEVER_LIVED,
    "UNCONFIRMED": UNCONFIRMED,
    "WORKING": WORKING,
    "STOPPED": STOPPED,
}


def _spelled_out(source: str) -> Iterator[frozenset[str]]:
    """Every set and tuple of nothing but order states."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Set | ast.Tuple | ast.List) and node.elts:
            names = [
                one.attr
                for one in node.elts
                if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "OrderState"
            ]
            if len(names) == len(node.elts):
                yield frozenset(names)


def test_a_set_that_has_a_name_is_not_spelled_out_again() -> None:
    again = [
        f"{path.relative_to(_ROOT)}: {name}"
        for path in sorted(_ROOT.rglob("*.py"))
        if path != _HOME
        for found in _spelled_out(path.read_text())
        for name, states in _NAMED.items()
        if found == {state.name for state in states}
    ]
    assert again == []


def test_a_spelled_out_set_is_found() -> None:
    source = "ended = order.state in (OrderState.DEAD, OrderState.DENIED, OrderState.REJECTED)"
    assert list(_spelled_out(source)) == [frozenset({"DEAD", "DENIED", "REJECTED"})]


@pytest.mark.parametrize("state", OrderState)
def test_every_state_is_terminal_or_may_still_trade(state: OrderState) -> None:
    open_ones = UNCONFIRMED | WORKING | {OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE}
    assert (state in TERMINAL) != (state in open_ones)
    assert NEVER_LIVED | STOPPED | {OrderState.FILLED} == TERMINAL
    assert {row for row, _ in TABLE} == set(OrderState)
