"""What is asked before an order is shrunk in its place. It opens no risk, so no limit speaks against it: only
a halt, and the venue's own rules."""

from spark_tui.domain.filter_subject import FilterFailure
from spark_tui.domain.risk.always import of_filters
from spark_tui.domain.risk.verdict import Verdict
from spark_tui.domain.values import TradingState


def check_amend(
    state: TradingState, halt_reason: str, failures: tuple[FilterFailure, ...]
) -> tuple[Verdict, ...]:
    """Every verdict, in the order they are shown. `failures`: of `domain.amends`."""
    return (_trading_state(state, halt_reason), *of_filters(failures))


def _trading_state(state: TradingState, halt_reason: str) -> Verdict:
    halted = state is TradingState.HALTED
    return Verdict(
        rule="trading_state",
        label="trading state",
        ok=not halted,
        code="HALTED" if halted else "",
        text=f"trading is halted ({halt_reason}) and only cancels leave; resume before amending"
        if halted
        else "a smaller order opens no risk",
    )
