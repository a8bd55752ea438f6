"""The gate: every rule answers, none hides another, and what cannot be judged is refused (F28, F61)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import risk
from spark_tui.domain.filters import FilterFailure
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import RiskContext, RiskLimits, Verdict
from spark_tui.domain.values import Environment, OrderType, Side, TimeInForce, TradingState

D = Decimal

CALM = RiskContext(
    trading_state=TradingState.ACTIVE,
    halt_reason="",
    reconciling=False,
    environment=Environment.SIM,
    live_armed=False,
    instrument_status=SymbolStatus.TRADING,
    base="BTC",
    quote="USDT",
    mid=D(60_000),
    bid=D("59999.5"),
    ask=D("60000.5"),
    recent_orders_10s=0,
    filter_failures=(),
    balances_free={"USDT": D(1000), "BTC": D("0.5")},
)
LIMITS = RiskLimits(
    symbols=frozenset({"BTCUSDT", "ETHUSDT"}),
    min_notional=D(10),
    max_notional=D(1000),
    price_band_percent=D(2),
    orders_per_10s=5,
)


def limit(
    quantity: str = "0.01", price: str = "60000", side: Side = Side.BUY, **more: object
) -> OrderRequest:
    request = OrderRequest(
        venue="sim",
        symbol="BTCUSDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=D(quantity),
        price=D(price),
        time_in_force=TimeInForce.GTC,
    )
    return msgspec.structs.replace(request, **more)


def market(side: Side = Side.BUY, **sized: Decimal) -> OrderRequest:
    return OrderRequest(venue="sim", symbol="BTCUSDT", side=side, type=OrderType.MARKET, **sized)


def calm(**changes: object) -> RiskContext:
    return msgspec.structs.replace(CALM, **changes)


def ruled(**changes: object) -> RiskLimits:
    return msgspec.structs.replace(LIMITS, **changes)


def codes(request: OrderRequest, context: RiskContext = CALM, limits: RiskLimits = LIMITS) -> set[str]:
    return {verdict.code for verdict in risk.check(request, context, limits) if not verdict.ok}


def verdict_of(rule: str, request: OrderRequest, context: RiskContext = CALM) -> Verdict:
    return next(verdict for verdict in risk.check(request, context, LIMITS) if verdict.rule == rule)


RULES = [
    "trading_state",
    "reconciling",
    "live_armed",
    "symbol_allowed",
    "symbol_trading",
    "book",
    "filters",
    "min_notional",
    "max_notional",
    "price_band",
    "order_rate",
    "balance",
]


def test_a_good_order_passes_every_rule_in_a_fixed_order() -> None:
    verdicts = risk.check(limit(), CALM, LIMITS)
    assert [verdict.rule for verdict in verdicts] == RULES
    assert risk.passes(verdicts)
    assert all(verdict.code == "" and verdict.text and verdict.label for verdict in verdicts)


def test_no_verdict_is_no_permission() -> None:
    assert not risk.passes(())


@pytest.mark.parametrize(
    ("code", "request_", "context"),
    [
        ("HALTED", limit(), calm(trading_state=TradingState.HALTED, halt_reason="operator")),
        ("REDUCING", limit(), calm(trading_state=TradingState.REDUCING)),
        ("RECONCILING", limit(), calm(reconciling=True)),
        ("LIVE_NOT_ARMED", limit(), calm(environment=Environment.LIVE)),
        ("SYMBOL_NOT_ALLOWED", limit(symbol="DOGEUSDT"), CALM),
        ("SYMBOL_NOT_TRADING", limit(), calm(instrument_status=SymbolStatus.CANCEL_ONLY)),
        ("SYMBOL_NOT_TRADING", limit(), calm(instrument_status=SymbolStatus.UNKNOWN)),
        (
            "FILTER_LOT_SIZE",
            limit(),
            calm(filter_failures=(FilterFailure(filter="LOT_SIZE", text="LOT_SIZE: no"),)),
        ),
        ("MIN_NOTIONAL", limit("0.0001"), CALM),
        ("MAX_NOTIONAL", limit("0.017", side=Side.SELL), CALM),
        ("PRICE_BAND", limit(price="61200.01"), CALM),
        ("PRICE_BAND", limit(price="58799.99"), CALM),
        ("ORDER_RATE", limit(), calm(recent_orders_10s=5)),
        (
            "INSUFFICIENT_BALANCE",
            limit("0.0101", "60000"),
            calm(balances_free={"USDT": D("605.99"), "BTC": D(9)}),
        ),
        (
            "INSUFFICIENT_BALANCE",
            limit(side=Side.SELL),
            calm(balances_free={"USDT": D(9999), "BTC": D("0.0099")}),
        ),
        ("INSUFFICIENT_BALANCE", limit(side=Side.SELL), calm(balances_free={"USDT": D(9999)})),
    ],
)
def test_each_rule_alone_refuses_with_its_code(
    code: str, request_: OrderRequest, context: RiskContext
) -> None:
    assert codes(request_, context) == {code}
    refusal = next(verdict for verdict in risk.check(request_, context, LIMITS) if not verdict.ok)
    assert refusal.text


def test_the_edges_of_every_limit_are_inside_it() -> None:
    assert codes(limit(price="61200", quantity="0.016")) == set()
    assert codes(limit(price="58800", quantity="0.016")) == set()
    assert codes(limit("0.02", "50000", Side.SELL), limits=ruled(price_band_percent=None)) == set()
    assert codes(limit("0.0002", "50000"), limits=ruled(price_band_percent=None)) == set()
    assert codes(limit(price="60008"), limits=ruled(price_band_percent=D("0.015"))) == set()
    assert codes(limit(), calm(recent_orders_10s=4)) == set()
    assert codes(limit("0.01"), calm(balances_free={"USDT": D(600)})) == set()


def test_every_failing_rule_answers_at_once() -> None:
    context = calm(
        trading_state=TradingState.HALTED,
        reconciling=True,
        environment=Environment.LIVE,
        instrument_status=SymbolStatus.HALT,
        mid=None,
        book_why="stale: last update 3.2 s ago",
        filter_failures=(
            FilterFailure(filter="LOT_SIZE", text="a"),
            FilterFailure(filter="PRICE_FILTER", text="b"),
        ),
        recent_orders_10s=99,
        balances_free={},
    )
    verdicts = risk.check(limit(quantity="5", symbol="DOGEUSDT"), context, LIMITS)
    assert [verdict.code for verdict in verdicts if not verdict.ok] == [
        "HALTED",
        "RECONCILING",
        "LIVE_NOT_ARMED",
        "SYMBOL_NOT_ALLOWED",
        "SYMBOL_NOT_TRADING",
        "BOOK_UNUSABLE",
        "FILTER_LOT_SIZE",
        "FILTER_PRICE_FILTER",
        "MAX_NOTIONAL",
        "PRICE_BAND",
        "ORDER_RATE",
        "INSUFFICIENT_BALANCE",
    ]
    assert "3.2 s" in next(verdict.text for verdict in verdicts if verdict.code == "BOOK_UNUSABLE")


def test_armed_live_may_trade_and_unset_limits_refuse_nothing() -> None:
    assert codes(limit(), calm(environment=Environment.LIVE, live_armed=True)) == set()
    assert codes(limit(symbol="ANY", price="600000", quantity="0.0001"), limits=RiskLimits()) == set()


def test_bars_show_used_and_allowed() -> None:
    cap = verdict_of("max_notional", limit("0.01", "60000"))
    assert (cap.used, cap.allowed, cap.unit, cap.label) == (D(600), D(1000), "USDT", "order cap")
    band = verdict_of("price_band", limit(price="60010"))
    assert (band.used, band.allowed, band.unit) == (D("0.02"), D(2), "%")
    just_out = verdict_of("price_band", limit(price="61200.01"))
    assert "2.01 %" in just_out.text  # rounded away from the band, never onto it
    assert verdict_of("order_rate", limit(), calm(recent_orders_10s=2)).used == 3
    assert verdict_of("balance", limit(side=Side.SELL)).unit == "BTC"


# --- market orders ---------------------------------------------------------------------------------------


def test_a_market_order_is_judged_at_the_top_it_would_meet() -> None:
    assert verdict_of("max_notional", market(quantity=D("0.01"))).used == D("600.005")
    assert verdict_of("max_notional", market(Side.SELL, quantity=D("0.01"))).used == D("599.995")
    wide = calm(ask=D(62_000))
    assert codes(market(quantity=D("0.01")), wide) == {"PRICE_BAND"}
    assert codes(market(Side.SELL, quantity=D("0.01")), wide) == set()


def test_a_market_order_without_a_top_is_refused() -> None:
    refused = codes(market(quantity=D("0.01")), calm(ask=None))
    assert refused == {"MIN_NOTIONAL", "MAX_NOTIONAL", "PRICE_BAND", "INSUFFICIENT_BALANCE"}


def test_quote_money_needs_that_much_quote_or_its_worth_in_base() -> None:
    assert codes(market(quote_quantity=D(1000))) == set()
    assert codes(market(quote_quantity=D("1000.01"))) == {"MAX_NOTIONAL", "INSUFFICIENT_BALANCE"}
    assert verdict_of("balance", market(Side.SELL, quote_quantity=D(600))).used == D("0.01000009")


def test_a_stop_order_is_judged_at_its_trigger() -> None:
    stop = OrderRequest(
        venue="sim",
        symbol="BTCUSDT",
        side=Side.SELL,
        type=OrderType.STOP_LOSS,
        quantity=D("0.01"),
        stop_price=D(59_000),
    )
    assert verdict_of("max_notional", stop).used == 590
    assert codes(msgspec.structs.replace(stop, stop_price=D(50_000))) == {"PRICE_BAND"}


# --- reducing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "quantity", "position", "open_exposure", "allowed"),
    [
        (Side.SELL, "0.01", "0.01", "0", True),
        (Side.SELL, "0.011", "0.01", "0", False),
        (Side.SELL, "0.01", "0.015", "0.005", True),
        (Side.SELL, "0.01", "0.015", "0.006", False),
        (Side.BUY, "0.01", "0.015", "0", False),
        (Side.BUY, "0.01", "-0.015", "0", True),
        (Side.SELL, "0.01", "-0.015", "0", False),
        (Side.SELL, "0.01", "0", "0", True),
        (Side.BUY, "0.01", "0", "0", False),
        (Side.SELL, "0.01", "NaN", "0", False),
    ],
)
def test_reducing_lets_only_what_closes(
    side: Side, quantity: str, position: str, open_exposure: str, allowed: bool
) -> None:
    context = calm(trading_state=TradingState.REDUCING, position=D(position), open_exposure=D(open_exposure))
    assert codes(limit(quantity, side=side), context) == (set() if allowed else {"REDUCING"})


def test_reducing_cannot_judge_quote_money() -> None:
    context = calm(trading_state=TradingState.REDUCING, position=D(1))
    assert "REDUCING" in codes(market(Side.SELL, quote_quantity=D(100)), context)


# --- what is no number -----------------------------------------------------------------------------------

NUMBERS = st.sampled_from(
    ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1E+500", "1E-500", "0.01", "60000"]
).map(D)
MAYBE = st.none() | NUMBERS


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "sNaN", "Infinity", "1E+500"])
def test_one_bad_number_refuses_even_without_limits(bad: str) -> None:
    number, free = D(bad), RiskLimits()
    assert codes(limit(), calm(mid=number), free) == {"BOOK_UNUSABLE"}
    assert codes(limit(), calm(ask=number), free) == {"BOOK_UNUSABLE"}
    assert codes(msgspec.structs.replace(limit(), price=number), limits=free) == {"INSUFFICIENT_BALANCE"}
    assert codes(msgspec.structs.replace(limit(), quantity=number), limits=free) == {"INSUFFICIENT_BALANCE"}
    assert codes(market(quote_quantity=number), limits=free) == {"INSUFFICIENT_BALANCE"}


@given(
    st.builds(
        OrderRequest,
        venue=st.just("sim"),
        symbol=st.just("BTCUSDT"),
        side=st.sampled_from(Side),
        type=st.sampled_from(OrderType),
        quantity=MAYBE,
        quote_quantity=MAYBE,
        price=MAYBE,
        stop_price=MAYBE,
    ),
    st.builds(
        calm,
        trading_state=st.sampled_from(TradingState),
        mid=MAYBE,
        bid=MAYBE,
        ask=MAYBE,
        position=NUMBERS,
        open_exposure=NUMBERS,
        balances_free=st.dictionaries(st.sampled_from(["BTC", "USDT"]), NUMBERS),
    ),
    st.builds(ruled, min_notional=MAYBE, max_notional=MAYBE, price_band_percent=MAYBE),
)
def test_nothing_raises_and_only_real_numbers_pass(
    request: OrderRequest, context: RiskContext, limits: RiskLimits
) -> None:
    verdicts = risk.check(request, context, limits)
    assert [verdict.rule for verdict in verdicts] == RULES
    if not risk.passes(verdicts):
        return
    sizes = [value for value in (request.quantity, request.quote_quantity) if value is not None]
    top = context.ask if request.side is Side.BUY else context.bid
    price = next((value for value in (request.price, request.stop_price, top) if value is not None), None)
    for value in (*sizes, context.mid, price):
        assert value is not None
        assert value.is_finite()
        assert value > 0
    assert sizes
    assert context.trading_state is not TradingState.HALTED


@given(st.decimals(min_value=D("0.0001"), max_value=2, places=4), st.sampled_from(Side))
def test_what_passes_is_within_every_limit(quantity: Decimal, side: Side) -> None:
    passed = risk.passes(risk.check(limit(str(quantity), side=side), CALM, LIMITS))
    worth = quantity * 60_000
    assert passed == (10 <= worth <= 1000 and (side is Side.BUY or quantity <= D("0.5")))
