"""Eight tones and what is mixed from them. Themes are TOML files an operator may copy and edit.

A theme file has a `name`, a `title` and a table `tones` with background, ink, dim, faint, accent, up, down
and warn, each `#rrggbb` or the name of one of the sixteen terminal colours (or `default`). A bad file is left
out with a notice and never stops the cockpit. The `dark` theme below is the one that is always there.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.color import Color
from rich.style import Style

TONES = ("background", "ink", "dim", "faint", "accent", "up", "down", "warn")

TERMINAL_COLOURS = (
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright_black",
    "bright_red",
    "bright_green",
    "bright_yellow",
    "bright_blue",
    "bright_magenta",
    "bright_cyan",
    "bright_white",
)


class ThemeError(ValueError):
    """One sentence that names the file, the field and the cure."""


@dataclass(frozen=True)
class Theme:
    name: str
    title: str
    tones: Mapping[str, str]

    @cached_property
    def terminal(self) -> bool:
        """Made of the terminal's own colours, which cannot be mixed."""
        return not all(value.startswith("#") for value in self.tones.values())

    @cached_property
    def grey(self) -> bool:
        """Tells by brightness alone, so that direction needs a sign where others use colour."""
        return not self.terminal and all(
            value[1:3] == value[3:5] == value[5:7] for value in self.tones.values()
        )


BUILT_IN = Theme(
    "dark",
    "Dark",
    {
        "background": "#0d0f16",
        "ink": "#d9dee8",
        "dim": "#7f8796",
        "faint": "#3a4150",
        "accent": "#7aa2f7",
        "up": "#41b883",
        "down": "#e5646c",
        "warn": "#e0af68",
    },
)


def parse_theme(text: str, source: str) -> Theme:
    """Raises ThemeError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"Theme {source} is not valid TOML: {error}.") from error
    name = data.get("name")
    tones = data.get("tones")
    if not isinstance(name, str) or not name:
        raise ThemeError(f'Theme {source} has no name; add name = "..." at its top.')
    if not isinstance(tones, dict):
        raise ThemeError(f"Theme {source} has no [tones] table.")
    for tone in TONES:
        value = tones.get(tone)
        if value is None:
            raise ThemeError(f"Theme {source} lacks the tone {tone}.")
        if not isinstance(value, str) or not _is_colour(value):
            raise ThemeError(f"Theme {source}: {tone} = {value!r} is neither #rrggbb nor a terminal colour.")
    unknown = sorted(set(tones) - set(TONES))
    if unknown:
        raise ThemeError(f"Theme {source}: {unknown[0]} is no tone; the tones are {', '.join(TONES)}.")
    title = data.get("title", name)
    return Theme(name, str(title), {tone: tones[tone].lower() for tone in TONES})


def _is_colour(value: str) -> bool:
    if value.lower() == "default" or value.lower() in TERMINAL_COLOURS:
        return True
    digits = value[1:]
    return value.startswith("#") and len(digits) == 6 and all(c in "0123456789abcdefABCDEF" for c in digits)


def theme_folder() -> Path | None:
    """Where the shipped theme files are: beside the package when installed, in the checkout otherwise."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_themes", package.parent / "themes"):
        if folder.is_dir():
            return folder
    return None


def load_themes(folders: Iterable[Path]) -> tuple[dict[str, Theme], list[str]]:
    """Every theme by name, later folders winning, and one sentence for each file that was left out."""
    themes = {BUILT_IN.name: BUILT_IN}
    troubles: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = parse_theme(path.read_text(encoding="utf-8"), path.name)
            except (ThemeError, UnicodeDecodeError, OSError) as error:
                troubles.append(
                    str(error) if isinstance(error, ThemeError) else f"Theme {path.name}: {error}."
                )
                continue
            themes[theme.name] = theme
    return themes, troubles


def _mix(ground: str, tone: str, percent: int) -> str:
    """`tone` over `ground` at `percent` opacity, both #rrggbb."""
    parts = []
    for at in (1, 3, 5):
        low, high = int(ground[at : at + 2], 16), int(tone[at : at + 2], 16)
        parts.append(round(low + (high - low) * percent / 100))
    return "#" + "".join(f"{part:02x}" for part in parts)


class Painter:
    """Turns style tokens into Rich styles for one theme. `faded` draws everything faint, as behind a dialog
    or when the engine is lost. A token that names no tone is a programming error: ValueError."""

    def __init__(self, theme: Theme, *, faded: bool = False) -> None:
        self.theme = theme
        self.faded = faded
        self._styles: dict[str, Style] = {}

    def style(self, token: str) -> Style:
        style = self._styles.get(token)
        if style is None:
            style = self._styles[token] = self._read(token)
        return style

    def colour(self, name: str) -> str:
        """A tone, or a tone mixed into the background: `up`, `up20`. Terminal colours do not mix: from 50 %
        on it is the tone itself, below that the terminal's grey."""
        tone = name.rstrip("0123456789")
        if tone not in self.theme.tones:
            raise ValueError(f"{name} is no tone")
        percent = int(name[len(tone) :] or 100)
        if percent == 100:
            return self.theme.tones[tone]
        if self.theme.terminal:
            return self.theme.tones[tone] if percent >= 50 else "bright_black"
        return _mix(self.theme.tones["background"], self.theme.tones[tone], percent)

    def _read(self, token: str) -> Style:
        face, _, ground_name = token.partition(" on ")
        words = face.split()
        ground = self.colour(ground_name or "background")
        bold = "b" in words
        underline = "u" in words
        ink = self.colour(next((word for word in words if word not in {"b", "u"}), "ink"))
        if self.faded:
            bold = False
            strong = ground_name.rstrip("0123456789") in {"accent", "up", "down", "warn"}
            ground = self.colour("faint40" if strong else "background")
            ink = self.colour("faint" if ink != self.colour("background") else "dim")
        if self.theme.terminal and "background" in words and ink == "default":
            ink = "black"  # the terminal's own ground is not known; its bright tones carry black
        if ink == ground and self.theme.terminal:
            ink = self.theme.tones["ink"]
        return Style(color=_rich(ink), bgcolor=_rich(ground), bold=bold, underline=underline)


def _rich(value: str) -> Color:
    return Color.parse(value)
