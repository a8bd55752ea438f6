"""Orders and fills in the venue's words: placement, cancel and query answers, user events (protocol 8,
9, 11.3)."""

from collections.abc import Iterable, Sequence
from typing import Any

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.fixed import show
from spark_tui.simulator.orders import Fill, NewOrder, Order, Prevented


def placed(
    order: Order, new: NewOrder, fills: Sequence[Fill], prevented: Sequence[Prevented]
) -> dict[str, Any]:
    """The answer to a placement, as long as `newOrderRespType` asked for."""
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }
    if new.response == "ACK":
        return answer
    answer |= _state(order)
    if order.working_ms >= 0:
        answer["workingTime"] = order.working_ms
    if new.response == "FULL":
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
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
    }
    return answer | _state(order) | _conditional(order)


def queried(order: Order) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
    }
    answer |= _state(order)
    answer |= _conditional(order)
    answer |= {
        "stopPrice": show(order.stop_price),
        "icebergQty": show(0),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        "origQuoteOrderQty": show(order.quote_quantity),
    }
    return answer


def _state(order: Order) -> dict[str, Any]:
    return {
        "price": show(0 if order.type in ("MARKET", "STOP_LOSS", "TAKE_PROFIT") else order.price),
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


def _conditional(order: Order) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if order.stop_price:
        extra["stopPrice"] = show(order.stop_price)
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
        "orderListId": -1,
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
    reject: str = "NONE",
) -> dict[str, Any]:
    """An executionReport. `kind` is its execution type; `request_id` the client id of a cancel request."""
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": ms,
        "s": order.symbol,
        "c": request_id or order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": show(order.quantity),
        "p": show(0 if order.type in ("MARKET", "STOP_LOSS", "TAKE_PROFIT") else order.price),
        "P": show(order.stop_price),
        "F": show(0),
        "g": -1,
        "C": order.client_id if request_id else "",
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
