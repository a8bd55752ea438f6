"""An algo as a face shows it."""

from decimal import Context, Decimal

from spark_tui.engine.algos.state import ENDED, AlgoState
from spark_tui.engine.algos.words import Wait
from spark_tui.engine.algos.workers import trigger_price
from spark_tui.link.messages import AlgoKind, AlgoRow

_SHOWN = Context(prec=12)  # an average for eyes


def algo_row(algo: AlgoState, wait: Wait | None) -> AlgoRow:
    """`wait`: what it said at its last look."""
    alive = algo.phase not in ENDED
    return AlgoRow(
        algo_id=algo.algo_id,
        start=algo.start,
        venue=algo.venue,
        state=algo.phase.value,
        filled=algo.filled,
        average_price=_average(algo),
        children=algo.children,
        open_child=algo.open[0].client_order_id if algo.open else "",
        next_at_ms=wait.until_ms if wait and alive else None,
        trigger_price=trigger_price(algo) if alive and algo.start.kind is AlgoKind.TRAILING else None,
        text=wait.text if wait and alive else algo.text,
        created_ms=algo.created_ms,
        native=algo.plan.native,
    )


def _average(algo: AlgoState) -> Decimal | None:
    return _SHOWN.divide(algo.filled_quote, algo.filled) if algo.filled else None
