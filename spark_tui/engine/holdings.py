"""Positions: the fold of fills. What a synthetic fill covers is laid over what was traded and taken off again
when the trades come, so that a position is in the end what its trades alone make it."""

from spark_tui.domain import account
from spark_tui.domain.account import Position
from spark_tui.link.messages import FillRow

Pair = tuple[str, str]  # (venue, symbol)


class Holdings:
    """`positions` is read by everyone; only the methods here change it."""

    def __init__(self) -> None:
        self.positions: dict[Pair, Position] = {}
        self.assets: dict[Pair, tuple[str, str]] = {}  # (base, quote)
        self._traded: dict[Pair, Position] = {}
        self._covers: dict[Pair, dict[str, FillRow]] = {}  # by client order id; oldest first

    def move(self, row: FillRow) -> None:
        """A trade."""
        pair = (row.venue, row.symbol)
        self._traded[pair] = self._after(self._traded.get(pair), row)
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
