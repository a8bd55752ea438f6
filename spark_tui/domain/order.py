"""The order: what was asked and what can happen to it. How it may change is one table, in `lifecycle.py`."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from spark_tui.domain.values import LegRole, ListKind, OrderType, SelfTradePrevention, Side, TimeInForce


class OrderState(StrEnum):
    NEW = "NEW"  # intent durable, nothing sent
    DENIED = "DENIED"  # refused by us, never sent
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"  # sent, fate not known; counts as exposure, never re-sent
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # refused by the venue
    DEAD = "DEAD"  # proved never to have lived at the venue


TERMINAL: Final = frozenset(
    {
        OrderState.DENIED,
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.DEAD,
    }
)
NEVER_LIVED: Final = frozenset({OrderState.DENIED, OrderState.REJECTED, OrderState.DEAD})
UNCONFIRMED: Final = frozenset({OrderState.NEW, OrderState.SENT, OrderState.UNKNOWN})  # no word of the venue
WORKING: Final = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})  # in the book, nothing asked
STOPPED: Final = frozenset({OrderState.CANCELED, OrderState.EXPIRED})


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asks for. Exactly one of `quantity` (base) and `quote_quantity` is set."""

    venue: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None  # basis points
    iceberg_quantity: Decimal | None = None
    time_in_force: TimeInForce | None = None
    self_trade_prevention: SelfTradePrevention | None = None  # None: the symbol's default


class ListPart(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an order a leg: its list's client id, the kind of list and the leg's role."""

    list_id: str
    kind: ListKind
    role: LegRole


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `trade_id` is unique per (venue, symbol).

    `synthetic`: inferred from the venue's totals because the trade itself cannot be had; it yields to the
    real trades when they come (`executions.py`).
    """

    trade_id: str
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int
    synthetic: bool = False
    # of a synthetic one only: the venue's totals (base, quote money) up to and including it
    cumulative: Decimal | None = None
    cumulative_quote: Decimal | None = None


# --- what can happen to an order; every one of these is a ledger entry -----------------------------------


class Intended(msgspec.Struct, frozen=True, kw_only=True, tag="intended"):
    """The write-ahead: identity and request, durable before the first byte leaves."""

    client_order_id: str
    request: OrderRequest
    at_ms: int  # our clock
    operator: str = ""
    key: str = ""  # caller's idempotency key
    replaces: str = ""  # client order id of the order this one takes the place of
    allow_failure: bool = False  # placed even when the one it replaces cannot be cancelled
    parent: str = ""  # id of the algo this one is a child of
    part: ListPart | None = None


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag="denied"):
    code: str  # stable, ours: e.g. "PRICE_BAND", "FILTER_LOT_SIZE"
    text: str
    at_ms: int


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag="sent"):
    """`decidable_at_ms`: venue clock after which repeated not-found proves the order never lived."""

    at_ms: int
    decidable_at_ms: int


class Uncertain(msgspec.Struct, frozen=True, kw_only=True, tag="uncertain"):
    """The reply was lost, timed out or said the status is unknown."""

    reason: str
    at_ms: int
    decidable_at_ms: int


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    venue_order_id: str
    at_ms: int


class Filled(msgspec.Struct, frozen=True, kw_only=True, tag="filled"):
    fill: Fill
    venue_order_id: str = ""


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True, tag="cancel-requested"):
    at_ms: int


class CancelFailed(msgspec.Struct, frozen=True, kw_only=True, tag="cancel-failed"):
    """The venue refused the cancel; says nothing about how the order ended, so it is queried."""

    code: str
    text: str
    at_ms: int


class AmendRequested(msgspec.Struct, frozen=True, kw_only=True, tag="amend-requested"):
    """Asked to shrink to `quantity` in total (filled included), keeping its place in the queue."""

    quantity: Decimal
    at_ms: int


class Amended(msgspec.Struct, frozen=True, kw_only=True, tag="amended"):
    """The venue's word that the total quantity is now `quantity`. It only falls, so the smallest holds."""

    quantity: Decimal
    at_ms: int
    venue_order_id: str = ""


class ReplaceRequested(msgspec.Struct, frozen=True, kw_only=True, tag="replace-requested"):
    """A cancel-replace was asked for; `by` is the client order id of the order to take its place."""

    by: str
    at_ms: int


class ReplaceFailed(msgspec.Struct, frozen=True, kw_only=True, tag="replace-failed"):
    """The amend or the cancel half of a replace was refused; the order is queried for what it now is."""

    code: str
    text: str
    at_ms: int


class Canceled(msgspec.Struct, frozen=True, kw_only=True, tag="canceled"):
    at_ms: int
    venue_order_id: str = ""
    filled: Decimal | None = None  # the venue's cumulative quantity, when it said one


class Expired(msgspec.Struct, frozen=True, kw_only=True, tag="expired"):
    reason: str
    at_ms: int
    venue_order_id: str = ""
    filled: Decimal | None = None


class Completed(msgspec.Struct, frozen=True, kw_only=True, tag="completed"):
    """The venue says the order is wholly filled: the only way to know for one sized in quote money, and the
    word that counts when its fills have not been heard yet."""

    at_ms: int
    venue_order_id: str = ""
    filled: Decimal | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    code: str  # the venue's, as text: "-2010"
    text: str
    at_ms: int


class Dead(msgspec.Struct, frozen=True, kw_only=True, tag="dead"):
    proof: str
    at_ms: int


OrderEvent = (
    Intended
    | Denied
    | Sent
    | Uncertain
    | Accepted
    | Filled
    | Completed
    | CancelRequested
    | CancelFailed
    | AmendRequested
    | Amended
    | ReplaceRequested
    | ReplaceFailed
    | Canceled
    | Expired
    | Rejected
    | Dead
)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the fold of its events. Money is Decimal, times are epoch milliseconds of our clock."""

    client_order_id: str
    request: OrderRequest
    state: OrderState
    created_ms: int
    updated_ms: int
    venue_order_id: str = ""
    filled: Decimal = Decimal(0)
    filled_quote: Decimal = Decimal(0)
    fills: tuple[Fill, ...] = ()
    venue_filled: Decimal | None = None  # the venue's own total; beyond `filled` there are fills to fetch
    code: str = ""  # why it was denied, rejected or expired
    text: str = ""
    decidable_at_ms: int | None = None  # venue clock; set while SENT or UNKNOWN
    cancel_requested_ms: int = 0  # latest request and latest refusal: a request not yet refused is pending
    cancel_failed_ms: int = 0
    operator: str = ""
    key: str = ""
    replaces: str = ""
    allow_failure: bool = False
    replaced_by: str = ""
    parent: str = ""
    part: ListPart | None = None
    amended_quantity: Decimal | None = None  # the total it was shrunk to; None: never amended
    amendments: tuple[Decimal, ...] = ()  # every total it was shrunk to, the largest first
    amend_to: Decimal | None = None  # what the latest change asked for, when it was an amend
    replace_requested_ms: int = 0  # as with cancels: a request later than its latest refusal is pending
    replace_failed_ms: int = 0
