"""What the engine asks of any venue, and the ways a venue may answer."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.health import Call, StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, DepthSnapshot, MarketEvent, Top
from spark_tui.domain.order import Fill, OrderRequest
from spark_tui.domain.values import Environment, LegRole, ListKind

TRADES_LAG_S = 10.0  # after which no list of trades lags behind any more (F54)


class Reaction(StrEnum):
    """What a venue's error means for us (DESIGN 4): data from one table, never a branch on prose."""

    DEFINITE_REJECT = "DEFINITE_REJECT"  # final; the order never lived
    UNKNOWN = "UNKNOWN"  # may have executed
    RETRY_SAFE = "RETRY_SAFE"  # nothing happened; idempotent calls may be repeated
    CLOCK = "CLOCK"  # our timestamp was refused; nothing happened
    THROTTLED = "THROTTLED"
    BANNED = "BANNED"
    MODE = "MODE"  # the account nets or hedges otherwise than assumed (F57); nothing was done, read it again
    AUTH = "AUTH"  # key, permission or signature refused; stop and tell the operator


class VenueError(Exception):
    """A call failed. `reaction` says what may be concluded; `text` is fit for an operator's eyes."""

    def __init__(
        self, reaction: Reaction, code: str, text: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.reaction = reaction
        self.code = code
        self.text = text
        self.retry_after_s = retry_after_s


class OrderStatus(StrEnum):
    """An order's state in the venue's own eyes, venue-neutral."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    OTHER = "OTHER"


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's account of one order, from a reply, a query or the user stream.

    `client_order_id` is always the id of the *order* (never of a cancel request). `fills` are the executions
    this report carries, not all there ever were; `filled` is cumulative. `request` is what the venue says was
    asked, present on queries and stream reports so that an order not ours can be shown.
    """

    venue: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    status: OrderStatus
    filled: Decimal
    filled_quote: Decimal
    time_ms: int
    fills: tuple[Fill, ...] = ()
    reason: str = ""  # reject or expiry reason, the venue's word
    request: OrderRequest | None = None
    list_id: str = ""  # the client id of the list it is a leg of
    quantity: Decimal | None = None  # total asked now, after amendments


class ReplaceMode(StrEnum):
    """What to do with the new order when the old one cannot be cancelled."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class HalfOutcome(StrEnum):
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"


class ReplaceHalf(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a cancel-replace: its report on success, the venue's code and text on failure."""

    outcome: HalfOutcome
    report: OrderReport | None = None
    code: str = ""
    text: str = ""


class ReplaceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Both halves, read separately: a 409 means "old gone, no new one" or "both may be live"."""

    cancel: ReplaceHalf
    new: ReplaceHalf


class ListLeg(msgspec.Struct, frozen=True, kw_only=True):
    role: LegRole
    client_order_id: str
    request: OrderRequest


class TradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the account's trade list."""

    venue: str
    symbol: str
    venue_order_id: str
    side: str
    fill: Fill


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """The account was begun anew. `number` is counted up; `changes`: what each balance gained by it."""

    number: int
    changes: dict[str, Decimal]
    operator: str


class BalancesReport(msgspec.Struct, frozen=True, kw_only=True):
    """Absolute balances; `complete` when every asset of the account is listed. `fees`: what the account is
    charged, where the same answer says so. `begun`: every time it was begun anew, oldest first, where it can
    be; such an answer comes after the trades of before."""

    venue: str
    balances: tuple[Balance, ...]
    time_ms: int
    complete: bool
    fees: FeeRates | None = None
    begun: tuple[Beginning, ...] = ()


class CashReport(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came or went outside trades: a deposit, a withdrawal, a transfer. `amount` signed."""

    venue: str
    asset: str
    amount: Decimal
    time_ms: int


class UserStreamUp(msgspec.Struct, frozen=True, kw_only=True):
    """User events flow from now on; whatever happened before must be reconciled."""

    venue: str


class UserStreamDown(msgspec.Struct, frozen=True, kw_only=True):
    venue: str
    reason: str


UserEvent = OrderReport | BalancesReport | CashReport | UserStreamUp | UserStreamDown


# (stream name, receipt time ns, raw bytes): called before decode, for the tape
FrameSink = Callable[[str, int, bytes], None]
# (event, receipt time ns)
MarketSink = Callable[[MarketEvent, int], None]
UserSink = Callable[[UserEvent, int], None]


class Venue(Protocol):
    """One exchange account. Orders: every call raises VenueError; a cancelled or timed-out trading call is
    reported as Reaction.UNKNOWN. Nothing here retries an order."""

    name: str
    environment: Environment
    keep_home: Callable[[], str]
    """Set by the engine, asked at the last moment before anything leaves that could open an order: a text
    says why it must stay home (it is then provably not sent), an empty one lets it go."""

    on_call: Callable[[Call], None]
    """Told of every call about the account once it ended. Must not raise."""

    async def start(self) -> None:
        """Check clock, keys and instruments; raise VenueError with a sentence fit for the operator."""

    async def close(self) -> None: ...

    def server_time_ms(self) -> int:
        """Our estimate of the venue's clock."""

    @property
    def decision_window_ms(self) -> int:
        """recvWindow + engine timeout + margin: how long after sending an order may still come alive."""

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def run_streams(
        self,
        symbols: tuple[str, ...],
        on_market: MarketSink,
        on_user: UserSink,
        on_frame: FrameSink,
    ) -> None:
        """Run market and user streams until cancelled; reconnects by itself and never gives up."""

    async def focus(self, symbol: str, interval: str) -> None:
        """Also stream full-rate trades and klines of this symbol and interval (idempotent)."""

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot: ...

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        """Best bid and ask of each as the venue has them now: one cheap call for all of them."""

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]: ...

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        """Send once. `on_sent` is called when the bytes were handed to the socket; once more where the venue
        refused our clock, did nothing, and it was said again."""

    async def test_order(self, client_order_id: str, request: OrderRequest) -> None: ...

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport: ...

    async def cancel_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport:
        """For orders of others, which may have no client order id of use."""

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        """Nothing open is not an error: an empty tuple."""

    async def replace(
        self,
        symbol: str,
        client_order_id: str,
        new_client_order_id: str,
        request: OrderRequest,
        mode: ReplaceMode,
        on_sent: Callable[[], None],
    ) -> ReplaceOutcome:
        """Cancel and place in one call. Raises VenueError when neither half is known (UNKNOWN then holds for
        both) or neither was attempted (any other reaction: the old order is as it was)."""

    async def amend(self, symbol: str, client_order_id: str, quantity: Decimal) -> OrderReport:
        """Shrink the total quantity (filled included), keeping priority and client order id."""

    async def place_list(
        self, list_id: str, kind: ListKind, legs: tuple[ListLeg, ...], on_sent: Callable[[], None]
    ) -> tuple[OrderReport, ...]:
        """Place all legs as one; all or none. Raises VenueError."""

    async def cancel_list(self, symbol: str, list_id: str) -> tuple[OrderReport, ...]: ...

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """None means the venue says it does not exist, which early on proves nothing."""

    async def query_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport | None:
        """Whose order a trade belongs to. None as with `query`."""

    async def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]: ...

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]: ...

    async def balances(self) -> BalancesReport: ...

    def health(self) -> tuple[StreamHealth, ...]: ...

    def weight(self) -> WeightGauge: ...
