"""The book: price-time priority and quantities against a naive model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.simulator.fixed import SCALE, notional
from spark_tui.simulator.matching import CROWD, Book, Resting, SelfTrade

PRICES = st.integers(90, 110).map(lambda n: n * SCALE)
QUANTITIES = st.integers(1, 50).map(lambda n: n * SCALE // 10)


class Model:
    """Every resting order in a list; matching sorts it from scratch each time."""

    def __init__(self) -> None:
        self.orders: list[tuple[int, bool, int, int]] = []  # id, buy, price, leaves

    def take(self, buy: bool, limit: int, quantity: int) -> list[tuple[int, int, int]]:
        against = [o for o in self.orders if o[1] != buy and (o[2] <= limit if buy else o[2] >= limit)]
        against.sort(key=lambda o: (o[2] if buy else -o[2], self.orders.index(o)))
        met = []
        for order in against:
            traded = min(order[3], quantity)
            if not traded:
                break
            quantity -= traded
            met.append((order[0], order[2], traded))
            position = self.orders.index(order)
            if traded == order[3]:
                del self.orders[position]
            else:
                self.orders[position] = (*order[:3], order[3] - traded)
        return met


@given(st.lists(st.tuples(st.booleans(), PRICES, QUANTITIES, st.integers(0, 9)), max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_book_matches_like_a_model_that_sorts_everything(steps: list[tuple[bool, int, int, int]]) -> None:
    book, model = Book(), Model()
    resting: dict[int, Resting] = {}
    for number, (buy, price, quantity, choice) in enumerate(steps, 1):
        live = [order for order in resting.values() if order.leaves]
        if choice == 0 and live:  # cancel one
            gone = live[number % len(live)]
            book.remove(gone)
            model.orders = [o for o in model.orders if o[0] != gone.id]
            del resting[gone.id]
            continue
        order = Resting(id=number, owner=CROWD, buy=buy, price=price, leaves=quantity)
        met = [(e.maker.id, e.price, e.quantity) for e in book.take(order, limit=price)]
        assert met == model.take(buy, price, quantity)
        assert order.leaves == quantity - sum(m[2] for m in met)
        if order.leaves:
            book.add(order)
            resting[number] = order
            model.orders.append((number, buy, price, order.leaves))
        for side, levels in ((True, book.bids), (False, book.asks)):
            wanted: dict[int, int] = {}
            for _, is_buy, at, leaves in model.orders:
                if is_buy == side:
                    wanted[at] = wanted.get(at, 0) + leaves
            assert {at: level.quantity for at, level in levels.items()} == wanted
            best = sorted(wanted, reverse=side)
            assert [at for at, _ in book.levels(bids=side, limit=5)] == best[:5]
        assert not (book.bids and book.asks) or (book.best_bid() or 0) < (book.best_ask() or 0)


def test_every_level_change_moves_the_update_id_and_is_remembered() -> None:
    book = Book(update_id=7)
    first = Resting(id=1, owner=CROWD, buy=True, price=5, leaves=10)
    book.add(first)
    book.add(Resting(id=2, owner=CROWD, buy=True, price=5, leaves=10))
    book.reduce(first, 4)
    book.remove(first)
    assert book.update_id == 11
    assert book.dirty == ({5}, set())
    assert book.quantity_at(bids=True, price=5) == 10


def two_own_asks() -> Book:
    book = Book()
    book.add(Resting(id=1, owner=9, buy=False, price=100, leaves=10))
    book.add(Resting(id=2, owner=CROWD, buy=False, price=100, leaves=10))
    return book


@pytest.mark.parametrize(
    ("mode", "met", "left", "standing"),
    [
        (SelfTrade.NONE, [(1, 10, False), (2, 5, False)], 0, 5),
        (SelfTrade.EXPIRE_MAKER, [(1, 10, True), (2, 10, False)], 5, 0),
        (SelfTrade.EXPIRE_TAKER, [(1, 0, True)], 15, 20),
        (SelfTrade.EXPIRE_BOTH, [(1, 10, True)], 15, 10),
        (SelfTrade.DECREMENT, [(1, 10, True), (2, 5, False)], 0, 5),
        (SelfTrade.TRANSFER, [(1, 10, True), (2, 5, False)], 0, 5),
    ],
)
def test_self_trade_modes(
    mode: SelfTrade, met: list[tuple[int, int, bool]], left: int, standing: int
) -> None:
    book = two_own_asks()
    taker = Resting(id=3, owner=9, buy=True, price=100, leaves=15)
    executions = book.take(taker, limit=100, mode=mode)
    assert [(e.maker.id, e.quantity, e.prevented) for e in executions] == met
    assert taker.leaves == left
    assert book.quantity_at(bids=False, price=100) == standing


def test_questions_about_the_other_side_leave_out_an_owner() -> None:
    book = Book()
    book.add(Resting(id=1, owner=9, buy=False, price=100 * SCALE, leaves=SCALE))
    book.add(Resting(id=2, owner=CROWD, buy=False, price=101 * SCALE, leaves=SCALE))
    assert book.fillable(buy=True, limit=101 * SCALE, quantity=2 * SCALE)
    assert not book.fillable(buy=True, limit=101 * SCALE, quantity=2 * SCALE, but=9)
    assert not book.fillable(buy=True, limit=100 * SCALE, quantity=2 * SCALE)
    assert book.sweep_cost(buy=True, quantity=2 * SCALE) == 201 * SCALE
    assert book.sweep_cost(buy=True, quantity=2 * SCALE, but=9) == 101 * SCALE
    assert book.quantity_for_quote(buy=True, quote=150 * SCALE, step=SCALE // 100) == 149 * SCALE // 100
    assert notional(101 * SCALE, 49 * SCALE // 100) <= 50 * SCALE
