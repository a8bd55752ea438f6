"""Orders and fills in the venue's words: placement, cancel and query answers, user events (protocol 8,
9, 11.3)."""

from collections.abc import Iterable, Sequence
from typing import Any

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.fixed import show
from spark_tui.simulator.order_lists import OrderList
from spark_tui.simulator.orders import MARKET_LIKE, Amendment, Fill, Order, Prevented


def placed(
    order: Order, response: str, fills: Sequence[Fill], prevented: Sequence[Prevented]
) -> dict[str, Any]:
    """The answer to a placement, as long as `newOrderRespType` asked for."""
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }
    if response == "ACK":
        return answer
    answer |= _state(order)
    if order.working_ms >= 0 or order.list_id >= 0:
        answer["workingTime"] = order.working_ms
    if response == "FULL":
        answer["fills"] = [
            {
                "price": show(fill.price),
                "qty": show(fill.quantity),
                "commission": show(fill.commission),
                "commissionAsset": fill.commission_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    if prevented:
        answer["preventedMatches"] = [
            {
                "preventedMatchId": meeting.match_id,
                "makerSymbol": order.symbol,
                "makerOrderId": meeting.maker_order_id,
                "price": show(meeting.price),
                "takerPreventedQuantity": show(meeting.taker_quantity),
                "makerPreventedQuantity": show(meeting.maker_quantity),
            }
            for meeting in prevented
        ]
    return answer | _conditional(order)


def canceled(order: Order, cancel_id: str) -> dict[str, Any]:
    answer = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
    }
    return answer | _state(order) | _conditional(order)


def queried(order: Order) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
    }
    answer |= _state(order)
    answer |= _conditional(order)
    answer |= {
        "stopPrice": show(order.stop_price),
        "icebergQty": show(order.iceberg),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        "origQuoteOrderQty": show(order.quote_quantity),
    }
    return answer


def _state(order: Order) -> dict[str, Any]:
    return {
        "price": show(_price(order)),
        "origQty": show(order.quantity),
        "executedQty": show(order.filled),
        "origQuoteOrderQty": show(order.quote_quantity),
        "cummulativeQuoteQty": show(order.filled_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": order.self_trade.value,
    }


def _price(order: Order) -> int:
    return 0 if order.type in MARKET_LIKE else order.price


def _conditional(order: Order) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if order.stop_price:
        extra["stopPrice"] = show(order.stop_price)
    if order.trailing_delta:
        extra["trailingDelta"] = order.trailing_delta
        extra["trailingTime"] = order.trailing_ms
    if order.iceberg:
        extra["icebergQty"] = show(order.iceberg)
    if order.strategy_id is not None:
        extra["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        extra["strategyType"] = order.strategy_type
    if order.prevented_match_id >= 0:
        extra["preventedMatchId"] = order.prevented_match_id
        extra["preventedQuantity"] = show(order.prevented)
    if order.expiry_reason != "NONE":
        extra["expiryReason"] = order.expiry_reason
    return extra


def trade(fill: Fill) -> dict[str, Any]:
    """A row of the account's trade list."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.list_id,
        "price": show(fill.price),
        "qty": show(fill.quantity),
        "quoteQty": show(fill.quote),
        "commission": show(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.ms,
        "isBuyer": fill.buyer,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def execution(
    order: Order,
    *,
    kind: str,
    execution_id: int,
    ms: int,
    fill: Fill | None = None,
    request_id: str = "",
    former_id: str = "",
    reject: str = "NONE",
) -> dict[str, Any]:
    """An executionReport. `kind` is its execution type; `request_id` the client id of a cancel request,
    `former_id` the one an amended order went by."""
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": ms,
        "s": order.symbol,
        "c": request_id or order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": show(order.quantity),
        "p": show(_price(order)),
        "P": show(order.stop_price),
        "F": show(order.iceberg),
        "g": order.list_id,
        "C": former_id or (order.client_id if request_id else ""),
        "x": kind,
        "X": order.status,
        "r": reject,
        "i": order.id,
        "l": show(fill.quantity if fill else 0),
        "z": show(order.filled),
        "L": show(fill.price if fill else 0),
        "n": show(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": ms,
        "t": fill.trade_id if fill else -1,
        "I": execution_id,
        "w": order.open and order.working_ms >= 0 and (order.time_in_force == "GTC" or kind == "NEW"),
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": order.created_ms,
        "Z": show(order.filled_quote),
        "Y": show(fill.quote if fill else 0),
        "Q": show(order.quote_quantity),
    }
    if order.working_ms >= 0:
        event["W"] = order.working_ms
    event["V"] = order.self_trade.value
    if order.trailing_delta:
        event["d"] = order.trailing_delta
        event["D"] = order.trailing_ms
    if order.strategy_id is not None:
        event["j"] = order.strategy_id
    if order.strategy_type is not None:
        event["J"] = order.strategy_type
    if order.expiry_reason != "NONE":
        event["eR"] = order.expiry_reason
    return event


def prevention(
    order: Order, meeting: Prevented, counter: Order, *, execution_id: int, ms: int, lost: int
) -> dict[str, Any]:
    """An executionReport of type TRADE_PREVENTION: `lost` of this order did not trade with `counter`."""
    event = execution(order, kind="TRADE_PREVENTION", execution_id=execution_id, ms=ms)
    return event | {
        "v": meeting.match_id,
        "A": show(order.prevented),
        "B": show(lost),
        "U": counter.id,
        "Cs": counter.symbol,
        "pl": show(lost),
        "pL": show(meeting.price),
        "pY": show(lost * meeting.price // 100_000_000),
    }


def position(account: Account, assets: Iterable[str], ms: int) -> dict[str, Any]:
    """An outboundAccountPosition: absolute balances of the assets an event may have changed."""
    return {
        "e": "outboundAccountPosition",
        "E": ms,
        "u": account.updated_ms,
        "B": [
            {"a": asset, "f": show(balance.free), "l": show(balance.locked)}
            for asset, balance in ((asset, account.balance(asset)) for asset in assets)
        ],
    }


# lists


def order_list(found: OrderList, legs: Sequence[Order]) -> dict[str, Any]:
    """A list as queries print it."""
    return {
        "orderListId": found.id,
        "contingencyType": found.contingency,
        "listStatusType": found.kind,
        "listOrderStatus": found.status,
        "listClientOrderId": found.client_id,
        "transactionTime": found.updated_ms,
        "symbol": found.symbol,
        "orders": _legs(legs),
    }


def placed_list(
    found: OrderList,
    legs: Sequence[Order],
    response: str,
    fills: Sequence[Fill],
    prevented: Sequence[Prevented],
) -> dict[str, Any]:
    """The answer to a list's placement. What was traded belongs to its first leg."""
    orders = [
        placed(leg, response, () if number else fills, () if number else prevented)
        for number, leg in enumerate(legs)
    ]
    return order_list(found, legs) | {"orderReports": orders}


def canceled_list(found: OrderList, legs: Sequence[Order], cancel_id: str) -> dict[str, Any]:
    """The answer to a list's cancel, with the legs it took out."""
    gone = [canceled(leg, cancel_id) for leg in legs if leg.status == "CANCELED"]
    return order_list(found, legs) | {"orderReports": gone}


def _legs(legs: Sequence[Order]) -> list[dict[str, Any]]:
    return [{"symbol": leg.symbol, "orderId": leg.id, "clientOrderId": leg.client_id} for leg in legs]


def list_status(found: OrderList, legs: Sequence[Order], *, kind: str) -> dict[str, Any]:
    """A listStatus event."""
    return {
        "e": "listStatus",
        "E": found.updated_ms,
        "s": found.symbol,
        "g": found.id,
        "c": found.contingency,
        "l": kind,
        "L": found.status,
        "r": "NONE",
        "C": found.client_id,
        "T": found.updated_ms,
        "O": [{"s": leg.symbol, "i": leg.id, "c": leg.client_id} for leg in legs],
    }


# amendments and prevented matches


def amended(
    order: Order, amendment: Amendment, found: OrderList | None, legs: Sequence[Order]
) -> dict[str, Any]:
    """The answer to an amendment; its fields are spelled unlike any other order answer's (protocol 9)."""
    body: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "origClientOrderId": amendment.old_client_id,
        "clientOrderId": order.client_id,
        "price": show(_price(order)),
        "qty": show(order.quantity),
        "executedQty": show(order.filled),
        "preventedQty": show(order.prevented),
        "quoteOrderQty": show(order.quote_quantity),
        "cumulativeQuoteQty": show(order.filled_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }
    if order.working_ms >= 0:
        body["workingTime"] = order.working_ms
    body["selfTradePreventionMode"] = order.self_trade.value
    answer: dict[str, Any] = {
        "transactTime": amendment.ms,
        "executionId": amendment.execution_id,
        "amendedOrder": body | _conditional(order),
    }
    if found is not None:
        answer["listStatus"] = {
            "orderListId": found.id,
            "contingencyType": found.contingency,
            "listOrderStatus": found.status,
            "listClientOrderId": found.client_id,
            "symbol": found.symbol,
            "orders": _legs(legs),
        }
    return answer


def amendment(order: Order, entry: Amendment) -> dict[str, Any]:
    """A row of an order's amendments."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "executionId": entry.execution_id,
        "origClientOrderId": entry.old_client_id,
        "newClientOrderId": entry.new_client_id,
        "origQty": show(entry.old_quantity),
        "newQty": show(entry.new_quantity),
        "time": entry.ms,
    }


def prevented_match(meeting: Prevented) -> dict[str, Any]:
    """A row of the account's prevented matches."""
    return {
        "symbol": meeting.symbol,
        "preventedMatchId": meeting.match_id,
        "takerOrderId": meeting.taker_order_id,
        "makerSymbol": meeting.symbol,
        "makerOrderId": meeting.maker_order_id,
        "selfTradePreventionMode": meeting.mode,
        "price": show(meeting.price),
        "makerPreventedQuantity": show(meeting.maker_quantity),
        "transactTime": meeting.ms,
    }
