"""How the screens look: few pictures with colours, more as plain text."""

from decimal import Decimal

import pytest

from spark_tui.domain.values import Environment
from spark_tui.ui.app import SCREENS
from spark_tui.ui.widgets.bars import Footer
from spark_tui.ui.widgets.pane import Pane
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit
from tests.ui.fake_engine import with_differences
from tests.ui.looks import check_picture, check_text

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


async def with_a_ticket(face: Cockpit) -> None:
    await face.press("b", *"0.010", "tab", *"67000")
    await face.until(lambda: "passes" in face.pane("ticket"))


@SIZES
async def test_trade(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        face.engine.tick()
        await face.settle()
        await with_a_ticket(face)
        check_picture(face, f"trade-{name}")
        check_text(face, f"trade-{name}")


@SIZES
async def test_health(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("f2")
        await face.until(lambda: "btcusdt@trade" in face.text and "ledger" in face.text)
        face.app.pump.beats = 100  # how often it beat until here depends on the machine
        face.app.cockpit_screen.query_one("#terminal-facts", Pane).pull()
        await face.pilot.pause()
        check_picture(face, f"health-{name}")


async def test_confirm() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await with_a_ticket(face)
        await face.press("ctrl+o")
        await face.until(lambda: "will send" in face.text)
        check_picture(face, "confirm-120x36")


@SIZES
async def test_help(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("?")
        check_text(face, f"help-{name}")


async def test_palette() -> None:
    async with cockpit(NARROW) as face:
        await face.press(":", *"can")
        check_text(face, "palette-80x24")


async def test_live_halted() -> None:
    async with cockpit(NARROW, environment=Environment.LIVE) as face:
        await face.press("ctrl+k")
        check_text(face, "live-halted-80x24")


@pytest.mark.parametrize("tab", ["2", "3", "4"], ids=["positions", "fills", "log"])
async def test_tabs(tab: str, request: pytest.FixtureRequest) -> None:
    async with cockpit(WIDE) as face:
        await face.press(tab)
        check_text(face, f"{request.node.callspec.id}-120x36")


@SIZES
async def test_a_list_in_ticket_and_table(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("s", "l", *"0.01", "tab", *"68000", "tab", *"66500", "tab", *"66400")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "┌" in face.pane("orders"))
        check_text(face, f"list-{name}")
        await face.press("escape", "g", "x")
        check_text(face, f"list-cancel-{name}")


@SIZES
async def test_replacing_and_amending(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("1", "j", "a", *"0.006")
        check_text(face, f"amend-{name}")
        await face.press("escape", "e", *"66800")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "will end" in face.text)
        check_text(face, f"replace-{name}")


@SIZES
async def test_differences(size: tuple[int, int], name: str) -> None:
    async with cockpit(size, prepare=with_differences) as face:
        await face.press("5")
        check_text(face, f"differences-{name}")
        await face.press("enter")
        check_text(face, f"difference-asks-{name}")


@SIZES
async def test_algos(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("b", "w", *"0.01", "tab", *"5", "tab", *"10")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: face.engine.algos)
        face.engine.change_algo(next(iter(face.engine.algos)), filled=Decimal("0.004"))
        await face.until(lambda: "40%" in face.pane("algos"))
        check_text(face, f"algos-{name}")


@SIZES
async def test_drills(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await face.press("f3")
        await face.until(lambda: "lost-reply" in face.text)
        checks = (("the order becomes FILLED", True), ("venue orders per intent = 1", False))
        text = "Not so: venue orders per intent = 1."
        face.engine.change_drill("lost-reply", state="FAILED", checks=checks, text=text, seconds=9.5, seed=1)
        await face.until(lambda: "failed" in face.pane("verdict") or "Not so" in face.pane("verdict"))
        check_text(face, f"drills-{name}")


async def test_details_of_an_order() -> None:
    async with cockpit(WIDE) as face:
        await face.press("1", "j", "j", "j", "enter")
        check_text(face, "details-120x36")


async def test_a_book_that_cannot_be_priced_from_shows_why_and_no_price() -> None:
    async with cockpit(prepare=lambda engine: setattr(engine, "book_why", "gap, resyncing")) as face:
        assert "unusable: gap, resyncing" in face.pane("ladder")
        assert "67 0" not in face.pane("ladder")


async def test_a_stale_row_gives_its_sparkline_for_its_age() -> None:
    async with cockpit(prepare=lambda engine: setattr(engine, "stale", frozenset({"BTCTRY"}))) as face:
        rows = {
            line.split()[0].strip("▸"): line for line in face.pane("watch").split("\n")[1:] if line.strip()
        }
        assert "42s" in rows["BTCTRY"]
        assert "█" not in rows["BTCTRY"]
        assert "42s" not in rows["BTCUSDT"]


async def test_an_unknown_order_counts_down_to_its_decision() -> None:
    async with cockpit() as face:
        assert "UNKNOWN 7.4 s" in face.pane("orders")
        assert "1 UNKNOWN" in face.text.split("\n")[0]
        await face.later(2.0)
        assert "UNKNOWN 5.4 s" in face.pane("orders")
        await face.later(60.0)
        assert "UNKNOWN proving" in face.pane("orders")


async def test_only_the_digits_that_changed_are_bright_and_for_one_beat() -> None:
    async with cockpit() as face:
        watch = face.trade.watch_pane

        def bright() -> list[str]:
            line = next(line for line in watch._lines if "ETHUSDT" in line[1][0] or "ETHUSDT" in line[0][0])
            return [text.strip() for text, token in line if token.startswith(("b up", "b down"))]

        face.engine.prices["ETHUSDT"] = 3_412.29
        face.engine.push(face.engine.snapshot()[-4])
        await face.pilot.pause()
        await face.app.pump.pump_once()
        assert bright() == ["29"]
        await face.app.pump.pump_once()
        assert bright() == []


async def test_too_small_says_so_and_kill_still_works() -> None:
    async with cockpit((60, 20)) as face:
        assert "too small: 60x20" in face.text
        assert "needs 80x24" in face.text
        await face.press("ctrl+k")
        assert face.engine.halt_reason == "operator"


async def test_rapid_resizing_ends_in_a_whole_screen() -> None:
    async with cockpit() as face:
        for size in (
            (3, 1),
            (200, 60),
            (79, 24),
            (80, 23),
            (1, 1),
            (110, 30),
            (80, 24),
            (300, 90),
            (120, 36),
        ):
            await face.pilot.resize_terminal(*size)
            face.engine.tick()
        await face.settle()
        assert "Depth" in face.text
        assert "ctrl+k KILL" in face.text
        assert all(len(line) <= 120 for line in face.text.split("\n"))


@pytest.mark.parametrize("size", [(80, 24), (100, 28), (110, 30), (120, 36), (160, 24), (200, 60)], ids=str)
async def test_at_every_size_the_kill_key_is_the_last_thing_on_the_last_line(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        assert face.text.split("\n")[-1].rstrip().endswith("ctrl+k KILL")
        assert "SIM" in face.text.split("\n")[0]


@pytest.mark.parametrize("screen", sorted(SCREENS))
async def test_on_no_screen_do_other_keys_crowd_the_kill_key_out(screen: str) -> None:
    async with cockpit() as face:
        footer = Footer(face.app.context, lambda: screen)
        without = [
            width
            for width in range(80, 200)
            if not "".join(text for text, _ in footer.body(width, 1)[0]).rstrip().endswith("ctrl+k KILL")
        ]
        assert without == []
