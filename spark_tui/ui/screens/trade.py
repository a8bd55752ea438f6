"""The Trade screen: what to trade, how it moves, the ticket, and what became of the orders."""

from textual.app import ComposeResult
from textual.widget import Widget

from spark_tui.ui.screens.base import CockpitScreen
from spark_tui.ui.widgets.algos import AlgosTable
from spark_tui.ui.widgets.candles import Candles
from spark_tui.ui.widgets.desk import (
    TABS,
    DeskTable,
    Events,
    FillsTable,
    LogTable,
    OrdersTable,
    PositionsTable,
)
from spark_tui.ui.widgets.differences import DiffTable
from spark_tui.ui.widgets.ladder import Ladder
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.ticket import Ticket
from spark_tui.ui.widgets.trades import Trades
from spark_tui.ui.widgets.wallet import Wallet
from spark_tui.ui.widgets.watch import Watch


class TradeScreen(CockpitScreen):
    screen_name = "trade"
    DEFAULT_CSS = """
    TradeScreen {
        #top { layout: horizontal; height: 5fr; }
        #bottom { layout: horizontal; height: 4fr; }
        #left { width: 35; layout: vertical; margin-right: 1; }
        #balances { height: 7; }
        #candles { margin-right: 1; }
        #side { width: 31; layout: vertical; }
        #trades { height: 4; }
        #ticket { width: 35; margin-right: 1; }
        #desk { width: 1fr; layout: vertical; }
        #events { height: 3; }

        &.narrow #top { height: 32%; }
        &.narrow #bottom { layout: vertical; height: 1fr; }
        &.narrow #left { width: 1fr; }
        &.narrow #candles, &.narrow #trades, &.narrow #balances { display: none; }
        &.narrow #side { width: 33; }
        &.narrow #ticket { width: 100%; height: 3; margin-right: 0; }
        &.narrow #ticket.tall { height: 4; }
        &.narrow #desk { height: 1fr; }
        &.narrow #events { height: 2; }
    }
    """

    def compose_middle(self) -> ComposeResult:
        context = self.context
        with Widget(id="top"):
            with Widget(id="left"):
                yield Watch(context, id="watch")
                yield Wallet(context, id="balances")
            yield Candles(context, id="candles")
            with Widget(id="side"):
                yield Ladder(context, id="ladder")
                yield Trades(context, id="trades")
        with Widget(id="bottom"):
            yield Ticket(context, id="ticket")
            with Widget(id="desk"):
                yield OrdersTable(context, id="orders")
                yield PositionsTable(context, id="positions")
                yield FillsTable(context, id="fills")
                yield LogTable(context, id="log")
                yield DiffTable(context, id="diff")
                yield AlgosTable(context, id="algos")
                yield Events(context, id="events")

    def on_mount(self) -> None:
        super().on_mount()
        self.show_tab("orders", focus=False)
        self.set_focus(self.watch_pane)

    @property
    def watch_pane(self) -> Watch:
        return self.query_one("#watch", Watch)

    @property
    def ticket(self) -> Ticket:
        return self.query_one("#ticket", Ticket)

    @property
    def orders(self) -> OrdersTable:
        return self.query_one("#orders", OrdersTable)

    @property
    def algos(self) -> AlgosTable:
        return self.query_one("#algos", AlgosTable)

    @property
    def desk(self) -> DeskTable:
        """The table shown now."""
        return next(table for table in self.query(DeskTable) if table.display)

    def show_tab(self, tab: str, *, focus: bool = True) -> None:
        for name in TABS:
            self.query_one(f"#{name}", Pane).display = name == tab
        self.query_one("#events", Pane).display = tab != "log"
        self.desk.pull()
        if focus:
            self.set_focus(self.desk)

    def ring(self) -> list[Pane]:
        return [self.watch_pane, self.ticket, self.desk]
