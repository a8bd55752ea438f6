"""The condition of engine, venues and streams."""

from decimal import Decimal

import msgspec

from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages.canary import Arming


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
    arming: Arming | None = None  # live trading, let go of


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
