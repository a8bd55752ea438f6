"""Positions: money is conserved whatever the fills (F38, F39, F41, F43, F45)."""

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.account import Balance, Position, apply_fill, unrealised
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side

FLAT = Position(venue="sim", symbol="BNBUSDT")
TOLERANCE = Fraction(1, 10**18)


def fill(quantity: str, price: str, commission: str = "0", asset: str = "USDT") -> Fill:
    return Fill(
        trade_id="1",
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal(commission),
        commission_asset=asset,
        maker=False,
        time_ms=0,
    )


def after(*trades: tuple[Side, Fill]) -> Position:
    position = FLAT
    for side, trade in trades:
        position = apply_fill(position, side, trade, "BNB", "USDT")
    return position


AMOUNTS = st.decimals(min_value=Decimal("0.00000001"), max_value=10**10, places=8)
TRADES = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.builds(
            fill,
            AMOUNTS.map(str),
            AMOUNTS.map(str),
            st.decimals(min_value=Decimal("-0.01"), max_value=Decimal("0.01"), places=8).map(str),
            st.sampled_from(["BNB", "USDT", "TRX"]),
        ),
    ),
    max_size=12,
)


@given(TRADES)
def test_cash_that_flowed_is_what_was_realised_less_what_is_open(trades: list[tuple[Side, Fill]]) -> None:
    position = after(*trades)
    cash, base, fees = Fraction(0), Fraction(0), dict[str, Fraction]()
    for side, trade in trades:
        sign = 1 if side is Side.BUY else -1
        cash -= sign * Fraction(trade.price) * Fraction(trade.quantity)
        base += sign * Fraction(trade.quantity)
        commission = Fraction(trade.commission)
        cash -= commission if trade.commission_asset == "USDT" else 0
        base -= commission if trade.commission_asset == "BNB" else 0
        if commission:
            fees[trade.commission_asset] = fees.get(trade.commission_asset, Fraction(0)) + commission
    assert Fraction(position.quantity) == base
    assert Fraction(position.realised) - Fraction(position.cost) == cash
    assert {asset: Fraction(fee) for asset, fee in position.fees.items()} == fees


@given(TRADES, AMOUNTS)
def test_unrealised_is_what_closing_at_the_mark_would_realise(
    trades: list[tuple[Side, Fill]], mark: Decimal
) -> None:
    position = after(*trades)
    if position.quantity == 0:
        assert unrealised(position, mark) == -position.cost == 0
        return
    side = Side.SELL if position.quantity > 0 else Side.BUY
    closed = apply_fill(position, side, fill(str(abs(position.quantity)), str(mark)), "BNB", "USDT")
    assert closed.quantity == 0
    assert closed.average_price == 0
    assert Fraction(closed.realised) - Fraction(position.realised) == Fraction(unrealised(position, mark))


@given(TRADES)
def test_the_average_is_the_cost_of_one(trades: list[tuple[Side, Fill]]) -> None:
    position = after(*trades)
    off = Fraction(position.average_price) * Fraction(position.quantity) - Fraction(position.cost)
    assert abs(off) <= TOLERANCE * max(1, abs(Fraction(position.cost)))


@given(AMOUNTS, AMOUNTS, st.integers(2, 50))
def test_many_small_fills_are_one_large_one(quantity: Decimal, price: Decimal, parts: int) -> None:
    whole = after((Side.BUY, fill(str(quantity * parts), str(price))))
    split = after(*[(Side.BUY, fill(str(quantity), str(price)))] * parts)
    assert (whole.quantity, whole.cost, whole.realised) == (split.quantity, split.cost, split.realised)


def test_average_cost_through_a_flip() -> None:
    position = after((Side.BUY, fill("1", "100")), (Side.BUY, fill("1", "110")))
    assert (position.quantity, position.average_price, position.realised) == (2, 105, 0)
    position = apply_fill(position, Side.SELL, fill("0.5", "125"), "BNB", "USDT")
    assert (position.quantity, position.average_price, position.realised) == (Decimal("1.5"), 105, 10)
    position = apply_fill(position, Side.SELL, fill("2", "95"), "BNB", "USDT")
    assert (position.quantity, position.average_price, position.realised) == (Decimal("-0.5"), 95, -5)
    assert unrealised(position, Decimal(85)) == 5
    position = apply_fill(position, Side.BUY, fill("0.5", "85"), "BNB", "USDT")
    assert (position.quantity, position.average_price, position.realised, position.cost) == (0, 0, 0, 0)


def test_commission_in_base_is_not_there_to_sell() -> None:
    position = after((Side.BUY, fill("0.5", "100", "0.0005", "BNB")))
    assert position.quantity == Decimal("0.4995")
    assert position.cost == 50
    assert position.realised == 0
    assert position.average_price > 100


def test_commission_in_quote_lowers_what_was_realised_and_in_a_third_asset_stands_apart() -> None:
    quote = after((Side.BUY, fill("1", "100", "0.1", "USDT")))
    assert (quote.quantity, quote.cost, quote.realised, quote.fees) == (
        1,
        100,
        Decimal("-0.1"),
        {"USDT": Decimal("0.1")},
    )
    third = after((Side.SELL, fill("1", "100", "0.1", "TRX")))
    assert (third.quantity, third.cost, third.realised, third.fees) == (-1, -100, 0, {"TRX": Decimal("0.1")})


def test_commission_that_eats_the_trade_is_still_conserved() -> None:
    position = after((Side.BUY, fill("1", "100")), (Side.BUY, fill("0.1", "100", "0.3", "BNB")))
    assert position.quantity == Decimal("0.8")
    assert (position.realised, position.cost) == (-30, 80)
    nothing = after((Side.BUY, fill("0.1", "100", "0.1", "BNB")))
    assert (nothing.quantity, nothing.realised, nothing.cost) == (0, -10, 0)


def test_fees_of_one_position_never_leak_into_another() -> None:
    after((Side.BUY, fill("1", "100", "0.1", "TRX")))
    assert FLAT.fees == {}
    assert Position(venue="sim", symbol="X").fees == {}


def test_position_survives_the_wire() -> None:
    position = after((Side.BUY, fill("3", "7", "0.01", "BNB")))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(position), type=Position) == position


def test_total_is_free_and_locked_to_the_last_digit() -> None:
    balance = Balance(asset="SHIB", free=Decimal("9" * 25), locked=Decimal("0.00000001"))
    assert str(balance.total) == "9" * 25 + ".00000001"
