"""Domain -> link messages: what the faces see, looked up when they ask."""

from collections.abc import Callable, Iterator, Mapping

from spark_tui.domain import lifecycle
from spark_tui.domain.book import Unusable
from spark_tui.domain.market import Level
from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.parameters import ALGO
from spark_tui.domain.values import Side
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.exposure import waits
from spark_tui.engine.market import Market, SymbolMarket
from spark_tui.engine.portfolio import Portfolio
from spark_tui.link.messages import (
    Balances,
    BookView,
    CandlesView,
    DepthRow,
    Fills,
    Health,
    Orders,
    OrderUpdate,
    Positions,
    Status,
    TickerRow,
    TradeRow,
    TradesView,
)
from spark_tui.wire.clock import NS_PER_S, Clock

DEPTH_SHOWN = 25
RECENT_ORDERS = 200
RECENT_FILLS = 200
NEVER_S = 1e9  # the age of what was never heard of: finite, so that every encoding carries it


class Views:
    """Reads, never writes. `status` and `health` come from the composition root, which knows all parts."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        books: Bookkeeper,
        portfolio: Portfolio,
        clock: Clock,
        status: Callable[[], Status],
        health: Callable[[], Health],
    ) -> None:
        self.status = status
        self.health = health
        self.orders_version = 0  # grows with every change of an order: own quantities in the book
        self._markets = markets
        self._books = books
        self._portfolio = portfolio
        self._clock = clock

    @property
    def portfolio_version(self) -> int:
        return self._portfolio.version

    def default_focus(self) -> tuple[str, str]:
        for venue, market in self._markets.items():
            for symbol in market.symbols:
                return venue, symbol
        return "", ""

    # --- market --------------------------------------------------------------------------------------------

    def symbols(self) -> Iterator[tuple[str, SymbolMarket]]:
        for venue, market in self._markets.items():
            for one in market.symbols.values():
                yield venue, one

    def market(self, venue: str, symbol: str) -> SymbolMarket | None:
        market = self._markets.get(venue)
        return market.symbols.get(symbol) if market else None

    def usable(self, venue: str, symbol: str) -> bool:
        return not isinstance(self._markets[venue].quote(symbol), Unusable)

    def ticker(self, venue: str, market: SymbolMarket) -> TickerRow:
        quote = self._markets[venue].quote(market.symbol)
        usable = not isinstance(quote, Unusable)
        top = quote if not isinstance(quote, Unusable) else market.best
        day = market.ticker
        return TickerRow(
            venue=venue,
            symbol=market.symbol,
            last=market.last_price() or 0.0,
            change_percent=day.change_percent if day else 0.0,
            bid=top.bid if top else 0.0,
            ask=top.ask if top else 0.0,
            high=day.high if day else 0.0,
            low=day.low if day else 0.0,
            quote_volume=day.quote_volume if day else 0.0,
            age_s=min(market.age_s(self._clock.mono_ns()), NEVER_S),
            usable=usable,
            spark=market.spark.closes(),
        )

    def book(self, venue: str, symbol: str, count: int = DEPTH_SHOWN) -> BookView:
        depth = self._markets[venue].depth(symbol, count)
        if isinstance(depth, Unusable):
            market = self._markets[venue].symbols.get(symbol)
            age_s = min(market.age_s(self._clock.mono_ns()), NEVER_S) if market else NEVER_S
            return BookView(
                venue=venue,
                symbol=symbol,
                usable=False,
                why=depth.why,
                bids=(),
                asks=(),
                update_id=0,
                age_s=age_s,
            )
        own = self._own(venue, symbol)
        return BookView(
            venue=venue,
            symbol=symbol,
            usable=True,
            why="",
            bids=_rows(depth.bids, own[Side.BUY]),
            asks=_rows(depth.asks, own[Side.SELL]),
            update_id=depth.update_id,
            age_s=depth.age_ns / NS_PER_S,
        )

    def trades(self, venue: str, market: SymbolMarket) -> TradesView:
        rows = tuple(
            TradeRow(
                trade_id=trade.trade_id,
                price=trade.price,
                quantity=trade.quantity,
                time_ms=trade.time_ms,
                buyer_is_maker=trade.buyer_is_maker,
            )
            for trade in reversed(market.trades)
        )
        return TradesView(venue=venue, symbol=market.symbol, rows=rows)

    def candles(self, venue: str, market: SymbolMarket, interval: str, *, whole: bool) -> CandlesView:
        """All of them, or the last two: a new one, and the one it closed."""
        rows = market.series(interval).rows
        return CandlesView(
            venue=venue,
            symbol=market.symbol,
            interval=interval,
            rows=tuple(rows if whole else rows[-2:]),
            whole=whole,
        )

    # --- account -------------------------------------------------------------------------------------------

    def balances(self) -> Balances:
        return self._portfolio.balances_view()

    def positions(self) -> Positions:
        return self._portfolio.positions_view()

    def recent_orders(self) -> list[OrderUpdate]:
        """Oldest first, as they would have been heard: every open one and the last finished ones."""
        state = self._books.state
        recent = list(state.orders.values())[-RECENT_ORDERS:]
        known = {order.client_order_id for order in recent}
        older = [order for order in state.open_orders() if order.client_order_id not in known]
        return [OrderUpdate(order=order) for order in older + recent] + self._externals()

    def orders(self, symbol: str, *, open_only: bool, limit: int) -> Orders:
        """Newest first. An open one is never left out: `limit` cuts the finished ones."""
        rows = [OrderUpdate(order=order) for order in self._books.state.orders.values()] + self._externals()
        rows = [
            row
            for row in rows
            if (not symbol or row.order.request.symbol == symbol)
            and (not open_only or lifecycle.is_open(row.order.state))
        ]
        rows.sort(key=lambda row: row.order.created_ms, reverse=True)
        room = max(limit, 0) - sum(lifecycle.is_open(row.order.state) for row in rows)
        kept = []
        for row in rows:
            finished = not lifecycle.is_open(row.order.state)
            if not finished or room > 0:
                kept.append(row)
                room -= finished
        return Orders(rows=tuple(kept))

    def order(self, client_order_id: str) -> OrderUpdate | None:
        order = self._books.state.orders.get(client_order_id)
        if order is not None:
            return OrderUpdate(order=order)
        return next((row for row in self._externals() if row.order.client_order_id == client_order_id), None)

    def fills(self, symbol: str = "", limit: int = RECENT_FILLS) -> Fills:
        """The last ones, oldest first."""
        rows = [row for row in self._books.state.fills if not symbol or row.symbol == symbol]
        return Fills(rows=tuple(rows[-limit:] if limit > 0 else ()))

    def counts(self) -> tuple[int, int]:
        """(open orders, those of unknown fate)."""
        mine = self._books.state.open_orders()
        others = sum(lifecycle.is_open(order.state) for order in self._books.external.values())
        return len(mine) + others, sum(order.state is OrderState.UNKNOWN for order in mine)

    def _externals(self) -> list[OrderUpdate]:
        return [OrderUpdate(order=order, external=True) for order in self._books.external.values()]

    def _own(self, venue: str, symbol: str) -> dict[Side, dict[float, float]]:
        """Our quantity in the book by side and price."""
        own: dict[Side, dict[float, float]] = {Side.BUY: {}, Side.SELL: {}}
        state = self._books.state
        for order in state.open_orders(venue, symbol):
            legs = state.legs(order.part.list_id) if order.part else ()
            if _in_book(order) and order.request.price is not None and not waits(order, legs):
                levels, price = own[order.request.side], float(order.request.price)
                levels[price] = levels.get(price, 0.0) + float(_resting(order))
        return own


def _in_book(order: Order) -> bool:
    """A stop is not there before it triggers, and that it did is only known once it trades."""
    waiting = order.request.type in ALGO and order.filled == 0
    return order.state is not OrderState.NEW and not waiting


def _resting(order: Order) -> float:
    """What of it others see, too."""
    shown, leaves = order.request.iceberg_quantity, lifecycle.leaves(order)
    return float(leaves if shown is None else min(shown, leaves))


def _rows(levels: list[Level], own: dict[float, float]) -> tuple[DepthRow, ...]:
    return tuple(
        DepthRow(price=price, quantity=quantity, own=own.get(price, 0.0)) for price, quantity in levels
    )
