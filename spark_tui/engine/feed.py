"""What one face has seen of the conflated data, and what is new for it. Versions make an idle look cheap."""

from typing import Any

import msgspec

from spark_tui.engine.views import Views
from spark_tui.link.messages import Event, TickerRow, Tickers
from spark_tui.wire.clock import NS_PER_S, Clock

_SECOND = NS_PER_S


class FeedCursor:
    """Implements hub.Cursor for one face. Its focus decides whose depth, trades and candles follow."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self.venue, self.symbol = views.default_focus()
        self.interval = "1m"
        self._views = views
        self._clock = clock
        self._rows: dict[tuple[str, str], tuple[tuple[Any, ...], TickerRow]] = {}
        self._seen: dict[str, object] = {}
        self._second_ns = 0

    def look_at(self, venue: str, symbol: str, interval: str) -> None:
        """Change the focus; its book, trades and candles are sent whole at the next look."""
        self.venue, self.symbol, self.interval = venue, symbol, interval
        for name in ("book", "trades", "candles"):
            self._seen.pop(name, None)

    def snapshot(self) -> tuple[Event, ...]:
        """Everything, in the order the service promises."""
        views = self._views
        events: list[Event] = [views.status(), views.balances(), views.positions()]
        events += views.recent_orders()
        events.append(views.fills())
        self._rows.clear()
        self._seen.clear()
        self._second_ns = self._clock.mono_ns()
        events += self._tickers()
        events += self._focused()
        return tuple(events)

    def changes(self) -> list[Event]:
        events = self._tickers()
        events += self._focused()
        now = self._clock.mono_ns()
        if now - self._second_ns >= _SECOND:
            self._second_ns = now
            events += [self._views.status(), self._views.health()]
        events += self._account()
        return events

    def _tickers(self) -> list[Event]:
        changed = []
        for venue, market in self._views.symbols():
            key = (venue, market.symbol)
            usable = self._views.usable(venue, market.symbol)
            versions = (market.ticker_version, market.depth_version, market.trades_version, usable)
            seen = self._rows.get(key)
            if seen is not None and seen[0] == versions:
                continue
            row = self._views.ticker(venue, market)
            if seen is None or _differ(row, seen[1]):
                changed.append(row)
            self._rows[key] = (versions, row)
        return [Tickers(rows=tuple(changed))] if changed else []

    def _focused(self) -> list[Event]:
        market = self._views.market(self.venue, self.symbol)
        if market is None:
            return []
        events: list[Event] = []
        usable = self._views.usable(self.venue, self.symbol)
        if self._new("book", (market.depth_version, usable, self._views.orders_version)):
            events.append(self._views.book(self.venue, self.symbol))
        if self._new("trades", market.trades_version):
            events.append(self._views.trades(self.venue, market))
        series = market.series(self.interval)
        before = self._seen.get("candles")
        if self._new("candles", series.version):
            whole = not isinstance(before, int) or series.whole > before
            events.append(self._views.candles(self.venue, market, self.interval, whole=whole))
        return events

    def _account(self) -> list[Event]:
        """Balances and positions: when they changed, and once a second while prices move their worth."""
        if not self._new("account", (self._views.portfolio_version, self._second_ns)):
            return []
        events: list[Event] = []
        for name, view in (("balances", self._views.balances()), ("positions", self._views.positions())):
            if self._new(name, view):
                events.append(view)
        return events

    def _new(self, name: str, value: object) -> bool:
        """Whether `value` differs from what this face last saw under `name`; remembers it."""
        if name in self._seen and self._seen[name] == value:
            return False
        self._seen[name] = value
        return True


def _differ(row: TickerRow, other: TickerRow) -> bool:
    """Ages grow by themselves on the face; anything else is news."""
    return msgspec.structs.replace(row, age_s=0.0) != msgspec.structs.replace(other, age_s=0.0)
