"""What a face asks -> what the engine does: the venue found, the documented defaults filled in."""

from collections.abc import Mapping
from decimal import Decimal

from spark_tui.domain.decimals import writable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.parameters import needs_time_in_force
from spark_tui.domain.values import TimeInForce
from spark_tui.link.messages import SubmitOrder
from spark_tui.link.service import LinkError


def find_venue(wanted: str, symbol: str, instruments: Mapping[str, Mapping[str, Instrument]]) -> str:
    """The venue named, the only one, or the only one that lists `symbol`. Raises LinkError."""
    if wanted:
        if wanted in instruments:
            return wanted
        known = ", ".join(instruments)
        raise LinkError("NO_SUCH_VENUE", f"There is no venue {wanted!r}; this engine has: {known}.")
    if len(instruments) == 1:
        return next(iter(instruments))
    listing = [venue for venue, symbols in instruments.items() if symbol in symbols]
    if len(listing) == 1:
        return listing[0]
    where = "is listed at " + " and ".join(listing) if listing else "is listed nowhere"
    raise LinkError("VENUE_UNCLEAR", f"{symbol} {where}; name the venue with venue=.")


def refuse_long(*amounts: Decimal | None) -> None:
    """Raises LinkError for a number that is too long to write out, or cannot be: it would stay in the ledger,
    and 1e99999999 fills the memory of every face that ever shows it."""
    if any(amount is not None and not writable(amount) for amount in amounts):
        raise LinkError("BAD_NUMBER", "A number of this order is longer than any price; write it like 0.01.")


def to_request(submit: SubmitOrder, venue: str) -> OrderRequest:
    """The order as asked. A time in force left empty is GTC where the type needs one; nothing else is
    changed. Raises LinkError BAD_NUMBER."""
    refuse_long(
        submit.quantity,
        submit.quote_quantity,
        submit.price,
        submit.stop_price,
        submit.iceberg_quantity,
    )
    time_in_force = submit.time_in_force
    if time_in_force is None and needs_time_in_force(submit.type):
        time_in_force = TimeInForce.GTC
    return OrderRequest(
        venue=venue,
        symbol=submit.symbol,
        side=submit.side,
        type=submit.type,
        quantity=submit.quantity,
        quote_quantity=submit.quote_quantity,
        price=submit.price,
        stop_price=submit.stop_price,
        trailing_delta=submit.trailing_delta,
        iceberg_quantity=submit.iceberg_quantity,
        time_in_force=time_in_force,
        self_trade_prevention=submit.self_trade_prevention,
    )


def to_submit(request: OrderRequest, key: str) -> SubmitOrder:
    """The other way round: what would be sent, as a face may send it."""
    return SubmitOrder(
        venue=request.venue,
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        quantity=request.quantity,
        quote_quantity=request.quote_quantity,
        price=request.price,
        stop_price=request.stop_price,
        trailing_delta=request.trailing_delta,
        iceberg_quantity=request.iceberg_quantity,
        time_in_force=request.time_in_force,
        self_trade_prevention=request.self_trade_prevention,
        key=key,
    )
