"""Lines of text by their cells: a character may be two wide, and a caret is never out of sight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.values import TradingState
from spark_tui.ui.entry import Entry
from spark_tui.ui.format import fit
from spark_tui.ui.lines import Line, cells_of, clip, merge, tail, width_of, wrapped
from spark_tui.ui.widgets.line_table import Column, cells
from tests.ui.cockpit import NARROW, cockpit

WORDS = st.text(st.sampled_from("ab é漢字🚀א"), max_size=60)
FAMILY = "👨\u200d👩\u200d👧"
ODD = "ab漢é🚀 \x1b\n\r\x00\x9b\u202e\u2066\u200d\u2028\xa0👩💻\u200c\U0001fa77\u2065\ufff0"
WIDTHS = st.integers(min_value=1, max_value=40)


@given(st.lists(WORDS, max_size=4), WIDTHS)
def test_a_line_is_clipped_by_cells_and_never_spills_over(texts: list[str], width: int) -> None:
    line: Line = tuple((text, "ink") for text in texts)
    clipped = clip(line, width)
    assert width_of(clipped) == min(width, width_of(line))


@given(st.text(ODD, max_size=40))
def test_no_text_moves_the_cursor_or_turns_its_line(text: str) -> None:
    painted = merge((("before ", "dim"), (text, "ink")))
    assert all(one.isprintable() for text, _ in painted for one in text if one not in "\u200c\U0001fa77")
    assert width_of(painted) == width_of((("before ", "dim"), (text, "ink")))


@pytest.mark.parametrize(
    "name",
    [FAMILY, "क्\u200dष", "می\u200cخواهم", "a\u200db\u200dc", "\U0001fa77", "\U0001fae8", "🇹🇷👍🏽☺\ufe0f"],
)
def test_no_letter_behind_a_joined_emoji_is_lost(name: str) -> None:
    """In no column, and however it is cut."""
    text = f"{name} limit 1500."
    letters = text.replace("\u200d", "")
    assert merge(((text, "ink"), ("5", "ink"))) == ((f"{letters}5", "ink"),)
    for width in range(30):
        shown = merge(clip(((text, "ink"),), width))
        assert width_of(shown) == min(width, width_of(((text, "ink"),)))
        assert "".join(one for one, _ in shown).rstrip() in letters
        (column,) = cells([Column("name", max(1, width), gap=0)], [(text, "ink")])
        assert width_of(merge((column, ("5", "ink")))) == max(1, width) + 1
        if width >= cells_of(text):
            assert fit(text, width) == text
            assert letters in tail(text, width)


@given(WORDS, WIDTHS)
def test_a_wrapped_text_loses_nothing_at_an_edge(text: str, width: int) -> None:
    rows = wrapped(text, max(2, width))
    assert all(cells_of(row) <= max(2, width) for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


@given(WORDS, st.integers(min_value=-1, max_value=40))
def test_a_tail_fills_its_width(text: str, width: int) -> None:
    assert width_of(((tail(text, width), "ink"),)) == max(0, width)


@given(WORDS, WIDTHS, st.integers(min_value=0, max_value=60))
def test_the_caret_is_always_in_sight(text: str, width: int, at: int) -> None:
    entry = Entry(text, min(at, len(text)))
    shown = entry.shown_in(width)
    assert width_of(((shown, "ink"),)) == width
    assert "▏" in shown


@pytest.mark.parametrize(
    "opened",
    [(":",), ("f8", "/"), ("R",), ("f4", "n")],
    ids=["palette", "log search", "reason to resume", "name of a rule"],
)
async def test_whoever_types_more_than_fits_sees_its_end(opened: tuple[str, ...]) -> None:
    async with cockpit(NARROW) as face:
        await face.press("ctrl+k")
        await face.until(lambda: face.engine.state is TradingState.HALTED)
        await face.press(*opened)
        await face.press(*"a" * 100, *"漢" * 40, *"end")
        assert "漢end▏" in face.text
