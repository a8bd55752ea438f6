"""What each action of the table does in the cockpit. Every action has exactly one command here."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING

from spark_tui.domain.values import Environment, Side, TradingState
from spark_tui.link.messages import (
    AlgoRow,
    Algos,
    AnyRequest,
    CancelAll,
    CancelAllResult,
    Differences,
    DrillRow,
    Drills,
    Kill,
    OrderList,
    OrderUpdate,
    Resume,
    StopEngine,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.ui import offers
from spark_tui.ui.actions import BY_ID, EVERYWHERE, Action, ActionError, build_request
from spark_tui.ui.canary_commands import CanaryCommands
from spark_tui.ui.diff_commands import diff_commands
from spark_tui.ui.log_commands import log_commands
from spark_tui.ui.money_actions import MONEY_ACTIONS
from spark_tui.ui.offers import Offer
from spark_tui.ui.order_actions import ORDER_ACTIONS
from spark_tui.ui.order_commands import OrderCommands
from spark_tui.ui.pnl_commands import pnl_commands
from spark_tui.ui.rule_commands import RuleCommands
from spark_tui.ui.screens.dialog import ConfirmScreen
from spark_tui.ui.screens.trade import TradeScreen
from spark_tui.ui.widgets.bars import Banner
from spark_tui.ui.widgets.candles import INTERVALS
from spark_tui.ui.widgets.desk import DeskTable
from spark_tui.ui.widgets.differences import DiffTable
from spark_tui.ui.widgets.line_table import LineTable
from spark_tui.ui.widgets.ticket import Said, Ticket

if TYPE_CHECKING:
    from spark_tui.ui.app import CockpitApp

_OUTSIDE = "or, outside: spark-tui kill"  # needs no engine

Params = Mapping[str, str]
Answer = Awaitable[str]  # of a dialog; "" when it was canceled


class Commands:
    """`run` finds the command, says why when it cannot be run here, and never raises at the operator."""

    def __init__(self, app: "CockpitApp") -> None:
        self.app = app
        self.context = app.context
        self.model = app.model
        self._kill_owed = ""  # the reason of a kill that the engine has not confirmed
        self.table: dict[str, Callable[[Params], None]] = {
            "ticket.buy": lambda _: self.ticket().take_side(Side.BUY),
            "ticket.sell": lambda _: self.ticket().take_side(Side.SELL),
            "order.submit": self._submit,
            "ticket.list": lambda _: self.ticket().next_shape(),
            "ticket.algo": lambda _: self.ticket().next_algo(),
            "ticket.trailing": lambda _: self.ticket().toggle_trailing(),
            "ticket.iceberg": lambda _: self.ticket().toggle_iceberg(),
            "ticket.prevention": lambda _: self.ticket().next_prevention(),
            "order.cancel-all": self._cancel_all,
            "kill": self._kill,
            "resume": self._resume,
            "ticket.type": lambda _: self.ticket().next_type(),
            "ticket.time-in-force": lambda _: self.ticket().next_time_in_force(),
            "ticket.unit": lambda _: self.ticket().toggle_unit(),
            "ticket.touch": lambda _: self.ticket().at_touch(),
            "ticket.more": lambda _: self.ticket().nudge(1),
            "ticket.less": lambda _: self.ticket().nudge(-1),
            "ticket.rules": self._ticket_rules,
            "ticket.clear": lambda _: self.ticket().clear(),
            "find": lambda _: self.trade().watch_pane.find(),
            "focus": self._focus,
            "symbol.next": lambda _: self.trade().watch_pane.move(1),
            "symbol.previous": lambda _: self.trade().watch_pane.move(-1),
            "interval.next": self._next_interval,
            "panel.next": lambda _: self._panel(1),
            "panel.previous": lambda _: self._panel(-1),
            "panel.back": self._back,
            "row.down": lambda _: self._row(1),
            "row.up": lambda _: self._row(-1),
            "row.first": lambda _: self._row_end(last=False),
            "row.last": lambda _: self._row_end(last=True),
            "row.open": self._open_row,
            "tab.orders": lambda _: self.trade().show_tab("orders"),
            "tab.positions": lambda _: self.trade().show_tab("positions"),
            "tab.fills": lambda _: self.trade().show_tab("fills"),
            "tab.log": lambda _: self.trade().show_tab("log"),
            "tab.diff": lambda _: self.trade().show_tab("diff"),
            "tab.algos": lambda _: self.trade().show_tab("algos"),
            "palette": self._palette,
            "help": self._help,
            "screen.trade": lambda _: self.app.show_screen("trade"),
            "screen.health": lambda _: self.app.show_screen("health"),
            "screen.drills": self._drills,
            "theme": self._next_theme,
            "redraw": self._redraw,
            "detach": self._detach,
            "engine.stop": self._stop_engine,
            **{action.id: partial(self.in_words, action) for action in (*ORDER_ACTIONS, *MONEY_ACTIONS)},
        }
        self._orders = OrderCommands(self)
        self.table.update(self._orders.table)
        self.table.update(log_commands(app))
        self.table.update(diff_commands(app))
        self.table.update(pnl_commands(app))
        self.table.update(CanaryCommands(self).table)
        self.table.update(RuleCommands(self).table)

    def run(self, action_id: str, params: Params) -> None:
        action = BY_ID[action_id]
        if action.trades and self.context.read_only:
            self.context.say("warn", f"{action.title}: this cockpit is read-only.")
            return
        if EVERYWHERE not in action.screens and self.app.cockpit_screen.screen_name not in action.screens:
            self.app.show_screen(action.screens[0])
        self.table[action_id](params)

    # --- helpers -------------------------------------------------------------------------------------------

    def trade(self) -> TradeScreen:
        """At the bottom of the stack, whatever lies on it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, TradeScreen))

    def ticket(self) -> Ticket:
        return self.trade().ticket

    def work(self, job: Coroutine[None, None, None]) -> None:
        self.app.run_worker(job, group="command", exit_on_error=True)

    def offer(self, offer: Offer) -> Answer:
        return self.app.open(ConfirmScreen(self.context, offer))

    @property
    def environment(self) -> Environment:
        """As the engine says; before it said anything, the most careful one."""
        return self.model.status.environment if self.model.status else Environment.LIVE

    # --- orders --------------------------------------------------------------------------------------------

    def _submit(self, params: Params) -> None:
        ticket = self.ticket()
        if params:
            self._fill_ticket(ticket, params)
            return
        self.work(self._send(ticket, ticket.said))

    async def _send(self, ticket: Ticket, said: Said) -> None:
        """What was sent is then under the cursor of the orders: x cancels it."""
        await ticket.send(said, self._orders.confirm)
        if ticket.state.sent_id in self.model.orders:
            self.trade().orders.go((ticket.state.sent_id,))
        elif ticket.state.sent_id in self.model.algos:
            self.trade().show_tab("algos")
            self.trade().algos.go((ticket.state.sent_id,))
        self.app.pump.nudge()

    def _ticket_rules(self, params: Params) -> None:
        from spark_tui.ui.screens.ticket_rules import TicketRulesScreen  # lazy: start-up is counted

        ticket = self.ticket()
        if missing := ticket.draft.missing():
            self.context.say("info", f"Rules of the order: {missing} first.")
            return
        self.app.open(TicketRulesScreen(self.context, ticket))

    def _fill_ticket(self, ticket: Ticket, params: Params) -> None:
        """A command with parameters only fills the ticket: it is looked at before it is sent."""
        try:
            request = build_request("order.submit", {"symbol": self.model.look[1], **params})
        except ActionError as error:
            self.context.say("warn", str(error))
            return
        assert isinstance(request, SubmitOrder)
        if request.symbol != self.model.look[1]:
            self._focus({"symbol": request.symbol, "venue": request.venue})
            ticket.pull()
        ticket.load(request)

    def _cancel_all(self, params: Params) -> None:
        orders = [
            row
            for row in self.model.open_orders()
            if params.get("symbol", row.order.request.symbol).upper() == row.order.request.symbol
        ]
        if not orders:
            self.context.say("info", "No open orders to cancel.")
            return
        code = str(10 + self.context.clock.wall_ms() // 1_000 % 90)
        offer = offers.offer_cancel_all(orders, self.model, self.environment, code)
        request = CancelAll(symbol=params.get("symbol", "").upper())
        self.work(self._cancel_all_if(self.offer(offer), request))

    async def _cancel_all_if(self, confirmed: Answer, request: CancelAll) -> None:
        if not await confirmed:
            return
        try:
            result = await self.context.call(request)
        except LinkError as error:
            self.context.say("bad", f"Cancel all: {error.text}")
            return
        if isinstance(result, CancelAllResult):
            self.context.say("warn" if result.left else "good", f"Cancel all: {_swept(result)}")

    def in_words(self, action: Action, params: Params) -> None:
        """An action that is said with its parameters in the palette, and asked of the engine as it stands."""
        try:
            request = build_request(action.id, params)
        except ActionError as error:
            self.context.say("warn", str(error))
            return
        self.work(self._ask_in_words(action, request))

    async def _ask_in_words(self, action: Action, request: AnyRequest) -> None:
        try:
            result = await self.context.call(request)
        except LinkError as error:
            self.context.say("bad", f"{action.title}: {error.text}")
            return
        if isinstance(result, OrderUpdate | AlgoRow | Differences | DrillRow):
            self.model.apply(result)
        elif isinstance(result, OrderList | Algos | Drills):
            self.model.apply_all(result.legs if isinstance(result, OrderList) else result.rows)
        self.context.say("good", f"{action.title}: done.")
        self.app.pump.nudge()

    # --- kill and resume -----------------------------------------------------------------------------------

    def _kill(self, params: Params) -> None:
        """At once, without asking: a halt is always safe. Whatever dialog was open is gone with it."""
        self.work(self._kill_now(params.get("reason", "operator")))
        self.app.close_dialogs()

    async def _kill_now(self, reason: str) -> None:
        self.model.alarm = f"KILL sent, waiting for the engine · {_OUTSIDE}"
        self._kill_owed = reason
        self._show_banner()
        try:
            result = await self.context.call(Kill(reason=reason))
        except LinkError as error:
            self.model.alarm = f"KILL NOT CONFIRMED, repeated when the engine is back · {_OUTSIDE}"
            self.context.say("bad", f"{self.model.alarm} · {error.text}")
            self.app.bell()
        else:
            self.model.alarm = self._kill_owed = ""
            if isinstance(result, CancelAllResult):
                self.model.kill_result = _swept(result)
                self.context.say("bad", f"KILL: halted, {self.model.kill_result}")
        self._show_banner()
        self.app.pump.nudge()

    def attached(self) -> None:
        """The engine is back: a kill it never confirmed is asked again, for a halt is always safe."""
        if self._kill_owed:
            self.work(self._kill_now(self._kill_owed))
        self._orders.attached()

    def _show_banner(self) -> None:
        self.app.cockpit_screen.query_one(Banner).pull()

    def _resume(self, params: Params) -> None:
        from spark_tui.ui.screens.reason import ReasonScreen  # lazy: rarely needed

        status = self.model.status
        if status is not None and status.trading_state is TradingState.ACTIVE:
            self.context.say("info", "Trading is ACTIVE; there is nothing to resume.")
            return
        halted = f"halted by {status.halt_reason}" if status else "halted"
        title = f"Resume trading · {self.environment}"
        dialog = ReasonScreen(self.context, title, f"Trading is {halted}.", params.get("reason", ""))
        self.work(self._resume_with(self.app.open(dialog)))

    async def _resume_with(self, answer: Answer) -> None:
        reason = await answer
        if not reason:
            return
        try:
            await self.context.call(Resume(reason=reason))
        except LinkError as error:
            self.context.say("bad", f"Not resumed: {error.text}")
            return
        self.model.kill_result = ""
        self.context.say("good", f"Resumed: {reason}")
        self.app.pump.nudge()

    # --- market --------------------------------------------------------------------------------------------

    def _focus(self, params: Params) -> None:
        symbol = params.get("symbol", "").upper()
        known = [
            key
            for key in self.model.tickers
            if key[1] == symbol and params.get("venue", key[0]) in {key[0], ""}
        ]
        if not known:
            self.context.say("warn", f"{symbol or 'no symbol'} is not in the watchlist.")
            return
        self.model.set_look(known[0], params.get("interval", self.model.interval))
        self.trade().watch_pane.cursor = known[0]
        self.app.follow()
        self.app.pump.nudge()

    def _next_interval(self, params: Params) -> None:
        at = INTERVALS.index(self.model.interval) if self.model.interval in INTERVALS else -1
        self.model.set_look(self.model.look, INTERVALS[(at + 1) % len(INTERVALS)])
        self.app.follow()
        self.app.pump.nudge()

    # --- moving --------------------------------------------------------------------------------------------

    def _panel(self, by: int) -> None:
        screen = self.app.cockpit_screen
        focused = screen.focused
        if isinstance(focused, Ticket) and focused.move(by):
            return
        ring = screen.ring()
        if ring:
            at = ring.index(focused) + by if focused in ring else 0
            screen.set_focus(ring[at % len(ring)])

    def _back(self, params: Params) -> None:
        screen = self.app.cockpit_screen
        if isinstance(screen, TradeScreen):
            screen.watch_pane.stop_finding()
            screen.set_focus(screen.desk)
        else:
            self.app.show_screen("trade")

    def _row(self, by: int) -> None:
        focused = self.app.cockpit_screen.focused
        if isinstance(focused, LineTable | Ticket):
            focused.move(by)

    def _row_end(self, *, last: bool) -> None:
        focused = self.app.cockpit_screen.focused
        if isinstance(focused, LineTable):
            focused.move_to_end(last)

    def _open_row(self, params: Params) -> None:
        focused = self.app.cockpit_screen.focused
        if isinstance(focused, DeskTable) and focused.cursor:
            from spark_tui.ui.screens.details import DetailsScreen  # lazy: rarely needed

            if isinstance(focused, DiffTable) and self._orders.answer_difference(focused.cursor[0]):
                return
            details = focused.details(focused.cursor)
            if details:
                self.app.open(DetailsScreen(self.context, details))

    # --- cockpit -------------------------------------------------------------------------------------------

    def _palette(self, params: Params) -> None:
        from spark_tui.ui.screens.palette import PaletteScreen  # lazy: start-up is counted

        self.work(self._run_typed(self.app.open(PaletteScreen(self.context))))

    async def _run_typed(self, answer: Answer) -> None:
        from spark_tui.ui.screens.palette import command

        if typed := await answer:
            self.run(*command(typed))

    def _help(self, params: Params) -> None:
        from spark_tui.ui.screens.help import HelpScreen  # lazy: start-up is counted

        self.app.open(HelpScreen(self.context, self.app.cockpit_screen.screen_name))

    def _drills(self, params: Params) -> None:
        if self.environment is Environment.SIM:
            self.app.show_screen("drills")
        else:
            self.context.say("info", f"Drills run on the simulator only; this is {self.environment}.")

    def _next_theme(self, params: Params) -> None:
        names = list(self.app.themes)
        name = names[(names.index(self.context.plain.theme.name) + 1) % len(names)]
        self.app.set_theme(name)
        self.context.say("info", f"Theme: {self.app.themes[name].title}")

    def _redraw(self, params: Params) -> None:
        self.app.cockpit_screen.repaint()
        self.app.refresh(layout=True)

    def _detach(self, params: Params) -> None:
        offer = offers.offer_detach(self.model, owns_engine=self.app.owns_engine)
        self.work(self._leave(self.offer(offer)))

    def _stop_engine(self, params: Params) -> None:
        self.work(self._leave(self.offer(offers.offer_stop(self.model))))

    async def _leave(self, answer: Answer) -> None:
        choice = await answer
        if choice == "l":
            self.app.exit("detached")
        elif choice:
            await self._stop_now()

    async def _stop_now(self) -> None:
        try:
            await self.context.call(StopEngine())
        except LinkError as error:
            if not self.model.lost_because:
                self.context.say("bad", f"The engine was not stopped: {error.text}")
                return
        self.app.exit("stopped")


def _swept(result: CancelAllResult) -> str:
    errors = f", {result.errors[0]}" if result.errors else ""
    return f"{len(result.canceled)} canceled, {len(result.left)} left{errors}"
