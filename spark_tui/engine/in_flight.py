"""Orders that were on their way when an engine ended: the end of its ledger, read by whoever kills.

An intent is durable before its first byte leaves, so one without a word of the venue may still come alive.
"""

from pathlib import Path

from spark_tui.domain.order import (
    AmendRequested,
    CancelFailed,
    CancelRequested,
    Intended,
    ReplaceFailed,
    ReplaceRequested,
    Sent,
    Uncertain,
)
from spark_tui.engine.records import OrderRecord, from_body
from spark_tui.store.ledger import read_last
from spark_tui.venues.kill_plan import InFlight

TAIL = 5_000  # entries: minutes of the busiest engine, and a tenth of a second to read
_ORDER = str(OrderRecord.__struct_config__.tag)
_SENT = (Sent, Uncertain)
_OURS = (
    CancelRequested,
    CancelFailed,
    AmendRequested,
    ReplaceRequested,
    ReplaceFailed,
)  # not the venue's word


def in_flight(ledger: Path) -> tuple[InFlight, ...]:
    """Oldest first; none where no ledger is. Raises LedgerError, msgspec.MsgspecError."""
    if not ledger.exists():
        return ()
    found: dict[str, InFlight] = {}
    for body in read_last(ledger, _ORDER, TAIL):
        record = from_body(body)
        if not isinstance(record, OrderRecord):
            continue
        client_id, event = record.client_order_id, record.event
        if isinstance(event, Intended):
            request = event.request
            found[client_id] = InFlight(
                client_order_id=client_id, venue=request.venue, symbol=request.symbol, at_ms=event.at_ms
            )
        elif isinstance(event, _SENT):
            if client_id in found:
                found[client_id] = found[client_id].later(event.at_ms)
        elif not isinstance(event, _OURS):
            found.pop(client_id, None)
    return tuple(found.values())
