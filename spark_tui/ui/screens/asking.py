"""The base of screens that show what the engine tells only when it is asked."""

from typing import ClassVar

from textual.worker import Worker

from spark_tui.link.service import LinkError
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.context import Context
from spark_tui.ui.screens.base import CockpitScreen
from spark_tui.ui.widgets.line_table import LineTable

LOST = frozenset({"ENGINE_GONE", "CUT_OFF", "CLOSED"})  # the banner says that


class AskingScreen(CockpitScreen):
    """Asks at once and then every `ask_s` while it is in sight, one question at a time: an engine that takes
    longer than that is waited for. Subclasses give `table`, which has the focus, and `ask`."""

    ask_s: ClassVar[float] = 1.0
    table: LineTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._asking: Worker[None] | None = None
        self._trouble = ""  # said already

    async def ask(self) -> None:
        """Ask, and keep the answer where the panes find it. LinkError may pass through."""
        raise NotImplementedError

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.table)
        self.set_interval(self.ask_s, self.tick)
        self.reload()

    def tick(self) -> None:
        if self.is_current and self.idle:
            self.reload()

    def reload(self) -> None:
        """Ask now, in place of what is being asked."""
        self.begin()

    def begin(self) -> None:
        self._asking = self.run_worker(self._ask, group="ask", exclusive=True)

    @property
    def idle(self) -> bool:
        return self._asking is None or self._asking.is_finished

    def show_all(self) -> None:
        for pane in self.panes:
            pane.pull()

    async def _ask(self) -> None:
        try:
            await self.ask()
        except LinkError as error:
            if error.code not in LOST and error.text != self._trouble:
                self._trouble = error.text
                self.context.say("warn", f"{BY_ID[f'screen.{self.screen_name}'].title}: {error.text}")
        else:
            self._trouble = ""
