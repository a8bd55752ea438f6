"""What is held now: the plan's positions, and the account's trades since."""

from collections.abc import Container
from typing import Protocol

import msgspec

from spark_tui.domain import account
from spark_tui.domain.account import Position
from spark_tui.domain.values import Side
from spark_tui.venues.kill_plan import Held
from spark_tui.venues.port import TradeReport

PAGE = 1_000
MAX_PAGES = 50


class Trades(Protocol):
    """An account that lists what it traded."""

    name: str

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]: ...


async def held_now(venue: Trades, held: Held, without: Container[str] = ()) -> Held:
    """The position with every trade the venue lists beyond what was counted, except those of the orders
    `without` (the venue's numbers). Raises VenueError."""
    if held.counted_to is None:
        return held
    position = Position(venue=venue.name, symbol=held.symbol, quantity=held.quantity)
    counted = set(held.counted)
    cursor = held.counted_to
    for _ in range(MAX_PAGES):
        page = await venue.trades(held.symbol, from_id=cursor + 1, limit=PAGE)
        for trade in page:
            if trade.venue_order_id not in without and trade.fill.trade_id not in counted:
                position = _after(position, trade, held)
                counted.add(trade.fill.trade_id)
        cursor = max((int(trade.fill.trade_id) for trade in page), default=cursor)
        if len(page) < PAGE:
            break
    return msgspec.structs.replace(
        held, quantity=position.quantity, counted_to=cursor, counted=tuple(sorted(counted))
    )


def _after(position: Position, trade: TradeReport, held: Held) -> Position:
    return account.apply_fill(position, Side(trade.side), trade.fill, held.base, held.quote)
