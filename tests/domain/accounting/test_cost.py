"""Average cost and FIFO, worked by hand and over random fills: no digit is lost whatever fees and flips."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from spark_tui.domain import account
from spark_tui.domain.account import Position
from spark_tui.domain.accounting import Lots, Trade, fifo
from spark_tui.domain.accounting.fifo import MAX_LOTS, apply_fill
from spark_tui.domain.values import Side
from tests.domain.accounting.fills import AMOUNTS, BASE, BUY, QUOTE, SELL, D, fill, trades

FLAT = Position(venue="sim", symbol="BTCUSDT")

# side, quantity, price, fee, fee asset -> quantity held | average cost: average, realised | FIFO: average of
# what is open, realised. Each line follows from the one before; worked out with pencil and paper.
TABLE = [
    # two buys at different prices
    (BUY, "1", "100", "0", "USDT", "1", "100", "0", "100", "0"),
    (BUY, "1", "110", "0", "USDT", "2", "105", "0", "105", "0"),
    # half is sold: average cost takes 105, FIFO the lot of 100
    (SELL, "1", "120", "0", "USDT", "1", "105", "15", "110", "20"),
    # a fee in quote lowers what is realised, by either method
    (SELL, "0.5", "130", "0.2", "USDT", "0.5", "105", "27.3", "110", "29.8"),
    # through zero: 0.5 closed at 100 (-2.5 / -5), 1 opened short at 100
    (SELL, "1.5", "100", "0", "USDT", "-1", "100", "24.8", "100", "24.8"),
    # a second short, at 90
    (SELL, "1", "90", "0", "USDT", "-2", "95", "24.8", "95", "24.8"),
    # one bought back at 80: +15 against 95, +20 against the oldest, 100
    (BUY, "1", "80", "0", "USDT", "-1", "95", "39.8", "90", "44.8"),
    # the rest at 85: +10 and +5; flat, and both methods agree
    (BUY, "1", "85", "0", "USDT", "0", "0", "49.8", "0", "49.8"),
    # a fee in base: 1 is paid for, 0.999 is held, and costs 100 in all
    (BUY, "1", "99.9", "0.001", "BTC", "0.999", "100", "49.8", "100", "49.8"),
    # a fee in a third asset moves neither quantity nor quote money
    (SELL, "0.999", "100", "0.01", "BNB", "0", "0", "49.8", "0", "49.8"),
]


def test_the_table_worked_by_hand() -> None:
    position, lots = FLAT, Lots()
    for side, quantity, price, fee, asset, held, average, realised, first, by_fifo in TABLE:
        one = fill(quantity, price, fee, asset)
        position = account.apply_fill(position, side, one, BASE, QUOTE)
        lots = apply_fill(lots, side, one, BASE, QUOTE)
        assert (position.quantity, position.average_price, position.realised) == (
            D(held),
            D(average),
            D(realised),
        ), (side, quantity, price)
        assert (lots.quantity, lots.average_price, lots.realised) == (D(held), D(first), D(by_fifo)), (
            side,
            quantity,
            price,
        )


def run(all_trades: list[Trade]) -> tuple[Position, Lots]:
    position, lots = FLAT, Lots()
    for one in all_trades:
        position = account.apply_fill(position, one.side, one.fill, one.base, one.quote)
        lots = apply_fill(lots, one.side, one.fill, one.base, one.quote)
    return position, lots


@given(trades(quotes=(QUOTE,)))
def test_both_methods_conserve_the_same_cash_and_quantity_to_the_last_digit(all_trades: list[Trade]) -> None:
    position, lots = run(all_trades)
    cash = Fraction(0)
    held = Fraction(0)
    for one in all_trades:
        sign = 1 if one.side is Side.BUY else -1
        cash -= sign * Fraction(one.fill.price) * Fraction(one.fill.quantity)
        held += sign * Fraction(one.fill.quantity)
        cash -= Fraction(one.fill.commission) if one.fill.commission_asset == QUOTE else 0
        held -= Fraction(one.fill.commission) if one.fill.commission_asset == BASE else 0
    assert Fraction(lots.quantity) == Fraction(position.quantity) == held
    assert Fraction(lots.realised) - Fraction(lots.cost) == cash
    assert Fraction(position.realised) - Fraction(position.cost) == cash


@given(trades(quotes=(QUOTE,)), AMOUNTS)
def test_realised_and_unrealised_together_are_one_figure_by_either_method(
    all_trades: list[Trade], mark: Decimal
) -> None:
    position, lots = run(all_trades)
    average = Fraction(position.realised) + Fraction(account.unrealised(position, mark))
    assert average == Fraction(lots.realised) + Fraction(lots.unrealised(mark))


@given(trades(quotes=(QUOTE,)), AMOUNTS)
def test_what_is_closed_costs_nothing_more_and_both_methods_realised_the_same(
    all_trades: list[Trade], price: Decimal
) -> None:
    position, lots = run(all_trades)
    closing = SELL if position.quantity > 0 else BUY
    last = fill(str(position.quantity.copy_abs()), str(price))
    flat = account.apply_fill(position, closing, last, BASE, QUOTE)
    empty = apply_fill(lots, closing, last, BASE, QUOTE)
    assert (flat.quantity, flat.cost, empty.lots, empty.cost) == (D(0), D(0), (), D(0))
    assert flat.realised == empty.realised


@given(trades(quotes=(QUOTE,)))
def test_lots_are_of_one_sign_and_none_is_empty(all_trades: list[Trade]) -> None:
    _, lots = run(all_trades)
    assert all(lot.quantity * lots.lots[0].quantity > 0 for lot in lots.lots)


@given(trades(quotes=(QUOTE,)))
def test_the_sums_kept_beside_the_lots_are_theirs(all_trades: list[Trade]) -> None:
    _, lots = run(all_trades)
    assert Fraction(lots.quantity) == sum(Fraction(lot.quantity) for lot in lots.lots)
    assert Fraction(lots.cost) == sum(Fraction(lot.cost) for lot in lots.lots)


def test_the_oldest_lot_goes_first_and_a_part_of_it_stays_in_front() -> None:
    _, lots = run([])
    for quantity, price in (("1", "10"), ("1", "20"), ("1", "30")):
        lots = apply_fill(lots, BUY, fill(quantity, price), BASE, QUOTE)
    lots = apply_fill(lots, SELL, fill("1.5", "40"), BASE, QUOTE)
    assert [(lot.quantity, lot.cost) for lot in lots.lots] == [(D("0.5"), D(10)), (D(1), D(30))]
    assert lots.realised == 30 + 10


def test_lots_are_bounded_and_what_is_joined_is_not_lost() -> None:
    lots = Lots()
    for number in range(MAX_LOTS + 5):
        lots = fifo.move(lots, D(1), D(-number), number)
    assert len(lots.lots) == MAX_LOTS
    assert lots.quantity == sum(lot.quantity for lot in lots.lots) == MAX_LOTS + 5
    assert lots.cost == sum(lot.cost for lot in lots.lots) == sum(range(MAX_LOTS + 5))


@pytest.mark.parametrize("fee", ["1", "1.5"])
def test_commission_that_eats_the_trade_is_still_conserved(fee: str) -> None:
    lots = apply_fill(Lots(), BUY, fill("1", "100", fee, BASE), BASE, QUOTE)
    assert lots.quantity == 1 - D(fee)
    assert lots.realised - lots.cost == -100
