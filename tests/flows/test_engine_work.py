"""An operator over what the engine does by itself: differences, algos, drills."""

from decimal import Decimal

from spark_tui.domain.values import Environment
from spark_tui.link.messages import (
    AlgoKind,
    PauseAlgo,
    ResolveDifference,
    ResumeAlgo,
    RunDrill,
    StartAlgo,
    StopAlgo,
)
from tests.flows.moves import SIZES, asked, decide
from tests.ui.cockpit import cockpit
from tests.ui.fake_engine import with_differences

# --- differences -------------------------------------------------------------------------------------------


@SIZES
async def test_a_difference_that_asks_is_answered_and_one_that_does_not_is_shown(
    size: tuple[int, int],
) -> None:
    async with cockpit(size, prepare=with_differences) as face:
        await face.press("5")
        lines = face.pane("diff").split("\n")
        assert "5 Diff 1" in lines[0]
        assert "Enter answers" in lines[2]  # what asks comes first
        await face.press("enter")
        assert "we have" in face.text
        await face.press("enter")
        assert asked(face, ResolveDifference) == []
        await decide(face, "a")
        assert asked(face, ResolveDifference) == [ResolveDifference(difference_id="b", choice="accept")]
        await face.until(lambda: "accept" in face.pane("diff"))
        await face.press("G", "enter")
        assert "done" in face.text


async def test_reconciling_is_in_the_bar_while_it_lasts() -> None:
    async with cockpit() as face:
        face.engine.reconciling = True
        face.engine.push(face.engine.status())
        await face.until(lambda: "RECONCILING" in face.text.split("\n")[0])


# --- algos -------------------------------------------------------------------------------------------------


@SIZES
async def test_a_twap_is_started_from_the_ticket_paused_resumed_and_stopped(size: tuple[int, int]) -> None:
    async with cockpit(size, orders=False) as face:
        await face.press("b", "w", *"0.01", "tab", *"5", "tab", *"10")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "RUNNING" in face.pane("algos"))
        start = asked(face, StartAlgo)[0]
        assert isinstance(start, StartAlgo)
        assert (start.kind, start.duration_s, start.slices, start.limit_price) == (
            AlgoKind.TWAP,
            300,
            10,
            None,
        )
        face.engine.change_algo("algo-sprun7-41", filled=Decimal("0.004"))
        await face.until(lambda: "━━━━──────  40%" in face.pane("algos"))
        assert "next in 00:24" in face.pane("algos")
        await face.press("6", "space")
        await face.until(lambda: "PAUSED" in face.pane("algos"))
        assert len(asked(face, PauseAlgo)) == 1
        await face.press("space")
        await face.until(lambda: "RUNNING" in face.pane("algos"))
        assert len(asked(face, ResumeAlgo)) == 1
        await face.press("x")
        assert "0.004 of 0.01 filled" in face.text
        await decide(face, "y")
        await face.until(lambda: "STOPPED" in face.pane("algos"))
        assert len(asked(face, StopAlgo)) == 1


async def test_a_trailing_algo_on_testnet_says_what_will_start() -> None:
    async with cockpit(environment=Environment.TESTNET, orders=False) as face:
        await face.press("s", "w", "w", "w", *"0.01", "tab", *"150")
        await face.until(lambda: "passes" in face.pane("ticket"))
        await face.press("ctrl+o")
        await face.until(lambda: "TRAILING SELL 0.010 BTCUSDT, trailing by 150 bp" in face.text)
        assert asked(face, StartAlgo) == []
        await decide(face, "y")
        await face.until(lambda: asked(face, StartAlgo))


# --- drills ------------------------------------------------------------------------------------------------


@SIZES
async def test_a_drill_is_picked_run_and_its_verdict_names_what_was_checked(size: tuple[int, int]) -> None:
    async with cockpit(size) as face:
        await face.press("f3")
        await face.until(lambda: "lost-reply" in face.text)
        await face.press("r")
        await face.until(lambda: "running" in face.pane("drills"))
        assert asked(face, RunDrill) == [RunDrill(name="lost-reply", seed=1)]
        ticking = (("the order is UNKNOWN, not given up", True),)
        face.engine.change_drill("lost-reply", checks=ticking, text="the order becomes FILLED", seconds=1.5)
        await face.until(lambda: "running: the order becomes FILLED" in face.pane("verdict"))
        assert "✓ the order is UNKNOWN, not given up" in face.pane("verdict")
        assert "1/1" in face.pane("drills")
        checks = (("the order is UNKNOWN, then found", True), ("venue orders per intent = 1", False))
        face.engine.change_drill(
            "lost-reply",
            state="FAILED",
            checks=checks,
            text="Not so: venue orders per intent = 1.",
            seconds=9.5,
        )
        await face.until(lambda: "✗ venue orders per intent = 1" in face.pane("verdict"))
        assert "✗ failed" in face.pane("drills")
        assert "✓ the order is UNKNOWN, then found" in face.pane("verdict")
        await face.press("escape")
        assert "Watch" in face.text


async def test_drills_are_refused_where_the_venue_is_no_simulator() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await face.press("f3")
        assert "Drills run on the simulator only" in face.text
        assert face.app.cockpit_screen.screen_name == "trade"
