"""Names, errors and the instrument of the fake venue."""

from decimal import Decimal

from spark_tui.domain.instrument import Instrument, LotSize, Notional, PriceFilter, SymbolStatus
from spark_tui.domain.values import OrderType
from spark_tui.venues.port import (
    Reaction,
    VenueError,
)

D = Decimal
NAME = "fake"
SYMBOL = "BTCUSDT"

LOST = VenueError(Reaction.UNKNOWN, "-1007", "Timeout waiting for response from backend server.")
REJECTED = VenueError(Reaction.DEFINITE_REJECT, "-2010", "Account has insufficient balance.")
NOT_SENT = VenueError(Reaction.RETRY_SAFE, "NOT_SENT", "The connection is down: nothing was sent.")
UNREACHABLE = VenueError(Reaction.RETRY_SAFE, "NOT_SENT", "The venue cannot be reached.")


def instrument(symbol: str = SYMBOL, status: SymbolStatus = SymbolStatus.TRADING) -> Instrument:
    return Instrument(
        venue=NAME,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        status=status,
        base_precision=8,
        quote_precision=8,
        order_types=frozenset(OrderType),
        filters=(
            PriceFilter(min_price=D("0.01"), max_price=D("1000000"), tick_size=D("0.01")),
            LotSize(min_quantity=D("0.00001"), max_quantity=D("9000"), step_size=D("0.00001")),
            Notional(
                min_notional=D(5),
                apply_min_to_market=True,
                max_notional=D(9_000_000),
                apply_max_to_market=False,
                avg_price_mins=5,
            ),
        ),
    )
