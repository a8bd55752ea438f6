"""What a ticket can be: one order, a list of orders, or an algo. The fields each needs, as data. Pure."""

from enum import StrEnum
from typing import Final, NamedTuple

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.lists import leg_types
from spark_tui.domain.parameters import fields_of
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side


class Shape(StrEnum):
    ORDER = "ORDER"
    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"
    TWAP = "TWAP"
    ICEBERG = "ICEBERG"
    TRAILING = "TRAILING"


class Trigger(StrEnum):
    """What sets an order off that waits: a price, a distance from the best price since, or the distance once
    the price was reached."""

    STOP = "STOP"
    TRAIL = "TRAIL"
    BOTH = "BOTH"


LISTS: Final = (Shape.OCO, Shape.OTO, Shape.OTOCO)
ALGOS: Final = (Shape.TWAP, Shape.ICEBERG, Shape.TRAILING)

QUANTITY, PRICE, STOP, TRAIL, SHOWN = "quantity", "price", "stop", "trail", "shown"
ENTRY, TAKE = "entry", "take"
MINUTES, SLICES, JITTER = "minutes", "slices", "jitter"


class Field(NamedTuple):
    """`unit`: how it is read and stepped: quantity, price, number, or a whole one: bp, count, percent."""

    name: str
    label: str
    short: str  # before the number, where the ticket is one line
    unit: str
    ask: str


FIELDS: Final = {
    field.name: field
    for field in (
        Field(QUANTITY, "quantity", "", "quantity", "type a quantity"),
        Field(PRICE, "price", "@", "price", "type a price"),
        Field(STOP, "stop", "stop", "price", "type a stop price"),
        Field(TRAIL, "trail by", "trail", "bp", "type a distance in basis points"),
        Field(SHOWN, "shown", "shown", "quantity", "type the amount shown at a time, or v for none"),
        Field(ENTRY, "entry", "@", "price", "type the entry's price"),
        Field(TAKE, "take", "take", "price", "type the price to take profit at"),
        Field(MINUTES, "minutes", "min", "number", "type over how many minutes"),
        Field(SLICES, "slices", "in", "count", "type in how many orders"),
        Field(JITTER, "jitter %", "jitter", "percent", "type by how many percent times and sizes may vary"),
    )
}

# The venue's field -> ours, for those that are typed as numbers.
_TYPED: Final = {
    "quantity": QUANTITY,
    "price": PRICE,
    "stop_price": STOP,
    "trailing_delta": TRAIL,
    "iceberg_quantity": SHOWN,
}


def takes(kind: OrderType, field: str) -> bool:
    """The order type has this field of `OrderRequest`."""
    return any(rule.name == field for rule in fields_of(kind))


_UNWANTED: Final = {Trigger.STOP: (TRAIL,), Trigger.TRAIL: (STOP,), Trigger.BOTH: ()}


def order_fields(kind: OrderType, *, trigger: Trigger, iceberg: bool) -> tuple[str, ...]:
    """What is typed for one order: of stop and trail what is chosen, the shown part only when wanted."""
    unwanted = {*_UNWANTED[trigger], *(() if iceberg else (SHOWN,))}
    names = [_TYPED[rule.name] for rule in fields_of(kind) if rule.name in _TYPED]
    return tuple(name for name in names if name not in unwanted)


def list_fields(shape: Shape, leg: OrderType) -> tuple[str, ...]:
    """`leg`: the type of the stop leg; of an OTO, of the order that follows."""
    exits = tuple(
        name for name in (STOP, PRICE) if name in order_fields(leg, trigger=Trigger.STOP, iceberg=False)
    )
    match shape:
        case Shape.OCO:
            return (QUANTITY, TAKE, *exits)
        case Shape.OTO:
            return (QUANTITY, ENTRY, *exits)
        case _:
            return (QUANTITY, ENTRY, TAKE, *exits)


ALGO_FIELDS: Final = {
    Shape.TWAP: (QUANTITY, MINUTES, SLICES, JITTER, PRICE),
    Shape.ICEBERG: (QUANTITY, PRICE, SHOWN),
    Shape.TRAILING: (QUANTITY, TRAIL),
}
OPTIONAL: Final = {Shape.TWAP: (JITTER, PRICE)}  # no jitter: on the minute; no price: at market
WHOLE: Final = frozenset({"bp", "count", "percent"})  # units without decimals


def label(shape: Shape, name: str, trigger: Trigger = Trigger.STOP) -> str:
    """In a list the price belongs to the leg that stops, or follows; a TWAP's is the worst it takes. A stop
    that also trails is where trailing begins."""
    if name == STOP and trigger is Trigger.BOTH:
        return "trail from"
    if name == PRICE and shape in LISTS:
        return "then price" if shape is Shape.OTO else "stop limit"
    if name == PRICE and shape is Shape.TWAP:
        return "worst price"
    return FIELDS[name].label


def short_label(shape: Shape, name: str, trigger: Trigger = Trigger.STOP) -> str:
    if name == STOP and trigger is Trigger.BOTH:
        return "from"
    if name == PRICE and shape in LISTS:
        return "then" if shape is Shape.OTO else "limit"
    if name == PRICE and shape is Shape.TWAP:
        return "worst"
    return FIELDS[name].short


def shapes_of(instrument: Instrument | None) -> tuple[Shape, ...]:
    """What the instrument takes; a single order always."""
    if instrument is None:
        return (Shape.ORDER,)
    types = instrument.order_types
    pair = OrderType.LIMIT_MAKER in types and bool(_stops(instrument))
    working = OrderType.LIMIT in types
    offered = {
        Shape.OCO: instrument.oco_allowed and pair,
        Shape.OTO: instrument.oto_allowed and working,
        Shape.OTOCO: instrument.oto_allowed and instrument.oco_allowed and working and pair,
    }
    return (Shape.ORDER, *(shape for shape, there in offered.items() if there))


def leg_choices(shape: Shape, instrument: Instrument | None) -> tuple[OrderType, ...]:
    """Types the stop leg, or the order that follows, may be, in the table's order."""
    if instrument is None or shape not in LISTS:
        return ()
    if shape is Shape.OTO:
        return tuple(kind for kind in OrderType if kind in instrument.order_types)
    return _stops(instrument)


def _stops(instrument: Instrument) -> tuple[OrderType, ...]:
    stops = leg_types(LegRole.BELOW, Side.SELL) & instrument.order_types
    wanted = (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS)
    return tuple(kind for kind in wanted if kind in stops)


def list_kind(shape: Shape) -> ListKind:
    return ListKind(shape.value)
