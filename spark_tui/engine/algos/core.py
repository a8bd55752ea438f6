"""What an algo does next: a pure function of its state, of what it sees, and of the time."""

from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import ZERO, ceil_to, divide_down, plain
from spark_tui.domain.order import OrderRequest, OrderState
from spark_tui.domain.values import Side
from spark_tui.engine.algos.state import (
    ENDED,
    EQUAL_FAILURES,
    AlgoState,
    Ended,
    Fact,
    Paused,
    Phase,
    Resumed,
    StopAsked,
    apply,
)

_WORKING: Final = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})


# --- what an algo is told ---------------------------------------------------------------------------------


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look around. Prices only from a usable book, else `why` there are none; `halted` and `hold`: why nothing
    may leave at all, or not just now."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    why: str = ""
    halted: str = ""
    hold: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


Event = Look | Pause | Resume | Stop


# --- what it wants done -----------------------------------------------------------------------------------


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Record it; the returned state has it already."""

    fact: Fact


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Child number `number`: its key, so that no number is ever sent twice."""

    number: int
    request: OrderRequest


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing now: `text` says for what, `until_ms` when it will look further, where that is known."""

    text: str
    until_ms: int | None = None


Command = Note | Submit | Cancel | Wait
Decision = Fact | OrderRequest | Wait  # what one kind of algo wants next


def step(state: AlgoState, event: Event, now_ms: int) -> tuple[AlgoState, tuple[Command, ...]]:
    """The state after `event`, and what is to be done. At most one child is under way at any time."""
    commands: list[Command] = []
    if state.phase in ENDED:
        return state, ()
    if not isinstance(event, Look):
        fact = _asked(state, event)
        return (state, ()) if fact is None else (apply(state, fact, now_ms), (Note(fact=fact),))
    while True:
        decision = _decide(state, event, now_ms)
        if isinstance(decision, OrderRequest):
            commands.append(Submit(number=state.children + 1, request=decision))
        elif isinstance(decision, Wait):
            commands.append(decision)
        else:
            commands.append(Note(fact=decision))
            state = apply(state, decision, now_ms)
            if state.phase not in ENDED:
                continue
        return state, (*commands, *_recalls(state))


def least(state: AlgoState, price: Decimal) -> Decimal:
    """The smallest child the venue takes at `price`."""
    plan = state.plan
    by_money = ceil_to(divide_down(plan.least_notional, price), plan.step) if price > 0 else ZERO
    return max(plan.least_quantity, by_money, plan.step)


def take_price(state: AlgoState, look: Look) -> Decimal | None:
    """What an order that trades at once would meet."""
    return look.ask if state.start.side is Side.BUY else look.bid


def progress(state: AlgoState) -> str:
    return f"{plain(state.filled)} of {plain(state.start.quantity)} filled"


def _asked(state: AlgoState, event: Pause | Resume | Stop) -> Fact | None:
    match event:
        case Pause() if state.phase is Phase.RUNNING or (state.phase is Phase.PAUSED and not state.recalled):
            return Paused(reason=f"paused by {event.operator}", recall=True)
        case Resume() if state.phase is Phase.PAUSED:
            return Resumed(operator=event.operator)
        case Stop() if state.phase is not Phase.STOPPING:
            return StopAsked(operator=event.operator)
    return None


def _decide(state: AlgoState, look: Look, now_ms: int) -> Decision:
    if look.halted and state.phase is Phase.RUNNING:
        return Paused(reason=f"trading is halted: {look.halted}; resume the algo when trading goes on", recall=False)
    if state.open:
        return Wait(text=_about(state))
    if state.filled >= state.start.quantity:
        return Ended(phase=Phase.DONE, text="all of it is filled")
    if state.phase is Phase.STOPPING:
        return Ended(phase=Phase.STOPPED, text=f"{state.text}; {progress(state)}")
    if state.interrupted and state.phase is Phase.RUNNING:
        text = f"order {state.interrupted} was cancelled by somebody else; resume or stop the algo"
        return Paused(reason=text, recall=False)
    if state.phase is Phase.PAUSED:
        return Wait(text=state.text)
    if state.remaining == 0:
        return Ended(phase=Phase.DONE, text=f"{progress(state)}; nothing more can be ordered")
    if state.failures >= EQUAL_FAILURES:
        code, why = state.failure_code, state.failure_text
        text = f"refused {state.failures} times in a row with {code}: {why}; {progress(state)}"
        return Ended(phase=Phase.FAILED, text=text)
    if now_ms < state.retry_at_ms:
        why = state.failure_text or "a refusal that passes"
        return Wait(text=f"tries again shortly after {why}", until_ms=state.retry_at_ms)
    if look.hold:
        return Wait(text=look.hold)
    return _WORKERS[state.start.kind](state, look, now_ms)


def _about(state: AlgoState) -> str:
    """What is under way."""
    child = state.open[0]
    if child.state in (OrderState.UNKNOWN, OrderState.SENT, OrderState.NEW):
        return f"waits for proof of what became of order {child.client_order_id}"
    if child.pulled:
        return f"{state.text}; order {child.client_order_id} is being cancelled"
    return f"order {child.client_order_id} is working" if not state.text else state.text


def _recalls(state: AlgoState) -> tuple[Cancel, ...]:
    """Children to take back."""
    return tuple(
        Cancel(client_order_id=child.client_order_id)
        for child in state.open
        if child.pulled and child.state in _WORKING
    )


from spark_tui.engine.algos.workers import WORKERS as _WORKERS  # noqa: E402 - they use what is above
