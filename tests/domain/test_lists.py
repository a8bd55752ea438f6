"""Order lists, amends and what each order type takes (protocol 8.1, 8.4, 9)."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.domain import instrument as i
from spark_tui.domain import lifecycle
from spark_tui.domain.amends import check_amend
from spark_tui.domain.filters import FilterContext, check
from spark_tui.domain.lists import ROLES, Leg, check_list, leg_types
from spark_tui.domain.order import Accepted, Amended, Fill, Filled, Intended, Order, OrderRequest
from spark_tui.domain.parameters import NAMES, fields_of
from spark_tui.domain.values import LegRole, ListKind, OrderType, SelfTradePrevention, Side, TimeInForce
from tests.domain.test_filters import BTCUSDT_FILTERS, listed

D = Decimal
INSTRUMENT = listed(*BTCUSDT_FILTERS, i.CountLimit(name="MAX_NUM_ORDER_LISTS", limit=20))
AT_100 = FilterContext(last_price=D(100), average_price=D(100))


def leg(
    kind: OrderType,
    side: Side,
    *,
    price: str | None = None,
    stop: str | None = None,
    quantity: str | None = "1",
    trail: int | None = None,
) -> OrderRequest:
    timed = kind in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return OrderRequest(
        venue="sim",
        symbol=INSTRUMENT.symbol,
        side=side,
        type=kind,
        quantity=None if quantity is None else D(quantity),
        price=None if price is None else D(price),
        stop_price=None if stop is None else D(stop),
        trailing_delta=trail,
        time_in_force=TimeInForce.GTC if timed else None,
    )


def maker(side: Side, price: str, quantity: str = "1") -> OrderRequest:
    return leg(OrderType.LIMIT_MAKER, side, price=price, quantity=quantity)


def stop(side: Side, at: str, quantity: str = "1") -> OrderRequest:
    return leg(OrderType.STOP_LOSS, side, stop=at, quantity=quantity)


def limit(side: Side, price: str = "99") -> OrderRequest:
    return leg(OrderType.LIMIT, side, price=price)


SELL_OCO: tuple[Leg, ...] = (
    (LegRole.ABOVE, maker(Side.SELL, "110")),
    (LegRole.BELOW, stop(Side.SELL, "90")),
)
BUY_OCO: tuple[Leg, ...] = ((LegRole.ABOVE, stop(Side.BUY, "110")), (LegRole.BELOW, maker(Side.BUY, "90")))
OTO: tuple[Leg, ...] = (
    (LegRole.WORKING, limit(Side.BUY)),
    (LegRole.PENDING, leg(OrderType.MARKET, Side.SELL)),
)
OTOCO: tuple[Leg, ...] = (
    (LegRole.WORKING, limit(Side.BUY)),
    (LegRole.PENDING_ABOVE, maker(Side.SELL, "95")),  # a pending pair does not meet the market yet
    (LegRole.PENDING_BELOW, stop(Side.SELL, "90")),
)


def names(kind: ListKind, legs: tuple[Leg, ...], context: FilterContext = AT_100) -> list[str]:
    return [failure.filter for failure in check_list(INSTRUMENT, kind, legs, context)]


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        (ListKind.OCO, SELL_OCO),
        (ListKind.OCO, BUY_OCO),
        (ListKind.OCO, tuple(reversed(BUY_OCO))),
        (ListKind.OTO, OTO),
        (ListKind.OTOCO, OTOCO),
        (ListKind.OCO, (SELL_OCO[0], (LegRole.BELOW, leg(OrderType.STOP_LOSS, Side.SELL, trail=100)))),
        (
            ListKind.OCO,
            (
                (LegRole.ABOVE, leg(OrderType.TAKE_PROFIT_LIMIT, Side.SELL, price="120", stop="110")),
                (LegRole.BELOW, leg(OrderType.STOP_LOSS_LIMIT, Side.SELL, price="80", stop="90")),
            ),
        ),
    ],
)
def test_what_the_venue_takes_passes(kind: ListKind, legs: tuple[Leg, ...]) -> None:
    assert names(kind, legs) == []


@pytest.mark.parametrize(
    ("kind", "legs", "refusal"),
    [
        (ListKind.OCO, SELL_OCO[:1], "LIST_LEGS"),
        (ListKind.OCO, (*SELL_OCO, SELL_OCO[0]), "LIST_LEGS"),
        (ListKind.OTO, SELL_OCO, "LIST_LEGS"),
        (
            ListKind.OCO,
            (SELL_OCO[0], (LegRole.BELOW, msgspec.structs.replace(SELL_OCO[1][1], symbol="ETHUSDT"))),
            "LIST_LEGS",
        ),
        (ListKind.OCO, (SELL_OCO[0], (LegRole.BELOW, maker(Side.SELL, "90"))), "LIST_TYPES"),
        (ListKind.OCO, (SELL_OCO[0], (LegRole.BELOW, limit(Side.SELL, "90"))), "LIST_TYPES"),
        (
            ListKind.OCO,
            ((LegRole.ABOVE, stop(Side.SELL, "110")), (LegRole.BELOW, maker(Side.SELL, "90"))),
            "LIST_TYPES",
        ),
        (ListKind.OTO, ((LegRole.WORKING, stop(Side.BUY, "110")), OTO[1]), "LIST_TYPES"),
        (ListKind.OCO, (SELL_OCO[0], (LegRole.BELOW, stop(Side.SELL, "90", "2"))), "LIST_QUANTITY"),
        (
            ListKind.OTO,
            (OTO[0], (LegRole.PENDING, leg(OrderType.MARKET, Side.SELL, quantity=None))),
            "LIST_QUANTITY",
        ),
        (ListKind.OCO, (SELL_OCO[0], BUY_OCO[1]), "LIST_SIDES"),
        (ListKind.OCO, ((LegRole.ABOVE, maker(Side.SELL, "100")), SELL_OCO[1]), "LIST_PRICES"),
        (ListKind.OCO, (SELL_OCO[0], (LegRole.BELOW, stop(Side.SELL, "100"))), "LIST_PRICES"),
        (ListKind.OTOCO, (*OTOCO[:2], (LegRole.PENDING_BELOW, stop(Side.SELL, "95"))), "LIST_PRICES"),
    ],
)
def test_what_the_venue_refuses_is_named(kind: ListKind, legs: tuple[Leg, ...], refusal: str) -> None:
    assert refusal in names(kind, legs)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1"])
def test_a_price_that_is_no_number_is_the_legs_own_refusal(price: str) -> None:
    """Found by hypothesis: comparing a NaN raised."""
    for legs in (
        ((LegRole.ABOVE, maker(Side.SELL, "110")), (LegRole.BELOW, stop(Side.SELL, price))),
        ((LegRole.ABOVE, maker(Side.SELL, price)), (LegRole.BELOW, stop(Side.SELL, "90"))),
    ):
        check_list(INSTRUMENT, ListKind.OCO, legs, AT_100)
        refused = [check(INSTRUMENT, request, AT_100) for _, request in legs]
        assert any(refused)


def test_without_a_last_price_only_the_legs_are_compared() -> None:
    low = ((LegRole.ABOVE, maker(Side.SELL, "95")), SELL_OCO[1])
    assert names(ListKind.OCO, low) == ["LIST_PRICES"]
    assert names(ListKind.OCO, low, FilterContext()) == []


def test_a_list_counts_once_as_a_list_and_with_every_leg_as_orders() -> None:
    def at(**counts: int) -> list[str]:
        return names(ListKind.OTOCO, OTOCO, msgspec.structs.replace(AT_100, **counts))

    assert at(open_lists=19, open_orders=197, open_algo_orders=4) == []
    assert at(open_lists=20) == ["MAX_NUM_ORDER_LISTS"]
    assert at(open_orders=198) == ["MAX_NUM_ORDERS"]
    assert at(open_algo_orders=5) == ["MAX_NUM_ALGO_ORDERS"]


def test_an_instrument_may_take_no_lists() -> None:
    for change, kinds in (
        ({"oco_allowed": False}, {ListKind.OCO, ListKind.OTOCO}),
        ({"oto_allowed": False}, {ListKind.OTO, ListKind.OTOCO}),
    ):
        closed = msgspec.structs.replace(INSTRUMENT, **change)
        for kind, legs in ((ListKind.OCO, SELL_OCO), (ListKind.OTO, OTO), (ListKind.OTOCO, OTOCO)):
            found = [failure.filter for failure in check_list(closed, kind, legs, AT_100)]
            assert found == (["LIST_ALLOWED"] if kind in kinds else [])


def test_every_role_of_every_kind_has_types() -> None:
    for kind, roles in ROLES.items():
        for role in roles:
            for side in Side:
                assert leg_types(role, side), (kind, role)


# --- amends ----------------------------------------------------------------------------------------------


def resting(*, filled: str = "0", amended: tuple[str, ...] = ()) -> Order:
    events = [
        Intended(client_order_id="a", request=limit(Side.BUY), at_ms=1),
        Accepted(venue_order_id="7", at_ms=2),
        *(Amended(quantity=D(quantity), at_ms=3) for quantity in amended),
    ]
    if D(filled):
        fill = Fill(
            trade_id="1",
            price=D(99),
            quantity=D(filled),
            commission=D(0),
            commission_asset="",
            maker=True,
            time_ms=4,
        )
        events.append(Filled(fill=fill))
    return lifecycle.fold(events)


@pytest.mark.parametrize(
    ("order", "quantity", "refusals"),
    [
        (resting(), "0.5", []),
        (resting(filled="0.4"), "0.5", []),
        (resting(), "1", ["AMEND_QUANTITY"]),
        (resting(), "1.5", ["AMEND_QUANTITY"]),
        (resting(), "0", ["AMEND_QUANTITY"]),
        (resting(), "-1", ["AMEND_QUANTITY"]),
        (resting(), "NaN", ["AMEND_QUANTITY"]),
        (resting(filled="0.4"), "0.4", ["AMEND_QUANTITY"]),
        (resting(amended=("0.6",)), "0.8", ["AMEND_QUANTITY"]),
        (resting(amended=("0.6",)), "0.5", []),
        (resting(), "0.500001", ["LOT_SIZE"]),
        (resting(), "0.01", ["NOTIONAL"]),
        (resting(amended=("0.9", "0.8")), "0.5", ["MAX_NUM_ORDER_AMENDS"]),
    ],
)
def test_an_amend_only_shrinks_and_not_too_often(order: Order, quantity: str, refusals: list[str]) -> None:
    instrument = listed(*BTCUSDT_FILTERS, i.CountLimit(name="MAX_NUM_ORDER_AMENDS", limit=2))
    found = check_amend(instrument, order, D(quantity), AT_100)
    assert [failure.filter for failure in found] == refusals


def test_some_orders_cannot_be_amended_at_all() -> None:
    closed = msgspec.structs.replace(INSTRUMENT, amend_allowed=False)
    assert [failure.filter for failure in check_amend(closed, resting(), D("0.5"), AT_100)] == [
        "AMEND_ALLOWED"
    ]
    market = leg(OrderType.MARKET, Side.BUY, quantity=None)
    by_money = msgspec.structs.replace(market, quote_quantity=D(50))
    order = lifecycle.begin(Intended(client_order_id="q", request=by_money, at_ms=1))
    assert "quote money" in check_amend(INSTRUMENT, order, D("0.5"), AT_100)[0].text


# --- fields ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OrderType)
def test_the_fields_a_ticket_asks_for_make_an_order_that_is_whole(kind: OrderType) -> None:
    values = {
        "quantity": D(1),
        "price": D(100),
        "stop_price": D(90),
        "time_in_force": TimeInForce.GTC,
        "self_trade_prevention": SelfTradePrevention.NONE,
    }
    rules = fields_of(kind)
    assert {rule.name for rule in rules} <= set(NAMES)
    given = {rule.name: values[rule.name] for rule in rules if rule.name in values}
    whole = OrderRequest(venue="sim", symbol="BTCUSDT", side=Side.SELL, type=kind, **given)  # type: ignore[arg-type]
    assert check(INSTRUMENT, whole, AT_100) == ()
    for rule in rules:
        if rule.required and rule.name in given:
            without = msgspec.structs.replace(whole, **{rule.name: None})
            assert [failure.filter for failure in check(INSTRUMENT, without, AT_100)] == ["PARAMETERS"]
    for name in set(NAMES) - {rule.name for rule in rules}:
        extra = msgspec.structs.replace(whole, **{name: D(1)})
        assert any("takes no" in failure.text for failure in check(INSTRUMENT, extra, AT_100))


def test_self_trade_prevention_is_checked_where_the_modes_are_known() -> None:
    request = msgspec.structs.replace(limit(Side.BUY), self_trade_prevention=SelfTradePrevention.DECREMENT)
    assert check(INSTRUMENT, request, AT_100) == ()
    modes = frozenset({SelfTradePrevention.NONE, SelfTradePrevention.EXPIRE_MAKER})
    strict = msgspec.structs.replace(INSTRUMENT, allowed_stp_modes=modes)
    (failure,) = check(strict, request, AT_100)
    assert (failure.filter, failure.field) == ("PARAMETERS", "self_trade_prevention")
    assert "it has EXPIRE_MAKER, NONE" in failure.text
