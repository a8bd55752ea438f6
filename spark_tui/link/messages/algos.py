"""Algos, reconciliation differences and drills."""

from decimal import Decimal

import msgspec

from spark_tui.link.messages.requests import StartAlgo


class AlgoRow(msgspec.Struct, frozen=True, kw_only=True, tag="algo"):
    """One algo as it now is. `state`: RUNNING, PAUSED, DONE, STOPPED, FAILED. `text`: what it waits
    for, or why it ended."""

    algo_id: str
    start: StartAlgo
    venue: str
    state: str
    filled: Decimal
    average_price: Decimal | None
    children: int
    open_child: str
    next_at_ms: int | None
    trigger_price: Decimal | None
    text: str
    created_ms: int
    native: bool = False  # worked by the venue itself


class Algos(msgspec.Struct, frozen=True, kw_only=True, tag="algos"):
    rows: tuple[AlgoRow, ...]  # newest first


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Local against venue, one line. `choices` is empty when it applied itself; `applied` says how."""

    difference_id: str  # the same difference has the same id in every pass
    kind: str  # stable: MISSED_FILL, ENDED_AT_VENUE, EXTERNAL_ORDER, VENUE_FORGOT, BALANCE, ...
    venue: str
    symbol: str
    client_order_id: str
    local: str
    remote: str
    choices: tuple[str, ...]
    applied: str
    at_ms: int


class Differences(msgspec.Struct, frozen=True, kw_only=True, tag="differences"):
    """The latest pass: what it found, and what still asks. `passes`: how many succeeded in this run."""

    rows: tuple[Difference, ...]
    passes: int
    last_ms: int
    running: bool


class DrillRow(msgspec.Struct, frozen=True, kw_only=True, tag="drill"):
    """A drill and its latest verdict. `state`: READY, RUNNING, PASSED, FAILED. `checks`: what was checked.

    While it runs the row is sent again at each step: `checks` grows and `text` says what is waited for.
    """

    name: str
    title: str
    faults: tuple[str, ...]
    state: str
    checks: tuple[tuple[str, bool], ...] = ()
    text: str = ""
    seed: int = 0
    seconds: float = 0.0


class Drills(msgspec.Struct, frozen=True, kw_only=True, tag="drills"):
    rows: tuple[DrillRow, ...]
