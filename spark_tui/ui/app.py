"""The cockpit: a thin face on the engine. Holds the link, the pump and the look; keys act in `commands`."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from textual import events
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.worker import WorkerFailed

from spark_tui.link.messages import (
    AnyRequest,
    BookView,
    Event,
    Focus,
    GetInstruments,
    Instruments,
    Notice,
    OrderUpdate,
    Result,
    Status,
    Tickers,
)
from spark_tui.link.service import Link, LinkError
from spark_tui.ui.actions import keymap
from spark_tui.ui.clock import Clock, SystemClock
from spark_tui.ui.commands import Commands
from spark_tui.ui.context import Context, TerminalReading
from spark_tui.ui.keys import key_name
from spark_tui.ui.model import Key, Model
from spark_tui.ui.pump import Pulls, Pump
from spark_tui.ui.screens.base import CockpitScreen
from spark_tui.ui.screens.dialog import DialogScreen
from spark_tui.ui.screens.trade import TradeScreen
from spark_tui.ui.terminal import TerminalMeter, metered, size_now
from spark_tui.ui.theme import BUILT_IN, Painter, load_themes, theme_folder
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.workers import latest

RETRY_S = 0.5  # between attempts to attach again; the link has its own patience inside each
FOCUS_S = 0.12  # the watchlist's cursor rests this long before the engine is asked to follow
RESIZED_S = (0.05, 1.0)  # after a change of the terminal's size: when to see that the screens followed it
LEAN_HZ, FULL_HZ = 2.0, 5.0


def _trade(context: Context) -> CockpitScreen:
    return TradeScreen(context)


def _health(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.health import HealthScreen  # lazy: few look at it, and start-up is counted

    return HealthScreen(context)


def _drills(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.drills import DrillsScreen  # lazy: only on the simulator

    return DrillsScreen(context)


def _log(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.log import LogScreen  # lazy, as above

    return LogScreen(context)


def _canary(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.canary import CanaryScreen  # lazy, as above

    return CanaryScreen(context)


def _risk(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.risk import RiskScreen  # lazy, as above

    return RiskScreen(context)


def _pnl(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.pnl import PnlScreen  # lazy, as above

    return PnlScreen(context)


def _diff(context: Context) -> CockpitScreen:
    from spark_tui.ui.screens.diff import DiffScreen  # lazy, as above

    return DiffScreen(context)


SCREENS = {
    "trade": _trade,
    "health": _health,
    "drills": _drills,
    "log": _log,
    "canary": _canary,
    "risk": _risk,
    "diff": _diff,
    "pnl": _pnl,
}
HOME = "trade"  # always at the bottom of the stack; the others lie on it


class CockpitApp(App[str], inherit_bindings=False):
    """`run()` returns "detached" (the engine goes on) or "stopped" (it was asked to stop); None when ended
    from outside.

    theme: name of a theme; an unknown one is reported and the default used. theme_folders: the operator's
    own, read after the shipped ones. lean: fewer paints, for slow lines. read_only: nothing that trades but
    the kill switch. owns_engine: quitting ends the engine too (the demo). session: what idempotency
    keys begin with, drawn at random when empty. paced: run the pump by itself; tests pump by hand.
    """

    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        link: Link,
        *,
        clock: Clock | None = None,
        theme: str = BUILT_IN.name,
        theme_folders: Iterable[Path] = (),
        lean: bool = False,
        read_only: bool = False,
        owns_engine: bool = False,
        session: str = "",
        paced: bool = True,
    ) -> None:
        self.meter = TerminalMeter()
        super().__init__(driver_class=metered(self.get_driver_class(), self.meter))
        self.animation_level = "none"
        self.link = link
        self.owns_engine = owns_engine
        self.time: Clock = clock or SystemClock()
        self.model = Model(self.time)
        shipped = theme_folder()
        self.themes, troubles = load_themes([*([shipped] if shipped else []), *theme_folders])
        if theme not in self.themes:
            troubles.append(f"There is no theme {theme}; known are {', '.join(self.themes)}.")
        chosen = self.themes.get(theme, BUILT_IN)
        self.context = Context(
            model=self.model,
            clock=self.time,
            painter=Painter(chosen),
            plain=Painter(chosen),
            act=self.act,
            call=self.call,
            say=self.say,
            terminal=self._terminal,
            session=session or secrets.token_hex(6),
            read_only=read_only,
            lean=lean,
        )
        self.pump = Pump(
            self.model,
            panes=self._panes,
            queued=lambda: self.meter.queued,
            painted=self._painted,
            interval_s=1 / (LEAN_HZ if lean else FULL_HZ),
        )
        self.commands = Commands(self)
        self._keymaps = {name: keymap(name) for name in SCREENS}
        self._paced = paced
        self._sized = False  # the terminal's size is known
        self.failure: Exception | None = None  # the defect that ended it
        for trouble in troubles:
            self.say("warn", trouble)

    def _terminal(self) -> TerminalReading:
        pump = self.pump
        return TerminalReading(
            self.meter.written,
            self.meter.queued,
            pump.frame_ms,
            pump.beats,
            pump.skipped,
            1 / pump.interval_s,
        )

    # --- life ----------------------------------------------------------------------------------------------

    def _handle_exception(self, error: Exception) -> None:
        """Ends the app. Textual would print a screenful, locals and all; who ran it says a sentence."""
        super()._handle_exception(error)
        self._exit_renderables.clear()
        defect = error.error if isinstance(error, WorkerFailed) else error  # only the first has its place
        self.failure = self.failure or (defect if isinstance(defect, Exception) else error)

    def get_default_screen(self) -> Screen[None]:
        return SCREENS[HOME](self.context)

    def on_mount(self) -> None:
        self._use_terminal_colours()
        self.run_worker(self._attend(), group="link", exit_on_error=True)
        if self._paced:
            self.run_worker(self.pump.run(), group="pump", exit_on_error=True)

    @property
    def cockpit_screen(self) -> CockpitScreen:
        """The full screen shown, also while a dialog is over it."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, CockpitScreen))

    def _panes(self) -> Iterable[Pulls]:
        """Whom the pump feeds: nobody behind a dialog."""
        if isinstance(self.screen, CockpitScreen):
            return self.screen.panes
        return ()

    def _painted(self) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.screen.call_after_refresh(lambda: None if done.done() else done.set_result(None))
        return done

    # --- the engine ----------------------------------------------------------------------------------------

    async def _attend(self) -> None:
        """Take what the engine says for as long as the cockpit lives; attach again after every loss."""
        while True:
            fresh = True
            try:
                async for batch in self.link.events():
                    self.model.quiet = fresh
                    if fresh:
                        fresh = False
                        self._attached(batch)
                    self.model.apply_all(batch)
                    if any(isinstance(event, OrderUpdate | Notice | Status) for event in batch):
                        self.pump.nudge()
            except LinkError as error:
                self._lost(error.text)
            else:
                self._lost("The engine closed the line.")
            await asyncio.sleep(RETRY_S)

    def _attached(self, snapshot: tuple[Event, ...]) -> None:
        self.model.reset()
        self.model.lost("")
        self.refade()
        if not self.model.look[1]:
            self.model.set_look(_first_look(snapshot), self.model.interval)
        latest(self, self._load_instruments, "instruments")
        if self.model.look[1]:
            self.follow()
        self.commands.attached()

    def _lost(self, why: str) -> None:
        self.model.lost(why)
        self.refade()
        self.pump.nudge()

    async def _load_instruments(self) -> None:
        try:
            result = await self.link.call(GetInstruments())
        except LinkError as error:
            self.say("warn", f"Instruments are not known yet: {error.text}")
            return
        if isinstance(result, Instruments):
            self.model.set_instruments(result.rows)

    def follow(self) -> None:
        """Ask the engine to follow what is looked at, once the cursor has come to rest."""
        latest(self, self._focus, "focus")

    async def _focus(self) -> None:
        await asyncio.sleep(FOCUS_S)
        venue, symbol = self.model.look
        try:
            await self.link.call(Focus(symbol=symbol, interval=self.model.interval, venue=venue))
        except LinkError as error:
            self.say("warn", error.text)

    async def call(self, request: AnyRequest) -> Result:
        """Raises LinkError."""
        return await self.link.call(request)

    def say(self, level: str, text: str) -> None:
        """A line of the cockpit's own in the log."""
        self.model.apply(Notice(time_ms=self.model.venue_now_ms(), level=level, text=text))

    # --- actions -------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys are taken here, one after the other, and act before the next is looked at. Textual's own way,
        bubbling through queues, would let a fast burst overtake a change of focus it just asked for."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.take_key(event.key, event.character)
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            self.take_paste(event.text)
        else:
            await super().on_event(event)
            if isinstance(event, events.Resize) and self._sized:
                for seconds in RESIZED_S:
                    asyncio.get_running_loop().call_later(seconds, self._resized)
            self._sized = self._sized or isinstance(event, events.Resize)

    def _resized(self) -> None:
        """Textual tells the screens by a timer of 8 ms, which a machine busier than that drops and which is
        then waited for for ever. And a terminal that was tiny in between has forgotten what it showed, while
        screens that see their old size again paint nothing. Either leaves half a screen. Of several changes
        within milliseconds the last may not be told at all, so the terminal itself is asked."""
        if not self.is_running:
            return
        now = None if self.is_headless else size_now()
        if now is not None and now != self.size:
            self.post_message(events.Resize(Size(*now), Size(*now)))
            return
        for screen in self.screen_stack:
            if screen.outer_size != self.size:
                screen.post_message(events.Resize(self.size, self.size))
        self.screen.refresh()

    def take_key(self, key: str, character: str | None) -> None:
        name = key_name(key, character)
        action_id = self._keymaps[self.cockpit_screen.screen_name].get(name, "")
        if action_id == "kill":
            self.act(action_id, {})
        elif isinstance(self.screen, DialogScreen):
            self.screen.take_key(name, character)
        elif isinstance(self.focused, Pane) and self.focused.take_key(name, character):
            return
        elif action_id:
            self.act(action_id, {})

    def take_paste(self, text: str) -> None:
        """Text goes where text is typed; in dialogs that decide something it is no decision."""
        if isinstance(self.screen, DialogScreen):
            self.screen.take_paste(text)
        elif isinstance(self.focused, Pane):
            self.focused.take_paste(text)

    def act(self, action_id: str, params: Mapping[str, str]) -> None:
        """Run an action of the table, from a key, the palette or a pane."""
        self.commands.run(action_id, params)

    def open(self, dialog: DialogScreen) -> "asyncio.Future[str]":
        """Show a dialog; the future is its answer, "" when canceled. The dialog takes the very next key."""
        dialog.answer.add_done_callback(lambda _: self._dialog_closed())
        self.push_screen(dialog)
        self.refade()
        return dialog.answer

    def _dialog_closed(self) -> None:
        if self.is_running:
            self.refade()
            self.pump.nudge()

    def show_screen(self, name: str) -> None:
        if self.cockpit_screen.screen_name == name:
            return
        self.close_dialogs()
        if self.cockpit_screen.screen_name != HOME:
            self.pop_screen()
        if name != HOME:
            self.push_screen(SCREENS[name](self.context))

    def close_dialogs(self) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DialogScreen):
                screen.finish("")

    # --- the look ------------------------------------------------------------------------------------------

    def set_theme(self, name: str) -> None:
        self.context.plain = Painter(self.themes[name])
        self._use_terminal_colours()
        self.refade(force=True)

    def _use_terminal_colours(self) -> None:
        self.ansi_color = self.context.plain.theme.terminal

    def refade(self, *, force: bool = False) -> None:
        """Faint behind dialogs and while the engine is lost."""
        dialog = isinstance(self.screen, DialogScreen) and not self.screen.answer.done()
        faded = dialog or (bool(self.model.lost_because) and self.model.status is not None)
        if force or faded != self.context.painter.faded:
            theme = self.context.plain.theme
            self.context.painter = Painter(theme, faded=True) if faded else self.context.plain
            self.cockpit_screen.repaint()


def _first_look(snapshot: tuple[Event, ...]) -> Key:
    """What the engine looks at already, or else the first instrument it has a price for."""
    for event in snapshot:
        if isinstance(event, BookView):
            return event.venue, event.symbol
    for event in snapshot:
        if isinstance(event, Tickers) and event.rows:
            return event.rows[0].venue, event.rows[0].symbol
    return "", ""
