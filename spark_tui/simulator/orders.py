"""Orders as the exchange keeps them, and the store that finds them again."""

from collections import deque
from collections.abc import Iterable

import msgspec

from spark_tui.simulator.matching import Resting, SelfTrade

PENDING = "PENDING_NEW"  # a list's leg that waits for its working leg to fill
OPEN = frozenset({"NEW", "PARTIALLY_FILLED", PENDING})
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
MARKET_LIKE = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
NO_LIST = -1
_CLOSED_KEPT = 2_000
_TRADES_KEPT = 2_000
_PREVENTED_KEPT = 1_000


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A request to place an order: well formed, not yet checked against symbol, filters or balances. Absent
    numbers are 0; `trailing_delta` is in basis points."""

    symbol: str
    buy: bool
    type: str
    time_in_force: str
    quantity: int = 0
    quote_quantity: int = 0
    price: int = 0
    stop_price: int = 0
    trailing_delta: int = 0
    iceberg: int = 0
    client_id: str
    response: str  # ACK, RESULT or FULL
    self_trade: SelfTrade | None = None  # None = the symbol's default
    strategy_id: int | None = None
    strategy_type: int | None = None


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one order, as the account's trade list keeps it."""

    trade_id: int
    order_id: int
    list_id: int = NO_LIST
    symbol: str
    price: int
    quantity: int
    quote: int
    commission: int
    commission_asset: str
    ms: int
    buyer: bool
    maker: bool


class Prevented(msgspec.Struct, frozen=True, kw_only=True):
    """One meeting with an own order that did not trade."""

    match_id: int
    symbol: str
    taker_order_id: int
    maker_order_id: int
    mode: str
    price: int
    taker_quantity: int
    maker_quantity: int
    ms: int


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """One reduction of an order's quantity."""

    execution_id: int
    old_client_id: str
    new_client_id: str
    old_quantity: int
    new_quantity: int
    ms: int


class Order(Resting, kw_only=True):
    """An account's order. `price`, `leaves`, `buy`, `id`, `owner`, `peak` and `hidden` are the book's;
    `reserved` is what is locked for it (quote for buys, base for sells; an OCO's legs share one lock)."""

    symbol: str
    client_id: str
    type: str
    time_in_force: str
    quantity: int
    quote_quantity: int
    stop_price: int
    self_trade: SelfTrade
    created_ms: int
    updated_ms: int
    list_id: int = NO_LIST
    iceberg: int = 0
    trailing_delta: int = 0
    trailing_ms: int = -1  # when a trailing stop began to follow the price
    extreme: int = 0  # the best price it has followed
    lock_price: int = 0  # what a unit of a resting or waiting buy locks
    working_ms: int = -1  # when it reached the book; -1 while a stop or a pending leg waits
    filled: int = 0
    filled_quote: int = 0
    prevented: int = 0
    prevented_match_id: int = -1
    reserved: int = 0
    status: str = "NEW"
    expiry_reason: str = "NONE"
    rises: bool = (
        False  # a waiting stop triggers when the last price rises to its stop price, else when it falls
    )
    queue_ahead: int = 0  # replay only: recorded quantity that stood at this price first
    strategy_id: int | None = None
    strategy_type: int | None = None
    amendments: list[Amendment] = msgspec.field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def side(self) -> str:
        return "BUY" if self.buy else "SELL"

    @property
    def unfilled(self) -> int:
        """Quantity neither traded nor prevented."""
        return self.quantity - self.filled - self.prevented


class OrderStore:
    """Every order and fill of one account. Open ones are all kept, ended ones and fills only the newest."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, int], Order] = {}
        self._by_client: dict[tuple[str, str], Order] = {}
        self._ended: deque[Order] = deque()
        self._open: dict[tuple[str, int], Order] = {}
        self.fills: deque[Fill] = deque(maxlen=_TRADES_KEPT)
        self.prevented: deque[Prevented] = deque(maxlen=_PREVENTED_KEPT)

    def add(self, order: Order) -> None:
        self._orders[order.symbol, order.id] = order
        self._by_client[order.symbol, order.client_id] = order
        if order.open:
            self._open[order.symbol, order.id] = order
        else:
            self.ended(order)

    def ended(self, order: Order) -> None:
        """Note that an order's life is over; the oldest ended one beyond the bound is forgotten."""
        self._open.pop((order.symbol, order.id), None)
        self._ended.append(order)
        if len(self._ended) > _CLOSED_KEPT:
            oldest = self._ended.popleft()
            self._orders.pop((oldest.symbol, oldest.id), None)
            self._forget_client_id(oldest)

    def rename(self, order: Order, client_id: str) -> None:
        """Let an order go by another client id from now on."""
        self._forget_client_id(order)
        order.client_id = client_id
        self._by_client[order.symbol, client_id] = order

    def _forget_client_id(self, order: Order) -> None:
        if self._by_client.get((order.symbol, order.client_id)) is order:
            del self._by_client[order.symbol, order.client_id]

    def by_id(self, symbol: str, order_id: int) -> Order | None:
        return self._orders.get((symbol, order_id))

    def by_client_id(self, symbol: str, client_id: str) -> Order | None:
        """The newest order that carries this client id."""
        return self._by_client.get((symbol, client_id))

    def open(self, symbol: str | None = None) -> list[Order]:
        return [order for order in self._open.values() if symbol is None or order.symbol == symbol]

    def all(self, symbol: str | None = None) -> Iterable[Order]:
        """Oldest first."""
        found = [order for order in self._orders.values() if symbol is None or order.symbol == symbol]
        return sorted(found, key=lambda order: order.id)
