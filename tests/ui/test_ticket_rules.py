"""Which rules the ticket has room for: the broken and those nearest to their limit."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.domain.risk import Verdict
from spark_tui.ui.widgets.ticket_rules import bar, meter, names, tightest

D = Decimal


def verdict(name: str, used: str, allowed: str, *, ok: bool = True) -> Verdict:
    code = "" if ok else "NO"
    return Verdict(rule=name, label=name, ok=ok, code=code, text=name, used=D(used), allowed=D(allowed))


RULES = [verdict("wide", "1", "100"), verdict("near", "90", "100"), verdict("half", "5", "10")]
BROKEN = verdict("broken", "1", "100", ok=False)


@pytest.mark.parametrize(
    ("most", "names"),
    [
        (9, ["wide", "near", "half", "broken"]),
        (3, ["near", "half", "broken"]),
        (2, ["near", "broken"]),
        (1, ["broken"]),
        (0, []),
        (-1, []),
    ],
)
def test_the_tightest_stay_in_their_order(most: int, names: list[str]) -> None:
    assert [rule.rule for rule in tightest([*RULES, BROKEN], most)] == names


def test_rules_about_the_same_are_told_apart_by_their_names() -> None:
    two = [msgspec.structs.replace(verdict(name, "1", "9"), label="order cap") for name in ("btc-cap", "cap")]
    assert names([*two, RULES[0]]) == {"btc-cap": "btc-cap", "cap": "cap", "wide": "wide"}
    assert names(two[:1]) == {"btc-cap": "order cap"}


def test_a_long_name_does_not_touch_its_bar() -> None:
    short, long = (
        "".join(part for part, _ in bar(verdict("r", "1", "5"), 35, name)) for name in ("half", "open orders")
    )
    assert long.startswith(" open orders ━")
    assert long.rindex("━") == short.rindex("━")
    assert long.endswith(" 1/5")


def test_a_floor_far_below_the_order_is_not_near() -> None:
    floor = verdict("order floor", "3000", "10")
    assert tightest([floor, RULES[2]], 1) == [RULES[2]]
    assert [tone for _, tone in meter(floor, 7)] == ["up", "faint"]
    assert next(tone for _, tone in meter(verdict("order floor", "11", "10"), 7)) == "warn"
    assert len(meter(verdict("order floor", "0", "10", ok=False), 7)[0][0]) == 7


@pytest.mark.parametrize(
    ("used", "allowed", "said"),
    [
        ("199870", "100000", " 199.9k/100.0k"),
        ("0.01", "0.05", " 0.01/0.05"),
        ("9999", "9999", " 9 999/9 999"),
    ],
)
def test_a_number_is_never_cut_in_the_middle(used: str, allowed: str, said: str) -> None:
    line = bar(verdict("balance", used, allowed), 35, "balance")
    text = "".join(part for part, _ in line)
    assert text.endswith(said)
    assert "━━━" in text
    assert len(text) <= 35
