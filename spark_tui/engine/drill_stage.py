"""What a drill's script works with: faults, small orders through the engine's gate, waiting, and checks."""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from spark_tui.domain import filters, lifecycle
from spark_tui.domain.decimals import floor_to
from spark_tui.domain.order import UNCONFIRMED, Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side, TimeInForce, TradingState
from spark_tui.engine.fault_door import FaultDoor
from spark_tui.link.messages import OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.wire.clock import NS_PER_S, Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

_ORDER_SIZE = Decimal(40)  # in quote money: small, and above any minimum here
_AWAY = Decimal("0.03")  # of the price: where an order rests
_POLL_S = 0.05
DECIDED_S = 45.0  # the decision window and its proof, with room
_UNDECIDED = frozenset(
    {
        *UNCONFIRMED,
        OrderState.PENDING_CANCEL,
        OrderState.PENDING_REPLACE,
    }
)


class Stage:
    """`checks` grows as the script goes on and `doing` says what is waited for; `tell` is called at each
    step. The first symbol watched at `venue` is the one drilled."""

    def __init__(
        self,
        engine: "Engine",
        venue: str,
        door: FaultDoor,
        clock: Clock,
        operator: str,
        seed: int,
        tell: Callable[["Stage"], None],
    ) -> None:
        self.engine = engine
        self.venue = venue
        self.market = engine.markets[venue]
        self.symbol = next(iter(self.market.symbols))
        self.checks: list[tuple[str, bool]] = []
        self.doing = ""
        self.ids: list[str] = []
        self.first_trade = 0
        self.position_before = Decimal(0)
        self._door = door
        self._clock = clock
        self._operator = operator
        self._seed = seed
        self._tell = tell
        self._armed = False  # any fault
        self._undo: list[tuple[str, dict[str, Any]]] = []

    # --- the frame of a drill ------------------------------------------------------------------------------

    async def begin(self) -> None:
        """A clean slate, and where account and position stand."""
        await self._door("DELETE", None)
        runner = self.engine.runners[self.venue]
        latest = await runner.venue.trades(self.symbol, limit=1)
        self.first_trade = max((int(trade.fill.trade_id) for trade in latest), default=-1) + 1
        self.position_before = self.position

    async def tidy(self) -> None:
        """Disarm, put clock and symbol back, cancel what the drill left open."""
        if self._armed:
            idle = [one.verb for one in await self._door("GET", None) if not one.fired]
            self.check(f"every fault happened{': not ' + ', '.join(idle) if idle else ''}", not idle)
        await self._door("DELETE", None)
        for verb, args in self._undo:
            await self._door("POST", {"verb": verb, "args": args})
        if self.engine.guard.state is TradingState.HALTED:
            self.engine.guard.resume("the drill is over", self._operator)
        await self.until(self.in_step, DECIDED_S, "in step with the venue again")
        for client_id in self.ids:
            if lifecycle.is_open(self.order(client_id).state):
                await self.cancel(client_id)
        await self.decided("the fate of every order is known")

    # --- faults --------------------------------------------------------------------------------------------

    async def arm(self, verb: str, **args: Any) -> None:
        self._armed = True
        self._does(f"the fault {verb}")
        await self._door("POST", {"verb": verb, "args": args, "seed": self._seed})

    def undo(self, verb: str, **args: Any) -> None:
        """What puts the simulator back at the end."""
        self._undo.append((verb, args))

    # --- orders --------------------------------------------------------------------------------------------

    async def buy(self) -> str:
        """A small market order; its id."""
        self._does("a small market order")
        return await self._submit(OrderType.MARKET, None)

    async def rest(self) -> str:
        """A small limit order well below the market; its id."""
        self._does("a small limit order")
        price = self.price * (1 - _AWAY)
        tick = filters.price_tick(self._instrument) or Decimal("0.01")
        return await self._submit(OrderType.LIMIT, floor_to(price, tick))

    async def _submit(self, kind: OrderType, price: Decimal | None) -> str:
        step = filters.quantity_step(self._instrument) or Decimal("0.00001")
        steps = (_ORDER_SIZE / self.price / step).to_integral_value(ROUND_CEILING)
        request = OrderRequest(
            venue=self.venue,
            symbol=self.symbol,
            side=Side.BUY,
            type=kind,
            quantity=steps * step,
            price=price,
            time_in_force=TimeInForce.GTC if price is not None else None,
        )
        update: OrderUpdate = await self.engine.desk.submit(request, self._operator)
        self.ids.append(update.order.client_order_id)
        return update.order.client_order_id

    async def cancel(self, client_id: str) -> str:
        """The refusal's code, empty when the venue took the cancel (or its answer is awaited)."""
        try:
            await self.engine.cancels.cancel(client_id)
        except LinkError as refused:
            return refused.code
        return ""

    def order(self, client_id: str) -> Order:
        return self.engine.journal.state.orders[client_id]

    # --- what is so ----------------------------------------------------------------------------------------

    @property
    def _instrument(self) -> Any:
        found = self.engine.gate.instrument(self.venue, self.symbol)
        if found is None:
            raise LinkError("NOT_READY", f"{self.symbol} is not listed; wait for the venue's instruments.")
        return found

    @property
    def price(self) -> Decimal:
        """The last usable middle of the book. Raises LinkError when there is none."""
        middle = self.engine.portfolio.mark(self.venue, self.symbol)
        if middle is None:
            raise LinkError("NOT_READY", f"There is no usable price of {self.symbol} now.")
        return middle

    @property
    def position(self) -> Decimal:
        held = self.engine.journal.state.positions.get((self.venue, self.symbol))
        return held.quantity if held else Decimal(0)

    @property
    def reconnects(self) -> int:
        """Of the user stream."""
        streams = self.engine.runners[self.venue].venue.health()
        return sum(one.reconnects for one in streams if one.name == "user")

    def in_step(self) -> bool:
        usable = self.engine.views.usable(self.venue, self.symbol)
        return usable and not self.engine.runners[self.venue].reconciler.running

    # --- waiting and judging -------------------------------------------------------------------------------

    def check(self, what: str, held: bool) -> None:
        self.checks.append((what, held))
        self._does("")

    def _does(self, what: str) -> None:
        self.doing = what
        self._tell(self)

    async def pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> bool:
        """Wait for `condition`; `what` it means is a check."""
        self._does(what)
        held = await self.wait(condition, seconds)
        self.check(what, held)
        return held

    async def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = self._clock.mono_ns() + round(seconds * NS_PER_S)
        while not condition() and self._clock.mono_ns() < end:
            await self._clock.sleep(_POLL_S)
        return condition()

    async def becomes(self, client_id: str, *states: OrderState) -> None:
        """Wait for one of `states`, or for an end that is none of them."""

        def ended() -> bool:
            return self.order(client_id).state in states or not lifecycle.is_open(self.order(client_id).state)

        what = f"the order becomes {' or '.join(states)}"
        self._does(what)
        await self.wait(ended, DECIDED_S)
        self.check(what, self.order(client_id).state in states)

    async def decided(self, what: str) -> None:
        def known() -> bool:
            return not any(self.order(one).state in _UNDECIDED for one in self.ids)

        await self.until(known, DECIDED_S, what)
