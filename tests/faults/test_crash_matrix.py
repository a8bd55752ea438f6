"""The engine killed at every named step: what comes back satisfies the invariants and has lost nothing that
was acknowledged. (The file itself, cut at every byte: `test_ledger_cuts.py`.)

A kill here is one instant of virtual time at which nothing more reaches disk or venue; real processes are
killed in `test_crash.py`. What is not yet acknowledged may be missing from the ledger after a power cut, so
each kill is also restarted from each such shorter ledger.
"""

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.engine.records import OrderRecord, from_body
from spark_tui.link.messages import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    ReplaceOrder,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.store.chain import Stored
from tests.faults.invariants import ASIDES, CheckedWorld
from tests.faults.world import MIDDLE, SYMBOL

D = Decimal
RECORDS = 3
# what somebody waited for: acknowledged, so no power cut may take it
AWAITED = frozenset({"intended", "amend-requested", "replace-requested"})
RESTING = SubmitOrder(
    symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, quantity=D("0.02"), price=D(MIDDLE - 50)
)
TAKING = SubmitOrder(symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET, quantity=D("0.02"))


async def submit(world: CheckedWorld, order: SubmitOrder) -> Order:
    known = set(world.state.orders)
    await world.ask(order, 1.0)
    (new,) = set(world.state.orders) - known
    return world.state.orders[new]


async def place(world: CheckedWorld) -> None:
    await world.ask(RESTING, 1.0)


async def take(world: CheckedWorld) -> None:
    await world.ask(TAKING, 1.0)


async def cancel(world: CheckedWorld) -> None:
    order = await submit(world, RESTING)
    await world.ask(CancelOrder(client_order_id=order.client_order_id), 1.0)


async def amend(world: CheckedWorld) -> None:
    order = await submit(world, RESTING)
    await world.ask(AmendOrder(client_order_id=order.client_order_id, quantity=D("0.01")), 1.0)


async def replace(world: CheckedWorld) -> None:
    order = await submit(world, RESTING)
    new = msgspec.structs.replace(RESTING, price=D(MIDDLE - 40))
    await world.ask(ReplaceOrder(client_order_id=order.client_order_id, order=new), 1.0)


async def oco(world: CheckedWorld) -> None:
    above = msgspec.structs.replace(RESTING, side=Side.SELL, type=OrderType.LIMIT_MAKER, price=D(MIDDLE + 40))
    below = msgspec.structs.replace(
        RESTING, side=Side.SELL, type=OrderType.STOP_LOSS, price=None, stop_price=D(MIDDLE - 9)
    )
    legs = (SubmitLeg(role=LegRole.ABOVE, order=above), SubmitLeg(role=LegRole.BELOW, order=below))
    await world.ask(SubmitList(kind=ListKind.OCO, legs=legs), 1.0)


async def cancel_oco(world: CheckedWorld) -> None:
    await oco(world)
    (list_id,) = world.state.lists
    await world.ask(CancelList(list_id=list_id), 1.0)


async def cancel_all(world: CheckedWorld) -> None:
    await submit(world, RESTING)
    await world.ask(CancelAll(symbol=SYMBOL), 1.0)


Action = Callable[[CheckedWorld], Awaitable[None]]
KILLS: tuple[tuple[str, Action], ...] = (
    *((f"order.{step}", place) for step in ("durable", "sent", "replied")),
    *((f"order.{step}", take) for step in ("durable", "sent", "replied")),
    *((f"replace.{step}", replace) for step in ("durable", "sent", "replied")),
    *((f"list.{step}", oco) for step in ("durable", "sent", "replied")),
    *((f"amend.{step}", amend) for step in ("durable", "replied")),
    *((f"cancel.{step}", cancel) for step in ("asked", "replied")),
    *((f"cancel.{step}", cancel_oco) for step in ("asked", "replied")),
    *((f"cancel-all.{step}", cancel_all) for step in ("asked", "replied")),
)


async def killed(world: CheckedWorld, step: str, action: Action) -> list[Stored]:
    """The ledger as the kill at `step` leaves it."""
    rows: list[Stored] = []

    def die(name: str) -> None:
        if name == step and not world.deaf:
            world.deaf = True
            rows.extend(world.ledger.rows)

    world.checkpoint = die
    await action(world)
    assert rows, f"{step} was never reached"
    await world.crash()
    world.checkpoint = lambda name: None
    return rows


def without_unacknowledged(rows: list[Stored]) -> list[list[Stored]]:
    """`rows`, and each shorter ledger that lacks only what nobody was told is on disk."""
    found = [rows]
    for cut in range(1, RECORDS + 1):
        record = from_body(rows[-cut].body)
        told = rows[-cut].kind not in ASIDES and not isinstance(record, OrderRecord)
        if told or (isinstance(record, OrderRecord) and _awaited(record)):
            break
        found.append(rows[:-cut])
    return found


def _awaited(record: OrderRecord) -> bool:
    return record.event.__struct_config__.tag in AWAITED


@pytest.mark.parametrize(("step", "action"), KILLS, ids=[f"{step}-{act.__name__}" for step, act in KILLS])
async def test_killed_at_any_step_the_restart_finds_one_truth(step: str, action: Action) -> None:
    cuts = 1
    cut = 0
    while cut < cuts:
        world = CheckedWorld(7)
        await world.start()
        await take(world)
        choices = without_unacknowledged(await killed(world, step, action))
        cuts, intents = len(choices), _intents(choices[0])
        world.ledger.rows = choices[cut]
        await world.start()
        await world.settle()
        assert set(world.state.orders) == intents
        await world.crash()
        cut += 1


async def test_a_cancel_that_was_under_way_is_decided_after_the_restart() -> None:
    world = CheckedWorld(11)
    await world.start()
    world.simulation.faults.arm("accept-drop-reply", {"method": "order.cancel"})
    world.simulation.faults.arm("drop-event", {"kind": "CANCELED"})
    await cancel(world)
    await world.crash()
    await world.start()
    await world.settle()
    assert [order.state for order in world.state.orders.values()] == [OrderState.CANCELED]
    await world.crash()


def _intents(rows: list[Stored]) -> set[str]:
    records = [from_body(row.body) for row in rows]
    return {one.client_order_id for one in records if isinstance(one, OrderRecord)}


def test_the_step_names_are_all_here() -> None:
    """Every checkpoint in the engine is killed at."""
    source = "".join(
        file.read_text() for file in (Path(__file__).parents[2] / "spark_tui/engine").glob("*.py")
    )
    named = set(re.findall(r'checkpoint\("([a-z-]+\.[a-z]+)"\)', source))
    steps = re.findall(r'checkpoint\(f"\{name\}\.([a-z]+)"\)', source)
    assert {step for step, _ in KILLS} == named | {
        f"{name}.{step}" for name in ("order", "replace", "list") for step in steps
    }
