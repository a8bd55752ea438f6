"""Lines instead of screens: for scripts, logs and screen readers. Market data is left out; orders are not."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from spark_tui.commands.errors import CommandError
from spark_tui.commands.output import require_heard
from spark_tui.commands.rows import cell
from spark_tui.link.messages import Event, Fills, Notice, OrderUpdate, Status
from spark_tui.link.remote import RemoteLink
from spark_tui.link.service import LinkError


async def follow(link: RemoteLink) -> None:
    """Print what happens until cancelled. A lost engine is said, and waited for; CommandError where it is one
    of another version."""
    lines = Lines()
    while True:
        try:
            async for batch in link.events():
                for line in lines.of(batch):
                    print(line, flush=True)
                    require_heard()
        except LinkError as error:
            if error.code == "PROTOCOL":
                raise CommandError(error.text) from None
            print(f"engine  {error.code}  {error.text}", flush=True)
            require_heard()
            lines = Lines()


class Lines:
    """Events as lines; the status only when something in it changed that matters."""

    def __init__(self) -> None:
        self._status = ""

    def of(self, batch: Iterable[Event]) -> Iterator[str]:
        for event in batch:
            match event:
                case Status():
                    text = status(event)
                    if text != self._status:
                        self._status = text
                        yield f"{_time(event.time_ms)}  status  {text}"
                case OrderUpdate():
                    yield f"{_time(event.order.updated_ms)}  order  {order(event)}"
                case Fills():
                    for row in event.rows:
                        yield (
                            f"{_time(row.fill.time_ms)}  fill  {row.client_order_id} {row.side} {row.symbol}"
                            f" {cell(row.fill.quantity)} at {cell(row.fill.price)}"
                        )
                case Notice():
                    yield f"{_time(event.time_ms)}  {event.level}  {event.text}"


def status(now: Status) -> str:
    venues = ", ".join(f"{venue.name} {venue.state}" for venue in now.venues)
    words = [
        f"{now.environment}  data {now.data_badge}  {now.trading_state}",
        f"({now.halt_reason})" if now.halt_reason else "",
        "reconciling" if now.reconciling else "",
        f"{venues}  open {now.open_orders}  unknown {now.unknown_orders}",
        *(f"[{note}]" for note in now.notes),
    ]
    return "  ".join(word for word in words if word)


def order(update: OrderUpdate) -> str:
    this = update.order
    request = this.request
    amount = request.quantity if request.quantity is not None else request.quote_quantity
    price = "" if request.price is None else f" at {cell(request.price)}"
    why = f"  {this.code}: {this.text}" if this.code else ""
    return (
        f"{this.client_order_id}  {this.state}  {request.side} {cell(amount)} {request.symbol}"
        f" {request.type}{price}  filled {cell(this.filled)}{why}"
    )


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%H:%M:%S")
