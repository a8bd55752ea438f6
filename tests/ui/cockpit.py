"""A cockpit on the scripted engine, for tests: time stands still and the pump beats only when asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.keys import _character_to_key
from textual.pilot import Pilot

from spark_tui.domain.values import Environment
from spark_tui.ui.app import CockpitApp
from spark_tui.ui.confirm_guard import ALONE_S
from spark_tui.ui.screens.dialog import ConfirmScreen
from spark_tui.ui.screens.trade import TradeScreen
from spark_tui.ui.widgets.pane import Pane
from tests.ui.fake_engine import FakeEngine, ManualClock

VAST, WIDE, NARROW = (200, 60), (120, 36), (80, 24)
TURNS = 40  # of the event loop: more than any message hops
PAINTS = 3  # a layout, what it calls for after it, and the paint of that
STUCK_S = 10  # longer than any machine paints
PATIENCE = 400  # rounds of the event loop a test may wait for an event


_parse = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def _parse_once(sheet: Stylesheet, *args: Any, **named: Any) -> list[RuleSet]:
    """A style sheet is parsed once a process and theme, not once a cockpit."""
    key = (*args, *named.items(), *sheet._variables.items())
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *args, **named)
    return _parsed[key]


Stylesheet._parse_rules = _parse_once  # type: ignore[assignment, method-assign]


@dataclass
class Cockpit:
    app: CockpitApp
    engine: FakeEngine
    clock: ManualClock
    pilot: Pilot[str]

    @property
    def trade(self) -> TradeScreen:
        screen = self.app.cockpit_screen
        assert isinstance(screen, TradeScreen)
        return screen

    @property
    def text(self) -> str:
        """The whole terminal as text."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    def pane(self, name: str) -> str:
        return self.app.cockpit_screen.query_one(f"#{name}", Pane).text

    async def settle(self) -> None:
        """Let everything that is under way arrive and be painted."""
        for _ in range(2):
            for _ in range(TURNS):
                await asyncio.sleep(0)
            while self._deciding():
                await self.pilot.pause(ALONE_S / 10)
            await self._beat()
        for _ in range(PAINTS):
            await self.pilot.pause(0)

    def _deciding(self) -> bool:
        """A dialog waits whether a key stands alone, which no test's clock hurries."""
        screen = self.app.screen
        return isinstance(screen, ConfirmScreen) and bool(screen.guard.decision) and not screen.answer.done()

    async def _beat(self) -> None:
        """One beat of the pump, which a cockpit that broke down would never paint."""
        assert self.app.is_running, "the cockpit ended"
        async with asyncio.timeout(STUCK_S):
            await self.app.pump.pump_once()

    async def press(self, *keys: str) -> None:
        """A burst: all keys at once, as a terminal may deliver them."""
        for key in keys:
            character = key if len(key) == 1 else None
            self.app.post_message(events.Key(_character_to_key(key) if character else key, character))
        await self.settle()

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait for an event, however many rounds of the loop it takes."""
        for _ in range(PATIENCE):
            if happened():
                await self.settle()
                return
            await self.pilot.pause(0.005)
            await self._beat()
        raise AssertionError(f"it never happened; on screen:\n{self.text}")

    async def later(self, seconds: float) -> None:
        """Time passes; a dialog takes note."""
        self.clock.advance(seconds)
        await self.settle()


@asynccontextmanager
async def cockpit(
    size: tuple[int, int] = WIDE,
    *,
    environment: Environment = Environment.SIM,
    orders: bool = True,
    prepare: Callable[[FakeEngine], None] = lambda engine: None,
    app_class: type[CockpitApp] = CockpitApp,
    **options: object,
) -> AsyncIterator[Cockpit]:
    clock = ManualClock()
    engine = FakeEngine(clock, environment=environment, orders=orders)
    prepare(engine)
    app = app_class(engine, clock=clock, paced=False, **options)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        face = Cockpit(app, engine, clock, pilot)
        await face.until(lambda: app.model.instruments and app.model.candles)
        if orders:
            await face.until(lambda: app.model.notices)
        yield face
