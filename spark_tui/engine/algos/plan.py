"""From what was asked to what will be done: a plan, or one sentence why there can be none."""

import math
import random
from decimal import Decimal
from typing import Final

from spark_tui.domain import filters
from spark_tui.domain.decimals import (
    EXACT,
    ZERO,
    ceil_to,
    divide_down,
    floor_to,
    is_multiple,
    multiply,
    short,
)
from spark_tui.domain.filter_subject import FilterContext, unit
from spark_tui.domain.instrument import Instrument, LotSize, MarketLotSize, MinNotional, Notional
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, TimeInForce
from spark_tui.engine.algos.state import AlgoState, Plan
from spark_tui.engine.algos.words import drawn_from, least
from spark_tui.link.messages import AlgoKind, StartAlgo
from spark_tui.link.service import LinkError

MAX_SLICES: Final = 1_000
MAX_CHILDREN: Final = 10_000  # of an emulated iceberg
MAX_DURATION_S: Final = 7 * 86_400
MAX_TRAIL_BP: Final = 5_000
_SHARES: Final = 10_000
_MARGIN: Final = Decimal("1.05")  # over the least notional, for prices that move meanwhile


def make_plan(
    algo_id: str,
    start: StartAlgo,
    venue: str,
    instrument: Instrument,
    price: Decimal | None,
    floor_notional: Decimal | None,
) -> Plan:
    """The whole course of an algo. `price`: what an order would meet now, None while the book is unusable;
    `floor_notional`: the guard's own least order. Raises LinkError ALGO with a sentence."""
    step = quantity_step(instrument, start)
    if not (start.quantity.is_finite() and start.quantity > 0 and is_multiple(start.quantity, step)):
        valid = max(floor_to(start.quantity, step), step) if start.quantity.is_finite() else step
        raise _refused(
            f"LOT_SIZE: quantity {start.quantity} is not a positive multiple of the step {short(step)};"
            f" nearest valid quantity {short(valid)}"
        )
    if not (math.isfinite(start.jitter) and 0 <= start.jitter < 1):
        raise _refused("the jitter is a share from 0 to below 1, such as 0.2")
    reference = start.limit_price or price
    if reference is None or not (reference.is_finite() and reference > 0):
        raise _refused(f"{start.symbol} has no price to plan with; wait for its book or give a limit price")
    plan = Plan(
        native=_native(start, venue, instrument, reference),
        step=step,
        least_quantity=_least_quantity(instrument),
        least_notional=_least_notional(instrument, floor_notional),
    )
    smallest = least(sketch(algo_id, start, venue, plan), reference)
    if start.quantity < smallest:
        name = "LOT_SIZE" if smallest <= max(plan.least_quantity, step) else "NOTIONAL"
        raise _refused(
            f"{name}: quantity {short(start.quantity)} is below the least order of {start.symbol};"
            f" nearest valid quantity {short(smallest)}"
        )
    if start.kind is AlgoKind.TWAP:
        plan = _schedule(algo_id, start, plan, smallest)
    elif start.kind is AlgoKind.ICEBERG:
        _check_iceberg(start, plan, smallest)
    _check_child(start, venue, instrument, plan, reference)
    return plan


# --- each kind --------------------------------------------------------------------------------------------


def _schedule(algo_id: str, start: StartAlgo, plan: Plan, smallest: Decimal) -> Plan:
    """Slices that sum to the quantity exactly, none below the least order: fewer where there would be."""
    duration, slices = start.duration_s, start.slices
    if duration is None or not (math.isfinite(duration) and 0 < duration <= MAX_DURATION_S):
        raise _refused(f"a TWAP needs a duration of up to {MAX_DURATION_S // 86_400} days: duration_s=600")
    if slices is None or not 0 < slices <= MAX_SLICES:
        raise _refused(f"a TWAP needs 1 to {MAX_SLICES} slices: slices=10")
    rng = random.Random(drawn_from(algo_id, start.key))
    end_ms = max(round(duration * 1000), slices)
    fitting = int(divide_down(start.quantity, smallest))
    sizes = split(start.quantity, plan.step, min(slices, fitting), smallest, start.jitter, rng)
    every = end_ms // len(sizes)
    spread = int(every * start.jitter)
    due = tuple(number * every + (rng.randrange(spread) if spread else 0) for number in range(len(sizes)))
    return Plan(
        native=False,
        step=plan.step,
        least_quantity=plan.least_quantity,
        least_notional=plan.least_notional,
        slices=sizes,
        due_ms=due,
        end_ms=end_ms,
    )


def split(
    quantity: Decimal, step: Decimal, count: int, smallest: Decimal, jitter: float, rng: random.Random
) -> tuple[Decimal, ...]:
    """`quantity`, a multiple of `step`, in `count` parts of at least `smallest` that differ by about
    `jitter`; their sum is `quantity` exactly. `count` times `smallest` is at most `quantity`."""
    total = int(EXACT.divide(quantity, step))
    floor = int(EXACT.divide(ceil_to(smallest, step), step))
    spread = int(jitter * _SHARES)
    weights = [_SHARES + rng.randint(-spread, spread) for _ in range(count)]
    whole, cumulative, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        cumulative += weight
        target = total * cumulative // whole
        parts.append(target - given)
        given = target
    _lift(parts, floor)
    return tuple(multiply(Decimal(part), step) for part in parts)


def _lift(parts: list[int], floor: int) -> None:
    """Bring every part up to `floor`, at the expense of the largest."""
    for index, part in enumerate(parts):
        missing = floor - part
        while missing > 0:
            largest = max(range(len(parts)), key=parts.__getitem__)
            moved = min(missing, parts[largest] - floor)
            parts[largest] -= moved
            parts[index] += moved
            missing -= moved


def _check_iceberg(start: StartAlgo, plan: Plan, smallest: Decimal) -> None:
    if start.limit_price is None:
        raise _refused("an iceberg needs a limit price: limit_price=60000")
    display = start.display
    if display is None or not (display.is_finite() and 0 < display <= start.quantity):
        raise _refused("an iceberg needs a part to show, at most its quantity: display=0.1")
    if not is_multiple(display, plan.step) or display < smallest:
        raise _refused(f"show at least {short(smallest)}, in multiples of the step {short(plan.step)}")
    if not plan.native and divide_down(start.quantity, display) > MAX_CHILDREN:
        raise _refused(f"that is more than {MAX_CHILDREN} parts; show more at a time")


def _native(start: StartAlgo, venue: str, instrument: Instrument, reference: Decimal) -> bool:
    """Whether the venue itself can work it: its own filters decide, at the price of now."""
    trail = start.trail_bp
    if start.kind is AlgoKind.TRAILING and (trail is None or not 0 < trail <= MAX_TRAIL_BP):
        raise _refused(f"a trailing stop needs a distance of 1 to {MAX_TRAIL_BP} basis points: trail_bp=100")
    if start.kind is AlgoKind.TWAP or (start.kind is AlgoKind.ICEBERG and start.limit_price is None):
        return False
    context = FilterContext(average_price=reference, last_price=reference)
    return filters.check(instrument, _native_order(start, venue), context) == ()


def largest_child(start: StartAlgo, venue: str, plan: Plan) -> OrderRequest:
    """The order of its that filters and rules are hardest on."""
    if plan.native:
        return _native_order(start, venue)
    largest = max(plan.slices, default=start.quantity)
    if start.kind is AlgoKind.ICEBERG:
        largest = start.display or start.quantity
    priced = start.limit_price is not None and start.kind is not AlgoKind.TRAILING
    patience = TimeInForce.GTC if start.kind is AlgoKind.ICEBERG else TimeInForce.IOC
    return OrderRequest(
        venue=venue,
        symbol=start.symbol,
        side=start.side,
        type=OrderType.LIMIT if priced else OrderType.MARKET,
        quantity=largest,
        price=start.limit_price if priced else None,
        time_in_force=patience if priced else None,
    )


def parts_shown(start: StartAlgo, plan: Plan) -> int:
    """How many orders it takes to show the whole; 1 where it is one order."""
    display = start.display
    if plan.native or start.kind is not AlgoKind.ICEBERG or display is None:
        return 1
    return math.ceil(divide_down(start.quantity, display))


def _native_order(start: StartAlgo, venue: str) -> OrderRequest:
    trails = start.kind is AlgoKind.TRAILING
    return OrderRequest(
        venue=venue,
        symbol=start.symbol,
        side=start.side,
        type=OrderType.STOP_LOSS if trails else OrderType.LIMIT,
        quantity=start.quantity,
        price=None if trails else start.limit_price,
        trailing_delta=start.trail_bp if trails else None,
        iceberg_quantity=None if trails else start.display,
        time_in_force=None if trails else TimeInForce.GTC,
    )


def _check_child(
    start: StartAlgo, venue: str, instrument: Instrument, plan: Plan, reference: Decimal
) -> None:
    """The largest child there will be, by the venue's own filters, so that an algo does not start to fail."""
    request = largest_child(start, venue, plan)
    context = FilterContext(average_price=reference, last_price=reference)
    for failure in filters.check(instrument, request, context):
        raise _refused(f"an order of {short(request.quantity or ZERO)} would be refused: {failure.text}")


# --- the instrument's bounds ------------------------------------------------------------------------------


def quantity_step(instrument: Instrument, start: StartAlgo) -> Decimal:
    """The quantity step of every child; at market both steps hold: the coarser, which contains the other."""
    steps = [filters.quantity_step(instrument) or unit(instrument.base_precision)]
    if start.limit_price is None or start.kind is AlgoKind.TRAILING:
        steps += [rule.step_size for rule in instrument.filters if isinstance(rule, MarketLotSize)]
    return max(steps)


def _least_quantity(instrument: Instrument) -> Decimal:
    found = [rule.min_quantity for rule in instrument.filters if isinstance(rule, LotSize | MarketLotSize)]
    return max(found, default=ZERO)


def _least_notional(instrument: Instrument, floor: Decimal | None) -> Decimal:
    found = [rule.min_notional for rule in instrument.filters if isinstance(rule, Notional | MinNotional)]
    return multiply(max([*found, floor or ZERO], default=ZERO), _MARGIN)


def sketch(algo_id: str, start: StartAlgo, venue: str, plan: Plan, created_ms: int = 0) -> AlgoState:
    """The algo as it would begin."""
    return AlgoState(algo_id=algo_id, start=start, venue=venue, operator="", plan=plan, created_ms=created_ms)


def _refused(text: str) -> LinkError:
    return LinkError("ALGO", text[0].upper() + text[1:] + ".")
