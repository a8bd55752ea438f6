"""What rules that count say: one order is, two orders are."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from spark_tui.domain.risk import count_rules
from spark_tui.domain.rules import Rule, RuleKind

NOBODY: Any = SimpleNamespace(around=None)
KINDS = {
    RuleKind.MAX_OPEN_ORDERS: count_rules.max_open_orders,
    RuleKind.MAX_ORDER_RATE: count_rules.max_order_rate,
    RuleKind.MAX_CANCEL_RATE: count_rules.max_cancel_rate,
}


@pytest.mark.parametrize(
    ("kind", "count", "said"),
    [
        (RuleKind.MAX_OPEN_ORDERS, "1", "1 order is open, the most is"),
        (RuleKind.MAX_OPEN_ORDERS, "2", "2 orders are open, the most is"),
        (RuleKind.MAX_ORDER_RATE, "1", "1 order in the last 10 s"),
        (RuleKind.MAX_ORDER_RATE, "2", "2 orders in the last 10 s"),
        (RuleKind.MAX_CANCEL_RATE, "1", "1 cancel in the last 10 s"),
        (RuleKind.MAX_CANCEL_RATE, "2", "2 cancels in the last 10 s"),
    ],
)
def test_one_is_said_as_one(kind: RuleKind, count: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_rules, "counted", lambda rule, around: Decimal(count))
    rule = Rule(id="a", kind=kind, limit=Decimal("0.5"), window_s=10)
    assert KINDS[kind](rule, NOBODY, NOBODY).text.startswith(said)
