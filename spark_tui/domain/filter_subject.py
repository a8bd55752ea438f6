"""What the venue's filters judge, an order and what surrounds it, and how a refusal is told."""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import (
    divide_down,
    floor_to,
    multiply,
    usable,
)
from spark_tui.domain.instrument import (
    Instrument,
)
from spark_tui.domain.order import OrderRequest


class FilterContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters need besides instrument and order.

    `average_price`: the venue's reference price, else its average over the filter's minutes. Counts are of
    open orders on this instrument, `account_*` of those on the whole account.
    """

    average_price: Decimal | None = None
    last_price: Decimal | None = None
    open_lists: int = 0
    account_open_lists: int = 0
    open_orders: int = 0
    open_algo_orders: int = 0
    open_iceberg_orders: int = 0
    account_open_orders: int = 0
    account_open_algo_orders: int = 0
    account_open_iceberg_orders: int = 0
    base_free: Decimal = Decimal(0)
    base_locked: Decimal = Decimal(0)
    open_buy_quantity: Decimal = Decimal(0)


class FilterFailure(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal. `filter` is the venue's name for the rule (or PARAMETERS, PRECISION), `text` a sentence
    with the cure, `nearest` the nearest value of `field` that this rule lets pass, where there is one."""

    filter: str
    text: str
    nearest: Decimal | None = None
    field: str = ""


class Subject(msgspec.Struct, frozen=True):
    """A well-formed order, where it goes, and what surrounds it."""

    instrument: Instrument
    request: OrderRequest
    context: FilterContext
    tick: Decimal
    step: Decimal

    @property
    def quantity_grid(self) -> Decimal:
        """The step quantities are proposed on: the filter's, else the asset's precision."""
        return self.step or unit(self.instrument.base_precision)

    def market_price(self, average_minutes: int) -> Decimal | None:
        """The price a filter compares with (section 7): the average, or the last price where the filter
        averages over no time; the other one where that is not known."""
        average, last = self.context.average_price, self.context.last_price
        first, second = (average, last) if average_minutes else (last, average)
        for price in (first, second):
            if price is not None and usable(price) and price > 0:
                return price
        return None

    def base_quantity(self) -> Decimal | None:
        """What is ordered in base; of an order sized in quote money, what that buys at the average price."""
        if self.request.quantity is not None or self.request.quote_quantity is None:
            return self.request.quantity
        price = self.market_price(1)
        if price is None:
            return None
        return floor_to(divide_down(self.request.quote_quantity, price), self.step)


def notional(request: OrderRequest, price: Decimal | None) -> Decimal | None:
    """Quote money an order is about: its price (else `price`) times quantity, or the quote quantity asked."""
    if request.quote_quantity is not None:
        return request.quote_quantity
    at = request.price if request.price is not None else price
    if at is None or request.quantity is None:
        return None
    return multiply(at, request.quantity)


def unit(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)
