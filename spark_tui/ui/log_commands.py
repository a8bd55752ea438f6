"""What the Log screen's actions do."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_tui.ui.app import CockpitApp
    from spark_tui.ui.screens.log import LogScreen


def log_commands(app: "CockpitApp") -> dict[str, Callable[[Mapping[str, str]], None]]:
    """By action id."""

    def screen() -> "LogScreen":
        from spark_tui.ui.screens.log import LogScreen

        found = app.cockpit_screen
        assert isinstance(found, LogScreen)  # Commands.run has switched to it
        return found

    return {
        "screen.log": lambda _: app.show_screen("log"),
        "log.find": lambda _: screen().find(),
        "log.all": lambda _: screen().toggle_all(),
    }
