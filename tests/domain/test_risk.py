"""The gate: every rule answers, none hides another, and what cannot be judged is refused (F28, F61)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import risk
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import Around, Exposure, Measure, RiskContext, Verdict
from spark_tui.domain.rules import KINDS, STANDARD, Rule, RuleEffect, RuleKind, problem
from spark_tui.domain.slippage import Taken
from spark_tui.domain.values import OrderType, Side, TradingState
from tests.domain.risk_cases import (
    CALM,
    CASES,
    SYMBOL,
    VENUE,
    Case,
    around,
    calm,
    counted,
    exposure,
    held,
    limit,
    market,
    rule,
)

D = Decimal
ALWAYS = ["trading_state", "reconciling", "live_armed", "symbol_trading", "book", "filters", "balance"]


def codes(request: OrderRequest, context: RiskContext = CALM, rules: tuple[Rule, ...] = ()) -> set[str]:
    return {verdict.code for verdict in risk.check(request, context, rules) if not verdict.ok}


def verdict_of(one: Rule, request: OrderRequest, context: RiskContext = CALM) -> Verdict:
    return next(verdict for verdict in risk.check(request, context, (one,)) if verdict.rule == one.id)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_each_rule_says(case: Case) -> None:
    told = codes(case.request, case.context, case.rules)
    assert case.code in told if case.code else not told, told
    for verdict in risk.check(case.request, case.context, case.rules):
        assert verdict.text
        assert verdict.ok is (verdict.code == "")


def test_every_kind_has_its_cases() -> None:
    assert {one.kind for case in CASES for one in case.rules} == set(RuleKind)
    assert len({case.name for case in CASES}) == len(CASES)


def test_no_verdict_is_no_permission() -> None:
    assert not risk.passes(())


def test_every_rule_answers_in_a_fixed_order_and_none_hides_another() -> None:
    rules = tuple(rule(RuleKind.MAX_ORDER_NOTIONAL, "1", effect=effect) for effect in RuleEffect)
    rules = tuple(msgspec.structs.replace(one, id=f"r{number}") for number, one in enumerate(rules))
    context = calm(trading_state=TradingState.HALTED, reconciling=True, mid=None, balances_free={})
    verdicts = risk.check(limit(), context, rules)
    assert [one.rule for one in verdicts] == [*ALWAYS[:-1], "r0", "r1", "r2", "r3", "balance"]
    refused = [one.code for one in verdicts if not one.ok]
    assert refused == [
        "HALTED",
        "RECONCILING",
        "BOOK_UNUSABLE",
        *["MAX_NOTIONAL"] * 4,
        "INSUFFICIENT_BALANCE",
    ]


def test_the_stricter_of_two_rules_decides() -> None:
    loose, strict = (rule(RuleKind.MAX_ORDER_NOTIONAL, most) for most in ("1000", "500"))
    assert codes(limit(), rules=(loose, strict)) == codes(limit(), rules=(strict, loose)) == {"MAX_NOTIONAL"}


def test_bars_show_used_and_allowed() -> None:
    cap = verdict_of(rule(RuleKind.MAX_ORDER_NOTIONAL, "1000"), limit())
    assert (cap.used, cap.allowed, cap.unit, cap.label) == (D(600), D(1000), "USDT", "order cap")
    band = verdict_of(rule(RuleKind.PRICE_BAND, "2"), limit(price="60010"))
    assert (band.used, band.allowed, band.unit) == (D("0.02"), D(2), "%")
    just_out = verdict_of(rule(RuleKind.PRICE_BAND, "2"), limit(price="61200.01"))
    assert "2.01 %" in just_out.text  # rounded away from the band, never onto it
    assert verdict_of(rule(RuleKind.MAX_ORDER_RATE, "5", window_s=10), limit(), counted("2")).used == 3
    share = verdict_of(rule(RuleKind.MAX_POSITION_SHARE, "10"), limit(), held(exposure("0.005")))
    assert (share.used, share.unit) == (D(9), "%")


def test_a_gauge_shows_what_is_used_without_an_order() -> None:
    share = risk.gauge(rule(RuleKind.MAX_POSITION_SHARE, "10"), around(exposure("0.01", buys="0.01")))
    assert (share.ok, share.used) == (False, D(12))
    both = around(exposure("0.01"), exposure("0.02", venue="b"), exposure("0.025", symbol="X"))
    assert risk.gauge(rule(RuleKind.MAX_SYMBOL_EXPOSURE, "9999"), both).used == D(1800)
    assert risk.gauge(rule(RuleKind.MAX_GROSS_EXPOSURE, "9999"), both).used == D(3300)
    assert risk.gauge(rule(RuleKind.MAX_POSITION_QUANTITY, "1"), both).used == D("0.025")
    rate = rule(RuleKind.MAX_ORDER_RATE, "5", window_s=10)
    assert risk.gauge(rate, around(r=Measure(value=D(5)))).ok
    assert not risk.gauge(rate, around(r=Measure(value=D(6)))).ok
    assert risk.gauge(rule(RuleKind.MAX_ORDER_NOTIONAL, "5"), around()).used is None


@pytest.mark.parametrize(
    ("kind", "count", "said"),
    [
        (RuleKind.REJECT_STREAK, "0", "0 equal refusals in a row"),
        (RuleKind.REJECT_STREAK, "1", "1 refusal"),
        (RuleKind.LOSS_STREAK, "1", "1 loss"),
        (RuleKind.LOSS_STREAK, "2", "2 losses in a row"),
    ],
)
def test_one_is_no_row(kind: RuleKind, count: str, said: str) -> None:
    streak = rule(kind, "9", window_s=60)
    assert risk.gauge(streak, around(r=Measure(value=D(count)))).text == said
    over = risk.gauge(rule(kind, "1", window_s=60), around(r=Measure(value=D(count), age_s=1.0)))
    assert over.ok or over.text.startswith(f"{said};")


def test_missing_figures_are_no_breach() -> None:
    share = rule(RuleKind.MAX_DAILY_LOSS_SHARE, "5")
    assert risk.is_blind(share, around(equity=None, r=Measure(value=D(9_999))))
    assert risk.is_blind(share, around())
    assert not risk.is_blind(share, around(r=Measure(value=D(9_999))))
    assert not risk.is_blind(rule(RuleKind.TRADING_HOURS, hours="mon 01:00-02:00"), around())


def test_the_standard_rules_are_rules_and_let_a_small_order_pass() -> None:
    assert all(problem(one) == "" for one in STANDARD)
    assert len({one.id for one in STANDARD}) == len(STANDARD)
    measures = {one.id.replace("-", "_"): Measure(value=D(0)) for one in STANDARD}
    context = calm(around=around(equity="100000", **measures))
    assert codes(limit(), context, STANDARD) == set()
    kinds = {one.kind for one in STANDARD}
    assert kinds >= {RuleKind.MAX_POSITION_SHARE, RuleKind.MAX_DAILY_LOSS_SHARE, RuleKind.MAX_DRAWDOWN}


# --- what is no number (F61) -------------------------------------------------------------------------------

NUMBERS = st.sampled_from(
    ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1E+500", "1E-500", "0.01", "60000", "3"]
).map(D)
MAYBE = st.none() | NUMBERS


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "sNaN", "Infinity", "1E+500"])
def test_one_bad_number_refuses_even_without_rules(bad: str) -> None:
    number = D(bad)
    assert codes(limit(), calm(mid=number)) == {"BOOK_UNUSABLE"}
    assert codes(limit(), calm(ask=number)) == {"BOOK_UNUSABLE"}
    assert codes(msgspec.structs.replace(limit(), price=number)) == {"INSUFFICIENT_BALANCE"}
    assert codes(msgspec.structs.replace(limit(), quantity=number)) == {"INSUFFICIENT_BALANCE"}
    assert codes(market(quote_quantity=number)) == {"INSUFFICIENT_BALANCE"}


REQUESTS = st.builds(
    OrderRequest,
    venue=st.just(VENUE),
    symbol=st.just(SYMBOL),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    quantity=MAYBE,
    quote_quantity=MAYBE,
    price=MAYBE,
    stop_price=MAYBE,
)
EXPOSURES = st.builds(
    Exposure,
    venue=st.sampled_from([VENUE, "b"]),
    symbol=st.sampled_from([SYMBOL, "ETHUSDT"]),
    quantity=NUMBERS,
    buys=NUMBERS,
    sells=NUMBERS,
    price=MAYBE,
    rate=MAYBE,
    can_short=st.booleans(),
)
MEASURES = st.builds(Measure, value=MAYBE, age_s=st.none() | st.floats())
AROUND = st.builds(
    Around,
    now_ms=st.integers(0, 2**41),
    exposures=st.lists(EXPOSURES, max_size=3).map(tuple),
    equity=MAYBE,
    measures=st.dictionaries(st.just("r"), MEASURES),
)
CONTEXTS = st.builds(
    calm,
    trading_state=st.sampled_from(TradingState),
    mid=MAYBE,
    bid=MAYBE,
    ask=MAYBE,
    position=NUMBERS,
    open_exposure=NUMBERS,
    balances_free=st.dictionaries(st.sampled_from(["BTC", "USDT"]), NUMBERS),
    taken=st.none() | st.builds(Taken, average=st.none() | st.just(D(60_000)), short=st.booleans()),
    around=AROUND,
)
RULES = st.builds(
    rule,
    st.sampled_from(RuleKind),
    st.none() | NUMBERS.map(str),
    window_s=st.none() | st.integers(-1, 100),
    hours=st.sampled_from(["", "mon 09:00-17:00", "x"]),
    symbols=st.sampled_from([(), (SYMBOL,)]),
    effect=st.sampled_from(RuleEffect),
)


@given(REQUESTS, CONTEXTS, RULES)
def test_nothing_raises_and_only_real_numbers_pass(
    request: OrderRequest, context: RiskContext, one: Rule
) -> None:
    verdicts = risk.check(request, context, (one,))
    assert [verdict.rule for verdict in verdicts] == [*ALWAYS[:-1], "r", "balance"]
    risk.gauge(one, context.around)
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


COUNTED = [kind for kind, facts in KINDS.items() if facts.windowed or facts.standing]


@given(
    st.sampled_from([kind for kind in COUNTED if kind is not RuleKind.TRADING_HOURS]),
    st.sampled_from(["NaN", "sNaN", "Infinity", "-Infinity", "1E+500", None]),
    st.booleans(),
)
def test_a_figure_that_is_none_refuses(kind: RuleKind, bad: str | None, limit_is_bad: bool) -> None:
    value = None if bad is None else D(bad)
    one = rule(kind, bad if limit_is_bad else "3", window_s=60)
    measure = Measure(value=D(0) if limit_is_bad else value, age_s=None)
    assert codes(limit(), calm(around=around(r=measure)), (one,))


@given(st.decimals(min_value=D("0.0001"), max_value=2, places=4), st.sampled_from(Side))
def test_what_passes_is_within_every_limit(quantity: Decimal, side: Side) -> None:
    rules = (
        rule(RuleKind.MIN_ORDER_NOTIONAL, "10"),
        rule(RuleKind.MAX_ORDER_NOTIONAL, "60000"),
        rule(RuleKind.MAX_POSITION_QUANTITY, "0.5"),
    )
    passed = risk.passes(risk.check(limit(str(quantity), side=side), CALM, rules))
    assert passed == (10 <= quantity * 60_000 <= 60_000 and (side is Side.SELL or quantity <= D("0.5")))
