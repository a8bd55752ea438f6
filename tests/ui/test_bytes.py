"""What a tick costs on the wire to the terminal."""

from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.screen import Screen

from spark_tui.link.messages import Tickers
from spark_tui.ui.app import CockpitApp
from tests.ui.cockpit import NARROW, WIDE, cockpit

MOST = 400  # bytes for one changed row


class CountingApp(CockpitApp):
    """Counts what a real terminal would be sent."""

    sent = 0

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            self.sent += len(renderable.render_segments(self.console).encode())
        super()._display(screen, renderable)


async def _cost_of_one_row(size: tuple[int, int]) -> int:
    async with cockpit(size, app_class=CountingApp) as face:
        assert isinstance(face.app, CountingApp)
        face.app.sent = 0
        await face.settle()
        assert face.app.sent == 0, "nothing changed, nothing may be sent"
        face.engine.prices["ETHUSDT"] += 0.01
        face.engine.push(Tickers(rows=(face.engine.ticker("ETHUSDT"),)))
        await face.pilot.pause()
        await face.app.pump.pump_once()
        await face.pilot.pause()
        cost = face.app.sent
        assert "3 412.19" in face.pane("watch")
        return cost


async def test_one_changed_row_at_120_columns() -> None:
    assert 0 < await _cost_of_one_row(WIDE) < MOST


async def test_one_changed_row_at_80_columns() -> None:
    assert 0 < await _cost_of_one_row(NARROW) < MOST
