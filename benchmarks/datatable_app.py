"""The cockpit one would write in an afternoon: Textual's DataTable and Input on the same link and events.

Run by the benchmarks: `python -m benchmarks.datatable_app SOCKET`.
"""

import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Footer, Input

from spark_tui.link.messages import BookView, Event, Tickers, TradesView
from spark_tui.link.remote import RemoteLink
from spark_tui.link.service import LinkError

WATCH = ("symbol", "last", "change", "bid", "ask", "high", "low", "volume")


class DataTableApp(App[None]):
    """Every event becomes `update_cell` calls as it comes."""

    CSS = "#left { width: 2fr; } #side { width: 1fr; } DataTable { height: 1fr; }"
    BINDINGS = [("f10", "quit", "Quit")]  # noqa: RUF012 - Textual's own form

    def __init__(self, link: RemoteLink) -> None:
        super().__init__()
        self._link = link
        self._watch: DataTable[str] = DataTable(id="watch", cursor_type="row")
        self._book: DataTable[str] = DataTable(id="book", show_cursor=False)
        self._trades: DataTable[str] = DataTable(id="trades", show_cursor=False)

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="left"):
                yield self._watch
                yield Input(placeholder="quantity")
            with Vertical(id="side"):
                yield self._book
                yield self._trades
        yield Footer()

    def on_mount(self) -> None:
        for name in WATCH:
            self._watch.add_column(name, key=name, width=9)
        for table in (self._book, self._trades):
            table.add_column("price", key="price", width=12)
            table.add_column("quantity", key="quantity", width=12)
            for row in range(40 if table is self._book else 20):
                table.add_row("", "", key=str(row))
        self.query_one(Input).focus()
        self.run_worker(self._attend())

    async def _attend(self) -> None:
        while True:
            try:
                async for batch in self._link.events():
                    for event in batch:
                        self._show(event)
            except LinkError:  # cut off for being too slow: attach again
                continue

    def _show(self, event: Event) -> None:
        if isinstance(event, Tickers):
            for row in event.rows:
                numbers = (
                    row.last,
                    row.change_percent,
                    row.bid,
                    row.ask,
                    row.high,
                    row.low,
                    row.quote_volume,
                )
                cells = (row.symbol, *(f"{number:.2f}" for number in numbers))
                if row.symbol not in self._watch.rows:
                    self._watch.add_row(*cells, key=row.symbol)
                for name, cell in zip(WATCH, cells, strict=True):
                    self._watch.update_cell(row.symbol, name, cell)
        elif isinstance(event, BookView):
            levels = [(level.price, level.quantity) for level in (*reversed(event.asks), *event.bids)]
            self._fill(self._book, levels)
        elif isinstance(event, TradesView):
            self._fill(self._trades, [(trade.price, trade.quantity) for trade in event.rows[:20]])

    def _fill(self, table: "DataTable[str]", rows: list[tuple[float, float]]) -> None:
        for number, (price, quantity) in enumerate(rows):
            table.update_cell(str(number), "price", f"{price:.2f}")
            table.update_cell(str(number), "quantity", f"{quantity:.3f}")


if __name__ == "__main__":
    DataTableApp(RemoteLink(Path(sys.argv[1]), face="table", operator="benchmark")).run()
