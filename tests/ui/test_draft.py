"""The ticket's draft: what may be typed, and the order it amounts to."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.instrument import Instrument, SymbolStatus
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.ui.draft import MAX_TEXT, Draft
from spark_tui.ui.drafted import order_of
from spark_tui.ui.shapes import PRICE, QUANTITY, STOP, TRAIL


def instrument(**changes: object) -> Instrument:
    everything: dict[str, object] = {
        "venue": "v",
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "status": SymbolStatus.TRADING,
        "base_precision": 8,
        "quote_precision": 8,
        "order_types": frozenset(OrderType),
        "filters": (),
    }
    return Instrument(**{**everything, **changes})  # type: ignore[arg-type]


def typed(draft: Draft, text: str) -> None:
    for character in text:
        draft.type_character(character)


def of_type(kind: OrderType) -> Draft:
    draft = Draft("s")
    while draft.type is not kind:
        draft.next_type(None)
    return draft


@given(st.text(max_size=40))
def test_whatever_is_typed_the_number_is_plain_or_absent(text: str) -> None:
    draft = Draft("s")
    typed(draft, text)
    number = draft.number(QUANTITY) if draft.texts[QUANTITY].strip(".") else None
    assert number is None or number.is_finite()
    assert len(draft.texts[QUANTITY]) <= MAX_TEXT


def test_the_first_digit_replaces_and_the_next_append() -> None:
    draft = Draft("s")
    draft.set(PRICE, Decimal("67000.0"))
    draft.go(1)
    typed(draft, "66,5")
    assert draft.texts[PRICE] == "66.5"


def test_letters_are_left_to_the_keys() -> None:
    draft = Draft("s")
    assert not draft.type_character("b")
    assert not draft.type_character("-")
    assert not draft.type_character("٣")  # a digit, but not one of ours


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (OrderType.LIMIT, (QUANTITY, PRICE)),
        (OrderType.MARKET, (QUANTITY,)),
        (OrderType.STOP_LOSS, (QUANTITY, STOP)),
        (OrderType.STOP_LOSS_LIMIT, (QUANTITY, PRICE, STOP)),
    ],
)
def test_fields_follow_the_type(kind: OrderType, fields: tuple[str, ...]) -> None:
    assert of_type(kind).fields == fields


def test_a_stop_trails_or_both_and_both_are_sent() -> None:
    draft = of_type(OrderType.STOP_LOSS)
    draft.set_side(Side.SELL)
    seen = []
    for _ in range(3):
        draft.next_trigger()
        seen.append((draft.fields, draft.field))
    assert seen == [
        ((QUANTITY, TRAIL), TRAIL),
        ((QUANTITY, STOP, TRAIL), STOP),
        ((QUANTITY, STOP), STOP),
    ]
    draft.next_trigger()
    draft.next_trigger()
    for field, value in ((QUANTITY, "0.01"), (STOP, "68000"), (TRAIL, "100")):
        draft.set(field, Decimal(value))
    order = order_of(draft, "v", "BTCUSDT")
    assert (order.stop_price, order.trailing_delta) == (Decimal(68000), 100)
    again = Draft("t")
    again.load(order)
    assert again.fields == draft.fields
    assert order_of(again, "v", "BTCUSDT").trailing_delta == 100


def test_types_the_instrument_lacks_are_passed_over() -> None:
    draft = Draft("s")
    draft.next_type(instrument(order_types=frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT})))
    assert draft.type is OrderType.STOP_LOSS_LIMIT


def test_a_limit_order_as_a_sentence() -> None:
    draft = Draft("s")
    draft.set_side(Side.SELL)
    typed(draft, "0.01")
    draft.go(1)
    typed(draft, "67000")
    order = order_of(draft, "binance-spot", "BTCUSDT")
    assert (order.side, order.quantity, order.price) == (Side.SELL, Decimal("0.01"), Decimal(67000))
    assert order.time_in_force is TimeInForce.GTC


def test_market_takes_its_amount_in_quote_and_no_price() -> None:
    draft = of_type(OrderType.MARKET)
    draft.toggle_unit()
    typed(draft, "50")
    order = order_of(draft, "v", "BTCUSDT")
    assert (order.quantity, order.quote_quantity, order.price, order.time_in_force) == (
        None,
        Decimal(50),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "missing"), [("", "type a quantity"), ("0.00", "type a quantity"), ("1", "type a price")]
)
def test_what_is_missing_is_said(text: str, missing: str) -> None:
    draft = Draft("s")
    typed(draft, text)
    assert draft.missing() == missing


def test_the_same_draft_has_one_key_and_a_changed_draft_another() -> None:
    draft = Draft("s")
    typed(draft, "1")
    key = order_of(draft, "v", "A").key
    assert order_of(draft, "v", "A").key == key
    typed(draft, "2")
    assert order_of(draft, "v", "A").key != key


@given(st.integers(-50, 50))
def test_nudging_stays_on_the_step_and_never_below_zero(by: int) -> None:
    draft = Draft("s")
    typed(draft, "0.0123")
    draft.nudge(by, Decimal("0.001"))
    number = draft.number(QUANTITY)
    assert number == max(Decimal(0), Decimal("0.012") + by * Decimal("0.001"))
