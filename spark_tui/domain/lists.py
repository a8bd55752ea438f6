"""Order lists (protocol 8.4): which legs a list has, what they must be to each other and to the market."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import short, usable
from spark_tui.domain.filter_rules import COUNTERS
from spark_tui.domain.filter_subject import FilterContext, FilterFailure
from spark_tui.domain.instrument import CountLimit, Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.parameters import ALGO
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side

Leg = tuple[LegRole, OrderRequest]

ROLES: Final[dict[ListKind, tuple[LegRole, ...]]] = {
    ListKind.OCO: (LegRole.ABOVE, LegRole.BELOW),
    ListKind.OTO: (LegRole.WORKING, LegRole.PENDING),
    ListKind.OTOCO: (LegRole.WORKING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW),
}
ABOVE: Final = frozenset({LegRole.ABOVE, LegRole.PENDING_ABOVE})
BELOW: Final = frozenset({LegRole.BELOW, LegRole.PENDING_BELOW})

# The two legs of which one cancels the other: (role side, order side) -> what that leg may be.
_PROFIT: Final = frozenset({OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
_STOP: Final = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})
_PAIR: Final = {
    ("above", Side.SELL): _PROFIT,
    ("below", Side.SELL): _STOP,
    ("above", Side.BUY): _STOP,
    ("below", Side.BUY): _PROFIT,
}
_WORKING: Final = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})

_LIST_COUNTERS: Final = {
    "MAX_NUM_ORDER_LISTS": ("open order lists", "open_lists"),
    "EXCHANGE_MAX_NUM_ORDER_LISTS": ("open order lists on the account", "account_open_lists"),
}


def leg_types(role: LegRole, side: Side) -> frozenset[OrderType]:
    """What a leg may be: data for the ticket and for `check_list`."""
    if role is LegRole.WORKING:
        return _WORKING
    if role is LegRole.PENDING:
        return frozenset(OrderType)
    return _PAIR["above" if role in ABOVE else "below", side]


def check_list(
    instrument: Instrument, kind: ListKind, legs: Sequence[Leg], context: FilterContext
) -> tuple[FilterFailure, ...]:
    """What the venue would refuse about the list as a whole; each leg has besides to pass its own filters.
    The last price is compared with only where it is known: the venue has the last word. `context` counts what
    is open without the list."""
    shape = tuple(_shape(instrument, kind, legs))
    if shape:
        return shape  # relations can only be judged between the right legs
    return (*_relations(kind, legs, context.last_price), *_counts(instrument, legs, context))


def trigger_price(request: OrderRequest) -> Decimal | None:
    """The price at which a leg starts to act: its stop, or a LIMIT_MAKER's limit. None while it trails."""
    return request.price if request.type is OrderType.LIMIT_MAKER else request.stop_price


# --- one function a rule ---------------------------------------------------------------------------------


def _shape(instrument: Instrument, kind: ListKind, legs: Sequence[Leg]) -> Iterator[FilterFailure]:
    wanted = ROLES[kind]
    if sorted(role for role, _ in legs) != sorted(wanted):
        yield _failure("LIST_LEGS", f"an {kind} list has the legs {', '.join(wanted)}, once each")
        return
    if len({(request.venue, request.symbol) for _, request in legs}) > 1:
        yield _failure("LIST_LEGS", "all legs of a list are in one symbol")
    pairs = kind in (ListKind.OCO, ListKind.OTOCO)
    if pairs and not instrument.oco_allowed:
        yield _failure("LIST_ALLOWED", f"{instrument.symbol} takes no OCO pairs; place single orders")
    if kind is not ListKind.OCO and not instrument.oto_allowed:
        yield _failure("LIST_ALLOWED", f"{instrument.symbol} takes no OTO lists; place single orders")
    for role, request in legs:
        types = leg_types(role, request.side)
        if request.type not in types:
            offered = ", ".join(sorted(types))
            text = f"the {role} leg of an {kind} to {request.side} is one of {offered}, not {request.type}"
            yield _failure("LIST_TYPES", text, "type")
        if request.quantity is None:
            yield _failure(
                "LIST_QUANTITY", f"the {role} leg needs a quantity of {instrument.base}", "quantity"
            )
    pair = [request for role, request in legs if role in ABOVE | BELOW]
    if len({request.side for request in pair}) > 1:
        yield _failure("LIST_SIDES", "two legs of which one cancels the other are on the same side", "side")
    if len({request.quantity for request in pair}) > 1:
        text = "two legs of which one cancels the other have the same quantity"
        yield _failure("LIST_QUANTITY", text, "quantity")


def _relations(kind: ListKind, legs: Sequence[Leg], last: Decimal | None) -> Iterator[FilterFailure]:
    """Above is above below, and with OCO the market is between them. A pending pair meets the market only
    once its working order is filled."""
    above, below = _acts_at(legs, ABOVE), _acts_at(legs, BELOW)
    if above is not None and below is not None and above <= below:
        text = f"the leg above acts at {short(above)}, the one below at {short(below)}; it must be lower"
        yield _failure("LIST_PRICES", text, "stop_price")
    if kind is not ListKind.OCO or last is None or not usable(last):
        return
    if above is not None and above <= last:
        text = f"the leg above acts at {short(above)}, which is not above the last price {short(last)}"
        yield _failure("LIST_PRICES", f"{text}; raise it", "stop_price")
    if below is not None and below >= last:
        text = f"the leg below acts at {short(below)}, which is not below the last price {short(last)}"
        yield _failure("LIST_PRICES", f"{text}; lower it", "stop_price")


def _acts_at(legs: Sequence[Leg], roles: frozenset[LegRole]) -> Decimal | None:
    """None too where the price is no number: the leg is refused for that."""
    price = next((trigger_price(request) for role, request in legs if role in roles), None)
    return price if price is not None and usable(price) else None


def _counts(instrument: Instrument, legs: Sequence[Leg], context: FilterContext) -> Iterator[FilterFailure]:
    """A list that would exceed a count is refused as a whole. It counts once as a list, and with every leg as
    orders."""
    added = {
        None: len(legs),
        "algo": sum(request.type in ALGO for _, request in legs),
        "iceberg": sum(request.iceberg_quantity is not None for _, request in legs),
    }
    for rule in instrument.filters:
        if not isinstance(rule, CountLimit) or rule.limit == 0:
            continue
        if rule.name in _LIST_COUNTERS:
            what, counter = _LIST_COUNTERS[rule.name]
            more = 1
        elif rule.name in COUNTERS:
            what, counter, only = COUNTERS[rule.name]
            more = added[only]
        else:
            continue
        count = getattr(context, counter)
        if more and count + more > rule.limit:
            text = f"{count} {what} and {more} more, the most is {rule.limit}; cancel some first"
            yield _failure(rule.name, text)


def _failure(name: str, text: str, field: str = "") -> FilterFailure:
    return FilterFailure(filter=name, text=f"{name}: {text}", field=field)
