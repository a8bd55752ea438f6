"""What the Diff screen's actions do."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_tui.ui.app import CockpitApp


def diff_commands(app: "CockpitApp") -> dict[str, Callable[[Mapping[str, str]], None]]:
    """By action id."""

    def report(_: Mapping[str, str]) -> None:
        from spark_tui.ui.screens.diff import DiffScreen

        found = app.cockpit_screen
        assert isinstance(found, DiffScreen)  # Commands.run has switched to it
        found.write_report()

    return {"screen.diff": lambda _: app.show_screen("diff"), "diff.report": report}
