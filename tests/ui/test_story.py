"""What the log tells of an order: each thing once, in words an operator can act on."""

from decimal import Decimal

import pytest
from msgspec import structs

from spark_tui.domain.order import Fill, Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.ui.story import short_id, tell

NOW = 1_000_000
FILL = Fill(
    trade_id="1",
    price=Decimal("66900.0"),
    quantity=Decimal("0.004"),
    commission=Decimal("0.27"),
    commission_asset="USDT",
    maker=True,
    time_ms=NOW,
)


def order(state: OrderState, **fields: object) -> Order:
    request = OrderRequest(
        venue="v",
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal("0.010"),
        price=Decimal("66900.0"),
    )
    return Order(
        client_order_id="sprun-44",
        request=request,
        state=state,
        created_ms=NOW,
        updated_ms=NOW + 3,
        **fields,  # type: ignore[arg-type]
    )


SENT = order(OrderState.SENT)
PARTLY = order(OrderState.PARTIALLY_FILLED, filled=Decimal("0.004"), fills=(FILL,))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, SENT, None),
        (
            SENT,
            order(OrderState.ACCEPTED),
            ("info", "44 BUY 0.01 BTCUSDT LIMIT at 66 900 accepted   ack 3 ms"),
        ),
        (
            SENT,
            structs.replace(order(OrderState.ACCEPTED), updated_ms=NOW + 1_500),
            ("info", "44 BUY 0.01 BTCUSDT LIMIT at 66 900 accepted   ack 1.50 s"),
        ),
        (SENT, PARTLY, ("good", "44 BUY BTCUSDT part filled 0.004 @ 66 900   fee 0.27 USDT")),
        (PARTLY, PARTLY, None),
        (
            PARTLY,
            order(OrderState.CANCELED, filled=Decimal("0.004"), fills=(FILL,)),
            ("info", "44 cancelled, 0.004 of 0.01 filled"),
        ),
        (
            SENT,
            order(OrderState.UNKNOWN, decidable_at_ms=NOW + 7_400),
            ("warn", "44 reply lost: UNKNOWN, decidable in 7.4 s; counted, never re-sent"),
        ),
        (None, order(OrderState.DENIED, code="PRICE_BAND", text="too far."), ("bad", "44 denied: too far.")),
        (SENT, order(OrderState.REJECTED, code="-2010"), ("bad", "44 rejected by the venue: -2010")),
        (SENT, order(OrderState.DEAD, text="no trace of it"), ("warn", "44 never lived: no trace of it")),
    ],
)
def test_a_line_for_what_is_new(before: Order | None, after: Order, told: tuple[str, str] | None) -> None:
    assert tell(before, after, NOW) == told


def test_only_the_new_executions_are_told() -> None:
    second = Fill(
        trade_id="2",
        price=Decimal("66899.5"),
        quantity=Decimal("0.006"),
        commission=Decimal("0.40"),
        commission_asset="USDT",
        maker=True,
        time_ms=NOW,
    )
    done = order(OrderState.FILLED, filled=Decimal("0.010"), fills=(FILL, second))
    assert tell(PARTLY, done, NOW) == ("good", "44 BUY BTCUSDT filled 0.006 @ 66 899.5   fee 0.4 USDT")


@pytest.mark.parametrize(
    ("full", "short"), [("sp3k-44", "44"), ("web_9f8e7d6c", "e7d6c"), ("x-1-123456789", "56789")]
)
def test_short_ids(full: str, short: str) -> None:
    assert short_id(full) == short


def test_an_amend_is_told_once_and_a_change_that_failed_is_no_new_acceptance() -> None:
    before = order(OrderState.ACCEPTED)
    amended = structs.replace(before, amended_quantity=Decimal("0.006"))
    assert tell(before, amended, 0) == ("info", "44 amended to 0.006, its place in the queue kept")
    assert tell(amended, structs.replace(amended, state=OrderState.PENDING_REPLACE), 0) is None
    pending = structs.replace(before, state=OrderState.PENDING_REPLACE)
    told = tell(pending, before, 0)
    assert told is not None
    assert "stays as it was" in told[1]


def test_a_replaced_order_names_what_took_its_place() -> None:
    gone = structs.replace(order(OrderState.CANCELED), replaced_by="sprun7-45")
    assert tell(order(OrderState.ACCEPTED), gone, 0) == ("info", "44 cancelled, replaced by 45")
