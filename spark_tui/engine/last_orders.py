"""The orders at the end of an engine's ledger, read by whoever kills.

An intent is durable before its first byte leaves, so one without a word of the venue may still come alive.
"""

from pathlib import Path

from spark_tui.domain.order import (
    AmendRequested,
    CancelFailed,
    CancelRequested,
    Dead,
    Denied,
    Intended,
    Rejected,
    ReplaceFailed,
    ReplaceRequested,
    Sent,
    Uncertain,
)
from spark_tui.engine.records import OrderRecord, from_body
from spark_tui.store.ledger import read_last
from spark_tui.venues.kill_plan import LastOrder

TAIL = 5_000  # entries: minutes of the busiest engine, and a tenth of a second to read
_ORDER = str(OrderRecord.__struct_config__.tag)
_SENT = (Sent, Uncertain)
_NEVER_LIVED = (Denied, Rejected, Dead)
_OURS = (
    CancelRequested,
    CancelFailed,
    AmendRequested,
    ReplaceRequested,
    ReplaceFailed,
)  # not the venue's word


def last_orders(ledger: Path) -> tuple[LastOrder, ...]:
    """Oldest first, without those that never lived; none where no ledger is. Raises LedgerError,
    msgspec.MsgspecError."""
    if not ledger.exists():
        return ()
    found: dict[str, LastOrder] = {}
    for body in read_last(ledger, _ORDER, TAIL):
        record = from_body(body)
        if not isinstance(record, OrderRecord):
            continue
        client_id, event = record.client_order_id, record.event
        if isinstance(event, Intended):
            request = event.request
            found[client_id] = LastOrder(
                client_order_id=client_id, venue=request.venue, symbol=request.symbol, at_ms=event.at_ms
            )
        elif client_id not in found or isinstance(event, _OURS):
            continue
        elif isinstance(event, _SENT):
            found[client_id] = found[client_id].later(event.at_ms)
        elif isinstance(event, _NEVER_LIVED):
            del found[client_id]
        else:
            found[client_id] = found[client_id].answered()
    return tuple(found.values())
