"""Synthetic fills stand for what the venue counted, and yield to the trades (F48, F50)."""

import itertools
import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import executions, lifecycle
from spark_tui.domain.executions import synthetic_fill
from spark_tui.domain.order import Accepted, Canceled, Fill, Filled, Intended, Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side

INTENT = Intended(
    client_order_id="spark-1",
    request=OrderRequest(
        venue="sim",
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(1),
        price=Decimal(100),
    ),
    at_ms=1,
)
ACCEPTED = Accepted(venue_order_id="77", at_ms=2)


def trade(number: int, quantity: str, price: str = "99") -> Filled:
    return Filled(
        fill=Fill(
            trade_id=str(number),
            price=Decimal(price),
            quantity=Decimal(quantity),
            commission=Decimal(0),
            commission_asset="",
            maker=True,
            time_ms=5,
        )
    )


def claim(order: Order, filled: str, quote: str) -> Filled:
    return Filled(fill=synthetic_fill(order, Decimal(filled), Decimal(quote), time_ms=9))


def living(*events: Filled) -> Order:
    return lifecycle.fold([INTENT, ACCEPTED, *events])


def test_it_covers_what_no_trade_explains_at_the_price_the_totals_give() -> None:
    order = living(trade(1, "0.4"))
    found = synthetic_fill(order, Decimal("0.6"), Decimal("59.6"), time_ms=9)
    assert (found.quantity, found.price, found.synthetic) == (Decimal("0.2"), Decimal(100), True)
    applied = lifecycle.apply(order, Filled(fill=found))
    assert (applied.anomaly, applied.query) == ("", False)
    assert (applied.order.filled, applied.order.filled_quote) == (Decimal("0.6"), Decimal("59.60"))
    assert applied.order.venue_filled == Decimal("0.6")
    assert lifecycle.leaves(applied.order) == Decimal("0.4")


def test_the_same_finding_is_the_same_fill_and_counts_once() -> None:
    """F48: found again after a restart, in another spelling."""
    order = living(trade(1, "0.4"))
    first = claim(order, "0.6", "59.6")
    again = claim(order, "0.60000000", "59.60000000")
    assert first.fill.trade_id == again.fill.trade_id == "synthetic-77-0.6"
    twice = lifecycle.apply(lifecycle.apply(order, first).order, again).order
    assert twice.filled == Decimal("0.6")
    with pytest.raises(ValueError, match="nothing to cover"):
        claim(twice, "0.6", "59.6")


def test_a_trade_that_turns_up_takes_the_covers_place() -> None:
    covered = living(trade(1, "0.4"), claim(living(trade(1, "0.4")), "0.6", "59.6"))
    part = lifecycle.apply(covered, trade(2, "0.1", "101")).order
    assert part.filled == Decimal("0.6")
    cover = executions.cover_of(part.fills)
    assert cover is not None
    assert (cover.quantity, cover.price) == (Decimal("0.1"), Decimal(99))
    whole = lifecycle.apply(part, trade(3, "0.1", "99")).order
    assert (whole.filled, executions.cover_of(whole.fills)) == (Decimal("0.6"), None)


def test_an_order_can_end_on_a_synthetic_fill() -> None:
    order = lifecycle.apply(living(), Canceled(at_ms=8, filled=Decimal("0.5"))).order
    assert lifecycle.exposure(order) == Decimal("0.5")
    ended = lifecycle.apply(order, claim(order, "0.5", "50")).order
    assert (ended.state, lifecycle.exposure(ended)) == (OrderState.CANCELED, 0)
    assert lifecycle.apply(living(), claim(living(), "1", "100")).order.state is OrderState.FILLED


@pytest.mark.parametrize("quote", ["0", "-1", "NaN"])
def test_without_the_venues_money_the_orders_own_price_stands_for_it(quote: str) -> None:
    found = claim(living(trade(1, "0.4")), "0.6", quote).fill
    assert (found.quantity, found.price) == (Decimal("0.2"), Decimal(100))


def test_what_cannot_be_covered_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="no venue order id"):
        claim(lifecycle.begin(INTENT), "1", "100")
    for filled in ("0", "NaN"):
        with pytest.raises(ValueError, match="nothing to cover"):
            claim(living(), filled, "0")
    unpriced = msgspec.structs.replace(INTENT.request, type=OrderType.MARKET, price=None)
    market = lifecycle.fold([msgspec.structs.replace(INTENT, request=unpriced), ACCEPTED])
    with pytest.raises(ValueError, match="at what price"):
        claim(market, "1", "0")


@pytest.mark.parametrize("totals", [(None, None), ("0.5", None), ("0.5", "0"), ("NaN", "1")])
def test_a_claim_without_totals_is_flagged_and_not_booked(totals: tuple[str | None, str | None]) -> None:
    base, quote = (None if text is None else Decimal(text) for text in totals)
    flawed = msgspec.structs.replace(
        claim(living(), "0.5", "50").fill, cumulative=base, cumulative_quote=quote
    )
    applied = lifecycle.apply(living(), Filled(fill=flawed))
    assert (applied.order.fills, applied.query) == ((), True)


@given(
    parts=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    claims=st.sets(st.integers(1, 5), min_size=1, max_size=3),
    rng=st.randoms(use_true_random=False),
)
def test_no_quantity_is_ever_counted_twice_whatever_arrives_first(
    parts: list[int], claims: set[int], rng: random.Random
) -> None:
    """The venue's own history: trades one after another, and its totals after some of them."""
    trades = [trade(number, str(Decimal(part) / 100), str(98 + number)) for number, part in enumerate(parts)]
    sums = list(itertools.accumulate(event.fill.quantity for event in trades))
    money = list(itertools.accumulate(event.fill.quantity * event.fill.price for event in trades))
    told = [
        claim(living(), str(sums[after - 1]), str(money[after - 1]))
        for after in claims
        if after <= len(parts)
    ]
    events = [*trades, *told]
    rng.shuffle(events)
    order = living()
    for event in events:
        order = lifecycle.apply(order, event).order
        assert order.filled <= sums[-1]
    assert order == living(*trades, *told)
    assert order.filled == sums[-1]
    assert order.filled_quote == money[-1]
    assert executions.cover_of(order.fills) is None


@given(
    heard=st.sets(st.integers(0, 4)),
    told=st.integers(1, 5),
)
def test_until_the_trades_come_the_venues_total_holds(heard: set[int], told: int) -> None:
    trades = [trade(number, "0.1", str(98 + number)) for number in range(5)]
    mine = [trades[number] for number in heard]
    total, money = Decimal(told) / 10, sum((98 + number) * Decimal("0.1") for number in range(told))
    order = living(*mine, claim(living(), str(total), str(money)))
    assert order.filled == max(total, Decimal(len(heard)) / 10)


quantities = st.decimals(min_value=Decimal("0.00000001"), max_value=10**9, places=8)


@given(st.lists(st.tuples(quantities, quantities), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_totals_are_the_sum_of_the_fills_whatever_came_first(
    trades: list[tuple[Decimal, Decimal]], dice: random.Random
) -> None:
    """They are kept beside the fills, digit for digit: thousands are not added up anew for each."""
    events = [trade(number, str(quantity), str(price)) for number, (quantity, price) in enumerate(trades)]
    total = executions.quantity_of(event.fill for event in events)
    half = claim(living(), str(total / 2), "1")
    heard = [*events, *events[:1], half]
    dice.shuffle(heard)
    order = living()
    for event in heard:
        order = lifecycle.apply(order, event).order
        assert str(order.filled) == str(executions.quantity_of(order.fills))
        assert str(order.filled_quote) == str(executions.quote_of(order.fills))
    assert order.filled == total
