"""The Diff screen: the total, both sides of every order, the report."""

from decimal import Decimal

import pytest
from msgspec import structs

from spark_tui.domain.values import OrderType
from spark_tui.ui import format as fmt
from spark_tui.ui.screens.diff import Totals, TwinTable, _bp_cell
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit
from tests.ui.fake_engine import FakeEngine
from tests.ui.fake_engine.twins import no_twins, twins
from tests.ui.looks import check_picture

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


async def opened(face: Cockpit, until: str = "grade D far apart") -> None:
    await face.press("f7")
    await face.until(lambda: until in face.text)


@SIZES
async def test_look(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await opened(face)
        await face.press("j", "j", "j")
        check_picture(face, f"diff-{name}")


async def test_the_selected_order_is_told_in_full() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("j", "j", "j")
        assert "order 0.5 at 67 012.4 · FILLED" in face.pane("twin")
        assert "twin  0.2 at 67 010.25 · CANCELED" in face.pane("twin")
        assert "filled +60.0 % · price +0.62 bp" in face.pane("twin")


async def test_the_report_says_where_it_is() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("w")
        await face.until(lambda: any("reports/diff.json" in one.text for one in face.app.model.notices))
        await face.until(lambda: "wrote diff.json" in face.pane("totals"))


async def test_under_paper_it_says_why_there_are_none() -> None:
    async with cockpit(
        prepare=lambda engine: setattr(engine, "twins", no_twins("orders here are paper"))
    ) as face:
        await opened(face, "no twins: orders here are paper")
        assert "send an order in SIM or on the testnet" in face.pane("twins")


async def test_before_the_first_order_it_says_what_makes_one() -> None:
    async with cockpit(prepare=lambda engine: setattr(engine, "twins", no_twins(""))) as face:
        await opened(face, "no order has a twin yet")
        assert "nothing to tell yet" in face.pane("totals")


async def test_what_has_no_grade_says_why_and_shows_no_figure_that_nobody_knows() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("j")
        assert "not graded: the engine stopped while the twin ran" in face.pane("twin")
        assert "twin  CUT OFF" in face.pane("twin")
        await face.press("j")
        assert "not graded: neither of the two filled" in face.pane("twin")
        assert "order nothing filled · CANCELED" in face.pane("twin")
        assert "order less twin: filled 0.0 %" in face.pane("twin")
        assert fmt.ABSENT not in face.pane("twin")
        assert "2 compared · 2 ungraded · 1 running" in face.pane("totals")


async def test_an_order_that_still_runs_is_compared_with_nothing() -> None:
    async with cockpit() as face:
        await opened(face)
        assert "running" in face.pane("twin")
        assert "less twin" not in face.pane("twin")


async def test_the_total_counts_only_what_there_is() -> None:
    def compared(engine: FakeEngine) -> None:
        found = twins()
        engine.twins = structs.replace(
            found, total=structs.replace(found.total, ungraded=0, running=0, skipped=0)
        )

    async with cockpit(prepare=compared) as face:
        await opened(face)
        counts = face.pane("totals").split("\n")[1]
        assert counts.rstrip().endswith("2 compared")


async def test_the_type_of_an_order_is_said_as_on_the_desk() -> None:
    def with_a_stop(engine: FakeEngine) -> None:
        found = twins()
        rows = (*found.rows[:-1], structs.replace(found.rows[-1], order_type=OrderType.STOP_LOSS_LIMIT))
        engine.twins = structs.replace(found, rows=rows)

    async with cockpit(prepare=with_a_stop) as face:
        await opened(face)
        assert "STOP_LIMIT" in face.pane("twins")


@pytest.mark.parametrize(
    ("value", "said"), [("1.5", "1.50"), ("-99.99", "-99.99"), ("-123.46", "-123.5"), (None, fmt.ABSENT)]
)
def test_no_figure_is_cut_off_to_another(value: str | None, said: str) -> None:
    assert _bp_cell(None if value is None else Decimal(value)) == said


async def test_a_small_price_error_is_not_painted_as_the_fills_are() -> None:
    """The total is a D for what did not fill; its prices are an A."""
    async with cockpit() as face:
        await opened(face)
        totals = face.app.screen.query_one("#totals", Totals)
        tones = {text.strip(): tone for line in totals.body(118, 5) for text, tone in line}
        assert (tones["0.31 bp"], tones["D"]) == ("up", "b down")
        table = face.app.screen.query_one("#twins", TwinTable)
        spans = [span for span in table.row(list(table.rows)[3], 118) if span[0].strip() in ("+0.62", "D")]
        assert [tone for _, tone in spans] == ["up", "b down"]
