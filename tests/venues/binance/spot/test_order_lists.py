"""Order lists as wire parameters: every leg's fields under its own names."""

from decimal import Decimal as D
from typing import Any

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, ListKind, OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.venues.binance.spot.order_lists import list_params
from spark_tui.venues.port import ListLeg, Reaction, VenueError


def leg(role: LegRole, kind: OrderType, client_order_id: str = "", **fields: Any) -> ListLeg:
    given = {"venue": "binance-spot", "symbol": "BTCUSDT", "side": Side.SELL, "quantity": D("0.01")} | fields
    return ListLeg(
        role=role,
        client_order_id=client_order_id or f"leg-{role.value}",
        request=OrderRequest(type=kind, **given),
    )


TAKE = leg(LegRole.ABOVE, OrderType.LIMIT_MAKER, price=D("70000.00"))
STOP = leg(
    LegRole.BELOW,
    OrderType.STOP_LOSS_LIMIT,
    price=D("49900.00"),
    stop_price=D("50000.00"),
    iceberg_quantity=D("0.002"),
    time_in_force=TimeInForce.GTC,
)
ENTRY = leg(LegRole.WORKING, OrderType.LIMIT, side=Side.BUY, price=D("60000.00"))


def test_oco() -> None:
    assert list_params("list-1", ListKind.OCO, (TAKE, STOP)) == {
        "symbol": "BTCUSDT",
        "listClientOrderId": "list-1",
        "newOrderRespType": "FULL",
        "side": "SELL",
        "quantity": "0.01",
        "aboveType": "LIMIT_MAKER",
        "aboveClientOrderId": "leg-ABOVE",
        "abovePrice": "70000.00",
        "belowType": "STOP_LOSS_LIMIT",
        "belowClientOrderId": "leg-BELOW",
        "belowPrice": "49900.00",
        "belowStopPrice": "50000.00",
        "belowIcebergQty": "0.002",
        "belowTimeInForce": "GTC",
    }


def test_oto() -> None:
    exit_ = leg(LegRole.PENDING, OrderType.MARKET, quantity=D("0.009"))
    assert list_params("list-1", ListKind.OTO, (ENTRY, exit_)) == {
        "symbol": "BTCUSDT",
        "listClientOrderId": "list-1",
        "newOrderRespType": "FULL",
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingClientOrderId": "leg-WORKING",
        "workingPrice": "60000.00",
        "workingQuantity": "0.01",
        "workingTimeInForce": "GTC",
        "pendingType": "MARKET",
        "pendingSide": "SELL",
        "pendingClientOrderId": "leg-PENDING",
        "pendingQuantity": "0.009",
    }


def test_otoco_with_a_trailing_stop_and_a_self_trade_prevention_mode() -> None:
    mode = SelfTradePrevention.EXPIRE_BOTH
    legs = (
        leg(
            LegRole.WORKING, OrderType.LIMIT_MAKER, side=Side.BUY, price=D(60000), self_trade_prevention=mode
        ),
        leg(LegRole.PENDING_ABOVE, OrderType.TAKE_PROFIT, stop_price=D(70000), self_trade_prevention=mode),
        leg(LegRole.PENDING_BELOW, OrderType.STOP_LOSS, trailing_delta=200, self_trade_prevention=mode),
    )
    assert list_params("list-1", ListKind.OTOCO, legs) == {
        "symbol": "BTCUSDT",
        "selfTradePreventionMode": "EXPIRE_BOTH",
        "listClientOrderId": "list-1",
        "newOrderRespType": "FULL",
        "workingType": "LIMIT_MAKER",
        "workingSide": "BUY",
        "workingClientOrderId": "leg-WORKING",
        "workingPrice": "60000",
        "workingQuantity": "0.01",
        "pendingSide": "SELL",
        "pendingQuantity": "0.01",
        "pendingAboveType": "TAKE_PROFIT",
        "pendingAboveClientOrderId": "leg-PENDING_ABOVE",
        "pendingAboveStopPrice": "70000",
        "pendingBelowType": "STOP_LOSS",
        "pendingBelowClientOrderId": "leg-PENDING_BELOW",
        "pendingBelowTrailingDelta": 200,
    }


@pytest.mark.parametrize(
    ("kind", "legs", "why"),
    [
        (ListKind.OCO, (TAKE,), "one leg each"),
        (ListKind.OCO, (TAKE, TAKE), "one leg each"),
        (ListKind.OCO, (), "one leg each"),
        (ListKind.OTO, (TAKE, STOP), "one leg each"),
        (ListKind.OTOCO, (ENTRY, TAKE, STOP), "one leg each"),
        (
            ListKind.OCO,
            (TAKE, leg(LegRole.BELOW, OrderType.STOP_LOSS, stop_price=D(1), quantity=D(2))),
            "one quantity",
        ),
        (
            ListKind.OCO,
            (TAKE, leg(LegRole.BELOW, OrderType.STOP_LOSS, stop_price=D(1), side=Side.BUY)),
            "one side",
        ),
        (
            ListKind.OCO,
            (TAKE, leg(LegRole.BELOW, OrderType.STOP_LOSS, stop_price=D(1), symbol="ETHUSDT")),
            "one symbol",
        ),
        (
            ListKind.OCO,
            (
                TAKE,
                leg(
                    LegRole.BELOW,
                    OrderType.STOP_LOSS,
                    stop_price=D(1),
                    self_trade_prevention=SelfTradePrevention.NONE,
                ),
            ),
            "self-trade",
        ),
        (
            ListKind.OTO,
            (ENTRY, leg(LegRole.PENDING, OrderType.MARKET, quantity=None, quote_quantity=D(100))),
            "base asset",
        ),
        (ListKind.OTO, (ENTRY, leg(LegRole.PENDING, OrderType.MARKET, quantity=D(0))), "above zero"),
        (ListKind.OTO, (ENTRY, leg(LegRole.PENDING, OrderType.MARKET, "bad id")), "client order id"),
        (ListKind.OTO, (ENTRY, leg(LegRole.PENDING, OrderType.MARKET, "leg-WORKING")), "differ"),
        (ListKind.OTO, (ENTRY, leg(LegRole.PENDING, OrderType.MARKET, "list-1")), "differ"),
    ],
)
def test_what_the_wire_cannot_say_is_refused_here(
    kind: ListKind, legs: tuple[ListLeg, ...], why: str
) -> None:
    with pytest.raises(VenueError, match=why) as refused:
        list_params("list-1", kind, legs)
    assert (refused.value.reaction, refused.value.code) == (Reaction.DEFINITE_REJECT, "PARAMETERS")
