"""Profit by symbol, strategy and day: the three tables tell one sum, and what has no price is never 0."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.account import unrealised
from spark_tui.domain.accounting import Measure, PnlBook, Tally, Trade, pnl
from spark_tui.domain.values import Side
from tests.domain.accounting.fills import AMOUNTS, BASE, BUY, QUOTE, SELL, THIRD, D, trade, trades

DAY_MS = 86_400_000
PAIR = ("sim", "BTCUSDT")


def book_of(*some: Trade) -> PnlBook:
    book = PnlBook()
    for one in some:
        book.take(one)
    return book


def value(tally: Tally, measure: Measure = Measure.REALISED) -> Decimal | None:
    return tally.value(measure)


def test_the_table_worked_by_hand() -> None:
    """Two strategies, two days, fees in quote, base and BNB. Every figure was worked out by hand:

    day 1  manual buys 1 at 100, fee 0.1 USDT      account: 1 for 100, realised -0.1
           twap buys 1 at 110, fee 0.001 BTC       account: 1.999 for 210, fee worth 0.11
    day 2  manual sells 1 at 120, fee 0.01 BNB of 600: 6 USDT
           account gives up 210/1.999 = 105.0525..., gains 14.9474... - 6; manual's own gives up 100: 20 - 6
    """
    book = book_of(
        trade(BUY, "1", "100", "0.1", QUOTE, trade_id="1"),
        trade(BUY, "1", "110", "0.001", BASE, trade_id="2", strategy="twap:a1"),
        trade(SELL, "1", "120", "0.01", THIRD, trade_id="3", time_ms=DAY_MS + 1),
    )
    second = book.days["1970-01-02"]
    assert value(book.days["1970-01-01"]) == D("-0.1")
    assert value(second) is None  # BNB has no price yet
    assert second.unknown(Measure.REALISED) == {THIRD: D("-0.01")}
    book.price(("sim", "BTCUSDT", "3"), {THIRD: D(600)})
    cost = pnl._AVERAGE.divide(D(210), D("1.999"))
    assert value(second) == D(120) - cost - 6
    sheet = book.symbols[PAIR]
    assert value(sheet.tally) == D(120) - cost - D("6.1")
    assert value(sheet.tally, Measure.FEES) == D("0.1") + D("0.11") + 6
    assert value(sheet.tally, Measure.VOLUME) == 100 + 110 + 120
    assert (sheet.lots.realised, sheet.lots.quantity) == (D("19.9"), D("0.999"))
    manual, twap = book.strategies["manual:ayse"], book.strategies["twap:a1"]
    assert (value(manual.tally), manual.flat) == (D("20") - D("0.1") - 6, True)
    assert (value(twap.tally), twap.positions[PAIR].quantity) == (D(0), D("0.999"))
    assert sheet.tally.trades == 3


@given(trades(quotes=(QUOTE,)), AMOUNTS)
def test_strategies_together_earned_what_the_symbol_did_and_so_did_the_days(
    all_trades: list[Trade], mark: Decimal
) -> None:
    book = book_of(*all_trades)
    for key in list(book.awaiting):
        book.price(key, {THIRD: D(600), "TRY": D("0.03")})
    by_symbol = sum(
        (
            Fraction(sheet.tally.known(Measure.REALISED)) + Fraction(unrealised(sheet.position, mark))
            for sheet in book.symbols.values()
        ),
        Fraction(0),
    )
    by_strategy = sum(
        (
            Fraction(sheet.tally.known(Measure.REALISED))
            + sum(Fraction(unrealised(position, mark)) for position in sheet.positions.values())
            for sheet in book.strategies.values()
        ),
        Fraction(0),
    )
    assert by_symbol == by_strategy
    realised = sum(Fraction(sheet.tally.known(Measure.REALISED)) for sheet in book.symbols.values())
    assert realised == sum(Fraction(tally.known(Measure.REALISED)) for tally in book.days.values())
    for measure in (Measure.FEES, Measure.VOLUME):
        sums = [
            sum(Fraction(tally.known(measure)) for tally in tallies)
            for tallies in (
                [sheet.tally for sheet in book.symbols.values()],
                [sheet.tally for sheet in book.strategies.values()],
                book.days.values(),
            )
        ]
        assert sums[0] == sums[1] == sums[2]


@given(trades(quotes=(QUOTE,)), AMOUNTS)
def test_f41_profit_is_the_money_that_came_in_and_what_is_left_is_worth(
    all_trades: list[Trade], mark: Decimal
) -> None:
    """Nothing is lost over cycles and flips: cash, what is held at the mark, less fees in third assets."""
    book = book_of(*all_trades)
    rates = {THIRD: D(600), "TRY": D("0.03")}
    for key in list(book.awaiting):
        book.price(key, rates)
    expected = Fraction(0)
    for one in all_trades:
        sign = 1 if one.side is Side.BUY else -1
        held = sign * Fraction(one.fill.quantity)
        fee, asset = Fraction(one.fill.commission), one.fill.commission_asset
        expected -= sign * Fraction(one.fill.price) * Fraction(one.fill.quantity)
        held -= fee if asset == BASE else 0
        expected += held * Fraction(mark)
        expected -= fee * Fraction({QUOTE: D(1), BASE: D(0), **rates}[asset])
    earned = sum(
        (
            Fraction(sheet.tally.known(Measure.REALISED)) + Fraction(unrealised(sheet.position, mark))
            for sheet in book.symbols.values()
        ),
        Fraction(0),
    )
    assert earned == expected


@given(trades(), st.randoms(use_true_random=False))
def test_prices_may_come_in_any_order_and_in_parts(all_trades: list[Trade], dice: Random) -> None:
    one, other = book_of(*all_trades), book_of(*all_trades)
    rates = {THIRD: D("612.5"), "TRY": D("0.031")}
    for key in list(one.awaiting):
        one.price(key, rates)
    keys = list(other.awaiting)
    dice.shuffle(keys)
    for key in keys:
        other.price(key, {THIRD: rates[THIRD]})
    for key in keys:
        other.price(key, {"TRY": rates["TRY"]})
        other.price(key, {"TRY": D(99)})  # told twice: the first holds
    assert not one.awaiting
    assert not other.awaiting
    assert msgspec.json.encode(one.digest()) == msgspec.json.encode(other.digest())
    sheets = (*one.symbols.values(), *one.strategies.values())
    tallies = [*(sheet.tally for sheet in sheets), *one.days.values()]
    assert [
        tally.unknown(measure) for tally in tallies for measure in Measure if tally.unknown(measure)
    ] == []


def test_what_has_its_price_leaves_no_rest_without_one() -> None:
    """A gain of more than 28 digits: what is taken off what has no price is all of it, to the last digit."""
    book = book_of(
        trade(BUY, "3", "0.00001", "0.1", BASE, quote="TRY", trade_id="1"),
        trade(SELL, "1", "123456.78", quote="TRY", trade_id="2"),
    )
    tally = book.symbols["sim", "BTCTRY"].tally
    assert len(tally.unknown(Measure.REALISED)["TRY"].as_tuple().digits) > 28
    for number in "12":
        book.price(("sim", "BTCTRY", number), {"TRY": D("0.03")})
    assert tally.unknown(Measure.REALISED) == {}
    assert value(tally) is not None


def test_a_symbol_in_another_quote_is_unknown_until_its_rate_is_known() -> None:
    book = book_of(trade(BUY, "1", "2000000", "2000", "TRY", quote="TRY"))
    tally = book.symbols["sim", "BTCTRY"].tally
    assert [value(tally, measure) for measure in (Measure.REALISED, Measure.FEES, Measure.VOLUME)] == [
        None
    ] * 3
    book.price(("sim", "BTCTRY", "1"), {"TRY": D("0.03")})
    assert value(tally) == -60
    assert value(tally, Measure.FEES) == 60
    assert value(tally, Measure.VOLUME) == 60_000


def test_a_synthetic_fill_is_laid_over_and_taken_off_again() -> None:
    book = book_of(trade(BUY, "1", "100", trade_id="1"))
    book.cover("o2", trade(SELL, "1", "110", trade_id="s"))
    assert value(book.laid().symbols[PAIR].tally) == 10
    assert value(book.symbols[PAIR].tally) == 0
    book.take(trade(SELL, "1", "111", trade_id="2"))
    book.cover("o2", None)
    assert value(book.laid().symbols[PAIR].tally) == 11
    book.cover("o3", trade(BUY, "1", "100", trade_id="t"))
    book.settle("o3")
    assert book.symbols[PAIR].position.quantity == 1


def test_funding_is_a_row_of_its_own() -> None:
    book = book_of(trade(BUY, "1", "100"))
    book.fund("sim", "BTCUSDT", QUOTE, D("-0.25"), 5, None)
    assert value(book.symbols[PAIR].tally, Measure.FUNDING) == D("-0.25")
    assert book.symbols[PAIR].position.quantity == 1
    book.fund("sim", "BTCUSDT", THIRD, D("-1"), 5, None)
    assert value(book.days["1970-01-01"], Measure.FUNDING) is None


def test_strategies_are_bounded_and_their_sum_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnl, "MAX_STRATEGIES", 2)
    some = [
        trade(BUY, "1", "100", "0.01", THIRD, trade_id="1", strategy="twap:1"),  # open, the oldest
        trade(BUY, "1", "100", trade_id="2", strategy="twap:2"),
        trade(SELL, "1", "120", trade_id="3", strategy="twap:2"),  # flat
        trade(SELL, "2", "130", trade_id="4", strategy="twap:3"),
        trade(SELL, "1", "140", trade_id="5", strategy="twap:4"),
        trade(BUY, "3", "150", trade_id="6", strategy="twap:5"),
    ]
    book = book_of(*some)
    assert len(book.strategies) == 3
    assert pnl.OLDER in book.strategies
    book.price(("sim", "BTCUSDT", "1"), {THIRD: D(600)})
    earned = sum(
        sheet.tally.known(Measure.REALISED)
        + sum(unrealised(position, D(125)) for position in sheet.positions.values())
        for sheet in book.strategies.values()
    )
    sheet = book.symbols[PAIR]
    assert earned == sheet.tally.known(Measure.REALISED) + unrealised(sheet.position, D(125))


def test_positions_that_cancel_each_other_out_realise_what_lay_between() -> None:
    long = book_of(trade(BUY, "1", "100")).symbols[PAIR].position
    short = book_of(trade(SELL, "1", "130")).symbols[PAIR].position
    both = pnl.joined(long, short)
    assert (both.quantity, both.cost, both.realised, both.average_price) == (D(0), D(0), D(30), D(0))


def test_days_and_what_awaits_a_price_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnl, "MAX_DAYS", 3)
    monkeypatch.setattr(pnl, "MAX_AWAITING", 2)
    book = book_of(*(trade(BUY, "1", "1", "1", THIRD, trade_id=str(n), time_ms=n * DAY_MS) for n in range(5)))
    assert list(book.days) == ["1970-01-03", "1970-01-04", "1970-01-05"]
    assert [key[2] for key in book.awaiting] == ["3", "4"]
    assert value(book.symbols[PAIR].tally) is None


@given(trades(), st.integers(0, 14))
def test_what_is_laid_over_is_what_settling_would_make_of_it_and_changes_nothing(
    all_trades: list[Trade], taken: int
) -> None:
    book, settled = book_of(*all_trades[:taken]), book_of(*all_trades)
    for number, one in enumerate(all_trades[taken:]):
        book.cover(str(number), one)
    before = msgspec.json.encode(book.digest())
    laid, whole = book.laid().digest(), settled.digest()
    for part in ("symbols", "strategies", "days"):
        assert laid[part] == whole[part]
    assert msgspec.json.encode(book.digest()) == before


def test_laying_over_copies_only_what_a_synthetic_fill_touches() -> None:
    """Years of days and hundreds of strategies would hold up the engine for half a second."""
    other = trade(BUY, "1", "100", trade_id="2", symbol="ETHUSDT", strategy="twap:9", time_ms=9 * DAY_MS)
    book = book_of(trade(BUY, "1", "100", trade_id="1"), other)
    book.cover("o2", trade(SELL, "1", "110", trade_id="s"))
    laid = book.laid()
    assert laid.symbols["sim", "ETHUSDT"] is book.symbols["sim", "ETHUSDT"]
    assert laid.strategies["twap:9"] is book.strategies["twap:9"]
    assert laid.days["1970-01-10"] is book.days["1970-01-10"]
    assert laid.symbols[PAIR] is not book.symbols[PAIR]
