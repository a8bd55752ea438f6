"""An algo as the fold of ledger records: what was asked, what happened to it and to its children.

`committed` is the worst its children may come to: what they filled and what may still fill. A new child takes
at most what is left of the whole, so an algo cannot trade more than was asked whatever is lost or comes late.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import EXACT, ZERO, add, floor_to
from spark_tui.domain.order import NEVER_LIVED, Order, OrderState
from spark_tui.domain.values import TimeInForce
from spark_tui.link.messages import StartAlgo

EQUAL_FAILURES: Final = 3  # refusals with one code in a row that make an algo fail
_BACKOFF_MS: Final = (2_000, 5_000, 10_000)
PASSING: Final = frozenset(
    {
        "RECONCILING",
        "BOOK_UNUSABLE",
        "ORDER_RATE",
        "CANCEL_RATE",
        "COOL_DOWN",
        "NO_FIGURE",
        "TRADING_HOURS",
        "VENUE_ORDER_LIMIT",
        "HALTED",
        "WITHDRAWN",
        "STOPPING",
    }
)  # our own refusals that time lifts: waited for, not counted
_PASSING_MS: Final = 5_000


class Phase(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"  # asked to stop; a child is still open
    DONE = "DONE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


ENDED: Final = frozenset({Phase.DONE, Phase.STOPPED, Phase.FAILED})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was worked out at the start, so that a restart needs no instrument. `native`: one order that the
    venue works. `due_ms` and `end_ms` count from the start."""

    native: bool
    step: Decimal  # quantity step, above 0
    least_quantity: Decimal
    least_notional: Decimal  # quote money; 0: no rule
    slices: tuple[Decimal, ...] = ()
    due_ms: tuple[int, ...] = ()
    end_ms: int = 0


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """An open order of the algo's. `pulled`: the algo itself takes it back."""

    client_order_id: str
    state: OrderState
    pulled: bool = False


class AlgoState(msgspec.Struct, frozen=True, kw_only=True):
    algo_id: str
    start: StartAlgo
    venue: str
    operator: str
    plan: Plan
    created_ms: int
    phase: Phase = Phase.RUNNING
    text: str = ""  # why it is paused or ended
    recalled: bool = False  # paused by the operator: open children are taken back
    paused_ms: int = 0
    shift_ms: int = 0  # how long it was paused in all: its schedule moves by that much
    children: int = 0  # ever intended; the next one is number `children + 1`
    open: tuple[Child, ...] = ()
    last_child_ms: int = 0
    last_filled: bool = False  # whether the latest child got anything
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    committed: Decimal = ZERO
    failures: int = 0
    failure_code: str = ""
    failure_text: str = ""
    retry_at_ms: int = 0
    interrupted: str = ""  # the child somebody else cancelled
    best: Decimal | None = None
    triggered: bool = False

    @property
    def remaining(self) -> Decimal:
        """What a new child may take at most, on the step."""
        return floor_to(max(EXACT.subtract(self.start.quantity, self.committed), ZERO), self.plan.step)


# --- what happens to an algo; each is a ledger entry ------------------------------------------------------


class Paused(msgspec.Struct, frozen=True, kw_only=True, tag="paused"):
    """`recall`: its open children are cancelled too."""

    reason: str
    recall: bool


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag="resumed"):
    operator: str


class StopAsked(msgspec.Struct, frozen=True, kw_only=True, tag="stop-asked"):
    operator: str


class BestSeen(msgspec.Struct, frozen=True, kw_only=True, tag="best-seen"):
    """Trailing: the price it trails from."""

    price: Decimal


class Triggered(msgspec.Struct, frozen=True, kw_only=True, tag="triggered"):
    price: Decimal


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    phase: Phase
    text: str


class ClockStepped(msgspec.Struct, frozen=True, kw_only=True, tag="clock-stepped"):
    """Our wall clock was set ahead by so much, or back: every moment known in it moves along, so that no
    slice leaves early or late for it."""

    by_ms: int


Fact = Paused | Resumed | StopAsked | BestSeen | Triggered | Ended | ClockStepped


def apply(state: AlgoState, fact: Fact, at_ms: int) -> AlgoState:
    """Fold one fact in. An algo that ended stays as it ended."""
    if state.phase in ENDED:
        return state
    change = msgspec.structs.replace
    match fact:
        case Paused():
            paused_ms = state.paused_ms if state.phase is Phase.PAUSED else at_ms
            paused = change(
                state,
                phase=Phase.PAUSED,
                text=fact.reason,
                recalled=state.recalled or fact.recall,
                paused_ms=paused_ms,
            )
            return _pull(paused) if fact.recall else paused
        case Resumed():
            return change(
                state,
                phase=Phase.RUNNING,
                text="",
                recalled=False,
                shift_ms=state.shift_ms + max(at_ms - state.paused_ms, 0),
                failures=0,
                failure_code="",
                failure_text="",
                retry_at_ms=0,
                interrupted="",
            )
        case StopAsked():
            return _pull(change(state, phase=Phase.STOPPING, text=f"stopped by {fact.operator}"))
        case BestSeen():
            return change(state, best=fact.price)
        case Triggered():
            return change(state, triggered=True)
        case Ended():
            return change(state, phase=fact.phase, text=fact.text)
        case ClockStepped():
            return change(
                state,
                shift_ms=state.shift_ms + fact.by_ms,
                paused_ms=state.paused_ms + fact.by_ms,
                last_child_ms=state.last_child_ms + fact.by_ms,
                retry_at_ms=state.retry_at_ms + fact.by_ms if state.retry_at_ms else 0,
            )


def on_child(state: AlgoState, before: Order | None, after: Order) -> AlgoState:
    """Fold one event of a child in: what it was, if it was, and what it is."""
    known = next((child for child in state.open if child.client_order_id == after.client_order_id), None)
    others = tuple(child for child in state.open if child is not known)
    moved = msgspec.structs.replace(
        state,
        open=others,
        filled=add(state.filled, _grown(before, after, "filled")),
        filled_quote=add(state.filled_quote, _grown(before, after, "filled_quote")),
        committed=add(state.committed, EXACT.subtract(worst(after), worst(before))),
    )
    if before is None:
        moved = msgspec.structs.replace(
            moved, children=state.children + 1, last_child_ms=after.created_ms, last_filled=False
        )
    elif after.filled > before.filled:
        moved = msgspec.structs.replace(
            moved, last_filled=True, failures=0, failure_code="", failure_text="", retry_at_ms=0
        )
    if lifecycle.is_open(after.state):
        child = Child(
            client_order_id=after.client_order_id,
            state=after.state,
            pulled=known.pulled if known else state.recalled or state.phase is Phase.STOPPING,
        )
        return msgspec.structs.replace(moved, open=(*others, child))
    if known is None:
        return moved  # late words about a child that was closed before
    return _closed(moved, known, after)


def worst(order: Order | None) -> Decimal:
    """The most an order can come to: what it filled and what may still fill."""
    return ZERO if order is None else add(order.filled, lifecycle.exposure(order))


def _closed(state: AlgoState, child: Child, order: Order) -> AlgoState:
    """How a child ended. An IOC order that found no price has not failed."""
    if order.state is OrderState.CANCELED and not child.pulled:
        return msgspec.structs.replace(state, interrupted=order.client_order_id)
    empty = order.state is OrderState.EXPIRED and order.filled == 0
    patient = order.request.time_in_force is TimeInForce.IOC
    refused = order.state in NEVER_LIVED
    if child.pulled or not (refused or (empty and not patient)):
        return state
    code = order.code or order.state
    if order.state is OrderState.DENIED and code in PASSING:
        return msgspec.structs.replace(state, retry_at_ms=order.updated_ms + _PASSING_MS)
    failures = state.failures + 1 if code == state.failure_code else 1
    wait_ms = _BACKOFF_MS[min(failures, len(_BACKOFF_MS)) - 1]
    return msgspec.structs.replace(
        state,
        failures=failures,
        failure_code=code,
        failure_text=order.text or str(order.state),
        retry_at_ms=order.updated_ms + wait_ms,
    )


def _pull(state: AlgoState) -> AlgoState:
    return msgspec.structs.replace(
        state, open=tuple(msgspec.structs.replace(child, pulled=True) for child in state.open)
    )


def _grown(before: Order | None, after: Order, field: str) -> Decimal:
    old: Decimal = getattr(before, field) if before is not None else ZERO
    new: Decimal = getattr(after, field)
    return EXACT.subtract(new, old)
