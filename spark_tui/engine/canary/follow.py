"""The real order of a confirm: placed through the one order path, followed to its end, its rest cancelled,
and compared with the venue until nothing is left over."""

import asyncio
import contextlib
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import ZERO, divide_down, plain
from spark_tui.domain.order import NEVER_LIVED, Order, OrderRequest, OrderState
from spark_tui.domain.values import Side
from spark_tui.engine.canary.probe import exchanges, expectation
from spark_tui.engine.cost import cost_of
from spark_tui.link.messages import Execution
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus, VenueError
from spark_tui.wire.clock import NS_PER_S, Clock, within
from spark_tui.wire.exchanges import Exchange, heard_by

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

RESTS_S = 5.0  # how long an order may rest before what is left of it is cancelled; then between attempts
PROVED_S = 60.0  # how long the fate of a lost answer is awaited; longer where the venue's window is
SPARE_S = 15.0  # after that window: three answers "does not exist" and the trades
ENDS_S = 60.0  # how long a refused cancel is repeated while somebody waits for the verdict
AGAIN_S = 15.0  # between cancels when nobody waits any more
_LOOKS = 3  # a replica may lag behind, so a difference is believed when it is seen so often
_LOOK_EVERY_S = 1.0
_OPEN = (OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
_BEING_PROVED = (OrderState.UNKNOWN, OrderState.PENDING_CANCEL)  # what may be asked is being asked


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """`residue`: what is not as it must be, in sentences."""

    order: Order
    expected: Execution | None
    actual: Execution
    residue: tuple[str, ...]
    exchanges: list[object]


class Follower:
    """`changed` is set by every event of an order; `wait` looks again then."""

    def __init__(self, engine: "Engine", clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._changed = asyncio.Event()
        self._hurried = False

    def on_order(self) -> None:
        self._changed.set()

    def hurry(self) -> None:
        """The engine stops: what rests is cancelled now."""
        self._hurried = True
        self._changed.set()

    async def place(self, request: OrderRequest, operator: str, key: str) -> Followed:
        """Raises LinkError when not even an intent can be recorded."""
        engine, heard = self._engine, list[Exchange]()
        assessment = engine.gate.assess(request)
        expected = expectation(request, cost_of(request, assessment, engine.markets[request.venue]))
        with heard_by(heard.append):
            began = self._clock.mono_ns()
            update = await engine.desk.submit(request, operator, key)
            latency_s = (self._clock.mono_ns() - began) / NS_PER_S
            client_id = update.order.client_order_id
            residue = await self._followed(client_id)
        order = self._order(client_id)
        return Followed(
            order=order,
            expected=expected,
            actual=actual_of(order, assessment.mid, latency_s),
            residue=residue,
            exchanges=exchanges(heard),
        )

    async def follow(self, client_id: str, expected: Execution | None) -> Followed:
        """An order that is in the ledger already. How long its answer took nobody knows any more."""
        heard = list[Exchange]()
        with heard_by(heard.append):
            residue = await self._followed(client_id)
        order = self._order(client_id)
        return Followed(
            order=order,
            expected=expected,
            actual=actual_of(order, None, None),
            residue=residue,
            exchanges=exchanges(heard),
        )

    async def see_out(self, client_id: str) -> tuple[str, ...]:
        """As long as it takes; what is left over then. An order that outlived its confirm: nobody waits for
        it, and it is cancelled as soon as it is known to rest."""
        while self._open(client_id):
            if not self._being_proved(client_id):
                await self._cancel(client_id)
                await self._wait(AGAIN_S, lambda: not self._open(client_id))
            else:
                await self._wait(AGAIN_S, lambda: not self._being_proved(client_id))
        return await self._residue(client_id)

    async def _followed(self, client_id: str) -> tuple[str, ...]:
        """What is not as it must be once the order has ended."""
        refused = await self._to_its_end(client_id)
        return (*refused, *await self._residue(client_id))

    def _order(self, client_id: str) -> Order:
        return self._engine.journal.state.orders[client_id]

    # --- to its end ----------------------------------------------------------------------------------------

    async def _to_its_end(self, client_id: str) -> tuple[str, ...]:
        """What stands in the way of cancelling the rest; nothing once the order ended. An order whose answer
        was lost may turn out to rest, and a refused cancel may be taken later."""
        trouble = ""
        await self._wait(RESTS_S, lambda: self._hurried or not self._open(client_id))
        await self._wait(self._proof_s(client_id), lambda: not self._being_proved(client_id))
        gives_up_ns = self._clock.mono_ns() + int(ENDS_S * NS_PER_S)
        while self._open(client_id) and self._order(client_id).state is not OrderState.UNKNOWN:
            if self._clock.mono_ns() >= gives_up_ns:
                return (trouble,) if trouble else ()
            if not self._being_proved(client_id):
                trouble = await self._cancel(client_id)
            await self._wait(RESTS_S, lambda: not self._open(client_id))
        return ()

    async def _cancel(self, client_id: str) -> str:
        """What went wrong with it."""
        try:
            await self._engine.cancels.cancel(client_id)
        except LinkError as error:
            return f"the rest was not cancelled: {error.text}"
        return ""

    def _open(self, client_id: str) -> bool:
        return lifecycle.is_open(self._order(client_id).state)

    def _being_proved(self, client_id: str) -> bool:
        return self._order(client_id).state in _BEING_PROVED

    def _proof_s(self, client_id: str) -> float:
        venue = self._engine.runners[self._order(client_id).request.venue].venue
        return max(PROVED_S, venue.decision_window_ms / 1_000 + SPARE_S)

    async def _wait(self, seconds: float, holds: Callable[[], bool]) -> None:
        """Until it holds, at most so long."""

        async def look() -> None:
            while not holds():
                self._changed.clear()
                await self._changed.wait()

        with contextlib.suppress(TimeoutError):
            await within(self._clock, seconds, look())

    # --- what is left over ---------------------------------------------------------------------------------

    async def _residue(self, client_id: str) -> tuple[str, ...]:
        """Looked for until there is none, or it was seen often enough to be believed."""
        found: tuple[str, ...] = ()
        for look in range(_LOOKS):
            if look:
                await self._clock.sleep(_LOOK_EVERY_S)
            found = await self._compared(client_id)
            if not found:
                break
        return found

    async def _compared(self, client_id: str) -> tuple[str, ...]:
        order = self._order(client_id)
        if self._open(client_id):
            doing = "cancelling it"
            if self._being_proved(client_id):
                doing = "asking, and cancels it should it turn out to rest"
            return (f"the order is still {order.state}: the engine goes on {doing} (canary status tells)",)
        runner = self._engine.runners[order.request.venue]
        try:
            await runner.reconciler.compare_now()
            return await self._against_venue(self._order(client_id))
        except (VenueError, LinkError) as error:
            return (f"the venue could not be compared with: {error.text}",)

    async def _against_venue(self, order: Order) -> tuple[str, ...]:
        found: list[str] = []
        venue, symbol = self._engine.runners[order.request.venue].venue, order.request.symbol
        report = await venue.query(symbol, order.client_order_id)
        if report is None:
            if order.state not in NEVER_LIVED:
                found.append("the venue does not know the order")
        elif report.status in _OPEN:
            found.append(f"the venue says the order is {report.status}")
        elif report.filled != order.filled:
            found.append(
                f"the venue says {plain(report.filled)} were filled, we know of {plain(order.filled)}"
            )
        if any(one.client_order_id == order.client_order_id for one in await venue.open_orders(symbol)):
            found.append("the venue lists the order as open")
        if order.venue_order_id:
            trades = await venue.trades(symbol, venue_order_id=order.venue_order_id)
            traded = sum((trade.fill.quantity for trade in trades), ZERO)
            if traded != order.filled:
                found.append(f"the venue's trades are {plain(traded)}, ours {plain(order.filled)}")
        found += [
            f"{row.kind}: {row.local} here, {row.remote} there"
            for row in self._engine.differences.view().rows
            if row.client_order_id == order.client_order_id and row.choices
        ]
        return tuple(found)


def actual_of(order: Order, mid: Decimal | None, latency_s: float | None) -> Execution:
    fees: dict[str, Decimal] = {}
    for fill in order.fills:
        fees[fill.commission_asset] = fees.get(fill.commission_asset, ZERO) + fill.commission
    price = divide_down(order.filled_quote, order.filled) if order.filled > 0 else None
    slippage = None
    if price is not None and mid:
        worse = price - mid if order.request.side is Side.BUY else mid - price
        slippage = round(worse / mid * 10_000, 2)
    return Execution(
        price=price,
        quantity=order.filled,
        notional=order.filled_quote,
        fees=fees,
        slippage_bp=slippage,
        latency_s=latency_s,
    )
