"""Signed calls: orders, account, trades (protocol section 9)."""

from typing import Any

from spark_tui.simulator import reports
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import (
    ApiError,
    cancel_rejected,
    combination,
    no_such_order,
)
from spark_tui.simulator.fixed import show
from spark_tui.simulator.operations import Call, Operation, operation
from spark_tui.simulator.order_form import fresh_client_id, read_order
from spark_tui.simulator.orders import Order

_DAY_MS = 86_400_000


def _place(call: Call) -> dict[str, Any]:
    account, limits = call.holder, call.simulation.limits
    new = read_order(call.arguments)
    limits.admit_order(account.uid, call.now_ms)
    # counted before the engine runs, so that a fill can give its count back
    limits.count_order(account.uid, call.now_ms)
    try:
        done = call.simulation.exchange.place(account, new, call.now_ms)
    except ApiError:
        limits.uncount_order(account.uid, call.now_ms)
        raise
    return reports.placed(done.order, new.response, done.fills, done.prevented)


def _test_order(call: Call) -> dict[str, Any]:
    new = read_order(call.arguments)
    account = call.holder
    call.simulation.exchange.validate(account, new, call.now_ms)
    if not call.arguments.flag("computeCommissionRates"):
        return {}
    rates = {"maker": show(account.maker_rate), "taker": show(account.taker_rate)}
    nothing = {"maker": show(0), "taker": show(0)}
    return {
        "standardCommissionForOrder": rates,
        "specialCommissionForOrder": nothing,
        "taxCommissionForOrder": nothing,
        "discount": _DISCOUNT,
    }


def _test_weight(arguments: Arguments) -> int:
    return 20 if arguments.flag("computeCommissionRates") else 1


# finding and ending


def find_order(call: Call, id_name: str = "orderId", client_name: str = "origClientOrderId") -> Order | None:
    """The order a request names; a client id that belongs to another order than the number is ApiError
    -2039."""
    arguments = call.arguments
    symbol = arguments.text("symbol")
    call.simulation.exchange.market(symbol)
    order_id, client_id = arguments.integer(id_name), arguments.optional(client_name)
    if order_id is None and client_id is None:
        raise ApiError(
            400, -1102, f"Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"
        )
    store = call.simulation.exchange.stores[call.holder.uid]
    if order_id is None:
        return store.by_client_id(symbol, client_id or "")
    order = store.by_id(symbol, order_id)
    if order is not None and client_id is not None and order.client_id != client_id:
        raise ApiError(400, -2039, "Client order ID is not correct for this order ID.")
    return order


def _query(call: Call) -> dict[str, Any]:
    order = find_order(call)
    if order is None:
        raise no_such_order()
    return reports.queried(order)


def _restriction(arguments: Arguments) -> str:
    value = arguments.optional("cancelRestrictions") or ""
    if value not in ("", "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
        raise ApiError(400, -1145, "Invalid cancelRestrictions")
    return value


def _cancel(call: Call) -> dict[str, Any]:
    restriction = _restriction(call.arguments)
    request_id = call.arguments.client_id("newClientOrderId") or fresh_client_id()
    return _cancel_found(call, _find_to_cancel(call, "orderId", "origClientOrderId"), request_id, restriction)


def _find_to_cancel(call: Call, id_name: str, client_name: str) -> Order:
    try:
        order = find_order(call, id_name, client_name)
    except ApiError as error:
        if error.code == -2039:
            text = "Cancel order is invalid. Check origClOrdId and orderId."
            raise cancel_rejected(text) from None
        raise
    if order is None:
        raise cancel_rejected("Unknown order sent.")
    return order


def _cancel_found(call: Call, order: Order, request_id: str, restriction: str) -> dict[str, Any]:
    """Cancel an order; one of a list takes the whole list with it, and the answer is the list's."""
    exchange = call.simulation.exchange
    found = exchange.cancel(call.holder, order, call.now_ms, request_id=request_id, restriction=restriction)
    if found is not None:
        return reports.canceled_list(found, exchange.legs(found), request_id)
    return reports.canceled(order, request_id)


def _cancel_all(call: Call) -> list[dict[str, Any]]:
    symbol = call.arguments.text("symbol")
    exchange = call.simulation.exchange
    exchange.market(symbol)
    opened = exchange.stores[call.holder.uid].open(symbol)
    if not opened:
        raise cancel_rejected("Unknown order sent.")
    request_id = fresh_client_id()
    return [_cancel_found(call, order, request_id, "") for order in opened if order.open]


def _replace(call: Call) -> dict[str, Any]:
    """Cancel, then place. Filters are judged before the cancel; the two halves are reported apart
    (protocol 9)."""
    arguments, account = call.arguments, call.holder
    stop_on_failure = arguments.text("cancelReplaceMode")
    if stop_on_failure not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise ApiError(400, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    restriction = _restriction(arguments)
    request_id = arguments.client_id("cancelNewClientOrderId") or fresh_client_id()
    new = read_order(arguments)
    exceeded = arguments.optional("orderRateLimitExceededMode") or "DO_NOTHING"
    if exceeded not in ("DO_NOTHING", "CANCEL_ONLY"):
        raise ApiError(400, -1130, "Data sent for parameter 'orderRateLimitExceededMode' is not valid.")
    if exceeded == "DO_NOTHING":
        call.simulation.limits.admit_order(account.uid, call.now_ms)
    filter_error: ApiError | None = None
    try:
        call.simulation.exchange.validate(account, new, call.now_ms)
    except ApiError as error:
        if error.code in (-1121, -2010):
            raise
        filter_error = error
    canceled: dict[str, Any] | None = None
    cancel_error: ApiError | None = filter_error
    if filter_error is None:
        try:
            order = _find_to_cancel(call, "cancelOrderId", "cancelOrigClientOrderId")
            canceled = _cancel_found(call, order, request_id, restriction)
        except ApiError as error:
            if error.code != -2011:
                raise
            cancel_error = error
    if cancel_error is not None and stop_on_failure == "STOP_ON_FAILURE":
        raise _replace_failure(cancel_error.body(), None, canceled=False, attempted=False, placed=False)
    try:
        placed = _place(call)
    except ApiError as error:
        body = canceled if canceled is not None else (cancel_error or error).body()
        raise _replace_failure(
            body, error.body(), canceled=canceled is not None, attempted=True, placed=False
        ) from None
    if canceled is None:
        body = (cancel_error or cancel_rejected("Unknown order sent.")).body()
        raise _replace_failure(body, placed, canceled=False, attempted=True, placed=True)
    return {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": canceled,
        "newOrderResponse": placed,
    }


def _replace_failure(
    cancel_body: dict[str, Any],
    new_body: dict[str, Any] | None,
    *,
    canceled: bool,
    attempted: bool,
    placed: bool,
) -> ApiError:
    """409 when one half stands, 400 when nothing happened."""
    data = {
        "cancelResult": "SUCCESS" if canceled else "FAILURE",
        "newOrderResult": "SUCCESS" if placed else "FAILURE" if attempted else "NOT_ATTEMPTED",
        "cancelResponse": cancel_body,
        "newOrderResponse": new_body,
    }
    if canceled or placed:
        return ApiError(409, -2021, "Order cancel-replace partially failed.", data=data)
    return ApiError(400, -2022, "Order cancel-replace failed.", data=data)


def _open_orders(call: Call) -> list[dict[str, Any]]:
    symbol = call.arguments.optional("symbol")
    if symbol is not None:
        call.simulation.exchange.market(symbol)
    store = call.simulation.exchange.stores[call.holder.uid]
    return [reports.queried(order) for order in store.open(symbol)]


def _open_weight(arguments: Arguments) -> int:
    return 6 if arguments.has("symbol") else 80


def read_span(arguments: Arguments) -> tuple[int | None, int | None]:
    """startTime and endTime; ApiError -1127 when they are more than a day apart."""
    start, end = arguments.integer("startTime"), arguments.integer("endTime")
    if start is not None and end is not None and not 0 <= end - start <= _DAY_MS:
        raise ApiError(400, -1127, "More than 24 hours between startTime and endTime.")
    return start, end


def _all_orders(call: Call) -> list[dict[str, Any]]:
    arguments = call.arguments
    symbol = arguments.text("symbol")
    call.simulation.exchange.market(symbol)
    limit = arguments.limit(500, 1_000)
    from_id = arguments.integer("orderId")
    start, end = read_span(arguments)
    orders = [
        order
        for order in call.simulation.exchange.stores[call.holder.uid].all(symbol)
        if (from_id is None or order.id >= from_id)
        and (start is None or order.created_ms >= start)
        and (end is None or order.created_ms <= end)
    ]
    chosen = orders[:limit] if from_id is not None or start is not None else orders[-limit:]
    return [reports.queried(order) for order in chosen]


def _my_trades(call: Call) -> list[dict[str, Any]]:
    arguments = call.arguments
    symbol = arguments.text("symbol")
    call.simulation.exchange.market(symbol)
    limit = arguments.limit(500, 1_000)
    order_id, from_id = arguments.integer("orderId"), arguments.integer("fromId")
    start, end = read_span(arguments)
    if (start is not None or end is not None) and (order_id is not None or from_id is not None):
        raise combination()
    fills = [
        fill
        for fill in call.simulation.exchange.stores[call.holder.uid].fills
        if fill.symbol == symbol
        and (order_id is None or fill.order_id == order_id)
        and (from_id is None or fill.trade_id >= from_id)
        and (start is None or fill.ms >= start)
        and (end is None or fill.ms <= end)
    ]
    chosen = fills[:limit] if from_id is not None or start is not None else fills[-limit:]
    return [reports.trade(fill) for fill in chosen]


def _trades_weight(arguments: Arguments) -> int:
    return 5 if arguments.has("orderId") else 20


# account

_DISCOUNT = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "BNB",
    "discount": "0.75000000",
}


def _account(call: Call) -> dict[str, Any]:
    account = call.holder
    omit = call.arguments.flag("omitZeroBalances")
    return {
        "makerCommission": account.maker_rate // 10_000,
        "takerCommission": account.taker_rate // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": show(account.maker_rate),
            "taker": show(account.taker_rate),
            "buyer": show(0),
            "seller": show(0),
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.updated_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": show(balance.free), "locked": show(balance.locked)}
            for asset, balance in account.balances.items()
            if not omit or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": account.uid,
    }


def _commission(call: Call) -> dict[str, Any]:
    account = call.holder
    symbol = call.simulation.exchange.market(call.arguments.text("symbol")).symbol
    nothing = {name: show(0) for name in ("maker", "taker", "buyer", "seller")}
    standard = nothing | {"maker": show(account.maker_rate), "taker": show(account.taker_rate)}
    return {
        "symbol": symbol.name,
        "standardCommission": standard,
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": _DISCOUNT,
    }


def _order_limits(call: Call) -> list[dict[str, Any]]:
    holder = str(call.holder.uid)
    return [counter.report(holder, call.now_ms) for counter in call.simulation.limits.orders]


_ORDER = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType "
    "stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode "
    "pegPriceType pegOffsetValue pegOffsetType"
)
_REPLACE = (
    " cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId cancelRestrictions "
    "orderRateLimitExceededMode"
)
ACCOUNT: dict[str, Operation] = {
    "order.place": operation(_place, _ORDER, 1, signed=True, order=True),
    "order.test": operation(_test_order, _ORDER + " computeCommissionRates", _test_weight, signed=True),
    "order.status": operation(_query, "symbol orderId origClientOrderId", 4, signed=True),
    "order.cancel": operation(
        _cancel,
        "symbol orderId origClientOrderId newClientOrderId cancelRestrictions",
        1,
        signed=True,
        order=True,
    ),
    "order.cancelReplace": operation(_replace, _ORDER + _REPLACE, 1, signed=True, order=True),
    "openOrders.cancelAll": operation(_cancel_all, "symbol", 1, signed=True, order=True),
    "openOrders.status": operation(_open_orders, "symbol", _open_weight, signed=True),
    "allOrders": operation(_all_orders, "symbol orderId startTime endTime limit", 20, signed=True),
    "myTrades": operation(
        _my_trades, "symbol orderId startTime endTime fromId limit", _trades_weight, signed=True
    ),
    "account.status": operation(_account, "omitZeroBalances", 20, signed=True),
    "account.commission": operation(_commission, "symbol", 20, signed=True),
    "account.rateLimits.orders": operation(_order_limits, "", 40, signed=True),
}
