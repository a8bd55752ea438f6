"""What a face may ask: commands and queries."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.values import LegRole, ListKind, OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.link.messages.audit import GetAudit
from spark_tui.link.messages.base import Request
from spark_tui.link.messages.canary import (
    ArmLive,
    ConfirmCanary,
    DisarmLive,
    GetCanaries,
    RunCanary,
    SoakCanary,
    StopCanary,
)
from spark_tui.link.messages.diff import GetDiff, ReportDiff
from spark_tui.link.messages.pnl import GetEquity, GetExplanation, GetPnl, PriceFills, RecordFlow
from spark_tui.link.messages.rules import DeleteRule, DisableRule, EnableRule, GetRules, PutRule


class SubmitOrder(Request, frozen=True, tag="order.submit"):
    symbol: str
    side: Side
    type: OrderType
    venue: str = ""  # empty: the only venue, or the one that lists the symbol
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg_quantity: Decimal | None = None
    time_in_force: TimeInForce | None = None
    self_trade_prevention: SelfTradePrevention | None = None
    key: str = ""  # idempotency key: the same key with the same body answers the same order again


class PreviewOrder(Request, frozen=True, tag="order.preview"):
    """What the gate would say to it, without an intent. `as_asked`: judged as it stands; otherwise put on the
    instrument's grid first, as the ticket does. So it is with every preview."""

    order: SubmitOrder
    as_asked: bool = False


class CancelOrder(Request, frozen=True, tag="order.cancel"):
    client_order_id: str


class TestOrder(Request, frozen=True, tag="order.test"):
    """Gate and the venue's own validation, nothing placed."""

    order: SubmitOrder


class AmendOrder(Request, frozen=True, tag="order.amend"):
    """Shrink to `quantity` in total, keeping the place in the queue."""

    client_order_id: str
    quantity: Decimal


class ReplaceOrder(Request, frozen=True, tag="order.replace"):
    """Cancel `client_order_id` and place `order` in one call. `allow_failure`: place it even when the old one
    cannot be cancelled (then both may be live)."""

    client_order_id: str
    order: SubmitOrder
    allow_failure: bool = False


class PreviewAmend(Request, frozen=True, tag="order.amend.preview"):
    amend: AmendOrder


class PreviewReplace(Request, frozen=True, tag="order.replace.preview"):
    replace: ReplaceOrder
    as_asked: bool = False


class SubmitLeg(msgspec.Struct, frozen=True, kw_only=True):
    role: LegRole
    order: SubmitOrder


class SubmitList(Request, frozen=True, tag="list.submit"):
    """OCO: ABOVE, BELOW. OTO: WORKING, PENDING. OTOCO: WORKING, PENDING_ABOVE, PENDING_BELOW. One symbol."""

    kind: ListKind
    legs: tuple[SubmitLeg, ...]
    key: str = ""


class PreviewList(Request, frozen=True, tag="list.preview"):
    submit: SubmitList
    as_asked: bool = False


class CancelList(Request, frozen=True, tag="list.cancel"):
    list_id: str


class AlgoKind(StrEnum):
    TWAP = "TWAP"
    ICEBERG = "ICEBERG"
    TRAILING = "TRAILING"


class StartAlgo(Request, frozen=True, tag="algo.start"):
    """An order worked by the engine. Durations in seconds, jitter as a share (0.2 = 20 %).

    TWAP: `quantity` in `slices` over `duration_s`, each at market or, with `limit_price`, as LIMIT IOC.
    ICEBERG: `quantity` shown `display` at a time at `limit_price`.
    TRAILING: sells (buys) `quantity` at market once price falls (rises) `trail_bp` bp from its best.
    """

    kind: AlgoKind
    symbol: str
    side: Side
    quantity: Decimal
    venue: str = ""
    duration_s: float | None = None
    slices: int | None = None
    jitter: float = 0.0
    limit_price: Decimal | None = None
    display: Decimal | None = None
    trail_bp: int | None = None
    key: str = ""


class PreviewAlgo(Request, frozen=True, tag="algo.preview"):
    start: StartAlgo
    as_asked: bool = False


class PauseAlgo(Request, frozen=True, tag="algo.pause"):
    algo_id: str


class ResumeAlgo(Request, frozen=True, tag="algo.resume"):
    algo_id: str


class StopAlgo(Request, frozen=True, tag="algo.stop"):
    """Ends it and cancels its open children."""

    algo_id: str


class Reconcile(Request, frozen=True, tag="reconcile"):
    """Compare with the venue now and answer the differences."""


class ResolveDifference(Request, frozen=True, tag="difference.resolve"):
    """Settle a difference that asks: `choice` is one of its `choices`."""

    difference_id: str
    choice: str


class RunDrill(Request, frozen=True, tag="drill.run"):
    """Have the simulator cause a fault, watch the engine cope, and give a verdict. SIM only."""

    name: str
    seed: int = 1


class GetAlgos(Request, frozen=True, tag="algos"):
    pass


class GetDifferences(Request, frozen=True, tag="differences"):
    pass


class GetDrills(Request, frozen=True, tag="drills"):
    """The drills there are, and the verdicts so far."""


class CancelAll(Request, frozen=True, tag="order.cancel-all"):
    symbol: str = ""  # empty: every symbol with an open order
    venue: str = ""


class Kill(Request, frozen=True, tag="kill"):
    """Halt, then cancel everything. `mark`: what `spark-tui kill` left in the data directory, for the ledger
    to name once it has the kill."""

    reason: str = "operator"
    mark: str = ""


class Resume(Request, frozen=True, tag="resume"):
    """Lift a halt; needs a reason."""

    reason: str


class Focus(Request, frozen=True, tag="focus"):
    """Which instrument and candle interval this face looks at: depth, trades and candles follow."""

    symbol: str
    interval: str = "1m"
    venue: str = ""


class StopEngine(Request, frozen=True, tag="engine.stop"):
    pass


class GetOrders(Request, frozen=True, tag="orders"):
    symbol: str = ""
    open_only: bool = False
    limit: int = 500


class GetOrder(Request, frozen=True, tag="order"):
    client_order_id: str


class GetFills(Request, frozen=True, tag="fills"):
    symbol: str = ""
    limit: int = 500


class GetPositions(Request, frozen=True, tag="positions"):
    pass


class GetBalances(Request, frozen=True, tag="balances"):
    pass


class GetBook(Request, frozen=True, tag="book"):
    symbol: str
    depth: int = 20
    venue: str = ""


class GetTickers(Request, frozen=True, tag="tickers"):
    pass


class GetInstruments(Request, frozen=True, tag="instruments"):
    pass


class GetVenues(Request, frozen=True, tag="venues"):
    pass


class GetStatus(Request, frozen=True, tag="status"):
    pass


class GetHealth(Request, frozen=True, tag="health"):
    pass


AnyRequest = (
    SubmitOrder
    | GetAudit
    | GetDiff
    | ReportDiff
    | TestOrder
    | AmendOrder
    | ReplaceOrder
    | SubmitList
    | CancelList
    | StartAlgo
    | PauseAlgo
    | ResumeAlgo
    | StopAlgo
    | Reconcile
    | ResolveDifference
    | RunDrill
    | PutRule
    | EnableRule
    | DisableRule
    | DeleteRule
    | RunCanary
    | ConfirmCanary
    | SoakCanary
    | StopCanary
    | GetCanaries
    | ArmLive
    | DisarmLive
    | GetAlgos
    | GetDifferences
    | GetDrills
    | PreviewOrder
    | PreviewAmend
    | PreviewReplace
    | PreviewList
    | PreviewAlgo
    | CancelOrder
    | CancelAll
    | Kill
    | Resume
    | Focus
    | StopEngine
    | GetOrders
    | GetOrder
    | GetFills
    | GetPositions
    | GetBalances
    | GetBook
    | GetTickers
    | GetInstruments
    | GetVenues
    | GetStatus
    | GetHealth
    | GetRules
    | GetPnl
    | GetEquity
    | GetExplanation
    | RecordFlow
    | PriceFills
)
