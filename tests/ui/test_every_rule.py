"""The dialog that shows every rule of the ticket's preview: all of it, at both sizes, and nothing is sent."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.domain.risk import Verdict
from spark_tui.domain.rules import KINDS
from spark_tui.link.messages import (
    Preview,
    SubmitList,
    SubmitOrder,
)
from spark_tui.ui.widgets.ticket_rules import figures, room
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit
from tests.ui.looks import check_picture, check_text

D = Decimal
SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)
LONG = "the book pays 1.2 % less than its middle for so much, the most is 0.5 %; ask for less or use a LIMIT"
LABELS = list(dict.fromkeys(kind.label for kind in KINDS.values()))


def fourteen(refused: bool) -> tuple[Verdict, ...]:
    """As many rules as a careful operator has, with figures as long as they come."""
    rows = [
        Verdict(
            rule=label,
            label=label,
            ok=True,
            code="",
            text="below the most",
            used=D("66812.3456"),
            allowed=D(100_000),
            unit="USDT",
        )
        for label in LABELS[:12]
    ]
    state = Verdict(rule="state", label="trading state", ok=True, code="", text="ACTIVE")
    slip = Verdict(
        rule="slippage",
        label="slippage",
        ok=not refused,
        code="",
        text=LONG,
        used=D(120),
        allowed=D(50),
        unit="bp",
    )
    return (state, *rows, slip)


def many_rules(face: Cockpit, monkeypatch: pytest.MonkeyPatch, *, refused: bool = True) -> None:
    asked = face.engine.preview

    def judged(order: SubmitOrder) -> Preview:
        verdicts = fourteen(refused)
        reason = LONG if refused else ""
        far = {"liquidation": D("54321.5"), "liquidation_distance": D("18.94")}
        return msgspec.structs.replace(asked(order), ok=not refused, verdicts=verdicts, reason=reason, **far)

    monkeypatch.setattr(face.engine, "preview", judged)


async def pages(face: Cockpit) -> str:
    """Everything the dialog has, a row at a time."""
    seen = [face.text]
    while "more" in face.text:
        await face.press("down")
        seen.append(face.text)
    return "\n".join(seen)


@SIZES
async def test_every_rule_is_shown_whole_and_nothing_is_sent(
    size: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cockpit(size) as face:
        many_rules(face, monkeypatch)
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "the book pays" in face.pane("ticket"))
        await face.press("r")
        check_text(face, f"every-rule-{name}")
        check_picture(face, f"every-rule-{name}")
        text = await pages(face)
        for verdict in fourteen(refused=True):
            assert f"{'✓' if verdict.ok else '✗'} {verdict.label}" in text
        assert text.count("66 812.3456 / 100 000 USDT   33 187.6544") >= 11
        assert "120 / 50 bp" in text
        assert "-70" in text
        for fact in ("notional 330.00 USDT", "fee 0.33 USDT at most", "slippage 0.0 bp", "0.02 → 0.025 BTC"):
            assert fact in text
        assert "liquidated 54 321.5, 18.9 % away" in text
        assert all(word in text for word in LONG.split())
        await face.press("ctrl+o", "enter", "y", "x", "X")
        assert "Rules of this order" in face.text
        await face.press("escape")
        assert "Rules of this order" not in face.text
        kinds = {type(ask) for ask in face.engine.asked}
        assert not kinds & {SubmitOrder, SubmitList}
        assert not [one for one in kinds if "Cancel" in one.__name__]


@pytest.mark.parametrize(
    ("rests", "said"),
    [(True, "slippage none: it takes nothing from the book now"), (False, "slippage not known")],
)
async def test_what_rests_slips_nothing_and_what_cannot_be_told_is_not_known(
    rests: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cockpit() as face:
        answer = face.engine.preview
        monkeypatch.setattr(
            face.engine,
            "preview",
            lambda order: msgspec.structs.replace(answer(order), slippage_bp=None, rests=rests),
        )
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("r")
        assert said in face.text


async def test_a_rule_without_figures_says_why_where_figures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "every filter of the venue passes"
    filters = Verdict(rule="filters", label="venue filters", ok=True, code="", text=words)
    async with cockpit(NARROW) as face:
        answer = face.engine.preview
        verdicts = (filters, *fourteen(refused=False))
        monkeypatch.setattr(
            face.engine, "preview", lambda order: msgspec.structs.replace(answer(order), verdicts=verdicts)
        )
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("r")
        [row] = [line for line in face.text.split("\n") if words in line]
        assert "✓ venue filters" in row


async def test_it_follows_the_preview_while_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as face:
        many_rules(face, monkeypatch)
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "the book pays" in face.pane("ticket"))
        await face.press("r")
        monkeypatch.undo()
        many_rules(face, monkeypatch, refused=False)
        await face.later(1.5)
        await face.until(lambda: "✓ passes 14 rules" in face.text)


async def test_each_leg_of_a_list_has_its_own_rules() -> None:
    async with cockpit() as face:
        await face.press("s", "l", *"0.01", "tab", *"68000", "tab", *"66500", "tab", *"66400", "r")
        await face.until(lambda: "the whole list" in face.text)
        assert face.text.count("order cap") >= 2
        assert "BUY" not in face.app.screen.query_one("#frame").text  # type: ignore[attr-defined]


@pytest.mark.parametrize("keys", [("r",), ("b", "r"), ("b", *"0.01", "ctrl+u", "r")])
async def test_without_an_order_it_says_what_is_missing(keys: tuple[str, ...]) -> None:
    async with cockpit() as face:
        await face.press(*keys)
        assert "Rules of this order" not in face.text
        assert "Rules of the order: type" in face.pane("events")


@SIZES
async def test_the_ticket_says_the_key(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("b", *"0.005", "tab", *"66000")
        await face.until(lambda: "passes 5 rules r  ctrl+o send" in face.pane("ticket"))


def measured(used: str, allowed: str, label: str = "order cap") -> Verdict:
    return Verdict(rule="a", label=label, ok=True, code="", text="", used=D(used), allowed=D(allowed))


def test_what_is_used_is_never_rounded_onto_its_limit() -> None:
    over = measured("1000.00001", "1000")
    assert figures(over) == "1 000.0001 / 1 000"
    assert room(over) == "-0.00001"
    assert room(measured("999.99999", "1000")) == "0.00001"
    assert room(measured("0.333333333333", "1")) == "0.66666666"


def test_of_a_floor_what_is_above_it_is_left() -> None:
    assert room(measured("330", "10", "order floor")) == "320"
    assert room(measured("4", "10", "order floor")) == "-6"
