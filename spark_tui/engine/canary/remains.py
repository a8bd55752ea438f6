"""What earlier confirms left in the ledger without an end."""

from collections.abc import Container

from spark_tui.domain import lifecycle
from spark_tui.domain.order import Order, OrderState
from spark_tui.engine.state import State, canary_key, run_of_key
from spark_tui.link.messages import CanaryRow


def cut_short(state: State, venues: Container[str]) -> list[tuple[CanaryRow, Order]]:
    """Runs at one of `venues` whose order is in the ledger and whose outcome is not. What an engine with
    other venues left behind waits for its like."""
    told = {row.rests_on for row in state.canaries.values()}
    return [
        (run, state.orders[client_id])
        for run in state.canaries.values()
        if (client_id := state.keys.get(canary_key(run.run_id))) is not None
        and run.run_id not in told
        and run.venue in venues
    ]


def left_over(state: State, venues: Container[str]) -> list[Order]:
    """Orders of every other confirm at one of `venues` that are open, or were when it was told: by the order
    alone, whatever became of its row."""
    unfinished = {run.run_id for run, _ in cut_short(state, venues)}
    told = told_open(state)
    return [
        order
        for name, order in state.orders.items()
        if (run_id := run_of_key(order.key))
        and run_id not in unfinished
        and order.request.venue in venues
        and (name in state.open or name in told)
    ]


def told_open(state: State) -> set[str]:
    """Client order ids of confirms whose row says that the order is open."""
    rows = state.canaries.values()
    return {row.client_order_id for row in rows if row.state and lifecycle.is_open(OrderState(row.state))}
