"""Futures: one-way and hedge positions, funding and margin, ready for their venue."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.accounting.flows import Flow, FlowKind
from spark_tui.domain.accounting.futures import FuturesBook, PositionSide
from spark_tui.domain.accounting.margin import Bracket, Leg, liquidation_price, margin
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side
from tests.domain.accounting.fills import AMOUNTS, BUY, QUOTE, SELL, THIRD, D, fill

BOTH, LONG, SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
SYMBOL = "BTCUSDT"
BRACKETS = (
    Bracket(cap=D(50_000), rate=D("0.004")),
    Bracket(cap=D(250_000), rate=D("0.005"), relief=D(50)),
    Bracket(cap=D(1_000_000), rate=D("0.01"), relief=D(1_300)),
)


def book_of(*steps: tuple[Side, PositionSide, Fill]) -> FuturesBook:
    book = FuturesBook()
    for side, leg, one in steps:
        book.fill("sim", SYMBOL, side, leg, one, QUOTE)
    return book


def test_one_way_worked_by_hand_through_a_flip() -> None:
    book = FuturesBook()
    moved: list[Flow] = []
    for side, quantity, price, fee in (
        (BUY, "2", "100", "0.08"),
        (BUY, "2", "110", "0.088"),  # 4 at 105
        (SELL, "1", "115", "0.046"),  # +10
        (SELL, "5", "95", "0.19"),  # -30, then 2 short at 95
        (BUY, "2", "90", "0.072"),  # +10, flat
    ):
        moved += book.fill("sim", SYMBOL, side, BOTH, fill(quantity, price, fee), QUOTE)
        assert len(book.of_symbol("sim", SYMBOL)) <= 1
    realised = [flow.amount for flow in moved if flow.kind is FlowKind.REALISED]
    assert realised == [10, -30, 10]
    assert sum(flow.amount for flow in moved) == D(-10) - D("0.476")
    assert book.of_symbol("sim", SYMBOL) == ()


def test_f43_a_reduce_only_fill_closes_and_opens_nothing_beside_it() -> None:
    """Netting by key: fills of any order, in any number of parts, move the one position there is."""
    book = book_of(
        (BUY, BOTH, fill("3", "100")), (SELL, BOTH, fill("1", "101")), (SELL, BOTH, fill("2", "102"))
    )
    assert book.of_symbol("sim", SYMBOL) == ()
    assert len(book.positions) == 1
    assert book.positions["sim", SYMBOL, BOTH].held.realised == 1 + 4


@pytest.mark.parametrize(
    ("opens", "leg", "signed"),
    [(BUY, BOTH, 1), (SELL, BOTH, -1), (BUY, LONG, 1), (SELL, SHORT, -1)],
)
@pytest.mark.parametrize("wrong", [False, True])
def test_f57_every_intent_in_both_modes_moves_its_own_leg_and_a_wrong_mode_shows(
    opens: Side, leg: PositionSide, signed: int, wrong: bool
) -> None:
    """Open, add, reduce, close. A fill of the other mode beside an open leg is told, never netted."""
    closes = SELL if opens is BUY else BUY
    book = book_of((opens, leg, fill("3", "100")), (opens, leg, fill("1", "100")))
    if wrong:
        other = LONG if leg is BOTH else BOTH
        book.fill("sim", SYMBOL, BUY, other, fill("1", "100"), QUOTE)
        assert "position mode" in book.positions["sim", SYMBOL, other].trouble
    book.fill("sim", SYMBOL, closes, leg, fill("1", "100"), QUOTE)
    position = book.positions["sim", SYMBOL, leg]
    assert (position.held.quantity, bool(position.trouble)) == (D(3 * signed), wrong)
    book.fill("sim", SYMBOL, closes, leg, fill("3", "100"), QUOTE)
    position = book.positions["sim", SYMBOL, leg]
    assert (position.held.quantity, position.trouble) == (D(0), "")


def test_f44_legs_symbols_and_accounts_are_never_netted() -> None:
    book = book_of((BUY, LONG, fill("2", "100")), (SELL, SHORT, fill("2", "100")))
    book.fill("other", SYMBOL, SELL, BOTH, fill("2", "100"), QUOTE)
    book.fill("sim", "ETHUSDT", SELL, LONG, fill("1", "5"), QUOTE)
    held = {key: position.held.quantity for key, position in book.positions.items()}
    assert held == {
        ("sim", SYMBOL, LONG): 2,
        ("sim", SYMBOL, SHORT): -2,
        ("other", SYMBOL, BOTH): -2,
        ("sim", "ETHUSDT", LONG): -1,
    }
    assert [leg.unrealised(D(110)) for leg in book.of_symbol("sim", SYMBOL)] == [20, -20]


def test_a_leg_that_is_closed_to_nothing_has_no_trouble() -> None:
    book = book_of(
        (BUY, LONG, fill("2", "100")), (SELL, LONG, fill("2", "103")),
        (SELL, SHORT, fill("1", "100")), (BUY, SHORT, fill("1", "99")),
    )  # fmt: skip
    legs = [book.positions["sim", SYMBOL, side] for side in (LONG, SHORT)]
    assert [(leg.trouble, leg.held.quantity, leg.held.realised) for leg in legs] == [
        ("", D(0), D(6)),
        ("", D(0), D(1)),
    ]


def test_funding_adds_up_leg_by_leg_and_asset_by_asset() -> None:
    book = book_of((BUY, LONG, fill("2", "100")), (SELL, SHORT, fill("2", "100")))
    for side, asset, amount in (
        (LONG, QUOTE, "-0.5"),
        (LONG, QUOTE, "0.2"),
        (LONG, THIRD, "1"),
        (SHORT, QUOTE, "3"),
    ):
        book.fund("sim", SYMBOL, side, asset, D(amount))
    assert book.positions["sim", SYMBOL, LONG].funding == {QUOTE: D("-0.3"), THIRD: D(1)}
    assert book.positions["sim", SYMBOL, SHORT].funding == {QUOTE: D(3)}


def test_a_leg_that_closed_more_than_it_held_says_that_a_fill_is_missing() -> None:
    book = book_of((BUY, LONG, fill("1", "100")), (SELL, LONG, fill("2", "100")))
    assert "a fill is missing" in book.positions["sim", SYMBOL, LONG].trouble
    assert book_of((SELL, BOTH, fill("2", "100"))).positions["sim", SYMBOL, BOTH].trouble == ""


def test_f42_funding_is_money_and_moves_no_quantity() -> None:
    book = book_of((BUY, BOTH, fill("2", "100")))
    before = book.positions["sim", SYMBOL, BOTH].held
    flow = book.fund("sim", SYMBOL, BOTH, QUOTE, D("-0.02"))
    after = book.positions["sim", SYMBOL, BOTH]
    assert after.held == before
    assert after.funding == {QUOTE: D("-0.02")}
    assert (flow.kind, flow.amount) == (FlowKind.FUNDING, D("-0.02"))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from((LONG, SHORT, BOTH)),
        st.builds(
            fill,
            AMOUNTS.map(str),
            AMOUNTS.map(str),
            st.decimals(min_value=D("-0.01"), max_value=D("0.05"), places=8).map(str),
            st.sampled_from([QUOTE, THIRD]),
        ),
    ),
    max_size=14,
)


@given(STEPS, AMOUNTS)
def test_f41_the_wallet_moves_by_the_sum_of_flows_and_closing_realises_the_rest(
    steps: list[tuple[Side, PositionSide, Fill]], mark: Decimal
) -> None:
    """Wallet + unrealised is the cash of all trades at the mark, whatever the flips; exactly."""
    book = FuturesBook()
    wallet: dict[str, Fraction] = {QUOTE: Fraction(0), THIRD: Fraction(0)}
    expected = Fraction(0)
    for side, leg, one in steps:
        for flow in book.fill("sim", SYMBOL, side, leg, one, QUOTE):
            wallet[flow.asset] += Fraction(flow.amount)
        sign = 1 if side is Side.BUY else -1
        expected += sign * Fraction(one.quantity) * (Fraction(mark) - Fraction(one.price))
        expected -= Fraction(one.commission) if one.commission_asset == QUOTE else 0
    open_gain = sum(Fraction(position.unrealised(mark)) for position in book.positions.values())
    assert wallet[QUOTE] + open_gain == expected
    third = sum(Fraction(one.commission) for _, _, one in steps if one.commission_asset == THIRD)
    assert wallet[THIRD] == -third


def leg(quantity: Decimal, entry: str, leverage: str = "10") -> Leg:
    return Leg(quantity=quantity, entry_price=D(entry), leverage=D(leverage), brackets=BRACKETS)


def test_f45_margin_does_not_grow_with_the_number_of_fills() -> None:
    once = book_of((BUY, BOTH, fill("100", "10")))
    often = book_of(*[(BUY, BOTH, fill("1", "10"))] * 100)
    margins = []
    for book in (once, often):
        (position,) = book.of_symbol("sim", SYMBOL)
        one = leg(position.held.quantity, str(position.entry_price))
        margins.append(margin(D(1_000), [(one, D(10))]))
    assert margins[0] == margins[1]
    assert margins[0] is not None
    assert (margins[0].initial, margins[0].maintenance) == (D(100), D(4))


def test_margin_worked_by_hand() -> None:
    """Wallet 10 000; 3 BTC long from 20 000, now 21 000; 10x. 63 000 is in the second bracket."""
    found = margin(D(10_000), [(leg(D(3), "20000"), D(21_000))])
    assert found is not None
    assert found.balance == 13_000  # what is not realised counts
    assert found.initial == 6_300
    assert found.maintenance == D("63000") * D("0.005") - 50
    assert found.available == 6_700
    assert found.ratio == D("265") / 13_000
    assert margin(D(1), [(leg(D(3), "20000"), None)]) is None
    empty = margin(D(0), [])
    assert empty is not None
    assert empty.ratio is None


@pytest.mark.parametrize(
    ("quantity", "entry", "wallet"),
    [("1", "20000", "2000"), ("-1", "20000", "2000"), ("-4", "50000", "20000")],
)
def test_at_the_liquidation_price_the_balance_meets_the_maintenance_margin(
    quantity: str, entry: str, wallet: str
) -> None:
    one = leg(D(quantity), entry)
    price = liquidation_price(one, D(wallet))
    assert price is not None
    assert (price < D(entry)) is (D(quantity) > 0)
    found = margin(D(wallet), [(one, price)])
    assert found is not None
    assert abs(found.balance - found.maintenance) < D("1e-15")


def test_a_position_that_is_paid_for_is_never_liquidated() -> None:
    assert liquidation_price(leg(D(1), "20000"), D(20_000)) is None


def test_other_positions_move_the_liquidation_price() -> None:
    alone = liquidation_price(leg(D(1), "20000"), D(2_000))
    beside = liquidation_price(
        leg(D(1), "20000"), D(2_000), others_maintenance=D(100), others_unrealised=D(-400)
    )
    assert alone is not None
    assert beside is not None
    assert beside > alone
