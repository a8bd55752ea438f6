"""Canaries, and the arming of live trading that rests on them."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.link.messages.base import Request


class CanaryKind(StrEnum):
    RUN = "run"  # always dry
    CONFIRM = "confirm"  # one real order, outside live
    SOAK = "soak"  # one or the other, again and again


class CanaryVerdict(StrEnum):
    GREEN = "green"
    RED = "red"  # it was tried, and something was not as it must be
    REFUSED = "refused"  # it was not tried


# --- what a face may ask


class RunCanary(Request, frozen=True, tag="canary.run"):
    """Look at everything an order needs and have the venue validate it; nothing is placed. Without a
    `quantity` the smallest order the venue takes, without a `price` a MARKET order."""

    symbol: str
    side: Side = Side.BUY
    venue: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None


class ConfirmCanary(Request, frozen=True, tag="canary.confirm"):
    """Place the order of the latest run of this scope for real. `quantity` None: whatever that run had.
    `typed`: the symbol, as the operator typed it."""

    symbol: str
    typed: str
    side: Side = Side.BUY
    venue: str = ""
    quantity: Decimal | None = None


class SoakCanary(Request, frozen=True, tag="canary.soak"):
    """A health check and a canary every ten seconds. Not `dry`: each one's order is placed, and `typed` is
    needed as with a confirm."""

    symbol: str
    duration_s: float
    side: Side = Side.BUY
    venue: str = ""
    quantity: Decimal | None = None
    dry: bool = True
    typed: str = ""


class StopCanary(Request, frozen=True, tag="canary.stop"):
    """End the soak after the check it is at."""


class GetCanaries(Request, frozen=True, tag="canaries"):
    """The latest canaries, and what live trading still lacks."""


class ArmLive(Request, frozen=True, tag="live.arm"):
    """Let orders leave for real money: in `symbols`, for `cap` USDT in all, for `minutes`. `phrase` says the
    same in words and is typed by a person."""

    symbols: tuple[str, ...]
    cap: Decimal
    minutes: int
    phrase: str


class DisarmLive(Request, frozen=True, tag="live.disarm"):
    reason: str = "operator"


# --- what the engine answers


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of a soak measured; None: not measured. `feed_age_s`: since anything was heard of the
    symbol. `test_latency_s`: of order/test, `order_latency_s`: of a real order. `clock_offset_ms`: the
    venue's clock less ours."""

    feed_age_s: float | None = None
    test_latency_s: float | None = None
    order_latency_s: float | None = None
    clock_offset_ms: int | None = None


class CanaryFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of a soak in figures; None: never measured. `checks` were made, `healthy` of them were
    green; `orders` were real and answered. A worst clock offset is the one furthest from zero."""

    checks: int = 0
    healthy: int = 0
    feed_age_worst_s: float | None = None
    test_latency_worst_s: float | None = None
    clock_offset_worst_ms: int | None = None
    orders: int = 0
    order_latency_min_s: float | None = None
    order_latency_median_s: float | None = None
    order_latency_p95_s: float | None = None
    order_latency_worst_s: float | None = None


class CanaryCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `code` is stable and empty when `ok`. `measured`: on a soak's."""

    name: str
    ok: bool
    text: str
    code: str = ""
    measured: Measured | None = None


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What an order costs: as expected before, as it was after. `fees` by asset."""

    price: Decimal | None
    quantity: Decimal | None
    notional: Decimal | None
    fees: dict[str, Decimal]
    slippage_bp: Decimal | None  # worse than the middle of the book is positive
    latency_s: float | None = None


class CanaryRow(msgspec.Struct, frozen=True, kw_only=True, tag="canary"):
    """One canary and its verdict. `notional_usdt`: at the prices of then. `rests_on`: the run a confirm
    confirmed. `residue`: what is not as it must be after the order's end, in sentences."""

    run_id: str
    kind: CanaryKind
    verdict: CanaryVerdict
    reasons: tuple[str, ...]
    venue: str
    environment: Environment
    symbol: str
    side: Side
    operator: str
    at_ms: int
    config_hash: str
    order_type: OrderType = OrderType.MARKET
    quantity: Decimal | None = None
    price: Decimal | None = None
    notional_usdt: Decimal | None = None
    checks: tuple[CanaryCheck, ...] = ()
    bundle: str = ""  # path of the evidence
    bundle_sha256: str = ""
    expected: Execution | None = None
    actual: Execution | None = None
    latencies_s: tuple[float, ...] = ()  # of each order and each validation
    rests_on: str = ""
    client_order_id: str = ""
    state: str = ""
    residue: tuple[str, ...] = ()
    figures: CanaryFigures | None = None  # of a soak


class Soaking(msgspec.Struct, frozen=True, kw_only=True):
    """A soak on its way. `planned`: checks until its end. `latest`: None before the first one."""

    run_id: str
    venue: str
    symbol: str
    side: Side
    dry: bool
    began_ms: int
    duration_s: float
    planned: int
    figures: CanaryFigures
    latest: CanaryCheck | None = None


class Arming(msgspec.Struct, frozen=True, kw_only=True):
    """Live trading, let go of. `used`: USDT that orders took of the cap so far, None where it cannot be
    told. `lapsed`: why it no longer counts although it has not expired."""

    symbols: tuple[str, ...]
    cap: Decimal
    expires_ms: int
    operator: str
    used: Decimal | None = None
    lapsed: str = ""


class Canaries(msgspec.Struct, frozen=True, kw_only=True, tag="canaries"):
    """Newest first. `config_hash`: of the configuration in force. `signer`: fingerprint of the evidence key.
    `running`: the canary being tried now; `soaking`: when that is a soak. `not_armable`: why live trading
    cannot be armed now."""

    rows: tuple[CanaryRow, ...]
    config_hash: str
    signer: str
    fresh_s: float  # how long a run may be confirmed
    cap_usdt: Decimal
    running: str
    not_armable: str
    arming: Arming | None
    time_ms: int
    soaking: Soaking | None = None
