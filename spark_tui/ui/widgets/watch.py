"""The watchlist: price, day's change, the last hour as bars; the age where nothing was heard lately."""

from collections.abc import Sequence

from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Key, Topic
from spark_tui.ui.widgets.line_table import Column, LineTable, RowKey

STALE_S = 5.0
MAX_FILTER = 16


class Watch(LineTable):
    topics = frozenset({Topic.TICKERS, Topic.LOOK, Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.filter = ""
        self.finding = False
        self._shown: dict[Key, str] = {}
        self._before: dict[Key, float] = {}
        self._bright: dict[Key, tuple[int, str]] = {}  # where the changed digits begin, and their tone

    def heading(self, width: int) -> Line:
        if self.finding:
            return self.rule(
                self.name_span("Find"), ((f"{self.filter}", "b ink"), ("▏", "accent"), (" ", "ink")), width
            )
        return self.rule(self.name_span("Watch"), (("/", "b accent"), (" find ", "dim")), width)

    def keys(self) -> Sequence[RowKey]:
        keys = list(self.context.model.tickers)
        wanted = self.filter.upper()
        return [key for key in keys if wanted in key[1]] if wanted else keys

    def columns(self, width: int) -> tuple[Column, ...]:
        return ()

    def empty(self) -> str:
        return f"nothing matches {self.filter}" if self.filter else "waiting for prices"

    def chosen(self, key: RowKey) -> None:
        venue, symbol = key
        self.context.act("focus", {"symbol": symbol, "venue": venue})

    # --- finding -------------------------------------------------------------------------------------------

    def find(self) -> None:
        self.filter, self.finding = "", True
        self.screen.set_focus(self)
        self.pull()

    def stop_finding(self) -> None:
        self.filter, self.finding = "", False
        self.pull()

    def take_key(self, name: str, character: str | None) -> bool:
        """While finding, keys are the search's: letters narrow it, Enter takes the row, Esc goes back."""
        if not self.finding or name in {"up", "down", "tab", "shift+tab"}:
            return False
        if name == "enter":
            venue_symbol = self.cursor
            self.stop_finding()
            if venue_symbol is not None:
                self.go(venue_symbol)
        elif name == "escape":
            self.stop_finding()
        elif name == "backspace":
            self.filter = self.filter[:-1]
        elif character and character.isprintable() and len(self.filter) < MAX_FILTER:
            self.filter += character
        self.pull()
        return True

    def pull(self) -> None:
        self._notice_changes()
        super().pull()

    def _notice_changes(self) -> None:
        """One beat of brightness for the digits that changed since the last pull."""
        model = self.context.model
        self._bright.clear()
        for key, row in model.tickers.items():
            text = fmt.fixed(row.last, model.steps(key).price)
            before = self._shown.get(key)
            if before is not None and before != text:
                rose = row.last > self._before[key]
                self._bright[key] = (fmt.changed_from(before, text), "b up" if rose else "b down")
            self._shown[key], self._before[key] = text, row.last
        self.restless = bool(self._bright)

    def row(self, key: RowKey, width: int) -> Line:
        model = self.context.model
        venue, symbol = key
        ticker = model.tickers[venue, symbol]
        looked_at = key == model.look
        age = model.ticker_age_s(ticker)
        stale = age >= STALE_S
        wide_symbol = 8 if width < 40 else 10
        price = self._shown[venue, symbol]
        fraction = 3 if width < 40 else 4
        price_width = 12 if width < 40 else 14
        start, tone = self._bright.get((venue, symbol), (len(price), "dim"))
        blank = " " * max(0, price_width - len(fmt.on_point(price, fraction - 1)))
        tail = fmt.on_point(price, fraction - 1)[len(price) :]
        change = ticker.change_percent
        arrow, change_tone = ("▲", "up") if change > 0 else ("▼", "down") if change < 0 else ("·", "dim")
        percent = f"{abs(change):.2f}" if abs(change) < 99.995 else f"{abs(change):.0f}"
        room = width - 1 - wide_symbol - price_width - 8
        if stale:
            change_tone = "dim"
            last = (f"{fmt.age(age):>{max(0, min(room, 14))}}", "warn")
        else:
            last = (" " + fmt.spark(ticker.spark, max(0, room - 1)), "dim")
        symbol_token = "dim" if stale else "b ink" if looked_at else "ink"
        return (
            ("▸" if looked_at else " ", "accent"),
            (f"{ticker.symbol:<{wide_symbol}}"[:wide_symbol], symbol_token),
            (blank + price[:start], "dim"),
            (price[start:] + tail, tone),
            (f" {arrow}{percent:>5} ", change_tone),
            last,
        )
