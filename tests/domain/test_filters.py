"""Every filter of section 7 against an independent oracle, and the cure each refusal names (F40, F56)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spark_tui.domain import instrument as i
from spark_tui.domain.decimals import floor_to, short
from spark_tui.domain.filters import (
    FilterContext,
    FilterFailure,
    check,
    notional,
    price_tick,
    quantise,
    quantity_step,
)
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from tests.domain import oracle

D = Decimal
ZERO = D("0.00000000")

BTCUSDT_FILTERS: tuple[i.Filter, ...] = (
    i.PriceFilter(min_price=D("0.01"), max_price=D(1_000_000), tick_size=D("0.01")),
    i.LotSize(min_quantity=D("0.00001"), max_quantity=D(9000), step_size=D("0.00001")),
    i.IcebergParts(limit=100),
    i.MarketLotSize(min_quantity=ZERO, max_quantity=D(80), step_size=ZERO),
    i.TrailingDelta(
        min_trailing_above_delta=10,
        max_trailing_above_delta=2000,
        min_trailing_below_delta=20,
        max_trailing_below_delta=1000,
    ),
    i.PercentPriceBySide(
        bid_multiplier_up=D(5),
        bid_multiplier_down=D("0.2"),
        ask_multiplier_up=D(4),
        ask_multiplier_down=D("0.5"),
        avg_price_mins=5,
    ),
    i.Notional(
        min_notional=D(5),
        apply_min_to_market=True,
        max_notional=D(9_000_000),
        apply_max_to_market=False,
        avg_price_mins=5,
    ),
    i.CountLimit(name="MAX_NUM_ORDERS", limit=200),
    i.CountLimit(name="MAX_NUM_ALGO_ORDERS", limit=5),
)


def listed(*filters: i.Filter, **changes: object) -> i.Instrument:
    instrument = i.Instrument(
        venue="sim",
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        status=i.SymbolStatus.TRADING,
        base_precision=8,
        quote_precision=8,
        order_types=frozenset(OrderType),
        filters=filters,
    )
    return msgspec.structs.replace(instrument, **changes)


BTCUSDT = listed(*BTCUSDT_FILTERS)
MARKET_AT_60K = FilterContext(average_price=D(60_000))


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


def only(failures: tuple[FilterFailure, ...]) -> FilterFailure:
    assert len(failures) == 1, failures
    return failures[0]


# --- against the oracle ----------------------------------------------------------------------------------

STEPS = st.sampled_from([ZERO, D("0.01"), D("0.5"), D("0.025"), D(1), D(10)])
VALUES = st.decimals(min_value=D("0.001"), max_value=D(300), places=3) | st.integers(1, 300).map(D)
BOUNDS = st.just(ZERO) | st.integers(0, 100).map(D)
TOPS = st.just(ZERO) | st.integers(100, 300).map(D)
SMALL = st.integers(0, 3)
MULTIPLIERS = st.sampled_from([D("0.5"), D("0.9"), D(1)])
RAISES = st.sampled_from([ZERO, D(1), D("1.1"), D(3)])
COUNT_NAMES = [
    "MAX_NUM_ORDERS",
    "MAX_NUM_ALGO_ORDERS",
    "MAX_NUM_ICEBERG_ORDERS",
    "EXCHANGE_MAX_NUM_ORDERS",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    "MAX_NUM_ORDER_LISTS",
    "MAX_NUM_ORDER_AMENDS",
]
FILTERS: st.SearchStrategy[i.Filter] = st.one_of(
    st.builds(i.PriceFilter, min_price=BOUNDS, max_price=TOPS, tick_size=STEPS),
    st.builds(i.PercentPrice, multiplier_up=RAISES, multiplier_down=MULTIPLIERS, avg_price_mins=SMALL),
    st.builds(
        i.PercentPriceBySide,
        bid_multiplier_up=RAISES,
        bid_multiplier_down=MULTIPLIERS,
        ask_multiplier_up=RAISES,
        ask_multiplier_down=MULTIPLIERS,
        avg_price_mins=SMALL,
    ),
    st.builds(i.LotSize, min_quantity=BOUNDS, max_quantity=TOPS, step_size=STEPS),
    st.builds(i.MarketLotSize, min_quantity=BOUNDS, max_quantity=TOPS, step_size=STEPS),
    st.builds(i.MinNotional, min_notional=VALUES, apply_to_market=st.booleans(), avg_price_mins=SMALL),
    st.builds(
        i.Notional,
        min_notional=VALUES,
        apply_min_to_market=st.booleans(),
        max_notional=TOPS.map(lambda top: top * 100),
        apply_max_to_market=st.booleans(),
        avg_price_mins=SMALL,
    ),
    st.builds(i.IcebergParts, limit=SMALL),
    st.builds(
        i.TrailingDelta,
        min_trailing_above_delta=st.integers(0, 50),
        max_trailing_above_delta=st.sampled_from([0, 60, 100]),
        min_trailing_below_delta=st.integers(0, 50),
        max_trailing_below_delta=st.sampled_from([0, 60, 100]),
    ),
    st.builds(i.MaxPosition, max_position=TOPS),
    st.builds(i.CountLimit, name=st.sampled_from(COUNT_NAMES), limit=SMALL),
    st.builds(i.MaxAsset, asset=st.sampled_from(["BTC", "USDT", "TRX"]), limit=TOPS),
)
PRICES = st.none() | VALUES
CONTEXTS = st.builds(
    FilterContext,
    average_price=PRICES,
    last_price=PRICES,
    open_orders=SMALL,
    open_algo_orders=SMALL,
    open_iceberg_orders=SMALL,
    account_open_orders=SMALL,
    account_open_algo_orders=SMALL,
    account_open_iceberg_orders=SMALL,
    base_free=BOUNDS,
    base_locked=BOUNDS,
    open_buy_quantity=BOUNDS,
)
LIMITED = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)


@st.composite
def well_formed(draw: st.DrawFn) -> OrderRequest:
    """An order with the fields its type must and may carry (protocol 8.1), of any values."""
    kind = draw(st.sampled_from(OrderType))
    fields: dict[str, object] = {"quantity": draw(VALUES)}
    if kind in LIMITED:
        fields["price"] = draw(VALUES)
        fields["iceberg_quantity"] = draw(st.none() | VALUES)
    if kind in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT):
        fields["time_in_force"] = TimeInForce.GTC
    if kind in oracle.STOPS:
        which = draw(
            st.sampled_from([("stop_price",), ("trailing_delta",), ("stop_price", "trailing_delta")])
        )
        fields |= {"stop_price": draw(VALUES)} if "stop_price" in which else {}
        fields |= {"trailing_delta": draw(st.integers(1, 120))} if "trailing_delta" in which else {}
    if kind is OrderType.MARKET and draw(st.booleans()):
        fields = {"quote_quantity": draw(VALUES) * draw(st.sampled_from([1, 100]))}
    return msgspec.convert(
        {"venue": "sim", "symbol": "BTCUSDT", "side": draw(st.sampled_from(Side)), "type": kind, **fields},
        OrderRequest,
    )


INSTRUMENTS = st.builds(
    lambda filters, base, quote: listed(*filters, base_precision=base, quote_precision=quote),
    st.lists(FILTERS, max_size=5, unique_by=type),
    st.sampled_from([0, 2, 8]),
    st.sampled_from([1, 2, 8]),
)


@settings(max_examples=250)
@given(INSTRUMENTS, well_formed(), CONTEXTS)
def test_the_filters_refuse_exactly_what_the_oracle_refuses(
    instrument: i.Instrument, request: OrderRequest, context: FilterContext
) -> None:
    failures = check(instrument, request, context)
    assert {failure.filter for failure in failures} == oracle.failed(instrument, request, context)
    for failure in failures:
        assert failure.text.startswith(failure.filter)


@settings(max_examples=150)
@given(INSTRUMENTS, well_formed(), CONTEXTS)
def test_the_named_cure_passes_the_filter_that_named_it(
    instrument: i.Instrument, request: OrderRequest, context: FilterContext
) -> None:
    """One filter alone (with the lot step that its cure is put on) and one field alone."""
    for failure in check(instrument, request, context):
        if failure.nearest is None or failure.nearest <= 0 or failure.filter == "PRECISION":
            continue
        if failure.filter == "LOT_SIZE" and request.quantity is None:
            continue  # its bounds may lie between its steps
        value = int(failure.nearest) if failure.field == "trailing_delta" else failure.nearest
        assert short(failure.nearest) in failure.text
        cured = msgspec.structs.replace(request, **{failure.field: value})
        again = {f.filter for f in check(instrument, cured, context) if f.field == failure.field}
        bounds = [rule for rule in instrument.filters if rule.__struct_config__.tag == failure.filter]
        assume(all(_satisfiable(rule) for rule in bounds))
        assert failure.filter not in again


def _satisfiable(rule: i.Filter) -> bool:
    """Bounds between which the step has no multiple leave nothing to propose."""
    if isinstance(rule, i.PriceFilter):
        low, high, step = rule.min_price, rule.max_price, rule.tick_size
    elif isinstance(rule, i.LotSize | i.MarketLotSize):
        low, high, step = rule.min_quantity, rule.max_quantity, rule.step_size
    else:
        return not isinstance(rule, i.PercentPrice | i.PercentPriceBySide | i.Notional)
    return high == 0 or floor_to(high, step) >= low


@given(INSTRUMENTS, well_formed())
def test_quantising_lands_on_the_grid_never_against_the_operator_and_once(
    instrument: i.Instrument, request: OrderRequest
) -> None:
    fitted, sentences = quantise(instrument, request)
    assert quantise(instrument, fitted) == (fitted, ())
    if request.price is not None and fitted.price is not None:
        better = fitted.price <= request.price if request.side is Side.BUY else fitted.price >= request.price
        assert better
        assert abs(fitted.price - request.price) < (price_tick(instrument) or D("1e-9"))
    for field in ("quantity", "quote_quantity", "iceberg_quantity"):
        before, after = getattr(request, field), getattr(fitted, field)
        assert (before is None) == (after is None)
        assert before is None or 0 < after <= before
    moved = sum(
        getattr(request, f) != getattr(fitted, f) for f in ("price", "stop_price", "iceberg_quantity")
    )
    assert len(sentences) >= moved


# --- golden cases ----------------------------------------------------------------------------------------


def test_a_good_order_passes_every_filter_of_btcusdt() -> None:
    assert check(BTCUSDT, limit(), MARKET_AT_60K) == ()
    assert check(BTCUSDT, market(quantity=D("0.001")), MARKET_AT_60K) == ()
    assert check(BTCUSDT, market(quote_quantity=D(50)), MARKET_AT_60K) == ()


@pytest.mark.parametrize(
    ("request_", "name", "nearest"),
    [
        (limit(price="60000.013"), "PRICE_FILTER", "60000.01"),
        (limit(quantity="0.010004"), "LOT_SIZE", "0.01"),
        (limit(quantity="0.000001", price="299999"), "LOT_SIZE", "0.00001"),
        (limit(quantity="0.00001"), "NOTIONAL", "0.00009"),
        (limit(price="300000.01", quantity="0.1"), "PERCENT_PRICE_BY_SIDE", "300000"),
        (limit(price="11999.99"), "PERCENT_PRICE_BY_SIDE", "12000"),
        (limit(price="29999.99", side=Side.SELL), "PERCENT_PRICE_BY_SIDE", "30000"),
        (limit(quantity="1.01", iceberg_quantity=D("0.01")), "ICEBERG_PARTS", "0.0101"),
        (limit(quantity="1.005", iceberg_quantity=D("0.01")), "ICEBERG_PARTS", "0.01005"),
        (market(quantity=D(81)), "MARKET_LOT_SIZE", "80"),
        (market(quantity=D("0.00008")), "NOTIONAL", "0.00009"),
        (market(quote_quantity=D(4)), "NOTIONAL", "5"),
        (market(quote_quantity=D("4800000.60")), "MARKET_LOT_SIZE", "4800000"),
    ],
)
def test_the_refusal_names_filter_and_nearest_valid_value(
    request_: OrderRequest, name: str, nearest: str
) -> None:
    failures = check(BTCUSDT, request_, MARKET_AT_60K)
    failure = only(tuple(failure for failure in failures if failure.filter == name))
    assert failure.nearest == D(nearest)
    assert f" {nearest}" in failure.text


def test_quote_money_is_judged_by_what_fits_the_step() -> None:
    """The venue fits the quantity: 80.000008 BTC worth of quote buys 80.00000."""
    assert check(BTCUSDT, market(quote_quantity=D("4800000.5")), MARKET_AT_60K) == ()
    dust = check(BTCUSDT, market(quote_quantity=D("0.5")), FilterContext(last_price=D(60_000)))
    assert [(failure.filter, failure.nearest) for failure in dust] == [
        ("LOT_SIZE", D("0.6")),
        ("NOTIONAL", D(5)),
    ]


@pytest.mark.parametrize(
    ("kind", "side", "delta", "nearest"),
    [
        (OrderType.STOP_LOSS, Side.BUY, 9, 10),
        (OrderType.TAKE_PROFIT, Side.SELL, 2001, 2000),
        (OrderType.STOP_LOSS, Side.SELL, 19, 20),
        (OrderType.TAKE_PROFIT, Side.BUY, 1001, 1000),
    ],
)
def test_trailing_delta_ranges_by_direction(kind: OrderType, side: Side, delta: int, nearest: int) -> None:
    def request(bips: int) -> OrderRequest:
        return OrderRequest(
            venue="sim", symbol="BTCUSDT", side=side, type=kind, quantity=D("0.01"), trailing_delta=bips
        )

    assert only(check(BTCUSDT, request(delta), MARKET_AT_60K)).nearest == nearest
    assert check(BTCUSDT, request(nearest), MARKET_AT_60K) == ()


def test_counts_say_how_many_there_are() -> None:
    failure = only(check(BTCUSDT, limit(), FilterContext(average_price=D(60_000), open_orders=200)))
    assert failure.filter == "MAX_NUM_ORDERS"
    assert "200 open orders" in failure.text
    assert (
        check(BTCUSDT, limit(), FilterContext(average_price=D(60_000), open_orders=199, open_algo_orders=5))
        == ()
    )


def test_numbers_past_28_digits_are_still_judged_exactly() -> None:
    """The default decimal context would round the product, and refuse to take the remainder."""
    instrument = listed(
        i.PriceFilter(min_price=ZERO, max_price=ZERO, tick_size=D("0.00000001")),
        i.LotSize(min_quantity=ZERO, max_quantity=ZERO, step_size=D("0.00000001")),
        i.MinNotional(
            min_notional=D("99999999999999999999.0000000000000001"), apply_to_market=True, avg_price_mins=5
        ),
    )
    huge = limit("92233720368.54775807", "92233720368.54775807")
    assert check(instrument, huge, FilterContext()) == ()
    below = limit("9999999999.99999999", "10000000000.00000000")
    assert only(check(instrument, below, FilterContext())).filter == "MIN_NOTIONAL"


def test_without_a_market_price_the_venue_decides() -> None:
    assert check(BTCUSDT, limit(price="900000"), FilterContext()) == ()
    assert check(BTCUSDT, market(quantity=D("0.00001")), FilterContext(average_price=D("NaN"))) == ()


def test_steps_of_an_instrument() -> None:
    assert (price_tick(BTCUSDT), quantity_step(BTCUSDT)) == (D("0.01"), D("0.00001"))
    assert (price_tick(listed()), quantity_step(listed())) == (None, None)


def test_quantise_says_what_moved() -> None:
    fitted, sentences = quantise(BTCUSDT, limit("0.010009", "60000.019", time_in_force=None))
    assert (fitted.quantity, fitted.price, fitted.time_in_force) == (
        D("0.01"),
        D("60000.01"),
        TimeInForce.GTC,
    )
    assert sentences == (
        "price 60000.019 becomes 60000.01, a multiple of the tick 0.01",
        "quantity 0.010009 becomes 0.01, a multiple of the step 0.00001",
    )
    sell, _ = quantise(BTCUSDT, limit(price="60000.011", side=Side.SELL))
    assert sell.price == D("60000.02")


def test_quantise_leaves_what_would_vanish_for_the_check_to_refuse() -> None:
    tiny = limit(quantity="0.000004", price="0.001")
    assert quantise(BTCUSDT, tiny) == (tiny, ())
    names = {failure.filter for failure in check(BTCUSDT, tiny, FilterContext())}
    assert {"PRICE_FILTER", "LOT_SIZE"} <= names


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "1E+999999"])
def test_quantise_and_check_survive_what_is_no_number(value: str) -> None:
    request = limit(quantity=value, price=value)
    assert quantise(BTCUSDT, request) == (request, ())
    assert {failure.field for failure in check(BTCUSDT, request, MARKET_AT_60K)} == {"quantity", "price"}


def test_notional_is_price_times_quantity_or_the_quote_asked() -> None:
    assert notional(limit("0.5", "100"), D(7)) == 50
    assert notional(market(quantity=D(2)), D(7)) == 14
    assert notional(market(quantity=D(2)), None) is None
    assert notional(market(quote_quantity=D(9)), None) == 9


# --- parameters ------------------------------------------------------------------------------------------

MANDATORY = {
    OrderType.LIMIT: {"time_in_force", "quantity", "price"},
    OrderType.MARKET: {"quantity"},
    OrderType.LIMIT_MAKER: {"quantity", "price"},
    OrderType.STOP_LOSS: {"quantity", "stop_price"},
    OrderType.STOP_LOSS_LIMIT: {"time_in_force", "quantity", "price", "stop_price"},
    OrderType.TAKE_PROFIT: {"quantity", "stop_price"},
    OrderType.TAKE_PROFIT_LIMIT: {"time_in_force", "quantity", "price", "stop_price"},
}
SAMPLE = {
    "time_in_force": TimeInForce.GTC,
    "quantity": D("0.01"),
    "price": D(60_000),
    "stop_price": D(60_000),
    "trailing_delta": 100,
    "quote_quantity": D(50),
    "iceberg_quantity": D("0.01"),
}
OPTIONAL = {
    **{kind: {"iceberg_quantity"} for kind in LIMITED},
    OrderType.MARKET: set[str](),
}


def of_type(kind: OrderType, fields: set[str]) -> OrderRequest:
    request = OrderRequest(venue="sim", symbol="BTCUSDT", side=Side.BUY, type=kind)
    return msgspec.structs.replace(request, **{field: SAMPLE[field] for field in fields})


@pytest.mark.parametrize("kind", list(OrderType))
def test_each_type_takes_what_it_must_and_nothing_it_must_not(kind: OrderType) -> None:
    must = MANDATORY[kind]
    assert check(BTCUSDT, of_type(kind, must), FilterContext()) == ()
    for missing in must:
        failures = check(BTCUSDT, of_type(kind, must - {missing}), FilterContext())
        assert missing in {failure.field for failure in failures}
        assert {failure.filter for failure in failures} == {"PARAMETERS"}
    welcome = must | OPTIONAL.get(kind, set()) | ({"trailing_delta"} if kind in oracle.STOPS else set())
    for extra in set(SAMPLE) - must:
        failures = check(BTCUSDT, of_type(kind, must | {extra}), FilterContext())
        assert (failures == ()) == (extra in welcome), (extra, failures)


def test_stop_orders_need_a_stop_price_or_a_trailing_delta() -> None:
    assert check(BTCUSDT, of_type(OrderType.STOP_LOSS, {"quantity", "trailing_delta"}), FilterContext()) == ()
    assert check(BTCUSDT, of_type(OrderType.MARKET, {"quote_quantity"}), FilterContext()) == ()


@pytest.mark.parametrize(
    ("changes", "request_", "field"),
    [
        ({"order_types": frozenset({OrderType.LIMIT})}, market(quantity=D(1)), "type"),
        ({"quote_quantity_market_allowed": False}, market(quote_quantity=D(50)), "quote_quantity"),
        ({"iceberg_allowed": False}, limit(iceberg_quantity=D("0.01")), "iceberg_quantity"),
        (
            {"trailing_stop_allowed": False},
            of_type(OrderType.STOP_LOSS, {"quantity", "trailing_delta"}),
            "trailing_delta",
        ),
        ({}, limit(iceberg_quantity=D("0.01"), time_in_force=TimeInForce.IOC), "time_in_force"),
        ({}, limit(quantity="0"), "quantity"),
        ({}, limit(price="-1"), "price"),
        ({}, market(quantity=D(1), quote_quantity=D(1)), "quote_quantity"),
    ],
)
def test_what_the_instrument_does_not_take_is_refused_with_the_cure(
    changes: dict[str, object], request_: OrderRequest, field: str
) -> None:
    instrument = msgspec.structs.replace(BTCUSDT, **changes)
    failure = only(check(instrument, request_, FilterContext()))
    assert (failure.filter, failure.field) == ("PARAMETERS", field)
