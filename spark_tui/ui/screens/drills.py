"""The Drills screen: pick a fault, watch the engine cope, read the verdict. On the simulator only."""

from collections.abc import Sequence

from textual.app import ComposeResult

from spark_tui.link.messages import DrillRow, Drills, GetDrills
from spark_tui.link.service import LinkError
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, wrapped
from spark_tui.ui.model import Topic
from spark_tui.ui.screens.base import CockpitScreen
from spark_tui.ui.widgets.desk import NARROW, Events
from spark_tui.ui.widgets.line_table import Column, RowKey, cells
from spark_tui.ui.widgets.row_card import RowCard, RowTable
from spark_tui.ui.workers import latest

STATES = {
    "READY": ("○ ready", "dim"),
    "RUNNING": ("◐ running", "b warn"),
    "PASSED": ("✓ passed", "b up"),
    "FAILED": ("✗ failed", "b down"),
}


class DrillsTable(RowTable[DrillRow]):
    topics = frozenset({Topic.DRILLS, Topic.STATUS, Topic.SECOND})

    def heading(self, width: int) -> Line:
        rows = self.context.model.drills.values()
        passed = sum(row.state == "PASSED" for row in rows)
        failed = sum(row.state == "FAILED" for row in rows)
        counts: Line = ((f"{passed} passed ", "dim"), (f"{failed} failed ", "down" if failed else "dim"))
        return self.rule(self.name_span("Drills"), (("r", "b accent"), (" runs   ", "dim"), *counts), width)

    def keys(self) -> Sequence[RowKey]:
        return [(name,) for name in self.context.model.drills]

    def selected(self) -> DrillRow | None:
        return self.context.model.drills.get(self.cursor[0]) if self.cursor else None

    def columns(self, width: int) -> tuple[Column, ...]:
        narrow = width < NARROW
        seed = () if narrow else (Column("seed", 5, right=True),)
        return (
            Column("state", 9),
            Column("drill", 19),
            Column("what happens", max(20, width - 47 - 6 * len(seed))),
            Column("checks", 6, right=True),
            Column("took", 7, right=True),
            *seed,
        )

    def empty(self) -> str:
        return "waiting for the engine's list of drills"

    def row(self, key: RowKey, width: int) -> Line:
        row = self.context.model.drills[key[0]]
        columns = self.columns(width)
        held = sum(ok for _, ok in row.checks)
        values = (
            STATES.get(row.state, (row.state, "ink")),
            (fmt.fit(row.name, columns[1].width), "ink"),
            (fmt.fit(row.title, columns[2].width), "dim"),
            (f"{held}/{len(row.checks)}" if row.checks else "", "ink" if held == len(row.checks) else "down"),
            (fmt.took(row.seconds) if row.seconds else "", "dim"),
            (str(row.seed) if row.state != "READY" else "", "dim"),
        )
        return cells(columns, values[: len(columns)])


class Verdict(RowCard[DrillRow]):
    """What was checked in the drill, and the sentence it ended with."""

    topics = frozenset({Topic.DRILLS, Topic.SECOND})
    nothing = "Verdict"

    def title(self, row: DrillRow) -> tuple[Line, Line]:
        return ((row.title, "dim"),), ((f"{', '.join(row.faults)} ", "dim"),)

    def lines(self, row: DrillRow, width: int, height: int) -> list[Line]:
        if row.state == "READY":
            return [((" not run yet: r causes the fault and the engine copes through its own gate", "dim"),)]
        running = row.state == "RUNNING"
        said = f"running: {row.text or 'what the engine does is in the lines below'}" if running else row.text
        text = wrapped(said, max(20, width - 2), 2)
        room = max(0, height - len(text))
        marks = [
            ((f" {'✓' if held else '✗'} {fmt.fit(what, width - 4)}", "ink" if held else "b down"),)
            for what, held in (reversed(row.checks) if running else sorted(row.checks, key=_held))
        ]
        if len(marks) > room:
            more = "before" if running else "more that held"
            marks = [*marks[: room - 1], ((f"   and {len(marks) - room + 1} {more}", "dim"),)]
        tone = {"RUNNING": "warn", "PASSED": "b up"}.get(row.state, "b down")
        return [*(((f" {line}", tone),) for line in text), *marks]


def _held(check: tuple[str, bool]) -> bool:
    return check[1]


class DrillsScreen(CockpitScreen):
    screen_name = "drills"
    DEFAULT_CSS = """
    DrillsScreen {
        #middle { layout: vertical; }
        #drills { height: 1fr; }
        #verdict { height: 11; }
        #events { height: 5; }
        &.narrow #verdict { height: 7; }
        &.narrow #events { height: 3; }
    }
    """

    def compose_middle(self) -> ComposeResult:
        table = DrillsTable(self.context, id="drills")
        yield table
        yield Verdict(self.context, table, id="verdict")
        yield Events(self.context, id="events")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.table)
        latest(self, self._load, "drills")

    @property
    def table(self) -> DrillsTable:
        return self.query_one("#drills", DrillsTable)

    async def _load(self) -> None:
        try:
            result = await self.context.call(GetDrills())
        except LinkError as error:
            self.context.say("warn", f"Drills: {error.text}")
            return
        if isinstance(result, Drills):
            self.context.model.apply_all(result.rows)
            for pane in self.panes:
                pane.pull()
