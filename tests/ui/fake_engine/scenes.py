"""Scenes to begin with: the orders of the picture, differences that ask."""

from decimal import Decimal

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import Difference, Differences, Notice, OrderUpdate, SubmitOrder
from tests.ui.fake_engine.orders import FakeOrders
from tests.ui.fake_engine.work import FakeWork
from tests.ui.fake_engine.world import START_MS, VENUE


def orders_of_the_picture(engine: FakeOrders) -> None:
    """The five orders, the fill and the three notices of the picture at 120x36."""
    limit, force = OrderType.LIMIT, TimeInForce.GTC

    def ask(symbol: str, side: Side, kind: OrderType, price: str, quantity: str) -> SubmitOrder:
        return SubmitOrder(
            symbol=symbol,
            side=side,
            type=kind,
            quantity=Decimal(quantity),
            price=Decimal(price),
            time_in_force=force if kind is limit else None,
        )

    now = engine.clock.now_ms
    denied = engine.put(
        ask("BTCTRY", Side.BUY, limit, "2700000", "0.002"),
        OrderState.DENIED,
        code="PRICE_BAND",
        text="The price is 1.6 % from the middle; the band is 1.0 %.",
    )
    _age(engine, denied, 340)
    filled = engine.put(ask("BTCUSDT", Side.BUY, limit, "67001.2", "0.010"), OrderState.ACCEPTED)
    engine.fill(filled.order)
    _age(engine, OrderUpdate(order=engine.orders[filled.order.client_order_id]), 252)
    _age(
        engine,
        engine.put(ask("ETHUSDT", Side.SELL, OrderType.LIMIT_MAKER, "3420", "0.5"), OrderState.ACCEPTED),
        171,
    )
    partly = engine.put(ask("BTCUSDT", Side.BUY, limit, "66900", "0.010"), OrderState.PARTIALLY_FILLED)
    _age(engine, partly, 14, filled=Decimal("0.004"), filled_quote=Decimal("267.6"))
    unknown = engine.put(
        ask("BTCUSDT", Side.SELL, OrderType.STOP_LOSS_LIMIT, "66000", "0.010"), OrderState.UNKNOWN
    )
    _age(engine, unknown, 3, decidable_at_ms=now + 7_400)
    engine.forget_events()
    engine.push(
        Notice(time_ms=now - 42_000, level="info", text="41 denied: price 1.6 % from mid, band 1.0 %"),
        Notice(
            time_ms=now - 14_000,
            level="info",
            text="44 filled 0.004 @ 66 900.0   fee 0.27 USDT   ack 3 ms",
        ),
        Notice(
            time_ms=now - 3_000,
            level="warn",
            text="45 reply lost: UNKNOWN, decidable in 7.4 s; counted, never re-sent",
        ),
    )


def _age(engine: FakeOrders, update: OrderUpdate, seconds: int, **changes: object) -> None:
    created = engine.clock.now_ms - seconds * 1_000
    engine.update(update.order, created_ms=created, **changes)


def with_differences(engine: FakeWork) -> None:
    """One that was settled, and one that asks."""

    def row(key: str, kind: str, choices: tuple[str, ...], applied: str) -> Difference:
        return Difference(
            difference_id=key,
            kind=kind,
            venue=VENUE,
            symbol="USDT",
            client_order_id="",
            local="open orders lock 682.4 USDT",
            remote="702.4 USDT are locked",
            choices=choices,
            applied=applied,
            at_ms=START_MS,
        )

    rows = (row("a", "EXTERNAL_ORDER", (), "shown and counted"), row("b", "BALANCE", ("accept",), ""))
    engine.differences = Differences(rows=rows, passes=2, last_ms=START_MS, running=False)
