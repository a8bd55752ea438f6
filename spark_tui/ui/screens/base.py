"""What every full screen shares: its bars, its panes, and the sizes of layout."""

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.widgets.bars import Banner, Footer, StatusBar
from spark_tui.ui.widgets.pane import Pane

SMALLEST = (80, 24)
WIDE = (110, 30)
VAST = (184, 40)  # from here on what stands below a table has room beside it
_KINDS = frozenset({"tiny", "narrow", "wide", "vast"})


class TooSmall(Pane):
    """The only thing shown below the smallest size."""

    always_bright = True

    def body(self, width: int, height: int) -> list[Line]:
        here = f"{self.app.size.width}x{self.app.size.height}"
        words = (f"too small: {here}", f"needs {SMALLEST[0]}x{SMALLEST[1]}", "ctrl+k still kills")
        above: list[Line] = [()] * max(0, (height - len(words)) // 2)
        return [*above, *(((f"{word:^{width}}"[:width], "warn"),) for word in words)][:height]


class CockpitScreen(Screen[None], inherit_bindings=False):
    """Subclasses give `compose_middle`. The class of the screen is `wide`, `narrow` or `tiny`; one that is
    wide may be `vast` besides."""

    screen_name = ""
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    CockpitScreen {
        layout: vertical;
        overflow: hidden;
        #bar, #banner, #footer { height: 1; width: 100%; }
        #middle { height: 1fr; width: 100%; }
        #too-small { display: none; }
        &.tiny #too-small { display: block; height: 100%; }
        &.tiny #bar, &.tiny #banner,
        &.tiny #middle, &.tiny #footer { display: none; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.panes: list[Pane] = []

    def compose_middle(self) -> ComposeResult:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        self._classify()  # the widgets to come are styled once
        yield StatusBar(self.context, id="bar")
        yield Banner(self.context, id="banner")
        with Widget(id="middle"):
            yield from self.compose_middle()
        yield Footer(self.context, lambda: self.screen_name, id="footer")
        yield TooSmall(self.context, id="too-small")

    def on_mount(self) -> None:
        self.panes = list(self.query(Pane))
        self.ground()
        self._classify()

    def on_screen_resume(self) -> None:
        """What happened meanwhile was not painted."""
        for pane in self.panes:
            pane.pull()

    def on_resize(self) -> None:
        self._classify()

    def _classify(self) -> None:
        width, height = self.app.size
        if width < SMALLEST[0] or height < SMALLEST[1]:
            kind = "tiny"
        elif width < WIDE[0] or height < WIDE[1]:
            kind = "narrow"
        else:
            kind = "wide"
        kinds = {kind, "vast"} if width >= VAST[0] and height >= VAST[1] else {kind}
        for pane in self.panes:
            pane.set_class(kind == "narrow", "narrow", update=False)
        if self.classes & _KINDS != kinds:
            self.remove_class(*_KINDS, update=False)
            self.add_class(*kinds, update=False)
            self.update_node_styles()

    def ring(self) -> list[Pane]:
        """Panels in the order Tab visits them."""
        return [pane for pane in self.panes if pane.can_focus and pane.display]

    def ground(self) -> None:
        """The background of the theme, where no pane paints."""
        colour = self.context.plain.colour("background")
        self.styles.background = colour if colour.startswith("#") else f"ansi_{colour}"

    def repaint(self) -> None:
        self.ground()
        for pane in self.panes:
            pane.repaint()
