"""The orders at the end of an engine's ledger, read by whoever kills.

An intent is durable before its first byte leaves, so one without a word of the venue may still come alive.
"""

from pathlib import Path

from spark_tui.domain import lifecycle
from spark_tui.domain.order import (
    NEVER_LIVED,
    TERMINAL,
    UNCONFIRMED,
    Intended,
    OrderEvent,
    OrderState,
    Sent,
    Uncertain,
)
from spark_tui.engine.records import OrderRecord, from_body
from spark_tui.store.ledger import read_entries, read_last
from spark_tui.venues.kill_plan import LastOrder, LastOrders
from spark_tui.wire.clock import NS_PER_MS

TAIL = 5_000  # entries: minutes of the busiest engine, and a tenth of a second to read
_ORDER = str(OrderRecord.__struct_config__.tag)
_LEFT = (Intended, Sent, Uncertain)


def last_orders(ledger: Path, *, planned: bool) -> LastOrders:
    """Oldest first, without those that never lived; none where no ledger is. `planned`: a plan has what was
    traded before. Raises LedgerError, msgspec.MsgspecError."""
    if not ledger.exists():
        return LastOrders()
    whole = planned or next(read_entries(ledger, TAIL + 1), None) is None
    told: dict[str, list[OrderEvent]] = {}
    latest_ns: dict[str, int] = {}
    for at_ns, body in read_last(ledger, _ORDER, TAIL):
        record = from_body(body)
        if not isinstance(record, OrderRecord):
            continue
        client_id = record.client_order_id
        if client_id in told or isinstance(record.event, Intended):
            told.setdefault(client_id, []).append(record.event)
            latest_ns[client_id] = at_ns
    found = (_last_order(events, latest_ns[client_id]) for client_id, events in told.items())
    return LastOrders(orders=tuple(order for order in found if order is not None), whole=whole)


def _last_order(events: list[OrderEvent], latest_ns: int) -> LastOrder | None:
    """What its events make of it by the engine's own table; None: it never lived."""
    order = lifecycle.fold(events)
    if order.state in NEVER_LIVED:
        return None
    ended = order.state in TERMINAL
    filled = order.state is OrderState.FILLED or bool(order.filled or order.venue_filled)
    return LastOrder(
        client_order_id=order.client_order_id,
        venue=order.request.venue,
        symbol=order.request.symbol,
        at_ms=max(event.at_ms for event in events if isinstance(event, _LEFT)),
        heard=order.state not in UNCONFIRMED,
        ended_ms=latest_ns // NS_PER_MS if ended else None,
        traded=filled or not ended,
    )
