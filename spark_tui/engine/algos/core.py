"""What an algo does next: a pure function of its state, of what it sees, and of the time."""

from spark_tui.domain.order import UNCONFIRMED, WORKING, OrderRequest
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
from spark_tui.engine.algos.words import (
    Cancel,
    Command,
    Decision,
    Event,
    Look,
    Note,
    Pause,
    Resume,
    Stop,
    Submit,
    Wait,
    progress,
)
from spark_tui.engine.algos.workers import WORKERS


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
        return Paused(
            reason=f"trading is halted: {look.halted}; resume the algo when trading goes on", recall=False
        )
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
    return WORKERS[state.start.kind](state, look, now_ms)


def _about(state: AlgoState) -> str:
    """What is under way."""
    child = state.open[0]
    if child.state in UNCONFIRMED:
        return f"waits for proof of what became of order {child.client_order_id}"
    if child.pulled:
        return f"{state.text}; order {child.client_order_id} is being cancelled"
    return f"order {child.client_order_id} is working" if not state.text else state.text


def _recalls(state: AlgoState) -> tuple[Cancel, ...]:
    """Children to take back."""
    return tuple(
        Cancel(client_order_id=child.client_order_id)
        for child in state.open
        if child.pulled and child.state in WORKING
    )
