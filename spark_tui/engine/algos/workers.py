"""One function a kind of algo: with no child under way and nothing in the way, what it wants next."""

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import EXACT, ZERO, add, divide_down, floor_to, multiply, short
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.engine.algos.state import AlgoState, BestSeen, Ended, Phase, Plan, Triggered
from spark_tui.engine.algos.words import Decision, Look, Wait, drawn_from, least, progress, take_price
from spark_tui.link.messages import AlgoKind

_BP: Final = Decimal(10_000)
_FINENESS: Final = 50  # a trailing stop follows its best price in steps of this part of its distance
_CATCH_UP: Final = 2  # a late TWAP sends at most so many of its largest slices at once
_SHARES: Final = 10_000  # a jitter is drawn in parts of this


def twap(state: AlgoState, look: Look, now_ms: int) -> Decision:
    """One child a slot, sized so that what was due by now is on its way; what a child did not get is asked
    for again in the next slot."""
    plan, limit = state.plan, state.start.limit_price
    price = take_price(state, look)
    if price is None:
        return _blind(look)
    floor = least(state, limit or price)
    if state.remaining < floor:
        return _dust(state)
    began = state.created_ms + state.shift_ms
    offset, planned = now_ms - began, len(plan.due_ms)
    slot = _slot(plan, offset)
    sent = _slot(plan, state.last_child_ms - began) if state.children else 0
    over = slot > planned
    refused = state.retry_at_ms > state.last_child_ms
    if over and sent > planned and not state.last_filled and not refused:
        return Ended(phase=Phase.DONE, text=f"its time is over; {progress(state)}")
    until_ms = began + _opens(plan, slot)
    if slot == 0 or (sent >= slot and not refused):
        return Wait(text=f"slice {slot + 1} of {planned} is next", until_ms=until_ms)
    if limit is not None and not _reaches(state.start.side, limit, price):
        if over:
            return Ended(phase=Phase.DONE, text=f"its time is over; {progress(state)}")
        return Wait(text=f"waits for a price as good as {short(limit)}", until_ms=until_ms)
    due = state.start.quantity if over else sum(plan.slices[:slot], ZERO)
    cap = max(multiply(max(plan.slices), Decimal(_CATCH_UP)), floor)
    part = _part(state, min(EXACT.subtract(due, state.committed), cap), floor)
    if part < floor:
        return Wait(text=f"slice {slot + 1} of {planned} is next", until_ms=until_ms)
    if limit is None:
        return _order(state, OrderType.MARKET, part)
    return _order(state, OrderType.LIMIT, part, price=limit, time_in_force=TimeInForce.IOC)


def iceberg(state: AlgoState, look: Look, now_ms: int) -> Decision:
    """The venue's own iceberg order, or one visible child after another."""
    limit, display = state.start.limit_price, state.start.display
    assert limit is not None  # the plan refuses an iceberg without them
    assert display is not None
    if take_price(state, look) is None:
        return _blind(look)
    floor = least(state, limit)
    if state.remaining < floor:
        return _dust(state)
    if state.plan.native:
        hidden = display if display < state.remaining else None
        return _order(
            state,
            OrderType.LIMIT,
            state.remaining,
            price=limit,
            time_in_force=TimeInForce.GTC,
            iceberg_quantity=hidden,
        )
    part = _part(state, max(_jittered(state, display), floor), floor)
    return _order(state, OrderType.LIMIT, part, price=limit, time_in_force=TimeInForce.GTC)


def trailing(state: AlgoState, look: Look, now_ms: int) -> Decision:
    """The venue's own trailing stop, or our book watched: the best bid for a sell, the best ask for a buy."""
    sells, distance = state.start.side is Side.SELL, state.start.trail_bp
    assert distance is not None  # the plan refuses a trailing stop without it
    price = look.bid if sells else look.ask
    if price is None:
        return _blind(look)
    if state.remaining < least(state, price):
        return _dust(state)
    if state.plan.native:
        return _order(state, OrderType.STOP_LOSS, state.remaining, trailing_delta=distance)
    if state.triggered:
        return _order(state, OrderType.MARKET, state.remaining)
    best = state.best
    if best is None or _better(sells, price, best, distance):
        return BestSeen(price=price)
    trigger = trigger_price(state)
    assert trigger is not None  # there is a best price
    if price <= trigger if sells else price >= trigger:
        return Triggered(price=price)
    verb = "sells at" if sells else "buys at"
    return Wait(text=f"trails from {short(best)}, {verb} {short(trigger)}")


def trigger_price(state: AlgoState) -> Decimal | None:
    """Where an emulated trailing stop acts as of now."""
    best, distance = state.best, state.start.trail_bp
    if best is None or distance is None or state.plan.native:
        return None
    sign = -distance if state.start.side is Side.SELL else distance
    return divide_down(multiply(best, add(_BP, Decimal(sign))), _BP)


WORKERS: Final[Mapping[AlgoKind, Callable[[AlgoState, Look, int], Decision]]] = {
    AlgoKind.TWAP: twap,
    AlgoKind.ICEBERG: iceberg,
    AlgoKind.TRAILING: trailing,
}


def _slot(plan: Plan, offset_ms: int) -> int:
    """How many slots have opened: the plan's, and after its end one more each interval."""
    if offset_ms < plan.end_ms:
        return bisect_right(plan.due_ms, offset_ms)
    return len(plan.due_ms) + 1 + (offset_ms - plan.end_ms) // _interval(plan)


def _opens(plan: Plan, slot: int) -> int:
    """When the slot after `slot` opens, from the start."""
    if slot < len(plan.due_ms):
        return plan.due_ms[slot]
    return plan.end_ms + (slot - len(plan.due_ms)) * _interval(plan)


def _interval(plan: Plan) -> int:
    return max(plan.end_ms // len(plan.due_ms), 1)


def _part(state: AlgoState, wanted: Decimal, floor: Decimal) -> Decimal:
    """`wanted` on the step, and all that is left rather than leaving too little for another child."""
    part = floor_to(min(wanted, state.remaining), state.plan.step)
    rest = EXACT.subtract(state.remaining, part)
    return state.remaining if part >= floor and 0 < rest < floor else part


def _jittered(state: AlgoState, display: Decimal) -> Decimal:
    """The visible part, a little more or less; the same child number always draws the same."""
    spread = int(state.start.jitter * _SHARES)
    seed = f"{drawn_from(state.algo_id, state.start.key)}/{state.children}"
    drawn = random.Random(seed).randint(-spread, spread)
    return floor_to(multiply(display, Decimal(_SHARES + drawn) / _SHARES), state.plan.step)


def _reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    return price <= limit if side is Side.BUY else price >= limit


def _better(sells: bool, price: Decimal, best: Decimal, distance: int) -> bool:
    """By enough to be worth a record."""
    move = EXACT.subtract(price, best) if sells else EXACT.subtract(best, price)
    return multiply(move, _BP * _FINENESS) >= multiply(best, Decimal(distance))


def _blind(look: Look) -> Wait:
    return Wait(text=f"stands still, the book cannot be used: {look.why or 'no price is known'}")


def _dust(state: AlgoState) -> Ended:
    text = f"{progress(state)}; the {short(state.remaining)} left are less than the venue takes"
    return Ended(phase=Phase.DONE, text=text)


def _order(
    state: AlgoState,
    kind: OrderType,
    quantity: Decimal,
    *,
    price: Decimal | None = None,
    time_in_force: TimeInForce | None = None,
    iceberg_quantity: Decimal | None = None,
    trailing_delta: int | None = None,
) -> OrderRequest:
    return OrderRequest(
        venue=state.venue,
        symbol=state.start.symbol,
        side=state.start.side,
        type=kind,
        quantity=quantity,
        price=price,
        time_in_force=time_in_force,
        iceberg_quantity=iceberg_quantity,
        trailing_delta=trailing_delta,
    )
