"""The whole vocabulary between the engine and its faces: requests, results, events, and their frames.

On the wire each frame is one msgpack-encoded `ClientFrame` or `ServerFrame`. Decimals travel as text.
Market numbers are float and are for eyes only; a price that enters an order is quantised to Decimal first.
"""

from decimal import Decimal

import msgspec

from spark_tui.domain.account import Balance, Position
from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle
from spark_tui.domain.order import Fill, Order
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import Environment, OrderType, Side, TimeInForce, TradingState

PROTOCOL = 1  # raised whenever a frame changes shape; a face of another number is refused with a sentence


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """Base of everything a face may ask."""


# --- commands ----------------------------------------------------------------------------------------------


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
    key: str = ""  # idempotency key: the same key with the same body answers the same order again


class PreviewOrder(Request, frozen=True, tag="order.preview"):
    """What the gate would say, without an intent; same fields as SubmitOrder."""

    order: SubmitOrder


class CancelOrder(Request, frozen=True, tag="order.cancel"):
    client_order_id: str


class CancelAll(Request, frozen=True, tag="order.cancel-all"):
    symbol: str = ""  # empty: every symbol with an open order
    venue: str = ""


class Kill(Request, frozen=True, tag="kill"):
    """Halt, then cancel everything."""

    reason: str = "operator"


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


# --- queries -----------------------------------------------------------------------------------------------


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


class GetRules(Request, frozen=True, tag="rules"):
    pass


AnyRequest = (
    SubmitOrder
    | PreviewOrder
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
)


# --- what comes back, and what is pushed. One type serves both wherever the content is the same -------------


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """An order as it now is. Never conflated, never dropped. `external`: placed outside this engine."""

    order: Order
    external: bool = False
    replayed: bool = False  # answered again for a known idempotency key


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue: str
    symbol: str
    side: Side
    fill: Fill


class Fills(msgspec.Struct, frozen=True, kw_only=True, tag="fills"):
    """Oldest first. As an event: the new ones only."""

    rows: tuple[FillRow, ...]


class Orders(msgspec.Struct, frozen=True, kw_only=True, tag="orders"):
    rows: tuple[OrderUpdate, ...]  # newest first


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    position: Position
    mark: float | None  # None when the book is unusable
    unrealised: Decimal | None
    quote: str


class Positions(msgspec.Struct, frozen=True, kw_only=True, tag="positions"):
    rows: tuple[PositionRow, ...]


class Balances(msgspec.Struct, frozen=True, kw_only=True, tag="balances"):
    """Per venue; `equity` and `day_pnl` in USDT terms, None while any needed price is unusable."""

    rows: dict[str, tuple[Balance, ...]]
    equity: Decimal | None
    day_pnl: Decimal | None


class TickerRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One watchlist line. `age_s`: seconds since anything was heard of this symbol, by the engine's clock."""

    venue: str
    symbol: str
    last: float
    change_percent: float
    bid: float
    ask: float
    high: float
    low: float
    quote_volume: float
    age_s: float
    usable: bool  # the book can be priced from
    spark: tuple[float, ...] = ()  # recent one-minute closes, oldest first


class Tickers(msgspec.Struct, frozen=True, kw_only=True, tag="tickers"):
    """As an event: the rows that changed only."""

    rows: tuple[TickerRow, ...]


class DepthRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    price: float
    quantity: float
    own: float = 0.0  # our resting quantity at this price


class BookView(msgspec.Struct, frozen=True, kw_only=True, tag="book"):
    """Depth of one instrument, best first. When not `usable`, `why` says so (gap, crossed, stale, syncing)
    and the levels are empty: a wrong book cannot be shown as a price."""

    venue: str
    symbol: str
    usable: bool
    why: str
    bids: tuple[DepthRow, ...]
    asks: tuple[DepthRow, ...]
    update_id: int
    age_s: float


class TradeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    trade_id: int
    price: float
    quantity: float
    time_ms: int
    buyer_is_maker: bool


class TradesView(msgspec.Struct, frozen=True, kw_only=True, tag="trades"):
    """The last trades of the focused instrument, newest first (at most 50)."""

    venue: str
    symbol: str
    rows: tuple[TradeRow, ...]


class CandlesView(msgspec.Struct, frozen=True, kw_only=True, tag="candles"):
    """Candles of the focused instrument, oldest first. As an event: `whole` says replace, otherwise merge by
    open time."""

    venue: str
    symbol: str
    interval: str
    rows: tuple[Candle, ...]
    whole: bool


class VenueRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    environment: Environment
    state: str  # up | degraded | down | connecting
    age_s: float | None
    clock_offset_ms: float | None
    weight: WeightGauge
    detail: str = ""


class Venues(msgspec.Struct, frozen=True, kw_only=True, tag="venues"):
    rows: tuple[VenueRow, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """The status bar in one value, pushed at 1 Hz and on every change of trading state."""

    environment: Environment
    data_badge: str  # Real | Mock | Replay
    trading_state: TradingState
    halt_reason: str
    reconciling: bool
    venues: tuple[VenueRow, ...]
    open_orders: int
    unknown_orders: int
    day_pnl: Decimal | None
    equity: Decimal | None
    time_ms: int  # venue clock
    pid: int
    data_dir: str
    run: str
    uptime_s: float
    faces: int
    metrics_port: int  # 0 when off
    notes: tuple[str, ...] = ()  # standing conditions worth a line: "ledger: disk full"


class Health(msgspec.Struct, frozen=True, kw_only=True, tag="health"):
    streams: tuple[StreamHealth, ...]
    weights: dict[str, WeightGauge]  # by venue
    ledger_entries: int
    ledger_lag_ms: float  # last write's time to durable
    tape_frames: int
    tape_lag_ms: float
    tape_queue: int
    tape_dropped: int
    tape_bytes: int
    rss_bytes: int
    loop_lag_ms: float
    notes: tuple[str, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """One line of the log, already fit for an operator: no traceback, no secret."""

    time_ms: int
    level: str  # info | good | warn | bad
    text: str
    client_order_id: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True, tag="preview"):
    """The ticket's answer. `order` is what would be sent after quantising, `changes` what that changed."""

    ok: bool
    verdicts: tuple[Verdict, ...]
    order: SubmitOrder
    changes: tuple[str, ...]
    notional: Decimal | None
    fee: Decimal | None
    fee_asset: str
    slippage_bp: float | None
    reason: str  # first failing verdict's text, empty when ok


class CancelAllResult(msgspec.Struct, frozen=True, kw_only=True, tag="cancel-all"):
    canceled: tuple[str, ...]  # client order ids
    left: tuple[str, ...]
    errors: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True, tag="rules"):
    """The guard's limits as rows to read."""

    rows: tuple[Verdict, ...]


class Instruments(msgspec.Struct, frozen=True, kw_only=True, tag="instruments"):
    rows: tuple[Instrument, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    pass


Result = (
    OrderUpdate
    | Orders
    | Fills
    | Positions
    | Balances
    | Tickers
    | BookView
    | Venues
    | Status
    | Health
    | Preview
    | CancelAllResult
    | Rules
    | Instruments
    | Done
)

Event = (
    OrderUpdate
    | Fills
    | Positions
    | Balances
    | Tickers
    | BookView
    | TradesView
    | CandlesView
    | Status
    | Health
    | Notice
)


# --- frames ------------------------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First frame of a face. `rate_hz`: how often market data may be pushed to it; 0 = no events at all."""

    protocol: int
    face: str  # "cockpit", "do", ...
    operator: str
    rate_hz: float = 5.0


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    id: int
    request: AnyRequest


ClientFrame = Hello | Ask


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag="reply"):
    id: int
    result: Result


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag="failure"):
    """`id` 0: about the connection itself (wrong protocol, too slow). `code` is stable."""

    id: int
    code: str
    text: str


class Push(msgspec.Struct, frozen=True, kw_only=True, tag="push"):
    events: tuple[Event, ...]


ServerFrame = Reply | Failure | Push
