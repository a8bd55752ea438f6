"""The PnL screen under the fingers: figures, curves, tables, the explanation, the export."""

import re
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from msgspec import structs
from rich.cells import cell_len

from spark_tui.link.messages import GetEquity, Pnl, PnlRow
from spark_tui.ui import pnl_commands, pnl_tables
from spark_tui.ui.lines import width_of
from spark_tui.ui.pnl_data import DAY_MS
from spark_tui.ui.pnl_tables import on_one_point, price_within
from spark_tui.ui.screens.pnl import PnlScreen, _facts
from spark_tui.ui.widgets.pane import Pane
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit
from tests.ui.fake_engine import FakeEngine
from tests.ui.looks import check_picture, check_text

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


async def opened(face: Cockpit) -> PnlScreen:
    await face.press("f5")
    await face.until(lambda: "accuracy" in face.pane("headline"))
    screen = face.app.cockpit_screen
    assert isinstance(screen, PnlScreen)
    await face.until(lambda: screen.known.explanation is not None)
    await face.settle()
    return screen


@SIZES
async def test_look(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await opened(face)
        check_picture(face, f"pnl-{name}")
        for table in ("strategies", "days", "balances", "explained"):
            await face.press("t")
            check_text(face, f"pnl-{table}-{name}")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_strategy_and_whose_it_is_stand_apart(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        await opened(face)
        await face.press("t", "j")
        rows = [line.split()[:3] for line in face.pane("money").split("\n")]
        assert ["manual", "ozan", "12"] in rows
        assert ["twap", "1c046", "12"] in rows
        assert "operator     ozan" in face.pane("row")


def test_a_price_gives_up_its_cents_before_it_is_cut() -> None:
    assert price_within(Decimal("2745060.06"), 12) == "2 745 060.06"
    assert price_within(Decimal("2745060.06"), 11) == "2 745 060"
    assert price_within(Decimal("66997.35"), 10) == "66 997.35"
    assert price_within(None, 3) == "–"


async def test_average_cost_and_fifo_stand_side_by_side() -> None:
    async with cockpit() as face:
        await opened(face)
        row = next(line for line in face.pane("money").split("\n") if "BTCUSDT" in line)
        assert "66 900.00      +3.20   66 940.10      +3.76" in row
        assert "in 3 lots" in face.pane("row")


async def test_the_headline_has_the_bars_equity_at_once() -> None:
    async with cockpit() as face:
        await opened(face)
        held = face.app.model.balances
        assert held is not None
        face.engine.push(structs.replace(held, equity=Decimal("9876.54")))
        await face.settle()
        assert "9 876.54" in face.text.split("\n")[0]
        assert "9 876.54" in face.pane("headline")


def test_what_was_won_and_lost_has_its_sign_and_what_was_paid_has_none() -> None:
    amounts = dict.fromkeys(("unrealised", "total", "volume"), Decimal(0))
    row = PnlRow(
        name="twap",
        trades=1,
        realised=Decimal("1.2"),
        funding=Decimal("0.5"),
        fees=Decimal("0.1"),
        **amounts,
    )
    assert pnl_tables._facts(row)[0] == ("in USDT", "realised +1.20  funding +0.50  fees 0.10")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_what_has_no_price_is_unknown_and_never_nought(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        await opened(face)
        await face.press("j")
        row = next(line for line in face.pane("money").split("\n") if "ETHUSDT" in line)
        assert row.split()[-1] == "–"  # the total
        assert re.search(r"unreal(ised|\.) +–", face.pane("headline"))
        assert "too little for any order" in face.pane("row")
        assert "-0.0012 BNB: no price at the time" in face.pane("row")


async def test_cents_nobody_explained_are_in_the_headline_and_in_their_row() -> None:
    async with cockpit() as face:
        await opened(face)
        assert re.search(r"unexplained +-0\.02", face.pane("headline"))
        assert re.search(r"accuracy +99\.99 %", face.pane("headline"))  # never rounded up
        await face.press("t", "t", "t", "t", "j")
        assert "-0.02 USDT, worth -0.02 USDT: no row tells of it" in face.pane("row")
        assert "deposit 50" in face.pane("row")


@pytest.mark.parametrize(
    ("values", "width", "shown"),
    [
        (["0.504", "8", "9330.25"], 18, ["0.504", "8    ", "9 330.25 "]),
        (["102633.31858476", "2500000", "1.93494"], 14, ["102 633.3186", "2 500 000     ", "1.9349"]),
        (["102633.31858476", "0.00000123"], 9, ["102 633.3", "0.00000123"]),  # never shown as nothing
        (["5", None, "-3"], 12, ["5", "–", "-3"]),
    ],
)
def test_amounts_stand_on_one_point_with_what_fits(
    values: list[str | None], width: int, shown: list[str]
) -> None:
    known = [None if value is None else Decimal(value) for value in values]
    assert on_one_point(known, width) == shown


async def test_each_window_asks_for_its_own_curve() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        seen = []
        for _ in range(4):
            await face.press("w")
            await face.until(lambda: screen.known.curve is not None)
            asked = [one for one in face.engine.asked if isinstance(one, GetEquity)]
            seen.append((screen.known.stretch.name, asked[-1].window.value))
        assert seen == [("1w", "month"), ("all", "all"), ("1h", "day"), ("1d", "day")]


def aged(minutes: int) -> Callable[[FakeEngine], None]:
    def prepare(engine: FakeEngine) -> None:
        engine.profit.age_min = minutes

    return prepare


@pytest.mark.parametrize("window", ["1d", "1w", "all", "1h"])
async def test_a_young_curve_is_drawn_from_its_first_sample_whatever_the_window(window: str) -> None:
    async with cockpit(prepare=aged(4)) as face:
        screen = await opened(face)
        while screen.known.stretch.name != window:
            await face.press("w")
            await face.until(lambda: screen.known.curve is not None)
        await face.settle()
        heading, *rows, times = face.pane("equity").split("\n")
        curve = "".join(row[1:-10] for row in rows)
        assert len(curve.split()) > 3
        assert sum(char not in " ─" for char in curve) > 30
        assert times.split() == ["13:59:22", "14:01:22", "14:03:22"]
        assert ("since 13:59:22" in heading) is (window != "all")


async def test_the_first_seconds_of_a_curve_have_a_minute_to_grow_into() -> None:
    async with cockpit(prepare=aged(1)) as face:
        screen = await opened(face)
        curve = screen.known.curve
        assert curve is not None
        first = structs.replace(curve.points[0], at_ms=60_000)
        screen.known.trail = ()
        screen.known.take_curve(structs.replace(curve, points=(first,), now=None))
        drawn = screen.known.drawn(70_000)
        assert drawn is not None
        assert (drawn.frame.start_ms, drawn.frame.end_ms) == (60_000, 120_000)


async def test_a_fall_of_next_to_nothing_does_not_fill_the_chart() -> None:
    def calm(engine: FakeEngine) -> None:
        engine.profit.age_min = 4
        engine.profit.fall = Decimal("0.0001")  # 0.01 %

    async with cockpit(prepare=calm) as face:
        await opened(face)
        rows = face.pane("drawdown").split("\n")[1:-1]
        filled = [row for row in rows if any(char not in " " for char in row[:-10])]
        assert len(filled) <= 2
        labels = [row.split()[-2] for row in rows if "%" in row]
        assert len(labels) == len(set(labels)) > 2


async def test_a_curve_lives_between_two_samples() -> None:
    async with cockpit(prepare=aged(1)) as face:
        screen = await opened(face)
        for _ in range(3):
            face.clock.advance(1)
            await screen.ask()
        assert screen.known.curve is not None
        assert len({point.at_ms for point in screen.known.trail}) == 4  # the screen asks by itself, too
        assert all(one.at_ms > screen.known.curve.points[-1].at_ms for one in screen.known.trail)
        face.engine.profit.age_min = None
        newest = structs.replace(screen.known.trail[-1], at_ms=screen.known.trail[-1].at_ms + 1)
        screen.known.take_curve(structs.replace(screen.known.curve, points=(newest,), now=None))
        assert screen.known.trail == ()  # the sample says it


async def test_a_curve_that_is_as_old_as_its_window_says_no_since() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        assert "since" not in face.pane("equity")
        drawn = screen.known.drawn(face.app.model.venue_now_ms())
        assert drawn is not None
        assert drawn.frame.end_ms - drawn.frame.start_ms == DAY_MS


async def test_before_anything_happened_every_part_says_what_it_waits_for() -> None:
    def young(engine: FakeEngine) -> None:
        engine.profit.samples = False
        engine.profit.pnl = structs.replace(engine.profit.pnl, symbols=(), strategies=(), days=())
        assert isinstance(engine.profit.pnl, Pnl)

    async with cockpit(NARROW, prepare=young) as face:
        await opened(face)
        assert "no sample yet" in face.pane("equity")
        assert "nothing was traded yet" in face.pane("money")


async def test_export_writes_the_four_tables_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cockpit() as face:
        await opened(face)
        said: list[str] = []
        monkeypatch.setattr(face.app.context, "say", lambda level, text: said.append(text))
        await pnl_commands._export(face.app, tmp_path)
        assert said == [
            f"Export: spark-tui: There is no ledger in {tmp_path}; name its place with --data-dir"
        ]


async def test_how_an_export_ended_stands_on_the_screen(tmp_path: Path) -> None:
    async with cockpit() as face:
        screen = await opened(face)
        await pnl_commands._export_and_note(face.app, screen, tmp_path)
        await face.until(lambda: "export failed: see the log, F8" in face.pane("headline"))


async def test_an_export_may_end_after_its_screen_was_left(tmp_path: Path) -> None:
    async with cockpit() as face:
        screen = await opened(face)
        await face.press("f1")
        await face.until(lambda: not screen.is_attached)
        await pnl_commands._export_and_note(face.app, screen, tmp_path)
        assert face.trade.is_current


def test_figures_stay_where_they_are_as_they_grow() -> None:
    one, two = (("equity", ("9.00", "ink")), ("day", ("0.00", "dim"))), (
        ("equity", ("12 345.67", "ink")), ("day", ("-1 000.25", "down")),
    )  # fmt: skip
    for cell in (19, 29):
        short, long = ("".join(text for text, _ in _facts(facts, cell)) for facts in (one, two))
        assert len(short) == len(long)
        assert short.index("9.00") + 4 == long.index("12 345.67") + 9
        assert short.index("day") == long.index("day")


ODD_NAMES = ("[b red]ada[/]", "\x1b[2J\n\u202eadmin", "w" * 200, "漢" * 40, "\u0645\u062f\u064a\u0631", "")


def oddly_named(engine: FakeEngine) -> None:
    first = engine.profit.pnl.strategies[0]
    pairs = product(("manual", *ODD_NAMES), ODD_NAMES)
    rows = tuple(structs.replace(first, name=name, whose=whose) for name, whose in pairs)
    engine.profit.pnl = structs.replace(engine.profit.pnl, strategies=rows)


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_an_odd_name_is_text_in_its_cell(size: tuple[int, int]) -> None:
    """Brackets are no markup, nothing moves the cursor or turns the line, no row is lost or spills over."""
    async with cockpit(size, prepare=oddly_named) as face:
        screen = await opened(face)
        await face.press("t")
        count = len(screen.table.rows)
        assert count == len(ODD_NAMES) * (len(ODD_NAMES) + 1)
        cards: set[str] = set()
        for _ in range(count):
            cards |= set(face.pane("row").split("\n"))
            for name in ("money", "row"):
                pane = face.app.cockpit_screen.query_one(f"#{name}", Pane)
                assert pane.text.replace("\n", "").isprintable()
                assert all(width_of(line) <= pane.size.width for line in pane._lines)
            figures = [line for line in face.pane("money").split("\n") if "5 012.40" in line]
            assert len({cell_len(line) for line in figures}) == 1
            await face.press("j")
        assert " operator     [b red]ada[/]" in cards
