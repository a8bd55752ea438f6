"""Signed calls about order lists and amendments (protocol section 9)."""

from collections.abc import Callable
from typing import Any

from spark_tui.simulator import reports
from spark_tui.simulator.account_calls import find_order, read_span
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import (
    ApiError,
    amend_rejected,
    cancel_rejected,
    combination,
    missing,
    no_such_order,
)
from spark_tui.simulator.list_form import (
    OCO_PARAMETERS,
    OLD_OCO_PARAMETERS,
    OTO_PARAMETERS,
    OTOCO_PARAMETERS,
    read_oco,
    read_old_oco,
    read_oto,
    read_otoco,
)
from spark_tui.simulator.operations import Call, Operation, operation
from spark_tui.simulator.order_form import fresh_client_id
from spark_tui.simulator.order_lists import NewList, OrderList

# placing


def _place(call: Call, read: Callable[[Arguments], NewList]) -> dict[str, Any]:
    account, limits = call.holder, call.simulation.limits
    new = read(call.arguments)
    count = len(new.legs)
    limits.admit_order(account.uid, call.now_ms, count)
    # counted before the engine runs, so that a fill can give its count back
    limits.count_order(account.uid, call.now_ms, count)
    try:
        done = call.simulation.exchange.place_list(account, new, call.now_ms)
    except ApiError:
        limits.uncount_order(account.uid, call.now_ms, count)
        raise
    return reports.placed_list(done.found, done.legs, new.response, *done.taken)


def _place_oco(call: Call) -> dict[str, Any]:
    return _place(call, read_oco)


def _place_old_oco(call: Call) -> dict[str, Any]:
    return _place(call, read_old_oco)


def _place_oto(call: Call) -> dict[str, Any]:
    return _place(call, read_oto)


def _place_otoco(call: Call) -> dict[str, Any]:
    return _place(call, read_otoco)


# finding and ending


def _find(call: Call, client_name: str) -> OrderList | None:
    """The list a request names by number or by client id."""
    list_id, client_id = call.arguments.integer("orderListId"), call.arguments.client_id(client_name)
    if list_id is None and client_id is None:
        raise ApiError(
            400, -1102, f"Param '{client_name}' or 'orderListId' must be sent, but both were empty/null!"
        )
    store = call.simulation.exchange.lists[call.holder.uid]
    if list_id is None:
        return store.by_client_id(client_id or "")
    found = store.by_id(list_id)
    return None if found is not None and client_id not in (None, found.client_id) else found


def _query(call: Call) -> dict[str, Any]:
    found = _find(call, "origClientOrderId")
    if found is None:
        raise ApiError(400, -2013, "Order list does not exist.")
    return reports.order_list(found, call.simulation.exchange.legs(found))


def _cancel(call: Call) -> dict[str, Any]:
    exchange = call.simulation.exchange
    symbol = exchange.market(call.arguments.text("symbol")).symbol
    request_id = call.arguments.client_id("newClientOrderId") or fresh_client_id()
    found = _find(call, "listClientOrderId")
    if found is None or found.symbol != symbol.name:
        raise cancel_rejected("Unknown order sent.")
    exchange.cancel_list(found, call.now_ms, request_id=request_id)
    return reports.canceled_list(found, exchange.legs(found), request_id)


def _open_lists(call: Call) -> list[dict[str, Any]]:
    exchange = call.simulation.exchange
    return [
        reports.order_list(found, exchange.legs(found))
        for found in exchange.lists[call.holder.uid].executing()
    ]


def _all_lists(call: Call) -> list[dict[str, Any]]:
    arguments, exchange = call.arguments, call.simulation.exchange
    from_id = arguments.integer("fromId")
    start, end = read_span(arguments)
    if from_id is not None and (start is not None or end is not None):
        raise combination()
    limit = arguments.limit(500, 1_000)
    lists = [
        found
        for found in exchange.lists[call.holder.uid].all()
        if (from_id is None or found.id >= from_id)
        and (start is None or found.updated_ms >= start)
        and (end is None or found.updated_ms <= end)
    ]
    chosen = lists[:limit] if from_id is not None or start is not None else lists[-limit:]
    return [reports.order_list(found, exchange.legs(found)) for found in chosen]


# amending


def _amend(call: Call) -> dict[str, Any]:
    arguments, exchange = call.arguments, call.simulation.exchange
    quantity = arguments.decimal("newQty")
    if not quantity:
        raise missing("newQty")
    client_id = arguments.client_id("newClientOrderId") or fresh_client_id()
    order = find_order(call)
    if order is None:
        raise amend_rejected("Unknown order sent.")
    amendment = exchange.amend(call.holder, order, quantity, client_id, call.now_ms)
    found = exchange.list_of(order)
    if found is not None and not found.executing:
        found = None
    return reports.amended(order, amendment, found, exchange.legs(found) if found is not None else [])


def _amendments(call: Call) -> list[dict[str, Any]]:
    arguments = call.arguments
    arguments.text("orderId")
    order = find_order(call)
    if order is None:
        raise no_such_order()
    first = arguments.integer("fromExecutionId") or 0
    entries = [entry for entry in order.amendments if entry.execution_id >= first]
    return [reports.amendment(order, entry) for entry in entries[: arguments.limit(500, 1_000)]]


# prevented matches


def _prevented(call: Call) -> list[dict[str, Any]]:
    arguments = call.arguments
    symbol = call.simulation.exchange.market(arguments.text("symbol")).symbol
    match_id, order_id = arguments.integer("preventedMatchId"), arguments.integer("orderId")
    if (match_id is None) == (order_id is None):
        raise combination()
    first = arguments.integer("fromPreventedMatchId") or 0
    meetings = [
        meeting
        for meeting in call.simulation.exchange.stores[call.holder.uid].prevented
        if meeting.symbol == symbol.name
        and (match_id is None or meeting.match_id == match_id)
        and (order_id is None or order_id in (meeting.taker_order_id, meeting.maker_order_id))
        and meeting.match_id >= first
    ]
    return [reports.prevented_match(meeting) for meeting in meetings[: arguments.limit(500, 1_000)]]


def _prevented_weight(arguments: Arguments) -> int:
    return 2 if arguments.has("preventedMatchId") else 20


LISTS: dict[str, Operation] = {
    "orderList.place": operation(_place_old_oco, OLD_OCO_PARAMETERS, 1, signed=True, order=True),
    "orderList.place.oco": operation(_place_oco, OCO_PARAMETERS, 1, signed=True, order=True),
    "orderList.place.oto": operation(_place_oto, OTO_PARAMETERS, 1, signed=True, order=True),
    "orderList.place.otoco": operation(_place_otoco, OTOCO_PARAMETERS, 1, signed=True, order=True),
    "orderList.cancel": operation(
        _cancel, "symbol orderListId listClientOrderId newClientOrderId", 1, signed=True, order=True
    ),
    "orderList.status": operation(_query, "orderListId origClientOrderId", 4, signed=True),
    "openOrderLists.status": operation(_open_lists, "", 6, signed=True),
    "allOrderLists": operation(_all_lists, "fromId startTime endTime limit", 20, signed=True),
    "order.amend.keepPriority": operation(
        _amend, "symbol orderId origClientOrderId newClientOrderId newQty", 4, signed=True
    ),
    "order.amendments": operation(
        _amendments, "symbol orderId fromExecutionId limit", 4, signed=True
    ),
    "myPreventedMatches": operation(
        _prevented,
        "symbol preventedMatchId orderId fromPreventedMatchId limit",
        _prevented_weight,
        signed=True,
    ),
}  # fmt: skip
