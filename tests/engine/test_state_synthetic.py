"""Positions follow synthetic fills, and in the end the trades alone (F47, F48, F50)."""

import itertools
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.account import Position
from spark_tui.domain.executions import synthetic_fill
from spark_tui.domain.order import Accepted, Canceled, Fill, Filled, Intended, OrderEvent, OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine import state as engine_state
from spark_tui.engine.records import OrderRecord
from spark_tui.engine.state import Effect, State

PAIR = ("sim", "BTCUSDT")


def intent(client_id: str, side: Side = Side.BUY) -> Intended:
    request = OrderRequest(
        venue="sim",
        symbol="BTCUSDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=Decimal(10),
        price=Decimal(100),
    )
    return Intended(client_order_id=client_id, request=request, at_ms=1)


def trade(number: int, quantity: str, price: str, commission: str = "0") -> Filled:
    return Filled(
        fill=Fill(
            trade_id=str(number),
            price=Decimal(price),
            quantity=Decimal(quantity),
            commission=Decimal(commission),
            commission_asset="USDT",
            maker=True,
            time_ms=5,
        )
    )


class Book:
    """A state, and two orders in it."""

    def __init__(self) -> None:
        self.state = State()
        for name, side in (("a", Side.BUY), ("b", Side.SELL)):
            record = OrderRecord(client_order_id=name, event=intent(name, side), base="BTC", quote="USDT")
            self.state.apply(record)
            self.tell(name, Accepted(venue_order_id=f"venue-{name}", at_ms=2))

    def tell(self, name: str, event: OrderEvent) -> Effect:
        return self.state.apply(OrderRecord(client_order_id=name, event=event))

    def cover(self, name: str, filled: str, quote: str) -> Effect:
        order = self.state.orders[name]
        fill = synthetic_fill(order, Decimal(filled), Decimal(quote), time_ms=9)
        return self.tell(name, Filled(fill=fill))

    @property
    def position(self) -> Position:
        return self.state.positions[PAIR]


def test_a_trade_takes_the_place_of_what_stood_for_it() -> None:
    book = Book()
    book.tell("a", trade(1, "1", "90"))
    effect = book.cover("a", "1.5", "140")
    assert [row.fill.synthetic for row in effect.fills] == [True]
    assert (book.position.quantity, book.position.cost) == (Decimal("1.5"), Decimal(140))

    effect = book.tell("a", trade(2, "0.2", "95", "0.01"))
    assert [(row.fill.trade_id, row.fill.quantity) for row in effect.fills] == [
        ("2", Decimal("0.2")),
        ("synthetic-venue-a-1.5", Decimal("0.3")),
    ]
    assert (book.position.quantity, book.position.fees) == (Decimal("1.5"), {"USDT": Decimal("0.01")})
    assert sum(row.fill.quantity for row in book.state.fills) == Decimal("1.5")

    book.tell("a", trade(3, "0.3", "110"))
    plain = Book()
    for event in (trade(1, "1", "90"), trade(2, "0.2", "95", "0.01"), trade(3, "0.3", "110")):
        plain.tell("a", event)
    assert book.position == plain.position
    assert list(book.state.fills) == list(plain.state.fills)


def test_the_same_finding_again_moves_nothing() -> None:
    book = Book()
    order = book.state.orders["a"]
    fill = synthetic_fill(order, Decimal(1), Decimal(100), time_ms=9)
    book.tell("a", Filled(fill=fill))
    before = book.state.digest()
    assert book.tell("a", Filled(fill=fill)).fills == ()
    assert book.state.digest() == before


def test_an_order_that_leaves_memory_leaves_its_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    book.cover("a", "1", "100")
    book.tell("a", Canceled(at_ms=9, filled=Decimal(1)))
    before = book.position
    monkeypatch.setattr(engine_state, "MAX_ORDERS", 2)
    record = OrderRecord(client_order_id="c", event=intent("c"), base="BTC", quote="USDT")
    book.state.apply(record)
    assert "a" not in book.state.orders
    assert book.position == before
    book.tell("b", trade(9, "0.25", "120"))
    assert book.position.quantity == Decimal("0.75")


_parts = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(80, 120)), min_size=1, max_size=6
)


@given(parts=_parts, covers=st.lists(st.integers(1, 6), max_size=3), rng=st.randoms(use_true_random=False))
def test_whatever_arrives_first_cash_and_quantity_end_as_the_trades_make_them(
    parts: list[tuple[str, int, int]], covers: list[int], rng: random.Random
) -> None:
    """Quantity never goes beyond what the venue counted, and in the end no digit is left of the stand-ins."""
    events: list[tuple[str, Filled]] = [
        (name, trade(number, f"0.{part}", str(price))) for number, (name, part, price) in enumerate(parts)
    ]
    claims: list[tuple[str, Filled]] = []
    for name in "ab":
        mine = [event.fill for owner, event in events if owner == name]
        base = list(itertools.accumulate(fill.quantity for fill in mine))
        money = list(itertools.accumulate(fill.quantity * fill.price for fill in mine))
        order = Book().state.orders[name]
        claims += [
            (name, Filled(fill=synthetic_fill(order, base[after - 1], money[after - 1], time_ms=9)))
            for after in covers
            if after <= len(mine)
        ]
    mixed = [*events, *claims]
    rng.shuffle(mixed)
    book = Book()
    bought = sum(event.fill.quantity for name, event in events if name == "a")
    sold = sum(event.fill.quantity for name, event in events if name == "b")
    for name, event in mixed:
        book.tell(name, event)
        assert -sold <= book.position.quantity <= bought
    trades_only = Book()
    for name, event in (one for one in mixed if not one[1].fill.synthetic):
        trades_only.tell(name, event)
    assert book.position == trades_only.position
    assert book.state.digest() == with_claims(trades_only, claims)


def with_claims(trades_only: Book, claims: list[tuple[str, Filled]]) -> bytes:
    """The other state once it has heard the claims as well: they change the words about it, no quantity."""
    for name, claim in claims:
        trades_only.tell(name, claim)
    return trades_only.state.digest()
