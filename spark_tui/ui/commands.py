"""What each action of the table does in the cockpit. Every action has exactly one command here."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING

from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import (
    AlgoRow,
    Algos,
    AnyRequest,
    Differences,
    DrillRow,
    Drills,
    OrderList,
    OrderUpdate,
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
from spark_tui.ui.safety_commands import SafetyCommands
from spark_tui.ui.screens.dialog import ConfirmScreen
from spark_tui.ui.screens.trade import TradeScreen
from spark_tui.ui.widgets.candles import INTERVALS
from spark_tui.ui.widgets.desk import DeskTable
from spark_tui.ui.widgets.differences import DiffTable
from spark_tui.ui.widgets.line_table import LineTable
from spark_tui.ui.widgets.row_card import RowTable
from spark_tui.ui.widgets.ticket import Ticket
from spark_tui.ui.widgets.ticket_sending import Said

if TYPE_CHECKING:
    from spark_tui.ui.app import CockpitApp

Params = Mapping[str, str]
Answer = Awaitable[str]  # of a dialog; "" when it was canceled


class Commands:
    """`run` finds the command, says why when it cannot be run here, and never raises at the operator."""

    def __init__(self, app: "CockpitApp") -> None:
        self.app = app
        self.context = app.context
        self.model = app.model
        self.table: dict[str, Callable[[Params], None]] = {
            "ticket.buy": lambda _: self.ticket().take_side(Side.BUY),
            "ticket.sell": lambda _: self.ticket().take_side(Side.SELL),
            "order.submit": self._submit,
            "ticket.list": lambda _: self.ticket().next_shape(),
            "ticket.algo": lambda _: self.ticket().next_algo(),
            "ticket.trailing": lambda _: self.ticket().toggle_trailing(),
            "ticket.iceberg": lambda _: self.ticket().toggle_iceberg(),
            "ticket.prevention": lambda _: self.ticket().next_prevention(),
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
        self._safety = SafetyCommands(self)
        self.table.update(self._safety.table)
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
        self.work(self._send(ticket, ticket.sending.said))

    async def _send(self, ticket: Ticket, said: Said) -> None:
        """What was sent is then under the cursor of the orders: x cancels it."""
        await ticket.sending.send(said, self._orders.confirm)
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

    def attached(self) -> None:
        """The engine is there, perhaps again."""
        self._safety.attached()
        self._orders.attached()

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
            screen.ticket.draft.settle()
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
        elif isinstance(focused, RowTable) and focused.cards:
            from spark_tui.ui.screens.card import CardScreen  # lazy: rarely needed

            whole = focused.cards[0].in_full()
            if whole:
                self.app.open(CardScreen(self.context, *whole))

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
