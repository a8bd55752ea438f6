"""The vocabulary of the walk and of the state machine: whatever may happen to a world, and what each step
draws from. `walk.py` throws dice for it, in `machine.py` hypothesis chooses; the fault verbs are `faults.py`.

A step names an order, an algo or a question by its place among those there are, so that it means something
wherever a shrunk run puts it.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from spark_tui.domain.order import Order
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TimeInForce
from spark_tui.engine.algos.state import AlgoState
from spark_tui.link.messages import (
    AlgoKind,
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    Difference,
    Kill,
    PauseAlgo,
    Reconcile,
    ReplaceOrder,
    ResolveDifference,
    Resume,
    ResumeAlgo,
    StartAlgo,
    StopAlgo,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.simulator.fixed import SCALE
from tests.faults.invariants import CheckedWorld
from tests.faults.world import MIDDLE, SYMBOL, UNDECIDED, VENUE, D

T = TypeVar("T")


class Step(msgspec.Struct, frozen=True):
    """`weight`: how often the walk takes it, against the others. `possible`: whether it would do anything."""

    name: str
    weight: int
    choices: dict[str, tuple[Any, ...]]
    do: Callable[..., Awaitable[None]]
    possible: Callable[[CheckedWorld], bool]


STEPS: dict[str, Step] = {}


def step(
    weight: int, possible: Callable[[CheckedWorld], object] = lambda world: True, **choices: tuple[Any, ...]
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Enter a step into the table, under its function's name."""

    def enter(do: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        name = do.__name__
        STEPS[name] = Step(name, weight, choices, do, lambda world: bool(possible(world)))
        return do

    return enter


async def take(world: CheckedWorld, name: str, **chosen: Any) -> None:
    """One step, with what was chosen for it."""
    world.story.append(told(name, chosen))
    if "side" in chosen:  # a word until here, so that a run reads as code
        chosen["side"] = Side(chosen["side"])
    await STEPS[name].do(world, **chosen)


async def disturb(world: CheckedWorld, verb: str, **chosen: Any) -> None:
    """Arm a fault."""
    world.story.append(told(verb, chosen))
    world.simulation.faults.arm(verb, chosen)


def told(name: str, chosen: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in chosen.items())})"


# --- what there is to choose from --------------------------------------------------------------------------

SIDES = ("BUY", "SELL")
PATIENCE = (0.3, 0.0, 2.0)
"""How long the next step waits for an answer; the request lives on without."""
AWAY = (5, 0, -3, 20, 50)
"""How far from the middle a price is, on the order's passive side."""
QUANTITIES = (D("0.01"), D("0.001"), D("0.037"), D("0.059"))
WHICH = (0, 1, 2, 5)


def pick(found: Sequence[T], which: int) -> T:
    return found[which % len(found)]


def working(world: CheckedWorld) -> list[Order]:
    return [one for one in world.state.open_orders(VENUE) if one.state not in UNDECIDED]


def lists(world: CheckedWorld) -> list[str]:
    return sorted({one.part.list_id for one in working(world) if one.part is not None})


def externals(world: CheckedWorld) -> list[Order]:
    return world.engine.books.open_externals(VENUE)


def algos(world: CheckedWorld) -> list[AlgoState]:
    return world.algos()


def questions(world: CheckedWorld) -> list[Difference]:
    return [row for row in world.engine.differences.view().rows if row.choices]


def price(side: Side, away: int) -> Decimal:
    return D(MIDDLE - away if side is Side.BUY else MIDDLE + away)


def stop(side: Side, away: int) -> Decimal:
    """Where a stop acts: on the other side of the market than a limit rests."""
    return price(side, -away)


# --- orders ------------------------------------------------------------------------------------------------

Shape = Callable[[Side, int, Decimal], dict[str, Any]]
SHAPES: dict[str, Shape] = {
    "LIMIT": lambda side, away, _: {"type": OrderType.LIMIT, "price": price(side, away)},
    "MARKET": lambda side, away, _: {"type": OrderType.MARKET},
    "MARKET in quote": lambda side, away, quantity: {
        "type": OrderType.MARKET,
        "quantity": None,
        "quote_quantity": quantity * MIDDLE,
    },
    "LIMIT IOC": lambda side, away, _: {
        "type": OrderType.LIMIT,
        "price": price(side, away),
        "time_in_force": TimeInForce.IOC,
    },
    "LIMIT FOK": lambda side, away, _: {
        "type": OrderType.LIMIT,
        "price": price(side, away),
        "time_in_force": TimeInForce.FOK,
    },
    "LIMIT_MAKER": lambda side, away, _: {"type": OrderType.LIMIT_MAKER, "price": price(side, away)},
    "ICEBERG": lambda side, away, quantity: {
        "type": OrderType.LIMIT,
        "price": price(side, away),
        "iceberg_quantity": quantity / 4,
    },
    "STOP_LOSS": lambda side, away, _: {"type": OrderType.STOP_LOSS, "stop_price": stop(side, away)},
    "STOP_LOSS_LIMIT": lambda side, away, _: {
        "type": OrderType.STOP_LOSS_LIMIT,
        "stop_price": stop(side, away),
        "price": stop(side, away + 1),
    },
    "TAKE_PROFIT": lambda side, away, _: {"type": OrderType.TAKE_PROFIT, "stop_price": price(side, away)},
    "TAKE_PROFIT_LIMIT": lambda side, away, _: {
        "type": OrderType.TAKE_PROFIT_LIMIT,
        "stop_price": price(side, away),
        "price": price(side, away - 1),
    },
    "trailing STOP_LOSS": lambda side, away, _: {"type": OrderType.STOP_LOSS, "trailing_delta": 10},
}


def order(side: Side, shape: str, away: int, quantity: Decimal, key: str = "") -> SubmitOrder:
    terms = {"quantity": quantity} | SHAPES[shape](side, away, quantity)
    return SubmitOrder(symbol=SYMBOL, side=side, key=key, **terms)


@step(9, side=SIDES, shape=tuple(SHAPES), away=AWAY, quantity=QUANTITIES, patience=PATIENCE)
async def submit(
    world: CheckedWorld, side: Side, shape: str, away: int, quantity: Decimal, patience: float
) -> None:
    await world.ask(order(side, shape, away, quantity), patience)


@step(4, side=SIDES, shape=("LIMIT", "MARKET"), away=AWAY, quantity=QUANTITIES, patience=PATIENCE)
async def submit_simple(
    world: CheckedWorld, side: Side, shape: str, away: int, quantity: Decimal, patience: float
) -> None:
    """The two most common ones, and a key with which to ask again."""
    request = order(side, shape, away, quantity, key=f"key-{len(world.keyed)}")
    world.keyed.append(request)
    await world.ask(request, patience)


@step(1, lambda world: world.keyed, which=WHICH, patience=PATIENCE)
async def submit_again(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(pick(world.keyed, which), patience)


@step(5, working, which=WHICH, patience=PATIENCE)
async def cancel(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(CancelOrder(client_order_id=pick(working(world), which).client_order_id), patience)


@step(1, externals, which=WHICH, patience=PATIENCE)
async def cancel_external(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(CancelOrder(client_order_id=pick(externals(world), which).client_order_id), patience)


@step(1, patience=PATIENCE)
async def cancel_all(world: CheckedWorld, patience: float) -> None:
    await world.ask(CancelAll(symbol=SYMBOL), patience)


@step(2, working, which=WHICH, share=(D("0.5"), D("0.9")), patience=PATIENCE)
async def amend(world: CheckedWorld, which: int, share: Decimal, patience: float) -> None:
    found = pick(working(world), which)
    left = (found.request.quantity or D(0)) - found.filled
    quantity = (found.filled + left * share).quantize(D("0.00001"))
    await world.ask(AmendOrder(client_order_id=found.client_order_id, quantity=quantity), patience)


@step(
    3, working, which=WHICH, away=(7, 0), quantity=QUANTITIES, allow_failure=(False, True), patience=PATIENCE
)
async def replace(
    world: CheckedWorld, which: int, away: int, quantity: Decimal, allow_failure: bool, patience: float
) -> None:
    old = pick(working(world), which)
    new = order(old.request.side, "LIMIT", away, quantity)
    await world.ask(
        ReplaceOrder(client_order_id=old.client_order_id, order=new, allow_failure=allow_failure), patience
    )


# --- lists -------------------------------------------------------------------------------------------------

ABOVE_BELOW = {
    Side.SELL: (("LIMIT_MAKER", "STOP_LOSS"), ("TAKE_PROFIT", "STOP_LOSS_LIMIT")),
    Side.BUY: (("STOP_LOSS", "LIMIT_MAKER"), ("STOP_LOSS_LIMIT", "TAKE_PROFIT")),
}


def leg(role: LegRole, side: Side, shape: str, away: int) -> SubmitLeg:
    return SubmitLeg(role=role, order=order(side, shape, away, D("0.01")))


def pair(side: Side, form: int, away: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Shape and distance of two legs that exclude each other, above and below."""
    above, below = ABOVE_BELOW[side][form]
    return (above, away), (below, away)


@step(2, side=SIDES, form=(0, 1), away=(8, 40, 1), patience=PATIENCE)
async def oco(world: CheckedWorld, side: Side, form: int, away: int, patience: float) -> None:
    above, below = pair(side, form, away)
    legs = (leg(LegRole.ABOVE, side, *above), leg(LegRole.BELOW, side, *below))
    await world.ask(SubmitList(kind=ListKind.OCO, legs=legs), patience)


@step(2, side=SIDES, away=(0, 5, -3, 50), pending=("LIMIT", "MARKET", "STOP_LOSS"), patience=PATIENCE)
async def oto(world: CheckedWorld, side: Side, away: int, pending: str, patience: float) -> None:
    other = Side.SELL if side is Side.BUY else Side.BUY
    legs = (leg(LegRole.WORKING, side, "LIMIT", away), leg(LegRole.PENDING, other, pending, 8))
    await world.ask(SubmitList(kind=ListKind.OTO, legs=legs), patience)


@step(2, side=SIDES, away=(0, 5, -3, 50), form=(0, 1), patience=PATIENCE)
async def otoco(world: CheckedWorld, side: Side, away: int, form: int, patience: float) -> None:
    other = Side.SELL if side is Side.BUY else Side.BUY
    above, below = pair(other, form, 8)
    legs = (
        leg(LegRole.WORKING, side, "LIMIT", away),
        leg(LegRole.PENDING_ABOVE, other, *above),
        leg(LegRole.PENDING_BELOW, other, *below),
    )
    await world.ask(SubmitList(kind=ListKind.OTOCO, legs=legs), patience)


@step(1, lists, which=WHICH, patience=PATIENCE)
async def cancel_list(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(CancelList(list_id=pick(lists(world), which)), patience)


# --- algos -------------------------------------------------------------------------------------------------


def algo(kind: AlgoKind, side: Side, quantity: str, **terms: Any) -> StartAlgo:
    return StartAlgo(kind=kind, symbol=SYMBOL, side=side, quantity=D(quantity), **terms)


@step(2, side=SIDES, limit=(None, 0, -3), seconds=(5.0, 30.0), jitter=(0.0, 0.3), patience=PATIENCE)
async def twap(
    world: CheckedWorld, side: Side, limit: int | None, seconds: float, jitter: float, patience: float
) -> None:
    at = None if limit is None else price(side, limit)
    terms = {"duration_s": seconds, "slices": 4, "jitter": jitter, "limit_price": at}
    await world.ask(algo(AlgoKind.TWAP, side, "0.02", **terms), patience)


@step(2, side=SIDES, away=(0, 5, -3), display=(D("0.01"), D("0.0002")), patience=PATIENCE)
async def iceberg(world: CheckedWorld, side: Side, away: int, display: Decimal, patience: float) -> None:
    """So many small parts that the venue does not take it as one order, or few enough that it does."""
    terms = {"limit_price": price(side, away), "display": display, "jitter": 0.2}
    await world.ask(algo(AlgoKind.ICEBERG, side, "0.03", **terms), patience)


@step(2, side=SIDES, trail_bp=(1, 10), patience=PATIENCE)
async def trailing(world: CheckedWorld, side: Side, trail_bp: int, patience: float) -> None:
    """So near that only the engine can do it, or as near as the venue does."""
    await world.ask(algo(AlgoKind.TRAILING, side, "0.02", trail_bp=trail_bp), patience)


@step(1, algos, which=WHICH, patience=PATIENCE)
async def pause_algo(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(PauseAlgo(algo_id=pick(algos(world), which).algo_id), patience)


@step(2, algos, which=WHICH, patience=PATIENCE)
async def resume_algo(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(ResumeAlgo(algo_id=pick(algos(world), which).algo_id), patience)


@step(1, algos, which=WHICH, patience=PATIENCE)
async def stop_algo(world: CheckedWorld, which: int, patience: float) -> None:
    await world.ask(StopAlgo(algo_id=pick(algos(world), which).algo_id), patience)


# --- the whole engine --------------------------------------------------------------------------------------


@step(1, patience=PATIENCE)
async def kill(world: CheckedWorld, patience: float) -> None:
    await world.ask(Kill(reason="the walk says so"), patience)


@step(3, lambda world: world.engine.guard.halted)
async def resume(world: CheckedWorld) -> None:
    await world.ask(Resume(reason="the walk goes on"), 1.0)


@step(1, patience=PATIENCE)
async def reconcile(world: CheckedWorld, patience: float) -> None:
    await world.ask(Reconcile(), patience)


@step(2, questions, which=WHICH, choice=(0, 1))
async def resolve(world: CheckedWorld, which: int, choice: int) -> None:
    row = pick(questions(world), which)
    answer = ResolveDifference(difference_id=row.difference_id, choice=pick(row.choices, choice))
    await world.ask(answer, 1.0)


@step(1, slow_s=(0.0, 0.05, 1.0))
async def slow_disk(world: CheckedWorld, slow_s: float) -> None:
    """What was asked for waits for its write-ahead; a crash takes what waits."""
    world.ledger.slow_s = slow_s


@step(1, full=(False, True))
async def full_disk(world: CheckedWorld, full: bool) -> None:
    world.ledger.full = full


@step(1)
async def crash(world: CheckedWorld) -> None:
    await world.crash()
    await world.start()


@step(1)
async def restart(world: CheckedWorld) -> None:
    await world.stop()
    await world.start()


# --- the market and time -----------------------------------------------------------------------------------


@step(5, buy=(False, True), thousandths=(10, 50, 390))
async def hit(world: CheckedWorld, buy: bool, thousandths: int) -> None:
    world.hit(buy=buy, quantity=thousandths * SCALE // 1_000)
    await world.live(0.05)


@step(2, buy=(False, True), levels=(3, 9))
async def sweep(world: CheckedWorld, buy: bool, levels: int) -> None:
    await world.sweep(buy=buy, levels=levels)


@step(5, seconds=(1.0, 0.1, 5.0, 20.0))
async def wait(world: CheckedWorld, seconds: float) -> None:
    await world.live(seconds)
