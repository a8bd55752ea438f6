"""Which bundles something still rests on: those are never removed to make room."""

from spark_tui.domain import lifecycle
from spark_tui.engine.arming import newest_on_live
from spark_tui.engine.canary.admission import FRESH_MS
from spark_tui.engine.state import State
from spark_tui.link.messages import CanaryKind, CanaryRow


def needed(state: State, now_ms: int, config_hash: str) -> set[str]:
    """Their run ids: a confirm may rest on it, its order has not ended, live trading is armed on it, or may
    be under the configuration in force."""
    told = {row.rests_on for row in state.canaries.values()}
    rested_on = {
        row.run_id
        for row in state.canaries.values()
        if (row.run_id not in told and _confirmable(row, now_ms)) or _has_open_order(row, state)
    }
    armed = {state.armed.rests_on} if state.armed is not None else set[str]()
    newest = newest_on_live(state, config_hash)
    armable = {newest.run_id} if newest is not None else set[str]()
    return rested_on | armed | armable


def _confirmable(row: CanaryRow, now_ms: int) -> bool:
    """However the clock was put meanwhile."""
    return row.kind is CanaryKind.RUN and abs(now_ms - row.at_ms) < FRESH_MS


def _has_open_order(row: CanaryRow, state: State) -> bool:
    order = state.order_of(row)
    return order is not None and lifecycle.is_open(order.state)
