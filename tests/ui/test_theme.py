"""Themes: the shipped files are whole, a bad file costs a sentence and never the cockpit."""

from pathlib import Path

import pytest

from spark_tui.ui.theme import BUILT_IN, TONES, Painter, ThemeError, load_themes, parse_theme, theme_folder
from tests.ui.cockpit import cockpit

WANTED = {"dark", "light", "colour-blind", "mono", "sixteen"}


def whole(**changes: str) -> str:
    tones = {**BUILT_IN.tones, **changes}
    rows = "\n".join(f'{tone} = "{value}"' for tone, value in tones.items())
    return f'name = "mine"\n[tones]\n{rows}\n'


def test_the_shipped_themes_load_without_trouble() -> None:
    folder = theme_folder()
    assert folder is not None
    themes, troubles = load_themes([folder])
    assert set(themes) == WANTED
    assert troubles == []


def test_the_shipped_default_is_the_one_built_in() -> None:
    folder = theme_folder()
    assert folder is not None
    assert parse_theme((folder / "dark.toml").read_text(), "dark.toml") == BUILT_IN


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "not valid TOML"),
        ("[tones]\nink = 'red'", "has no name"),
        ("name = 'x'", r"no \[tones\] table"),
        ("name = 'x'\n[tones]\nink = 'red'", "lacks the tone background"),
        (whole(up="greenish"), "neither #rrggbb nor a terminal colour"),
        (whole(up="#12345"), "neither #rrggbb"),
        (whole(boost="#ffffff"), "boost is no tone"),
    ],
)
def test_a_bad_file_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ThemeError, match=sentence):
        parse_theme(text, "mine.toml")


async def test_a_bad_file_is_reported_in_the_cockpit_and_the_rest_is_used(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    (tmp_path / "blob.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "good.toml").write_text(whole(ink="#ffffff"))
    async with cockpit(theme="mine", theme_folders=[tmp_path]) as face:
        await face.press("4")
        assert face.app.context.plain.theme.name == "mine"
        assert "bad.toml" in face.text
        assert "blob.toml" in face.text


async def test_an_unknown_theme_falls_back_and_says_so() -> None:
    async with cockpit(theme="nonesuch") as face:
        await face.press("4")
        assert face.app.context.plain.theme.name == "dark"
        assert "no theme nonesuch" in face.text


@pytest.mark.parametrize("name", sorted(WANTED))
async def test_every_theme_paints_every_screen(name: str) -> None:
    async with cockpit(theme=name) as face:
        await face.press("b", "f2")
        assert "Streams" in face.text
        await face.press("?")
        assert "Keys" in face.text


def test_mixing_stays_between_ground_and_tone() -> None:
    painter = Painter(BUILT_IN)
    assert painter.colour("up0") == BUILT_IN.tones["background"]
    assert painter.colour("up") == BUILT_IN.tones["up"]
    assert painter.colour("up50") not in BUILT_IN.tones.values()


def test_a_token_that_names_no_tone_is_refused() -> None:
    with pytest.raises(ValueError, match="purple is no tone"):
        Painter(BUILT_IN).style("purple")


def test_no_colour_is_named_outside_the_theme() -> None:
    """Eight tones; every style token in the code is made of them."""
    source = Path(__file__).resolve().parents[2] / "spark_tui" / "ui"
    for path in source.rglob("*.py"):
        if path.name != "theme.py":
            assert "#" + "0d0f16" not in path.read_text(encoding="utf-8")
            assert "rgb(" not in path.read_text(encoding="utf-8")
    assert len(TONES) == 8
