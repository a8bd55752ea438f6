"""The Canary screen and its dialogs."""

from decimal import Decimal

import pytest
from msgspec import structs

from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import (
    Arming,
    ArmLive,
    CanaryCheck,
    CanaryKind,
    CanaryVerdict,
    ConfirmCanary,
    DisarmLive,
    Execution,
    GetCanaries,
    RunCanary,
    SoakCanary,
    Soaking,
)
from spark_tui.ui.lines import width_of
from spark_tui.ui.screens.canary import CanaryScreen, Seen
from spark_tui.ui.widgets.row_card import ALL
from tests.ui.cockpit import NARROW, VAST, WIDE, Cockpit, cockpit
from tests.ui.fake_engine.canaries import CHECKS, EXPECTED, SHA256, SOAKED, with_canaries
from tests.ui.looks import check_picture, check_text

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


SOAKING = Soaking(
    run_id="c7f3c-9",
    venue="binance-spot",
    symbol="BTCTRY",
    side=Side.BUY,
    dry=True,
    began_ms=0,
    duration_s=60.0,
    planned=7,
    figures=structs.replace(SOAKED, checks=3, healthy=3, orders=0, order_latency_worst_s=None),
)


async def type_out(face: Cockpit, text: str) -> None:
    """As a hand does: key after key."""
    for character in text:
        await face.later(0.2)
        await face.press(character)


def asked(face: Cockpit, kind: type) -> list[object]:
    return [one for one in face.engine.asked if isinstance(one, kind)]


async def at_the_dialog(face: Cockpit) -> None:
    await face.press("f6", "r")
    await face.until(lambda: "● green" in face.pane("canaries"))
    await face.press("c")
    await face.until(lambda: "will send" in face.text)
    await face.later(0.5)


@SIZES
async def test_the_screen(size: tuple[int, int], name: str) -> None:
    async with cockpit(size, prepare=lambda engine: with_canaries(engine.canaries)) as face:
        await face.press("f6")
        await face.until(lambda: "refused" in face.pane("canaries"))
        assert "812 s old" in face.pane("seen")
        await face.press("j")
        await face.until(lambda: "actual" in face.pane("seen"))
        check_text(face, f"canary-{name}")
        check_picture(face, f"canary-{name}")


LARGE = Execution(
    price=Decimal("2745060.06"),
    quantity=Decimal("123456.78901234"),
    notional=Decimal("338896289999.12"),
    fees={"BNB": Decimal("0.00001234"), "BTC": Decimal("0.00000100")},
    slippage_bp=Decimal("-12.3"),
    latency_s=0.0072,
)
WHOLE = (
    (EXPECTED, ("67 012.4", "67.01", "0.000001 BTC", "0.1 bp")),
    (LARGE, ("2 745 060.06", "338 896 289 999.12", "0.00001234 BNB + 0.000001 BTC", "-12.3 bp", "7.2 ms")),
)


@pytest.mark.parametrize("size", [(170, 40), (184, 40), (190, 50), VAST, WIDE, NARROW], ids=str)
async def test_the_figures_of_a_canary_are_whole_at_170x40(size: tuple[int, int]) -> None:
    """A number that is cut is another number: what does not fit beside the others stands below them."""
    async with cockpit(size) as face:
        await face.press("f6", "r")
        await face.until(lambda: "● green" in face.pane("canaries"))
        (row,) = face.app.model.canary_rows.values()
        seen = face.app.cockpit_screen.query_one("#seen", Seen)
        assert all(figure in face.pane("seen") for figure in WHOLE[0][1])
        for one, figures in WHOLE:
            lines = seen.lines(structs.replace(row, expected=EXPECTED, actual=one), seen.size.width, ALL)
            text = "\n".join("".join(text for text, _ in line) for line in lines)
            assert all(figure in text for figure in figures), text
            assert all(width_of(line) <= seen.size.width for line in lines)


@SIZES
async def test_the_confirm_dialog(size: tuple[int, int], name: str) -> None:
    async with cockpit(size, environment=Environment.TESTNET) as face:
        await at_the_dialog(face)
        await type_out(face, "BTCUS")
        check_text(face, f"canary-confirm-{name}")
        check_picture(face, f"canary-confirm-{name}")


async def test_a_vast_terminal_has_the_evidence_beside_the_canaries() -> None:
    async with cockpit(VAST, prepare=lambda engine: with_canaries(engine.canaries)) as face:
        await face.press("f6")
        await face.until(lambda: "refused" in face.pane("canaries"))
        await face.press("j")
        await face.until(lambda: SHA256 in face.pane("seen"))
        check_text(face, "canary-200x60")
        screen = face.app.cockpit_screen
        assert screen.query_one("#seen").region.x > screen.query_one("#canaries").region.right
        await face.pilot.resize_terminal(*WIDE)
        await face.settle()
        assert screen.query_one("#seen").region.y >= screen.query_one("#canaries").region.bottom
        assert SHA256 not in face.pane("seen")


async def test_a_run_is_asked_for_what_is_looked_at_and_the_side_chosen() -> None:
    async with cockpit() as face:
        await face.press("f6", "s", "r")
        await face.until(lambda: "● green" in face.pane("canaries"))
        (run,) = asked(face, RunCanary)
        assert isinstance(run, RunCanary)
        assert (run.symbol, run.side, run.quantity) == ("BTCUSDT", Side.SELL, None)


async def test_what_is_shown_is_the_newest_until_another_is_chosen() -> None:
    async with cockpit() as face:
        await face.press("f6", "r")
        for count in (1, 2):
            await face.until(lambda count=count: len(face.app.model.canary_rows) == count)
            await face.settle()
            assert list(face.app.model.canary_rows)[-1] in face.pane("seen")
            await face.press("r")
        await face.until(lambda: len(face.app.model.canary_rows) == 3)
        await face.press("G")
        first = next(iter(face.app.model.canary_rows))
        assert first in face.pane("seen")
        await face.press("r")
        await face.until(lambda: len(face.app.model.canary_rows) == 4)
        await face.settle()
        assert first in face.pane("seen")


async def test_another_symbol_is_a_key_away() -> None:
    async with cockpit() as face:
        await face.press("f6", "]", "r")
        await face.until(lambda: asked(face, RunCanary))
        (run,) = asked(face, RunCanary)
        assert isinstance(run, RunCanary)
        assert run.symbol == face.app.model.look[1] != "BTCUSDT"


async def test_the_typed_symbol_confirms_and_shows_expected_beside_actual() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await at_the_dialog(face)
        await type_out(face, "btcusdt")
        await face.until(lambda: "FILLED" in face.pane("canaries"))
        (confirm,) = asked(face, ConfirmCanary)
        assert isinstance(confirm, ConfirmCanary)
        assert confirm.typed == "BTCUSDT"
        await face.press("g")
        assert "residue" in face.pane("seen")


async def test_enter_paste_a_burst_and_the_held_key_confirm_nothing() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await face.press("f6", "r")
        await face.until(lambda: "● green" in face.pane("canaries"))
        await face.press("c", *"BTCUSDT")  # before the dialog has settled
        await face.later(1)
        face.app.take_paste("BTCUSDT")
        await face.press("enter")
        await face.later(1)
        for _ in range(40):  # the key that opened it, held
            await face.press("c")
            face.clock.advance(0.033)
        await face.later(1)
        await face.press(*"BTCUSDT")  # settled, but all at once
        await face.later(1)
        await face.press("enter")
        await face.settle()
        assert "will send" in face.text
        assert not asked(face, ConfirmCanary)
        await face.press("escape")
        assert "will send" not in face.text
        assert not asked(face, ConfirmCanary)


async def test_an_offer_that_ran_out_confirms_nothing() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await at_the_dialog(face)
        await type_out(face, "BTCUSD")
        face.clock.advance(60)
        await face.until(lambda: "will send" not in face.text)
        assert not asked(face, ConfirmCanary)


async def test_without_a_run_there_is_nothing_to_confirm() -> None:
    async with cockpit() as face:
        await face.press("f6", "c")
        await face.until(lambda: "to confirm: r runs it first" in face.text)
        assert not asked(face, ConfirmCanary)


async def test_a_read_only_cockpit_confirms_nothing() -> None:
    async with cockpit(read_only=True) as face:
        await face.press("f6", "r")
        await face.until(lambda: "● green" in face.pane("canaries"))
        await face.press("c")
        assert "will send" not in face.text


async def test_live_is_armed_by_typing_the_whole_phrase() -> None:
    async with cockpit(environment=Environment.LIVE) as face:
        face.app.act("live.arm", {"symbols": "btcusdt,ethusdt", "cap": "500", "minutes": "30"})
        await face.until(lambda: "will arm" in face.text)
        await face.later(0.5)
        phrase = "ARM LIVE BTCUSDT,ETHUSDT CAP 500 USDT FOR 30 MIN"
        await type_out(face, phrase[:-1])
        check_picture(face, "arm-120x36")
        assert not asked(face, ArmLive)
        await type_out(face, phrase[-1])
        await face.until(lambda: asked(face, ArmLive))
        (arm,) = asked(face, ArmLive)
        assert isinstance(arm, ArmLive)
        assert (arm.phrase, arm.symbols) == (phrase, ("BTCUSDT", "ETHUSDT"))


async def test_the_status_bar_says_whether_live_is_armed() -> None:
    async with cockpit(NARROW, environment=Environment.LIVE) as face:
        assert "NOT ARMED" in face.text
        status = face.app.model.status
        assert status is not None
        arming = Arming(
            symbols=("BTCUSDT",),
            cap=Decimal(500),
            expires_ms=face.app.model.venue_now_ms() + 90_000,
            operator="operator",
            used=Decimal(59),
        )
        face.engine.push(structs.replace(status, arming=arming))
        await face.until(lambda: "NOT ARMED" not in face.text)
        assert "ARMED 01:30" in face.text
        await face.press("f6")
        await face.until(lambda: "59.00 of 500 USDT" in face.pane("next"))
        await face.later(91)
        assert "NOT ARMED" in face.text


async def test_what_is_said_in_words_is_asked() -> None:
    async with cockpit() as face:
        face.app.act("canary.soak", {"symbol": "BTCTRY", "duration_s": "60"})
        face.app.act("live.disarm", {"reason": "done"})
        await face.until(lambda: asked(face, SoakCanary) and asked(face, DisarmLive))
        (soak,) = asked(face, SoakCanary)
        assert isinstance(soak, SoakCanary)
        assert (soak.dry, soak.typed) == (True, "")


SOAK = "canary.soak symbol=btcusdt duration_s=60 dry=no"


async def at_the_soak(face: Cockpit) -> None:
    """As the palette does: the words, and Enter."""
    await face.press(":", *SOAK, "enter")
    await face.until(lambda: "PLACES ORDERS" in face.text)


@SIZES
async def test_a_soak_that_places_orders_has_its_symbol_typed(size: tuple[int, int], name: str) -> None:
    async with cockpit(size, environment=Environment.TESTNET) as face:
        await face.press("f6")
        await at_the_soak(face)
        await face.later(0.5)
        assert "up to 7 times" in face.text
        assert "at most 100 USDT each, 700 in all" in face.text
        check_text(face, f"canary-soak-{name}")
        await type_out(face, "BTCUSD")
        assert not asked(face, SoakCanary)
        await type_out(face, "T")
        await face.until(lambda: asked(face, SoakCanary))
        (soak,) = asked(face, SoakCanary)
        assert isinstance(soak, SoakCanary)
        assert (soak.dry, soak.typed, soak.symbol) == (False, "BTCUSDT", "BTCUSDT")


@pytest.mark.parametrize(
    "said", [{"dry": "no"}, {"yes_i_mean": "BTCUSDT"}, {"dry": "no", "yes_i_mean": "BTCUSDT"}]
)
async def test_no_word_of_the_palette_stands_for_the_typing(said: dict[str, str]) -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        face.app.act("canary.soak", {"symbol": "BTCUSDT", **said})
        await face.until(lambda: "PLACES ORDERS" in face.text)
        assert not asked(face, SoakCanary)


async def test_enter_paste_a_burst_and_the_held_key_soak_nothing() -> None:
    async with cockpit(environment=Environment.TESTNET) as face:
        await at_the_soak(face)
        for held in ("enter", "o"):  # Enter opened it
            for _ in range(40):
                await face.press(held)
                face.clock.advance(0.033)
        await face.press(*"BTCUSDT")  # before the dialog has settled
        await face.later(1)
        face.app.take_paste("BTCUSDT")
        await face.later(1)
        await face.press(*"BTCUSDT")  # settled, but all at once
        await face.later(1)
        await face.press("enter")
        await face.later(1)
        await face.press("enter")
        assert "PLACES ORDERS" in face.text
        await face.press("escape")
        assert "PLACES ORDERS" not in face.text
        assert not asked(face, SoakCanary)


async def test_a_dry_soak_of_what_is_on_the_screen_is_a_key_away() -> None:
    async with cockpit() as face:
        await face.press("f6", "s")
        before = len(asked(face, GetCanaries))
        await face.press("o")
        await face.until(lambda: asked(face, SoakCanary) and len(asked(face, GetCanaries)) > before)
        (soak,) = asked(face, SoakCanary)
        assert isinstance(soak, SoakCanary)
        assert (soak.symbol, soak.side, soak.duration_s, soak.dry) == ("BTCUSDT", Side.SELL, 60, True)


async def test_how_a_soak_gets_on_is_asked_every_second_and_nothing_else_is() -> None:
    async with cockpit() as face:
        await face.press("f6")
        screen = face.app.cockpit_screen
        assert isinstance(screen, CanaryScreen)

        async def ticks(count: int) -> int:
            before = len(asked(face, GetCanaries))
            for _ in range(count):
                screen.tick()
                await face.until(lambda: screen.idle)
            return len(asked(face, GetCanaries)) - before

        assert await ticks(4) == 0
        assert await ticks(1) == 1
        face.engine.canaries.soaking = SOAKING
        assert await ticks(5) == 1
        assert await ticks(3) == 3


async def test_with_real_money_no_soak_is_offered() -> None:
    async with cockpit(environment=Environment.LIVE) as face:
        face.app.act("canary.soak", {"symbol": "BTCUSDT", "dry": "no"})
        await face.until(lambda: "no canary places its order with real money" in face.text)
        assert not asked(face, SoakCanary)


@pytest.mark.parametrize("duration", ["0", "-1", "86401", "soon"])
async def test_a_soak_of_no_length_is_not_asked(duration: str) -> None:
    async with cockpit() as face:
        face.app.act("canary.soak", {"symbol": "BTCUSDT", "duration_s": duration})
        await face.settle()
        assert not asked(face, SoakCanary)
        await face.until(lambda: "duration_s=soon" in face.text or "A soak takes more than 0" in face.text)


@SIZES
async def test_a_soak_tells_its_figures(size: tuple[int, int], name: str) -> None:
    async with cockpit(size, prepare=lambda engine: with_canaries(engine.canaries)) as face:
        began_ms = face.app.model.venue_now_ms() - 21_000
        face.engine.canaries.soaking = structs.replace(SOAKING, began_ms=began_ms)
        await face.press("f6")
        await face.until(lambda: "3 of 7 checks" in face.pane("next"))
        assert "BTCTRY dry" in face.pane("next")
        assert "00:39 left" in face.pane("next")
        assert "feed 2.10 s old" in face.pane("next")
        await face.press("G")
        assert "6 of 7 healthy" in face.pane("canaries")
        seen = face.pane("seen")
        for figure in (
            "feed 2.10 s old, order/test 6.2 ms, clock -2 ms",
            "worst",
            "6 placed",
            "min 6 ms",
            "P95 8.8 ms",
        ):
            assert figure in seen
        assert "worst 1.21 s" in seen
        assert "61 bp from the venue's: feed 900 ms old" in " ".join(seen.split())
        check_text(face, f"canary-soaked-{name}")


async def test_why_an_order_is_red_is_said_in_full() -> None:
    reason = "RESIDUE: the rest was not cancelled: The venue did not cancel sp6mubi500-1: Filter failure."
    rounds = tuple(
        CanaryCheck(name=f"{number} of 2", ok=False, text="the venue is down", code="VENUE_NOT_UP")
        for number in (1, 2)
    )
    async with cockpit(NARROW) as face:
        await face.press("f6")
        red = face.engine.canaries.put(
            CanaryKind.CONFIRM,
            "BTCUSDT",
            Side.BUY,
            face.app.model.venue_now_ms(),
            verdict=CanaryVerdict.RED,
            client_order_id="sp6mubi500-1",
            state="ACCEPTED",
            residue=(reason.removeprefix("RESIDUE: "),),
            reasons=("VENUE_NOT_UP: check 1 of 2: the venue is down", reason),
            checks=rounds,
        )
        face.engine.push(red)
        await face.until(lambda: "✗ red" in face.pane("canaries"))
        await face.press("g")
        said = " ".join(face.pane("seen").split())
        assert reason in said
        assert "1 left over" in said
        assert "VENUE_NOT_UP" not in said  # its check says that


async def test_a_soak_that_is_not_answered_yet_goes_on() -> None:
    async with cockpit() as face:
        face.engine.mute = True
        face.app.act("canary.soak", {"symbol": "BTCTRY", "duration_s": "60"})
        await face.until(lambda: "Soak: it goes on" in face.text)


LONG = "the position's share of equity could come to 759.33 %, the most is 10 %; order less; " * 6


async def test_a_check_is_told_in_full_where_there_is_room_and_no_number_of_it_is_broken() -> None:
    check = CanaryCheck(name="green", ok=False, text=LONG.strip(), code="RUN_NOT_GREEN")
    async with cockpit() as face:
        await face.press("f6")
        card = face.app.cockpit_screen.query_one(Seen)
        now_ms = face.app.model.venue_now_ms()
        row = face.engine.canaries.put(CanaryKind.RUN, "BTCUSDT", Side.BUY, now_ms, checks=(check,))
        for width in range(60, 120):
            rows = [line[-1][0] for line in card.lines(row, width, ALL)]
            assert check.text in " ".join(rows)
            assert sum(row.count("759.33 %") for row in rows) == 6


async def test_what_is_long_is_cut_where_it_shows() -> None:
    check = CanaryCheck(name="green", ok=False, text=LONG, code="RUN_NOT_GREEN")
    async with cockpit() as face:
        await face.press("f6")
        row = face.engine.canaries.put(
            CanaryKind.RUN,
            "BTCUSDT",
            Side.BUY,
            face.app.model.venue_now_ms(),
            verdict=CanaryVerdict.RED,
            reasons=(f"RUN_NOT_GREEN: {LONG}",),
            checks=(check,),
            notional_usdt=Decimal("3346572.25"),
        )
        face.engine.push(row)
        await face.until(lambda: "✗ red" in face.pane("canaries"))
        await face.press("g")
        assert "3.35M" in face.pane("canaries")
        assert face.pane("seen").endswith(
            LONG.rstrip()[-20:].rpartition(" ")[2]
        )  # there is room for all of it
        await face.pilot.resize_terminal(*NARROW)
        await face.settle()
        assert face.pane("seen").rstrip().endswith("…")


async def test_the_name_of_a_check_is_not_cut() -> None:
    refused = CanaryCheck(name="rule trading state", ok=False, text="trading is halted", code="HALTED")
    async with cockpit() as face:
        await face.press("f6")
        card = face.app.cockpit_screen.query_one(Seen)
        row = face.engine.canaries.put(
            CanaryKind.RUN, "BTCUSDT", Side.BUY, face.app.model.venue_now_ms(), checks=(refused, CHECKS[0])
        )
        told = ["".join(text for text, _ in line) for line in card.lines(row, 120, 20)]
        assert " ✗ rule trading state trading is halted" in told
        assert " ✓ venue              binance-spot is up" in told
