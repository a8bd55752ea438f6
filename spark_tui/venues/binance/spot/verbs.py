"""What can be done to orders, each under its name on the WebSocket API and on REST (protocol 9 and 11.1)."""

import msgspec

from spark_tui.venues.binance.spot import rest
from spark_tui.venues.binance.spot.rest import Route


class Verb(msgspec.Struct, frozen=True):
    """`priority`: may use the share of the budget kept for cancels. `places`: adds to the unfilled orders."""

    method: str
    route: Route
    priority: bool = False
    places: bool = False


PLACE = Verb("order.place", rest.PLACE, places=True)
REPLACE = Verb("order.cancelReplace", rest.REPLACE, places=True)
PLACE_OCO = Verb("orderList.place.oco", rest.PLACE_OCO, places=True)
PLACE_OTO = Verb("orderList.place.oto", rest.PLACE_OTO, places=True)
PLACE_OTOCO = Verb("orderList.place.otoco", rest.PLACE_OTOCO, places=True)
AMEND = Verb("order.amend.keepPriority", rest.AMEND)
CANCEL = Verb("order.cancel", rest.CANCEL, priority=True)
CANCEL_ALL = Verb("openOrders.cancelAll", rest.CANCEL_ALL, priority=True)
CANCEL_LIST = Verb("orderList.cancel", rest.CANCEL_LIST, priority=True)
