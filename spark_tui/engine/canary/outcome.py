"""Whether an order did what a canary's must: a pure judgement, whatever the venue says of it."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from spark_tui.domain.decimals import ZERO, plain, rounded, usable
from spark_tui.domain.order import NEVER_LIVED, Order, OrderState
from spark_tui.link.messages import Execution

APART_BP = 50  # between the price that was expected and the one that came
FEE_SHARE = Decimal("0.01")  # of the order's money; no venue takes so much

Worth = Callable[[str, Decimal], Decimal | None]
"""So much of an asset in USDT, None where that cannot be told."""


def faults(
    order: Order, expected: Execution | None, actual: Execution, quote: str, worth: Worth
) -> Iterator[str]:
    """Code and sentence of each thing that is not as it must be. `expected` None: nothing is known to compare
    its price with. `quote`: the asset its money is in."""
    if order.state in NEVER_LIVED or order.state is OrderState.UNKNOWN:
        yield f"{order.code or order.state}: the order is {order.state}: {order.text}".rstrip(": ")
        return
    yield from _quantity(order)
    if expected is not None and expected.price and actual.price is not None:
        apart = round(abs(actual.price - expected.price) / expected.price * 10_000, 2)
        if apart > APART_BP:
            told = f"it traded at {plain(actual.price)}, expected were {plain(expected.price)}"
            yield f"PRICE: {told}: {plain(apart)} bp apart"
    yield from _fees(actual, quote, worth)


def _quantity(order: Order) -> Iterator[str]:
    wanted, market = order.request.quantity, order.request.price is None
    if wanted is not None and order.filled > wanted:
        yield f"OVERFILLED: {plain(order.filled)} were traded, {plain(wanted)} were ordered"
    elif market and order.filled == 0:
        yield f"NOT_FILLED: the market order ended {order.state} without a fill"
    elif market and wanted is not None and order.filled < wanted:
        done = f"{plain(order.filled)} of {plain(wanted)}"
        yield f"PARTLY_FILLED: the market order ended {order.state} with {done}"


def _fees(actual: Execution, quote: str, worth: Worth) -> Iterator[str]:
    """A fee that cannot be valued is shown, and not judged."""
    money = None if actual.notional is None else worth(quote, actual.notional)
    if money is None or not usable(money) or money <= 0:
        return
    taken = sum((worth(asset, fee) or ZERO for asset, fee in actual.fees.items()), ZERO)
    if taken > money * FEE_SHARE:
        shown = f"{plain(rounded(taken, 2))} of {plain(rounded(money, 2))} USDT"
        yield f"FEE: the fees took {shown}, more than {plain(FEE_SHARE * 100)} %"
