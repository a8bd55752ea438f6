"""What the cockpit knows: latest wins, nothing twice, nothing of one instrument under another's name."""

from decimal import Decimal

from spark_tui.domain.order import Order, OrderState
from spark_tui.link.messages import BookView, Fills, OrderUpdate
from spark_tui.ui.model import MAX_FILLS, MAX_ORDERS, Model, Topic
from tests.ui.fake_engine import VENUE, FakeEngine, ManualClock


def filled() -> tuple[Model, FakeEngine]:
    clock = ManualClock()
    engine = FakeEngine(clock)
    model = Model(clock)
    model.set_look((VENUE, "BTCUSDT"), "1m")
    model.apply_all(engine.snapshot())
    return model, engine


def changed(order: Order, **fields: object) -> Order:
    return Order(**{**{name: getattr(order, name) for name in order.__struct_fields__}, **fields})  # type: ignore[arg-type]


async def test_an_older_state_of_an_order_never_wins() -> None:
    model, _ = filled()
    update = next(iter(model.orders.values()))
    older = changed(update.order, state=OrderState.SENT, updated_ms=update.order.updated_ms - 1)
    model.apply(OrderUpdate(order=older))
    assert model.orders[older.client_order_id] is update


async def test_a_fill_told_twice_is_one_fill() -> None:
    model, engine = filled()
    before = len(model.fills)
    model.apply(Fills(rows=tuple(engine.fills)))
    assert len(model.fills) == before


async def test_books_and_candles_of_another_instrument_are_not_shown() -> None:
    model, engine = filled()
    model.set_look((VENUE, "ETHUSDT"), "1m")
    assert model.book is None
    assert not model.candles
    model.apply_all((engine.book(), engine.trades_view(), engine.candles_view()))
    assert model.book is None
    assert model.trades is None
    assert not model.candles


async def test_another_interval_begins_with_no_candles() -> None:
    model, engine = filled()
    assert model.candles
    model.set_look((VENUE, "BTCUSDT"), "5m")
    model.apply(engine.candles_view())
    assert not model.candles


async def test_a_candle_is_merged_by_its_open_time() -> None:
    model, engine = filled()
    count = len(model.candles)
    engine.tick(("BTCUSDT",))
    model.apply(engine.candles_view(whole=False))
    assert len(model.candles) == count
    assert list(model.candles.values())[-1].close == engine.prices["BTCUSDT"]


async def test_orders_are_bounded_and_open_ones_stay() -> None:
    model, engine = filled()
    template = next(row.order for row in model.orders.values() if row.order.state is OrderState.FILLED)
    for number in range(MAX_ORDERS + 50):
        model.apply(OrderUpdate(order=changed(template, client_order_id=f"x-{number}")))
    assert len(model.orders) == MAX_ORDERS
    assert {row.order.state for row in model.open_orders()} == {
        OrderState.ACCEPTED,
        OrderState.PARTIALLY_FILLED,
        OrderState.UNKNOWN,
    }
    assert model.fills.maxlen == MAX_FILLS
    assert engine.orders.keys() - model.orders.keys() <= {template.client_order_id, "sprun7-41"}


async def test_open_orders_come_first_and_the_newest_first() -> None:
    model, _ = filled()
    rows = model.orders_newest_first()
    assert [row.order.client_order_id[-2:] for row in rows] == ["45", "44", "43", "42", "41"]


async def test_ages_go_on_between_events() -> None:
    model, engine = filled()
    ticker = model.tickers[VENUE, "BTCUSDT"]
    assert round(model.ticker_age_s(ticker), 3) == 0.1
    engine.clock.advance(4)
    assert round(model.ticker_age_s(ticker), 3) == 4.1
    assert model.venue_now_ms() == engine.clock.now_ms


async def test_decimals_come_from_the_instrument() -> None:
    model, engine = filled()
    from spark_tui.link.messages import GetInstruments, Instruments

    answer = await engine.call(GetInstruments())
    assert isinstance(answer, Instruments)
    model.set_instruments(answer.rows)
    steps = model.steps((VENUE, "BTCTRY"))
    assert (steps.price, steps.quantity, steps.tick) == (0, 5, Decimal(1))


async def test_after_a_loss_the_new_snapshot_replaces_what_was_known() -> None:
    model, engine = filled()
    engine.orders.clear()
    model.reset()
    model.apply_all(engine.snapshot())
    assert not model.orders
    assert model.take_dirty() >= {Topic.ORDERS, Topic.BOOK, Topic.STATUS}


async def test_an_unusable_book_replaces_a_usable_one() -> None:
    model, engine = filled()
    assert model.book is not None
    assert model.book.usable
    engine.book_why = "gap"
    view = engine.book()
    assert isinstance(view, BookView)
    model.apply(view)
    assert not model.book.usable
