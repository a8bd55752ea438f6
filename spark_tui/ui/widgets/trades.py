"""The last trades: time, which side took, price, size."""

from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.pane import Pane


class Trades(Pane):
    topics = frozenset({Topic.TRADES, Topic.LOOK})
    every_s = 0.4

    def heading(self, width: int) -> Line:
        return self.rule(self.name_span("Trades"), (), width)

    def body(self, width: int, height: int) -> list[Line]:
        model = self.context.model
        if model.trades is None or not model.trades.rows:
            return [(("  none seen yet", "dim"),)] if height else []
        decimals = model.steps(model.look).price
        lines: list[Line] = []
        for trade in model.trades.rows[:height]:
            tone, arrow = ("down", "▼") if trade.buyer_is_maker else ("up", "▲")
            size = fmt.compact(trade.quantity)
            price = f"{arrow} {fmt.fixed(trade.price, decimals)}"
            head = f" {fmt.clock(trade.time_ms)} "
            gap = width - len(head) - len(price) - 1
            lines.append(((head, "dim"), (price, tone), (f"{size:>{max(1, gap)}} ", "dim")))
        return lines
