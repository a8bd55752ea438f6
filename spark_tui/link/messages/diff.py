"""Paper twins: what became of an order beside what the paper rules say should have."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.link.messages.base import Request


class DiffGrade(StrEnum):
    """How near order and twin are: the worst of price, fill and time. NONE: nothing can be told yet."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    NONE = "-"


class Ungraded(StrEnum):
    """Why an order that has ended has no grade and is not in the total."""

    NO = ""
    NOTHING = "nothing filled"  # neither of the two
    CUT = "cut off"  # the engine stopped while the twin ran


class GetDiff(Request, frozen=True, tag="diff"):
    """Answered with `Diff`."""


class ReportDiff(Request, frozen=True, tag="diff.report"):
    """Write the report beside the ledger. Answered with `Diff`, which says where."""


class DiffSide(msgspec.Struct, frozen=True, kw_only=True):
    """The order's own fate, or its twin's. `slippage_bp`: of the average price against the middle of the book
    when it was sent, positive when it cost. `seconds`: from sending to the last fill."""

    filled: Decimal = Decimal(0)
    average_price: Decimal | None = None
    slippage_bp: Decimal | None = None
    seconds: float | None = None
    state: str = ""


class DiffRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order. Differences are order less twin; `price_error_bp` is positive when the order did worse and
    earns `price_grade` alone."""

    client_order_id: str
    venue: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    at_ms: int
    running: bool
    order: DiffSide
    twin: DiffSide
    # of the quantity asked for: -0.5 is half of it unfilled that the twin filled; None: the twin was cut off
    fill_difference: Decimal | None
    price_error_bp: Decimal | None
    time_difference_s: float | None
    grade: DiffGrade
    price_grade: DiffGrade = DiffGrade.NONE
    ungraded: Ungraded = Ungraded.NO


class DiffTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Of the orders that are compared: ended, and not `ungraded`. Prices are weighted by what was traded,
    times are medians; `price_grade` is of the errors' size, so that opposite ones do not cancel out."""

    orders: int = 0
    running: int = 0
    ungraded: int = 0
    skipped: int = 0  # orders without a twin: no book to begin from, or too many at once
    fill_ratio: Decimal | None = None
    twin_fill_ratio: Decimal | None = None
    slippage_bp: Decimal | None = None
    twin_slippage_bp: Decimal | None = None
    price_error_bp: Decimal | None = None
    seconds: float | None = None
    twin_seconds: float | None = None
    grade: DiffGrade = DiffGrade.NONE
    price_grade: DiffGrade = DiffGrade.NONE


class Diff(msgspec.Struct, frozen=True, kw_only=True, tag="diff"):
    """Newest first. `why_not`: why this engine makes no twins. `path`: the report that was written."""

    environment: Environment
    since_ms: int
    total: DiffTotal
    rows: tuple[DiffRow, ...]
    why_not: str = ""
    path: str = ""
