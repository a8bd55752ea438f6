"""What the PnL screen's actions do."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_tui.ui.app import CockpitApp
    from spark_tui.ui.screens.pnl import PnlScreen

FOLDER = "exports"
EXPORTED = ("pnl", "fills", "equity", "flows")


def pnl_commands(app: "CockpitApp") -> dict[str, Callable[[Mapping[str, str]], None]]:
    """By action id."""

    def screen() -> "PnlScreen":
        from spark_tui.ui.screens.pnl import PnlScreen

        found = app.cockpit_screen
        assert isinstance(found, PnlScreen)  # Commands.run has switched to it
        return found

    return {
        "screen.pnl": lambda _: app.show_screen("pnl"),
        "pnl.window": lambda _: screen().next_window(),
        "pnl.table": lambda _: screen().table.next_table(),
        "pnl.export": lambda _: _begin(app, screen()),
    }


def _begin(app: "CockpitApp", screen: "PnlScreen") -> None:
    status = app.model.status
    if status is None or not status.data_dir:
        app.context.say("warn", "Export: the engine did not say yet where its ledger is.")
        return
    app.run_worker(_export_and_note(app, screen, Path(status.data_dir)), group="export", exclusive=True)


async def _export_and_note(app: "CockpitApp", screen: "PnlScreen", data_dir: Path) -> None:
    """The log may not be in sight: the screen says in short how it ended."""
    screen.note_export("exporting")
    done = await _export(app, data_dir)
    screen.note_export(f"exported to {FOLDER}/" if done else "export failed: see the log, F8")


async def _export(app: "CockpitApp", data_dir: Path) -> bool:
    """By the command, in its own process: a long ledger holds up no key."""
    folder = data_dir / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for what in EXPORTED:
            target = str(folder / f"{what}.csv")
            words = ("export", what, "--csv", target, "--data-dir", str(data_dir))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "spark_tui", *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, error = await process.communicate()
            if process.returncode:
                app.context.say("warn", f"Export: {error.decode(errors='replace').strip()}")
                return False
    except OSError as error:
        app.context.say("warn", f"Export: {folder} cannot be written: {error.strerror}.")
        return False
    app.context.say("good", f"Exported {', '.join(EXPORTED)} as CSV to {folder}.")
    return True
