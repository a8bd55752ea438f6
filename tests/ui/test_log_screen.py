"""The Log screen under the fingers: search as it is typed, older pages on the way down, all on demand."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from spark_tui.link.messages import Audit, AuditVerdict, GetAudit
from spark_tui.link.service import LinkError
from spark_tui.ui.screens.log import LogScreen, _verdict, brief, short_result
from tests.ui.cockpit import NARROW, WIDE, Cockpit, cockpit
from tests.ui.fake_engine import audit
from tests.ui.looks import check_text

SIZES = pytest.mark.parametrize(
    ("size", "name"), [(WIDE, "120x36"), (NARROW, "80x24")], ids=["120x36", "80x24"]
)


async def opened(face: Cockpit) -> LogScreen:
    await face.press("f8")
    await face.until(lambda: "order.submit" in face.pane("audit"))
    screen = face.app.cockpit_screen
    assert isinstance(screen, LogScreen)
    return screen


@SIZES
async def test_look(size: tuple[int, int], name: str) -> None:
    async with cockpit(size) as face:
        await opened(face)
        await face.press("j", "j")
        check_text(face, f"audit-{name}")


async def test_the_selected_deed_shows_what_every_rule_said() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        screen.table.go((str(audit.REFUSED),))
        await face.settle()
        deed = face.pane("deed")
        assert "✗ price band 5 870.12/75" in deed
        assert "✓ trading state" in deed
        assert "move it closer" in deed


@SIZES
async def test_a_deed_too_long_for_its_card_is_shown_whole_on_enter(size: tuple[int, int], name: str) -> None:
    last = "the end of it"
    words = " ".join(f"word{number}" for number in range(150))

    def long(ask: GetAudit) -> Audit:
        rows = [msgspec.structs.replace(audit.deed(seq), result=f"{words} {last}") for seq in (2, 1)]
        return Audit(rows=tuple(rows), before=0, entries=2)

    async with cockpit(size) as face:
        answered_by(face, long)
        await opened(face)
        await face.until(lambda: "word0" in face.pane("deed"))
        deed = face.pane("deed")
        assert "Enter all of it" in deed
        assert "…" in deed
        assert last not in deed
        assert "price band 1.49/75" in deed or "more" in deed  # the rules keep their room
        await face.press("enter")
        while "more" in face.text.split("Esc closes")[1].split("\n")[0]:
            await face.press("space")
        assert last in face.text
        assert "✓ price band 1.49/75" in face.text
        await face.press("enter")
        assert "Esc closes" not in face.text


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_card_that_holds_all_of_it_asks_for_no_key(size: tuple[int, int]) -> None:
    """The narrow one to its last line."""
    async with cockpit(size) as face:
        await opened(face)
        assert "all of it" not in face.text


async def test_a_deed_that_says_no_what_has_no_line_for_it() -> None:
    def mute(ask: GetAudit) -> Audit:
        return Audit(rows=(msgspec.structs.replace(audit.deed(1), what=""),), before=0, entries=1)

    async with cockpit() as face:
        answered_by(face, mute)
        await opened(face)
        await face.until(lambda: "entry 1" in face.pane("deed"))
        assert [line.split()[0] for line in face.pane("deed").split("\n")[1:3]] == ["result", "rules"]


async def test_a_search_narrows_with_each_letter_and_enter_keeps_it() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("/", *"band denied")
        await face.until(lambda: "1 of 450" in face.pane("audit"))
        await face.press("enter")
        assert "/ band denied" in face.pane("audit")
        await face.press("a")  # a key of the screen again, not a letter of the search
        await face.until(lambda: "every ledger entry" in face.pane("audit"))


async def test_escape_drops_the_search_and_never_leaves_the_screen_first() -> None:
    async with cockpit() as face:
        await opened(face)
        await face.press("/", *"denied", "enter", "escape")
        await face.until(lambda: "200+" in face.pane("audit"))
        assert face.app.cockpit_screen.screen_name == "log"


async def test_what_is_found_of_another_search_does_not_stay() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        await face.press("/", *"denied")
        await face.until(lambda: len(screen.table.rows) == 1)
        await face.press("backspace")
        await face.press(*"dx")
        await face.until(lambda: not screen.table.rows)
        assert "nothing holds all of: denie" in face.pane("audit")


async def test_the_last_row_brings_older_ones() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        assert len(screen.table.rows) == 200
        await face.press("G")
        await face.until(lambda: len(screen.table.rows) > 200)
        await face.press("G")
        await face.until(lambda: not screen.table.before)
        seqs = [int(key[0]) for key in screen.table.rows]
        assert seqs == sorted(seqs, reverse=True)
        assert seqs[-1] == 1


async def test_pasted_text_is_searched_for_only_while_searching() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        screen.table.take_paste("denied")
        assert screen.table.entry.text == ""
        await face.press("/")
        screen.table.take_paste("den\x1bied\n")
        await face.until(lambda: len(screen.table.rows) == 1)


async def test_a_search_of_the_engine_says_what_was_typed() -> None:
    asked: list[GetAudit] = []

    async with cockpit() as face:
        whole = face.engine.call

        async def spied(request: object) -> object:
            if isinstance(request, GetAudit):
                asked.append(request)
            return await whole(request)  # type: ignore[arg-type]

        face.engine.call = spied  # type: ignore[method-assign,assignment]
        await opened(face)
        await face.press("/", *"x")
        await face.until(lambda: asked and asked[-1].text == "x")
        assert asked[0].before == 0


def answered_by(face: Cockpit, answer: Callable[[GetAudit], Audit]) -> None:
    """From here on the ledger is `answer`; the rest of the engine is as it was."""
    whole = face.engine.call

    async def call(request: object) -> object:
        return answer(request) if isinstance(request, GetAudit) else await whole(request)  # type: ignore[arg-type]

    face.engine.call = call  # type: ignore[method-assign,assignment]


def in_parts(ask: GetAudit) -> Audit:
    """As an engine answers that reads no more than 50 entries a question."""
    end = ask.before - 1 if ask.before else audit.COUNT
    lowest = max(ask.after, end - 50)
    found = audit.answer(msgspec.structs.replace(ask, after=lowest))
    return msgspec.structs.replace(found, before=lowest + 1 if lowest > ask.after else 0)


async def test_a_search_goes_on_however_far_back_and_what_it_found_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "COUNT", 2_000)
    async with cockpit() as face:
        screen = await opened(face)
        answered_by(face, in_parts)
        await face.press("/", *"denied", "enter")
        await face.until(lambda: not screen.table.before)
        assert list(screen.table.rows) == [(str(audit.REFUSED),)]
        assert "searching" not in face.pane("audit")
        monkeypatch.setattr(audit, "COUNT", 2_010)
        screen.tick()
        await face.until(lambda: screen.table.entries == 2_010)
        assert list(screen.table.rows) == [(str(audit.REFUSED),)]


async def test_the_newest_is_followed_and_a_chosen_row_stays_under_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with cockpit() as face:
        screen = await opened(face)

        async def more() -> str:
            monkeypatch.setattr(audit, "COUNT", audit.COUNT + 100)
            screen.tick()
            await face.until(lambda: screen.table.entries == audit.COUNT)
            return next(iter(screen.table.rows))[0]

        newest = await more()
        assert screen.table.cursor == (newest,)
        assert f"entry {newest}" in face.pane("deed")
        await face.press("j")
        chosen = screen.table.cursor
        assert chosen is not None
        await more()
        assert screen.table.cursor == chosen
        assert f"entry {chosen[0]}" in face.pane("deed")


async def test_a_search_the_engine_left_unanswered_is_asked_again_when_it_is_back() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        gone = True

        def answer(ask: GetAudit) -> Audit:
            if gone:
                raise LinkError("ENGINE_GONE", "The engine is gone.")
            return audit.answer(ask)

        answered_by(face, answer)
        await face.press("/", *"denied")
        assert len(screen.table.rows) == 200
        gone = False
        screen.tick()
        await face.until(lambda: len(screen.table.rows) == 1)


async def test_signs_of_other_search_languages_are_letters() -> None:
    async with cockpit() as face:
        screen = await opened(face)
        for words in (".*", "a|b", "[(", "100%", "\\", "x' OR 1=1"):
            await face.press("/", "ctrl+u", *words, "enter")
            await face.until(lambda: not screen.table.rows)
            await face.press("escape")
            await face.until(lambda: screen.table.rows)


async def test_an_instrument_can_be_looked_at_from_any_screen() -> None:
    async with cockpit() as face:
        await opened(face)
        face.app.act("focus", {"symbol": "ETHUSDT"})
        await face.settle()
        assert face.app.model.look[1] == "ETHUSDT"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("venue=spot symbol=BTCUSDT side=BUY time_in_force=GTC key=ab12", "BTCUSDT BUY"),
        ("symbol=BTCUSDT time_in_force=IOC post_only", "BTCUSDT IOC post_only"),
    ],
)
def test_a_row_says_what_is_not_as_always(what: str, said: str) -> None:
    assert brief(what) == said


@pytest.mark.parametrize(
    ("result", "width", "said"),
    [
        ("sp6qllb014-12 FILLED", 30, "12 FILLED"),
        ("sp6qllb014-12 FILLED", 18, "12 FILLED"),
        ("sp6qllb014-12 FILLED", 8, "FILLED"),
        ("sp6qllb014-12 DENIED PRICE_BAND", 17, "DENIED PRICE_BAND"),
        ("c6qllb014-1 green", 12, "c6qllb014-1…"),  # a canary's id is not an order's
        ("DENIED PRICE_BAND", 12, "DENIED PRIC…"),
    ],
)
def test_what_became_of_an_order_is_not_cut_off_by_its_id(result: str, width: int, said: str) -> None:
    assert short_result(result, width) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [("6.6996910000", "6.7"), ("96651.26450000", "96 651.26"), ("0.00001200", "0.00001200"), ("75", "75")],
)
def test_a_rules_figure_is_as_long_as_it_needs(value: str, said: str) -> None:
    verdict = AuditVerdict(rule="balance", ok=True, code="", used=Decimal(value), allowed=Decimal(75))
    assert _verdict(verdict) == (f"✓ balance {said}/75", "dim")
