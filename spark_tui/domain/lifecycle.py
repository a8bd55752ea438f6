"""How an order changes: the fold that applies the one transition table (`transitions.py`).

Events commute: an order is the join of the facts its events carry. States form a ladder of evidence (an order
heard of at the venue outranks a proof that it never lived; a whole fill outranks everything), fills are a set
keyed by trade id, totals only grow. So duplicates, reordering, fill-before-ack and fill-after-cancel end in
the same order (DESIGN 3.3). A move no healthy venue makes is applied truthfully, named in `Applied.anomaly`,
and asks for a query; nothing here raises over what a venue said.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, cast

import msgspec

from spark_tui.domain import executions
from spark_tui.domain.decimals import ZERO, add, multiply, plain, subtract
from spark_tui.domain.order import (
    STOPPED,
    TERMINAL,
    WORKING,
    Accepted,
    Amended,
    AmendRequested,
    Canceled,
    CancelFailed,
    CancelRequested,
    Completed,
    Dead,
    Denied,
    Expired,
    Fill,
    Filled,
    Intended,
    Order,
    OrderEvent,
    OrderState,
    Rejected,
    ReplaceFailed,
    ReplaceRequested,
    Sent,
    Uncertain,
)
from spark_tui.domain.transitions import TABLE, Move

__all__ = [
    "TABLE",
    "Applied",
    "apply",
    "asked",
    "begin",
    "exposure",
    "fold",
    "in_sequence",
    "is_open",
    "leaves",
    "leaves_quote",
]


class Applied(msgspec.Struct, frozen=True):
    """The order after one event. `anomaly` is a sentence for ledger and operator, empty when all is normal;
    `query` asks the engine to fetch the order (and its trades, where fills are missing) from the venue."""

    order: Order
    anomaly: str = ""
    query: bool = False


def begin(event: Intended) -> Order:
    """A new order, durable and not yet sent."""
    return Order(
        client_order_id=event.client_order_id,
        request=event.request,
        state=OrderState.NEW,
        created_ms=event.at_ms,
        updated_ms=event.at_ms,
        operator=event.operator,
        key=event.key,
        replaces=event.replaces,
        allow_failure=event.allow_failure,
        parent=event.parent,
        part=event.part,
    )


def apply(order: Order, event: OrderEvent) -> Applied:
    """The order after `event`. Never raises over what happened; see `Applied`."""
    if isinstance(event, Intended):
        if event.client_order_id == order.client_order_id and event.request == order.request:
            return Applied(order)
        return Applied(order, "a second, different intent for the same order", query=True)

    move = TABLE[order.state, type(event)]
    notes: list[str] = []
    if move.anomaly:
        notes.append(f"{type(event).__name__} while {order.state}")

    facts = _learn(order, event, notes)
    state = _state(order.state, move, facts)
    if isinstance(event, Filled):
        _judge_fill(order, facts, notes)
    facts = _reword(facts, order.state, state, event)
    missing = _missing(facts) if facts.venue_filled != order.venue_filled else False
    late_fill = _is_trade(event) and order.state in STOPPED and facts.filled != order.filled
    query = move.query or bool(notes) or missing or (late_fill and facts.venue_filled is None)
    return Applied(facts, "; ".join(notes), query)


def in_sequence(order: Order, event: OrderEvent) -> OrderEvent:
    """`event` as it is to be recorded: a request is later than the refusal before it and a refusal no earlier
    than its request, whatever our clock did in between. Which of them is the latest decides the state."""
    match event:
        case CancelRequested():
            least = order.cancel_failed_ms + 1
        case CancelFailed():
            least = order.cancel_requested_ms
        case AmendRequested() | ReplaceRequested():
            least = max(order.replace_requested_ms, order.replace_failed_ms) + 1
        case ReplaceFailed():
            least = order.replace_requested_ms
        case _:
            return event
    return event if event.at_ms >= least else msgspec.structs.replace(event, at_ms=least)


def fold(events: Iterable[OrderEvent]) -> Order:
    """The order its events make. ValueError when they do not begin with the intent."""
    stream = iter(events)
    first = next(stream, None)
    if not isinstance(first, Intended):
        raise ValueError("an order's history begins with its intent; this one does not")
    order = begin(first)
    for event in stream:
        order = apply(order, event).order
    return order


def is_open(state: OrderState) -> bool:
    """Whether the order may still trade as far as we know."""
    return state not in TERMINAL


def asked(order: Order) -> Decimal | None:
    """Base quantity asked in all, filled included: what it was shrunk to, else what was ordered (F11). None
    for an order sized in quote money. An amend under way changes nothing yet: it may fail."""
    return order.request.quantity if order.amended_quantity is None else order.amended_quantity


def leaves(order: Order) -> Decimal:
    """Base quantity not filled yet; 0 for an order sized in quote money (see `leaves_quote`)."""
    total = asked(order)
    return ZERO if total is None else max(subtract(total, _known_filled(order)), ZERO)


def leaves_quote(order: Order) -> Decimal:
    """Quote money not spent yet by an order sized in quote money; 0 for any other."""
    if order.request.quote_quantity is None:
        return ZERO
    return max(subtract(order.request.quote_quantity, order.filled_quote), ZERO)


def exposure(order: Order) -> Decimal:
    """Base quantity this order may still add to what we have booked: its leaves while it may be alive (SENT
    and UNKNOWN count in full), and fills the venue counted that have not reached us."""
    unheard = max(subtract(order.venue_filled or ZERO, order.filled), ZERO)
    return add(unheard, leaves(order) if is_open(order.state) else ZERO)


# --- the facts --------------------------------------------------------------------------------------------

_LIVED: Final = frozenset(
    {
        *WORKING,
        OrderState.PENDING_CANCEL,
        OrderState.PENDING_REPLACE,
        *STOPPED,
    }
)
_Reports = Completed | Canceled | Expired
_Named = Accepted | Amended | Filled | _Reports  # events that carry the venue's id of the order
_NO_AMEND: Final = Decimal("Infinity")  # stands in comparisons for a change that is no amend


def _learn(order: Order, event: OrderEvent, notes: list[str]) -> Order:
    """Join the event's facts into the order, its state aside; `notes` gathers what contradicts them."""
    change: dict[str, object] = {}
    if isinstance(event, Filled):
        change = _learn_fill(order, event.fill, notes)
    else:
        change["updated_ms"] = max(order.updated_ms, cast("Accepted", event).at_ms)
    if isinstance(event, Sent | Uncertain):
        change["decidable_at_ms"] = max(order.decidable_at_ms or 0, event.decidable_at_ms)
    elif isinstance(event, CancelRequested):
        change["cancel_requested_ms"] = max(order.cancel_requested_ms, event.at_ms)
    elif isinstance(event, CancelFailed):
        change["cancel_failed_ms"] = max(order.cancel_failed_ms, event.at_ms)
    elif isinstance(event, AmendRequested | ReplaceRequested | ReplaceFailed):
        change |= _learn_change(order, event)
    elif isinstance(event, Amended):
        change |= _learn_amended(order, event.quantity, notes)
    elif isinstance(event, _Reports) and event.filled is not None:
        change |= _learn_total(order, event.filled, notes)

    venue_order_id = event.venue_order_id if isinstance(event, _Named) else ""
    if venue_order_id and venue_order_id != order.venue_order_id:
        if order.venue_order_id:
            notes.append(f"venue order id {venue_order_id} for an order known as {order.venue_order_id}")
        else:
            change["venue_order_id"] = venue_order_id
    return msgspec.structs.replace(order, **change)


def _learn_change(
    order: Order, event: AmendRequested | ReplaceRequested | ReplaceFailed
) -> dict[str, object]:
    """The latest request and the latest refusal; what a refused request asked for is forgotten."""
    latest = (
        order.replace_requested_ms,
        order.replaced_by,
        _NO_AMEND if order.amend_to is None else order.amend_to,
    )
    failed_ms = order.replace_failed_ms
    if isinstance(event, ReplaceFailed):
        failed_ms = max(failed_ms, event.at_ms)
    elif isinstance(event, ReplaceRequested):
        latest = max(latest, (event.at_ms, event.by, _NO_AMEND))
    else:
        latest = max(latest, (event.at_ms, "", event.quantity))
    requested_ms, by, quantity = latest
    outstanding = requested_ms > failed_ms
    return {
        "replace_requested_ms": requested_ms,
        "replace_failed_ms": failed_ms,
        "replaced_by": by if outstanding else "",
        "amend_to": quantity if outstanding and quantity != _NO_AMEND else None,
    }


def _learn_amended(order: Order, quantity: Decimal, notes: list[str]) -> dict[str, object]:
    """The total only falls, so the smallest one told is the latest."""
    ordered = order.request.quantity
    if ordered is None or not (quantity.is_finite() and 0 < quantity <= ordered):
        notes.append(f"amended to {quantity}, which no amend can make of it")
        return {}
    if quantity < _known_filled(order):
        notes.append(f"amended to {plain(quantity)} with {plain(_known_filled(order))} filled")
    totals = sorted({*order.amendments, quantity}, reverse=True)
    return {"amendments": tuple(totals), "amended_quantity": totals[-1]}


def _learn_total(order: Order, total: Decimal, notes: list[str]) -> dict[str, object]:
    if not (total.is_finite() and total >= 0):
        notes.append(f"a filled quantity of {total} is no quantity")
        return {}
    if total < order.filled:
        notes.append(f"the venue counts {plain(total)} filled, its own fills make {plain(order.filled)}")
    return {"venue_filled": max(order.venue_filled or ZERO, total)}


def _learn_fill(order: Order, fill: Fill, notes: list[str]) -> dict[str, object]:
    for known in order.fills:
        if known.trade_id == fill.trade_id and not fill.synthetic:
            if (known.price, known.quantity) != (fill.price, fill.quantity):
                notes.append(f"trade {fill.trade_id} was heard twice with different content")
            return {}
    if flaw := executions.flaw(fill):
        notes.append(flaw)
        return {}
    fills = executions.join(order.fills, fill)
    if fill.synthetic or executions.cover_of(order.fills) is not None:  # a cover shrinks as trades come
        filled, money = executions.quantity_of(fills), executions.quote_of(fills)
    else:
        filled = add(order.filled, fill.quantity)
        money = add(order.filled_quote, multiply(fill.price, fill.quantity))
    change: dict[str, object] = {
        "fills": fills,
        "filled": filled,
        "filled_quote": money,
        "updated_ms": max(order.updated_ms, fill.time_ms),
    }
    if fill.cumulative is not None:
        change["venue_filled"] = max(order.venue_filled or ZERO, fill.cumulative)
    return change


def _is_trade(event: OrderEvent) -> bool:
    return isinstance(event, Filled) and not event.fill.synthetic


def _state(before: OrderState, move: Move, order: Order) -> OrderState:
    """Where the move leads, once the arithmetic has had its say."""
    state = _working(order) if move.live else (move.to or before)
    return OrderState.FILLED if state in _LIVED and _whole(order) else state


def _working(order: Order) -> OrderState:
    if order.cancel_requested_ms > order.cancel_failed_ms:
        return OrderState.PENDING_CANCEL
    if _changes(order):
        return OrderState.PENDING_REPLACE
    return OrderState.PARTIALLY_FILLED if order.filled > 0 else OrderState.ACCEPTED


def _changes(order: Order) -> bool:
    """Whether an amend or a replace is outstanding: asked for, not refused, not yet done."""
    if order.replace_requested_ms <= order.replace_failed_ms:
        return False
    done = order.amend_to is not None and (asked(order) or ZERO) <= order.amend_to
    return not done


def _whole(order: Order) -> bool:
    total, quote = asked(order), order.request.quote_quantity
    if total is not None:
        return order.filled >= total
    return quote is not None and order.filled_quote >= quote


def _judge_fill(before: Order, after: Order, notes: list[str]) -> None:
    """A fill that no sum allows is booked all the same, and said so."""
    if after.filled == before.filled:
        return
    total, told = asked(after), after.venue_filled
    if total is not None and after.filled > total:
        notes.append(f"overfilled: {plain(after.filled)} of {plain(total)}")
    elif told is not None and before.state in TERMINAL and after.filled > told:
        notes.append(f"filled {plain(after.filled)}, beyond the {plain(told)} the venue counted at its end")


def _missing(order: Order) -> bool:
    """The venue counted more than the fills we hold: they must be fetched."""
    return order.venue_filled is not None and order.venue_filled > order.filled


def _known_filled(order: Order) -> Decimal:
    return max(order.filled, order.venue_filled or ZERO)


def _reword(order: Order, before: OrderState, state: OrderState, event: OrderEvent) -> Order:
    """Give the order its state and the words that go with it: the venue's or ours, and none once it lives."""
    change: dict[str, object] = {"state": state}
    words = _words(event)
    if state != before:
        change["code"], change["text"] = words if _speaks_for(event, state) else ("", "")
    elif _speaks_for(event, state):
        change["code"], change["text"] = max((order.code, order.text), words)  # whichever came first
    if state not in (OrderState.SENT, OrderState.UNKNOWN):
        change["decidable_at_ms"] = None
    return msgspec.structs.replace(order, **change)


_SPEAKER: Final[dict[OrderState, type[OrderEvent]]] = {
    OrderState.DENIED: Denied,
    OrderState.UNKNOWN: Uncertain,
    OrderState.EXPIRED: Expired,
    OrderState.REJECTED: Rejected,
    OrderState.DEAD: Dead,
}


def _speaks_for(event: OrderEvent, state: OrderState) -> bool:
    return _SPEAKER.get(state) is type(event)


def _words(event: OrderEvent) -> tuple[str, str]:
    if isinstance(event, Denied | Rejected):
        return (event.code, event.text)
    if isinstance(event, Uncertain):
        return ("", event.reason)
    if isinstance(event, Expired):
        return (event.reason, "")
    if isinstance(event, Dead):
        return ("", event.proof)
    return ("", "")
