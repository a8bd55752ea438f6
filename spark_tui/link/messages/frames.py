"""What travels: results, events, and the frames around them."""

import msgspec

from spark_tui.link.messages.algos import AlgoRow, Algos, Differences, DrillRow, Drills
from spark_tui.link.messages.audit import Audit
from spark_tui.link.messages.canary import Canaries, CanaryRow
from spark_tui.link.messages.condition import Health, Notice, Status, Venues
from spark_tui.link.messages.diff import Diff
from spark_tui.link.messages.market import BookView, CandlesView, Tickers, TradesView
from spark_tui.link.messages.orders import (
    Balances,
    CancelAllResult,
    Done,
    Fills,
    Instruments,
    OrderList,
    Orders,
    OrderUpdate,
    Positions,
    Preview,
    TestResult,
)
from spark_tui.link.messages.pnl import EquityCurve, Explanation, Pnl
from spark_tui.link.messages.previews import AlgoPreview, AmendPreview, ListPreview
from spark_tui.link.messages.requests import AnyRequest
from spark_tui.link.messages.rules import Rules

PROTOCOL = 5  # raised whenever a frame changes shape; a face of another number is refused with a sentence


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
    | ListPreview
    | AlgoPreview
    | AmendPreview
    | CancelAllResult
    | Rules
    | Instruments
    | TestResult
    | OrderList
    | AlgoRow
    | Algos
    | Differences
    | DrillRow
    | Drills
    | CanaryRow
    | Canaries
    | Audit
    | Diff
    | Pnl
    | EquityCurve
    | Explanation
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
    | AlgoRow
    | Differences
    | DrillRow
    | CanaryRow
)


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
