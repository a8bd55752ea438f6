"""An order list as Binance Spot's parameters: whose names carry which prefix (protocol sections 8.4 and 9).

Only what the wire cannot say is refused here; which types and prices go together, the venue judges.
"""

from collections.abc import Mapping

import msgspec

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, ListKind
from spark_tui.venues.binance.signing import Value
from spark_tui.venues.binance.spot.orders import amount_params, client_id, refused, terms
from spark_tui.venues.binance.spot.verbs import PLACE_OCO, PLACE_OTO, PLACE_OTOCO, Verb
from spark_tui.venues.port import ListLeg


class Shape(msgspec.Struct, frozen=True):
    """One kind of list on the wire. Legs that share a prefix in `shared` have one side and one quantity."""

    verb: Verb
    prefixes: Mapping[LegRole, str]
    shared: Mapping[LegRole, str]


_WORKING = {LegRole.WORKING: "working"}

SHAPES: Mapping[ListKind, Shape] = {
    ListKind.OCO: Shape(
        PLACE_OCO,
        prefixes={LegRole.ABOVE: "above", LegRole.BELOW: "below"},
        shared={LegRole.ABOVE: "", LegRole.BELOW: ""},
    ),
    ListKind.OTO: Shape(
        PLACE_OTO,
        prefixes={**_WORKING, LegRole.PENDING: "pending"},
        shared={**_WORKING, LegRole.PENDING: "pending"},
    ),
    ListKind.OTOCO: Shape(
        PLACE_OTOCO,
        prefixes={
            **_WORKING,
            LegRole.PENDING_ABOVE: "pendingAbove",
            LegRole.PENDING_BELOW: "pendingBelow",
        },
        shared={**_WORKING, LegRole.PENDING_ABOVE: "pending", LegRole.PENDING_BELOW: "pending"},
    ),
}


def list_params(list_id: str, kind: ListKind, legs: tuple[ListLeg, ...]) -> dict[str, Value]:
    """Parameters of orderList.place.* and POST orderList/*.

    Raises VenueError(DEFINITE_REJECT) for what could never be sent; nothing has left then.
    """
    shape = SHAPES[kind]
    roles = sorted(leg.role for leg in legs)
    if roles != sorted(shape.prefixes):
        wanted, given = (" and ".join(names) or "none" for names in (shape.prefixes, roles))
        raise refused(f"An {kind} list has one leg each of {wanted}, not {given}.")
    if len({list_id, *(leg.client_order_id for leg in legs)}) != len(legs) + 1:
        raise refused("A list and its legs need client order ids that differ.")
    params: dict[str, Value] = {
        **_of_all(legs),
        "listClientOrderId": client_id(list_id),
        "newOrderRespType": "FULL",
    }
    for leg in legs:
        said = {"clientOrderId": client_id(leg.client_order_id), **terms(leg.request)}
        params |= _prefixed(shape.prefixes[leg.role], said)
        common = _prefixed(shape.shared[leg.role], _size(leg.request))
        if any(params.get(name, value) != value for name, value in common.items()):
            raise refused(f"The two exits of an {kind} list have one side and one quantity; make them equal.")
        params |= common
    return params


def _of_all(legs: tuple[ListLeg, ...]) -> dict[str, Value]:
    """What is said once for the whole list."""
    if len({leg.request.symbol for leg in legs}) > 1:
        raise refused("The legs of a list are orders of one symbol.")
    params: dict[str, Value] = {"symbol": legs[0].request.symbol}
    modes = {leg.request.self_trade_prevention for leg in legs}
    if len(modes) > 1:
        raise refused("The legs of a list share one self-trade prevention mode; make them equal.")
    mode = modes.pop()
    if mode is not None:
        params["selfTradePreventionMode"] = mode.value
    return params


def _size(request: OrderRequest) -> dict[str, Value]:
    if request.quantity is None or request.quote_quantity is not None:
        raise refused("A leg of a list is sized in the base asset; give a quantity, not a quote quantity.")
    return {"side": request.side.value, **amount_params({"quantity": request.quantity})}


def _prefixed(prefix: str, params: Mapping[str, Value]) -> dict[str, Value]:
    """`price` of the leg `below` is `belowPrice` on the wire."""
    if not prefix:
        return dict(params)
    return {f"{prefix}{name[0].upper()}{name[1:]}": value for name, value in params.items()}
