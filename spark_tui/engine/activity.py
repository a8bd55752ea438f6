"""How many and how fast, for the rules that count: orders, cancels, and what the venue says to orders.

Times are monotonic, so a clock that steps changes nothing; what the ledger tells is taken over at a restart.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.rules import MANUAL, MAX_COUNT, MAX_WINDOW_S, Scope
from spark_tui.domain.values import TradingState
from spark_tui.engine.state import State
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

ORDER_LIMIT = "-1015"  # too many unfilled orders at the venue: waited for, and no refusal of an order
NOT_PLACED = "Not placed: "  # begins what is said of an order that never reached the venue's judgement

_UNDECIDED = frozenset(
    {OrderState.NEW, OrderState.DENIED, OrderState.SENT, OrderState.UNKNOWN, OrderState.DEAD}
)


class Act(msgspec.Struct, frozen=True, gc=False):
    """Something done with an order. `code` and `text`: of the venue's refusal."""

    at_ns: int
    venue: str
    symbol: str
    strategy: str
    code: str = ""
    text: str = ""


class Rejections(msgspec.Struct, frozen=True):
    """Equal refusals of the venue in a row, with nothing accepted between."""

    count: int = 0
    code: str = ""
    text: str = ""
    age_s: float = 0.0


class Activity:
    """Bounded: what a rule may ask for at most is kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._orders: deque[Act] = deque(maxlen=MAX_COUNT + 1)
        self._cancels: deque[Act] = deque(maxlen=MAX_COUNT + 1)
        self._outcomes: deque[Act] = deque(maxlen=MAX_COUNT)

    def restore(self, state: State, now_ms: int) -> None:
        """Take over what the ledger says was sent, cancelled and refused lately. What was refused before
        the latest resume is forgotten."""
        resumed_ms = state.trading.at_ms if state.trading.state is TradingState.ACTIVE else 0
        for order in state.orders.values():
            who = (order.request, strategy_of(state, order.parent))
            passed = order.created_ms if order.state is not OrderState.DENIED else 0
            self._take_over(self._orders, now_ms - passed, *who)
            self._take_over(self._cancels, now_ms - order.cancel_requested_ms, *who)
            told_ms = order.updated_ms if order.state is OrderState.REJECTED else order.created_ms
            if _is_outcome(order, state) and told_ms > resumed_ms:
                refusal = (order.code, order.text) if order.state is OrderState.REJECTED else ("", "")
                self._take_over(self._outcomes, now_ms - told_ms, *who, *refusal)
        for acts in (self._orders, self._cancels, self._outcomes):
            in_time = sorted(acts, key=lambda act: act.at_ns)
            acts.clear()
            acts.extend(in_time)

    def _take_over(
        self,
        acts: deque[Act],
        age_ms: int,
        request: OrderRequest,
        strategy: str,
        code: str = "",
        text: str = "",
    ) -> None:
        if 0 <= age_ms < MAX_WINDOW_S * 1_000:
            acts.append(_act(self._clock.mono_ns() - age_ms * NS_PER_MS, request, strategy, code, text))

    def ordered(self, request: OrderRequest, strategy: str) -> None:
        """An order passed the gate."""
        self._orders.append(_act(self._clock.mono_ns(), request, strategy))

    def canceled(self, request: OrderRequest, strategy: str) -> None:
        """A cancel was asked for."""
        self._cancels.append(_act(self._clock.mono_ns(), request, strategy))

    def accepted(self, request: OrderRequest, strategy: str) -> None:
        """The venue took an order."""
        self._outcomes.append(_act(self._clock.mono_ns(), request, strategy))

    def rejected(self, request: OrderRequest, strategy: str, code: str, text: str) -> None:
        """The venue refused an order."""
        self._outcomes.append(_act(self._clock.mono_ns(), request, strategy, code, text))

    def forget_rejections(self) -> None:
        self._outcomes.clear()

    def orders(self, scope: Scope, window_s: int) -> int | None:
        """None where more happened within the window than is kept, and how much of it was in `scope` cannot
        be told."""
        return self._count(self._orders, scope, window_s)

    def cancels(self, scope: Scope, window_s: int) -> int | None:
        """As with `orders`."""
        return self._count(self._cancels, scope, window_s)

    def rejections(self, scope: Scope) -> Rejections:
        latest: Act | None = None
        count = 0
        for act in _inside(reversed(self._outcomes), scope):
            if not act.code or (latest is not None and act.code != latest.code):
                break
            latest = latest or act
            count += 1
        if latest is None:
            return Rejections()
        age_s = (self._clock.mono_ns() - latest.at_ns) / NS_PER_S
        return Rejections(count, latest.code, latest.text, age_s)

    def _count(self, acts: deque[Act], scope: Scope, window_s: int) -> int | None:
        horizon = self._clock.mono_ns() - window_s * NS_PER_S
        while acts and acts[0].at_ns <= self._clock.mono_ns() - MAX_WINDOW_S * NS_PER_S:
            acts.popleft()
        if len(acts) == acts.maxlen and acts[0].at_ns > horizon and not scope.whole:
            return None
        count = 0
        for act in reversed(acts):
            if act.at_ns <= horizon:
                break
            count += scope.covers(act.venue, act.symbol, act.strategy)
        return count


def strategy_of(state: State, parent: str) -> str:
    """The strategy an order belongs to: its algo's kind, or none but the operator's hand."""
    algo = state.algos.get(parent)
    return algo.start.kind.lower() if algo is not None else MANUAL


def _is_outcome(order: Order, state: State) -> bool:
    """Whether the venue took the order or refused it. A list is refused once, not once a leg."""
    if order.state is not OrderState.REJECTED:
        return order.state not in _UNDECIDED
    if order.text.startswith(NOT_PLACED):
        return False
    legs = state.lists.get(order.part.list_id, ()) if order.part is not None else ()
    return order.code != ORDER_LIMIT and order.client_order_id in (*legs, order.client_order_id)[:1]


def _act(at_ns: int, request: OrderRequest, strategy: str, code: str = "", text: str = "") -> Act:
    return Act(at_ns, request.venue, request.symbol, strategy, code, text)


def _inside(acts: Iterable[Act], scope: Scope) -> Iterator[Act]:
    return (act for act in acts if scope.covers(act.venue, act.symbol, act.strategy))
