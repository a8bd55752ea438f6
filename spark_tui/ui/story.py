"""What happened to an order, as one line of the log. Pure; told by the cockpit from its order updates."""

from decimal import Decimal

from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import OrderType
from spark_tui.ui import format as fmt

TYPE_WORDS = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT_MAKER: "MAKER",
    OrderType.STOP_LOSS: "STOP",
    OrderType.STOP_LOSS_LIMIT: "STOP_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_LIMIT",
}

ENDED = {OrderState.CANCELED: "cancelled", OrderState.EXPIRED: "expired"}
_CHANGING = frozenset({OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE})


def short_id(client_order_id: str) -> str:
    """The end of the id, where it differs from its neighbours: its number after the run."""
    return client_order_id.rpartition("-")[2][-5:]


def tell(before: Order | None, after: Order, venue_now_ms: int) -> tuple[str, str] | None:
    """(level, text) of what is new between two states of one order; None when nothing worth a line is."""
    name = short_id(after.client_order_id)
    if after.filled > (before.filled if before else 0) and after.fills:
        return "good", f"{name} {_fill(before, after)}"
    if after.amended_quantity is not None and (
        before is None
        or before.amended_quantity is None
        or (after.amended_quantity < before.amended_quantity)
    ):
        return "info", f"{name} amended to {fmt.exact(after.amended_quantity)}, its place in the queue kept"
    if before is not None and before.state is after.state:
        return None
    if before is not None and before.state in _CHANGING and after.state is OrderState.ACCEPTED:
        return "warn", f"{name} stays as it was: {after.text or 'the change did not happen'}"
    match after.state:
        case OrderState.ACCEPTED:
            took = fmt.took((after.updated_ms - after.created_ms) / 1_000)
            return "info", f"{name} {_asked(after)} accepted   ack {took}"
        case OrderState.UNKNOWN:
            left = max(0, (after.decidable_at_ms or venue_now_ms) - venue_now_ms) / 1_000
            return "warn", f"{name} reply lost: UNKNOWN, decidable in {left:.1f} s; counted, never re-sent"
        case OrderState.DENIED | OrderState.REJECTED:
            who = "denied" if after.state is OrderState.DENIED else "rejected by the venue"
            return "bad", f"{name} {who}: {after.text or after.code}"
        case OrderState.CANCELED | OrderState.EXPIRED:
            asked = fmt.exact(after.request.quantity)
            part = f", {fmt.exact(after.filled)} of {asked} filled" if after.filled else ""
            by = f", replaced by {short_id(after.replaced_by)}" if after.replaced_by else ""
            return "info", f"{name} {ENDED[after.state]}{part}{by}"
        case OrderState.DEAD:
            return "warn", f"{name} never lived: {after.text or 'the venue does not know it'}"
        case _:
            return None


def _asked(order: Order) -> str:
    """BUY 0.01 BTCUSDT STOP_LIMIT stop 66 000 at 65 900"""
    request = order.request
    if request.quantity is not None:
        amount = f"{fmt.exact(request.quantity)} {request.symbol}"
    else:
        amount = f"{request.symbol} for {fmt.exact(request.quote_quantity)}"
    terms = (
        ("stop", request.stop_price),
        ("trailing", None if request.trailing_delta is None else Decimal(request.trailing_delta)),
        ("at", request.price),
    )
    words = "".join(f" {word} {fmt.exact(value)}" for word, value in terms if value is not None)
    return f"{request.side} {amount} {TYPE_WORDS[request.type]}{words}"


def _fill(before: Order | None, after: Order) -> str:
    """The executions that came in between, as one: amount, average price, what the fee was."""
    known = {fill.trade_id for fill in before.fills} if before else set()
    fresh = [fill for fill in after.fills if fill.trade_id not in known] or list(after.fills)
    quantity = sum((fill.quantity for fill in fresh), Decimal(0))
    worth = sum((fill.quantity * fill.price for fill in fresh), Decimal(0))
    decimals = max(fmt.decimals_of(fill.price) for fill in fresh)
    price = fmt.fixed(worth / quantity, decimals) if quantity else fmt.ABSENT
    fees: dict[str, Decimal] = {}
    for fill in fresh:
        fees[fill.commission_asset] = fees.get(fill.commission_asset, Decimal(0)) + fill.commission
    paid = " ".join(f"{fmt.exact(amount)} {asset}" for asset, amount in fees.items())
    done = "filled" if after.state is OrderState.FILLED else "part filled"
    return f"{after.request.side} {after.request.symbol} {done} {fmt.exact(quantity)} @ {price}   fee {paid}"
