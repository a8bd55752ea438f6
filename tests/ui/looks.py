"""Compares how a screen looks with a file beside the tests; `UPDATE_LOOKS=1 pytest tests/ui` writes them."""

import os
from pathlib import Path

from spark_tui.ui.picture import svg
from tests.ui.cockpit import Cockpit

FOLDER = Path(__file__).parent / "looks"


def check_picture(face: Cockpit, name: str) -> None:
    strips = face.app.screen._compositor.render_strips()
    _check(FOLDER / f"{name}.svg", svg(strips, face.app.context.plain))


def check_text(face: Cockpit, name: str) -> None:
    _check(FOLDER / f"{name}.txt", face.text + "\n")


def _check(path: Path, now: str) -> None:
    if os.environ.get("UPDATE_LOOKS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
    then = path.read_text(encoding="utf-8") if path.exists() else ""
    assert now == then, f"{path.name} looks different; look at it, then UPDATE_LOOKS=1 pytest tests/ui"
