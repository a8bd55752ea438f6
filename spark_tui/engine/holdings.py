"""Positions: the fold of fills. What a synthetic fill covers is laid over what was traded and taken off again
when the trades come, so that a position is in the end what its trades alone make it."""

from collections import deque
from decimal import Decimal

import msgspec

from spark_tui.domain import account
from spark_tui.domain.account import Position
from spark_tui.domain.decimals import add, subtract
from spark_tui.domain.values import Side
from spark_tui.link.messages import FillRow

Pair = tuple[str, str]  # (venue, symbol)

MAX_CLOSINGS = 500


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What an order that closed (part of) a position gained, fees in quote money taken off."""

    venue: str
    symbol: str
    client_order_id: str
    gain: Decimal
    time_ms: int


class Holdings:
    """`positions` is read by everyone; only the methods here change it."""

    def __init__(self) -> None:
        self.positions: dict[Pair, Position] = {}
        self.assets: dict[Pair, tuple[str, str]] = {}  # (base, quote)
        self.closings: deque[Closing] = deque(maxlen=MAX_CLOSINGS)  # one an order, oldest first
        self._traded: dict[Pair, Position] = {}
        self._covers: dict[Pair, dict[str, FillRow]] = {}  # by client order id; oldest first

    def move(self, row: FillRow) -> None:
        """A trade."""
        pair = (row.venue, row.symbol)
        before = self._traded.get(pair)
        after = self._traded[pair] = self._after(before, row)
        if before is not None and (before.quantity > 0) is (row.side is Side.SELL) and before.quantity != 0:
            self._close(row, subtract(after.realised, before.realised))
        self._lay(pair)

    def cover(self, pair: Pair, client_order_id: str, row: FillRow | None) -> None:
        """An order's synthetic fill as it now is; None: its trades explain everything."""
        covers = self._covers.setdefault(pair, {})
        if row is None:
            covers.pop(client_order_id, None)
        else:
            covers[client_order_id] = row
        self._lay(pair)

    def settle(self, pair: Pair, client_order_id: str) -> None:
        """The order leaves memory: what its synthetic fill covers stays for good."""
        row = self._covers.get(pair, {}).pop(client_order_id, None)
        if row is not None:
            self.move(row)

    def begin_again(self, venue: str) -> None:
        """Nothing is open there any more, and losses in a row are counted anew."""
        for pair in [one for one in self.positions if one[0] == venue]:
            for client_order_id in list(self._covers.get(pair, {})):
                self.settle(pair, client_order_id)
            self._traded[pair] = account.closed(self.positions[pair])
            self._lay(pair)
        kept = [one for one in self.closings if one.venue != venue]
        self.closings.clear()
        self.closings.extend(kept)

    def _close(self, row: FillRow, gain: Decimal) -> None:
        """Fills of one order are one closing."""
        latest = self.closings[-1] if self.closings else None
        if latest is not None and latest.client_order_id == row.client_order_id:
            self.closings.pop()
            gain = add(gain, latest.gain)
        self.closings.append(
            Closing(
                venue=row.venue,
                symbol=row.symbol,
                client_order_id=row.client_order_id,
                gain=gain,
                time_ms=row.fill.time_ms,
            )
        )

    def _lay(self, pair: Pair) -> None:
        venue, symbol = pair
        position = self._traded.get(pair) or Position(venue=venue, symbol=symbol)
        for row in self._covers.get(pair, {}).values():
            position = self._after(position, row)
        self.positions[pair] = position

    def _after(self, position: Position | None, row: FillRow) -> Position:
        base, quote = self.assets.get((row.venue, row.symbol), ("", ""))
        before = position or Position(venue=row.venue, symbol=row.symbol)
        return account.apply_fill(before, row.side, row.fill, base, quote)
