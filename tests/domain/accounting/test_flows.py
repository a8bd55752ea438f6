"""Balance change = sum of rows, to the last digit, whatever was traded and whatever came out of order."""

from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.accounting import CashBook, Explained, Flow, FlowKind, Trade, flows_of, sellable
from spark_tui.domain.accounting.dust import is_dust
from spark_tui.domain.decimals import add, is_multiple
from spark_tui.domain.values import Side
from tests.domain.accounting.fills import AMOUNTS, BASE, BUY, QUOTE, SELL, THIRD, D, trade, trades

NEVER = 1 << 60


def balances_after(all_trades: list[Trade], start: dict[str, Fraction]) -> dict[str, Fraction]:
    """What an exchange would do to the account, by its own arithmetic."""
    held = dict(start)
    for one in all_trades:
        sign = 1 if one.side is Side.BUY else -1
        value = Fraction(one.fill.price) * Fraction(one.fill.quantity)
        for asset, change in (
            (one.base, sign * Fraction(one.fill.quantity)),
            (one.quote, -sign * value),
            (one.fill.commission_asset, -Fraction(one.fill.commission)),
        ):
            held[asset] = held.get(asset, Fraction(0)) + change
    return held


def exact(value: Fraction) -> Decimal:
    """A fraction that is a decimal: its denominator divides a power of ten."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    return Decimal(f"{int(value * 10**places)}e-{places}")


def rows_of(book: CashBook, actual: dict[str, Decimal], at_ms: int = NEVER) -> dict[str, Explained]:
    return {row.asset: row for row in book.explain("sim", actual, dict.fromkeys(actual, at_ms))}


@given(trades())
def test_f41_the_change_of_every_balance_is_the_sum_of_its_rows(all_trades: list[Trade]) -> None:
    start = {BASE: Fraction(10), QUOTE: Fraction(10_000), THIRD: Fraction(5)}
    book = CashBook()
    book.anchor("sim", {asset: exact(held) for asset, held in start.items()}, 0)
    for one in all_trades:
        book.trade(one)
    actual = {asset: exact(held) for asset, held in balances_after(all_trades, start).items()}
    for row in rows_of(book, actual).values():
        assert row.rest == 0, row
        assert row.expected == row.actual
        assert Fraction(row.opening) + sum(map(Fraction, row.rows.values())) == Fraction(row.expected)


@given(trades(), st.randoms())
def test_the_order_in_which_rows_come_changes_no_sum(all_trades: list[Trade], dice: Random) -> None:
    one, other = CashBook(), CashBook()
    shuffled = list(all_trades)
    dice.shuffle(shuffled)
    for book, some in ((one, all_trades), (other, shuffled)):
        book.anchor("sim", {QUOTE: D(1)}, 0)
        for each in some:
            book.trade(each)
    assert rows_of(one, {}) == rows_of(other, {})


@given(trades(), AMOUNTS)
def test_what_is_missing_is_the_rest_exactly(all_trades: list[Trade], missing: Decimal) -> None:
    book = CashBook()
    book.anchor("sim", {}, 0)
    for one in all_trades:
        book.trade(one)
    actual = {asset: exact(held) for asset, held in balances_after(all_trades, {}).items()}
    actual[QUOTE] = add(actual.get(QUOTE, D(0)), missing)
    assert rows_of(book, actual)[QUOTE].rest == missing


def test_what_the_first_balances_hold_already_is_no_row() -> None:
    book = CashBook()
    book.trade(trade(BUY, "1", "100", time_ms=500))
    book.trade(trade(BUY, "2", "100", time_ms=1_500))  # heard of before the balances, but done after them
    book.anchor("sim", {BASE: D(1), QUOTE: D(900)}, 1_000)
    book.trade(trade(BUY, "4", "100", time_ms=999))  # told late
    rows = rows_of(book, {BASE: D(3), QUOTE: D(700)})
    assert {asset: row.rest for asset, row in rows.items()} == {BASE: 0, QUOTE: 0}
    assert rows[BASE].rows == {FlowKind.BOUGHT: 2}


def test_a_trade_the_balances_cannot_hold_yet_is_not_counted_yet() -> None:
    book = CashBook()
    book.anchor("sim", {BASE: D(0), QUOTE: D(1_000)}, 100)
    book.trade(trade(BUY, "1", "100", time_ms=2_000))
    before = rows_of(book, {QUOTE: D(1_000), BASE: D(0)}, at_ms=1_999)
    assert all(row.rest == 0 for row in before.values())
    after = rows_of(book, {QUOTE: D(900), BASE: D(1)}, at_ms=2_000)
    assert {asset: row.rest for asset, row in after.items()} == {BASE: 0, QUOTE: 0}


def test_a_trade_of_the_very_moment_of_the_first_balances_is_in_them() -> None:
    book = CashBook()
    book.anchor("sim", {BASE: D(1), QUOTE: D(900)}, 1_000)
    book.trade(trade(BUY, "1", "100", time_ms=1_000))
    assert {row.rest for row in rows_of(book, {BASE: D(1), QUOTE: D(900)}).values()} == {0}


def test_a_persons_word_counts_at_once_though_the_balances_are_older() -> None:
    """They said what they saw missing: the rest is gone when they have said it."""
    book = CashBook()
    book.anchor("sim", {QUOTE: D(1_000)}, 100)
    book.flow("sim", "a", Flow(asset=QUOTE, kind=FlowKind.ADJUSTMENT, amount=D(-7)), 9_000)
    assert rows_of(book, {QUOTE: D(993)}, at_ms=1_000)[QUOTE].rest == 0


def test_a_trade_told_before_an_older_one_is_still_not_counted_yet() -> None:
    """A trade found late, of long ago, hides none that is too young for the balances."""
    book = CashBook()
    book.anchor("sim", {BASE: D(0), QUOTE: D(1_000)}, 100)
    book.trade(trade(BUY, "1", "100", trade_id="2", time_ms=2_000))
    book.trade(trade(BUY, "2", "100", trade_id="1", time_ms=500))
    rows = rows_of(book, {QUOTE: D(800), BASE: D(2)}, at_ms=1_000)
    assert {asset: row.rest for asset, row in rows.items()} == {BASE: 0, QUOTE: 0}


def test_deposits_and_words_of_the_operator_are_rows_and_count_once() -> None:
    book = CashBook()
    book.anchor("sim", {QUOTE: D(100)}, 100)
    deposit = Flow(asset=QUOTE, kind=FlowKind.DEPOSIT, amount=D("0.01"))
    assert book.flow("sim", "a", deposit, 200)
    assert not book.flow("sim", "a", deposit, 200)
    book.flow("sim", "b", Flow(asset=THIRD, kind=FlowKind.ADJUSTMENT, amount=D("-1")), 200)
    rows = rows_of(book, {QUOTE: D("100.01"), THIRD: D(-1)})
    assert [row.rest for row in rows.values()] == [0, 0]
    assert rows[QUOTE].rows == {FlowKind.DEPOSIT: D("0.01")}


def test_a_synthetic_fill_is_a_row_until_its_trades_come() -> None:
    book = CashBook()
    book.anchor("sim", {QUOTE: D(1_000)}, 100)
    book.cover("o1", trade(BUY, "1", "100"))
    assert rows_of(book, {QUOTE: D(900), BASE: D(1)})[QUOTE].rest == 0
    book.trade(trade(BUY, "1", "99"))
    book.cover("o1", None)
    assert rows_of(book, {QUOTE: D(901), BASE: D(1)})[QUOTE].rest == 0


@given(trades(quotes=(QUOTE,)), st.sampled_from([D("0.00001"), D("0.001"), D("0.1"), D(1)]))
def test_f38_what_can_be_sold_is_never_more_than_what_is_there(
    all_trades: list[Trade], step: Decimal
) -> None:
    buys = [one for one in all_trades if one.side is BUY]
    held = D(0)
    for one in buys:
        for flow in flows_of(one):
            held = add(held, flow.amount) if flow.asset == BASE else held
    found = sellable(held, step)
    assert found <= max(held, D(0)) < add(found, step)
    assert is_multiple(found, step)


def test_f38_half_a_coin_less_its_fee_is_not_half_a_coin() -> None:
    flows = flows_of(trade(BUY, "0.5", "100", "0.0005", BASE))
    held = sum((flow.amount for flow in flows if flow.asset == BASE), D(0))
    assert held == D("0.4995")
    assert sellable(held, D("0.001")) == D("0.499")


def test_f39_fees_of_other_trades_paid_from_a_held_asset_are_rows_of_that_asset() -> None:
    """BNB is held as a position, and fees of BTC trades are paid from it: explained, not bent away."""
    book = CashBook()
    book.anchor("sim", {THIRD: D(10), QUOTE: D(1_000)}, 0)
    book.trade(trade(BUY, "1", "100", "0.001", THIRD, trade_id="1"))
    book.trade(trade(SELL, "1", "101", "0.002", THIRD, trade_id="2"))
    row = rows_of(book, {THIRD: D("9.997"), QUOTE: D(1_001), BASE: D(0)})[THIRD]
    assert (row.rows, row.rest) == ({FlowKind.FEE: D("-0.003")}, D(0))


def test_f40_what_a_step_leaves_over_is_dust_and_what_can_be_sold_is_not() -> None:
    step, least, money = D("0.001"), D("0.001"), D(5)
    assert is_dust(D("0.0009"), step, least, money, D(100)) is True
    assert is_dust(D("0.0009"), step, least, money, None) is True  # below one step at any price
    assert is_dust(D("-0.0009"), step, least, money, D(100)) is True
    assert is_dust(D("0.04"), step, least, money, D(100)) is True  # worth 4, the venue takes 5
    assert is_dust(D("0.05"), step, least, money, D(100)) is False
    assert is_dust(D("0.04"), step, least, money, None) is None  # it hangs on a price that is not known
    assert is_dust(D(0), step, least, money, None) is False
    assert is_dust(D("0.0509"), step, D("0.06"), money, D(100)) is True  # less than the least order
